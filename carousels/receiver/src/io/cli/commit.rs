//! `stbcast-receiver commit`: the release on trial stays.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{NoFigures, answer, answer_json, fail};
use crate::io::commit;

#[derive(Args)]
pub(super) struct Arguments {
    /// The directory that holds the banks.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// The release that passed its self test; refused where another one is on trial.
    #[arg(long, value_name = "NUMBER")]
    release: Option<u64>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Done {
    committed: u64,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match commit(&arguments.store, arguments.release) {
        Ok(committed) if arguments.json => answer_json(&Done { committed }, 0),
        Ok(number) => answer(format_args!("release {number} is committed"), 0),
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}
