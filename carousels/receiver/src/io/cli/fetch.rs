//! `stbcast-receiver fetch`: one object into one file.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, value_parser};
use stbcast_object::{Group, Micros};

use super::console::Console;
use super::{Network, Patience, Repair, USAGE, Unicast, answer, answer_json, fail, group, tell};
use crate::io::{
    Counters, FetchFailure, FetchFigures, FetchRequest, FetchSummary, IoError, RepairFigures,
    fetch, parse_url,
};
use crate::limits::UNICAST_PATIENCE;
use crate::{Server, Target, TftpOptions};

#[derive(Args)]
pub(super) struct Arguments {
    /// The object: infocast://GROUP[:PORT]/NAME, port 22222 where none is written, mag://GROUP:PORT,
    /// flute://GROUP:PORT/NAME, http://SERVER[:PORT]/PATH or tftp://SERVER[:PORT]/PATH.
    #[arg(value_parser = parse_url)]
    url: Target,
    /// The file to put it in; one that exists is replaced once the object is whole.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    repair: Repair,
    /// Take repair symbols from this group, port 22222 where none is written, whatever is
    /// announced.
    #[arg(long = "repair", value_name = "GROUP[:PORT]", value_parser = group)]
    companion: Option<Group>,
    #[command(flatten)]
    unicast: Unicast,
    /// What the box is called, which decides when its turn to ask servers is [default: the MAC
    /// address of its interface].
    #[arg(long, value_name = "S", help_heading = "Unicast repair")]
    serial: Option<String>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    asking: Asking,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Say nothing but the answer and errors.
    #[arg(long)]
    quiet: bool,
}

/// What the options for objects of a server stand under.
const SERVERS: &str = "Objects of a server";

/// How a server is asked.
#[derive(Args)]
struct Asking {
    /// The SHA-256 that the object of a server must have, in hexadecimal; else the one that the
    /// server tells (Repr-Digest) counts, where it does.
    #[arg(long, value_name = "DIGEST", value_parser = digest, help_heading = SERVERS)]
    sha256: Option<[u8; 32]>,
    /// How long a web server without time (503) is waited for in all, 0 to 86400.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, help_heading = SERVERS,
          value_parser = value_parser!(u32).range(..=86_400))]
    busy: u32,
    /// Size of blocks that a TFTP server is asked for, 8 to 65464.
    #[arg(long, value_name = "BYTES", default_value_t = TftpOptions::default().block_bytes,
          value_parser = value_parser!(u16).range(8..=65_464), help_heading = SERVERS)]
    tftp_block: u16,
}

impl Asking {
    /// The target with what was said of how it is asked for.
    fn target(&self, url: &Target, timeout_s: u8) -> Target {
        match url {
            Target::Unicast(Server::Tftp { url, options }) => {
                let options = TftpOptions {
                    block_bytes: self.tftp_block,
                    request_timeout_s: timeout_s,
                    ..*options
                };
                Target::Unicast(Server::Tftp { url: url.clone(), options })
            }
            url => url.clone(),
        }
    }
}

fn digest(text: &str) -> Result<[u8; 32], &'static str> {
    let wrong = "a SHA-256 has 64 hexadecimal digits";
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong);
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        let pair = text.get(at..at + 2).ok_or(wrong)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
    }
    Ok(digest)
}

/// What was said that has no meaning for such a URL.
fn misfit(arguments: &Arguments) -> Option<&'static str> {
    let Arguments { url, repair, companion, network, asking, .. } = arguments;
    match url {
        Target::Unicast(_) if repair.announce.is_some() || companion.is_some() => {
            Some("--announce and --repair are for objects on air, not for those of a server")
        }
        Target::Unicast(_) if network.source.is_some() => {
            Some("--source is for objects on air, not for those of a server")
        }
        Target::Infocast { .. } | Target::Mag { .. } | Target::Flute { .. }
            if asking.sha256.is_some() =>
        {
            Some("--sha256 is for objects of a server: what is on air is announced with its own")
        }
        _ => None,
    }
}

pub(super) fn run(arguments: &Arguments, stop: Arc<AtomicBool>) -> ExitCode {
    if let Some(misfit) = misfit(arguments) {
        tell(format_args!("error: {misfit}"));
        return ExitCode::from(USAGE);
    }
    let mut console = Console::new(arguments.quiet);
    let fetched =
        request(arguments, stop).map_err(FetchFailure::from).and_then(|r| fetch(&r, &mut console));
    match fetched {
        Ok(summary) if arguments.json => answer_json(&summary, 0),
        Ok(summary) => answer(text(&summary), 0),
        Err(FetchFailure { error, figures }) => fail(&error, figures.as_ref(), arguments.json),
    }
}

fn request(arguments: &Arguments, stop: Arc<AtomicBool>) -> Result<FetchRequest, IoError> {
    let interface = arguments.network.interface()?;
    let unicast = arguments.unicast.options(
        arguments.serial.as_ref(),
        interface.as_ref(),
        None,
        UNICAST_PATIENCE,
    );
    let target = arguments.asking.target(&arguments.url, arguments.patience.timeout);
    Ok(FetchRequest {
        interface,
        unicast,
        source: arguments.network.source,
        timeout: arguments.patience.timeout(),
        attempts: arguments.patience.attempts,
        announce: arguments.repair.announce,
        repair: arguments.companion,
        memory_bytes: arguments.repair.memory_bytes(),
        sha256: arguments.asking.sha256,
        busy_patience: Micros::from_secs(arguments.asking.busy.into()),
        stop,
        ..FetchRequest::new(target, &arguments.output)
    })
}

fn text(summary: &FetchSummary) -> String {
    let FetchSummary { url, output, bytes, sha256, check, figures } = summary;
    let FetchFigures { counters, cycles, attempts, repair, receive, .. } = figures;
    let Counters { seconds, requests, http_bytes, tftp_bytes, .. } = counters;
    let mut text = format!(
        "{url} is in {}\nbytes     {bytes}\nsha-256   {sha256}\nseconds   {seconds:.2}\n",
        output.display()
    );
    let heard = receive.receive_path.is_some();
    if heard {
        let _ = writeln!(text, "cycles    {cycles:.2}");
    }
    let _ = writeln!(text, "attempts  {attempts}\ncheck     {check}");
    if *requests > 0 {
        let plural = if *requests == 1 { "" } else { "s" };
        let bytes = http_bytes + tftp_bytes;
        let _ = writeln!(text, "servers   {bytes} bytes in {requests} request{plural}");
    }
    if !heard {
        return text.trim_end().to_owned();
    }
    if repair.announced.is_some() || repair.no_repair.is_some() {
        let _ = writeln!(text, "repair    {repair}");
        let _ = writeln!(text, "datagrams {}", kinds(counters, repair));
    }
    text + &format!("received  {receive}")
}

/// How many datagrams of each kind there were.
fn kinds(counters: &Counters, repair: &RepairFigures) -> String {
    let Counters { stored, duplicates, descriptions, foreign, rejected, .. } = counters;
    format!(
        "{} source, {} repair, {descriptions} descriptions, {foreign} others, {} refused",
        stored + duplicates,
        repair.repair_stored + repair.repair_useless,
        rejected.values().sum::<u64>(),
    )
}
