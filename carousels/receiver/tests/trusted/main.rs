//! A boot that believes nothing but what the operator signed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

#[path = "../headend/mod.rs"]
mod headend;

mod any;
mod crowded;
mod followed;
mod hostile;
mod killed;
mod mag;
mod resumed;
mod sabotage;
mod sample;
mod stb;
mod superseded;
mod watched;
