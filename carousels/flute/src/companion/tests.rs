//! Mixture, freshness and the check of companion datagrams.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::*;
use crate::{Code, Fti, Packet, Repair, Scheme, Symbol, crc32};

const START: Micros = Micros::from_secs(1_790_000_000);

/// The bytes of stored symbol `place`, so that its CRC can be checked at the other end.
fn stored(place: u64) -> [u8; 10] {
    let mut bytes = [0x77; 10];
    bytes[..8].copy_from_slice(&place.to_be_bytes());
    bytes
}

fn entry(toi: u32, symbols: u64, block_symbols: u32, per_block: u32) -> Entry {
    let scheme = Scheme::Companion { code: Code::Rs8, block_symbols };
    let fti = Fti::new(scheme, symbols * 10, 10).unwrap();
    let file = File::new("infocast://239.1.1.1:5/x", toi).unwrap().with_fti(fti);
    let count = u64::from(fti.blocks()) * u64::from(per_block);
    let crcs: Arc<[u32]> = (0..count).map(|place| crc32(&stored(place))).collect();
    let repair = Some(Repair { store: 3, per_block, per_cycle: 0, crcs });
    Entry { file, object: 0, repair }
}

fn settings(share: Share) -> CompanionSettings {
    CompanionSettings { fdt: FdtSettings::new(5), symbols_per_1000_s: 100_000, share }
}

fn session(entries: &[Entry], share: Share, wall: Micros) -> CompanionSession {
    CompanionSession::new(settings(share), entries.to_vec(), wall).unwrap()
}

/// The next `count` symbols, as object and symbol, each checked like a box checks it.
fn take(session: &mut CompanionSession, count: usize) -> Vec<(u128, u32, u32)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let Step::Datagram(datagram) = session.next(Micros::ZERO, START) else { continue };
        assert_eq!(datagram.object, 3);
        let mut bytes = datagram.head.to_vec();
        bytes.extend_from_slice(&stored(datagram.body.start / 10));
        bytes.extend_from_slice(&datagram.tail);
        let packet = Packet::parse(&bytes).unwrap();
        let symbol = packet.symbol(&packet.fti().unwrap()).unwrap();
        let Symbol::Repair { block, index } = symbol else { panic!("source") };
        taken.push((packet.payload().unwrap().toi, block, index));
    }
    taken
}

#[test]
fn blocks_take_turns_and_nothing_comes_twice_within_a_period() {
    let mut session = session(&[entry(1, 95, 10, 9)], Share::ALL, START);
    let taken = take(&mut session, 90);
    let first = taken[0].1;
    for (n, (_, block, _)) in taken.iter().enumerate() {
        assert_eq!(*block, (first + n as u32) % 10);
    }
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 90);
}

#[test]
fn objects_share_by_size_and_are_mixed_at_every_moment() {
    let entries = [entry(1, 60, 10, 20), entry(2, 30, 10, 20), entry(3, 10, 10, 20)];
    let taken = take(&mut session(&entries, Share::ALL, START), 1_000);
    for (toi, share) in [(1, 0.6), (2, 0.3), (3, 0.1)] {
        for end in 1..=taken.len() {
            let sent = taken[..end].iter().filter(|one| one.0 == toi).count() as f64;
            assert!((sent - share * end as f64).abs() <= 1.5, "object {toi} after {end}");
        }
    }
}

#[test]
fn redundant_senders_never_send_the_same_symbol_whatever_their_clocks_say() {
    let entries = [entry(1, 100, 10, 20)];
    let mut seen = BTreeSet::new();
    for index in 0..2 {
        let wall = START.after(Micros::from_secs(u64::from(index) * 17));
        let mut session = session(&entries, Share { senders: 2, index }, wall);
        assert!(take(&mut session, 100).into_iter().all(|symbol| seen.insert(symbol)));
    }
    assert_eq!(seen.len(), 200);
}

#[test]
fn every_block_is_served_by_every_sender_also_when_blocks_and_senders_share_a_factor() {
    for index in 0..2 {
        let share = Share { senders: 2, index };
        let taken = take(&mut session(&[entry(1, 100, 25, 20)], share, START), 40);
        let mut blocks = BTreeMap::new();
        taken.iter().for_each(|(_, block, _)| *blocks.entry(*block).or_insert(0) += 1);
        assert_eq!(blocks.into_values().collect::<Vec<_>>(), [10; 4]);
    }
}

#[test]
fn a_restart_goes_on_where_the_clock_says() {
    let entries = [entry(1, 100, 10, 100)];
    let before = take(&mut session(&entries, Share::ALL, START), 200);
    // 100 symbols a second: 200 take two seconds.
    let later = START.after(Micros::from_secs(2));
    let after = take(&mut session(&entries, Share::ALL, later), 200);
    let both: BTreeSet<_> = before.iter().chain(&after).collect();
    assert_eq!(both.len(), 400);
}

#[test]
fn a_change_of_objects_or_clock_never_turns_a_counter_back() {
    let mut session = session(&[entry(1, 100, 10, 100)], Share::ALL, START);
    let before = take(&mut session, 300);
    let both = [entry(1, 100, 10, 100), entry(2, 50, 10, 100)].to_vec();
    session.set_entries(both, 50_000, Micros::ZERO).unwrap();
    let after = take(&mut session, 300);
    let kept = after.iter().filter(|symbol| symbol.0 == 1);
    let all: BTreeSet<_> = before.iter().chain(kept.clone()).collect();
    assert_eq!(all.len(), 300 + kept.count());
}

#[test]
fn without_objects_only_the_fdt_is_sent() {
    let mut session = session(&[], Share::ALL, START);
    assert!(matches!(session.next(Micros::ZERO, START), Step::Fdt(_)));
    let idle = Step::Idle { until: Micros::from_secs(1) };
    assert_eq!(session.next(Micros::ZERO, START), idle);
}

#[test]
fn what_cannot_be_sent_is_refused_and_changes_nothing() {
    let mut session = session(&[entry(1, 100, 10, 100)], Share::ALL, START);
    let mut refused = |change: &dyn Fn(&mut Entry)| {
        let mut bad = entry(1, 100, 10, 100);
        change(&mut bad);
        session.set_entries([bad].to_vec(), 1, START).unwrap_err()
    };
    assert!(matches!(refused(&|bad| bad.repair = None), EntryError::PerBlock { .. }));
    let many = |bad: &mut Entry| bad.repair.as_mut().unwrap().per_block = 246;
    assert!(matches!(refused(&many), EntryError::PerBlock { most: 245, .. }));
    let crcs = |bad: &mut Entry| bad.repair.as_mut().unwrap().crcs = Arc::new([]);
    assert!(matches!(refused(&crcs), EntryError::Crcs { .. }));
    let twice = [entry(1, 100, 10, 100), entry(1, 50, 10, 100)].to_vec();
    assert_eq!(session.set_entries(twice, 1, START), Err(EntryError::Toi { toi: 1 }));
    let share = Share { senders: 2, index: 2 };
    let alone = CompanionSession::new(settings(share), [entry(1, 10, 10, 9)].to_vec(), START);
    assert!(matches!(alone, Err(EntryError::Share { .. })));
    assert_eq!(session.datagram_bytes_max(), 10 + 40 + 4);
    assert_eq!(take(&mut session, 5).len(), 5);
}

#[test]
fn another_rate_sends_no_symbol_again_before_its_period() {
    // 3 blocks of 100 symbols: nothing comes again within 300.
    let entries = [entry(1, 30, 10, 100)];
    let mut old = session(&entries, Share::ALL, START);
    let before = take(&mut old, 150);
    let faster = CompanionSettings { symbols_per_1000_s: 123_457, ..settings(Share::ALL) };
    let mut new = CompanionSession::new(faster, entries.to_vec(), START).unwrap();
    new.begin(Some(&old), START.after(Micros::from_secs(1)));
    let after = take(&mut new, 150);
    assert_eq!(before.iter().chain(&after).collect::<BTreeSet<_>>().len(), 300);
}

#[test]
fn a_rate_that_changes_on_air_moves_no_counter() {
    let entries = [entry(1, 30, 10, 100)];
    let mut session = session(&entries, Share::ALL, START);
    let mut seen = BTreeSet::new();
    for rate in [100_000, 50_000, 123_457, 0] {
        session.set_rate(rate);
        assert!(take(&mut session, 75).into_iter().all(|symbol| seen.insert(symbol)));
    }
    assert_eq!(seen.len(), 300, "each symbol once, in the order it would have been");
}

#[test]
fn a_superseded_revision_goes_on_with_its_part_and_never_sends_a_symbol_again() {
    let (old, other, new) = (entry(1, 30, 10, 100), entry(3, 20, 10, 100), entry(2, 60, 10, 100));
    let mut before = session(&[old.clone(), other.clone()], Share::ALL, START);
    let sent = take(&mut before, 200);
    let mut after = session(&[new, other], Share::ALL, START);
    after.set_superseded([old.clone()].to_vec(), 300_000, START).unwrap();
    after.begin(Some(&before), START.after(Micros::from_secs(1)));
    let files: Vec<_> = after.fdt().files().iter().map(|file| file.toi).collect();
    assert_eq!(files, [2, 3], "the FDT says what is on air");
    let mixed = take(&mut after, 600);
    for end in 1..=mixed.len() {
        let of_old = mixed[..end].iter().filter(|one| one.0 == 1).count() as f64;
        assert!((of_old - 0.3 * end as f64).abs() <= 1.0, "after {end}");
        let of_new = mixed[..end].iter().filter(|one| one.0 == 2).count() as f64;
        assert!((of_new - 0.7 * 0.75 * end as f64).abs() <= 2.0, "after {end}");
    }
    let old_symbols = sent.iter().chain(&mixed).filter(|one| one.0 == 1);
    let all: Vec<_> = old_symbols.collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len().min(300));
    // The overlap is over; what comes back goes on, too.
    let mut over = session(&[entry(2, 60, 10, 100)], Share::ALL, START);
    over.begin(Some(&after), START);
    assert!(take(&mut over, 100).iter().all(|one| one.0 == 2));
    let bad = after.set_superseded([old].to_vec(), 1_000_000, START);
    assert_eq!(bad, Err(EntryError::Superseded { per_million: 1_000_000 }));
    after.set_superseded(Vec::new(), 300_000, START).unwrap();
    assert!(take(&mut after, 100).iter().all(|one| one.0 != 1));
}
