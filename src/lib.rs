//! The headend: streams metadata and images of set-top boxes on multicast carousels.
//!
//! ```text
//!  line-up file ─> lineup ─> contents, trust, plan   (check: figures and findings, nothing sent)
//!                    │
//!                    └─> spool ─> programme ─> publish ─> onair: carousel ─> pacer ─> transmit
//!                                     └─> http: StbConfigs and images for boxes that ask
//! ```
//!
//! The protocols live in crates of their own and know nothing of sockets, files or clocks; this
//! crate owns those. Programs are built from [`lineup::read`], [`plan::plan`] and [`serve::serve`].

pub mod announced;
pub mod carousel;
pub mod cli;
pub mod companion;
pub mod contents;
pub mod control;
pub mod dhcp;
pub mod diff;
pub(crate) mod flute_channel;
pub mod http;
pub mod keys;
pub mod killed;
pub mod lineup;
pub mod lists;
pub mod mag;
pub mod offer;
pub mod overlap;
pub mod pacer;
pub mod plan;
pub mod programme;
pub mod publish;
pub mod repair;
pub mod roster;
pub mod schedule;
pub mod serve;
pub mod signed;
pub mod spool;
pub mod trust;

mod clock;
mod dates;
mod interface;
mod mapped;
mod meter;
mod systemd;
mod telemetry;
mod vendor_sender;

pub mod onair;
pub mod transmit;

#[cfg(test)]
mod testing;
