//! Boxes that fall back on a server, as a table and as JSON.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};
use stbcast_object::Micros;

use crate::air::AirError;
use crate::fallback::{Outcome, SPAN, Scene};
use crate::loss::Loss;

/// Bytes of the image.
const IMAGE_BYTES: u64 = 1_000_000;

/// What a server can send for each box: 1 Gbit/s for 100,000.
const BPS_A_BOX: u64 = 10_000;

/// Part of its capacity that a server is loaded with at most where the window is right.
const LOAD_MAX: f64 = 0.8;

/// A population and what it came to.
#[derive(Clone, Copy, Debug)]
pub struct FallbackRow {
    /// What happens.
    pub title: &'static str,
    /// The population.
    pub scene: Scene,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the window is as long as it should be.
    pub is_wide: bool,
}

impl FallbackRow {
    /// Whether everybody has the object and the server was never asked for more than it can send:
    /// with the window that it should have, for no more than 0.8 of that.
    pub fn is_met(&self) -> bool {
        let most = if self.is_wide { LOAD_MAX } else { 1.0 };
        self.outcome.gave_up == 0 && self.outcome.peak <= most
    }
}

/// Plays every row.
///
/// # Errors
/// When the image cannot be cut.
pub fn fallback(boxes: u64, seed: u64) -> Result<Vec<FallbackRow>, AirError> {
    let capacity_bps = (boxes * BPS_A_BOX).max(1_000_000);
    let scene = Scene { seed, ..Scene::deaf(boxes, IMAGE_BYTES, capacity_bps)? };
    let half = Micros::from_secs(u64::from(scene.window_s) / 2);
    let push = Scene { cycles: 2, loss: Loss::Independent { probability: 0.01 }, ..scene };
    let short = scene.window_s / 20;
    let rows = [
        ("nothing is heard", scene, true),
        ("nothing is heard, power cut", Scene { power_cut_at: Some(half), ..scene }, true),
        ("two cycles with 1 % loss, then silence", push, true),
        ("nothing is heard, window too short", Scene { window_s: short, ..scene }, false),
    ];
    let row = |(title, scene, is_wide): (&'static str, Scene, bool)| FallbackRow {
        title,
        scene,
        outcome: scene.run(),
        is_wide,
    };
    Ok(rows.map(row).into())
}

/// The rows as a table for people.
pub fn fallback_text(rows: &[FallbackRow], seed: u64) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "what happens",
        "boxes",
        "window s",
        "server Mbit/s",
        "most in 10 s",
        "by multicast",
        "by server",
        "gave up",
        "requests",
        "sent away",
        "bytes a box",
        "last s",
        "",
    ]);
    for row in rows {
        let FallbackRow { title, scene, outcome, .. } = row;
        table.add_row([
            (*title).to_owned(),
            scene.boxes.to_string(),
            scene.window_s.to_string(),
            format!("{:.0}", scene.capacity_bps as f64 / 1e6),
            format!("{:.2}", outcome.peak),
            outcome.by_multicast.to_string(),
            outcome.by_server.to_string(),
            outcome.gave_up.to_string(),
            outcome.requests.to_string(),
            outcome.refused.to_string(),
            format!("{:.0}", outcome.bytes as f64 / scene.boxes as f64),
            format!("{:.0}", outcome.seconds),
            if row.is_met() { "met" } else { "missed" }.to_owned(),
        ]);
    }
    for column in 1..12 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "An image of {IMAGE_BYTES} bytes, lines of 10 Mbit/s, seed {seed}. The most that the server sent \
         in {:.0} s, as a part of\nwhat it can: met is {LOAD_MAX} at most, and 1 where the window is \
         too short.\n{table}",
        SPAN.as_secs_f64()
    )
}

/// The rows as JSON.
pub fn fallback_json(rows: &[FallbackRow], seed: u64) -> Value {
    let row = |row: &FallbackRow| {
        let FallbackRow { title, scene, outcome, .. } = row;
        json!({
            "scenario": title,
            "boxes": scene.boxes,
            "window_s": scene.window_s,
            "capacity_bps": scene.capacity_bps,
            "peak": outcome.peak,
            "by_multicast": outcome.by_multicast,
            "by_server": outcome.by_server,
            "gave_up": outcome.gave_up,
            "requests": outcome.requests,
            "refused": outcome.refused,
            "bytes": outcome.bytes,
            "seconds": outcome.seconds,
            "met": row.is_met(),
        })
    };
    json!({ "seed": seed, "rows": rows.iter().map(row).collect::<Vec<_>>() })
}
