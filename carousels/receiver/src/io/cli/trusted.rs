//! `stbcast-receiver boot --trust`: a boot that believes signatures alone.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use stbcast_object::Micros;
use stbcast_release::Identity;

use super::boot::Arguments;
use super::console::Console;
use super::{FAILED, NoFigures, USAGE, answer, answer_json, fail, tell};
use crate::io::{
    IoError, TrustedBooted, TrustedPart, TrustedRequest, TrustedSummary, TrustedWord, box_identity,
    trusted_boot,
};
use crate::limits::{ATTEMPTS, TIMEOUT, TRUSTED_PATIENCE, UNICAST_PATIENCE_BOOT};

/// Whom the box believes, and what it is.
#[derive(Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct Trust {
    /// Install what is signed under this root document, and nothing else. Releases come with the
    /// announce session; --store holds two banks of slots.
    #[arg(long, value_name = "ROOT", requires_all = ["announce", "hardware"],
          conflicts_with_all = ["metadata", "diagnostic", "keep_parameters", "http", "tftp",
              "tftp_image", "tftp_splash", "tftp_diagnostic", "order", "fw_version", "any"])]
    pub(super) trust: Option<PathBuf>,
    /// Hardware revision of the box.
    #[arg(long, value_name = "N", requires = "trust")]
    hardware: Option<u32>,
    /// Model of the box as releases name it [default: the bootcast id].
    #[arg(long, value_name = "NAME", requires = "trust")]
    model: Option<String>,
    /// Seconds that the whole may take, 1 to 86400 [default: 900]. Then the box boots what it has, and the
    /// next boot goes on with what was received.
    #[arg(long, value_name = "SECONDS", requires = "trust",
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    patience: Option<u32>,
}

pub(super) fn run(
    arguments: &Arguments,
    root: &Path,
    mut console: Console,
    stop: Arc<AtomicBool>,
) -> ExitCode {
    let model = arguments.trust.model.clone();
    let model = model.or_else(|| arguments.bootcast_id.map(|id| id.to_string()));
    let Some(model) = model else {
        tell("error: no model is known: say which with --model NAME or --bootcast-id ID");
        return ExitCode::from(USAGE);
    };
    let booted =
        request(arguments, root, model, stop).and_then(|it| trusted_boot(&it, &mut console));
    match booted {
        Ok(summary) => {
            let code = if summary.booted.is_some() { 0 } else { FAILED };
            if arguments.json { answer_json(&summary, code) } else { answer(text(&summary), code) }
        }
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}

fn request(
    arguments: &Arguments,
    root: &Path,
    model: String,
    stop: Arc<AtomicBool>,
) -> Result<TrustedRequest, IoError> {
    let announce = arguments.repair.announce.ok_or(IoError::NoResult)?;
    let own = arguments.servers.serial.clone().or_else(|| arguments.servers.mac.clone());
    let interface = arguments.network.interface().ok().flatten();
    let serial = own.unwrap_or_else(|| box_identity(interface.as_ref()));
    let unicast = arguments.unicast.signed_options(&serial, UNICAST_PATIENCE_BOOT);
    let hardware = arguments.trust.hardware.unwrap_or_default();
    let identity = Identity { model, hardware, serial };
    let timeout = arguments.timeout.map_or(TIMEOUT, |seconds| Micros::from_secs(seconds.into()));
    Ok(TrustedRequest {
        interface: arguments.network.interface.clone(),
        source: arguments.network.source,
        timeout,
        attempts: arguments.attempts.unwrap_or(ATTEMPTS),
        patience: arguments
            .trust
            .patience
            .map_or(TRUSTED_PATIENCE, |seconds| Micros::from_secs(seconds.into())),
        memory_bytes: arguments.repair.memory_bytes(),
        unicast,
        stop,
        ..TrustedRequest::new(root, identity, announce, &arguments.store)
    })
}

fn text(summary: &TrustedSummary) -> String {
    let mut text = String::new();
    if let Some(banks) = &summary.banks {
        let _ = writeln!(text, "banks: {banks}");
    }
    for one in &summary.refused {
        let _ = writeln!(text, "refused: {} of `{}`, first: {}", one.count, one.reason, one.first);
    }
    for part in &summary.parts {
        let _ = writeln!(text, "{}: {}", part.part, fetched(part));
    }
    if summary.receive.kernel_drops > 0 {
        let _ = writeln!(text, "received: {}", summary.receive);
    }
    text + &last_line(summary)
}

fn fetched(part: &TrustedPart) -> String {
    let Some((bytes, sha256)) = part.bytes.zip(part.sha256.as_ref()) else {
        return "not there".to_owned();
    };
    let figures = &part.figures;
    let mut text = format!(
        "{bytes} bytes, {:.2} s, {:.2} cycles, sha-256 {sha256} as signed",
        figures.seconds, figures.cycles
    );
    if part.resumed_bytes > 0 {
        let _ = write!(text, ", {} bytes held from before", part.resumed_bytes);
    }
    let repair = figures.repair.to_string();
    if !repair.is_empty() {
        let _ = write!(text, ", repair {repair}");
    }
    text
}

fn last_line(summary: &TrustedSummary) -> String {
    let why = summary.why.as_deref();
    let Some(booted) = &summary.booted else {
        return format!("boot: nothing to boot: {}", why.unwrap_or("no bank holds an image"));
    };
    let TrustedBooted { bank, release, boots_left, .. } = booted;
    let mut text = format!("boot: release {release} of bank {bank}");
    if let Some(boots_left) = boots_left {
        let _ = write!(text, ", on trial, boots left: {boots_left}");
    }
    match (summary.outcome, why) {
        (_, Some(why)) => text + ", because " + why,
        (TrustedWord::Armed, _) => text + ", from the network",
        (TrustedWord::Held, _) => text + ", because it is the release on air",
        _ => text,
    }
}
