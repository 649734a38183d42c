//! FLUTE (RFC 6726) over ALC/LCT (RFC 5775, RFC 5651): both ends, for three uses.
//!
//! ```text
//!  companion          repair symbols of a channel:   FDT each second | repair repair repair ...
//!  announce session   what is on air, and where:     FDT each second | statement statement ...
//!  FLUTE carousel     source and repair together:    FDT each second | source ... repair ... |
//!
//!  datagram = LCT header, 16 | EXT_FDT, EXT_TIME (FDT only) | EXT_FTI, 16
//!           | payload id, 4 or 8 | symbol | CRC-32 (companion of ours only)
//! ```
//!
//! * [`Session`] is the receiver's core: datagrams in, symbols and descriptions out.
//! * [`Carousel`], [`CompanionSession`] and [`AnnounceSession`] are the senders' cores: each says
//!   which datagram comes next, as parts, so that image bytes are never copied.
//! * [`Packet`] and [`fdt::Instance`] read and write the two layers by themselves.
//!
//! Every byte we emit is drawn in `carousels/PROTOCOL.md`. Where the symbols of a coded object are
//! says [`stbcast_fec::Geometry`]. Codes are not computed here: source symbols are ranges of an
//! object, repair symbols ranges of a store.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod announce;
mod assembly;
mod blocks;
mod bytes;
mod carousel;
mod companion;
mod crc;
mod entry;
mod ext;
mod fdt_sender;
mod fti;
mod lct;
mod ntp;
mod packet;
mod reject;
mod scheme;
mod session;
mod statement;
mod table;

pub mod fdt;

pub use announce::AnnounceSession;
pub use blocks::{Symbol, SymbolError};
pub use carousel::{Carousel, CarouselSettings, Step};
pub use companion::{CompanionSession, CompanionSettings};
pub use crc::crc32;
pub use entry::{Entry, EntryError, Repair, Share};
pub use ext::{Extension, Extensions, FdtId, RawExtension, RawExtensions};
pub use fdt::FdtError;
pub use fdt_sender::{FdtSender, FdtSettings};
pub use fti::{Fti, FtiError};
pub use lct::{Header, LCT_BYTES, Lct, TOI_FDT, close_session};
pub use ntp::{NtpSeconds, NtpTime};
pub use packet::{
    COMPANION_OVERHEAD_BYTES, Packet, Payload, SOURCE_HEAD_BYTES, head_bytes, tail_bytes,
};
pub use reject::Reject;
pub use scheme::{Code, Scheme};
pub use session::{Event, Received, Session, Stats};
pub use statement::{STATEMENT_BYTES_MAX, Statement, StatementError};
pub use stbcast_fec::PayloadId;
pub use table::{Described, Merged, ObjectKey, Table};

/// TSI of the sessions that we send: each has a group of its own, so one number is enough.
pub const DEFAULT_TSI: u32 = 1;

/// UDP port of an announce session where none is written.
pub const ANNOUNCE_PORT: u16 = 22_223;
