//! What `stbcast-fec` encodes and `stbcast-flute` frames is what `carousels/PROTOCOL.md` draws: the
//! codes and the datagrams are made here a second time, from that text alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use proptest::sample::Index;
use stbcast_fec::{Decoder, Encoder, Geometry, RepairId, Scheme, Store};
use stbcast_flute::fdt::File;
use stbcast_flute::{
    CompanionSession, CompanionSettings, Entry, Event, FdtSettings, Fti, Repair, Session, Share,
    Step, Symbol, crc32,
};
use stbcast_object::Micros;

const TOI: u32 = 0x0102_0304;
const WALL: Micros = Micros::from_secs(1_790_000_000);

/// A box that has lost `missing` source symbols and holds `repair`.
struct Held {
    object: Vec<u8>,
    repair: BTreeMap<RepairId, Vec<u8>>,
}

impl Store for Held {
    type Error = Infallible;

    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Infallible> {
        into.copy_from_slice(&self.object[offset as usize..][..into.len()]);
        Ok(())
    }

    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Infallible> {
        into.copy_from_slice(&self.repair[&repair][offset..][..into.len()]);
        Ok(())
    }

    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.object[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// All repair symbols of an object, in the order of a headend's store.
fn encoded(geometry: Geometry, object: &[u8]) -> Vec<(RepairId, Vec<u8>)> {
    let mut encoder = Encoder::new(geometry, 16 << 20).unwrap();
    let mut made: BTreeMap<RepairId, Vec<u8>> = BTreeMap::new();
    for block in 0..geometry.blocks() {
        for columns in encoder.stripes() {
            let bytes =
                |range: std::ops::Range<u64>| &object[range.start as usize..range.end as usize];
            let emit = |index, stripe: &[u8]| {
                made.entry(RepairId { block, index }).or_default().extend_from_slice(stripe);
                Ok::<_, Infallible>(())
            };
            encoder.encode(block, columns, 0..geometry.repair_symbols(block), bytes, emit).unwrap();
        }
    }
    made.into_iter().collect()
}

/// A repair datagram, byte by byte as sections 1 and 4.1 of the document draw it.
fn drawn(geometry: &Geometry, id: RepairId, symbol: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x10, 0xa0, 8, 128, 0, 0, 0, 0, 0, 0, 0, 1];
    datagram.extend(TOI.to_be_bytes());
    datagram.extend([0x40, 4]);
    datagram.extend(&geometry.length().to_be_bytes()[2..]);
    datagram.extend(if geometry.scheme() == Scheme::Rs8 { [0x53, 1] } else { [0x53, 2] });
    datagram.extend(geometry.symbol_bytes().to_be_bytes());
    datagram.extend(geometry.block_symbols().to_be_bytes());
    datagram.extend(id.block.to_be_bytes());
    datagram.extend((geometry.block_symbols() + id.index).to_be_bytes());
    datagram.extend(symbol);
    let crc = crc32fast::hash(&datagram);
    datagram.extend(crc.to_be_bytes());
    datagram
}

/// One round of the companion: each repair symbol once, as the datagrams that are sent.
fn sent(fti: Fti, symbols: &[(RepairId, Vec<u8>)]) -> Vec<Vec<u8>> {
    let store: Vec<u8> = symbols.iter().flat_map(|(_, symbol)| symbol).copied().collect();
    let repair = Repair {
        store: 0,
        per_block: symbols.len() as u32 / fti.blocks(),
        per_cycle: 0,
        crcs: symbols.iter().map(|(_, symbol)| crc32(symbol)).collect(),
    };
    let file = File::new("infocast://239.255.2.11:22222/boot", TOI).unwrap().with_fti(fti);
    let entry = Entry { file, object: 1, repair: Some(repair) };
    let (fdt, share) = (FdtSettings::new(1), Share::ALL);
    let settings = CompanionSettings { fdt, symbols_per_1000_s: 1_000_000, share };
    let mut session = CompanionSession::new(settings, vec![entry], WALL).unwrap();
    let mut datagrams = Vec::new();
    while datagrams.len() < symbols.len() {
        if let Step::Datagram(parts) = session.next(Micros::ZERO, WALL) {
            assert_eq!(parts.object, 0, "repair symbols come from the store");
            let body = &store[parts.body.start as usize..parts.body.end as usize];
            datagrams.push([&parts.head, body, &parts.tail].concat());
        }
    }
    datagrams
}

/// What a box holds after these datagrams, by SBN and repair index.
fn received(geometry: &Geometry, datagrams: &[Vec<u8>]) -> BTreeMap<RepairId, Vec<u8>> {
    let mut session = Session::new(Some(1));
    let mut held = BTreeMap::new();
    for datagram in datagrams {
        let event = session.push([192, 0, 2, 1].into(), datagram, None);
        let Ok(Event::Symbol(symbol)) = event else { panic!("{event:?}") };
        let Symbol::Repair { block, index } = symbol.symbol else { panic!("{symbol:?}") };
        assert_eq!(symbol.fti.geometry(), Some(*geometry), "a datagram says the whole geometry");
        held.insert(RepairId { block, index }, symbol.bytes.to_vec());
    }
    held
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_object_comes_back_from_any_k_of_n_symbols_in_the_datagrams_of_the_document(
        scheme in prop_oneof![Just(Scheme::Rs8), Just(Scheme::Rs16)],
        object in prop::collection::vec(any::<u8>(), 1..1_500),
        symbol_bytes in prop_oneof![1..9u16, 60..70u16, 128..134u16],
        number in 1..24u32, seed: [Index; 8],
    ) {
        let geometry = Geometry::new(scheme, object.len() as u64, symbol_bytes, number);
        let Ok(geometry) = geometry else { return Ok(()) };
        let fti = Fti::of_geometry(geometry);
        let symbols = encoded(geometry, &object);
        let datagrams = sent(fti, &symbols);
        let by_document: BTreeMap<Vec<u8>, RepairId> =
            symbols.iter().map(|(id, symbol)| (drawn(&geometry, *id, symbol), *id)).collect();
        for datagram in &datagrams {
            prop_assert!(by_document.contains_key(datagram), "{datagram:02x?}");
        }
        let mut store = Held { object: object.clone(), repair: received(&geometry, &datagrams) };
        prop_assert_eq!(store.repair.len(), by_document.len(), "a round has each symbol once");
        let mut decoder = Decoder::new(geometry, 16 << 20).unwrap();
        for block in 0..geometry.blocks() {
            let (own, most) = (geometry.source_symbols(block), geometry.repair_symbols(block));
            // As many as can be lost, or one of them, at places that the seed says.
            let lost = 1 + seed[0].index(own.min(most) as usize) as u32;
            let some = |count: u32, end: u32, seed: &[Index]| -> Vec<u32> {
                let mut all: Vec<u32> = (0..end).collect();
                let at = |n: u32| seed[n as usize % seed.len()].index((end - n) as usize);
                (0..count).map(|n| all.remove(at(n))).collect()
            };
            let (mut missing, mut repair) = (some(lost, own, &seed[1..4]), some(lost, most, &seed[4..]));
            missing.sort_unstable();
            repair.sort_unstable();
            for &index in &missing {
                let range = geometry.bytes(geometry.symbol(block, index).unwrap());
                store.object[range.start as usize..range.end as usize].fill(0xee);
            }
            let held = store.repair.clone();
            store.repair.retain(|id, _| id.block == block && repair.contains(&id.index));
            decoder.recover(block, &missing, &repair, &mut store).unwrap();
            store.repair = held;
        }
        prop_assert!(store.object == object);
    }
}

// --- The codes, a second time --------------------------------------------------------------------

/// A field whose elements are words.
trait Field {
    fn times(&self, one: u32, other: u32) -> u32;
    fn order(&self) -> u32;

    fn inverse(&self, of: u32) -> u32 {
        let (mut result, mut power, mut exponent) = (1, of, self.order() - 2);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.times(result, power);
            }
            power = self.times(power, power);
            exponent >>= 1;
        }
        result
    }

    /// The polynomial of degree below `values.len()` with these values at the points from `first`
    /// on, at another point.
    fn value(&self, first: u32, values: &[u32], at: u32) -> u32 {
        let points = || (first..).take(values.len());
        let term = |(point, value): (u32, &u32)| {
            let (mut above, mut below) = (*value, 1);
            for other in points().filter(|other| *other != point) {
                above = self.times(above, at ^ other);
                below = self.times(below, point ^ other);
            }
            self.times(above, self.inverse(below))
        };
        points().zip(values).map(term).fold(0, |sum, term| sum ^ term)
    }
}

/// Product of two polynomials over GF(2) modulo `modulus` of degree `bits`.
fn product(one: u32, other: u32, bits: u32, modulus: u32) -> u32 {
    (0..bits).rev().fold(0, |sum, bit| {
        let doubled = sum << 1;
        let reduced = if doubled >> bits & 1 == 1 { doubled ^ modulus } else { doubled };
        reduced ^ if other >> bit & 1 == 1 { one } else { 0 }
    })
}

/// GF(2^8) of section 4.2.
struct Field8;

impl Field for Field8 {
    fn times(&self, one: u32, other: u32) -> u32 {
        product(one, other, 8, 0x11d)
    }

    fn order(&self) -> u32 {
        1 << 8
    }
}

/// GF(2^16) of section 4.3: words are sums of base elements.
struct Field16 {
    word_of: Vec<u16>,
}

const BASE: [u32; 16] = [
    0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900,
    0xfdb8, 0xfb34, 0xff38, 0x991e,
];

fn element(word: u32) -> u32 {
    (0..16).filter(|bit| word >> bit & 1 == 1).fold(0, |sum, bit| sum ^ BASE[bit])
}

impl Field16 {
    fn new() -> Self {
        let mut word_of = vec![0; 1 << 16];
        (0..=u16::MAX).for_each(|word| word_of[element(u32::from(word)) as usize] = word);
        Self { word_of }
    }
}

impl Field for Field16 {
    fn times(&self, one: u32, other: u32) -> u32 {
        let product = product(element(one), element(other), 16, 0x1_002d);
        u32::from(self.word_of[product as usize])
    }

    fn order(&self) -> u32 {
        1 << 16
    }
}

/// The source symbols that block `block` is coded from: K0 of them, padded with zeros.
fn coded_from(geometry: &Geometry, object: &[u8], block: u32) -> Vec<Vec<u8>> {
    let (symbols, blocks) = (geometry.symbols(), geometry.blocks());
    let symbol = |position: u32| {
        let index = block + position * blocks;
        let start = index as usize * usize::from(geometry.symbol_bytes());
        let mut bytes = if index < symbols { object[start..].to_vec() } else { Vec::new() };
        bytes.resize(usize::from(geometry.symbol_bytes()), 0);
        bytes
    };
    (0..geometry.block_symbols()).map(symbol).collect()
}

/// Section 4.2.
fn rs8_symbol(sources: &[Vec<u8>], repair: u32) -> Vec<u8> {
    let k0 = sources.len() as u32;
    let column = |at: usize| {
        let values: Vec<u32> = sources.iter().map(|source| u32::from(source[at])).collect();
        Field8.value(0, &values, k0 + repair) as u8
    };
    (0..sources[0].len()).map(column).collect()
}

/// The places of the two bytes of each word: 32 words in 64 bytes, fewer in the last part.
fn words(bytes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..bytes).step_by(64).flat_map(move |start| {
        let half = (bytes - start).min(64) / 2;
        (start..start + half).map(move |low| (low, low + half))
    })
}

/// Section 4.3.
fn rs16_symbol(field: &Field16, sources: &[Vec<u8>], repair: u32) -> Vec<u8> {
    let m = (sources.len() as u32).div_ceil(3).next_power_of_two();
    let even: Vec<Vec<u8>> = sources
        .iter()
        .map(|source| {
            let mut source = source.clone();
            source.resize(source.len().next_multiple_of(2), 0);
            source
        })
        .collect();
    let mut symbol = vec![0; even[0].len()];
    for (low, high) in words(symbol.len()) {
        let value = |source: &Vec<u8>| u32::from(source[low]) | u32::from(source[high]) << 8;
        let mut values: Vec<u32> = even.iter().map(value).collect();
        values.resize(values.len().next_multiple_of(m as usize), 0);
        let part = |(number, part): (u32, &[u32])| field.value(m + number * m, part, repair);
        let word = (0..).zip(values.chunks(m as usize)).map(part).fold(0, |sum, word| sum ^ word);
        (symbol[low], symbol[high]) = (word as u8, (word >> 8) as u8);
    }
    symbol
}

#[test]
fn repair_symbols_are_those_that_the_document_defines() {
    let field = Field16::new();
    let object: Vec<u8> =
        (1..=1_400u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    // Length, E and K0: one block, short blocks, odd symbols, symbols of more than 64 bytes.
    for (length, symbol_bytes, block_symbols) in [
        (1, 1, 1),
        (40, 2, 20),
        (229, 10, 8),
        (757, 33, 12),
        (1_340, 67, 20),
        (1_399, 130, 11),
        (300, 100, 2),
    ] {
        for scheme in [Scheme::Rs8, Scheme::Rs16] {
            let geometry = Geometry::new(scheme, length, symbol_bytes, block_symbols).unwrap();
            let object = &object[..length as usize];
            for (id, symbol) in encoded(geometry, object) {
                if id.index > 9 && id.index < geometry.repair_symbols(0) - 1 {
                    continue;
                }
                let sources = coded_from(&geometry, object, id.block);
                let wanted = match scheme {
                    Scheme::Rs8 => rs8_symbol(&sources, id.index),
                    _ => rs16_symbol(&field, &sources, id.index),
                };
                assert_eq!(symbol, wanted, "{scheme} {length} {symbol_bytes} {id:?}");
            }
        }
    }
}
