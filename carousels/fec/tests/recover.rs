//! Any K of N symbols recover, whatever the shape of the object and the memory allowed.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{Dice, Memory, object, recover, repair, with_least_memory};
use proptest::prelude::*;
use stbcast_fec::{
    CodecError, Decoder, Encoder, Geometry, RAPTORQ_SENT_BLOCK_SYMBOLS_MAX, RepairId, Scheme,
};

/// Repair symbols of RaptorQ that the tests have made: it has no end of them.
const RAPTORQ_MADE: u32 = 48;

#[derive(Clone, Debug)]
struct Case {
    geometry: Geometry,
    more_memory: usize,
    seed: u64,
}

prop_compose! {
    fn case(scheme: Scheme)(
        symbols in 1_u32..90,
        symbol_bytes in 1_u16..300,
        last in 0_u16..300,
        block_symbols in 1_u32..40,
        more_memory in 0_usize..100_000,
        seed in 1_u64..,
    ) -> Case {
        let whole = u64::from(symbols) * u64::from(symbol_bytes);
        let length = whole - u64::from(last % symbol_bytes);
        let geometry = Geometry::new(scheme, length, symbol_bytes, block_symbols.min(symbols)).unwrap();
        Case { geometry, more_memory, seed }
    }
}

/// Loses a random part of every block and recovers it from a random choice of repair symbols.
fn loses_and_recovers(case: &Case) {
    let Case { geometry, more_memory, seed } = case;
    let whole = object(geometry.length());
    let mut encoder = with_least_memory(*more_memory, |bytes| Encoder::new(*geometry, bytes));
    let made = repair(&mut encoder, &whole, RAPTORQ_MADE.max(255));
    let mut decoder = with_least_memory(*more_memory, |bytes| Decoder::new(*geometry, bytes));
    let mut memory = Memory::new(whole.clone(), made);
    let mut dice = Dice(*seed);
    for block in 0..geometry.blocks() {
        let source = geometry.source_symbols(block);
        let repair = geometry.repair_symbols(block).min(255);
        let lost = dice.below(source.min(repair) + 1);
        let missing = dice.choose(lost, source);
        let wanted = geometry.still_needed(block, source - lost, 0);
        memory.lose(geometry, block, &missing);
        let held = dice.choose(wanted, repair);
        assert_eq!(geometry.still_needed(block, source - lost, held.len() as u32), 0);
        recover(&mut decoder, block, &missing, &held, repair, &mut memory);
    }
    assert!(memory.object == whole, "{case:?}");
}

proptest! {
    #[test]
    fn any_k_of_n_recover_rs8(case in case(Scheme::Rs8)) {
        loses_and_recovers(&case);
    }

    #[test]
    fn any_k_of_n_recover_rs16(case in case(Scheme::Rs16)) {
        loses_and_recovers(&case);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_k_and_one_more_recover_raptorq(case in case(Scheme::Raptorq)) {
        loses_and_recovers(&case);
    }
}

/// The largest block there is, in each scheme, with the most that can be missing, in little memory.
#[test]
fn the_largest_blocks_recover_from_the_most_that_can_be_missing() {
    for (scheme, most_symbols, symbol_bytes, memory) in [
        (Scheme::Rs8, u32::MAX, 1_428, 16_384),
        (Scheme::Rs16, u32::MAX, 66, 2 << 20),
        (Scheme::Raptorq, RAPTORQ_SENT_BLOCK_SYMBOLS_MAX, 66, 16 << 20),
    ] {
        let block_symbols = scheme.block_symbols_max().min(most_symbols);
        let length = u64::from(block_symbols) * u64::from(symbol_bytes) - 1;
        let geometry = Geometry::new(scheme, length, symbol_bytes, block_symbols).unwrap();
        let whole = object(length);
        let made =
            repair(&mut Encoder::new(geometry, 16 << 20).unwrap(), &whole, block_symbols + 9);
        let mut decoder = Decoder::new(geometry, memory).unwrap();
        let mut store = Memory::new(whole.clone(), made);
        let most = geometry.repair_symbols(0).min(block_symbols);
        let missing = Dice(7).choose(most, block_symbols);
        // One range: a list of thousands would make the check of reads slow, not better.
        store.lose(&geometry, 0, &missing);
        store.lost.clear();
        store.lost.push(0..length);
        let mut store = Unchecked(store);
        let held: Vec<u32> = (0..geometry.still_needed(0, block_symbols - most, 0)).collect();
        decoder.recover(0, &missing, &held, &mut store).unwrap();
        assert!(store.0.object == whole, "{scheme}");
    }
}

/// Storage that lets every read through.
struct Unchecked(Memory);

impl stbcast_fec::Store for Unchecked {
    type Error = &'static str;

    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error> {
        into.copy_from_slice(&self.0.object[offset as usize..offset as usize + into.len()]);
        Ok(())
    }

    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Self::Error> {
        self.0.read_repair(repair, offset, into)
    }

    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write_source(offset, bytes)
    }
}

#[test]
fn stripes_of_every_width_make_the_same_repair_symbols() {
    for scheme in [Scheme::Rs8, Scheme::Rs16] {
        let geometry = Geometry::new(scheme, 23 * 391 - 5, 391, 12).unwrap();
        let whole = object(geometry.length());
        let one = repair(&mut Encoder::new(geometry, 1 << 20).unwrap(), &whole, u32::MAX);
        for more in [0, 64, 128, 192, 320].map(|columns| columns * 255) {
            let mut encoder = with_least_memory(more, |bytes| Encoder::new(geometry, bytes));
            assert!(repair(&mut encoder, &whole, u32::MAX) == one, "{scheme} {more}");
        }
        assert_eq!(one.values().map(Vec::len).max(), Some(geometry.repair_bytes()));
    }
}

/// A slice cut in parts is a row of symbols like any other.
#[test]
fn slices_cut_into_several_symbols_recover_whole() {
    let geometry =
        Geometry::plan(stbcast_fec::Choice::Rs16Small, 300 * 1_456 - 1_000, 1_456, 1_428).unwrap();
    assert_eq!((geometry.symbol_bytes(), geometry.symbols()), (728, 599));
    let whole = object(geometry.length());
    let made = repair(&mut Encoder::new(geometry, 1 << 20).unwrap(), &whole, u32::MAX);
    let mut store = Memory::new(whole.clone(), made);
    // Slices 0, 7 and 298 are lost, and the last, which is shorter than a symbol.
    let missing = [0, 1, 14, 15, 596, 597, 598];
    store.lose(&geometry, 0, &missing);
    let mut decoder = Decoder::new(geometry, 1 << 20).unwrap();
    decoder.recover(0, &missing, &[0, 1, 2, 100, 101, 102, 199], &mut store).unwrap();
    assert!(store.object == whole);
}

#[test]
fn a_forged_symbol_spoils_what_its_own_block_recovers_and_nothing_else() {
    for scheme in [Scheme::Rs8, Scheme::Rs16, Scheme::Raptorq] {
        let geometry = Geometry::new(scheme, 60 * 100, 100, 20).unwrap();
        let whole = object(geometry.length());
        let mut made = repair(&mut Encoder::new(geometry, 1 << 20).unwrap(), &whole, 30);
        let repairs = geometry.repair_symbols(0).min(8);
        let truth = made.clone();
        made.insert(RepairId { block: 1, index: 2 }, vec![0xff; geometry.repair_bytes()]);
        let mut store = Memory::new(whole.clone(), made);
        let mut decoder = Decoder::new(geometry, 1 << 20).unwrap();
        let (missing, held) = ([3, 4, 11], [0, 1, 2, 3, 4]);
        for block in 0..3 {
            store.lose(&geometry, block, &missing);
            decoder.recover(block, &missing, &held, &mut store).unwrap();
        }
        for symbol in 0..geometry.symbols() {
            let place = geometry.place(symbol).unwrap();
            let spoilt = place.block == 1 && missing.contains(&place.index);
            let range = geometry.bytes(symbol);
            let range = range.start as usize..range.end as usize;
            let equal = store.object[range.clone()] == whole[range];
            assert!(equal || spoilt, "{scheme} symbol {symbol}");
        }
        assert!(store.object != whole, "{scheme}");
        // Told apart by its digest and left out, the block recovers.
        store.repair = truth;
        let others: Vec<u32> = (0..repairs).filter(|&index| index != 2).collect();
        decoder.recover(1, &missing, &others, &mut store).unwrap();
        assert!(store.object == whole, "{scheme}");
    }
}

#[test]
fn a_store_that_fails_is_told_and_the_next_try_works() {
    for scheme in [Scheme::Rs8, Scheme::Rs16, Scheme::Raptorq] {
        let geometry = Geometry::new(scheme, 3_000, 100, 30).unwrap();
        let whole = object(geometry.length());
        let made = repair(&mut Encoder::new(geometry, 1 << 20).unwrap(), &whole, 9);
        let mut store = Memory::new(whole.clone(), made);
        store.lose(&geometry, 0, &[5, 6]);
        let mut decoder = with_least_memory(0, |bytes| Decoder::new(geometry, bytes));
        let error = decoder.recover(0, &[5], &[0, 3], &mut store).unwrap_err();
        assert_eq!(error, CodecError::Store("read of a source symbol that is missing"));
        decoder.recover(0, &[5, 6], &[0, 3, 4, 5], &mut store).unwrap();
        assert!(store.object == whole, "{scheme}");
    }
}

#[test]
fn nothing_missing_asks_for_nothing() {
    let geometry = Geometry::new(Scheme::Rs16, 3_000, 100, 30).unwrap();
    let mut store = Memory::new(Vec::new(), Default::default());
    Decoder::new(geometry, 1 << 20).unwrap().recover(0, &[], &[], &mut store).unwrap();
}
