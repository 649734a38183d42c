//! `stbcast-receiver boot`: the boot procedure of a box.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, value_parser};
use stbcast_bootcast::stbconfig::PermanentParams;
use stbcast_bootcast::{Host, HttpUrl, Order, Protocol};
use stbcast_infocast::{DEFAULT_PORT, Name, NameError};
use stbcast_object::{Group, Micros};

use super::console::Console;
use super::trusted::Trust;
use super::{
    FAILED, Network, NoFigures, Repair, USAGE, Unicast, answer, answer_json, fail, group, tell,
};
use crate::io::{
    BootRequest, BootSummary, Booted, BootedFrom, IoError, PartSummary, boot, kept_parameters,
};
use crate::limits::{TFTP_SERVERS_MAX, UNICAST_PATIENCE_BOOT};
use crate::{BootOptions, HttpBoot, Orders, TftpBoot};

/// The metadata channel of boxes that are told none (Infocast notes §8.2).
const USUAL_METADATA: &str = "224.2.2.2";

#[derive(Args)]
pub(super) struct Arguments {
    /// Name of the control object: the bootcast id of the model.
    #[arg(long, value_name = "ID", value_parser = name)]
    pub(super) bootcast_id: Option<Name>,
    /// The metadata channel, port 22222 where none is written [default: 224.2.2.2:22222].
    #[arg(long, value_name = "GROUP[:PORT]", value_parser = group)]
    metadata: Option<Group>,
    /// The directory that holds the images; created where it is missing.
    #[arg(long, value_name = "DIR")]
    pub(super) store: PathBuf,
    /// Download the diagnostic image too.
    #[arg(long)]
    diagnostic: bool,
    #[command(flatten)]
    pub(super) repair: Repair,
    #[command(flatten)]
    pub(super) unicast: Unicast,
    #[command(flatten)]
    pub(super) network: Network,
    /// Seconds of silence after which an attempt fails, 1 to 255 [default: 10].
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u8).range(1..))]
    pub(super) timeout: Option<u8>,
    /// Attempts, 1 to 255 [default: 3].
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..))]
    pub(super) attempts: Option<u8>,
    /// Answer in JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Say nothing but the answer and errors.
    #[arg(long)]
    pub(super) quiet: bool,
    // Those with a heading stand behind those without.
    #[command(flatten)]
    pub(super) servers: Servers,
    /// Keep the PermanentParams of a StbConfig in the store. The next boots follow them where no
    /// option says otherwise.
    #[arg(long)]
    keep_parameters: bool,
    #[command(flatten)]
    pub(super) trust: Trust,
}

/// What was not signed, where nothing has to be.
const UNPROTECTED: &str = "warning: nothing here is proven: metadata, versions and images are taken from whoever sends to \
     these groups, older images too; --trust ROOT takes what the operator signed and nothing else";

/// Servers, and what they are told.
#[derive(Args)]
#[command(next_help_heading = "Servers")]
pub(super) struct Servers {
    /// Web server that has the StbConfig at URL/ID.
    #[arg(long, value_name = "URL", value_parser = HttpUrl::parse)]
    http: Option<HttpUrl>,
    /// TFTP server, up to four, tried in turn.
    #[arg(long, value_name = "HOST", value_parser = Host::new)]
    tftp: Vec<Host>,
    /// File of the boot image on the TFTP servers [default: default_kernel].
    #[arg(long, value_name = "PATH")]
    tftp_image: Option<String>,
    /// File of the splash on the TFTP servers [default: default_splash].
    #[arg(long, value_name = "PATH")]
    tftp_splash: Option<String>,
    /// File of the diagnostic image on the TFTP servers.
    #[arg(long, value_name = "PATH")]
    tftp_diagnostic: Option<String>,
    /// Ways to splash and images, the first one first: 1 bootcast, 2 TFTP, 3 what the store holds,
    /// 6 HTTP [default: 3,1,3; 3,6,3 with --http; 2 in front of the last 3 with --tftp].
    #[arg(long, value_name = "DIGITS")]
    order: Option<Order>,
    /// Serial number that web servers are told. It decides when the box's turn to ask them for what
    /// it misses is; without it the MAC address does.
    #[arg(long, value_name = "S")]
    pub(super) serial: Option<String>,
    /// MAC address that web servers are told.
    #[arg(long, value_name = "MAC")]
    pub(super) mac: Option<String>,
    /// Version of the boot loader that web servers are told.
    #[arg(long, value_name = "VERSION")]
    fw_version: Option<String>,
}

fn name(text: &str) -> Result<Name, NameError> {
    Name::new(text)
}

pub(super) fn run(arguments: &Arguments, stop: Arc<AtomicBool>) -> ExitCode {
    let mut console = Console::new(arguments.quiet);
    if let Some(root) = &arguments.trust.trust {
        return super::trusted::run(arguments, root, console, stop);
    }
    console.line(UNPROTECTED);
    let kept = match kept_parameters(&arguments.store) {
        Ok(kept) => kept,
        Err(warning) => {
            console.line(format_args!("warning: {warning}"));
            PermanentParams::default()
        }
    };
    let request = match options(arguments, &kept) {
        Ok(options) => request(arguments, options, stop),
        Err(usage) => {
            tell(format_args!("error: {usage}"));
            return ExitCode::from(USAGE);
        }
    };
    match request.and_then(|request| boot(&request, &mut console)) {
        Ok(summary) => {
            let nothing = summary.booted.from == BootedFrom::Nothing;
            let code = if nothing { FAILED } else { 0 };
            if arguments.json { answer_json(&summary, code) } else { answer(text(&summary), code) }
        }
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}

/// What the box was told: by options, else by the parameters it kept, else by nobody.
fn options(arguments: &Arguments, kept: &PermanentParams) -> Result<BootOptions, String> {
    let Arguments { servers, repair, network, .. } = arguments;
    let kept_id = kept.bootcast_id().and_then(|id| Name::new(id).ok());
    let Some(bootcast_id) = arguments.bootcast_id.or(kept_id) else {
        return Err("no model is known: say which with --bootcast-id ID".to_owned());
    };
    let usual = Group::parse(USUAL_METADATA, Some(DEFAULT_PORT)).map_err(|e| e.to_string())?;
    let mut options = BootOptions::new(usual, bootcast_id);
    options.apply(kept);
    options.metadata = arguments.metadata.unwrap_or(options.metadata);
    options.diagnostic = arguments.diagnostic;
    options.source = network.source;
    options.announce = repair.announce;
    options.memory_bytes = repair.memory_bytes();
    servers.tell(&mut options, kept)?;
    let timeout = arguments.timeout.map(|seconds| Micros::from_secs(seconds.into()));
    options.timeout = timeout.unwrap_or(options.timeout);
    options.attempts = arguments.attempts.unwrap_or(options.attempts);
    if let Some(http) = &mut options.http {
        http.timeout = timeout.unwrap_or(http.timeout);
        http.attempts = arguments.attempts.unwrap_or(http.attempts);
    }
    Ok(options)
}

impl Servers {
    fn tell(&self, options: &mut BootOptions, kept: &PermanentParams) -> Result<(), String> {
        options.query.serial.clone_from(&self.serial);
        options.query.mac.clone_from(&self.mac);
        options.query.fw_version.clone_from(&self.fw_version);
        if let Some(url) = &self.http {
            let usual = HttpBoot::new(url.clone());
            let before = options.http.take();
            options.http = Some(HttpBoot { url: url.clone(), ..before.unwrap_or(usual) });
        }
        if self.tftp.len() > TFTP_SERVERS_MAX {
            return Err(format!("{} TFTP servers: at most four are tried", self.tftp.len()));
        }
        if !self.tftp.is_empty() {
            let usual = TftpBoot::new(Vec::new());
            let before = options.tftp.take().unwrap_or(usual);
            options.tftp = Some(TftpBoot { servers: self.tftp.clone(), ..before });
        }
        let files = [&self.tftp_image, &self.tftp_splash, &self.tftp_diagnostic];
        match &mut options.tftp {
            Some(tftp) => tftp
                .name_files(files.map(Option::as_deref))
                .map_err(|error| format!("a file of the TFTP servers: {error}"))?,
            None if files.iter().any(|file| file.is_some()) => {
                return Err("files of TFTP servers are named, but no server: --tftp HOST".into());
            }
            None => {}
        }
        if let Some(order) = &self.order {
            options.orders = Orders::all(order);
        } else if kept.boot_order().is_none() && (self.http.is_some() || !self.tftp.is_empty()) {
            options.orders = Orders::all(&self.usual_order());
        }
        Ok(())
    }

    /// What the servers that are named make likely.
    fn usual_order(&self) -> Order {
        let metadata = if self.http.is_some() { Protocol::Http } else { Protocol::Bootcast };
        let tftp = (!self.tftp.is_empty()).then_some(Protocol::Tftp);
        let ways = [Some(Protocol::Local), Some(metadata), tftp, Some(Protocol::Local)];
        Order::new(ways.into_iter().flatten()).unwrap_or_else(|_| Order::usual())
    }
}

fn request(
    arguments: &Arguments,
    mut options: BootOptions,
    stop: Arc<AtomicBool>,
) -> Result<BootRequest, IoError> {
    let interface = arguments.network.interface()?;
    let serial = options.query.serial.as_ref().or(options.query.mac.as_ref());
    let url = options.http.as_ref().map(|http| &http.url);
    options.unicast =
        arguments.unicast.options(serial, interface.as_ref(), url, UNICAST_PATIENCE_BOOT);
    let (store, keep_parameters) = (arguments.store.clone(), arguments.keep_parameters);
    Ok(BootRequest { options, store, interface, keep_parameters, stop })
}

fn text(summary: &BootSummary) -> String {
    let mut text = String::new();
    if let Some(error) = &summary.control_error {
        let _ = writeln!(text, "control object: failed: {error}");
    }
    if let Some(error) = &summary.http_error {
        let _ = writeln!(text, "StbConfig: failed: {error}");
    }
    for part in &summary.parts {
        if let Some(outcome) = outcome(part) {
            let _ = writeln!(text, "{}: {outcome}", part.part);
        }
    }
    if summary.receive.kernel_drops > 0 {
        let _ = writeln!(text, "received: {}", summary.receive);
    }
    if let Some(parameters) = &summary.parameters {
        let _ = writeln!(text, "permanent parameters: {parameters}");
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
        "kept" => Some(format!("kept, version {version}")),
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
