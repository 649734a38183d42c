//! Operations on a fetch that is told what the object is.

mod air;
mod revision;
mod stb;
mod store;
mod web;

use stbcast_object::Micros;
use stbcast_receiver::{FetchOptions, Hosts, RecoveryOutcome, UnicastOptions};

use self::air::{Air, Fate, Setup, announce_group, companion_group, target};
use self::stb::Stb;
use self::store::Recovers;
use super::{SENDER, Script};

/// Bytes of memory allowed: none to speak of, too little for tables, enough.
const MEMORY: [usize; 4] = [16 << 20, 16 << 20, 2 << 20, 4 << 20];

/// A fetch with an announce session, a companion or from a FLUTE session, while honest senders play
/// up to three revisions among loss, disorder, forgeries, hostile descriptions, silence, storage
/// that fails and recoveries that are told late. [`Stb`] and [`store::Store`] hold what every fetch
/// keeps to, and [`web::Web`] what it keeps to with servers, who answer as they like. Where nothing
/// was forged, nothing but an announced revision is committed, and it is
/// committed once the air is good.
pub fn described_ops(data: &[u8]) {
    let mut script = Script(data);
    let (mut air, mut stb) = begin(&mut script);
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        operate(op, n, &mut script, &mut air, &mut stb);
        assert_committed(&air, &stb);
    }
    stb.store.fault = (0, 0);
    stb.give_up_request();
    stb.store.recovers = Recovers::AtOnce;
    while stb.tell_recovery() {}
    air.follow(0, &mut stb);
    for _ in 0..40 {
        if stb.is_over() {
            break;
        }
        air.play(23 + 23, &mut stb, |_| Fate::Heard);
        stb.wait(Micros::from_millis(150));
    }
    assert_committed(&air, &stb);
    // A companion alone says nothing of a revision that it has no repair symbols of.
    let is_untold = stb.hears_companion_alone && air.revision(air.announced).geometry.is_none();
    let is_odd = air.is_forged || stb.is_plain || stb.store.faulted || stb.digest_failures > 0;
    let is_odd = is_odd || is_untold;
    assert!(is_odd || stb.is_over(), "good air does not complete it: {:?}", stb.fetch.progress());
    // Each failure of a server is waited for.
    stb.assert_ends(if stb.web.is_allowed { 400 } else { 16 });
    assert_committed(&air, &stb);
}

fn begin(script: &mut Script<'_>) -> (Air, Stb) {
    let mut byte = || script.byte().unwrap_or(0);
    let (flags, more, ratio) = (byte(), byte(), byte());
    let layouts = [byte(), byte(), byte()];
    let setup = Setup {
        is_flute: flags & 3 == 3,
        digest: flags & 4 == 0,
        trailers: flags & 8 != 0,
        // Whoever says where repair symbols are means one group.
        moves: flags & 16 != 0 && flags & 3 == 0,
        ratio: 1 + ratio % 63,
        after_cycles: (flags & 32 != 0).then_some(1 + (flags >> 6)),
    };
    let mut air = Air::new(setup, layouts);
    let longest = (0..3).map(|n| air.revision(n).bytes.len() as u64).max().unwrap_or(0);
    let options = FetchOptions {
        announce: (flags & 3 != 2).then_some(announce_group()),
        repair: matches!(flags & 3, 1 | 2).then_some(companion_group(0)),
        source: (more & 1 != 0).then_some(SENDER),
        memory_bytes: MEMORY[usize::from(more >> 1 & 3)],
        unicast: setup.after_cycles.map(|_| UnicastOptions::new(String::new(), Hosts::Any)),
        length_max: if more & 8 == 0 { 1 << 16 } else { longest },
        ..FetchOptions::default()
    };
    let mut stb = Stb::new(target(setup.is_flute), options);
    stb.has_wall = more & 16 != 0;
    stb.hears_companion_alone = flags & 3 == 2;
    air.disorder(usize::from(more >> 5) * 4, &mut stb, 0);
    (air, stb)
}

fn operate(op: u8, n: u8, script: &mut Script<'_>, air: &mut Air, stb: &mut Stb) {
    let turns = usize::from(n % 32);
    if stb.web.is_allowed && op >= 192 {
        let object = &air.revision(stb.web.revision().unwrap_or(air.announced)).bytes;
        return stb.serve(op, n, object);
    }
    match op % 16 {
        0 => air.play(turns, stb, |_| Fate::Heard),
        1 | 2 => {
            let (lost, twice) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
            air.play(turns, stb, |count| {
                match (lost >> (count % 8) & 1, twice >> (count % 8) & 1) {
                    (1, _) => Fate::Lost,
                    (0, 1) => Fate::Twice,
                    _ => Fate::Heard,
                }
            });
        }
        3 => air.disorder(turns, stb, n >> 5),
        4 => air.flip(n, script, stb),
        5 => air.announce(usize::from(n) % 3),
        6 => air.follow(n % 8, stb),
        7 => air.describe(n, script, stb),
        8 => air.strange(n, script, stb),
        9 => stb.pass_time(n),
        10 => stb.store.fault = (n % 64, n >> 6),
        11 => {
            stb.store.recovers = match n % 6 {
                0 => Recovers::AtOnce,
                1 => Recovers::Late,
                2 => Recovers::ToldLate,
                3 => Recovers::Says(RecoveryOutcome::WantsMore),
                4 => Recovers::Says(RecoveryOutcome::Failed),
                _ => Recovers::Late,
            }
        }
        12 | 13 => _ = stb.tell_recovery(),
        14 => stb.tell_stale(n),
        _ => {
            stb.hand_in();
            stb.together = 1 + usize::from(n % 24);
        }
    }
    // Time goes on a little, whatever is done.
    stb.now = stb.now.after(Micros(1));
}

/// Unless something was forged, what is committed is a revision that was announced.
fn assert_committed(air: &Air, stb: &Stb) {
    if air.is_forged || stb.is_plain {
        return;
    }
    if let (Some(bytes), Some(digest)) = (stb.committed(), stb.completed) {
        let found = (0..3).map(|n| air.revision(n)).find(|revision| revision.bytes == bytes);
        let found = found.expect("what nobody sent is committed");
        assert!(digest.is_none_or(|digest| digest == found.sha256));
    }
    let is_steady = !air.is_changed && !stb.store.faulted;
    assert!(!is_steady || stb.digest_failures == 0, "one revision, and a digest that differs");
}
