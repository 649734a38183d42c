//! `stbcast stbconfig`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

mod lint;
mod make;

/// Check a StbConfig, or write one from a line-up.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Lint(lint::Arguments),
    Make(make::Arguments),
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        match self.verb {
            Verb::Lint(arguments) => arguments.run(),
            Verb::Make(arguments) => arguments.run(),
        }
    }
}
