//! The container that an image is (MAG notes §1.6): a text header, sections with a signature behind
//! each, and one signature over all of it.
//!
//! ```text
//! STB Model:MAG254 ... Start data...   header, text
//! kernel  trailer                      a trailer is a signature, 263 bytes
//! rootfs  trailer
//! optional sections, each with its trailer
//! trailer of the whole                 over the header and the trailers of all sections
//! ```
//!
//! * [`Header`] reads and writes the text, and names the [`Section`]s.
//! * [`Layout`] says where they stand in the file, and where the file is cut off.
//! * [`Trailer`] is a signature as data.
//! * [`acceptance`] is which image a box takes.
//!
//! Nothing here reads a file or knows a key: who does hands the pieces in.

pub mod acceptance;
mod header;
mod layout;
mod section;
mod trailer;

pub use header::{HEADER_BYTES_MAX, Header, HeaderError, LINE_BYTES_MAX};
pub use layout::{Layout, LayoutError, Part, Placed, place};
pub use section::{Section, SectionKind};
pub use trailer::{SIGNATURE_BYTES, Trailer, TrailerError};

/// Bytes of a signature behind a section or behind the whole.
pub const TRAILER_BYTES: u64 = 263;

/// Longest section in bytes: its length and place are 32 bits wide on the wire.
pub const SECTION_BYTES_MAX: u64 = u32::MAX as u64;
