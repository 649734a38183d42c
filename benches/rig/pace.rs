//! How even a stream is, from its time stamps, beside how late this machine wakes anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::stats::percentile;
use super::tap::Arrival;

/// A wake-up this late is the machine's doing, and so is what happens near it.
const LATE_NANOS: u64 = 500_000;
const NEAR_NANOS: u64 = 5_000_000;

/// A thread that only sleeps, a millisecond at a time.
pub(crate) struct Control {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<u64>>,
}

impl Control {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || late_wakes(&stop)
        });
        Self { stop, thread }
    }

    /// When, in nanoseconds of the wall clock, the machine woke it late.
    pub(crate) fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn late_wakes(stop: &AtomicBool) -> Vec<u64> {
    let mut late = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        if before.elapsed() > Duration::from_millis(1) + Duration::from_nanos(LATE_NANOS) {
            late.push(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
        }
    }
    late
}

/// Figures of one stream. Gaps in microseconds, rates in Mbit/s of IP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evenness {
    pub(crate) datagrams: u64,
    pub(crate) gap_p50: f64,
    pub(crate) gap_p99: f64,
    pub(crate) gap_p999: f64,
    pub(crate) gap_max: f64,
    /// Datagrams in a run of gaps below half the nominal one.
    pub(crate) burst: f64,
    /// The same where the machine woke the control thread in time.
    pub(crate) burst_quiet: f64,
    pub(crate) worst_10_ms: f64,
    pub(crate) worst_1_ms: f64,
    /// Measured rate, by the bytes between the first and the last instant.
    pub(crate) rate: f64,
    pub(crate) late_wakes: usize,
}

impl Evenness {
    /// Of a stream whose nominal gap is `nominal_micros`; first and last `cut` part left out.
    pub(crate) fn of(all: &[Arrival], nominal_micros: f64, cut: f64, late: &[u64]) -> Self {
        let off = (all.len() as f64 * cut) as usize;
        let arrivals = &all[off..all.len() - off];
        if arrivals.len() < 3 {
            return Self { rate: f64::NAN, ..Self::default() };
        }
        let gaps: Vec<f64> = gaps(arrivals);
        let (burst, burst_quiet) = bursts(arrivals, nominal_micros, late);
        let span = (arrivals[arrivals.len() - 1].at - arrivals[0].at) as f64;
        let bytes: u64 = arrivals[..arrivals.len() - 1].iter().map(|a| u64::from(a.ip_bytes)).sum();
        let within = |at: &&u64| **at >= arrivals[0].at && **at <= arrivals[arrivals.len() - 1].at;
        Self {
            datagrams: arrivals.iter().map(|arrival| u64::from(arrival.datagrams)).sum(),
            gap_p50: percentile(&gaps, 0.5),
            gap_p99: percentile(&gaps, 0.99),
            gap_p999: percentile(&gaps, 0.999),
            gap_max: percentile(&gaps, 1.0),
            burst,
            burst_quiet,
            worst_10_ms: worst(arrivals, 10_000_000),
            worst_1_ms: worst(arrivals, 1_000_000),
            rate: bytes as f64 * 8_000.0 / span,
            late_wakes: late.iter().filter(within).count(),
        }
    }
}

/// Gaps between datagrams in microseconds: none within a batch.
fn gaps(arrivals: &[Arrival]) -> Vec<f64> {
    let mut gaps = Vec::with_capacity(arrivals.len());
    for pair in arrivals.windows(2) {
        gaps.push(pair[1].at.saturating_sub(pair[0].at) as f64 / 1_000.0);
        gaps.extend((1..pair[1].datagrams).map(|_| 0.0));
    }
    gaps
}

fn bursts(arrivals: &[Arrival], nominal_micros: f64, late: &[u64]) -> (f64, f64) {
    let is_near = |at: u64| {
        let after = late.partition_point(|moment| moment + NEAR_NANOS < at);
        late.get(after).is_some_and(|moment| moment.abs_diff(at) < NEAR_NANOS)
    };
    let (mut run, mut worst, mut quiet, mut before) = (0, 0, 0, 0);
    for arrival in arrivals {
        let gap = arrival.at.saturating_sub(before) as f64 / 1_000.0;
        run = if gap < nominal_micros / 2.0 { run } else { 0 } + arrival.datagrams;
        before = arrival.at;
        worst = worst.max(run);
        if run > quiet && !is_near(arrival.at) {
            quiet = run;
        }
    }
    (worst.into(), quiet.into())
}

/// The most bytes in any window of so many nanoseconds, as a rate in Mbit/s.
fn worst(arrivals: &[Arrival], nanos: u64) -> f64 {
    let (mut first, mut bytes, mut most) = (0, 0, 0);
    for arrival in arrivals {
        bytes += u64::from(arrival.ip_bytes);
        while arrivals[first].at + nanos <= arrival.at {
            bytes -= u64::from(arrivals[first].ip_bytes);
            first += 1;
        }
        most = most.max(bytes);
    }
    most as f64 * 8_000.0 / nanos as f64
}
