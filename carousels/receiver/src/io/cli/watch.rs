//! `stbcast-receiver watch`: a box that is on, until it is to reboot.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use stbcast_object::{Group, Micros};
use stbcast_release::Identity;

use super::console::Console;
use super::{FAILED, Network, NoFigures, announce_group, answer_json, fail};
use crate::io::{WatchRequest, box_identity, watch};

/// Listen for signed actions while the box is on, and exit with 0 when it is to reboot; the answer is
/// a line of JSON. What it was told once it never reboots for again.
#[derive(Args)]
pub(super) struct Arguments {
    /// The root document that came with the box.
    #[arg(long, value_name = "ROOT")]
    trust: PathBuf,
    /// The announce session of the line-up, port 22223 where none is written.
    #[arg(long, value_name = "GROUP[:PORT]", value_parser = announce_group)]
    announce: Group,
    /// The directory that holds the banks.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Model of the box as releases name it.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Hardware revision of the box.
    #[arg(long, value_name = "N")]
    hardware: u32,
    /// Serial of the box [default: the MAC address].
    #[arg(long, value_name = "S")]
    serial: Option<String>,
    /// Reboot for a release that the box would install too, without an action, spread over this many
    /// seconds; once for each release.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=86_400))]
    releases_within: Option<u32>,
    /// Somebody watches as long as this file is there: actions that wait for nobody wait.
    #[arg(long, value_name = "FILE")]
    busy: Option<PathBuf>,
    /// Tell what the box is to do now and in how many seconds, and do not wait. Exit code 1 where it
    /// stays on. Nothing is written down.
    #[arg(long)]
    once: bool,
    /// Seconds that --once waits where nothing is heard, 1 to 255.
    #[arg(long, default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u8).range(1..))]
    timeout: u8,
    #[command(flatten)]
    network: Network,
    /// Say nothing but the answer and errors.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments, stop: Arc<AtomicBool>) -> ExitCode {
    let interface = arguments.network.interface().ok().flatten();
    let serial = arguments.serial.clone().unwrap_or_else(|| box_identity(interface.as_ref()));
    let identity =
        Identity { model: arguments.model.clone(), hardware: arguments.hardware, serial };
    let seconds = |seconds: u32| Micros::from_secs(seconds.into());
    let request = WatchRequest {
        interface: arguments.network.interface.clone(),
        source: arguments.network.source,
        timeout: seconds(arguments.timeout.into()),
        releases_within: arguments.releases_within.map(seconds),
        busy: arguments.busy.clone(),
        once: arguments.once,
        stop,
        ..WatchRequest::new(&arguments.trust, identity, arguments.announce, &arguments.store)
    };
    match watch(&request, &mut Console::new(arguments.quiet)) {
        Ok(summary) => answer_json(&summary, if summary.reboots() { 0 } else { FAILED }),
        Err(error) => fail(&error, &NoFigures {}, false),
    }
}
