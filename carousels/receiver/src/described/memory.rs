//! What a described fetch may use of the box's memory.

use stbcast_fec::{Decoder, Geometry, RS16_TABLES_BYTES, Scheme};

use super::bits::Bits;
use super::blocks::Blocks;
use super::layout::Layout;
use super::spool::Kept;
use crate::NoRepair;
use crate::limits::{RECEIVE_MEMORY_BYTES, REPAIR_SYMBOLS_MAX};

/// One repair symbol may be kept for each so many bytes of memory allowed. What they leave lets the
/// largest blocks of `rs16` be decoded in stripes of 128 columns: half as many would take twice
/// the time.
const BYTES_PER_REPAIR_SYMBOL: usize = 170;

/// What 128 columns of the largest block take. An eighth of the repair symbols is given up for it.
const DECODER_BYTES: usize = 4 << 20;

/// An eighth more than is kept, and a place that was given back for each.
const KEPT_BYTES: usize = size_of::<Kept>() * 9 / 8 + size_of::<u32>();

/// Lists of a recovery (96 KiB for the largest block), and rows of the decoder (160 KiB).
const LISTS_BYTES: usize = 288 << 10;

/// How the memory allowed is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Repair symbols kept at a time.
    pub(super) repair_max: u32,
    /// Work space of the decoder in bytes.
    pub(super) decoder_bytes: usize,
}

impl Budget {
    /// Nothing is kept, nothing decoded.
    pub(super) const NONE: Self = Self { repair_max: 0, decoder_bytes: 0 };

    /// Parts `memory_bytes` for an object of this layout.
    ///
    /// # Errors
    /// When it has no code, or one that cannot be decoded in so little.
    pub(super) fn of(layout: &Layout, memory_bytes: usize) -> Result<Self, NoRepair> {
        let geometry = *layout.geometry().ok_or(NoRepair::NotSent)?;
        let repair_max = u32::try_from(memory_bytes / BYTES_PER_REPAIR_SYMBOL).unwrap_or(u32::MAX);
        let repair_max = repair_max.min(REPAIR_SYMBOLS_MAX).min(useful(&geometry));
        let tables_bytes = match geometry.scheme() {
            Scheme::Rs16 => RS16_TABLES_BYTES,
            Scheme::Rs8 | Scheme::Raptorq => 0,
        };
        let own_bytes = RECEIVE_MEMORY_BYTES
            + LISTS_BYTES
            + tables_bytes
            + repair_max as usize * KEPT_BYTES
            + Bits::bytes(layout.symbols())
            + Bits::bytes(layout.slices())
            + Blocks::bytes(layout.blocks());
        let decoder_bytes = memory_bytes
            .checked_sub(own_bytes)
            .ok_or(NoRepair::Memory { needed_bytes: own_bytes, given_bytes: memory_bytes })?;
        let lacking = DECODER_BYTES.saturating_sub(decoder_bytes).div_ceil(KEPT_BYTES);
        let given_up = u32::try_from(lacking).ok().filter(|symbols| *symbols <= repair_max / 8);
        let given_up = given_up.unwrap_or(0);
        let decoder_bytes = decoder_bytes + given_up as usize * KEPT_BYTES;
        Decoder::new(geometry, decoder_bytes).map_err(NoRepair::Setup)?;
        Ok(Self { repair_max: repair_max - given_up, decoder_bytes })
    }
}

/// Repair symbols that can help an object at one time.
fn useful(geometry: &Geometry) -> u32 {
    let of_block = |block| geometry.source_symbols(block).min(geometry.repair_symbols(block));
    (0..geometry.blocks()).map(of_block).fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Announcement;
    use crate::described::layout::Carrier;
    use crate::limits::MEMORY_BYTES;
    use core::num::NonZeroU16;
    use stbcast_fec::Choice;

    fn layout(choice: Choice, length: u64) -> Layout {
        let geometry = Geometry::plan(choice, length, 1_400, 1_428).unwrap();
        let announcement = Announcement {
            toi: 1,
            length: Some(length),
            sha256: None,
            slice_bytes: NonZeroU16::new(1_400),
            symbol_bytes: NonZeroU16::new(1_400),
            geometry: Some(geometry),
            companion: None,
            kind: None,
            unicast: None,
            supersedes: None,
        };
        Layout::of(&announcement, Carrier::Channel).unwrap()
    }

    #[test]
    fn an_object_of_a_gibibyte_is_recovered_in_the_default_memory() {
        for choice in [Choice::Auto, Choice::Rs16Small, Choice::Rs8] {
            let budget = Budget::of(&layout(choice, 1 << 30), MEMORY_BYTES).unwrap();
            // 4 MiB are 128 columns of the largest block.
            assert!(budget.decoder_bytes >= 4 << 20, "{choice}: {budget:?}");
            assert_eq!(budget.repair_max, 98_689);
        }
    }

    #[test]
    fn no_place_is_kept_for_repair_symbols_that_cannot_help() {
        let budget = |choice| Budget::of(&layout(choice, 2 << 20), MEMORY_BYTES).unwrap();
        assert_eq!(budget(Choice::Rs16).repair_max, 512);
        assert_eq!(budget(Choice::Rs8).repair_max, 8 * 67);
        assert_eq!(budget(Choice::Raptorq).repair_max, 1_498);
    }

    #[test]
    fn too_little_memory_is_said_with_numbers() {
        let layout = layout(Choice::Auto, 1 << 30);
        let error = Budget::of(&layout, 8 << 20).unwrap_err();
        assert!(matches!(error, NoRepair::Memory { given_bytes: 0x80_0000, .. }), "{error}");
        let error = Budget::of(&layout, 12 << 20).unwrap_err();
        assert!(matches!(error, NoRepair::Setup(_)), "{error}");
    }
}
