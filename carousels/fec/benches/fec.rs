//! Codec speed as a ratio to a memcpy of 64 MiB in the same process, so that it means the same on
//! every machine:
//!
//! ```text
//! cargo bench -p stbcast-fec --bench fec
//! cargo bench -p stbcast-fec --bench fec --no-default-features      without vector instructions
//! ```
//!
//! MiB/s are source bytes in a second of the thread's processor time; the best of several runs.
//! Symbols of 1,400 bytes, a new pattern of losses for each block and run. Heap is the peak of one run
//! without symbols held by the caller and without the static tables of rs16. The bare crates beside
//! ours choose their instructions themselves, where their name does not say another thing. The lines
//! with a bar are those the project holds itself to; without vector instructions the bars are those of
//! a portable build. Crate reed-solomon-erasure, built as we build it, never uses any.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::RefCell;
use std::convert::Infallible;
use std::hint::black_box;

use reed_solomon_erasure::galois_8::ReedSolomon;
use reed_solomon_simd::engine::{DefaultEngine, Engine, NoSimd};
use reed_solomon_simd::rate::{HighRateDecoder, HighRateEncoder, RateDecoder, RateEncoder};
use rustix::time::{ClockId, clock_gettime};
use stbcast_fec::{Choice, Decoder, Encoder, Geometry, RepairId, Scheme, Store};

const SYMBOL_BYTES: u16 = 1_400;
const MIB: f64 = (1 << 20) as f64;
const RUNS: u64 = 9;

/// Whether our codecs may use vector instructions.
const VECTORS: bool = cfg!(feature = "std");

fn main() {
    println!("Vector instructions: {}", if VECTORS { "as the processor has them" } else { "off" });
    println!("{:<52} {:>8} {:>8} {:>9} {:>9}  bar", "", "memcpy", "MiB/s", "x memcpy", "heap MiB");
    let report = Report { source: bytes(64 << 20), target: vec![1; 64 << 20].into() };
    rs16(&report);
    rs16_image(&report);
    rs8(&report);
    raptorq(&report);
}

struct Report {
    source: Vec<u8>,
    target: RefCell<Vec<u8>>,
}

impl Report {
    /// Runs `work` over `bytes` of source and prints a line; returns MiB/s. Runs alternate with the
    /// memcpy they are compared with, because a shared machine is not the same from second to second.
    fn line(&self, name: &str, bytes: u64, bar: Option<f64>, mut work: impl FnMut(u64)) -> f64 {
        let heap = allocation_counter::measure(|| work(0)).bytes_max;
        let (mut memcpy, mut own) = (f64::INFINITY, f64::INFINITY);
        for run in 1..=RUNS {
            memcpy = memcpy.min(took(|| {
                black_box(self.target.borrow_mut()).copy_from_slice(black_box(&self.source));
            }));
            own = own.min(took(|| work(run)));
        }
        let memcpy = self.source.len() as f64 / memcpy / MIB;
        let rate = bytes as f64 / own / MIB;
        let ratio = rate / memcpy;
        let verdict = bar.map_or(String::new(), |bar| {
            format!(">= {bar} {}", if ratio >= bar { "reached" } else { "MISSED" })
        });
        let heap = heap as f64 / MIB;
        println!("{name:<52} {memcpy:>8.0} {rate:>8.0} {ratio:>9.3} {heap:>9.2}  {verdict}");
        rate
    }
}

fn took(work: impl FnOnce()) -> f64 {
    let start = seconds();
    work();
    seconds() - start
}

/// Processor time of this thread, which a busy machine disturbs less than the clock on the wall.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// `count` of `end` indices, another choice for each seed.
fn lost(seed: u64, count: u32, end: u32) -> Vec<u32> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut all: Vec<u32> = (0..end).collect();
    for at in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let other = at + (state >> 33) as u32 % (end - at);
        all.swap(at as usize, other as usize);
    }
    all.truncate(count as usize);
    all.sort_unstable();
    all
}

/// Object and repair symbols of one geometry in memory.
struct Memory {
    geometry: Geometry,
    object: Vec<u8>,
    repair: Vec<u8>,
    per_block: usize,
}

impl Memory {
    fn new(geometry: Geometry, per_block: u32) -> Self {
        let object = bytes(geometry.length() as usize);
        let (width, per_block) = (geometry.repair_bytes(), per_block as usize);
        let mut repair = vec![0; geometry.blocks() as usize * per_block * width];
        let mut encoder = Encoder::new(geometry, 64 << 20).unwrap();
        for block in 0..geometry.blocks() {
            for columns in encoder.stripes() {
                let start = columns.start;
                let source =
                    |range: std::ops::Range<u64>| &object[range.start as usize..range.end as usize];
                let emit = |index: u32, stripe: &[u8]| {
                    let at = (block as usize * per_block + index as usize) * width + start;
                    repair[at..at + stripe.len()].copy_from_slice(stripe);
                    Ok::<_, Infallible>(())
                };
                encoder.encode(block, columns, 0..per_block as u32, source, emit).unwrap();
            }
        }
        Self { geometry, object, repair, per_block }
    }

    fn encode(&self, encoder: &mut Encoder, repairs: u32) {
        for block in 0..self.geometry.blocks() {
            for columns in encoder.stripes() {
                let source = |range: std::ops::Range<u64>| {
                    &self.object[range.start as usize..range.end as usize]
                };
                let emit = |_, stripe: &[u8]| {
                    black_box(stripe);
                    Ok::<_, Infallible>(())
                };
                encoder.encode(block, columns, 0..repairs, source, emit).unwrap();
            }
        }
    }

    fn decode(&mut self, decoder: &mut Decoder, per_block: u32, run: u64) {
        let geometry = self.geometry;
        for block in 0..geometry.blocks() {
            let source = geometry.source_symbols(block);
            let missing = lost(run << 20 | u64::from(block), per_block, source);
            let held: Vec<u32> = (0..geometry.still_needed(block, source - per_block, 0)).collect();
            decoder.recover(block, &missing, &held, self).unwrap();
        }
    }
}

impl Store for Memory {
    type Error = Infallible;

    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Infallible> {
        into.copy_from_slice(&self.object[offset as usize..offset as usize + into.len()]);
        Ok(())
    }

    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Infallible> {
        let symbol = repair.block as usize * self.per_block + repair.index as usize;
        let at = symbol * self.geometry.repair_bytes() + offset;
        into.copy_from_slice(&self.repair[at..at + into.len()]);
        Ok(())
    }

    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.object[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn geometry(scheme: Scheme, blocks: u32, block_symbols: u32) -> Geometry {
    let length = u64::from(blocks * block_symbols) * u64::from(SYMBOL_BYTES);
    Geometry::new(scheme, length, SYMBOL_BYTES, block_symbols).unwrap()
}

fn rs16(report: &Report) {
    let geometry = geometry(Scheme::Rs16, 1, 23_968);
    let (length, repair) = (geometry.length(), geometry.repair_symbols(0));
    let mut memory = Memory::new(geometry, repair);
    let whole = memory.object.clone();
    // 22 MiB hold whole symbols, 11 MiB two stripes, 8 MiB three.
    for (mib, bar) in [(22, VECTORS.then_some(0.12)), (11, None), (8, None), (3, None)] {
        // Made in the first run, the one whose heap is measured.
        let mut encoder = None;
        report.line(&format!("rs16 23,968 + 8,192, encode in {mib} MiB"), length, bar, |_| {
            let made = || Encoder::new(geometry, mib << 20).unwrap();
            memory.encode(encoder.get_or_insert_with(made), repair);
        });
    }
    let decode = if VECTORS { 0.03 } else { 0.006 };
    for (mib, percent, bar) in
        [(4, 5, None), (8, 1, Some(decode)), (8, 5, Some(decode)), (8, 20, Some(decode))]
    {
        let name = format!("rs16 23,968 + 8,192, {percent} % lost, decode in {mib} MiB");
        let mut decoder = Decoder::new(geometry, mib << 20).unwrap();
        report.line(&name, length, bar, |run| {
            memory.decode(&mut decoder, 23_968 * percent / 100, run);
        });
    }
    assert!(memory.object == whole);
    bare_rs16::<DefaultEngine>(report, "bare crate", &memory, DefaultEngine::new);
    bare_rs16::<NoSimd>(report, "bare crate, no SIMD", &memory, NoSimd::new);
}

/// The crate on whole symbols, without stripes.
fn bare_rs16<E: Engine>(report: &Report, name: &str, memory: &Memory, engine: fn() -> E) {
    let (k, m, e) = (23_968, 8_192, usize::from(SYMBOL_BYTES));
    let length = memory.geometry.length();
    let mut encoder = None;
    report.line(&format!("  {name}, encode in one go"), length, None, |_| {
        let made = || HighRateEncoder::new(k, m, e, engine(), None).unwrap();
        let encoder = encoder.get_or_insert_with(made);
        memory.object.chunks(e).for_each(|symbol| encoder.add_original_shard(symbol).unwrap());
        black_box(encoder.encode().unwrap().recovery(0));
    });
    let mut decoder = None;
    report.line(&format!("  {name}, 5 % lost, decode in one go"), length, None, |run| {
        let made = || HighRateDecoder::new(k, m, e, engine(), None).unwrap();
        let decoder = decoder.get_or_insert_with(made);
        let missing = lost(run, 1_198, k as u32);
        for (index, symbol) in memory.object.chunks(e).enumerate() {
            if missing.binary_search(&(index as u32)).is_err() {
                decoder.add_original_shard(index, symbol).unwrap();
            }
        }
        for (index, symbol) in memory.repair.chunks(e).take(1_198).enumerate() {
            decoder.add_recovery_shard(index, symbol).unwrap();
        }
        black_box(decoder.decode().unwrap().restored_original(missing[0] as usize));
    });
}

/// What a headend does when an image of 256 MiB is published, on one thread.
fn rs16_image(report: &Report) {
    let geometry = Geometry::plan(Choice::Auto, 256 << 20, SYMBOL_BYTES, 1_428).unwrap();
    let object = bytes(256 << 20);
    let memory = Memory { geometry, object, repair: Vec::new(), per_block: 0 };
    let mut encoder = None;
    let bar = VECTORS.then_some(0.1);
    report.line("rs16 image of 256 MiB, encode in 16 MiB", geometry.length(), bar, |_| {
        let made = || Encoder::new(geometry, 16 << 20).unwrap();
        memory.encode(encoder.get_or_insert_with(made), geometry.repair_symbols(0));
    });
}

fn rs8(report: &Report) {
    const BLOCKS: u32 = 64;
    let geometry = geometry(Scheme::Rs8, BLOCKS, 200);
    let length = geometry.length();
    let mut memory = Memory::new(geometry, 55);
    let whole = memory.object.clone();
    let mut encoder = Encoder::new(geometry, 1 << 20).unwrap();
    for rows in [20, 55] {
        let name = format!("rs8 200 + 55, encode {rows} of 55");
        report.line(&name, length, None, |_| memory.encode(&mut encoder, rows));
    }
    let mut ours = 0.0;
    for percent in [1, 5, 20] {
        let name = format!("rs8 200 + 55, {percent} % lost, decode in 256 KiB");
        let mut decoder = Decoder::new(geometry, 256 << 10).unwrap();
        let rate = report.line(&name, length, None, |run| {
            memory.decode(&mut decoder, 200 * percent / 100, run);
        });
        if percent == 5 {
            ours = rate;
        }
    }
    assert!(memory.object == whole);
    let bare = bare_rs8(report, &memory);
    let verdict = if ours >= 2.0 * bare { "reached" } else { "MISSED" };
    println!("  ours against the bare crate: {:.2} x, bar >= 2 {verdict}", ours / bare);
}

/// The crate's own decoder, which meets a new pattern with every block.
fn bare_rs8(report: &Report, memory: &Memory) -> f64 {
    let codec = ReedSolomon::new(200, 55).unwrap();
    let e = usize::from(SYMBOL_BYTES);
    let blocks = memory.geometry.blocks();
    let shard = |at: usize, of: &[u8]| Some(of[at * e..(at + 1) * e].to_vec());
    let mut blocks: Vec<Vec<Option<Vec<u8>>>> = (0..blocks)
        .map(|block| {
            let source = (0..200).map(|index| {
                shard(memory.geometry.symbol(block, index).unwrap() as usize, &memory.object)
            });
            let repair = (0..55).map(|index| shard(block as usize * 55 + index, &memory.repair));
            source.chain(repair).collect()
        })
        .collect();
    let name = "  bare crate (no SIMD), 5 % lost";
    report.line(name, memory.geometry.length(), None, |run| {
        for (block, shards) in blocks.iter_mut().enumerate() {
            for index in lost(run << 20 | 1 << 19 | block as u64, 10, 200) {
                shards[index as usize] = None;
            }
            codec.reconstruct_data(shards).unwrap();
        }
    })
}

fn raptorq(report: &Report) {
    let geometry = geometry(Scheme::Raptorq, 8, 1_024);
    let length = geometry.length();
    let mut memory = Memory::new(geometry, 210);
    let whole = memory.object.clone();
    let mut encoder = Encoder::new(geometry, 64 << 20).unwrap();
    report.line("raptorq 1,024, encode 102", length, None, |_| memory.encode(&mut encoder, 102));
    let mut decoder = Decoder::new(geometry, 16 << 20).unwrap();
    for percent in [5, 20] {
        let name = format!("raptorq 1,024, {percent} % lost, decode");
        report.line(&name, length, None, |run| {
            memory.decode(&mut decoder, 1_024 * percent / 100, run);
        });
    }
    assert!(memory.object == whole);
}
