//! What a given box would do by a line-up, and why: each step of its own procedure, in its own order.

use crate::lineup::LineUp;
use crate::lists::{Headers, Known};

mod dune;
mod mag;
pub use dune::{DuneBox, dune};
pub use mag::{MagBox, mag};

/// What a box does by one of the ways it has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Offer {
    /// The way, in words.
    pub way: String,
    /// What it takes, where it takes something.
    pub takes: Option<Taken>,
    /// What it does, in words.
    pub does: String,
    /// Why, step by step.
    pub why: Vec<String>,
}

/// What a box takes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// The version, as the box names it.
    pub version: String,
    /// Where it is.
    pub url: String,
    /// Whether whoever watches is asked.
    pub asks: bool,
}

/// A line-up with everything on air.
fn everything<'a>(line_up: &'a LineUp, headers: &'a Headers) -> Known<'a> {
    Known { line_up, headers, digest: &|_| None, has: &|_| true, runs: &|_| true }
}

fn nothing(way: &str, does: &str, why: Vec<String>) -> Offer {
    Offer { way: way.to_owned(), takes: None, does: does.to_owned(), why }
}
