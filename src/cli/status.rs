//! `stbcast status`.

use std::process::ExitCode;

use clap::Args;
use comfy_table::Table;

use super::check::table;
use super::{Where, complain, print};
use crate::control::{
    AnnounceStatus, ChannelStatus, InterfaceStatus, KilledStatus, ReloadStatus, Reply, Request,
    State, Status, VendorSenderStatus, ask,
};
use crate::dates;

/// Print what the headend has on air.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let place = self.at.place();
        let asked = place.and_then(|place| match ask(&place.socket, &Request::Status) {
            Ok(Reply::Status(status)) => Ok(status),
            Ok(Reply::Error { message }) => Err(message),
            Ok(_) => Err("the headend answers something else".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        let text = asked.and_then(|status| {
            let json = || serde_json::to_string_pretty(&status).map(|text| text + "\n");
            if self.json { json().map_err(|error| error.to_string()) } else { Ok(text(&status)) }
        });
        match text {
            Ok(text) => {
                print(&text);
                ExitCode::SUCCESS
            }
            Err(message) => {
                complain(format_args!("error: {message}"));
                ExitCode::FAILURE
            }
        }
    }
}

fn text(status: &Status) -> String {
    let Status { version, pid, line_up, generation, .. } = status;
    let state = match (status.settled, status.loading) {
        (_, true) => "being read again",
        (true, false) => "on air",
        (false, false) => "changing",
    };
    let mut text = format!(
        "stbcast {version}, process {pid}, up {}\nline-up {generation} of {line_up}: {state}\n",
        span(status.uptime_s)
    );
    text += &format!("{}\n", channels(&status.channels));
    for channel in status.channels.iter().filter(|channel| channel.errno.is_some()) {
        let errno = channel.errno.as_deref().unwrap_or_default();
        text += &format!("channel {}: nothing is sent: {errno}\n", channel.name);
    }
    text += &status.announce.as_ref().map(announce).unwrap_or_default();
    text += &status.vendor_senders.iter().map(vendor_sender).collect::<String>();
    if let Some(why) = &status.refused {
        text += &format!("what is on air stays as it is, and is tried again: {why}\n");
    }
    if let Some(next) = status.next_change {
        text += &format!("next change by the schedule: {}\n", dates::text(next));
    }
    text += &status.killed.as_ref().map(killed).unwrap_or_default();
    for InterfaceStatus { name, cap_bps, measured_bps, vendors_bps } in &status.interfaces {
        let name = name.as_deref().unwrap_or("chosen by the routing table");
        let cap = cap_bps.map(|cap| format!(" of {} kbit/s", cap / 1_000)).unwrap_or_default();
        let vendors = match vendors_bps {
            0 => String::new(),
            bps => format!(", and {} kbit/s of vendors' senders as they are counted", bps / 1_000),
        };
        text += &format!("interface {name}: {} kbit/s{cap}{vendors}\n", measured_bps / 1_000);
    }
    let spool = &status.spool;
    let [used, cap] = [spool.used_bytes, spool.cap_bytes].map(|bytes| bytes >> 20);
    text += &format!("spool {}: {used} of {cap} MiB\n", spool.path);
    if let Some(http) = &status.http {
        text += &format!("boxes are answered at http://{}/\n", http.address);
    }
    if let Some(address) = &status.mag_log {
        text += &format!("reports of MAG boxes are taken at {address}\n");
    }
    text + &status.last_reload.as_ref().map(reload).unwrap_or_default()
}

fn channels(channels: &[ChannelStatus]) -> Table {
    let header =
        ["channel", "group", "state", "kbit/s", "measured", "repair", "cycle", "done", "left"];
    let mut table = table(&header, 3..9);
    for channel in channels {
        let state = channel.state.word();
        let state = match channel.until {
            Some(until) => format!("{state} until {}", dates::text(until)),
            None if channel.pending => format!("{state}, changing"),
            None => state.to_owned(),
        };
        let kbps = |bps: u64| (bps / 1_000).to_string();
        let sends = matches!(channel.state, State::OnAir | State::Failing | State::Leaving);
        let shown = |text: String| if sends { text } else { "-".to_owned() };
        table.add_row([
            channel.name.clone(),
            channel.group.clone(),
            state,
            shown(kbps(channel.bit_rate_bps)),
            kbps(channel.measured_bps),
            channel.repair_bps.map(kbps).unwrap_or_default(),
            shown(channel.cycle.to_string()),
            shown(format!("{:.0} %", channel.cycle_done * 100.0)),
            shown(format!("{:.0} s", channel.cycle_left_s)),
        ]);
    }
    table
}

fn announce(announce: &AnnounceStatus) -> String {
    let AnnounceStatus { group, statements, expire, measured_bps, errno, .. } = announce;
    let expire = expire.map(|at| format!(", the first until {}", dates::text(at)));
    let fails = errno.as_ref().map(|errno| format!(", failing: {errno}"));
    format!(
        "announced on {group}, {} kbit/s: {statements} statements{}{}\n",
        measured_bps / 1_000,
        expire.unwrap_or_default(),
        fails.unwrap_or_default()
    )
}

fn vendor_sender(sender: &VendorSenderStatus) -> String {
    let VendorSenderStatus { name, group, state, counted_bps, restarts, .. } = sender;
    let until = sender.until.map(|until| format!(" until {}", dates::text(until)));
    let pid = sender.pid.map(|pid| format!(", process {pid}"));
    let restarts = match restarts {
        0 => String::new(),
        times => format!(", started again {times} times"),
    };
    let problem = sender.problem.as_ref().map(|problem| format!(": {problem}"));
    format!(
        "vendor sender {name} to {group}: {}{}{}, counted as {} kbit/s{restarts}{}\n",
        state.word(),
        until.unwrap_or_default(),
        pid.unwrap_or_default(),
        counted_bps / 1_000,
        problem.unwrap_or_default()
    )
}

fn killed(killed: &KilledStatus) -> String {
    let KilledStatus { file, entries, problem } = killed;
    let mut text = String::new();
    if !entries.is_empty() {
        text += &format!("killed by {file}: {}\n", entries.join(", "));
    }
    if let Some(problem) = problem {
        text += &format!("kill file: {problem}\n");
    }
    text
}

fn reload(reload: &ReloadStatus) -> String {
    let ReloadStatus { time, accepted, lines } = reload;
    let word = if *accepted { "taken" } else { "refused" };
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("last reload at {}: {word}\n{lines}", dates::text(*time))
}

/// A span of time as a person says it.
fn span(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
