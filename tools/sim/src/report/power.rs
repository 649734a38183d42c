//! Boxes whose power is cut, as text and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::power::seeds::{REFETCHED_MAX, Tally};

/// Seeds that are shown at most.
const SHOWN: usize = 10;

/// What came of them, for people.
pub fn power_text(tally: &Tally, seed: u64) -> String {
    let Tally { boxes, cuts, denied, refetched, changes, .. } = tally;
    let mut text = format!(
        "power cut at each of {changes} changes of the flash, then {cuts} times in {boxes} boxes \
         from seed {seed} on: the old release or the new one booted, every byte of it, {} times of \
         {}\n{denied} boxes denied a release that failed its trials; at most {} % of a release was \
         received again after a cut (bar: {} %)",
        changes + boxes - tally.broken.len() as u64,
        changes + boxes,
        percent(*refetched),
        percent(REFETCHED_MAX),
    );
    for (seed, why) in tally.broken.iter().take(SHOWN) {
        let _ = write!(text, "\nBROKEN: --power --seeds 1 --seed {seed}: {why}");
    }
    text
}

fn percent(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

/// The same for programs.
pub fn power_json(tally: &Tally, seed: u64) -> Value {
    let broken = tally.broken.iter().map(|(seed, why)| json!({ "seed": seed, "why": why }));
    json!({
        "seed": seed,
        "changes": tally.changes,
        "boxes": tally.boxes,
        "cuts": tally.cuts,
        "denied": tally.denied,
        "refetched_permille": tally.refetched,
        "broken": broken.collect::<Vec<_>>(),
        "met": tally.is_met(),
    })
}
