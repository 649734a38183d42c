//! The table in the end.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::boxes::Outcome;

pub(crate) fn render(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "box",
        "model",
        "metadata",
        "line",
        "version",
        "bytes",
        "sha-256 equal",
        "seconds",
        "cycles",
    ]);
    for outcome in outcomes {
        let equal = match &outcome.error {
            None if outcome.is_equal => "yes".to_owned(),
            None => "NO".to_owned(),
            Some(error) => format!("NO: {error}"),
        };
        table.add_row([
            outcome.name.to_owned(),
            outcome.model.to_owned(),
            outcome.metadata.to_owned(),
            outcome.line.words(),
            outcome.version.clone(),
            outcome.bytes.to_string(),
            equal,
            format!("{:.1}", outcome.seconds),
            format!("{:.2}", outcome.cycles),
        ]);
    }
    for column in [5, 7, 8] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// What boxes refused, a line each.
pub(crate) fn refusals(outcomes: &[Outcome]) -> String {
    let lines = outcomes.iter().flat_map(|outcome| {
        outcome.refused.iter().map(|why| format!("{} refused {why}\n", outcome.name))
    });
    lines.collect()
}
