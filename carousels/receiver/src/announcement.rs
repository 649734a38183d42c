//! What a FLUTE session says about the wanted object, in the words of the box.

use core::num::NonZeroU16;

use stbcast_fec::{Geometry, SYMBOLS_MAX, SYMBOLS_PER_SLICE_MAX};
use stbcast_flute::fdt::{Companion, File, Kind, Supersedes, Unicast};

/// The description of an object, from the announce session, a companion or a FLUTE carousel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Transport Object Identifier: another one is another revision.
    pub toi: u128,
    /// Length in bytes; unknown where the object is made at send time.
    pub length: Option<u64>,
    /// SHA-256 of the object, where it is known.
    pub sha256: Option<[u8; 32]>,
    /// Bytes of a slice on the object's channel, where it is no FLUTE session.
    pub slice_bytes: Option<NonZeroU16>,
    /// Bytes of a source symbol (E), where the object has FEC parameters.
    pub symbol_bytes: Option<NonZeroU16>,
    /// Blocks and symbols, where the object has a code.
    pub geometry: Option<Geometry>,
    /// Where its repair symbols are sent.
    pub companion: Option<Companion>,
    /// What it is.
    pub kind: Option<Kind>,
    /// Where the same bytes are served over HTTP, and when a box may ask there.
    pub unicast: Option<Unicast>,
    /// Which revision it supersedes, as long as that can be completed.
    pub supersedes: Option<Supersedes>,
}

/// Why a description contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// Two lengths.
    #[error("Content-Length {content_bytes} is not the length {transfer_bytes} of the code")]
    Length {
        /// Length by `Content-Length`, in bytes.
        content_bytes: u64,
        /// Length by the FEC parameters, in bytes.
        transfer_bytes: u64,
    },
    /// More slices than an object may have.
    #[error("{length} bytes in slices of {slice_bytes} are too many slices")]
    Slices {
        /// Length of the object in bytes.
        length: u64,
        /// Bytes of a slice.
        slice_bytes: u16,
    },
    /// A slice is not one to eight whole symbols.
    #[error("slices of {slice_bytes} bytes are not 1 to 8 symbols of {symbol_bytes}")]
    Cut {
        /// Bytes of a slice.
        slice_bytes: u16,
        /// Bytes of a symbol.
        symbol_bytes: u16,
    },
}

impl Announcement {
    /// The description that a `File` of an FDT gives.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub fn of(file: &File) -> Result<Self, AnnouncementError> {
        let length = file.transfer_bytes();
        if let (Some(content_bytes), Some(fti)) = (file.content_bytes, file.fti)
            && content_bytes != fti.transfer_bytes()
        {
            let transfer_bytes = fti.transfer_bytes();
            return Err(AnnouncementError::Length { content_bytes, transfer_bytes });
        }
        let symbol_bytes = file.fti.map(|fti| fti.symbol_bytes());
        let slice_bytes = file.announced.slice_bytes;
        if let (Some(length), Some(slice_bytes)) = (length, slice_bytes) {
            check_slices(length, slice_bytes.get())?;
        }
        if let (Some(slice_bytes), Some(symbol_bytes)) = (slice_bytes, symbol_bytes) {
            check_cut(slice_bytes.get(), symbol_bytes.get())?;
        }
        Ok(Self {
            toi: file.toi,
            length,
            sha256: file.sha256,
            slice_bytes,
            symbol_bytes,
            geometry: file.fti.and_then(|fti| fti.geometry()),
            companion: file.announced.companion,
            kind: file.announced.kind.clone(),
            unicast: file.announced.unicast.clone(),
            supersedes: file.announced.supersedes,
        })
    }
}

fn check_slices(length: u64, slice_bytes: u16) -> Result<(), AnnouncementError> {
    let slices = length.div_ceil(u64::from(slice_bytes));
    let fits = slices <= u64::from(SYMBOLS_MAX);
    fits.then_some(()).ok_or(AnnouncementError::Slices { length, slice_bytes })
}

fn check_cut(slice_bytes: u16, symbol_bytes: u16) -> Result<(), AnnouncementError> {
    let whole = slice_bytes.is_multiple_of(symbol_bytes);
    let fits = whole && slice_bytes / symbol_bytes <= SYMBOLS_PER_SLICE_MAX;
    fits.then_some(()).ok_or(AnnouncementError::Cut { slice_bytes, symbol_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stbcast_flute::{Code, Fti, Scheme};

    fn file(slice_bytes: u16, symbol_bytes: u16) -> File {
        let scheme = Scheme::Companion { code: Code::Rs16, block_symbols: 1_000 };
        let fti = Fti::new(scheme, 10_000_000, symbol_bytes).unwrap();
        let mut file = File::new("infocast://239.1.1.1:5/a", 7).unwrap().with_fti(fti);
        file.announced.slice_bytes = NonZeroU16::new(slice_bytes);
        file
    }

    #[test]
    fn a_slice_of_one_to_eight_symbols_is_taken() {
        for (slice_bytes, symbol_bytes) in [(1_400, 1_400), (1_456, 728), (1_400, 175)] {
            let announcement = Announcement::of(&file(slice_bytes, symbol_bytes)).unwrap();
            let geometry = announcement.geometry.unwrap();
            assert_eq!((geometry.length(), geometry.symbol_bytes()), (10_000_000, symbol_bytes));
            assert_eq!(announcement.length, Some(10_000_000));
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (slice_bytes, symbol_bytes) in [(1_400, 1_000), (1_400, 140), (700, 1_400)] {
            let error = Announcement::of(&file(slice_bytes, symbol_bytes)).unwrap_err();
            assert_eq!(error, AnnouncementError::Cut { slice_bytes, symbol_bytes });
        }
        let mut lengths = file(1_400, 1_400);
        lengths.content_bytes = Some(1);
        assert!(matches!(Announcement::of(&lengths), Err(AnnouncementError::Length { .. })));
        let mut slices = file(1, 1);
        (slices.fti, slices.content_bytes) = (None, Some(1 << 30));
        assert!(matches!(Announcement::of(&slices), Err(AnnouncementError::Slices { .. })));
    }
}
