//! `stbcast-receiver fetch`: one object into one file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::console::Console;
use super::{Network, Patience, answer, answer_json, fail};
use crate::Target;
use crate::io::{
    FetchFailure, FetchFigures, FetchRequest, FetchSummary, IoError, fetch, parse_url,
};

#[derive(Args)]
pub(super) struct Arguments {
    /// The object: infocast://GROUP[:PORT]/NAME, port 22222 where none is written.
    #[arg(value_parser = parse_url)]
    url: Target,
    /// The file to put it in; one that exists is replaced once the object is whole.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
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
    Ok(FetchRequest {
        interface: arguments.network.interface()?,
        source: arguments.network.source,
        timeout: arguments.patience.timeout(),
        attempts: arguments.patience.attempts,
        stop,
        ..FetchRequest::new(arguments.url.clone(), &arguments.output)
    })
}

fn text(summary: &FetchSummary) -> String {
    let FetchSummary { url, output, bytes, sha256, check, figures } = summary;
    let FetchFigures { counters, cycles, attempts, receive, .. } = figures;
    let seconds = counters.seconds;
    format!(
        "{url} is in {}\nbytes     {bytes}\nsha-256   {sha256}\nseconds   {seconds:.2}\n\
         cycles    {cycles:.2}\nattempts  {attempts}\ncheck     {check}\nreceived  {receive}",
        output.display()
    )
}
