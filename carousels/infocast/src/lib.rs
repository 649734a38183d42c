//! Infocast, KreaTV's multicast object carousel: both ends of the wire format.
//!
//! One UDP datagram is one packet. All integers are big-endian; there is no magic number, no
//! version field and no object length (Infocast notes §2, most fields proven twice):
//!
//! ```text
//!  0        2           4               8               12        42              44
//! +--------+-----------+---------------+---------------+---------+---------------+
//! | type   | precoding | packet number | total packets | name    | dynamic info  |
//! |        |           | 1 = first     |               | 30, NUL | bits 14..13=x |
//! +--------+-----------+---------------+---------------+---------+---------------+
//! | extension, 16 * x bytes, x = 0..3 | slice of the object | trailer, 0/2/4 bytes |
//! +-----------------------------------+---------------------+----------------------+
//! ```
//!
//! * [`Packet`] reads a datagram, [`Header`] writes one.
//! * [`Carousel`] is the sender's core: which datagram comes next.
//! * [`Learner`] finds out how a channel's trailers are computed, because nobody published it.
//!
//! Nothing here has been tested against a real box; what is inferred can be overridden.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod carousel;
mod check;
mod code;
mod entry;
mod learner;
mod name;
mod order;
mod packet;

pub use carousel::{Carousel, Step};
pub use check::{Algorithm, ByteOrder, Check, Coverage, Running};
pub use code::{CodeError, ObjectType, Precoding};
pub use entry::{Content, Entry, EntryError, Trailers};
pub use learner::{Learner, ObjectCheck, Verdict};
pub use name::{NAME_BYTES, Name, NameError};
pub use order::{Load, Order, Plan};
pub use packet::{HEADER_BYTES, Header, Packet, Reject};

/// UDP port of a channel where none is written (Infocast notes §1.1).
pub const DEFAULT_PORT: u16 = 22_222;

/// How long a box waits for its control object before it gives up an attempt (notes §8: 10 s).
pub const BOX_PATIENCE: stbcast_object::Micros = stbcast_object::Micros::from_secs(10);
