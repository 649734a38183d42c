//! Order, completeness and freshness of a cycle.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::*;
use crate::{Fti, Packet, Repair, Symbol};

const START: Micros = Micros::from_secs(1_790_000_000);

fn entry(toi: u32, scheme: Scheme, length: u64, repair: Option<(u32, u32)>) -> Entry {
    let fti = Fti::new(scheme, length, 100).unwrap();
    let file = File::new(&alloc::format!("f{toi}"), toi).unwrap().with_fti(fti);
    let repair = repair.map(|(per_block, per_cycle)| Repair {
        store: 50,
        per_block,
        per_cycle,
        crcs: Arc::new([]),
    });
    Entry { file, object: 7, repair }
}

fn no_code(toi: u32, length: u64) -> Entry {
    entry(toi, Scheme::NoCode { block_symbols: 4 }, length, None)
}

fn raptorq(length: u64, source_blocks: u8, repair: (u32, u32)) -> Entry {
    entry(1, Scheme::RaptorQ { source_blocks, alignment: 4 }, length, Some(repair))
}

fn carousel(entries: Vec<Entry>) -> Carousel {
    Carousel::new(CarouselSettings::new(1, 8_000_000), entries, START).unwrap()
}

/// A cycle: object, symbol, and where its bytes are.
fn cycle(carousel: &mut Carousel) -> Vec<(u128, Symbol, Datagram)> {
    let mut sent = Vec::new();
    loop {
        match carousel.next(Micros::ZERO, START) {
            Step::Fdt(_) => {}
            Step::Idle { .. } => panic!("a carousel is never idle"),
            Step::CycleEnd => return sent,
            Step::Datagram(datagram) => {
                let mut bytes = datagram.head.to_vec();
                let body = datagram.body.end - datagram.body.start;
                bytes.resize(bytes.len() + body as usize, 0);
                bytes.extend_from_slice(&datagram.tail);
                let packet = Packet::parse(&bytes).unwrap();
                let symbol = packet.symbol(&packet.fti().unwrap()).unwrap();
                sent.push((packet.payload().unwrap().toi, symbol, datagram));
            }
        }
    }
}

fn ip_bytes(sent: &[(u128, Symbol, Datagram)]) -> u64 {
    sent.iter().map(|(_, _, datagram)| datagram.bytes() as u64 + 28).sum()
}

#[test]
fn the_fdt_comes_first_and_each_second() {
    let mut carousel = carousel([no_code(1, 10)].to_vec());
    assert!(matches!(carousel.next(Micros::ZERO, START), Step::Fdt(_)));
    assert!(matches!(carousel.next(Micros::ZERO, START), Step::Datagram(_)));
    let second = Micros::from_secs(1);
    assert!(matches!(carousel.next(second, START.after(second)), Step::Fdt(_)));
}

#[test]
fn no_code_objects_pass_one_after_the_other_in_ascending_order() {
    let mut carousel = carousel([no_code(1, 1_050), no_code(2, 0), no_code(3, 100)].to_vec());
    for _ in 0..2 {
        let sent = cycle(&mut carousel);
        let order: Vec<_> = sent.iter().map(|(toi, symbol, _)| (*toi, *symbol)).collect();
        let source = |toi, count| (0..count).map(move |index| (toi, Symbol::Source { index }));
        let expected: Vec<_> = source(1, 11).chain(source(2, 1)).chain(source(3, 1)).collect();
        assert_eq!(order, expected);
        assert_eq!(sent[10].2.body, 1_000..1_050);
        assert_eq!(ip_bytes(&sent), carousel.cycle_ip_bytes());
    }
    assert_eq!(carousel.cycles(), 2);
    assert!(carousel.between_cycles());
}

#[test]
fn every_raptorq_cycle_has_each_source_symbol_and_repair_that_none_before_had() {
    let mut carousel = carousel([raptorq(10_050, 6, (9, 3))].to_vec());
    let mut repair = BTreeSet::new();
    for round in 1..=3 {
        let mut source = BTreeSet::new();
        for (_, symbol, datagram) in cycle(&mut carousel) {
            assert_eq!(datagram.body.end - datagram.body.start, 100, "symbols are whole");
            match symbol {
                Symbol::Source { index } => {
                    assert!(source.insert(index));
                    let last = index == 100;
                    assert_eq!(datagram.object, if last { 50 } else { 7 });
                    assert!(!last || datagram.body == (5_400..5_500), "behind 6 x 9 symbols");
                }
                Symbol::Repair { block, index } => {
                    assert!(repair.insert((block, index)));
                    let start = u64::from(block * 9 + index) * 100;
                    assert_eq!((datagram.object, datagram.body.start), (50, start));
                }
            }
        }
        assert_eq!((source.len(), repair.len()), (101, 6 * 3 * round));
    }
}

#[test]
fn blocks_of_a_group_take_turns() {
    let mut carousel = carousel([raptorq(10_000, 10, (9, 3))].to_vec());
    let blocks: Vec<u32> = cycle(&mut carousel)
        .iter()
        .map(|(_, symbol, _)| match symbol {
            Symbol::Source { index } => index / 10,
            Symbol::Repair { block, .. } => block + 100,
        })
        .collect();
    assert_eq!(blocks[..6], [0, 1, 2, 3, 0, 1]);
    assert_eq!(blocks[40..46], [100, 101, 102, 103, 100, 101]);
    assert_eq!(blocks[52..54], [4, 5]);
    assert_eq!(blocks.last(), Some(&109));
}

#[test]
fn a_restart_goes_on_behind_what_was_sent() {
    let settings = CarouselSettings::new(1, 8_000_000);
    let first = carousel([raptorq(10_000, 1, (1_000, 10))].to_vec());
    let cycle_us = first.cycle_ip_bytes() * 8 / 8;
    let later = START.after(Micros(cycle_us * 5 + cycle_us / 2));
    let entries = [raptorq(10_000, 1, (1_000, 10))].to_vec();
    let second = Carousel::new(settings, entries, later).unwrap();
    assert!((5..=6).contains(&(second.first_cycle - first.first_cycle)));
}

#[test]
fn other_objects_are_announced_at_once_under_a_number_never_used() {
    let mut carousel = carousel([raptorq(10_000, 2, (1_000, 3))].to_vec());
    let instance = |step: Step| match step {
        Step::Fdt(datagram) => Packet::parse(&datagram).unwrap().fdt().unwrap().instance,
        step => panic!("{step:?}"),
    };
    let first = instance(carousel.next(Micros::ZERO, START));
    let before = cycle(&mut carousel);
    carousel.set_entries([raptorq(10_000, 2, (1_000, 3))].to_vec(), START).unwrap();
    assert!(instance(carousel.next(Micros::ZERO, START)) > first);
    let is_repair = |one: &&(u128, Symbol, Datagram)| matches!(one.1, Symbol::Repair { .. });
    let after = cycle(&mut carousel);
    let repair: BTreeSet<u64> =
        before.iter().chain(&after).filter(is_repair).map(|one| one.2.body.start).collect();
    assert_eq!(repair.len(), 12, "fresh repair symbols in both cycles");
    let bad = [no_code(1, 10), no_code(1, 10)].to_vec();
    assert!(carousel.set_entries(bad, START).is_err());
    assert_eq!(cycle(&mut carousel).len(), 106);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let refused = |entry: Entry| {
        Carousel::new(CarouselSettings::new(1, 1_000), [entry].to_vec(), START).unwrap_err()
    };
    let mut bare = no_code(1, 10);
    bare.file.fti = None;
    assert_eq!(refused(bare), EntryError::NoFti { toi: 1 });
    let raptorq_alone = Entry { repair: None, ..raptorq(1_000, 1, (1, 1)) };
    assert!(matches!(refused(raptorq_alone), EntryError::PerBlock { .. }));
    let companion = Scheme::Companion { code: crate::Code::Rs8, block_symbols: 10 };
    let mut companion = entry(1, companion, 1_000, Some((1, 1)));
    companion.repair.as_mut().unwrap().crcs = Arc::new([0]);
    assert_eq!(refused(companion), EntryError::Scheme { encoding_id: 128 });
    let mut wide = no_code(1, 10);
    wide.file.toi = 1 << 32;
    assert_eq!(refused(wide), EntryError::Toi { toi: 1 << 32 });
}
