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
use crate::plan::prediction::{Missing, Times};
use crate::plan::{
    AnnouncePlan, ChannelPlan, FollowerPlan, MagPlan, OverlapPlan, Plan, RepairPlan, StatementPlan,
    SymbolsPlan, TargetPlan, TrustPlan, UnicastNeeds, UnicastPlan, VendorSenderPlan,
    plan_with_images,
};
use crate::schedule::runs::span_text;

/// An object of fewer slices is there in a moment whatever is lost.
const SLICES_WORTH_A_PREDICTION: u32 = 20;

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

fn channel_text(channel: &ChannelPlan) -> String {
    let header = [
        "object",
        "type",
        "precoding",
        "bytes",
        "slices",
        "passes/cycle",
        "every s",
        "in 10 s",
        "source",
    ];
    let mut table = table(&header, 3..8);
    for object in &channel.objects {
        table.add_row([
            object.name.clone(),
            object.object_type.clone(),
            object.precoding.clone(),
            object.bytes.to_string(),
            object.slices.to_string(),
            object.passes.to_string(),
            format!("{:.2}", object.interval_seconds),
            format!("{:.2}", object.passes_in_10_s),
            object.source.clone(),
        ]);
    }
    let mag = channel.mag.as_ref().map(mag_text).unwrap_or_default();
    let repair = channel.repair.as_ref().map(|repair| repair_text(channel, repair));
    format!(
        "channel {} on {} ({}, ttl {})\n{} kbit/s of IP, slices of {} bytes, {} datagrams in {:.2} s \
         a cycle\n{table}\n{mag}{}{}{}{}\n",
        channel.name,
        channel.group,
        channel.carousel,
        channel.ttl,
        channel.bit_rate_kbps,
        channel.slice_bytes,
        channel.datagrams,
        channel.cycle_seconds,
        repair.unwrap_or_default(),
        channel.overlap.as_ref().map(overlap_text).unwrap_or_default(),
        completion_text(channel),
        channel.unicast.as_ref().map(|needs| needs_text(channel, needs)).unwrap_or_default(),
    )
}

/// What is told of the image of a MAG channel.
fn mag_text(mag: &MagPlan) -> String {
    let MagPlan { role, serial, description, descriptions } = mag;
    let serial = serial.map_or_else(|| "from its revision".to_owned(), |serial| serial.to_string());
    format!("{role} `{description}`, serial number {serial}, told {descriptions} times a cycle\n")
}

/// What boxes ask servers for, by loss.
fn needs_text(channel: &ChannelPlan, needs: &UnicastNeeds) -> String {
    if channel.objects.iter().all(|object| object.slices < SLICES_WORTH_A_PREDICTION) {
        return String::new();
    }
    let UnicastNeeds { object, bytes, costs, .. } = needs;
    let mut header = vec!["loss", "boxes that ask", "bytes a box"];
    let repaired = costs.iter().any(|at| at.repaired.is_some());
    if repaired {
        header.extend(["with repair: boxes", "bytes a box"]);
    }
    let mut table = table(&header, 0..header.len());
    let cells = |it: &Missing| {
        [format!("{:.1} %", it.boxes_percent), format!("{:.0}", it.bytes_per_box.round())]
    };
    for at in costs {
        let mut row = vec![format!("{} %", at.loss_percent)];
        row.extend(cells(&at.legacy));
        row.extend(at.repaired.iter().flat_map(cells));
        table.add_row(row);
    }
    let all =
        [["100.0 %".to_owned(), bytes.to_string()], ["100.0 %".to_owned(), bytes.to_string()]];
    let all = all.into_iter().flatten().take(header.len() - 1);
    table.add_row(std::iter::once("hears nothing".to_owned()).chain(all));
    format!(
        "asked of servers for `{object}`, by part of the datagrams that a box loses:\n{table}\n"
    )
}

/// How long boxes take for the largest object, by loss.
fn completion_text(channel: &ChannelPlan) -> String {
    let largest = channel.objects.iter().max_by_key(|object| object.slices);
    let (Some(object), false) = (largest, channel.completion.is_empty()) else {
        return String::new();
    };
    if object.slices < SLICES_WORTH_A_PREDICTION {
        return String::new();
    }
    let mut header = vec!["loss", "cycles p50", "p99.9", "seconds p50", "p99.9"];
    let repaired = channel.completion.iter().any(|at| at.repaired.is_some());
    if repaired {
        header.extend(["with repair p50", "p99.9", "seconds p50", "p99.9"]);
    }
    let mut table = table(&header, 0..header.len());
    for at in &channel.completion {
        let mut row = vec![format!("{} %", at.loss_percent)];
        let mut add = |cycles: &Times, seconds: &Times| {
            row.extend([cycles.p50, cycles.p999].map(|cycles| format!("{cycles:.2}")));
            row.extend([seconds.p50, seconds.p999].map(|seconds| format!("{seconds:.1}")));
        };
        add(&at.legacy, &at.legacy_seconds);
        if let (Some(cycles), Some(seconds)) = (&at.repaired, &at.repaired_seconds) {
            add(cycles, seconds);
        }
        table.add_row(row);
    }
    format!("expected for `{}`, by part of the datagrams that a box loses:\n{table}\n", object.name)
}

/// What happens when an object is replaced.
fn overlap_text(overlap: &OverlapPlan) -> String {
    let OverlapPlan { seconds, bit_rate_kbps, channel_kbps, ip_bytes, .. } = overlap;
    format!(
        "overlap: a superseded revision goes on for {seconds:.0} s with {bit_rate_kbps} kbit/s of IP in the \
         companion, {ip_bytes} bytes in all, and the channel has {channel_kbps} kbit/s meanwhile; a box that \
         holds {:.1} % of it and loses 10 % needs {:.0} s\n",
        f64::from(overlap.finish_past_permille) / 10.0,
        overlap.finish_seconds.ceil()
    )
}

/// The repair symbols of a channel: which objects have some, and what that does to completion.
fn repair_text(channel: &ChannelPlan, repair: &RepairPlan) -> String {
    let is_cut = |symbols: &SymbolsPlan| symbols.symbol_bytes < channel.slice_bytes;
    let cut = channel.objects.iter().filter_map(|object| object.repair.as_ref()).any(is_cut);
    let unit = if cut { "symbol" } else { "slice" };
    let mut text = match &repair.group {
        Some(group) => format!(
            "repair on {group}: {:.3} for each {unit}, {} kbit/s of IP{}; boxes that lose up to {:.1} % \
             lose no time\n",
            repair.ratio,
            repair.bit_rate_kbps,
            if repair.keep_total { ", taken out of the channel's" } else { "" },
            100.0 * repair.ratio / (1.0 + repair.ratio)
        ),
        None => format!("repair within: {} for each symbol\n", repair.ratio),
    };
    for object in &channel.objects {
        let name = &object.name;
        match (&object.repair, &object.no_repair) {
            (Some(SymbolsPlan { fec, blocks, block_symbols, symbol_bytes }), _) => {
                text += &format!(
                    "  {name}: {fec}, {blocks} blocks of {block_symbols} symbols of {symbol_bytes} bytes\n"
                );
            }
            (None, Some(why)) => text += &format!("  {name}: no repair, because {why}\n"),
            (None, None) => {}
        }
    }
    text
}
