//! The geometry of repair symbols.

use stbcast_fec::{Choice, Geometry, PayloadId, Scheme, SymbolId};

use super::Script;

/// Numbers of an object as a header states them, then symbols and payload ids: each is in its place
/// or refused, and there and back is the same.
pub fn fec_geometry(data: &[u8]) {
    let mut script = Script(data);
    let kind = script.byte().unwrap_or(0);
    let length = number(&mut script, 5);
    let symbol_bytes = (number(&mut script, 2) & 0xffff) as u16;
    let count = (number(&mut script, 4) & 0xffff_ffff) as u32;
    let made = match kind % 6 {
        0 => Geometry::new(Scheme::Rs8, length, symbol_bytes, count),
        1 => Geometry::new(Scheme::Rs16, length, symbol_bytes, count),
        2 => Geometry::new(Scheme::Raptorq, length, symbol_bytes, count),
        3 => Geometry::raptorq(length, symbol_bytes, count),
        _ => {
            let choice = Choice::ALL[count as usize % Choice::ALL.len()];
            Geometry::plan(choice, length, symbol_bytes, 1_428)
        }
    };
    let Ok(geometry) = made else { return };
    assert_whole(&geometry);
    while !script.0.is_empty() {
        let word = (number(&mut script, 4) & 0xffff_ffff) as u32;
        assert_symbol(&geometry, word);
        assert_symbol(&geometry, word % geometry.symbols());
        let block = word % geometry.blocks();
        let symbol = (number(&mut script, 4) & 0xffff_ffff) as u32;
        assert_id(&geometry, PayloadId { block: word, symbol });
        assert_id(&geometry, PayloadId { block, symbol });
        let near = symbol % (2 * geometry.block_symbols());
        assert_id(&geometry, PayloadId { block, symbol: near });
        let turn = geometry.repair_at(u64::from(word) << 32 | u64::from(symbol));
        assert!(geometry.payload_id(turn).is_some());
    }
}

fn number(script: &mut Script<'_>, bytes: usize) -> u64 {
    script.take(bytes).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The blocks hold each source symbol once, and the symbols each byte.
fn assert_whole(geometry: &Geometry) {
    let (symbols, blocks) = (geometry.symbols(), geometry.blocks());
    let scheme = geometry.scheme();
    assert!(geometry.block_symbols() <= scheme.block_symbols_max());
    assert_eq!(Scheme::from_ids(scheme.encoding_id(), scheme.instance_id()), Some(scheme));
    let counted: u64 = (0..blocks).map(|block| u64::from(geometry.source_symbols(block))).sum();
    assert_eq!(counted, u64::from(symbols));
    for block in [0, blocks / 2, blocks - 1] {
        let own = geometry.source_symbols(block);
        assert!((1..=geometry.block_symbols()).contains(&own));
        assert!(geometry.repair_symbols(block) > 0);
        assert_eq!(geometry.symbol(block, own), None);
        assert_eq!(geometry.still_needed(block, own, 0), 0);
        assert!(geometry.still_needed(block, own - 1, 0) > 0);
    }
    assert_eq!((geometry.source_symbols(blocks), geometry.repair_symbols(blocks)), (0, 0));
    assert_eq!(geometry.bytes(0).start, 0);
    assert_eq!(geometry.bytes(symbols - 1).end, geometry.length());
}

fn assert_symbol(geometry: &Geometry, symbol: u32) {
    let Some(place) = geometry.place(symbol) else {
        assert!(symbol >= geometry.symbols() && geometry.bytes(symbol).is_empty());
        return assert_eq!(geometry.source_payload_id(symbol), None);
    };
    assert!(place.index < geometry.source_symbols(place.block));
    assert_eq!(geometry.symbol(place.block, place.index), Some(symbol));
    let bytes = geometry.bytes(symbol);
    assert!(bytes.start < bytes.end && bytes.end <= geometry.length());
    let columns = 0..geometry.repair_bytes();
    assert_eq!(geometry.stripe(place.block, place.index, &columns), bytes);
    let id = geometry.source_payload_id(symbol).expect("a symbol has a name");
    assert_eq!(geometry.identify(id), Ok(SymbolId::Source(symbol)));
}

fn assert_id(geometry: &Geometry, id: PayloadId) {
    match geometry.identify(id) {
        Ok(SymbolId::Source(symbol)) => assert_eq!(geometry.source_payload_id(symbol), Some(id)),
        Ok(SymbolId::Repair(repair)) => assert_eq!(geometry.payload_id(repair), Some(id)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
