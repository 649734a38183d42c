//! The command line: one file per verb.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control::Place;

mod check;
mod dhcp;
mod dune;
mod keys;
mod kill;
mod lines;
mod logging;
mod mag;
mod offer;
mod reboot;
mod release;
mod reload;
mod serve;
mod status;
mod stbconfig;
mod target;
mod update_list;

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
    Status(status::Arguments),
    Reload(reload::Arguments),
    Kill(kill::Arguments),
    Unkill(kill::UnkillArguments),
    Check(check::Arguments),
    Dhcp(dhcp::Arguments),
    Keys(keys::Arguments),
    Release(release::Arguments),
    Reboot(reboot::Arguments),
    Target(target::Arguments),
    Offer(offer::Arguments),
    UpdateList(update_list::Arguments),
    Dune(dune::Arguments),
    Mag(mag::Arguments),
    #[command(name = "stbconfig")]
    StbConfig(stbconfig::Arguments),
}

/// Tells the user what went wrong; that nobody listens is no reason to stop.
fn complain(what: impl std::fmt::Display) {
    lines::say(&format!("{what}\n"));
}

/// Tells the user what was asked for.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Which headend is meant.
#[derive(Debug, clap::Args)]
struct Where {
    /// State directory of the headend [default: /var/lib/stbcast where the service is installed, else
    /// `stbcast` in the user's state directory].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Where {
    fn place(&self) -> Result<Place, String> {
        let place = Place::meant(self.state.as_deref());
        place.ok_or_else(|| {
            "no home directory; say where the headend is with --state DIR".to_owned()
        })
    }
}

/// Runs the program with the arguments of this process: exit code 0 when it did what was asked, 1
/// when it failed, 2 when the arguments were wrong.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Who asks a question waits for the answer; a headend waits for nobody.
    let serves = matches!(arguments.verb, Verb::Serve(_));
    let lines = serves.then(lines::Lines::get).flatten();
    logging::start(lines);
    let code = match arguments.verb {
        Verb::Serve(arguments) => arguments.run(),
        Verb::Status(arguments) => arguments.run(),
        Verb::Reload(arguments) => arguments.run(),
        Verb::Kill(arguments) => arguments.run(),
        Verb::Unkill(arguments) => arguments.run(),
        Verb::Check(arguments) => arguments.run(),
        Verb::Dhcp(arguments) => arguments.run(),
        Verb::Keys(arguments) => arguments.run(),
        Verb::Release(arguments) => arguments.run(),
        Verb::Reboot(arguments) => arguments.run(),
        Verb::Target(arguments) => arguments.run(),
        Verb::Offer(arguments) => arguments.run(),
        Verb::UpdateList(arguments) => arguments.run(),
        Verb::Dune(arguments) => arguments.run(),
        Verb::Mag(arguments) => arguments.run(),
        Verb::StbConfig(arguments) => arguments.run(),
    };
    lines::finish();
    code
}
