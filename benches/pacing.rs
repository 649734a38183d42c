//! How evenly `stbcast serve` sends, by kernel time stamps in the receiving namespace.
//!
//! ```text
//! cargo bench --bench pacing                  1, 4, 20, 50, 100, 1000 Mbit/s and 1,000 channels
//! cargo bench --bench pacing -- --quick       the same, a few seconds in all
//! cargo bench --bench pacing -- 50 30         50 Mbit/s for 30 s
//! ```
//!
//! A box fetches the image meanwhile and its bytes are compared. A burst is a run of gaps below half
//! the nominal one; a batch is datagrams of one instant. A control thread that only sleeps records
//! how late the machine wakes: bursts within 5 ms of a wake-up more than 0.5 ms late are told apart.
//! The thousand channels are seen by one tap; a channel's schedule is counted from its first datagram.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::{Duration, Instant};

use rig::boxes::Fetching;
use rig::headend::{Headend, Stream};
use rig::pace::{Control, Evenness};
use rig::place::Place;
use rig::stats::{largest, percentile};
use rig::table::{Table, figure, targets};
use rig::tap::{Arrival, Tap};
use rig::{IP_BYTES, MIB, PAYLOAD_BYTES, SLICE_BYTES};

fn main() {
    let Some(options) = rig::begin("pacing") else { return };
    let place = Place::best();
    let directory = rig::memory_directory();
    let mut table = head();
    if let [mbit, more @ ..] = options.numbers.as_slice() {
        let seconds = more.first().copied().unwrap_or(10.0);
        measure(&place, directory.path(), *mbit, seconds).row(&mut table);
        return table.print(&format!("{}, {seconds} s", place.name));
    }
    let seconds = if options.quick { 2.0 } else { 20.0 };
    let mut goals = targets();
    for mbit in [1.0, 4.0, 20.0, 50.0, 100.0, 1_000.0] {
        let run = measure(&place, directory.path(), mbit, seconds);
        run.row(&mut table);
        if mbit == 50.0 {
            run.targets(&mut goals);
        }
    }
    table.print(&format!(
        "One channel over {}, {seconds} s each; gaps in us; in brackets where the machine woke in time",
        place.name
    ));
    if place.has_tap() {
        let seconds = if options.quick { 5.0 } else { 30.0 };
        thousand(&place, directory.path(), seconds, &mut goals);
    } else {
        println!("1,000 channels are skipped: a tap needs a network namespace.\n");
    }
    goals.print("Targets");
}

/// One rate.
struct Run {
    mbit: f64,
    even: Evenness,
    path: String,
    batch: f64,
    cores: f64,
    complete: bool,
}

fn measure(place: &Place, directory: &Path, mbit: f64, seconds: f64) -> Run {
    let slices = mbit * 1e6 * seconds * 0.4 / 8.0 / IP_BYTES as f64;
    let bytes = (slices as usize).max(20) * SLICE_BYTES;
    let image = rig::image(directory, bytes.min(64 * MIB / SLICE_BYTES * SLICE_BYTES));
    let stream = Stream::new(mbit, &image);
    let tap = Tap::start(place, stream.group, PAYLOAD_BYTES);
    let fetching = Fetching::start(place, 0, stream.group, &directory.join("box"));
    place.wait_joined(0, *stream.group.ip(), 1);
    let control = Control::start();
    let headend = Headend::start(place, directory, std::slice::from_ref(&stream), &[]);
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let cores = headend.on_air_cpu_seconds() / headend.on_air.elapsed().as_secs_f64();
    let sent = headend.sent();
    let path = headend.path.clone();
    let fetched = fetching.finish(&image, Duration::from_secs_f64(seconds));
    headend.process.end();
    let (late, arrivals) = (control.stop(), tap.stop());
    let nominal = IP_BYTES as f64 * 8.0 / mbit;
    let even = Evenness::of(&of_group(arrivals, stream.group), nominal, 0.0, &late);
    let batch = sent.datagrams_per_batch();
    Run { mbit, even, path, batch, cores, complete: fetched.complete }
}

fn of_group(mut arrivals: Vec<Arrival>, group: SocketAddrV4) -> Vec<Arrival> {
    arrivals.retain(|arrival| arrival.group == group);
    arrivals
}

fn head() -> Table {
    Table::new(&[
        "Mbit/s",
        "path",
        "batch: stated",
        "sent",
        "nominal gap",
        "p50",
        "p99",
        "p99.9",
        "max",
        "largest burst",
        "worst 10 ms / rate",
        "worst 1 ms / rate",
        "long-run error %",
        "late wakes",
        "cores",
        "box",
    ])
}

impl Run {
    /// Datagrams of a quarter of a millisecond, at least one.
    fn stated(&self) -> f64 {
        (self.mbit * 250.0 / 8.0 / IP_BYTES as f64).floor().max(1.0)
    }

    fn error_percent(&self) -> f64 {
        (self.even.rate / self.mbit - 1.0) * 100.0
    }

    fn row(&self, table: &mut Table) {
        let even = &self.even;
        table.row(vec![
            self.mbit.to_string(),
            self.path.clone(),
            figure(self.stated()),
            figure(self.batch),
            figure(IP_BYTES as f64 * 8.0 / self.mbit),
            figure(even.gap_p50),
            figure(even.gap_p99),
            figure(even.gap_p999),
            figure(even.gap_max),
            format!("{} ({})", even.burst, even.burst_quiet),
            figure(even.worst_10_ms / self.mbit),
            figure(even.worst_1_ms / self.mbit),
            format!("{:+.4}", self.error_percent()),
            even.late_wakes.to_string(),
            figure(self.cores),
            if self.complete { "complete, equal" } else { "NOT COMPLETE" }.to_owned(),
        ]);
    }

    fn targets(&self, goals: &mut Table) {
        let even = &self.even;
        let burst = format!("{} ({} where the machine woke in time)", even.burst, even.burst_quiet);
        goals.target("50 Mbit/s: largest burst", "<= 2 datagrams", burst, Some(even.burst <= 2.0));
        for (what, value, reach) in
            [("worst 10 ms", even.worst_10_ms, 60.0), ("worst 1 ms", even.worst_1_ms, 75.0)]
        {
            let (what, met) = (format!("50 Mbit/s: {what}"), value <= reach);
            goals.target(&what, &format!("<= {reach} Mbit/s"), figure(value), Some(met));
        }
        let error = self.error_percent();
        let met = Some(error.abs() <= 0.1);
        goals.target("50 Mbit/s: long-run error", "<= 0.1 %", format!("{error:+.4} %"), met);
    }
}

const CHANNELS: usize = 1_000;
const CHANNEL_KBPS: f64 = 64.0;

/// What one of many channels came to.
struct Channel {
    rate_error_percent: f64,
    /// Most datagrams ahead of its own schedule.
    early: f64,
    /// Milliseconds behind its earliest datagram's schedule, each.
    lags: Vec<f64>,
}

/// A thousand channels of 64 kbit/s in one process.
fn thousand(place: &Place, directory: &Path, seconds: f64, goals: &mut Table) {
    let gap_seconds = IP_BYTES as f64 * 8.0 / (CHANNEL_KBPS * 1_000.0);
    let slices = ((seconds / gap_seconds * 0.5) as usize).max(10);
    let image = rig::image(directory, slices * SLICE_BYTES);
    let streams: Vec<Stream> = (0..CHANNELS).map(|number| channel(number, &image)).collect();
    let tap = Tap::start(place, streams[0].group, PAYLOAD_BYTES);
    let watched = streams[CHANNELS / 2].group;
    let fetching = Fetching::start(place, 0, watched, &directory.join("box"));
    place.wait_joined(0, *watched.ip(), 1);
    let control = Control::start();
    let headend = Headend::start(place, directory, &streams, &[]);
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let cores = headend.on_air_cpu_seconds() / headend.on_air.elapsed().as_secs_f64();
    let path = headend.path.clone();
    let fetched = fetching.finish(&image, Duration::from_secs_f64(seconds));
    let begin = Instant::now();
    headend.process.end();
    assert!(begin.elapsed() < Duration::from_secs(5), "the headend does not end");
    let (late, arrivals) = (control.stop(), tap.stop());
    report(&arrivals, gap_seconds, (cores, late.len(), &path, fetched.complete), goals);
}

fn channel(number: usize, image: &Path) -> Stream {
    let (high, low) = (number / 250, number % 250 + 1);
    let group = Ipv4Addr::new(239, 255, high as u8, low as u8);
    Stream { group: SocketAddrV4::new(group, 22_222), ..Stream::new(CHANNEL_KBPS / 1_000.0, image) }
}

fn report(
    arrivals: &[Arrival],
    gap_seconds: f64,
    (cores, late, path, complete): (f64, usize, &str, bool),
    goals: &mut Table,
) {
    let mut by_group: HashMap<SocketAddrV4, Vec<u64>> = HashMap::new();
    for arrival in arrivals {
        let stamps = by_group.entry(arrival.group).or_default();
        stamps.extend((0..arrival.datagrams).map(|_| arrival.at));
    }
    let channels: Vec<Channel> = by_group.values().map(|at| judge(at, gap_seconds)).collect();
    let error = largest(channels.iter().map(|channel| channel.rate_error_percent));
    let early = largest(channels.iter().map(|channel| channel.early));
    let lags: Vec<f64> = channels.iter().flat_map(|channel| channel.lags.iter().copied()).collect();
    let even = Evenness::of(arrivals, 1.0, 0.0, &[]);
    let sum = CHANNEL_KBPS * CHANNELS as f64 / 1_000.0;
    let mut table = Table::new(&[
        "channels heard",
        "path",
        "worst rate error %",
        "most early, datagrams",
        "lag ms p50",
        "p99",
        "p99.9",
        "max",
        "all together: worst 10 ms / rate",
        "late wakes",
        "cores",
        "box",
    ]);
    table.row(vec![
        channels.len().to_string(),
        path.to_owned(),
        format!("{error:.4}"),
        format!("{early:.3}"),
        figure(percentile(&lags, 0.5)),
        figure(percentile(&lags, 0.99)),
        figure(percentile(&lags, 0.999)),
        figure(percentile(&lags, 1.0)),
        figure(even.worst_10_ms / sum),
        late.to_string(),
        figure(cores),
        if complete { "complete, equal" } else { "NOT COMPLETE" }.to_owned(),
    ]);
    table.print("1,000 channels of 64 kbit/s in one process");
    let all = channels.len() == CHANNELS;
    let value = format!("{error:.4} % at worst, {} channels", channels.len());
    goals.target("1,000 channels: rate", "each within 0.5 %", value, Some(all && error <= 0.5));
    let value = format!("{early:.3} datagrams");
    goals.target("1,000 channels: early", "<= 1 datagram", value, Some(all && early <= 1.0));
    goals.target("1,000 channels: cores", "< 1", figure(cores), Some(all && cores < 1.0));
}

fn judge(stamps: &[u64], gap_seconds: f64) -> Channel {
    let at = |number: usize| (stamps[number] - stamps[0]) as f64 / 1e9;
    let last = stamps.len() - 1;
    let ideal = last as f64 * gap_seconds;
    let behind: Vec<f64> = (0..=last).map(|n| at(n) - n as f64 * gap_seconds).collect();
    let earliest = behind.iter().copied().fold(0.0, f64::min);
    Channel {
        rate_error_percent: if last == 0 {
            f64::INFINITY
        } else {
            (ideal / at(last) - 1.0).abs() * 100.0
        },
        early: -earliest / gap_seconds,
        lags: behind.iter().map(|behind| (behind - earliest) * 1_000.0).collect(),
    }
}
