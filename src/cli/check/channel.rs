//! One channel of a plan, for people.

use super::table;
use crate::plan::prediction::{Missing, Times};
use crate::plan::{ChannelPlan, MagPlan, OverlapPlan, RepairPlan, SymbolsPlan, UnicastNeeds};

/// An object of fewer slices is there in a moment whatever is lost.
const SLICES_WORTH_A_PREDICTION: u32 = 20;

pub(super) fn channel_text(channel: &ChannelPlan) -> String {
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
    // Whoever wrote it, or made the image, does not steer this terminal.
    let description = description.escape_debug();
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
