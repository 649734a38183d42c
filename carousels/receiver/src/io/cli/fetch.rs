//! `stbcast-receiver fetch`: one object into one file.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use stbcast_object::Group;

use super::console::Console;
use super::{Network, Patience, Repair, Unicast, answer, answer_json, fail, group};
use crate::Target;
use crate::io::{
    Counters, FetchFailure, FetchFigures, FetchRequest, FetchSummary, IoError, RepairFigures,
    fetch, parse_url,
};
use crate::limits::UNICAST_PATIENCE;

#[derive(Args)]
pub(super) struct Arguments {
    /// The object: infocast://GROUP[:PORT]/NAME, port 22222 where none is written, or
    /// flute://GROUP:PORT/NAME.
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
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Say nothing but the answer and errors.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments, stop: Arc<AtomicBool>) -> ExitCode {
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
    Ok(FetchRequest {
        interface,
        unicast,
        source: arguments.network.source,
        timeout: arguments.patience.timeout(),
        attempts: arguments.patience.attempts,
        announce: arguments.repair.announce,
        repair: arguments.companion,
        memory_bytes: arguments.repair.memory_bytes(),
        stop,
        ..FetchRequest::new(arguments.url.clone(), &arguments.output)
    })
}

fn text(summary: &FetchSummary) -> String {
    let FetchSummary { url, output, bytes, sha256, check, figures } = summary;
    let FetchFigures { counters, cycles, attempts, repair, receive, .. } = figures;
    let seconds = counters.seconds;
    let mut text = format!(
        "{url} is in {}\nbytes     {bytes}\nsha-256   {sha256}\nseconds   {seconds:.2}\n\
         cycles    {cycles:.2}\nattempts  {attempts}\ncheck     {check}\n",
        output.display()
    );
    if repair.announced.is_some() || repair.no_repair.is_some() {
        let _ = writeln!(text, "repair    {repair}");
        let _ = writeln!(text, "datagrams {}", kinds(counters, repair));
    }
    if counters.requests > 0 {
        let (http_bytes, requests) = (counters.http_bytes, counters.requests);
        let plural = if requests == 1 { "" } else { "s" };
        let _ = writeln!(text, "servers   {http_bytes} bytes in {requests} request{plural}");
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
