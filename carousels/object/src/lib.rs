//! What a carousel carries, in the words every protocol crate shares.
//!
//! ```text
//!  object ──cut by Slices──> slice 0 | slice 1 | ... | slice n-1 (shorter)
//!                               │
//!  Datagram  =  head (<= 64 B)  +  range of the object  +  tail (<= 4 B)   ──> Group
//! ```
//!
//! This crate holds values and arithmetic only. It never asks for the time, opens a socket or a
//! file, or starts a thread: [`Micros`] is handed in by whoever has a clock.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod datagram;
mod group;
mod slices;
mod time;

pub mod limits;
pub mod xml;

pub use datagram::{Datagram, Head, Tail};
pub use group::{Group, GroupError};
pub use slices::{Slices, SlicesError};
pub use time::Micros;
