//! The program `stbcast-receiver`. The answer is on stdout, everything else on stderr; it exits
//! with 0 when it did what was asked, 1 when it could not, 2 when the question was wrong.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, Parser, Subcommand, value_parser};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use stbcast_bootcast::HttpUrl;
use stbcast_flute::ANNOUNCE_PORT;
use stbcast_infocast::DEFAULT_PORT;
use stbcast_object::{Group, GroupError, Micros};

use super::{Interface, IoError, box_identity};
use crate::{AllowedHost, Hosts, UnicastOptions};

mod boot;
mod commit;
mod console;
mod fetch;
mod listen;
mod rollback;
mod slots;
mod trusted;
mod watch;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Receives set-top-box software from multicast carousels.
#[derive(Parser)]
#[command(name = "stbcast-receiver", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fetch one object of a channel into a file.
    Fetch(fetch::Arguments),
    /// Tell what a channel carries.
    Listen(listen::Arguments),
    /// Boot as a box does: control object, splash, boot image.
    Boot(Box<boot::Arguments>),
    /// Listen on a box that is on, and exit when it is to reboot.
    Watch(Box<watch::Arguments>),
    /// Tell what the banks of a box hold, and what it boots next.
    Slots(slots::Arguments),
    /// Keep the release on trial: its self test has passed.
    Commit(commit::Arguments),
    /// End the trial of a release: the box boots what it booted before.
    Rollback(rollback::Arguments),
}

/// Where to listen and to whom.
#[derive(Args)]
struct Network {
    /// Listen on this interface; the system decides where none is given.
    #[arg(long, value_name = "NAME|ADDRESS")]
    interface: Option<String>,
    /// Take datagrams of this sender alone.
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
}

/// How long to wait and how often.
#[derive(Args)]
struct Patience {
    /// Seconds of silence after which an attempt fails, 1 to 255.
    #[arg(long, default_value_t = 10, value_name = "SECONDS",
          value_parser = value_parser!(u8).range(1..))]
    timeout: u8,
    /// Attempts, 1 to 255.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = value_parser!(u8).range(1..))]
    attempts: u8,
}

/// What repair needs.
#[derive(Args)]
struct Repair {
    /// The announce session of the line-up, port 22223 where none is written: all that must be
    /// known to fetch with repair symbols and to prove the digest.
    #[arg(long, value_name = "GROUP[:PORT]", value_parser = announce_group)]
    announce: Option<Group>,
    /// Memory the program may need in all, 4 to 4096; where that is too little for the code of an
    /// object, no repair symbols are used.
    #[arg(long, value_name = "MIB", default_value_t = 16,
          value_parser = value_parser!(u16).range(4..=4_096))]
    memory: u16,
}

/// Whom the box may ask for what it misses.
#[derive(Args)]
struct Unicast {
    /// Ask this server for what is missing after the cycles that are announced, where the announce
    /// session names it; may be written more than once. Announcements are not signed, so nobody
    /// else is asked, and without this option nobody at all.
    #[arg(long = "unicast-host", help_heading = "Unicast repair", value_name = "HOST[:PORT]")]
    hosts: Vec<AllowedHost>,
    /// Ask whichever server is announced: for networks where nobody else can announce.
    #[arg(long = "unicast", help_heading = "Unicast repair", conflicts_with = "hosts")]
    any: bool,
    /// Ask nobody. In a boot the server of --http may be asked otherwise.
    #[arg(long = "no-unicast", help_heading = "Unicast repair", conflicts_with_all = ["hosts", "any"])]
    never: bool,
    /// Longest wait for the box's turn when multicast is silent, 0 to 86400 [default: 86400; in a
    /// boot 900].
    #[arg(long = "unicast-wait", help_heading = "Unicast repair", value_name = "SECONDS",
          value_parser = value_parser!(u32).range(..=86_400))]
    wait: Option<u32>,
}

impl Unicast {
    /// What the box may do that is called `serial`, or else by its interface. The server of `url` is
    /// one that its operator has named.
    fn options(
        &self,
        serial: Option<&String>,
        interface: Option<&Interface>,
        url: Option<&HttpUrl>,
        patience: Micros,
    ) -> Option<UnicastOptions> {
        let mut hosts = self.hosts.clone();
        hosts.extend(url.map(AllowedHost::of));
        if self.never || (hosts.is_empty() && !self.any) {
            return None;
        }
        let serial = serial.cloned().unwrap_or_else(|| box_identity(interface));
        let hosts = if self.any { Hosts::Any } else { Hosts::Listed(hosts) };
        let mut options = UnicastOptions::new(serial, hosts);
        let wait = self.wait.map(|seconds| Micros::from_secs(seconds.into()));
        options.patience = wait.unwrap_or(patience);
        Some(options)
    }
}

impl Unicast {
    /// What the box may do about servers that are signed: these may be asked, unless it is told
    /// otherwise.
    fn signed_options(&self, serial: &str, patience: Micros) -> Option<UnicastOptions> {
        if self.never {
            return None;
        }
        let hosts = match self.hosts.as_slice() {
            [] => Hosts::Any,
            hosts => Hosts::Listed(hosts.to_vec()),
        };
        let mut options = UnicastOptions::new(serial.to_owned(), hosts);
        let wait = self.wait.map(|seconds| Micros::from_secs(seconds.into()));
        options.patience = wait.unwrap_or(patience);
        Some(options)
    }
}

impl Repair {
    fn memory_bytes(&self) -> usize {
        usize::from(self.memory) << 20
    }
}

impl Network {
    fn interface(&self) -> Result<Option<Interface>, IoError> {
        Ok(self.interface.as_deref().map(Interface::resolve).transpose()?)
    }
}

impl Patience {
    fn timeout(&self) -> Micros {
        Micros::from_secs(self.timeout.into())
    }
}

/// Runs the program with the arguments it was started with.
pub fn run() -> ExitCode {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&stop)) {
            tell(format_args!("error: cannot watch for signals: {error}"));
            return ExitCode::from(FAILED);
        }
    }
    match Cli::parse().verb {
        Verb::Fetch(arguments) => fetch::run(&arguments, stop),
        Verb::Listen(arguments) => listen::run(&arguments, stop),
        Verb::Boot(arguments) => boot::run(&arguments, stop),
        Verb::Watch(arguments) => watch::run(&arguments, stop),
        Verb::Slots(arguments) => slots::run(&arguments),
        Verb::Commit(arguments) => commit::run(&arguments),
        Verb::Rollback(arguments) => rollback::run(&arguments),
    }
}

fn group(text: &str) -> Result<Group, GroupError> {
    Group::parse(text, Some(DEFAULT_PORT))
}

fn announce_group(text: &str) -> Result<Group, GroupError> {
    Group::parse(text, Some(ANNOUNCE_PORT))
}

/// Says a line on stderr. When nobody reads it, nothing can be done about it.
fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Puts the answer on stdout; the code to exit with.
fn answer(text: impl Display, code: u8) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::from(code),
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(code),
        Err(error) => {
            tell(format_args!("error: cannot write the answer: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Puts an answer for programs on stdout.
fn answer_json(value: &impl Serialize, code: u8) -> ExitCode {
    match serde_json::to_string(value) {
        Ok(text) => answer(text, code),
        Err(error) => {
            tell(format_args!("error: cannot write the answer: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// A failure for programs: the reason and what was seen until then.
#[derive(Serialize)]
struct Failure<'a, F: Serialize> {
    error: String,
    #[serde(flatten)]
    figures: &'a F,
}

#[derive(Serialize)]
struct NoFigures {}

/// Says why it failed; with `json` on stdout too.
fn fail(error: &IoError, figures: &impl Serialize, json: bool) -> ExitCode {
    tell(format_args!("error: {error}"));
    let code = if matches!(error, IoError::SourceFamily { .. }) { USAGE } else { FAILED };
    if json {
        return answer_json(&Failure { error: error.to_string(), figures }, code);
    }
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
