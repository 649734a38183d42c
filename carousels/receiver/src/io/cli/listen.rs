//! `stbcast-receiver listen`: what a channel carries.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, value_parser};
use comfy_table::{CellAlignment, Table, presets};
use stbcast_object::{Group, Micros};

use super::console::Console;
use super::{Network, NoFigures, answer, answer_json, fail, group};
use crate::io::{IoError, ListedObject, ListenRequest, ListenSummary, listen};

const COLUMNS: [&str; 12] = [
    "name",
    "type",
    "precoding",
    "slices",
    "slice bytes",
    "bytes",
    "cycle s",
    "kbit/s",
    "share",
    "changes",
    "senders",
    "check",
];

/// The columns that hold figures.
const FIGURES: std::ops::RangeInclusive<usize> = 3..=9;

#[derive(Args)]
pub(super) struct Arguments {
    /// The channel, port 22222 where none is written.
    #[arg(value_name = "GROUP[:PORT]", value_parser = group)]
    group: Group,
    #[command(flatten)]
    network: Network,
    /// Seconds to listen, 1 to 86400.
    #[arg(long, default_value_t = 10, value_name = "N",
          value_parser = value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Keep every datagram in this capture file, with IP and UDP headers made again.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, stop: Arc<AtomicBool>) -> ExitCode {
    let mut console = Console::new(false);
    let heard = request(arguments, stop).and_then(|request| listen(&request, &mut console));
    match heard {
        Ok(summary) if arguments.json => answer_json(&summary, 0),
        Ok(summary) => answer(text(&summary), 0),
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}

fn request(arguments: &Arguments, stop: Arc<AtomicBool>) -> Result<ListenRequest, IoError> {
    Ok(ListenRequest {
        interface: arguments.network.interface()?,
        source: arguments.network.source,
        span: Micros::from_secs(arguments.seconds.into()),
        record: arguments.record.clone(),
        stop,
        ..ListenRequest::new(arguments.group)
    })
}

fn text(summary: &ListenSummary) -> String {
    let ListenSummary { group, seconds, datagrams, bit_rate_bps, .. } = summary;
    let mut lines = vec![table(summary)];
    lines.push(format!(
        "{group}: {datagrams} datagrams in {seconds:.1} s, {} kbit/s",
        kilo(*bit_rate_bps)
    ));
    lines.extend(summary.objects.iter().filter_map(image));
    lines.push(format!("received: {}", summary.receive));
    for (reason, count) in &summary.rejected {
        lines.push(format!("{count} datagrams rejected: {reason}"));
    }
    if summary.other_names > 0 {
        lines.push(format!("{} packets of further names", summary.other_names));
    }
    lines.join("\n")
}

/// What a MAG channel says of its image beside what the table has.
fn image(object: &ListedObject) -> Option<String> {
    let ListedObject { name, serial, description, .. } = object;
    let serial = (*serial)?;
    Some(match description {
        Some(text) => format!("{name}: serial number {serial}, \"{text}\""),
        None => format!("{name}: serial number {serial}"),
    })
}

fn table(summary: &ListenSummary) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(COLUMNS);
    for column in FIGURES {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for object in &summary.objects {
        table.add_row(row(object, summary.bit_rate_bps));
    }
    table.trim_fmt()
}

fn row(object: &ListedObject, channel_bps: u64) -> [String; 12] {
    let senders: Vec<_> = object.senders.iter().map(ToString::to_string).collect();
    let share = object.bit_rate_bps.saturating_mul(100) / channel_bps.max(1);
    [
        object.name.clone(),
        object.object_type.clone(),
        object.precoding.clone(),
        object.slices.to_string(),
        known(object.slice_bytes),
        known(object.bytes),
        known(object.cycle_seconds.map(|seconds| format!("{seconds:.2}"))),
        kilo(object.bit_rate_bps),
        format!("{share} %"),
        object.changes.to_string(),
        senders.join(" "),
        known(object.check.as_ref()),
    ]
}

fn known(value: Option<impl Display>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

fn kilo(bps: u64) -> String {
    format!("{}.{}", bps / 1_000, bps % 1_000 / 100)
}
