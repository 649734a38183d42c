//! Why an FDT instance is refused as a whole.

use super::limits;

/// Why an FDT instance is refused as a whole. A single bad `File` is only left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FdtError {
    /// Not UTF-8.
    #[error("the instance is not UTF-8")]
    Utf8,
    /// Longer than is taken.
    #[error("an instance of {bytes} bytes is above {}", limits::INSTANCE_BYTES_MAX)]
    Bytes {
        /// Bytes of the instance.
        bytes: usize,
    },
    /// A document type, with which entities could be defined.
    #[error("a document type is not legal here")]
    DocumentType,
    /// Elements too deep inside each other.
    #[error("elements lie deeper than {}", limits::DEPTH_MAX)]
    Depth,
    /// A tag with more attributes than any needs.
    #[error("a tag has more than {} attributes", limits::ATTRIBUTES_MAX)]
    Attributes,
    /// Not well-formed, or more nodes than are taken.
    #[error("the instance is not well-formed XML within the limits")]
    Xml,
    /// The root is not `FDT-Instance`.
    #[error("the root element is not FDT-Instance")]
    Root,
    /// `Expires` is missing or not a number of 32 bits.
    #[error("`Expires` is missing or not a number of 32 bits")]
    Expires,
    /// More files than are taken.
    #[error("more than {} files", limits::FILES_MAX)]
    Files,
    /// One TOI for two files.
    #[error("TOI {toi} stands there twice")]
    DuplicateToi {
        /// The TOI.
        toi: u128,
    },
    /// Its time is over.
    #[error("the instance expired at {expires_unix_s} and it is {now_unix_s}")]
    Expired {
        /// Unix seconds of its expiry.
        expires_unix_s: u64,
        /// Unix seconds now.
        now_unix_s: u64,
    },
}
