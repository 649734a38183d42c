//! A trusted boot in the form people and programs read.

use std::path::PathBuf;

use serde::Serialize;

use crate::io::{Counters, ObjectFigures, PartWord, ReceiveFigures};

/// What was heard and done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustedWord {
    /// A release was installed and is booted now, on trial.
    Armed,
    /// The release that is installed is the one on air.
    Held,
    /// A release is on trial; nothing was received.
    OnTrial,
    /// The announce session is silent.
    Silent,
    /// No statement that may be followed was heard.
    NothingUsable,
    /// A release could not be installed.
    Failed,
    /// It took too long.
    OutOfTime,
    /// There is no root document that can be used; nothing was received.
    NoRoot,
}

/// Statements refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedSummary {
    /// The reason's name.
    pub reason: &'static str,
    /// How many different statements, as far as they were looked at.
    pub count: u64,
    /// The first of them, in words.
    pub first: String,
}

/// A part that was fetched, or tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrustedPart {
    /// Which.
    pub part: PartWord,
    /// Length, where it was installed.
    pub bytes: Option<u64>,
    /// SHA-256 in hexadecimal, which is the signed one, where it was installed.
    pub sha256: Option<String>,
    /// Bytes of it that the slot held from before.
    pub resumed_bytes: u64,
    /// Bytes of it that came by network and were kept.
    pub fetched_bytes: u64,
    /// Passes, seconds, attempts and repair.
    #[serde(flatten)]
    pub figures: ObjectFigures,
}

/// What is booted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustedBooted {
    /// `A` or `B`.
    pub bank: String,
    /// Release number.
    pub release: u64,
    /// Security epoch.
    pub epoch: u32,
    /// Whether it is on trial: it is to be committed when its self test has passed.
    pub on_trial: bool,
    /// Boots that the trial has left.
    pub boots_left: Option<u8>,
    /// Length of the image in bytes.
    pub bytes: Option<u64>,
    /// SHA-256 of the image in hexadecimal, all of it read.
    pub sha256: Option<String>,
    /// The file that holds it.
    pub file: PathBuf,
}

/// A trusted boot that is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrustedSummary {
    /// What came of it.
    pub outcome: TrustedWord,
    /// The release that it is about.
    pub release: Option<u64>,
    /// Why what is on air was not installed; `None` where it was, or is.
    pub why: Option<String>,
    /// The number of the root that the box goes by.
    pub root: Option<u64>,
    /// What was refused, by reason.
    pub refused: Vec<RefusedSummary>,
    /// What happened to the banks before anything was received, where that was anything.
    pub banks: Option<String>,
    /// What was fetched, in this order.
    pub parts: Vec<TrustedPart>,
    /// What is booted; `None` where nothing can be.
    pub booted: Option<TrustedBooted>,
    /// Bytes that slots held from before.
    pub resumed_bytes: u64,
    /// Bytes that came by network and were kept.
    pub fetched_bytes: u64,
    /// What was seen over all objects.
    #[serde(flatten)]
    pub counters: Counters,
    /// How datagrams were taken from the kernel.
    #[serde(flatten)]
    pub receive: ReceiveFigures,
}
