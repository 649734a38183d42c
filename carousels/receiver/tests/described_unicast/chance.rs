//! Any servers, in any order, with any losses.

use proptest::prelude::*;
use stbcast_object::Micros;
use stbcast_receiver::{Answer, Event, UnicastError};

use super::headend::{Code, Headend, Stb, losing};
use super::{SLICES, image, options};

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Honest,
    Lying,
    Cut,
    Busy,
    Gone,
    Changed,
    Short,
    Misplaced,
}

/// A server answers the request under way in its manner.
fn serve_once(stb: &mut Stb, object: &[u8], manner: Manner, chunk: usize) {
    let (request, next) = stb.under_way.clone().unwrap();
    let length = object.len() as u64;
    let lies: Vec<u8> = object.iter().map(|byte| byte ^ 0x55).collect();
    let all = (request.to.unwrap() - next) as usize;
    let (bytes, parts) = match manner {
        Manner::Honest => (object, all),
        Manner::Lying => (&lies[..], all),
        Manner::Cut | Manner::Short => (object, all / 2),
        Manner::Misplaced => return stb.give_at(request.id, next + 1, &object[..1]),
        Manner::Busy | Manner::Gone | Manner::Changed => (object, 0),
    };
    let mut given = 0;
    while given < parts && stb.under_way.is_some() {
        let now = chunk.min(parts - given);
        stb.give(bytes, now);
        given += now;
    }
    if stb.under_way.is_some() {
        stb.answer(match manner {
            Manner::Honest | Manner::Lying | Manner::Short => Answer::Done { length, sha256: None },
            Manner::Cut => Answer::Failed(UnicastError::Cut { bytes: parts as u64 }),
            Manner::Busy => Answer::Busy { retry_after: Some(Micros::from_millis(20)) },
            Manner::Gone | Manner::Misplaced => Answer::Failed(UnicastError::Unreachable),
            Manner::Changed => Answer::Failed(UnicastError::Changed),
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_servers_do_and_whatever_is_lost_the_object_is_the_announced_one(
        seed in 1u64..1_000,
        code in prop_oneof![
            Just(Code::None), Just(Code::Rs8(30)), Just(Code::Rs16(61)), Just(Code::Rs16(200)),
        ],
        percent in 0u64..60,
        ratio in prop_oneof![Just(0.0), Just(0.02), Just(0.2)],
        manners in proptest::collection::vec(
            prop_oneof![
                4 => Just(Manner::Honest), 1 => Just(Manner::Lying), 1 => Just(Manner::Cut),
                1 => Just(Manner::Busy), 1 => Just(Manner::Gone), 1 => Just(Manner::Changed),
                1 => Just(Manner::Short), 1 => Just(Manner::Misplaced),
            ],
            1..12,
        ),
        (after_cycles, chunk, pause) in (1u8..4, 1usize..5_000, 1u64..400),
    ) {
        let revision = image(seed, code);
        let mut headend = Headend::new(&revision, ratio);
        let list = "http://a.example/x http://b.example/x http://c.example/x";
        headend.announce(vec![revision.served(list, after_cycles, 0)]);
        let mut stb = Stb::with(options());
        let (mut is_lost, mut turn) = (losing(percent, seed), 0);
        let mut manners = manners.iter().cycle();
        while !stb.is_over() && turn < 60_000 {
            turn += 1;
            for (at, one) in (0..).zip(headend.turn()) {
                if !one.carries_symbol || !is_lost(turn * 8 + at) {
                    stb.hear(headend.now, &one);
                }
            }
            if stb.under_way.is_some() && turn % pause == 0 {
                serve_once(&mut stb, &revision.bytes, *manners.next().unwrap(), chunk);
            }
        }
        prop_assert!(stb.object() == Some(&revision.bytes[..]), "{:?}", stb.events.last());
        let cycles = Micros::from_millis(SLICES * u64::from(after_cycles));
        // What was dropped is asked for again, over what is there.
        let dropped = |event: &Event| matches!(event, Event::UnicastDropped { .. });
        let was_dropped = stb.events.iter().any(dropped);
        for asked in &stb.asked {
            prop_assert!(asked.there == 0 || was_dropped, "held already: {:?}", asked);
            prop_assert!(asked.bytes().div_ceil(60) <= u64::from(asked.lacking), "{:?}", asked);
            prop_assert!(asked.at >= cycles, "too early: {:?}", asked);
        }
    }
}
