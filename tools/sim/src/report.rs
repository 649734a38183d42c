//! Results as a table and as JSON.

mod fallback;
mod power;

pub use fallback::{FallbackRow, fallback, fallback_json, fallback_text};
pub use power::{power_json, power_text};

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use crate::crowd::Outcome;
use crate::percentiles::Percentiles;
use crate::scenario::Scenario;

/// What a scenario came to.
#[derive(Clone, Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: Scenario,
    /// Boxes that ran.
    pub boxes: u64,
    /// Those that never completed.
    pub incomplete: u64,
    /// Cycles until complete.
    pub cycles: Percentiles,
    /// Seconds until the object is described, counted before the join; 0 without announcement.
    pub described_s: Percentiles,
    /// FDT datagrams sent, on the announce group and on the companion, from the start of a box
    /// until it was complete.
    pub fdt: Percentiles,
    /// Bytes of headers, IP and UDP among them, for each byte of symbols sent.
    pub headers: f64,
    /// Number of the slowest box, to be replayed.
    pub slowest: Option<u64>,
}

impl Row {
    /// The row of a scenario.
    pub fn new(scenario: Scenario, outcomes: &[Outcome]) -> Self {
        let of = |what: fn(&Outcome) -> f64| Percentiles::of(outcomes.iter().map(what));
        let sum = |what: fn(&Outcome) -> u64| outcomes.iter().map(what).sum::<u64>() as f64;
        let slowest = outcomes.iter().max_by(|a, b| a.cycles.total_cmp(&b.cycles));
        Self {
            scenario,
            boxes: outcomes.len() as u64,
            incomplete: outcomes.iter().filter(|one| one.cycles.is_infinite()).count() as u64,
            cycles: of(|one| one.cycles),
            described_s: of(|one| one.described_s),
            fdt: of(|one| one.fdt_datagrams as f64),
            headers: sum(|one| one.header_bytes) / sum(|one| one.symbol_bytes),
            slowest: slowest.map(|one| one.number),
        }
    }

    /// Whether the bars are met; `None` without any.
    pub fn is_met(&self) -> Option<bool> {
        let (p50, p999) = self.scenario.bars?;
        Some(self.cycles.p50 <= p50 && self.cycles.p999 <= p999)
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        }
    }

    fn repair(&self) -> (String, String) {
        match self.scenario.repair {
            Some((ratio, code)) => (format!("{:.0} %", ratio * 100.0), code.to_string()),
            None => ("plain".to_owned(), String::new()),
        }
    }
}

/// The rows as a table for people.
pub fn text(rows: &[Row], image_mib: u64, seed: u64) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "scenario",
        "loss",
        "ratio",
        "fec",
        "boxes",
        "p50",
        "p99",
        "p99.9",
        "max",
        "bars",
        "",
        "plain, studied",
        "described s",
        "FDT",
        "headers",
        "slowest",
    ]);
    for row in rows {
        let Percentiles { p50, p99, p999, max } = row.cycles;
        let (ratio, code) = row.repair();
        let pair = |pair: Option<(f64, f64)>, digits: usize| {
            pair.map_or(String::new(), |(a, b)| format!("{a:.digits$} / {b:.digits$}"))
        };
        table.add_row([
            row.scenario.name.to_owned(),
            row.scenario.title.to_owned(),
            ratio,
            code,
            row.boxes.to_string(),
            format!("{p50:.4}"),
            format!("{p99:.4}"),
            format!("{p999:.4}"),
            format!("{max:.4}"),
            pair(row.scenario.bars, 3),
            row.verdict().to_owned(),
            pair(row.scenario.studied, 2),
            format!("{:.2} / {:.2}", row.described_s.p50, row.described_s.p999),
            format!("{:.0} / {:.0}", row.fdt.p50, row.fdt.p999),
            format!("{:.1} %", row.headers * 100.0),
            row.slowest.map_or(String::new(), |number| number.to_string()),
        ]);
    }
    for column in (4..9).chain(12..16) {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "{image_mib} MiB in slices of {}, seed {seed}. Cycles: symbol-bearing datagrams sent on both \
         groups from the join\nuntil all symbols are there, divided by the slices. Pairs are p50 / \
         p99.9.\n{table}",
        crate::scenario::SLICE_BYTES
    )
}

/// The rows as JSON.
pub fn json(rows: &[Row], seed: u64) -> Value {
    let percentiles = |of: Percentiles| json!({ "p50": finite(of.p50), "p99": finite(of.p99), "p99_9": finite(of.p999), "max": finite(of.max) });
    let pair =
        |pair: Option<(f64, f64)>| pair.map(|(p50, p999)| json!({ "p50": p50, "p99_9": p999 }));
    let row = |row: &Row| {
        let (ratio, fec) = row.scenario.repair.unzip();
        json!({
            "scenario": row.scenario.name,
            "loss": row.scenario.title,
            "ratio": ratio,
            "fec": fec.map(|code| code.to_string()),
            "boxes": row.boxes,
            "incomplete": row.incomplete,
            "cycles": percentiles(row.cycles),
            "bars": pair(row.scenario.bars),
            "met": row.is_met(),
            "plain_studied": pair(row.scenario.studied),
            "described_seconds": percentiles(row.described_s),
            "fdt_datagrams": percentiles(row.fdt),
            "header_bytes_per_symbol_byte": row.headers,
            "slowest_box": row.slowest,
        })
    };
    json!({ "seed": seed, "rows": rows.iter().map(row).collect::<Vec<_>>() })
}

/// JSON has no infinity: a box that never completed is null.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
