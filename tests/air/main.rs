//! The programs as users run them: processes, files, sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod asking;
#[cfg(feature = "peers")]
#[path = "../peer/capture.rs"]
mod capture;
mod check;
mod control;
#[cfg(feature = "peers")]
mod dhcp;
mod drop_ins;
mod end_to_end;
#[cfg(feature = "peers")]
mod families;
#[cfg(feature = "peers")]
mod faults;
#[cfg(feature = "peers")]
mod flute_crate;
mod harness;
mod http;
mod http_boot;
mod http_hostile;
#[cfg(feature = "peers")]
mod http_peers;
mod kill;
mod lists;
#[cfg(feature = "peers")]
mod lossy;
#[cfg(feature = "peers")]
mod mag;
#[cfg(feature = "peers")]
mod mag_gnupg;
mod mag_images;
mod mag_log;
mod mag_sent;
#[cfg(feature = "peers")]
mod network;
mod operator;
#[cfg(feature = "peers")]
mod peers;
mod reboot;
mod reload;
mod repair;
mod schedule;
#[cfg(feature = "peers")]
mod second_box;
mod serve;
mod signing;
mod stbconfig;
#[cfg(feature = "peers")]
mod swap;
mod systemd;
mod transmit;
mod trust;
mod trust_boot;
mod unicast_repair;
mod vendor_sender;
