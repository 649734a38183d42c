//! Computing a store: blocks in parallel, each in stripes of byte columns, straight into the
//! mapping.

use std::num::NonZero;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

use stbcast_fec::{Encoder, Geometry, Scheme, SetupError};
use stbcast_flute::crc32;

use super::{CRC_BYTES, Layout, Outside, RepairError};
use crate::clock::give_way;

/// Name of the threads.
const NAME: &str = "repair";

/// Work space of all encoders together: with the tables of `rs16` and what else there is, computing
/// stays within 16 MiB of heap.
const MEMORY_BYTES: usize = 7 << 20;

/// The same for RaptorQ, whose encoder is asked for blocks of up to 15 MiB and uses less than half:
/// two blocks at a time.
const RAPTORQ_MEMORY_BYTES: usize = 32 << 20;

/// Fills a store with everything: symbols and CRCs.
pub(super) fn fill(layout: &Layout, object: &[u8], store: &mut [u8]) -> Result<(), RepairError> {
    let geometry = &layout.geometry;
    let (symbols, table) = store.split_at_mut_checked(layout.symbol_bytes).ok_or(OUTSIDE)?;
    let repair_bytes = layout.repairs * geometry.repair_bytes();
    let (repair, padded) = symbols.split_at_mut_checked(repair_bytes).ok_or(OUTSIDE)?;
    let last = geometry.bytes(geometry.symbols() - 1);
    // The file was all zeros.
    padded.iter_mut().zip(part(object, &last)).for_each(|(to, from)| *to = *from);
    let (crcs, _) = table.as_chunks_mut::<CRC_BYTES>();
    if layout.padded
        && let Some(crc) = crcs.get_mut(layout.repairs)
    {
        *crc = crc32(padded).to_le_bytes();
    }
    let per_block = layout.per_block as usize;
    let blocks = repair.chunks_exact_mut(per_block * geometry.repair_bytes());
    let blocks = (0..).zip(blocks).zip(crcs.chunks_mut(per_block));
    in_parallel(
        layout,
        object,
        blocks.map(|((block, symbols), crcs)| Job { block, symbols, crcs }),
    )?;
    let (crcs, whole) = table.split_at_mut(table.len() - CRC_BYTES);
    whole.copy_from_slice(&crc32(crcs).to_le_bytes());
    Ok(())
}

const OUTSIDE: RepairError = RepairError::Codec(stbcast_fec::CodecError::Store(Outside));

/// One block and its part of the store.
struct Job<'a> {
    block: u32,
    symbols: &'a mut [u8],
    crcs: &'a mut [[u8; CRC_BYTES]],
}

/// Does all the jobs on as many threads as there are processors and memory and blocks for.
fn in_parallel<'a>(
    layout: &Layout,
    object: &[u8],
    jobs: impl Iterator<Item = Job<'a>> + Send,
) -> Result<(), RepairError> {
    let (threads, memory_bytes) = share(&layout.geometry)?;
    let jobs = Mutex::new(jobs);
    let work = || {
        give_way();
        let mut encoder = Encoder::new(layout.geometry, memory_bytes)?;
        loop {
            // A binding of its own, or the lock would be held while the block is encoded.
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(job) = job else { return Ok(()) };
            encode(&mut encoder, layout, object, job)?;
        }
    };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().name(NAME.to_owned()).spawn_scoped(scope, work);
        let (mut workers, mut refused) = (Vec::new(), None);
        for worker in (0..threads).map(start) {
            match worker {
                Ok(worker) => workers.push(worker),
                Err(error) => refused = Some(error.kind()),
            }
        }
        // One thread does all the work if need be.
        if let (true, Some(kind)) = (workers.is_empty(), refused) {
            return Err(RepairError::Thread { kind });
        }
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Threads, and bytes of work space for each.
fn share(geometry: &Geometry) -> Result<(usize, usize), RepairError> {
    let needed = match Encoder::new(*geometry, 0) {
        Err(SetupError::Memory { needed_bytes, .. }) => needed_bytes,
        Err(error) => return Err(error.into()),
        Ok(_) => 0,
    };
    let memory = match geometry.scheme() {
        Scheme::Rs8 | Scheme::Rs16 => MEMORY_BYTES,
        Scheme::Raptorq => RAPTORQ_MEMORY_BYTES,
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(geometry.blocks() as usize).min(memory / needed.max(1)).max(1);
    Ok((threads, (memory / threads).max(needed)))
}

fn encode(
    encoder: &mut Encoder,
    layout: &Layout,
    object: &[u8],
    job: Job<'_>,
) -> Result<(), RepairError> {
    let stride = layout.geometry.repair_bytes();
    for columns in encoder.stripes() {
        let start = columns.start;
        let emit = |index: u32, stripe: &[u8]| {
            let at = index as usize * stride + start;
            let place = job.symbols.get_mut(at..at + stripe.len()).ok_or(Outside)?;
            place.copy_from_slice(stripe);
            Ok(())
        };
        let object = |range| part(object, &range);
        encoder.encode(job.block, columns, 0..layout.per_block, object, emit)?;
    }
    for (symbol, crc) in job.symbols.chunks_exact(stride).zip(job.crcs) {
        *crc = crc32(symbol).to_le_bytes();
    }
    Ok(())
}

/// Bytes of the object; nothing beyond its end, which the encoder reports.
fn part<'a>(object: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    object.get(at(range.start)..at(range.end)).unwrap_or_default()
}
