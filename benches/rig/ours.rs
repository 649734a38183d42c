//! One transfer by our own programs: a box that has joined, then a headend that goes on air.

use std::path::Path;
use std::time::Duration;

use super::boxes::{Fetched, Fetching};
use super::headend::{Headend, Sent, Stream};
use super::place::Place;

/// Behind the first cycle, so that its counters can be read and nothing else is sent.
const PAUSE_MS: u32 = 5_000;

/// What a transfer came to.
#[derive(Clone, Debug)]
pub(crate) struct Ours {
    pub(crate) fetched: Fetched,
    /// Of the first cycle.
    pub(crate) sent: Sent,
    /// CPU seconds of the headend while it was on air, and of its start before.
    pub(crate) sender_cpu: f64,
    pub(crate) start_cpu: f64,
    /// From the start of the headend to the end of the box.
    pub(crate) whole_seconds: f64,
    pub(crate) path: String,
    /// Datagrams the box's socket had no room for, by the kernel.
    pub(crate) kernel_drops: u64,
}

impl Ours {
    /// Complete, equal, and nothing was lost on the way.
    pub(crate) fn is_lossless(&self) -> bool {
        let told = self.fetched.kernel_drops;
        let in_one_cycle = self.fetched.cycles.is_nan() || self.fetched.cycles < 1.01;
        let dropped = self.kernel_drops > 0 || told > 0.0;
        self.fetched.complete && !dropped && in_one_cycle
    }

    pub(crate) fn sender_cpu_per_gib(&self) -> f64 {
        self.sender_cpu / self.sent.gib()
    }

    /// Without the digest.
    pub(crate) fn receiver_cpu_per_gib(&self, bytes: u64) -> f64 {
        self.fetched.data_cpu_seconds / (bytes as f64 / super::GIB)
    }
}

/// A whole transfer of the stream's image; `limit` ends one that loses too much.
pub(crate) fn transfer(
    place: &Place,
    directory: &Path,
    stream: &Stream,
    more: &[&str],
    limit: Duration,
) -> Ours {
    let stream = Stream { pause_ms: PAUSE_MS, ..stream.clone() };
    let output = directory.join("fetched");
    let fetching = Fetching::start(place, 0, stream.group, &output);
    assert!(place.wait_joined(0, *stream.group.ip(), 1), "the box does not join");
    let drops = place.kernel_drops();
    let headend = Headend::start(place, directory, std::slice::from_ref(&stream), more);
    let fetched = fetching.finish(&stream.image, limit);
    let sender_cpu = headend.on_air_cpu_seconds();
    let sent = headend.first_cycle(Duration::from_secs(2));
    let ended = fetched.started + Duration::from_secs_f64(fetched.wall_seconds);
    let whole = ended.saturating_duration_since(headend.process.started);
    let (path, start_cpu) = (headend.path.clone(), headend.start_cpu_seconds);
    headend.process.end();
    Ours {
        fetched,
        sent,
        sender_cpu,
        start_cpu,
        whole_seconds: whole.as_secs_f64(),
        path,
        kernel_drops: place.kernel_drops() - drops,
    }
}

/// The next lower rate that is tried.
pub(crate) fn lower_rate(mbit: f64) -> f64 {
    let lower = STEPS.iter().rev().map(|gbit| gbit * 1_000.0).find(|&step| step < mbit);
    lower.unwrap_or(mbit / 2.0)
}

/// Rates in Gbit/s tried for the highest one without loss.
const STEPS: [f64; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 25.0];

/// The highest configured rate, in Mbit/s, at which five transfers in a row lose nothing, in one of
/// two tries. Quick looks know 3 Gbit/s alone.
pub(crate) fn highest_rate(place: &Place, directory: &Path, image: &Path, quick: bool) -> f64 {
    let gigabits = image.metadata().unwrap().len() as f64 * 8.0 / 1e9;
    let mut highest = STEPS[0] * 1_000.0;
    for &gbit in &STEPS[if quick { 2..3 } else { 0..STEPS.len() }] {
        let stream = Stream::new(gbit * 1_000.0, image);
        let limit = Duration::from_secs_f64(3.0 + 4.0 * gigabits / gbit.min(4.0));
        let is_lossless = || transfer(place, directory, &stream, &[], limit).is_lossless();
        let in_a_row = |_| (0..if quick { 1 } else { 5 }).all(|_| is_lossless());
        if !(0..2).any(in_a_row) {
            break;
        }
        highest = gbit * 1_000.0;
    }
    highest
}
