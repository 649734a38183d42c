//! When a box asks, and for how much.

use sha2::{Digest, Sha256};
use stbcast_bootcast::delay;
use stbcast_flute::fdt::{Alternates, File, Unicast};
use stbcast_flute::{Carousel, CarouselSettings, Entry, Fti, Scheme, Step};
use stbcast_object::Micros;
use stbcast_receiver::{FetchOptions, FileName, Hosts, Target, UnicastOptions};

use super::headend::{
    Code, Headend, Revision, START, Sent, Stb, announce, channel, companion, losing,
};
use super::{
    SERIAL, SLICES, URL, always, failed, image, on_air, options, turn_event, until_asked,
    wait_until_asked,
};

#[test]
fn nothing_is_asked_before_the_cycles_are_heard_and_the_box_has_its_turn() {
    for (after_cycles, window_s) in [(1, 0), (2, 0), (2, 1), (3, 2)] {
        let revision = image(1, Code::None);
        let (mut headend, mut stb) = on_air(&revision, 0.0, after_cycles, window_s);
        let joined = headend.now;
        assert!(until_asked(&mut headend, &mut stb, 5_000, always(&[5, 77])));
        let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(window_s.into()));
        let asked_at = stb.asked[0].at;
        let ready_at = turn_event(&stb).unwrap().since(own);
        // A slice each millisecond; the first of them is lost, perhaps.
        let cycles = Micros::from_millis(u64::from(after_cycles) * SLICES);
        let earliest = joined.after(cycles);
        assert!(ready_at >= earliest, "{after_cycles}: {ready_at:?}");
        assert!(ready_at < earliest.after(Micros::from_millis(50)), "{after_cycles}: {ready_at:?}");
        assert!(asked_at >= ready_at.after(own), "{after_cycles}, {window_s}");
    }
}

#[test]
fn what_the_cycles_left_missing_is_asked_for_and_nothing_else() {
    for seed in 1..6 {
        let revision = image(seed, Code::None);
        let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 0);
        assert!(until_asked(&mut headend, &mut stb, 1_000, losing(20, seed)));
        let missing = u64::from(stb.asked[0].lacking);
        assert!((1..40).contains(&missing), "{missing}");
        stb.serve(&revision.bytes, 1_000);
        stb.assert_object(&revision.bytes);
        // The last slice has 43 bytes.
        let asked = stb.asked_bytes();
        assert!(asked == missing * 60 || asked == missing * 60 - 17, "{asked} of {missing}");
        assert!(stb.asked.iter().all(|asked| asked.there == 0), "{:?}", stb.asked);
        assert_eq!(stb.fetch.stats().http_bytes, asked);
        assert_eq!(stb.fetch.stats().requests, stb.asked.len() as u64);
    }
}

#[test]
fn neighbours_are_asked_for_together() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 0);
    for at in 0..205 {
        for one in headend.turn() {
            if !one.carries_symbol || !(50..90).contains(&at) && at != 120 {
                stb.hear(headend.now, &one);
            }
        }
        if let Some((request, _)) = &stb.under_way {
            let slices = request.from / 60..request.to.unwrap() / 60;
            assert!(slices.end - slices.start <= 40, "{slices:?}");
        }
        if stb.under_way.is_some() {
            stb.serve(&revision.bytes, 7);
        }
    }
    stb.assert_object(&revision.bytes);
    let lengths: Vec<u64> = stb.asked.iter().map(|asked| asked.bytes() / 60).collect();
    assert_eq!(lengths, [40, 1], "the longest first");
}

#[test]
fn with_repair_symbols_at_hand_no_more_is_asked_for_than_each_block_needs() {
    for code in [Code::Rs8(200), Code::Rs8(30), Code::Rs16(200), Code::Rs16(61)] {
        let revision = image(3, code);
        // Too few repair symbols for the loss.
        let (mut headend, mut stb) = on_air(&revision, 0.02, 1, 0);
        assert!(until_asked(&mut headend, &mut stb, 1_000, losing(15, 7)), "{code:?}");
        let lacking = u64::from(stb.asked[0].lacking);
        let missing = stb.storage.there.iter().filter(|there| !**there).count() as u64 / 60;
        assert!(lacking < missing, "{code:?}: repair symbols count");
        stb.serve(&revision.bytes, 100);
        stb.assert_object(&revision.bytes);
        let asked = stb.asked_bytes().div_ceil(60);
        assert_eq!(asked, lacking, "{code:?}");
        assert!(stb.asked.iter().all(|asked| asked.there == 0), "{code:?}");
    }
}

#[test]
fn symbols_of_a_cut_slice_are_asked_for_one_by_one() {
    let revision = Revision::new(4, 20_000, (52, 8), Code::Rs16(100));
    let (mut headend, mut stb) = on_air(&revision, 0.02, 1, 0);
    assert!(until_asked(&mut headend, &mut stb, 1_000, losing(15, 7)));
    let lacking = u64::from(stb.asked[0].lacking);
    stb.serve(&revision.bytes, 333);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.asked_bytes().div_ceil(52), lacking);
}

#[test]
fn with_enough_repair_symbols_nothing_is_asked() {
    for code in [Code::Rs8(30), Code::Rs16(200), Code::Raptorq(3)] {
        let revision = image(5, code);
        let (mut headend, mut stb) = on_air(&revision, 0.1, 1, 0);
        headend.play(&mut stb, 5, losing(2, 3));
        stb.assert_object(&revision.bytes);
        assert!(stb.asked.is_empty(), "{code:?}: {:?}", stb.asked);
        assert_eq!(stb.fetch.stats().http_bytes, 0);
    }
}

#[test]
fn what_comes_by_multicast_meanwhile_is_not_asked_for() {
    let revision = image(6, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 0);
    assert!(until_asked(&mut headend, &mut stb, 1_000, |turn| turn % 4 == 1));
    assert_eq!(stb.asked[0].lacking, 50);
    // A slow server: one slice in the time of fifty.
    while !stb.is_over() {
        headend.turns(&mut stb, 50);
        if stb.under_way.is_some() {
            stb.give(&revision.bytes, 60);
            stb.finish();
        }
    }
    stb.assert_object(&revision.bytes);
    assert!((3..=6).contains(&stb.asked.len()), "{:?}", stb.asked);
    assert!(stb.asked.iter().all(|asked| asked.there == 0));
    assert!(stb.under_way.is_none(), "what is not needed any more is cancelled");
}

#[test]
fn a_box_that_is_not_allowed_to_asks_nobody() {
    let allowed: Hosts = Hosts::Listed(vec!["b.example".parse().unwrap()]);
    let listed = UnicastOptions::new(SERIAL.to_owned(), allowed);
    for unicast in [None, Some(listed)] {
        let revision = image(1, Code::None);
        let (mut headend, _) = on_air(&revision, 0.0, 1, 0);
        let mut stb = Stb::with(FetchOptions { unicast, ..options() });
        headend.play(&mut stb, 20, losing(30, 3));
        stb.assert_object(&revision.bytes);
        assert!(stb.asked.is_empty() && turn_event(&stb).is_none(), "{:?}", stb.asked);
    }
}

#[test]
fn a_large_repair_waits_for_another_cycle() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 0);
    let joined = headend.now;
    assert!(until_asked(&mut headend, &mut stb, 5_000, losing(60, 7)));
    let cycles = headend.now.since(joined).0 / (SLICES * 1_000);
    // 0.6 ^ 3 is less than a quarter.
    assert!((2..=4).contains(&cycles), "{cycles} cycles");
    assert!(u64::from(stb.asked[0].lacking) * 4 <= SLICES, "{} lacking", stb.asked[0].lacking);
}

#[test]
fn what_never_comes_by_multicast_is_waited_for_eight_times_and_then_asked_for() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 0);
    let joined = headend.now;
    assert!(until_asked(&mut headend, &mut stb, 5_000, |turn| turn % 2 == 1));
    assert_eq!(headend.now.since(joined).0 / (SLICES * 1_000), 10, "cycles");
    stb.serve(&revision.bytes, 10_000);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.asked.len(), 100);
}

#[test]
fn a_box_whose_channel_falls_silent_gets_the_rest_from_a_server_in_its_turn() {
    for percent_heard in [0, 60] {
        let revision = image(1, Code::Rs16(100));
        let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 3_600);
        let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(3_600));
        headend.turns(&mut stb, 1);
        headend.turns(&mut stb, percent_heard * 2);
        assert!(stb.joined(channel()) && stb.joined(companion()));
        let silent_at = headend.now;
        wait_until_asked(&mut stb);
        // Three attempts of ten seconds.
        let turn = silent_at.after(Micros::from_secs(30)).after(own);
        assert!(stb.now >= turn && stb.now <= turn.after(Micros::from_secs(1)), "{:?}", stb.now);
        let lacking = u64::from(stb.asked[0].lacking);
        stb.serve(&revision.bytes, 16_000);
        stb.assert_object(&revision.bytes);
        assert_eq!(stb.asked_bytes().div_ceil(60), lacking);
    }
}

#[test]
fn a_box_that_hears_the_channel_again_goes_back_to_multicast() {
    let revision = image(2, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 3_600);
    headend.turns(&mut stb, 20);
    // Out of patience, but not of hope.
    stb.wait_until(headend.now.after(Micros::from_secs(100)));
    assert!(turn_event(&stb).is_some() && !stb.is_over());
    headend.now = stb.now;
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(stb.asked.is_empty());
}

#[test]
fn a_box_whose_turn_is_beyond_its_patience_gives_up_at_once() {
    let revision = image(2, Code::None);
    let mut unicast = options().unicast.unwrap();
    let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(3_600));
    for (patience, waits) in [(own, true), (Micros(own.0 - 1), false)] {
        unicast.patience = patience;
        let (mut headend, _) = on_air(&revision, 0.0, 2, 3_600);
        let mut stb = Stb::with(FetchOptions { unicast: Some(unicast.clone()), ..options() });
        headend.turns(&mut stb, 20);
        stb.wait_until(headend.now.after(Micros::from_secs(31)));
        assert_eq!(!stb.is_over(), waits);
    }
}

#[test]
fn after_a_power_cut_of_all_boxes_they_ask_as_evenly_as_before() {
    let revision = image(1, Code::None);
    let asked_at = |serial: u32| {
        let unicast = UnicastOptions::new(serial.to_string(), Hosts::Any);
        let mut headend = Headend::new(&revision, 0.0);
        headend.announce(vec![revision.served(URL, 1, 1_000)]);
        let mut stb = Stb::with(FetchOptions { unicast: Some(unicast), ..options() });
        headend.turns(&mut stb, 5);
        wait_until_asked(&mut stb);
        stb.now
    };
    let times: Vec<Micros> = (0..300).map(asked_at).collect();
    let first = *times.iter().min().unwrap();
    for tenth in 0..10 {
        let within = Micros::from_secs(tenth * 100)..Micros::from_secs((tenth + 1) * 100);
        let count = times.iter().filter(|at| within.contains(&at.since(first))).count();
        assert!((12..=50).contains(&count), "{count} of 300 in the tenth {tenth}");
    }
    assert!((0..20).all(|serial| asked_at(serial) == times[serial as usize]));
}

#[test]
fn a_file_of_a_flute_session_is_asked_for_as_well() {
    let bytes = image(5, Code::None).bytes;
    let fti = Fti::new(Scheme::NoCode { block_symbols: 64 }, bytes.len() as u64, 60).unwrap();
    let target = Target::Flute { group: channel(), name: FileName::new("image").unwrap() };
    let location = target.to_string();
    let mut file = File::new(&location, 7).unwrap().with_fti(fti);
    file.sha256 = Some(Sha256::digest(&bytes).into());
    let unicast = Unicast::new(Alternates::new(URL).unwrap(), 2.try_into().unwrap(), 0);
    file.announced.unicast = Some(unicast.unwrap());
    let settings = CarouselSettings::new(1, 1_000_000);
    let entry = Entry { file, object: 0, repair: None };
    let mut carousel = Carousel::new(settings, vec![entry], START).unwrap();
    let mut stb = Stb::fetching(target, FetchOptions { announce: None, ..options() });
    let mut symbols = 0;
    for at in 1_u64..2_000 {
        let now = Micros::from_millis(at);
        let (bytes, is_lost) = match carousel.next(now, START.after(now)) {
            Step::Fdt(bytes) => (bytes, false),
            Step::Datagram(datagram) => {
                symbols += 1;
                let body = datagram.body.start as usize..datagram.body.end as usize;
                let whole = [&datagram.head[..], &bytes[body], &datagram.tail[..]].concat();
                (whole, symbols % 20 == 3)
            }
            _ => continue,
        };
        if !is_lost {
            stb.hear(now, &Sent { group: channel(), bytes, carries_symbol: true });
        }
        if stb.under_way.is_some() {
            break;
        }
    }
    assert!((400..=410).contains(&symbols), "{symbols}: {:?} {:?}", stb.events, stb.fetch.stats());
    stb.serve(&bytes, 100);
    stb.assert_object(&bytes);
    assert_eq!(stb.asked_bytes(), 600);
}

#[test]
fn nothing_is_asked_of_an_empty_object() {
    let revision = Revision::new(1, 0, (60, 1), Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 0);
    // The announcement alone, then silence.
    for one in headend.turn().into_iter().filter(|one| one.group == announce()) {
        stb.hear(headend.now, &one);
    }
    assert!(!wait_until_asked(&mut stb), "{:?}", stb.asked);
    assert!(failed(&stb).is_some());
}
