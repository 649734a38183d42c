//! One object of a FLUTE carousel or a companion, ready to be sent.

use alloc::sync::Arc;
use core::ops::Range;

use stbcast_object::{Datagram, Tail};

use crate::crc::Joiner;
use crate::fdt::File;
use crate::packet::{SymbolHead, crc_tail, head_bytes, tail_bytes};
use crate::{Fti, PayloadId, Scheme};

/// What is sent of one object. Made once per revision.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the FDT, with FEC parameters and a TOI of 32 bits.
    pub file: File,
    /// [`Datagram::object`] of source symbols: whose bytes they are ranges of.
    pub object: usize,
    /// Its repair symbols, where it has them.
    pub repair: Option<Repair>,
}

/// Repair symbols, computed once per revision and stored one after the other: symbol `index` of
/// block `block` at `(block x per_block + index) x repair bytes`. For RaptorQ, when the length of
/// the object is not a multiple of the symbol's, the last source symbol follows behind them,
/// filled up with zeros: it is sent whole. All have [`Fti::repair_bytes`].
#[derive(Clone, Debug)]
pub struct Repair {
    /// [`Datagram::object`] of repair symbols: whose bytes they are ranges of.
    pub store: usize,
    /// Repair symbols stored for each block, 1 or more.
    pub per_block: u32,
    /// Repair symbols of each block sent in one cycle of a FLUTE carousel. A companion, which
    /// has no cycles, ignores it.
    pub per_cycle: u32,
    /// CRC-32 of each stored symbol in the order of the store, for FEC Encoding ID 128; else empty.
    pub crcs: Arc<[u32]>,
}

/// Why an object cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Zero, above 32 bits, or in use for another file of the session.
    #[error("TOI {toi} is zero, above 32 bits, or in use")]
    Toi {
        /// The TOI.
        toi: u128,
    },
    /// No FEC parameters.
    #[error("TOI {toi} has no FEC parameters")]
    NoFti {
        /// The TOI.
        toi: u128,
    },
    /// The code is not for this use: companions carry repair symbols, carousels source symbols.
    #[error("FEC Encoding ID {encoding_id} cannot be sent here")]
    Scheme {
        /// FEC Encoding ID.
        encoding_id: u8,
    },
    /// Repair symbols are missing, or more than the code has.
    #[error("{per_block} repair symbols for each block: 1 to {most} are legal")]
    PerBlock {
        /// Repair symbols for each block.
        per_block: u32,
        /// Most that are legal.
        most: u32,
    },
    /// Not one CRC for each stored symbol, or CRCs where none are sent.
    #[error("{crcs} CRCs for {symbols} stored symbols")]
    Crcs {
        /// CRCs given.
        crcs: usize,
        /// Stored symbols that need one.
        symbols: u64,
    },
    /// Senders that share repair symbols are numbered from 0 and need a symbol each.
    #[error("sender {index} of {senders} is not legal")]
    Share {
        /// Number of this sender.
        index: u32,
        /// Number of senders.
        senders: u32,
    },
    /// Nothing would be left for what is on air.
    #[error("{per_million} of a million symbols cannot be of superseded revisions")]
    Superseded {
        /// As asked for.
        per_million: u32,
    },
    /// FDT symbols below 64 bytes, or a life below two seconds.
    #[error("FDT symbols of {symbol_bytes} bytes living {lifetime_s} s are not legal")]
    Fdt {
        /// Bytes of a symbol.
        symbol_bytes: u16,
        /// Seconds to live.
        lifetime_s: u32,
    },
}

/// Which part of the repair symbols this sender sends. Redundant headends never send the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Number of senders, 1 or more.
    pub senders: u32,
    /// Number of this sender, from 0.
    pub index: u32,
}

impl Share {
    /// One sender sends all.
    pub const ALL: Self = Self { senders: 1, index: 0 };

    /// The stored symbol for the `n`th time that a block is served. Each sender has a class of
    /// its own modulo `senders`, whatever the clocks of the others say.
    pub(crate) fn symbol(self, n: u64, per_block: u32) -> u32 {
        let own = u64::from(per_block / self.senders.max(1)).max(1);
        let symbol = (n % own) * u64::from(self.senders) + u64::from(self.index);
        u32::try_from(symbol).unwrap_or_default().min(per_block.saturating_sub(1))
    }
}

/// An entry with everything made that its datagrams have in common.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    entry: Entry,
    fti: Fti,
    head: SymbolHead,
    joiner: Joiner,
}

impl Ready {
    /// Checks an entry of session `tsi`, which shares its repair symbols by `share`.
    pub(crate) fn new(tsi: u32, entry: Entry, share: Share) -> Result<Self, EntryError> {
        let toi = entry.file.toi;
        let fti = entry.file.fti.ok_or(EntryError::NoFti { toi })?;
        let short = u32::try_from(toi).ok().filter(|&toi| toi != 0);
        let short = short.ok_or(EntryError::Toi { toi })?;
        let encoding_id = fti.scheme().encoding_id();
        match (fti.scheme(), &entry.repair) {
            (Scheme::NoCode { .. }, Some(_)) => return Err(EntryError::Scheme { encoding_id }),
            (Scheme::NoCode { .. }, None) => {}
            (_, repair) => check_repair(&fti, repair.as_ref(), share)?,
        }
        let head = SymbolHead::new(tsi, short, fti, &[]);
        Ok(Self { fti, head, joiner: Joiner::new(fti.repair_bytes()), entry })
    }

    pub(crate) const fn file(&self) -> &File {
        &self.entry.file
    }

    pub(crate) const fn fti(&self) -> &Fti {
        &self.fti
    }

    pub(crate) const fn repair(&self) -> Option<&Repair> {
        self.entry.repair.as_ref()
    }

    /// Bytes around a symbol.
    pub(crate) const fn overhead_bytes(&self) -> usize {
        head_bytes(&self.fti) + tail_bytes(&self.fti)
    }

    /// The datagram of source symbol `symbol` of block `block`.
    pub(crate) fn source(&self, block: u32, symbol: u32) -> Option<Datagram> {
        let range = self.fti.source_range(self.fti.source_index(block, symbol)?);
        let stride = u64::from(self.fti.symbol_bytes().get());
        let short = range.end - range.start < stride;
        let raptorq = matches!(self.fti.scheme(), Scheme::RaptorQ { .. });
        let (object, body) = match &self.entry.repair {
            // A RaptorQ decoder takes whole symbols alone.
            Some(repair) if short && raptorq => {
                let stored = u64::from(self.fti.blocks()) * u64::from(repair.per_block);
                (repair.store, stored * stride..(stored + 1) * stride)
            }
            _ => (self.entry.object, range),
        };
        let head = self.head.with(PayloadId { block, symbol });
        Some(Datagram { object, head, body, tail: Tail::new() })
    }

    /// The datagram of stored repair symbol `index` of block `block`.
    pub(crate) fn repaired(&self, block: u32, index: u32) -> Option<Datagram> {
        let repair = self.entry.repair.as_ref()?;
        let place = u64::from(block) * u64::from(repair.per_block) + u64::from(index);
        let stride = self.fti.repair_bytes() as u64;
        let body: Range<u64> = place * stride..(place + 1) * stride;
        let head = self.head.with(self.fti.repair_id(block, index)?);
        let crc = usize::try_from(place).ok().and_then(|place| repair.crcs.get(place));
        let tail = crc.map_or_else(Tail::new, |&crc| crc_tail(self.joiner.join(&head, crc)));
        Some(Datagram { object: repair.store, head, body, tail })
    }
}

fn check_repair(fti: &Fti, repair: Option<&Repair>, share: Share) -> Result<(), EntryError> {
    let per_block = repair.map_or(0, |repair| repair.per_block);
    // Block 0 is the longest, so it has the fewest.
    let most = fti.geometry().map_or(0, |geometry| geometry.repair_symbols(0));
    let needs_crcs = matches!(fti.scheme(), Scheme::Companion { .. });
    if per_block == 0 || per_block > most {
        return Err(EntryError::PerBlock { per_block, most });
    }
    if share.index >= share.senders || share.senders > per_block {
        return Err(EntryError::Share { index: share.index, senders: share.senders });
    }
    let stored = u64::from(fti.blocks()) * u64::from(per_block);
    let symbols = if needs_crcs { stored } else { 0 };
    let crcs = repair.map_or(0, |repair| repair.crcs.len());
    if crcs as u64 != symbols {
        return Err(EntryError::Crcs { crcs, symbols });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn senders_never_share_a_symbol_and_none_repeats_within_its_period(
            per_block in 1u32..300, senders in 1u32..5, start: u32,
        ) {
            prop_assume!(senders <= per_block);
            let own = per_block / senders;
            let mut seen = alloc::vec![false; per_block as usize];
            for index in 0..senders {
                let share = Share { senders, index };
                for n in 0..u64::from(own) {
                    let symbol = share.symbol(u64::from(start) * u64::from(index) + n, per_block);
                    prop_assert!(!core::mem::replace(&mut seen[symbol as usize], true));
                }
            }
        }
    }
}
