//! Bytes asked of a server: what a session wants of the transport, and what it hears back.
//!
//! The transport opens connections and moves bytes. Whether, when and where something is asked, and
//! what follows from the answer, is the session's business.

use core::fmt;

use stbcast_bootcast::{HttpUrl, TftpUrl};
use stbcast_object::Micros;

/// A part of an object, or all of it, wanted from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number. A fetch never uses one twice; the next fetch of a boot begins anew.
    pub id: u64,
    /// Who is asked.
    pub server: Server,
    /// First byte wanted.
    pub from: u64,
    /// The byte behind the last one wanted; `None` for all there are. From the first byte on, that
    /// begins an object anew; from a later one, it goes on with an object whose beginning came
    /// before, which is done only where a validator proves that it is the same, else the answer is
    /// [`UnicastError::Changed`]. A part is had from any server that knows ranges; where it told a
    /// validator before, that must still hold.
    pub to: Option<u64>,
    /// Most bytes that the object may have.
    pub length_max: u64,
    /// Silence after which the server counts as gone.
    pub timeout: Micros,
}

/// Who is asked, for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// A web server. Redirects 301, 302 and 303 are followed, three at most, to http alone.
    Http(HttpUrl),
    /// A TFTP server. It gives whole files only.
    Tftp {
        /// The file.
        url: TftpUrl,
        /// How it is asked.
        options: TftpOptions,
    },
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(f),
            Self::Tftp { url, .. } => url.fmt(f),
        }
    }
}

/// How a TFTP server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TftpOptions {
    /// Block size asked for in bytes, 8 to 65464 (RFC 2348).
    pub block_bytes: u16,
    /// Silence after which a datagram is sent again, 1 to 255 s (RFC 2349).
    pub timeout_s: u8,
    /// Silence after which the read request is given up, 1 to 255 s.
    pub request_timeout_s: u8,
}

impl Default for TftpOptions {
    /// Blocks that fit an Ethernet frame; time-outs of the boot channel.
    fn default() -> Self {
        Self { block_bytes: 1428, timeout_s: 1, request_timeout_s: 10 }
    }
}

/// How a request ended. The bytes that came were handed in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All that was wanted came.
    Done {
        /// Length of the whole object in bytes.
        length: u64,
        /// SHA-256 of the whole object, where the server says it (`Repr-Digest`, RFC 9530).
        sha256: Option<[u8; 32]>,
    },
    /// The server has no time now (503 or 429).
    Busy {
        /// When to ask again, where it says so (`Retry-After`).
        retry_after: Option<Micros>,
    },
    /// It cannot be had in this way, or the connection broke.
    Failed(UnicastError),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { length, .. } => write!(f, "an object of {length} bytes"),
            Self::Busy { retry_after: None } => f.write_str("the server is busy"),
            Self::Busy { retry_after: Some(span) } => {
                write!(f, "the server is busy for {:.0} s", span.as_secs_f64())
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnicastError {
    /// No such host, or nobody answers there.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The server went silent, or sends next to nothing.
    #[error("the server fell silent")]
    Silent,
    /// The connection ended too early.
    #[error("the answer ended after {bytes} bytes")]
    Cut {
        /// Bytes that came.
        bytes: u64,
    },
    /// It has no time for longer than it is waited for.
    #[error("the server is busy, and wants to be asked again in {retry_after}")]
    Busy {
        /// When.
        retry_after: Micros,
    },
    /// It has no such object, or does not give it.
    #[error("the server answered with status {status}")]
    Status {
        /// The status code.
        status: u16,
    },
    /// A redirect that is not followed: another kind, one too many, or to another scheme.
    #[error("the server answered with a redirect that is not followed (status {status})")]
    Redirect {
        /// The status code.
        status: u16,
    },
    /// The object is another one than in the answer before.
    #[error("the object changed on the server")]
    Changed,
    /// A part was asked for, and the server gives none, or another one.
    #[error("the server does not give the part that was asked for")]
    Range,
    /// It has more bytes than are taken.
    #[error("the object has {length} bytes, more than are taken")]
    TooLong {
        /// Bytes as far as they are known.
        length: u64,
    },
    /// A TFTP server refused, with this error code (RFC 1350 §5).
    #[error("the server refused with TFTP error {code}")]
    Tftp {
        /// The code.
        code: u16,
    },
    /// What came is not what the protocol allows.
    #[error("the answer breaks the protocol")]
    Protocol,
}
