//! Signed statements: what is taken, and what is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends there"
)]

mod any;
mod forge;
mod refused;
mod sabotage;
mod sample;
mod taken;
mod vectors;
