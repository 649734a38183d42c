//! Golden vectors: what another implementation must compute too. `tests/vectors/README.md` tells
//! how they are made.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use common::{object, repair};
use stbcast_fec::{Encoder, Geometry, Scheme};

/// Name, scheme, length, symbol bytes, K0, and how many repair symbols of each block are told.
const VECTORS: [(&str, Scheme, u64, u16, u32, u32); 7] = [
    ("rs8-one-block", Scheme::Rs8, 16 * 40 - 7, 40, 16, 8),
    ("rs8-short-block", Scheme::Rs8, 23 * 33 - 1, 33, 8, 6),
    ("rs8-200", Scheme::Rs8, 200 * 4, 4, 200, 55),
    ("rs16-short-block", Scheme::Rs16, 23 * 72 - 5, 72, 12, 4),
    ("rs16-odd-symbols", Scheme::Rs16, 20 * 67, 67, 20, 8),
    ("rs16-1498", Scheme::Rs16, 1_498 * 2, 2, 1_498, 512),
    ("raptorq-two-blocks", Scheme::Raptorq, 31 * 24 - 3, 24, 16, 6),
];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{name}.txt"))
}

fn text(
    (name, scheme, length, symbol_bytes, block_symbols, told): &(&str, Scheme, u64, u16, u32, u32),
) -> String {
    let geometry = Geometry::new(*scheme, *length, *symbol_bytes, *block_symbols).unwrap();
    let made = repair(&mut Encoder::new(geometry, 16 << 20).unwrap(), &object(*length), *told);
    let mut text = format!("# {name}\n");
    writeln!(text, "scheme {scheme}").unwrap();
    writeln!(text, "length {length}").unwrap();
    writeln!(text, "symbol_bytes {symbol_bytes}").unwrap();
    writeln!(text, "block_symbols {block_symbols}").unwrap();
    writeln!(text, "blocks {}", geometry.blocks()).unwrap();
    for (id, symbol) in made {
        let wire = geometry.payload_id(id).unwrap();
        write!(text, "repair {} {} ", wire.block, wire.symbol).unwrap();
        symbol.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text.push('\n');
    }
    text
}

#[test]
fn repair_symbols_are_those_of_the_vectors() {
    for vector in &VECTORS {
        let stored = fs::read_to_string(path(vector.0)).unwrap();
        assert!(stored == text(vector), "{} changed: a new code, not a new vector", vector.0);
    }
}

/// `cargo test -p stbcast-fec --test vectors -- --ignored` after adding one to the table.
#[test]
#[ignore = "writes the files that the other test compares with"]
fn write_vectors() {
    for vector in &VECTORS {
        fs::write(path(vector.0), text(vector)).unwrap();
    }
}
