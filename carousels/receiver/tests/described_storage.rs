//! A described fetch whose storage fails.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use headend::{Code, Headend, Revision, Stb, channel, losing};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchError, Input, Recovered, RecoveryOutcome};

/// Plays an object with one wrong slice, so that blocks are recovered and slices compared, to a
/// box whose write number `lost` fails.
fn hear(revision: &Revision, lost: u32) -> Stb {
    let mut headend = Headend::new(revision, 0.3);
    let mut stb = Stb::new();
    stb.storage.lost_write = Some(lost);
    headend.turns(&mut stb, 5);
    let mut forgery = headend.turn().into_iter().find(|one| one.group == channel()).unwrap();
    forgery.bytes[50] ^= 1;
    stb.hear(headend.now, &forgery);
    headend.play(&mut stb, 30, losing(20, 4));
    stb
}

#[test]
fn a_write_that_fails_fails_the_fetch_wherever_it_was() {
    let revision = Revision::new(71, 30 * 60 - 17, (60, 1), Code::Rs8(6));
    let untroubled = hear(&revision, u32::MAX);
    untroubled.assert_object(&revision.bytes);
    assert!(untroubled.events.iter().any(|event| matches!(event, Event::DigestFailed { .. })));
    assert!(untroubled.storage.recoveries > 1);
    for lost in 0..untroubled.storage.writes {
        let stb = hear(&revision, lost);
        let failed = Event::Failed(FetchError::Storage { doing: "write" });
        assert_eq!(stb.events.last(), Some(&failed), "write {lost}: {:?}", stb.events);
        assert_eq!((stb.object(), stb.groups.len()), (None, 0), "write {lost}");
    }
}

#[test]
fn a_recovery_that_ends_behind_the_fetch_is_told_to_nobody() {
    let revision = Revision::new(72, 120 * 60 - 17, (60, 1), Code::Rs8(30));
    for outcome in [RecoveryOutcome::Done, RecoveryOutcome::WantsMore, RecoveryOutcome::Failed] {
        let mut headend = Headend::new(&revision, 0.3);
        let mut stb = Stb::new();
        stb.storage.slow = true;
        while stb.storage.waiting.is_none() {
            headend.turns(&mut stb, 1);
        }
        let id = stb.storage.waiting.as_ref().expect("a recovery under way").id;
        stb.wait_until(stb.now.after(Micros::from_secs(60)));
        assert!(
            matches!(stb.events.last(), Some(Event::Failed(FetchError::Silent { .. }))),
            "{:?}",
            stb.events
        );
        let stats = *stb.fetch.stats();
        stb.input(Input::Recovered(Recovered { id, outcome }), &[]);
        assert!(stb.is_over() && matches!(stb.events.last(), Some(Event::Failed(_))));
        assert_eq!(*stb.fetch.stats(), stats);
    }
}
