//! The promises of repair, kept by the real senders and the real session at reduced size. The whole
//! table: `cargo run --release -p stbcast-sim`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashSet;

use stbcast_fec::Choice;
use stbcast_flute::Share;
use stbcast_object::Micros;
use stbcast_sim::air::{Air, Companion, What};
use stbcast_sim::crowd::{self, Outcome};
use stbcast_sim::loss::Loss;
use stbcast_sim::percentiles::Percentiles;
use stbcast_sim::scenario::{ALL, Scenario};

const MIB: u64 = 1 << 20;

fn scenario(name: &str) -> Scenario {
    *ALL.iter().find(|scenario| scenario.name == name).unwrap()
}

fn run(name: &str, image_bytes: u64, boxes: u64, seed: u64) -> Vec<Outcome> {
    let scenario = scenario(name);
    let air = Air::of(&scenario.programme(image_bytes)).unwrap();
    crowd::run(&air, scenario.loss, boxes, seed)
}

/// What the row promises holds for so many boxes and an image of this size.
fn keeps_its_bars(name: &str, image_bytes: u64, boxes: u64) {
    let (p50, p999) = scenario(name).bars.unwrap();
    let cycles = crowd::cycles(&run(name, image_bytes, boxes, 7));
    assert!(cycles.p50 <= p50 && cycles.max <= p999, "{name}: {cycles:?}");
}

#[test]
fn without_loss_repair_costs_nothing_at_any_ratio() {
    for name in ["none-5", "none-10", "none-25"] {
        keeps_its_bars(name, 8 * MIB, 100);
    }
}

#[test]
fn independent_loss_costs_what_was_lost_and_no_more() {
    for name in ["p1", "p5", "p5-rs8", "p20"] {
        keeps_its_bars(name, 8 * MIB, 100);
    }
}

#[test]
fn bursts_cost_what_they_took() {
    // Bursts do not shrink with the image, so this is the size of the bars.
    for name in ["burst20", "burst200"] {
        keeps_its_bars(name, 64 * MIB, 30);
    }
}

#[test]
fn a_box_without_repair_waits_for_whole_cycles() {
    let half = |name| crowd::cycles(&run(name, 2 * MIB, 50, 3)).p50;
    assert!(half("plain-none") < 1.02, "{}", half("plain-none"));
    assert!(half("plain-p5") > 2.0, "{}", half("plain-p5"));
}

#[test]
fn a_seed_replays_its_run_and_another_one_does_not() {
    let of = |seed| run("p5", 2 * MIB, 20, seed);
    let first = of(5);
    assert_eq!(first, of(5));
    assert_ne!(first, of(6));
    let scenario = scenario("p5");
    let air = Air::of(&scenario.programme(2 * MIB)).unwrap();
    assert_eq!(first[11], crowd::one(&air, scenario.loss, 5, 11), "a box alone is the same box");
}

#[test]
fn the_description_is_waited_for_a_second_at_most_unless_it_is_lost() {
    let seconds = |name| Percentiles::of(run(name, 2 * MIB, 100, 1).iter().map(|b| b.described_s));
    let fair = seconds("none-10");
    assert!(fair.max <= 1.01 && fair.p50 > 0.3, "{fair:?}");
    assert!(seconds("p20").max > 1.01);
}

#[test]
fn loss_in_step_with_the_carousel_ends() {
    // A box that is deaf at the same slices in each cycle never gets them without repair.
    let stalls = Loss::Stalls { count: 12, slices: 3 };
    let outcomes = |name| {
        let air = Air::of(&scenario(name).programme(8 * MIB)).unwrap();
        crowd::cycles(&crowd::run(&air, stalls, 20, 1))
    };
    assert!(outcomes("plain-p5").p50.is_infinite());
    assert!(outcomes("p5").max <= 1.02, "{:?}", outcomes("p5"));
    assert!(outcomes("p5-rs8").max <= 1.03, "{:?}", outcomes("p5-rs8"));
}

/// Two headends with a companion of 5 % each beside one channel, their clocks apart.
fn two_senders(shares: [Share; 2]) -> Air {
    let mut programme = scenario("p5").programme(8 * MIB);
    let clocks = [Micros::ZERO, Micros::from_millis(7_300)];
    let companion =
        |(share, clock_ahead)| Companion { share, clock_ahead, ..Companion::alone(0.05) };
    programme.companions = shares.into_iter().zip(clocks).map(companion).collect();
    Air::of(&programme).unwrap()
}

/// Repair symbols in the order in which they are sent.
fn repair(air: &Air) -> Vec<(Micros, (u32, u32))> {
    let repair = |sent: &stbcast_sim::air::Sent| match sent.what {
        What::Repair { block, index } => Some((sent.at, (block, index))),
        _ => None,
    };
    air.sent.iter().filter_map(repair).collect()
}

#[test]
fn two_redundant_senders_add_up() {
    let loss = scenario("p5").loss;
    let air = two_senders([0, 1].map(|index| Share { senders: 2, index }));
    let stored = air.geometry.unwrap().repair_symbols(0) as usize;
    let different = |air: &Air| {
        let symbols = repair(air).into_iter().take(stored).map(|(_, symbol)| symbol);
        symbols.collect::<HashSet<_>>().len()
    };
    assert_eq!(different(&air), stored, "nothing comes twice before everything has passed");
    let alike = two_senders([Share::ALL; 2]);
    assert!(different(&alike) < stored, "senders that do not share would repeat each other");
    let cycles = crowd::cycles(&crowd::run(&air, loss, 50, 1));
    let (p50, p999) = scenario("p5").bars.unwrap();
    assert!(cycles.p50 <= p50 && cycles.max <= p999, "as one sender of 10 %: {cycles:?}");
}

#[test]
fn a_restarted_sender_goes_on_where_it_would_have_been() {
    let mut programme = scenario("p5").programme(8 * MIB);
    let restart = Micros::from_millis(3_217);
    programme.companions = vec![Companion { restart_at: Some(restart), ..Companion::alone(0.10) }];
    let air = Air::of(&programme).unwrap();
    let symbols = repair(&air);
    let before: HashSet<_> =
        symbols.iter().filter(|(at, _)| *at < restart).map(|(_, symbol)| *symbol).collect();
    let after = symbols.iter().filter(|(at, _)| *at >= restart).map(|(_, symbol)| *symbol);
    let repeated = after.take(before.len()).filter(|symbol| before.contains(symbol)).count();
    assert!(before.len() > 200 && repeated <= 1, "{repeated} of {} repeated", before.len());
    let cycles = crowd::cycles(&crowd::run(&air, scenario("p5").loss, 50, 1));
    assert!(cycles.max <= scenario("p5").bars.unwrap().1, "{cycles:?}");
}

#[test]
fn small_objects_have_one_block_of_the_small_code() {
    let mut programme = scenario("p5").programme(200 * 1_400);
    programme.code = Choice::Auto;
    let air = Air::of(&programme).unwrap();
    assert_eq!(air.geometry.unwrap().blocks(), 1);
    let outcomes = crowd::run(&air, scenario("p5").loss, 50, 1);
    assert!(outcomes.iter().all(|one| one.cycles < 1.5), "{:?}", crowd::cycles(&outcomes));
}
