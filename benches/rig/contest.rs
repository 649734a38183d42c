//! Ours and the peers as contestants: one transfer each, and a table of many.

use std::path::Path;
use std::time::Duration;

use super::GIB;
use super::headend::Stream;
use super::ours::{Ours, transfer};
use super::peer::{Peer, Transfer};
use super::place::Place;
use super::stats::{median, ratio};
use super::table::{Table, figure};

/// Who sends, and how fast: Mbit/s, 0 for as fast as its flow control lets it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tool {
    Ours { mbit: f64, burst_us: Option<u32> },
    Peer(Peer, f64),
}

/// What one transfer came to.
#[derive(Clone, Default)]
pub(crate) struct Sample {
    pub(crate) complete: bool,
    pub(crate) lossless: bool,
    /// Mbit/s of image in the data phase and over the whole transfer.
    pub(crate) data: f64,
    pub(crate) whole: f64,
    /// CPU seconds per GiB.
    pub(crate) sender: f64,
    pub(crate) receiver: f64,
    /// Ours alone: CPU of the headend's start, digest, all in seconds.
    pub(crate) start_cpu: f64,
    pub(crate) digest: f64,
    pub(crate) path: String,
}

impl Tool {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours { burst_us: None, .. } => "stbcast".to_owned(),
            Self::Ours { burst_us: Some(micros), .. } => format!("stbcast, burst_us {micros}"),
            Self::Peer(peer, _) => peer.name().to_owned(),
        }
    }

    fn rate(self) -> String {
        match self {
            Self::Ours { mbit, .. } | Self::Peer(_, mbit) if mbit > 0.0 => figure(mbit),
            _ => "unlimited".to_owned(),
        }
    }

    /// One transfer; one that is not complete says why.
    pub(crate) fn run(self, place: &Place, directory: &Path, image: &Path) -> Sample {
        let bytes = image.metadata().unwrap().len();
        let rate = match self {
            Self::Ours { mbit, .. } | Self::Peer(_, mbit) if mbit > 0.0 => mbit,
            _ => 500.0,
        };
        let limit = Duration::from_secs_f64(8.0 + 2.0 * bytes as f64 * 8.0 / rate / 1e6);
        match self {
            Self::Ours { mbit, burst_us } => {
                let stream = Stream { burst_us, ..Stream::new(mbit, image) };
                ours(&transfer(place, directory, &stream, &[], limit), bytes)
            }
            Self::Peer(peer, mbit) => {
                let run = peer.run(place, 1, image, directory, mbit, limit);
                if !run.complete {
                    let said: Vec<&str> = run.error.lines().rev().take(3).collect();
                    println!("{} did not complete: {}\n", peer.name(), said.join(" / "));
                }
                theirs(&run, bytes)
            }
        }
    }
}

fn mbit(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 * 8.0 / seconds / 1e6
}

fn ours(run: &Ours, bytes: u64) -> Sample {
    if !run.fetched.complete {
        println!("stbcast did not complete: {}\n", run.fetched.error);
    }
    Sample {
        complete: run.fetched.complete,
        lossless: run.is_lossless(),
        data: mbit(bytes, run.fetched.receive_seconds),
        whole: mbit(bytes, run.whole_seconds),
        sender: run.sender_cpu_per_gib(),
        receiver: run.receiver_cpu_per_gib(bytes),
        start_cpu: run.start_cpu,
        digest: run.fetched.digest_seconds,
        path: format!("{}, {}", run.path, run.fetched.path),
    }
}

fn theirs(run: &Transfer, bytes: u64) -> Sample {
    let gib = bytes as f64 / GIB;
    Sample {
        complete: run.complete,
        lossless: run.complete && run.lossless,
        data: mbit(bytes, run.data_seconds),
        whole: mbit(bytes, run.whole_seconds),
        sender: run.sender_cpu / gib,
        receiver: run.receiver_cpu / gib,
        start_cpu: f64::NAN,
        digest: f64::NAN,
        path: "-".to_owned(),
    }
}

/// Medians of every tool, and ours beside each.
pub(crate) fn print(tools: &[Tool], samples: &[Vec<Sample>], title: &str) {
    let mut table = Table::new(&[
        "tool",
        "rate Mbit/s",
        "paths",
        "complete",
        "without loss",
        "data phase Mbit/s",
        "ours : its",
        "whole transfer Mbit/s",
        "sender CPU s/GiB",
        "ours : its",
        "receiver CPU s/GiB",
        "ours : its",
        "start CPU s",
        "digest s",
    ]);
    for (tool, runs) in tools.iter().zip(samples) {
        let of =
            |runs: &[Sample], what: fn(&Sample) -> f64| runs.iter().map(what).collect::<Vec<_>>();
        let middle = |what| figure(median(&of(runs, what)));
        let beside = |what| figure(ratio(&of(&samples[0], what), &of(runs, what)));
        let count = |what: fn(&&Sample) -> bool| runs.iter().filter(what).count();
        table.row(vec![
            tool.name(),
            tool.rate(),
            runs[0].path.clone(),
            format!("{} of {}", count(|run| run.complete), runs.len()),
            format!("{} of {}", count(|run| run.lossless), runs.len()),
            middle(|run| run.data),
            beside(|run| run.data),
            middle(|run| run.whole),
            middle(|run| run.sender),
            beside(|run| run.sender),
            middle(|run| run.receiver),
            beside(|run| run.receiver),
            middle(|run| run.start_cpu),
            middle(|run| run.digest),
        ]);
    }
    table.print(title);
}
