//! `stbcast mag`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{complain, print};

mod build;
mod show;
mod told;
mod verify;

/// Look at images of MAG boxes, verify them, make and sign them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(show::Arguments),
    Verify(verify::Arguments),
    Build(Box<build::Arguments>),
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let outcome = match self.verb {
            Verb::Show(arguments) => arguments.run(),
            Verb::Verify(arguments) => arguments.run(),
            Verb::Build(arguments) => arguments.run(),
        };
        match outcome {
            Ok(Told { text, fit }) => {
                print(&text);
                if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(message) => {
                complain(format_args!("error: {message}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// What a verb found out.
struct Told {
    text: String,
    /// Whether the image is what was asked for.
    fit: bool,
}
