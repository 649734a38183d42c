//! An announced object with repair symbols, whatever is lost.

mod headend;

use headend::{Code, Headend, Revision, Stb};
use stbcast_receiver::Event;

/// Plays `headend` to the box until it is over: symbol-bearing datagrams that were sent since it
/// joined its channel, lost ones too.
fn play(headend: &mut Headend, stb: &mut Stb, mut is_lost: impl FnMut(u64) -> bool) -> u64 {
    let (mut sent, mut count) = (0, 0);
    let most = u64::from(headend.slices()) * 20;
    while !stb.is_over() {
        for one in headend.turn() {
            count += 1;
            if one.carries_symbol {
                assert!(sent < most, "not complete: {:?} {:?}", stb.fetch.progress(), stb.events);
                let receives = stb.joined(headend::channel());
                sent += u64::from(receives && !stb.is_over());
                if is_lost(count) {
                    continue;
                }
            }
            stb.hear(headend.now, &one);
        }
    }
    sent
}

/// Loses `percent` of the datagrams.
fn losing(percent: u64, seed: u64) -> impl FnMut(u64) -> bool {
    move |count| {
        let mut state = (count ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (state >> 33) % 100 < percent
    }
}

fn codes() -> [Code; 6] {
    [
        Code::Rs8(200),
        Code::Rs8(30),
        Code::Rs16(200),
        Code::Rs16(61),
        Code::Raptorq(1),
        Code::Raptorq(3),
    ]
}

#[test]
fn without_loss_it_is_complete_after_as_many_datagrams_as_it_has_symbols() {
    for code in codes() {
        let revision = Revision::new(1, 200 * 60 - 17, (60, 1), code);
        let mut headend = Headend::new(&revision, 0.2);
        let mut stb = Stb::new();
        let sent = play(&mut headend, &mut stb, |_| false);
        stb.assert_object(&revision.bytes);
        // One block is exact. Several do not end with the same datagram; those of RaptorQ come one
        // after the other, so that repair symbols of those before are of no use.
        let most = match (revision.geometry.unwrap().blocks(), code) {
            (1, Code::Raptorq(_)) => 201,
            (1, _) => 200,
            (_, Code::Raptorq(_)) => 240,
            (blocks, _) => 200 + 2 * u64::from(blocks),
        };
        assert!((200..=most).contains(&sent), "{code:?}: {sent}");
    }
}

#[test]
fn whatever_is_lost_the_object_is_complete_and_equal() {
    for code in codes() {
        for (percent, seed) in [(1, 1), (5, 2), (5, 3), (20, 4), (50, 5)] {
            let revision = Revision::new(seed, 200 * 60 - 17, (60, 1), code);
            let mut headend = Headend::new(&revision, 0.3);
            let mut stb = Stb::new();
            let sent = play(&mut headend, &mut stb, losing(percent, seed));
            stb.assert_object(&revision.bytes);
            let received = stb.fetch.stats().wanted();
            assert!(received <= sent && received >= 200, "{code:?}, {percent} %");
            let complete = stb.events.last();
            let sha256 = Some(revision.sha256());
            let whole = matches!(complete, Some(Event::Complete { sha256: digest, .. }) if *digest == sha256);
            assert!(whole, "{complete:?}");
        }
    }
}
