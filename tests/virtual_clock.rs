//! The headend's core and the box's session on a clock of our own and a network that loses,
//! duplicates and reorders by a seed. Nothing sleeps: hours of carousel take milliseconds. More
//! seeds than usual: `STBCAST_SEEDS=10000 cargo test --release --test virtual_clock`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::ops::Range;

use stbcast::pacer::{BURST, Pace, Pacer};
use stbcast_infocast::{Carousel, Content, Entry, Name, ObjectType, Precoding, Step};
use stbcast_object::{Group, Micros, Slices};
use stbcast_receiver::{
    ChannelDecoder, Event, Fetch, FetchOptions, Input, MemoryStorage, Output, Role, Target, drive,
};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// SplitMix64: the one source of chance, so that a seed replays a run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn permille(&mut self, permille: u64) -> bool {
        self.next() % 1_000 < permille
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

#[derive(Clone, Copy)]
struct Weather {
    loss: u64,
    duplicates: u64,
    /// Longest delay; datagrams overtake each other.
    jitter: Micros,
}

/// A headend whose image changes between two cycles.
struct Headend {
    carousel: Carousel,
    pacer: Pacer,
    images: Vec<Vec<u8>>,
    change_after_cycles: u64,
    on_air: usize,
    sent: u64,
}

const BIT_RATE_BPS: u64 = 8_000_000;

fn carousel(image: &[u8]) -> Carousel {
    let entry = |name: &str, length: usize, precoding| {
        let slices = Slices::new(length as u64, NonZeroU16::new(1_000).unwrap()).unwrap();
        let name = Name::new(name).unwrap();
        Entry::new(name, ObjectType::BOOTCAST_FILE, precoding, None, Content::Stored(slices))
            .unwrap()
    };
    let image_entry = entry("image", image.len(), Precoding::CRC32).with_trailers_over(image);
    let entries = vec![image_entry, entry("other", 3_000, Precoding::NONE)];
    Carousel::new(entries, BIT_RATE_BPS, 28, Micros::ZERO)
}

impl Headend {
    fn new(images: Vec<Vec<u8>>, change_after_cycles: u64) -> Self {
        let carousel = carousel(&images[0]);
        let pace = Pace { bit_rate_bps: BIT_RATE_BPS, datagram_bytes_max: 1_072, burst: BURST };
        let pacer = Pacer::new(pace, Micros::ZERO);
        Self { carousel, pacer, images, change_after_cycles, on_air: 0, sent: 0 }
    }

    /// The next datagram and when it goes.
    fn next(&mut self) -> (Micros, Vec<u8>) {
        let at = self.pacer.next_at();
        loop {
            match self.carousel.next(at, 0) {
                Step::Datagram(datagram) => {
                    let object: &[u8] =
                        if datagram.object == 0 { &self.images[self.on_air] } else { &[7; 3_000] };
                    let body = datagram.body.start as usize..datagram.body.end as usize;
                    let mut bytes = datagram.head.to_vec();
                    bytes.extend_from_slice(&object[body]);
                    bytes.extend_from_slice(&datagram.tail);
                    self.pacer.sent(at, bytes.len() + 28);
                    self.sent += u64::from(datagram.object == 0);
                    return (at, bytes);
                }
                Step::CycleEnd => {
                    let last = self.on_air + 1 == self.images.len();
                    if self.carousel.cycles() == self.change_after_cycles && !last {
                        self.on_air += 1;
                        self.carousel = carousel(&self.images[self.on_air]);
                    }
                }
                Step::Idle { .. } => panic!("this carousel is never idle"),
            }
        }
    }
}

struct Outcome {
    object: Option<Vec<u8>>,
    events: Vec<Event>,
    /// Datagrams of the image sent until the box was done, in passes of the image.
    passes: f64,
    trace: u64,
}

/// One box that joins at `join` and listens until it is done, or for `cycles_max` passes.
fn run(
    seed: u64,
    mut headend: Headend,
    weather: Weather,
    join: Micros,
    passes_max: u64,
) -> Outcome {
    let mut chance = Chance(seed);
    let group = Group::new([239, 255, 2, 11].into(), 22222).unwrap();
    let target = Target::infocast(group, Name::new("image").unwrap());
    let mut session: Fetch<Range<usize>> = Fetch::new(target, FetchOptions::default());
    let (mut storage, mut decoder) = (MemoryStorage::default(), ChannelDecoder::default());
    let (mut events, mut trace) = (Vec::new(), DefaultHasher::new());
    let mut on_the_way: BinaryHeap<Reverse<(Micros, u64, Vec<u8>)>> = BinaryHeap::new();
    let slices = headend.images[0].len().div_ceil(1_000) as u64;
    let (mut sequence, mut sent_before, mut started) = (0, 0, false);

    while !session.is_over() && headend.sent - sent_before < passes_max * slices {
        let (sent_at, datagram) = headend.next();
        if sent_at < join {
            sent_before = headend.sent;
            continue;
        }
        let copies = u64::from(!chance.permille(weather.loss))
            + u64::from(chance.permille(weather.duplicates));
        for _ in 0..copies {
            let delay = Micros(chance.next() % (weather.jitter.0 + 1));
            sequence += 1;
            on_the_way.push(Reverse((sent_at.after(delay), sequence, datagram.clone())));
        }
        let mut tell = |now: Micros, input: Input<'_, Range<usize>>, bytes: &[u8]| {
            let shell = &mut |output| match output {
                Output::Event(event) => events.push(event),
                other => format!("{other:?}").hash(&mut trace),
            };
            drive(&mut session, &mut storage, now, input, bytes, shell).unwrap();
        };
        if !std::mem::replace(&mut started, true) {
            tell(sent_at, Input::Wake, &[]);
        }
        while on_the_way.peek().is_some_and(|Reverse((at, ..))| *at <= sent_at) {
            let Some(Reverse((at, _, bytes))) = on_the_way.pop() else { break };
            let arrival = decoder.decode(SENDER, &bytes).unwrap();
            tell(at, Input::Arrival(arrival), &bytes);
        }
    }
    session.stats().stored.hash(&mut trace);
    session.stats().duplicates.hash(&mut trace);
    headend.sent.hash(&mut trace);
    Outcome {
        object: storage.committed(Role::Object).map(|committed| committed.bytes.clone()),
        events,
        passes: (headend.sent - sent_before) as f64 / slices as f64,
        trace: trace.finish(),
    }
}

fn image(seed: u64) -> Vec<u8> {
    Chance(seed).bytes(200_500)
}

/// Seeds to try: so many, or as many as somebody asks for.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("STBCAST_SEEDS").ok().and_then(|text| text.parse().ok());
    0..asked.unwrap_or(usual)
}

const FAIR: Weather = Weather { loss: 0, duplicates: 0, jitter: Micros::ZERO };
const ROUGH: Weather = Weather { loss: 50, duplicates: 50, jitter: Micros(5_000) };

#[test]
fn without_loss_a_box_is_done_after_one_pass_whenever_it_joins() {
    for seed in seeds(50) {
        let headend = Headend::new(vec![image(seed)], u64::MAX);
        let join = Micros(Chance(seed).next() % 500_000);
        let outcome = run(seed, headend, FAIR, join, 3);
        assert!(outcome.object == Some(image(seed)), "seed {seed}");
        assert!(outcome.passes <= 1.06, "seed {seed}: {} passes", outcome.passes);
    }
}

#[test]
fn loss_costs_passes_but_never_a_byte() {
    for seed in seeds(100) {
        let headend = Headend::new(vec![image(seed)], u64::MAX);
        let join = Micros(Chance(!seed).next() % 500_000);
        let outcome = run(seed, headend, ROUGH, join, 30);
        assert!(outcome.object == Some(image(seed)), "seed {seed}: {:?}", outcome.events);
        let reported = outcome
            .events
            .iter()
            .any(|event| matches!(event, Event::Complete { length: 200_500, check: Some(_), .. }));
        assert!(reported, "seed {seed}: the trailers were learned: {:?}", outcome.events);
    }
}

#[test]
fn an_image_that_changes_while_it_is_received_is_never_mixed() {
    let mut changes = 0;
    for seed in seeds(300) {
        let images = vec![image(seed), image(seed + 1_000)];
        let headend = Headend::new(images.clone(), 1 + seed % 3);
        let join = Micros(Chance(seed ^ 0xabcd).next() % 400_000);
        let weather = Weather { loss: seed % 120, ..ROUGH };
        let outcome = run(seed, headend, weather, join, 30);
        let object = outcome.object.unwrap_or_else(|| panic!("seed {seed} never completed"));
        assert!(images.contains(&object), "seed {seed} stored a mixture");
        changes +=
            outcome.events.iter().filter(|e| matches!(e, Event::RevisionChanged { .. })).count();
    }
    assert!(changes > 100, "the change was met in mid-download only {changes} times");
}

#[test]
fn a_seed_replays_its_run_to_the_bit() {
    let replay =
        |seed| run(seed, Headend::new(vec![image(3)], u64::MAX), ROUGH, Micros(100_000), 30).trace;
    assert_eq!(replay(5), replay(5));
    assert_ne!(replay(5), replay(6));
}

#[test]
fn a_silent_headend_ends_the_fetch_after_three_time_outs() {
    let group = Group::new([239, 255, 2, 11].into(), 22222).unwrap();
    let target = Target::infocast(group, Name::new("image").unwrap());
    let mut session: Fetch<Range<usize>> = Fetch::new(target, FetchOptions::default());
    let mut storage = MemoryStorage::default();
    let mut last = Micros::ZERO;
    while let Some(at) = session.wake_at() {
        last = at;
        drive(&mut session, &mut storage, at, Input::Wake, &[], &mut |_| {}).unwrap();
    }
    assert!(session.is_over());
    assert_eq!(last, Micros::from_secs(30));
}
