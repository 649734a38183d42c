//! Where the parts of an image stand in its file.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::{Header, SECTION_BYTES_MAX, Section, SectionKind, TRAILER_BYTES};

/// Where a section and its trailer stand, in bytes from the beginning of the file. The trailer follows
/// the data at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which section.
    pub kind: SectionKind,
    /// Its data.
    pub data: Range<u64>,
}

impl Placed {
    /// Its trailer.
    pub const fn trailer(&self) -> Range<u64> {
        self.data.end..self.data.end + TRAILER_BYTES
    }
}

/// Where everything stands. Parts follow each other without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    header_bytes: u64,
    sections: Vec<Placed>,
    end: u64,
}

/// A part of an image, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The text in front.
    Header,
    /// The data of a section.
    Section(SectionKind),
    /// The signature behind a section.
    Trailer(SectionKind),
    /// The signature of the whole.
    GlobalTrailer,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::Section(kind) => write!(f, "the section {kind}"),
            Self::Trailer(kind) => write!(f, "the signature of {kind}"),
            Self::GlobalTrailer => f.write_str("the signature of the whole"),
        }
    }
}

/// Why sizes and places of a header are not those of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Sections overlap, or leave bytes between them that nothing covers.
    #[error(
        "the section {kind} begins at {stated} of the data, and what is before it ends at {expected}"
    )]
    Place {
        /// Which section.
        kind: SectionKind,
        /// Where the header places it, in bytes behind the header.
        stated: u64,
        /// Where it must begin.
        expected: u64,
    },
    /// Longer than a carousel can carry.
    #[error("the image would have {bytes} bytes: at most {SECTION_BYTES_MAX} can be sent")]
    TooLong {
        /// Bytes of the whole.
        bytes: u64,
    },
    /// The file ends before the image does.
    #[error("cut off in {part}: {bytes} bytes of {expected}, {} are missing", expected - bytes)]
    Truncated {
        /// The part that is not whole.
        part: Part,
        /// Bytes of the file.
        bytes: u64,
        /// Bytes that its header promises.
        expected: u64,
    },
    /// Something follows the image.
    #[error("{} bytes follow the image, which has {expected}", bytes - expected)]
    Trailing {
        /// Bytes of the file.
        bytes: u64,
        /// Bytes that its header promises.
        expected: u64,
    },
}

impl Layout {
    /// Places what a header of so many bytes names.
    ///
    /// # Errors
    /// When sections do not follow each other, or the whole is longer than 4,294,967,295 bytes.
    pub fn new(header: &Header, header_bytes: usize) -> Result<Self, LayoutError> {
        let header_bytes = header_bytes as u64;
        // The vendor stores them in the order of the header; what holds is the place that is stated.
        let mut order: Vec<&Section> = header.sections.iter().collect();
        order.sort_by_key(|section| (section.at, section.kind));
        let mut end = 0u64;
        let mut sections = Vec::with_capacity(order.len());
        for section in order {
            let kind = section.kind;
            if let Some(stated) = section.at.filter(|&at| at != end) {
                return Err(LayoutError::Place { kind, stated, expected: end });
            }
            let begin = header_bytes.saturating_add(end);
            let data = begin..begin.saturating_add(section.bytes);
            sections.push(Placed { kind, data });
            end = end.saturating_add(section.bytes).saturating_add(TRAILER_BYTES);
        }
        let layout = Self { header_bytes, sections, end: header_bytes.saturating_add(end) };
        let bytes = layout.total();
        if bytes > SECTION_BYTES_MAX { Err(LayoutError::TooLong { bytes }) } else { Ok(layout) }
    }

    /// Bytes of the header.
    pub const fn header_bytes(&self) -> u64 {
        self.header_bytes
    }

    /// The sections, in the order in which they stand and are signed.
    pub fn sections(&self) -> &[Placed] {
        &self.sections
    }

    /// Where the signature of the whole stands, in bytes from the beginning of the file.
    pub const fn global_trailer(&self) -> Range<u64> {
        self.end..self.end.saturating_add(TRAILER_BYTES)
    }

    /// Bytes of the whole image. No field of the vendor's says it.
    pub const fn total(&self) -> u64 {
        self.end.saturating_add(TRAILER_BYTES)
    }

    /// Holds the length of a file against what its header promises.
    ///
    /// # Errors
    /// When the file is shorter or longer, with the part in which it ends.
    pub fn check(&self, bytes: u64) -> Result<(), LayoutError> {
        let expected = self.total();
        match bytes {
            _ if bytes < expected => {
                Err(LayoutError::Truncated { part: self.part(bytes), bytes, expected })
            }
            _ if bytes > expected => Err(LayoutError::Trailing { bytes, expected }),
            _ => Ok(()),
        }
    }

    /// The part that this byte of the file belongs to.
    pub fn part(&self, at: u64) -> Part {
        if at < self.header_bytes {
            return Part::Header;
        }
        for section in &self.sections {
            if section.data.contains(&at) {
                return Part::Section(section.kind);
            }
            if section.trailer().contains(&at) {
                return Part::Trailer(section.kind);
            }
        }
        Part::GlobalTrailer
    }
}

/// Gives every section its place, one behind the other in the order of [`SectionKind::ALL`].
pub fn place(sections: &mut [Section]) {
    sections.sort_by_key(|section| section.kind);
    let mut end = 0u64;
    for section in sections {
        section.at = section.kind.is_placed().then_some(end);
        end = end.saturating_add(section.bytes).saturating_add(TRAILER_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn header(sections: &[(SectionKind, u64)]) -> Header {
        let section = |&(kind, bytes)| Section { kind, version: None, bytes, at: None };
        let mut sections: Vec<_> = sections.iter().map(section).collect();
        place(&mut sections);
        Header { sections, ..Header::default() }
    }

    fn whole() -> Header {
        header(&[
            (SectionKind::Logotype, 9),
            (SectionKind::Kernel, 100),
            (SectionKind::RootFs, 1_000),
            (SectionKind::Env, 72),
        ])
    }

    /// The places of a real header (MAG notes §1.6).
    #[test]
    fn places_are_the_vendors() {
        let header = header(&[
            (SectionKind::Kernel, 4_194_304),
            (SectionKind::RootFs, 68_405_993),
            (SectionKind::Env, 72),
            (SectionKind::Logotype, 9_000),
        ]);
        assert_eq!(header.section(SectionKind::Env).unwrap().at, Some(72_600_823));
        assert_eq!(header.section(SectionKind::Logotype).unwrap().at, Some(72_601_158));
        let layout = Layout::new(&header, 400).unwrap();
        assert_eq!(layout.total(), 400 + 72_601_158 + 9_000 + 263 + 263);
    }

    #[test]
    fn a_file_that_is_cut_off_is_told_with_the_part_in_which_it_ends() {
        let layout = Layout::new(&whole(), 400).unwrap();
        let total = 400 + 100 + 263 + 1_000 + 263 + 72 + 263 + 9 + 263 + 263;
        assert_eq!(layout.total(), total);
        assert_eq!(layout.check(total), Ok(()));
        let part = |bytes| match layout.check(bytes) {
            Err(LayoutError::Truncated { part, .. }) => part,
            other => panic!("{other:?}"),
        };
        assert_eq!(part(399), Part::Header);
        assert_eq!(part(400), Part::Section(SectionKind::Kernel));
        assert_eq!(part(500), Part::Trailer(SectionKind::Kernel));
        assert_eq!(part(763 + 1_262), Part::Trailer(SectionKind::RootFs));
        assert_eq!(part(total - 1), Part::GlobalTrailer);
        let told = layout.check(total - 1).unwrap_err().to_string();
        assert!(
            told.contains("the signature of the whole") && told.contains("1 are missing"),
            "{told}"
        );
        let told = layout.check(total + 7).unwrap_err().to_string();
        assert!(told.contains("7 bytes follow"), "{told}");
    }

    #[test]
    fn sections_that_overlap_or_leave_a_gap_are_refused_by_name() {
        for stated in [0, 1_625, 1_627, SECTION_BYTES_MAX] {
            let mut header = whole();
            let env = header.sections.iter_mut().find(|section| section.kind == SectionKind::Env);
            env.unwrap().at = Some(stated);
            let Err(LayoutError::Place { .. }) = Layout::new(&header, 400) else {
                panic!("{stated} is taken");
            };
        }
    }

    #[test]
    fn sections_stand_where_their_places_say_whatever_their_order_in_the_header() {
        let mut header = header(&[(SectionKind::Kernel, 1)]);
        let section = |kind, at| Section { kind, version: None, bytes: 10, at: Some(at) };
        let swapped = vec![section(SectionKind::Env, 537), section(SectionKind::Logotype, 264)];
        header.sections.extend(swapped);
        let layout = Layout::new(&header, 0).unwrap();
        let kinds: Vec<_> = layout.sections().iter().map(|section| section.kind).collect();
        assert_eq!(kinds, [SectionKind::Kernel, SectionKind::Logotype, SectionKind::Env]);
    }

    #[test]
    fn an_image_of_more_than_32_bits_is_refused() {
        let of =
            |bytes| Layout::new(&header(&[(SectionKind::RootFs, bytes)]), 100).map(|it| it.total());
        let most = SECTION_BYTES_MAX - 2 * TRAILER_BYTES - 100;
        assert_eq!(of(most), Ok(SECTION_BYTES_MAX));
        assert_eq!(of(most + 1), Err(LayoutError::TooLong { bytes: SECTION_BYTES_MAX + 1 }));
        assert!(of(u64::MAX).is_err());
    }
}
