//! `stbcast-receiver boot`: the boot procedure of a box.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use stbcast_infocast::{Name, NameError};
use stbcast_object::Group;

use super::console::Console;
use super::{FAILED, Network, NoFigures, Patience, Repair, answer, answer_json, fail, group};
use crate::BootOptions;
use crate::io::{BootRequest, BootSummary, Booted, BootedFrom, IoError, PartSummary, boot};

#[derive(Args)]
pub(super) struct Arguments {
    /// Name of the control object: the bootcast id of the model.
    #[arg(long, value_name = "ID", value_parser = name)]
    bootcast_id: Name,
    /// The metadata channel, port 22222 where none is written.
    #[arg(long, value_name = "GROUP[:PORT]", default_value = "224.2.2.2:22222",
          value_parser = group)]
    metadata: Group,
    /// The directory that holds the images; created where it is missing.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Download the diagnostic image too.
    #[arg(long)]
    diagnostic: bool,
    #[command(flatten)]
    repair: Repair,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    patience: Patience,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Say nothing but the answer and errors.
    #[arg(long)]
    quiet: bool,
}

fn name(text: &str) -> Result<Name, NameError> {
    Name::new(text)
}

pub(super) fn run(arguments: &Arguments, stop: Arc<AtomicBool>) -> ExitCode {
    let mut console = Console::new(arguments.quiet);
    let Arguments { metadata, bootcast_id, .. } = arguments;
    console.line(format_args!("control object: waiting for {bootcast_id} on {metadata}"));
    let booted = request(arguments, stop).and_then(|request| boot(&request, &mut console));
    match booted {
        Ok(summary) => {
            let nothing = summary.booted.from == BootedFrom::Nothing;
            let code = if nothing { FAILED } else { 0 };
            if arguments.json { answer_json(&summary, code) } else { answer(text(&summary), code) }
        }
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}

fn request(arguments: &Arguments, stop: Arc<AtomicBool>) -> Result<BootRequest, IoError> {
    let Arguments { metadata, bootcast_id, store, diagnostic, repair, network, patience, .. } =
        arguments;
    let options = BootOptions {
        diagnostic: *diagnostic,
        timeout: patience.timeout(),
        attempts: patience.attempts,
        source: network.source,
        announce: repair.announce,
        memory_bytes: repair.memory_bytes(),
        ..BootOptions::new(*metadata, *bootcast_id)
    };
    let interface = network.interface()?;
    Ok(BootRequest { options, store: store.clone(), interface, stop })
}

fn text(summary: &BootSummary) -> String {
    let mut text = String::new();
    if let Some(error) = &summary.control_error {
        let _ = writeln!(text, "control object: failed: {error}");
    }
    for part in &summary.parts {
        if let Some(outcome) = outcome(part) {
            let _ = writeln!(text, "{}: {outcome}", part.part);
        }
    }
    if summary.receive.kernel_drops > 0 {
        let _ = writeln!(text, "received: {}", summary.receive);
    }
    text + &last_line(&summary.booted)
}

fn outcome(part: &PartSummary) -> Option<String> {
    let version = shown(part.version.as_deref());
    match part.outcome {
        "installed" => {
            let figures = part.figures.clone().unwrap_or_default();
            let mut text = format!(
                "installed version {version}, {} bytes, {:.2} s, {:.2} cycles, sha-256 {}",
                part.bytes.unwrap_or_default(),
                figures.seconds,
                figures.cycles,
                part.sha256.as_deref().unwrap_or_default(),
            );
            let repair = figures.repair.to_string();
            if !repair.is_empty() {
                let _ = write!(text, ", repair {repair}");
            }
            Some(text)
        }
        "up_to_date" => Some(format!("up to date, version {version}")),
        "failed" => Some(format!("failed: {}", part.error.as_deref().unwrap_or_default())),
        _ => None,
    }
}

fn last_line(booted: &Booted) -> String {
    let version = shown(booted.version.as_deref());
    let why = booted.why.as_deref().unwrap_or("the channel has none");
    match booted.from {
        BootedFrom::Network => format!("boot: image {version} from the network"),
        BootedFrom::Store => format!("boot: image {version} from the store, because {why}"),
        BootedFrom::Nothing => format!("boot: nothing to boot: {why}"),
    }
}

/// A version for a terminal: it comes from the network and may hold control characters.
fn shown(version: Option<&str>) -> String {
    version.unwrap_or_default().escape_debug().to_string()
}
