//! File Delivery Table (RFC 6726 §3.2 to §3.4): what a session carries, as a value.

mod digest;
mod error;
mod file;
mod instance;
mod location;
mod read;
mod supersedes;
mod unicast;
mod write;

pub use error::FdtError;
pub use file::{Announced, Companion, File, Kind, KindError, toi_candidates};
pub use instance::Instance;
pub use location::{Location, LocationError};
pub use supersedes::{Supersedes, SupersedesError};
pub use unicast::{Alternates, Unicast, UnicastError};

/// Namespace of the FDT as we write it: the one that the most receivers know. Any is read.
pub const FDT_NAMESPACE: &str = "urn:IETF:metadata:2005:FLUTE:FDT";

/// Namespace of our own attributes.
pub const OWN_NAMESPACE: &str = "urn:stbcast:fdt:1";

/// Media type of an FDT instance.
pub const FDT_MEDIA_TYPE: &str = "application/fdt+xml";

/// Sizes that bound what a received FDT instance costs.
pub mod limits {
    use core::num::NonZeroU8;

    /// Bytes of an instance.
    pub const INSTANCE_BYTES_MAX: u64 = 128 * 1024;
    /// Bytes of an instance that we send: some receivers read only 16 bits of its length.
    pub const INSTANCE_BYTES_SENT_MAX: usize = 65_535;
    /// `File` elements of an instance.
    pub const FILES_MAX: usize = 256;
    /// Elements inside elements.
    pub const DEPTH_MAX: usize = 8;
    /// Attributes and name spaces of an element.
    pub const ATTRIBUTES_MAX: usize = 256;
    /// Signs `<` anywhere, and signs `=` anywhere: the parser reserves memory for each of them.
    pub const SIGNS_MAX: usize = 2 * NODES_MAX as usize;
    /// Bytes of a URL, and of all alternate URLs of a file with the spaces between them.
    pub const URL_BYTES_MAX: usize = 512;
    /// Bytes of a media type.
    pub const MEDIA_TYPE_BYTES_MAX: usize = 128;
    /// Nodes of the parsed tree: elements, texts and comments.
    pub const NODES_MAX: u32 = 8_192;
    /// Alternate URLs of a file.
    pub const ALTERNATES_MAX: usize = 4;
    /// Seconds over which boxes spread what they ask of these.
    pub const WINDOW_S_MAX: u32 = 86_400;
    /// The same where nothing is said.
    pub const WINDOW_S_DEFAULT: u32 = 3_600;
    /// Seconds in which a superseded revision can be completed.
    pub const OVERLAP_S_MAX: u32 = 86_400;
    /// Thousandths of the source symbols that a box must hold to complete it.
    pub const FINISH_PAST_MAX: u16 = 1_000;
    /// Cycles a box hears before it may ask, where nothing is said.
    pub const AFTER_CYCLES_DEFAULT: NonZeroU8 = NonZeroU8::new(2).unwrap();
}

#[cfg(test)]
mod tests;
