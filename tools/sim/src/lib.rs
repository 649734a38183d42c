//! Thousands of boxes on a virtual clock.
//!
//! The senders are the headend's own cores, each with its pacer, and what they send is written down
//! once per scenario. Each box is the receiver's own session, joins at any moment, and hears that
//! sequence over a line of its own that loses by a seed. Payload is not carried: symbols are counted,
//! so a thousand boxes of 64 MiB take seconds.
//!
//! ```text
//!  infocast::Carousel ─────── Pacer ─┐                          ┌─ Line (loss, seed) ─ Fetch<()>
//!                                    ├─ one clock ─> Air (Sent) ┼─ Line ───────────── Fetch<()>
//!  flute::CompanionSession ── Pacer ─┘                          └─ ...
//! ```
//!
//! The unit of all results: symbol-bearing datagrams sent on both groups from the moment a box joins
//! them until it has all symbols that it needs, divided by the slices of the image.
//!
//! [`power`] is about one box and its flash instead: payload is carried, and the power is cut.

pub mod air;
pub mod chance;
pub mod crowd;
pub mod fallback;
pub mod loss;
pub mod percentiles;
pub mod power;
pub mod report;
pub mod scenario;
pub mod station;
