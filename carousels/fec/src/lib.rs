//! Repair symbols, pure: which symbols an object has, and the codecs that make and use them.
//!
//! ```text
//!  object, N source symbols of E bytes           symbol n -> block n mod B, index n div B
//!  | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |..last|0|    (RaptorQ: contiguous blocks, RFC 6330)
//!
//!  block b:  s0 s1 s2 ... s(K_b-1) [0]  |  r0 r1 r2 ... r(M-1)
//!            source, sent by the         |  repair, sent in the companion:
//!            legacy carousel; short      |  SBN = b, ESI = K0 + index
//!            blocks end in virtual zeros |
//! ```
//!
//! [`Geometry`] is that drawing as numbers, checked once; both ends build it from the same few
//! parameters. [`Encoder`] makes the repair symbols of a block, [`Decoder`] gives a block's missing
//! source symbols back. Both work on *stripes*, ranges of byte columns of all symbols of a block, so
//! that memory is bounded by the caller and not by the object. Every codec in use sits in one file:
//! `rs8`, `rs16` and `raptorq`.
//!
//! Symbols are taken as true. One wrong symbol spoils the symbols recovered in its block and no
//! others; telling wrong from right is the business of the digests above and the CRC-32 below.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod decoder;
mod encoder;
mod error;
mod geometry;
mod identifiers;
mod job;
mod plan;
#[cfg(feature = "raptorq")]
mod raptorq;
mod rs16;
mod rs8;
mod scheme;
mod solve;
mod stripes;

pub use decoder::{Decoder, Store};
pub use encoder::Encoder;
pub use error::{CodecError, SetupError};
pub use geometry::{BLOCKS_MAX, Geometry, GeometryError, Place, SYMBOLS_MAX};
pub use identifiers::{IdError, PayloadId, RepairId, SymbolId};
pub use plan::{SYMBOLS_PER_SLICE_MAX, symbol_bytes_of};
pub use scheme::{
    Choice, INSTANCE_RS8, INSTANCE_RS16, RAPTORQ_ENCODING_ID, RAPTORQ_OVERHEAD,
    RAPTORQ_SENT_BLOCK_SYMBOLS_MAX, RS16_SMALL_BLOCK_SYMBOLS_MAX, RS16_TABLES_BYTES, Scheme,
    UNDER_SPECIFIED_ENCODING_ID,
};
pub use stripes::{STRIPE_ALIGN_BYTES, Stripes};
