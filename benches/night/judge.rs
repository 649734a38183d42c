//! Rates and lags of what arrived.

use std::collections::HashMap;
use std::net::SocketAddrV4;

use super::rig::lag::lags;
use super::rig::tap::Arrival;
use super::site::{Channel, LEFT_ALONE, Site};

/// Most microseconds that are told apart.
const MICROS_MAX: usize = 1_000_000;
/// Bits per second of IP that each channel is paced to, by its name.
pub(super) type Paces = HashMap<String, f64>;

/// A part of the run.
pub(super) struct Lap {
    /// Since when its line-up was on air whole, in nanoseconds of the wall clock.
    pub(super) steady: u64,
    /// Whether it began with a reload.
    pub(super) reloads: bool,
    /// Places of the channels that it changed.
    pub(super) changed: Vec<usize>,
}

/// Microseconds, counted one by one.
#[derive(Default)]
pub(super) struct Lags {
    counts: Vec<u64>,
}

impl Lags {
    fn add(&mut self, micros: f64) {
        self.counts.resize(MICROS_MAX, 0);
        self.counts[(micros as usize).min(MICROS_MAX - 1)] += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What this part of them does not exceed.
    pub(super) fn part(&self, part: f64) -> f64 {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut sum = 0;
        let place = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        place.map_or(f64::NAN, |micros| micros as f64)
    }
}

/// IP bytes from one time stamp to another.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    last: u64,
    bytes: u64,
}

impl Span {
    fn of(arrivals: &[Arrival]) -> Option<Self> {
        let (first, last) = (arrivals.first()?, arrivals.last()?);
        let bytes: u64 = arrivals.iter().map(|arrival| u64::from(arrival.ip_bytes)).sum();
        Some(Self { first: first.at, last: last.at, bytes: bytes - u64::from(last.ip_bytes) })
    }

    fn bps(self) -> f64 {
        self.bytes as f64 * 8e9 / (self.last - self.first) as f64
    }
}

/// What the run came to so far.
#[derive(Default)]
pub(super) struct Judge {
    pub(super) idle: Lags,
    pub(super) reloads: Lags,
    /// Percent off, of each steady span, and whose.
    rates: Vec<(f64, String)>,
    /// What no reload changes, over all laps: bytes, from when to when, the last datagram's bytes.
    whole: HashMap<SocketAddrV4, (u64, u64, u64, u64)>,
    wanted: HashMap<SocketAddrV4, (f64, String)>,
    /// Bits, and nanoseconds, of everything.
    sum: (f64, f64),
}

impl Judge {
    /// Notes what arrived in a lap, in which channels were paced so.
    pub(super) fn lap(&mut self, lap: &Lap, site: &Site, paces: &Paces, arrivals: &[Arrival]) {
        let mut by_group: HashMap<SocketAddrV4, Vec<Arrival>> = HashMap::new();
        for arrival in arrivals {
            by_group.entry(arrival.group).or_default().push(*arrival);
        }
        let all: u64 = by_group.values().flatten().map(|arrival| u64::from(arrival.ip_bytes)).sum();
        if let (Some(first), Some(last)) = (arrivals.first(), arrivals.last()) {
            self.sum.0 += all as f64 * 8.0;
            self.sum.1 += (last.at - first.at) as f64;
        }
        for (place, channel) in site.channels.iter().enumerate() {
            let heard = by_group.remove(&channel.group).unwrap_or_default();
            let bps = paces.get(&channel.name).copied().unwrap_or(f64::NAN);
            self.rate(lap, channel, bps, &heard);
            if !lap.changed.contains(&place) {
                let datagram =
                    heard.iter().map(|arrival| arrival.ip_bytes / arrival.datagrams).max();
                let gap = f64::from(datagram.unwrap_or(1)) * 8e9 / bps;
                let into = if lap.reloads { &mut self.reloads } else { &mut self.idle };
                lags(&heard, gap).iter().for_each(|lag| into.add(lag.micros));
            }
            if place < LEFT_ALONE {
                self.note_whole(channel, bps, &heard);
            }
        }
    }

    fn rate(&mut self, lap: &Lap, channel: &Channel, bps: f64, heard: &[Arrival]) {
        let steady = heard.partition_point(|arrival| arrival.at < lap.steady);
        let error = Span::of(&heard[steady..])
            .map_or(f64::INFINITY, |span| (span.bps() / bps - 1.0).abs() * 100.0);
        self.rates.push((error, channel.name.clone()));
    }

    fn note_whole(&mut self, channel: &Channel, bps: f64, heard: &[Arrival]) {
        self.wanted.insert(channel.group, (bps, channel.name.clone()));
        let (Some(first), Some(last)) = (heard.first(), heard.last()) else { return };
        let whole = self.whole.entry(channel.group).or_insert((0, first.at, 0, 0));
        whole.0 += heard.iter().map(|arrival| u64::from(arrival.ip_bytes)).sum::<u64>();
        (whole.2, whole.3) = (last.at, u64::from(last.ip_bytes));
    }

    /// Steady spans of channels that were judged.
    pub(super) const fn sessions(&self) -> usize {
        self.rates.len()
    }

    /// The rate that is off most in a steady span, in percent, and whose.
    pub(super) fn worst_rate(&self) -> (f64, String) {
        let worst = self.rates.iter().max_by(|one, other| one.0.total_cmp(&other.0));
        worst.cloned().unwrap_or((f64::INFINITY, "nobody".to_owned()))
    }

    /// The same of channels that no reload changes, over the whole run.
    pub(super) fn worst_whole(&self) -> (f64, String) {
        let error = |(group, (wanted, name)): (&SocketAddrV4, &(f64, String))| {
            let Some((bytes, first, last, rest)) = self.whole.get(group) else {
                return (f64::INFINITY, name.clone());
            };
            let bps = (bytes - rest) as f64 * 8e9 / (last - first) as f64;
            ((bps / wanted - 1.0).abs() * 100.0, name.clone())
        };
        let worst = self.wanted.iter().map(error).max_by(|one, other| one.0.total_cmp(&other.0));
        worst.unwrap_or((f64::INFINITY, "nobody".to_owned()))
    }

    pub(super) fn total_mbit(&self) -> f64 {
        self.sum.0 * 1_000.0 / self.sum.1
    }
}

/// What the headend's metrics say its channels are paced to.
pub(super) fn paces(metrics: &str) -> Paces {
    let pace = |line: &str| {
        let rest = line.strip_prefix("stbcast_channel_target_bytes_per_second{channel=\"")?;
        let (name, rest) = rest.split_once("\"} ")?;
        Some((name.to_owned(), rest.trim().parse::<f64>().ok()? * 8.0))
    };
    metrics.lines().filter_map(pace).collect()
}

/// How many turns of channels the headend's metrics count, and how many of them more than 1 ms late.
pub(super) fn late(metrics: &str) -> (f64, f64) {
    let bucket = |bound: &str| {
        let name = format!("stbcast_pacing_lag_seconds_bucket{{le=\"{bound}\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name.as_str()));
        value.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or(0.0)
    };
    let all = bucket("+Inf");
    (all, all - bucket("0.001"))
}
