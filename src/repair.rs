//! The repair store: the repair symbols of a revision, computed once and sent from then on.
//!
//! ```text
//!  revision, mapped --by blocks, a thread each--> store, mapped, in the spool
//!
//!  | block 0: r0 r1 .. | block 1: r0 r1 .. | ... |[last source symbol, padded]| CRCs | CRC of them |
//!  '------------ symbols, as they are sent ------------- RaptorQ alone -------' 4 B each
//! ```
//!
//! A store is a file named by the digest of its revision and all that its bytes depend on. It
//! survives the program and is used again when its CRCs are right.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::time::Instant;

use stbcast_fec::{CodecError, Geometry, Scheme, SetupError};
use stbcast_flute::crc32;

use crate::mapped::{Draft, Mapped};
use crate::spool::{Revision, Spool, SpoolError, failed, is_full};

mod compute;

/// Repair symbols of one revision as they are sent: mapped, with the CRC-32 of each.
#[derive(Clone, Debug)]
pub struct RepairSymbols {
    /// What they repair.
    pub geometry: Geometry,
    /// Symbols stored for each block.
    pub per_block: u32,
    /// The store: symbol `index` of block `block` is at `(block x per_block + index) x
    /// geometry.repair_bytes()`. For RaptorQ, when the length is no multiple of the symbol's, the
    /// last source symbol follows behind all of them, filled up with zeros. What lies behind is
    /// not for sending.
    pub bytes: Arc<Mapped>,
    /// CRC-32 of each repair symbol in the order of the store; empty for RaptorQ, which sends none.
    pub crcs: Arc<[u32]>,
}

/// Why the repair symbols of a revision cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepairError {
    /// The geometry is of another object.
    #[error("repair symbols of an object of {geometry} bytes are asked for, it has {length}")]
    Length {
        /// Bytes by the geometry.
        geometry: u64,
        /// Bytes of the revision.
        length: u64,
    },
    /// None, or more than the code has.
    #[error("{per_block} repair symbols for each block: 1 to {most} are possible")]
    PerBlock {
        /// As asked for.
        per_block: u32,
        /// Most there can be.
        most: u32,
    },
    /// The store would be larger than this machine can address.
    #[error("{symbols} repair symbols are more than this machine can hold")]
    TooLarge {
        /// Repair symbols of all blocks.
        symbols: u64,
    },
    /// The codec cannot be set up.
    #[error("{0}")]
    Setup(#[from] SetupError),
    /// The system has no thread to give.
    #[error("cannot start a thread that computes repair symbols: {kind}")]
    Thread {
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// The codec failed.
    #[error("repair symbols: {0}")]
    Codec(#[from] CodecError<Outside>),
}

/// A symbol has no place in the store: a fault in this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a symbol lies outside the store")]
pub struct Outside;

/// How many repair symbols of each block to store. `rs8` and `rs16`: all M there are, because the
/// companion should not repeat one before it must. RaptorQ: K0 and a quarter more, so that a
/// receiver that hears nothing but the companion completes although it loses a fifth of it.
pub fn per_block(geometry: &Geometry) -> u32 {
    let source = geometry.block_symbols();
    match geometry.scheme() {
        Scheme::Rs8 | Scheme::Rs16 => geometry.repair_symbols(0),
        Scheme::Raptorq => source.saturating_add(source.div_ceil(4)),
    }
}

impl Spool {
    /// The repair symbols of a revision, `per_block` of each block: those that somebody holds,
    /// those of an earlier run when the file is sound, or new ones. Computing takes several times
    /// as long as copying the revision in memory, on threads that every other one goes before.
    ///
    /// # Errors
    /// When geometry or `per_block` are not of this revision, the store does not fit the spool or
    /// the disk, or files cannot be read or written.
    pub fn repair(
        &mut self,
        revision: &Revision,
        geometry: Geometry,
        per_block: u32,
    ) -> Result<RepairSymbols, SpoolError> {
        let layout = Layout::new(revision, geometry, per_block)?;
        let name = layout.name(revision);
        let bytes = match self.files.on_air(&name) {
            Some(bytes) => bytes,
            None => match self.found(&layout, &name)? {
                Some(bytes) => bytes,
                None => self.computed(&layout, &name, revision)?,
            },
        };
        Ok(layout.symbols_of(bytes))
    }

    /// The store of an earlier run, if it is sound.
    fn found(&mut self, layout: &Layout, name: &str) -> Result<Option<Arc<Mapped>>, SpoolError> {
        let Some(file) = self.files.find(name, layout.file_bytes())? else { return Ok(None) };
        if !layout.is_sound(&file).map_err(failed("read", &self.files.path(name)))? {
            tracing::warn!("the repair symbols in {name} are damaged and computed again");
            self.files.remove_damaged(name)?;
            return Ok(None);
        }
        self.files.reuse(name, &file, &layout.what()).map(Some)
    }

    fn computed(
        &mut self,
        layout: &Layout,
        name: &str,
        revision: &Revision,
    ) -> Result<Arc<Mapped>, SpoolError> {
        let start = Instant::now();
        let (temporary, mut draft) = loop {
            let temporary = self.files.begin(layout.file_bytes(), &layout.what())?;
            match Draft::new(temporary.as_file(), layout.file_bytes()) {
                Ok(draft) => break (temporary, draft),
                Err(error) if is_full(&error) && self.files.evict()? => {}
                Err(error) => {
                    return Err(failed("make room for repair symbols in", temporary.path())(error));
                }
            }
        };
        compute::fill(layout, &revision.bytes, &mut draft)?;
        let mapped = draft.finish().map_err(failed("map", temporary.path()))?;
        // What a power cut damages is made again; waiting for the disk of a busy headend can take
        // many times as long as computing.
        self.files.name(temporary, name)?;
        let took = start.elapsed().as_secs_f64();
        tracing::info!("computed {} in {took:.3} s", layout.what());
        Ok(self.files.keep(name, mapped))
    }
}

/// Where everything is in a store. Checked: all of it can be addressed.
#[derive(Clone, Copy, Debug)]
struct Layout {
    geometry: Geometry,
    per_block: u32,
    /// Repair symbols of all blocks.
    repairs: usize,
    /// Whether the last source symbol lies behind them.
    padded: bool,
    /// Bytes of all symbols.
    symbol_bytes: usize,
}

/// Bytes of a CRC-32.
const CRC_BYTES: usize = size_of::<u32>();

impl Layout {
    fn new(revision: &Revision, geometry: Geometry, per_block: u32) -> Result<Self, RepairError> {
        let length = revision.bytes.len() as u64;
        if length != geometry.length() {
            return Err(RepairError::Length { geometry: geometry.length(), length });
        }
        // Block 0 has the most source symbols and so, with RaptorQ, the fewest others.
        let most = geometry.repair_symbols(0);
        if per_block == 0 || per_block > most {
            return Err(RepairError::PerBlock { per_block, most });
        }
        let symbols = u64::from(geometry.blocks()) * u64::from(per_block);
        let stride = u64::from(geometry.symbol_bytes());
        let padded = geometry.scheme() == Scheme::Raptorq && !length.is_multiple_of(stride);
        let sizes = || {
            let repairs = usize::try_from(symbols).ok()?;
            let all = repairs.checked_add(usize::from(padded))?;
            let symbol_bytes = all.checked_mul(geometry.repair_bytes())?;
            // The file as a whole must be addressable too.
            all.checked_add(1)?.checked_mul(CRC_BYTES)?.checked_add(symbol_bytes)?;
            Some(Self { geometry, per_block, repairs, padded, symbol_bytes })
        };
        sizes().ok_or(RepairError::TooLarge { symbols })
    }

    /// Symbols of both kinds.
    const fn symbols(&self) -> usize {
        self.repairs + self.padded as usize
    }

    const fn file_bytes(&self) -> u64 {
        (self.symbol_bytes + (self.symbols() + 1) * CRC_BYTES) as u64
    }

    /// Everything the bytes depend on. RaptorQ geometries may differ in nothing but their blocks.
    fn name(&self, revision: &Revision) -> String {
        let Self { geometry, per_block, .. } = self;
        format!(
            "{}.{}-{}-{}-{}-{per_block}",
            revision.digest.hex(),
            geometry.scheme(),
            geometry.symbol_bytes(),
            geometry.block_symbols(),
            geometry.blocks(),
        )
    }

    fn what(&self) -> String {
        format!("{} bytes of repair symbols", self.file_bytes())
    }

    /// Whether every CRC in the file is right. Read, not mapped: a disk that fails is an error then
    /// and not the end of the program.
    fn is_sound(&self, file: &File) -> io::Result<bool> {
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut symbol = vec![0; self.geometry.repair_bytes()];
        let mut found = Vec::with_capacity((self.symbols() + 1) * CRC_BYTES);
        for _ in 0..self.symbols() {
            reader.read_exact(&mut symbol)?;
            found.extend(crc32(&symbol).to_le_bytes());
        }
        found.extend(crc32(&found).to_le_bytes());
        let mut stored = vec![0; found.len()];
        reader.read_exact(&mut stored)?;
        Ok(stored == found)
    }

    fn symbols_of(&self, bytes: Arc<Mapped>) -> RepairSymbols {
        let sent = if self.geometry.scheme() == Scheme::Raptorq { 0 } else { self.repairs };
        let table = bytes.get(self.symbol_bytes..).unwrap_or_default();
        let (words, _) = table.as_chunks::<CRC_BYTES>();
        let crcs = words.iter().take(sent).map(|word| u32::from_le_bytes(*word)).collect();
        RepairSymbols { geometry: self.geometry, per_block: self.per_block, bytes, crcs }
    }
}

#[cfg(test)]
mod tests;
