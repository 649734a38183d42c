//! TFTP as a box reads with it: one file from one server (RFC 1350), with the options block size
//! (RFC 2348), time-out and transfer size (RFC 2349), in octet mode.
//!
//! ```text
//!  box                        server
//!   │ RRQ name octet options ──> port 69      sent again until something answers
//!   │ <── OACK what of them holds             from a port of the transfer: its TID
//!   │ ACK 0 ──>
//!   │ <── DATA 1, a full block
//!   │ ACK 1 ──>                               sent again while DATA 2 does not come
//!   │ <── DATA 2, less than a block: the last
//!   │ ACK 2 ──>
//! ```
//!
//! [`Transfer`] is pure: datagrams and time go in, datagrams and the bytes of the file come out.
//! The code is ours because the crates that speak TFTP (`tftpd`, `rtftp`, `tftp_client`) own their
//! sockets, clocks and files, or know none of the options.

mod error;
mod packet;
mod transfer;

pub use error::TftpError;
pub use packet::{Packet, PacketError};
pub use transfer::{Taken, Transfer};
