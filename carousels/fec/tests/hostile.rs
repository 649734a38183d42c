//! Numbers from the network: refused or bounded, never a panic, never memory out of proportion.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::convert::Infallible;

use common::{Memory, object, repair, with_least_memory};
use proptest::prelude::*;
use stbcast_fec::{
    BLOCKS_MAX, Choice, CodecError, Decoder, Encoder, Geometry, GeometryError, IdError, PayloadId,
    SYMBOLS_MAX, Scheme, SetupError, SymbolId,
};

const SCHEMES: [Scheme; 3] = [Scheme::Rs8, Scheme::Rs16, Scheme::Raptorq];

/// Numbers of every size, and their neighbours.
fn any_size() -> impl Strategy<Value = u64> {
    (0_u32..64, any::<u64>()).prop_map(|(shift, value)| value >> shift)
}

fn consistent(geometry: &Geometry, probe: u64) {
    assert!(geometry.symbols() <= SYMBOLS_MAX && geometry.blocks() <= BLOCKS_MAX);
    assert!(geometry.block_symbols() <= geometry.scheme().block_symbols_max());
    let last = geometry.symbols() - 1;
    for symbol in [0, (probe % u64::from(geometry.symbols())) as u32, last] {
        let place = geometry.place(symbol).unwrap();
        assert!(place.index < geometry.source_symbols(place.block));
        assert_eq!(geometry.symbol(place.block, place.index), Some(symbol));
        let id = geometry.source_payload_id(symbol).unwrap();
        assert_eq!(geometry.identify(id), Ok(SymbolId::Source(symbol)));
        assert!(!geometry.bytes(symbol).is_empty());
    }
    assert_eq!(geometry.bytes(last).end, geometry.length());
    let first_and_last = [0, geometry.blocks() - 1].map(|block| geometry.source_symbols(block));
    assert!(first_and_last[0] <= geometry.block_symbols() && first_and_last[1] > 0);
    let repair = geometry.repair_at(probe);
    let id = geometry.payload_id(repair).unwrap();
    assert_eq!(geometry.identify(id), Ok(SymbolId::Repair(repair)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_numbers_are_refused_or_make_sense(
        scheme in prop::sample::select(SCHEMES.to_vec()),
        length in any_size(),
        symbol_bytes in any::<u16>(),
        block_symbols in any_size(),
        probe in any::<u64>(),
    ) {
        let block_symbols = block_symbols as u32;
        if let Ok(geometry) = Geometry::new(scheme, length, symbol_bytes, block_symbols) {
            consistent(&geometry, probe);
        }
        if let Ok(geometry) = Geometry::raptorq(length, symbol_bytes, block_symbols) {
            consistent(&geometry, probe);
        }
        for choice in Choice::ALL {
            if let Ok(geometry) = Geometry::plan(choice, length, symbol_bytes, probe as u16) {
                consistent(&geometry, probe);
                prop_assert!(geometry.repair_bytes() <= usize::from(probe as u16));
            }
        }
    }

    #[test]
    fn any_question_has_an_answer(
        scheme in prop::sample::select(SCHEMES.to_vec()),
        length in 1_u64..1 << 30,
        symbol_bytes in 100_u16..,
        block_symbols in 1_u32..200,
        a in any_size(),
        b in any_size(),
        c in any_size(),
    ) {
        let Ok(geometry) = Geometry::new(scheme, length, symbol_bytes, block_symbols) else {
            return Ok(());
        };
        let (block, index, other) = (a as u32, b as u32, c as u32);
        let _ = (geometry.place(block), geometry.symbol(block, index), geometry.bytes(block));
        let _ = geometry.stripe(block, index, &(a as usize..b as usize));
        prop_assert!(geometry.still_needed(block, index, other) <= geometry.block_symbols() + 1);
        let id = PayloadId { block, symbol: index };
        match geometry.identify(id) {
            Ok(SymbolId::Source(symbol)) => {
                prop_assert_eq!(geometry.source_payload_id(symbol), Some(id));
            }
            Ok(SymbolId::Repair(repair)) => prop_assert_eq!(geometry.payload_id(repair), Some(id)),
            Err(IdError::Block { .. }) => prop_assert!(block >= geometry.blocks()),
            Err(_) => prop_assert!(index >= geometry.source_symbols(block)),
        }
    }

    #[test]
    fn every_symbol_is_in_one_place(
        scheme in prop::sample::select(SCHEMES.to_vec()),
        length in 1_u64..3_000,
        symbol_bytes in 1_u16..20,
        block_symbols in 1_u32..200,
    ) {
        let Ok(geometry) = Geometry::new(scheme, length, symbol_bytes, block_symbols) else {
            return Ok(());
        };
        let mut all: Vec<u32> = (0..geometry.blocks())
            .flat_map(|block| (0..geometry.block_symbols()).map(move |index| (block, index)))
            .filter_map(|(block, index)| geometry.symbol(block, index))
            .collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..geometry.symbols()).collect::<Vec<_>>());
    }
}

#[test]
fn absurd_numbers_are_refused_by_name() {
    use GeometryError as E;
    let new = |length, bytes, k| Geometry::new(Scheme::Rs8, length, bytes, k).unwrap_err();
    assert_eq!(new(0, 1_400, 200), E::Empty);
    assert_eq!(new(1, 0, 200), E::SymbolBytes);
    assert_eq!(new(u64::MAX, 1, 200), E::TooManySymbols { length: u64::MAX, symbol_bytes: 1 });
    assert!(matches!(new((1 << 24) + 1, 1, 200), E::TooManySymbols { .. }));
    assert_eq!(new(1_000, 10, 0), E::BlockSymbols { scheme: Scheme::Rs8, block_symbols: 0 });
    assert_eq!(new(1_000, 10, 201), E::BlockSymbols { scheme: Scheme::Rs8, block_symbols: 201 });
    assert_eq!(new(1_000, 10, 101), E::LongBlock { block_symbols: 101, symbols: 100 });
    assert!(matches!(new(1 << 24, 1, 1), E::TooManyBlocks { max: BLOCKS_MAX, .. }));
    let raptorq = |length, blocks| Geometry::raptorq(length, 10, blocks).unwrap_err();
    assert!(matches!(raptorq(50, 6), E::TooManyBlocks { max: 5, .. }));
    assert!(matches!(raptorq(50, 0), E::TooManyBlocks { .. }));
    assert!(matches!(raptorq(1 << 20, 256), E::TooManyBlocks { max: 255, .. }));
    assert!(matches!(raptorq(1 << 20, 1), E::BlockSymbols { block_symbols: 104_858, .. }));
}

/// Peak heap of setting up and decoding, in the worst of the geometries a header can ask for.
#[test]
fn heap_stays_within_what_was_allowed() {
    // The tables of rs16 are told apart; let them be built first.
    let warm = Geometry::new(Scheme::Rs16, 100, 10, 10).unwrap();
    repair(&mut Encoder::new(warm, 1 << 20).unwrap(), &object(100), 1);
    for (scheme, bytes, k) in [
        (Scheme::Rs8, 1_428, 127),
        (Scheme::Rs16, 300, 6_144),
        (Scheme::Raptorq, 1_428, 1_024),
        (Scheme::Raptorq, 10, 1_024),
        (Scheme::Raptorq, 1_428, 30),
    ] {
        let geometry = Geometry::new(scheme, u64::from(k) * u64::from(bytes), bytes, k).unwrap();
        let whole = object(geometry.length());
        let made = repair(&mut Encoder::new(geometry, 64 << 20).unwrap(), &whole, k + 1);
        let lost = geometry.repair_symbols(0).min(k);
        let missing: Vec<u32> = (k - lost..k).collect();
        let held: Vec<u32> = (0..geometry.still_needed(0, k - lost, 0)).collect();
        let mut store = Memory::new(whole.clone(), made);
        store.object[(k - lost) as usize * usize::from(bytes)..].fill(0);
        store.lost.push(u64::from(k - lost) * u64::from(bytes)..geometry.length());
        let mut allowed = 0;
        let peak = allocation_counter::measure(|| {
            let mut decoder = with_least_memory(0, |bytes| {
                allowed = bytes;
                Decoder::new(geometry, bytes)
            });
            decoder.recover(0, &missing, &held, &mut store).unwrap();
        })
        .bytes_max;
        assert!(store.object == whole, "{scheme}");
        // Lists, matrices and rows of rs8 and bits of rs16 are small change.
        let allowed = allowed as u64 + 160 * 1_024;
        assert!(peak <= allowed, "{scheme} {bytes} x {k}: {peak} of {allowed}");
        println!("{scheme} {bytes} x {k}: {peak} of {allowed}");
    }
}

#[test]
fn questions_to_the_encoder_that_make_no_sense_are_refused() {
    let geometry = Geometry::new(Scheme::Rs16, 3_000, 100, 10).unwrap();
    let whole = object(3_000);
    let mut encoder = with_least_memory(0, |bytes| Encoder::new(geometry, bytes));
    let mut ask = |block, columns, repairs, short: usize| {
        encoder.encode(
            block,
            columns,
            repairs,
            |range| &whole[range.start as usize + short..range.end as usize],
            |_, _| Ok::<_, Infallible>(()),
        )
    };
    assert_eq!(ask(3, 0..64, 0..1, 0), Err(CodecError::Block { block: 3, blocks: 3 }));
    assert_eq!(ask(0, 0..100, 0..1, 0), Err(CodecError::Columns { start: 0, end: 100 }));
    assert_eq!(ask(0, 32..64, 0..1, 0), Err(CodecError::Columns { start: 32, end: 64 }));
    assert_eq!(ask(0, 0..64, 0..5, 0), Err(CodecError::Symbol { index: 4 }));
    assert_eq!(ask(0, 0..64, 0..4, 1), Err(CodecError::Object { bytes: 63, wanted: 64 }));
    assert_eq!(ask(0, 64..100, 0..4, 0), Ok(()));
}

#[test]
fn too_little_memory_is_refused_before_any_is_taken() {
    let geometry = Geometry::new(Scheme::Rs16, 24_576 * 1_400, 1_400, 24_576).unwrap();
    let needed_bytes = 2 << 20;
    let error = Decoder::new(geometry, needed_bytes - 1).err();
    let given_bytes = needed_bytes - 1;
    assert_eq!(error, Some(SetupError::Memory { scheme: Scheme::Rs16, needed_bytes, given_bytes }));
    assert_eq!(Decoder::new(geometry, needed_bytes).unwrap().passes(), 22);
    assert_eq!(Decoder::new(geometry, 8 << 20).unwrap().passes(), 6);
    // The longest block that RFC 6330 has is legal to ask for, and asks too much.
    let longest = Geometry::raptorq(56_403 * 1_400, 1_400, 1).unwrap();
    let refused = Decoder::new(longest, 1 << 30).err();
    assert!(matches!(refused, Some(SetupError::Memory { .. })), "{refused:?}");
}
