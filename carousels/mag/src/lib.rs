//! Infomir's image carousel for MAG boxes: both ends of the wire format, and the container that an
//! image is.
//!
//! * [`Packet`] reads a datagram, [`Header`] writes one.
//! * [`Carousel`] is the sender's core: it says which datagram comes next, and never sleeps or sends.
//! * [`image`] is the container: its header, its layout, its signatures as data, and who accepts it.
//!
//! Nothing here has been tested against a real box (MAG notes §1).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod carousel;
pub mod image;
mod packet;

pub use carousel::{
    Carousel, DESCRIPTION_STEP, LENGTH_MAX, PACKETS_TOLD_APART, Plan, Step, Stream, TooLong,
};
pub use packet::{
    DESCRIPTION_BYTES_MAX, Description, DescriptionError, HEADER_BYTES, Header, Packet, Reject,
};

/// UDP port of a box's fixed group for Bootstrap where none is written (MAG notes §1.2).
pub const DEFAULT_PORT: u16 = 9_000;

/// Bytes of an image in one datagram where none are written (MAG notes §1.3).
pub const DEFAULT_PACKET_BYTES: u16 = 1_456;

/// Most packets of an image that receivers of this project take: 3.05 GB in the vendor's size. More is an
/// attack on the memory of the box. Ours.
pub const PACKETS_MAX: u32 = 1 << 21;
