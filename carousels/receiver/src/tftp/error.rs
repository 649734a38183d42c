//! Why a file did not come.

use alloc::string::String;

use stbcast_object::Micros;

/// Longest text of a server that is kept, in bytes before escaping.
const TEXT_BYTES_MAX: usize = 128;

/// Why a transfer failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TftpError {
    /// The file's name and the options do not fit a request.
    #[error("the path of {bytes} bytes does not fit a request of 512")]
    Path {
        /// Its length.
        bytes: usize,
    },
    /// TFTP reads from the beginning only.
    #[error("TFTP cannot begin at byte {from}")]
    From {
        /// Where to begin.
        from: u64,
    },
    /// Nothing answered the request.
    #[error("the server did not answer for {span}")]
    Silent {
        /// How long.
        span: Micros,
    },
    /// The server stopped sending.
    #[error("nothing came for {span} behind byte {received}")]
    Stalled {
        /// How long.
        span: Micros,
        /// Bytes that had come.
        received: u64,
    },
    /// Blocks come, but so slowly that the file would never be whole.
    #[error("the server sends less than {bytes_per_s} bytes a second, behind byte {received}")]
    Slow {
        /// What is the least.
        bytes_per_s: u64,
        /// Bytes that had come.
        received: u64,
    },
    /// The server refuses.
    #[error("the server answered error {code}: \"{text}\"")]
    Refused {
        /// Its code (RFC 1350 appendix): 1 is that there is no such file.
        code: u16,
        /// Its words, escaped.
        text: String,
    },
    /// The server acknowledged what was not asked for.
    #[error("the server agreed to an option that was not offered: {option}")]
    Option {
        /// Name and value, escaped.
        option: String,
    },
    /// A block is longer than agreed.
    #[error("a block of {bytes} bytes came where {agreed} were agreed")]
    Block {
        /// Bytes of the block.
        bytes: usize,
        /// Bytes agreed.
        agreed: u16,
    },
    /// The file is larger than the box takes.
    #[error("the file has {length} bytes or more, which is too large")]
    TooLarge {
        /// As far as is known.
        length: u64,
    },
    /// The file is not as long as the server said.
    #[error("{received} bytes came, and the server said {told}")]
    Length {
        /// Bytes that came.
        received: u64,
        /// Bytes that were told.
        told: u64,
    },
}

/// Text of the network as it may be shown.
pub(super) fn escaped(text: &[u8]) -> String {
    let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    alloc::format!("{}", text.escape_ascii())
}
