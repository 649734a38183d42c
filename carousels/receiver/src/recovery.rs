//! A block to be recovered: what the session asks for, and how a storage does it.

use alloc::vec::Vec;
use core::fmt;

use stbcast_fec::{CodecError, Decoder, Geometry, RepairId, Store};

/// A block whose missing source symbols can be computed from what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Number by which it is answered.
    pub id: u64,
    /// How the object is cut.
    pub geometry: Geometry,
    /// Which block.
    pub block: u32,
    /// Indices within the block of the source symbols it lacks, rising.
    pub missing: Vec<u32>,
    /// Indices of its repair symbols that are kept, rising.
    pub repair: Vec<u32>,
    /// Where those are, in the same order: symbol `n` begins at
    /// `places[n] x repair bytes` of [`Area::Repair`](crate::Area::Repair).
    pub places: Vec<u32>,
    /// Bytes that the decoder may use for its work space.
    pub memory_bytes: usize,
}

/// The answer to a [`Recovery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Its number.
    pub id: u64,
    /// What came of it.
    pub outcome: RecoveryOutcome,
}

/// What came of a [`Recovery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryOutcome {
    /// Every missing symbol is at its place in the slot.
    Done,
    /// One more symbol is needed. Only RaptorQ says so, and rarely.
    WantsMore,
    /// It could not be carried out.
    Failed,
}

/// The two areas a recovery works on.
pub trait RecoveryAreas {
    /// Why an operation failed.
    type Error;

    /// Fills `into` with the slot's bytes from `offset`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_slot(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error>;

    /// Fills `into` with bytes of [`Area::Repair`](crate::Area::Repair) from `offset`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_repair(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes `bytes` at `offset` of the slot.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write_slot(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Runs recoveries and keeps the decoder with its tables between the blocks of an object. Every
/// storage owns one.
#[derive(Default)]
pub struct Recoverer {
    decoder: Option<(Geometry, usize, Decoder)>,
}

impl fmt::Debug for Recoverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let geometry = self.decoder.as_ref().map(|(geometry, ..)| geometry);
        f.debug_struct("Recoverer").field("geometry", &geometry).finish()
    }
}

impl Clone for Recoverer {
    /// A recoverer that makes tables of its own when it first needs them.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Recoverer {
    /// Forgets the decoder and its memory.
    pub fn clear(&mut self) {
        self.decoder = None;
    }

    /// Recovers a block. It takes as long as decoding takes: seconds for a large block on a slow
    /// box, so a shell does it beside reception.
    ///
    /// # Errors
    /// When an area fails. The missing symbols are then as missing as before.
    pub fn run<A: RecoveryAreas>(
        &mut self,
        recovery: &Recovery,
        areas: &mut A,
    ) -> Result<RecoveryOutcome, A::Error> {
        let Some(decoder) = self.decoder_for(recovery) else { return Ok(RecoveryOutcome::Failed) };
        let mut store = Symbols { recovery, areas };
        match decoder.recover(recovery.block, &recovery.missing, &recovery.repair, &mut store) {
            Ok(()) => Ok(RecoveryOutcome::Done),
            Err(CodecError::Undecodable { .. }) => Ok(RecoveryOutcome::WantsMore),
            Err(CodecError::Store(Failure::Area(error))) => Err(error),
            Err(_) => Ok(RecoveryOutcome::Failed),
        }
    }

    fn decoder_for(&mut self, recovery: &Recovery) -> Option<&mut Decoder> {
        let Recovery { geometry, memory_bytes, .. } = *recovery;
        let fits = |(known, bytes, _): &(Geometry, usize, Decoder)| {
            *known == geometry && *bytes == memory_bytes
        };
        if !self.decoder.as_ref().is_some_and(fits) {
            // The old one's memory goes first.
            self.decoder = None;
            let decoder = Decoder::new(geometry, memory_bytes).ok()?;
            self.decoder = Some((geometry, memory_bytes, decoder));
        }
        self.decoder.as_mut().map(|(.., decoder)| decoder)
    }
}

/// The decoder's view of the areas.
struct Symbols<'a, A> {
    recovery: &'a Recovery,
    areas: &'a mut A,
}

enum Failure<E> {
    Area(E),
    /// A repair symbol that the recovery does not name.
    Unknown,
}

impl<A: RecoveryAreas> Store for Symbols<'_, A> {
    type Error = Failure<A::Error>;

    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error> {
        self.areas.read_slot(offset, into).map_err(Failure::Area)
    }

    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Self::Error> {
        let Recovery { geometry, repair: kept, places, .. } = self.recovery;
        let at = kept.binary_search(&repair.index).ok().and_then(|at| places.get(at));
        let place = *at.ok_or(Failure::Unknown)?;
        let start = u64::from(place) * geometry.repair_bytes() as u64;
        self.areas.read_repair(start + offset as u64, into).map_err(Failure::Area)
    }

    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.areas.write_slot(offset, bytes).map_err(Failure::Area)
    }
}
