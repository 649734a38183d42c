//! `stbcast-receiver rollback`: the trial of a release has failed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{NoFigures, answer, answer_json, fail};
use crate::io::roll_back;

#[derive(Args)]
pub(super) struct Arguments {
    /// The directory that holds the banks.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match roll_back(&arguments.store) {
        Ok(failed) if arguments.json => answer_json(&failed, 0),
        Ok(failed) => {
            let again = if failed.denied { "is not tried again" } else { "may be tried once more" };
            answer(format_args!("release {} is rolled back and {again}", failed.number), 0)
        }
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}
