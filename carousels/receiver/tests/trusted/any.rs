//! Whatever comes in whatever order: no panic, nothing armed that is not signed, and an end.

use proptest::prelude::*;
use stbcast_bootcast::Part;
use stbcast_object::Micros;
use stbcast_receiver::{
    Answer, Event, Input, Output, Recovered, RecoveryOutcome, TrustedBoot, UnicastError,
};
use stbcast_release::digest;

use super::headend::{announce, channel};
use super::sample::{image, key, next_root_bytes, options, permit, release, root_bytes, signed};

/// Statements that may be followed, and others.
fn statements() -> Vec<Vec<u8>> {
    let revision = image(51);
    let mut tampered = signed(&release(45, &revision));
    let middle = tampered.len() / 2;
    tampered[middle] ^= 4;
    let old = release(40, &revision);
    vec![
        signed(&release(42, &revision)),
        signed(&release(43, &image(52))),
        permit(41, &old),
        signed(&old),
        next_root_bytes(),
        root_bytes(),
        release(44, &revision).sign(&key(66)).unwrap(),
        release(44, &revision).sign(&key(13)).unwrap(),
        tampered,
        vec![0; 1_400],
    ]
}

fn input<'a>(
    (kind, one, other): (u8, u32, u32),
    statements: &[Vec<u8>],
    bytes: &'a [u8],
) -> Input<'a, ()> {
    let ok = !one.is_multiple_of(5);
    let range = |from: u32, count: u32| from % 300..(from % 300).wrapping_add(count % 300);
    match kind % 16 {
        0..=4 => Input::Statement {
            bytes: statements[one as usize % statements.len()].as_slice().into(),
            heard: other.is_multiple_of(2).then_some(u64::from(other)),
        },
        5 => Input::Heard { group: if ok { announce() } else { channel() }, bytes: 100 },
        6 => Input::Resumed {
            // Not in order, not apart, and beyond the end.
            held: vec![range(one, other), other..one, range(other, one), u32::MAX - 1..u32::MAX],
        },
        7 => Input::Written { ok },
        8 => Input::Synced { ok },
        9 => Input::ReadBack(&bytes[..one as usize % bytes.len()]),
        10 => Input::ReadFailed,
        11 => Input::Committed { ok },
        12 => Input::Armed { ok },
        13 => Input::Recovered(Recovered {
            id: u64::from(one % 4),
            outcome: [RecoveryOutcome::Done, RecoveryOutcome::WantsMore, RecoveryOutcome::Failed]
                [other as usize % 3],
        }),
        14 => Input::Compared { equal: ok },
        _ => {
            Input::Answered { id: u64::from(one % 3), answer: Answer::Failed(UnicastError::Silent) }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_unsigned_is_ever_armed_and_every_boot_ends(
        steps in proptest::collection::vec((any::<u8>(), any::<u32>(), any::<u32>(), 0u64..2_000_000), 1..120),
    ) {
        let statements = statements();
        let bytes = vec![7; 13_000];
        let usable: Vec<_> = statements.iter().map(|one| digest(one)).collect();
        let mut session: TrustedBoot<()> = TrustedBoot::new(options());
        let (mut now, mut ended) = (Micros::ZERO, 0);
        let mut watch = |output: Output<()>| match output {
            Output::Arm(installation) => {
                assert!(usable[..4].contains(&installation.release) || usable[7] == installation.release);
                assert!(installation.parts.iter().any(|(part, _)| *part == Part::Kernel));
            }
            Output::Event(Event::TrustedDone(_)) => ended += 1,
            _ => {}
        };
        session.handle(now, Input::Wake).for_each(&mut watch);
        for (kind, one, other, span) in steps {
            now = now.after(Micros(span));
            if session.wake_at().is_some_and(|at| at <= now) {
                session.handle(now, Input::Wake).for_each(&mut watch);
            }
            let input = input((kind, one, other), &statements, &bytes);
            session.handle(now, input).for_each(&mut watch);
        }
        // Left alone it comes to an end, unless it waits for its storage.
        for _ in 0..1_000 {
            let Some(at) = session.wake_at() else { break };
            now = now.max(at);
            session.handle(now, Input::Wake).for_each(&mut watch);
        }
        prop_assert!(session.is_over() || session.wake_at().is_none());
        prop_assert!(ended <= 1 && (ended == 1) == session.is_over());
    }
}
