//! `stbcast check`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::complain;
use crate::diff::Difference;
use crate::lineup::{self, Finding, LineUp};
use crate::lists::gone;
use crate::plan::{
    AnnouncePlan, FollowerPlan, Plan, StatementPlan, TargetPlan, TrustPlan, UnicastPlan,
    VendorSenderPlan, plan_with_images,
};
use crate::schedule::runs::span_text;

mod channel;
use channel::channel_text;

/// Runs of a schedule that are shown to people.
const RUNS: usize = 5;

/// Print the plan of a line-up: figures, warnings, errors. Sends nothing.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up: our TOML, a directory of `*.toml`, or a vendor's infocastconfig.xml or mcsend INI unchanged.
    line_up: PathBuf,
    /// Print what changes from this line-up to the other, too.
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let reading = lineup::read(&self.line_up);
        let mut difference = match (&self.against, &reading.line_up) {
            (Some(old), Some(new)) => match difference(old, new) {
                Ok(difference) => Some(difference),
                Err(message) => {
                    complain(message);
                    return ExitCode::FAILURE;
                }
            },
            _ => None,
        };
        let mut reading = reading;
        if let (Some((_, gone)), Some(_)) = (&mut difference, &reading.line_up) {
            reading.findings.append(gone);
        }
        let difference = difference.map(|(difference, _)| difference);
        let plan = match reading.line_up {
            Some(line_up) => plan_with_images(&line_up, reading.findings),
            None => Plan::of_findings(reading.findings),
        };
        let text = if self.json {
            json(&plan, difference.as_ref())
        } else {
            let changes = difference.map(|changes| format!("\n{changes}\n")).unwrap_or_default();
            text(&plan) + &changes
        };
        let written = std::io::stdout().lock().write_all(text.as_bytes());
        if !self.json {
            let path = self.line_up.display();
            plan.warnings
                .iter()
                .for_each(|warning| complain(format_args!("warning: {path}: {warning}")));
            plan.errors.iter().for_each(|error| complain(format_args!("error: {path}: {error}")));
        }
        if plan.is_fit() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What changes from the line-up at `old`, and what should not have.
fn difference(old: &Path, new: &LineUp) -> Result<(Difference, Vec<Finding>), String> {
    let reading = lineup::read(old);
    let shown = old.display();
    let errors: String =
        reading.errors().map(|finding| format!("error: {shown}: {finding}\n")).collect();
    let old = reading.line_up.ok_or_else(|| errors.trim_end().to_owned())?;
    Ok((Difference::between_files(&old, new), gone(&old, new)))
}

fn json(plan: &Plan, difference: Option<&Difference>) -> String {
    #[derive(serde::Serialize)]
    struct Told<'a> {
        #[serde(flatten)]
        plan: &'a Plan,
        #[serde(skip_serializing_if = "Option::is_none")]
        difference: Option<&'a Difference>,
    }
    let told = Told { plan, difference };
    serde_json::to_string_pretty(&told).map_or_else(|error| error.to_string(), |text| text + "\n")
}

fn text(plan: &Plan) -> String {
    let mut text: String = plan.channels.iter().map(channel_text).collect();
    if !plan.targets.is_empty() {
        let mut table = table(&["rule", "boxes", "answer over HTTP"], 0..0);
        for TargetPlan { name, boxes, answer } in &plan.targets {
            table.add_row([name, boxes, answer]);
        }
        text += &format!("{table}\n\n");
    }
    text += &plan.vendor_senders.iter().map(vendor_sender_text).collect::<String>();
    text += &crate::lists::plan::words(&plan.lists);
    text += &schedules_text(&plan.schedules);
    if plan.is_fit() {
        let (count, sum) = (plan.channels.len(), plan.bit_rate_kbps_total);
        if let Some(AnnouncePlan { group, bit_rate_kbps, objects, statements }) = &plan.announce {
            let statements = match statements {
                0 => String::new(),
                1 => " and 1 statement".to_owned(),
                more => format!(" and {more} statements"),
            };
            text += &format!(
                "{objects} objects{statements} announced on {group}, {bit_rate_kbps} kbit/s of IP\n"
            );
        }
        text += &plan.trust.as_ref().map(trust_text).unwrap_or_default();
        text += &plan.unicast.as_ref().map(unicast_text).unwrap_or_default();
        let vendors = match plan.vendor_senders.len() {
            0 => String::new(),
            1 => " and 1 vendor sender".to_owned(),
            more => format!(" and {more} vendor senders"),
        };
        text += &format!("{count} channels{vendors}, {sum} kbit/s of IP in all\n");
    }
    text
}

/// What follows a schedule, and its next runs.
fn schedules_text(followers: &[FollowerPlan]) -> String {
    let mut text = String::new();
    for FollowerPlan { kind, name, schedule, timezone, runs } in followers {
        text += &format!("{kind} {name} follows schedule {schedule}, {timezone}\n");
        if runs.is_empty() {
            text += "  not on air in the next 400 days\n\n";
            continue;
        }
        let mut table = table(&["on air from", "to", "for", "kbit/s", ""], 3..4);
        for run in runs.iter().take(RUNS) {
            table.add_row([
                run.start.clone(),
                run.end.clone().unwrap_or_else(|| "-".to_owned()),
                run.seconds.map_or_else(|| "more than 400 days".to_owned(), span_text),
                run.bit_rate_kbps.map_or_else(String::new, |rate| rate.to_string()),
                run.notes.join("; "),
            ]);
        }
        text += &format!("{table}\n\n");
    }
    text
}

/// What a vendor's sender is told; what it sends is not known.
fn vendor_sender_text(sender: &VendorSenderPlan) -> String {
    let VendorSenderPlan { name, group, command, bytes, counted_kbps, pass_seconds, .. } = sender;
    let counted = if sender.is_estimated { "an estimate" } else { "as the line-up says" };
    format!(
        "vendor sender {name}: {bytes} bytes to {group}, counted as {counted_kbps:.0} kbit/s of IP ({counted}), \
         {pass_seconds:.0} s a pass by what it is told; the vendor's format is not checked\n  {}\n\n",
        command.join(" ")
    )
}

/// What was signed, and until when it holds.
fn trust_text(trust: &TrustPlan) -> String {
    let TrustPlan { operator, root, statements } = trust;
    let mut table = table(&["statement", "says", "bytes", "expires"], 2..3);
    for StatementPlan { name, says, bytes, expires, .. } in statements {
        table.add_row([name, says, &bytes.to_string(), expires]);
    }
    format!("signed for boxes of `{operator}` under root {root}:\n{table}\n\n")
}

fn unicast_text(unicast: &UnicastPlan) -> String {
    let UnicastPlan { urls, after_cycles, window_s, bytes_per_box, window_s_wanted } = unicast;
    let urls = urls.join(", ");
    let cycles = if *after_cycles == 1 { "cycle" } else { "cycles" };
    let mut text = format!(
        "boxes may ask {urls} after {after_cycles} {cycles}, spread over {window_s} s: {} bytes a box \
         where one of a hundred hears nothing",
        bytes_per_box.round()
    );
    if let Some(wanted) = window_s_wanted {
        text += &format!(", which wants {:.0} s", wanted.ceil());
    }
    text + "\n"
}

/// A table whose columns from `first` to `last` are figures.
pub(super) fn table(header: &[&str], figures: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for column in figures {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
