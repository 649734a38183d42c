//! What is not taken, or not followed: one test for each check, and more for attacks by name.
//!
//! `PROTOCOL.md` names these functions in its table of checks; `sabotage.rs` takes each check out and
//! demands that its function fails.

use crate::sample::trust;
use stbcast_release::{Refusal, Trust};

macro_rules! cases {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {
        /// Every test here, by name.
        pub const CASES: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
        $($(#[$doc])* #[test] fn $name() $body)*
    };
}

mod acted;
mod judged;
mod message;
mod payload;

/// Every test here, by name.
pub fn cases() -> impl Iterator<Item = &'static (&'static str, fn())> {
    [message::CASES, payload::CASES, judged::CASES, acted::CASES].into_iter().flatten()
}

/// Whether a box takes it, and why not.
fn refusal(bytes: &[u8]) -> Refusal {
    refusal_of(&trust(), bytes)
}

fn refusal_of(trust: &Trust, bytes: &[u8]) -> Refusal {
    match trust.open(bytes) {
        Ok(statement) => panic!("taken: {statement:?}"),
        Err(refusal) => refusal,
    }
}

fn assert_encoding(bytes: &[u8], part: &str) {
    match refusal(bytes) {
        Refusal::Encoding { part: found, .. } => assert_eq!(found, part),
        other => panic!("{other:?}"),
    }
}
