//! The programs as users run them: processes, files, sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod check;
mod end_to_end;
mod harness;
#[cfg(feature = "peers")]
mod network;
#[cfg(feature = "peers")]
mod peers;
mod reload;
mod serve;
mod transmit;
