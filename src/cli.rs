//! The command line: one file per verb.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

mod check;
mod keys;
mod lines;
mod release;
mod serve;
mod stbconfig;
mod target;

/// Streams set-top-box metadata and images on multicast carousels.
#[derive(Debug, Parser)]
#[command(name = "stbcast", version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Arguments),
    Check(check::Arguments),
    Keys(keys::Arguments),
    Release(release::Arguments),
    Target(target::Arguments),
    #[command(name = "stbconfig")]
    StbConfig(stbconfig::Arguments),
}

/// Tells the user what went wrong; that nobody listens is no reason to stop.
fn complain(what: impl std::fmt::Display) {
    lines::say(&format!("{what}\n"));
}

/// Where a headend keeps what outlives it: under systemd the state directory, for a person the user's.
fn default_state() -> Option<PathBuf> {
    let directory = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let of_user = || directory("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let home = || directory("HOME").map(|home| home.join(".local").join("state"));
    let state = || of_user().or_else(home).map(|state| state.join("stbcast"));
    directory("STATE_DIRECTORY").or_else(state)
}

/// Runs the program with the arguments of this process: exit code 0 when it did what was asked, 1
/// when it failed, 2 when the arguments were wrong.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("STBCAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Who asks a question waits for the answer; a headend waits for nobody.
    let serves = matches!(arguments.verb, Verb::Serve(_));
    let lines = serves.then(lines::Lines::get).flatten();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // A log nobody reads any more must not end the headend.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(move || -> Box<dyn Write> {
            match lines {
                Some(lines) => Box::new(lines.clone()),
                None => Box::new(io::stderr()),
            }
        })
        .init();
    let code = match arguments.verb {
        Verb::Serve(arguments) => arguments.run(),
        Verb::Check(arguments) => arguments.run(),
        Verb::Keys(arguments) => arguments.run(),
        Verb::Release(arguments) => arguments.run(),
        Verb::Target(arguments) => arguments.run(),
        Verb::StbConfig(arguments) => arguments.run(),
    };
    lines::finish();
    code
}
