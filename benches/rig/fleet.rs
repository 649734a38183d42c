//! Boxes behind lines that lose: they start at their moments, and each is judged by what the relay
//! saw go by.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stbcast_sim::loss::Loss;

use super::boxes::{Fetched, Fetching, Waited};
use super::lines::Lines;
use super::record::{Kind, Record};
use super::relay::Relay;
use super::stats::{largest, median};

/// What boxes are asked to do.
pub(crate) struct Fleet<'a> {
    pub(crate) lines: &'a Lines,
    pub(crate) groups: Groups,
    /// Whether boxes are told the announce group; else they know the channel alone.
    pub(crate) announced: bool,
    /// Further arguments of each box.
    pub(crate) more: Vec<String>,
    pub(crate) loss: Loss,
    pub(crate) seed: u64,
    /// When each box starts, from now on, in rising order.
    pub(crate) starts: Vec<Duration>,
    /// From the last start on.
    pub(crate) limit: Duration,
}

/// Groups of a headend. They share a port, so that the relay takes them from one socket and keeps
/// their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups {
    pub(crate) channel: SocketAddrV4,
    pub(crate) companion: SocketAddrV4,
    pub(crate) announce: SocketAddrV4,
}

impl Groups {
    pub(crate) fn new() -> Self {
        let channel = super::place::group();
        let beside = || SocketAddrV4::new(*super::place::group().ip(), channel.port());
        Self { channel, companion: beside(), announce: beside() }
    }

    fn kind(self, group: Ipv4Addr, payload: &[u8]) -> Kind {
        if group == *self.channel.ip() {
            return Kind::Source;
        }
        let is_fdt = stbcast_flute::Packet::parse(payload).is_ok_and(|it| it.fdt().is_some());
        if group == *self.companion.ip() && !is_fdt { Kind::Repair } else { Kind::Other }
    }
}

/// What became of the boxes.
pub(crate) struct Outcome {
    pub(crate) boxes: Vec<Boxed>,
    pub(crate) record: Record,
    /// For each datagram that passed: its number in a cycle, where it is a slice.
    pub(crate) slices: Vec<Option<u32>>,
}

/// One box.
pub(crate) struct Boxed {
    pub(crate) fetched: Fetched,
    /// Symbol-bearing datagrams that went by from its join of the channel until the last one that
    /// it took: then it had all symbols that it needs.
    pub(crate) symbols: f64,
    /// Seconds of the same span.
    pub(crate) seconds: f64,
}

impl Fleet<'_> {
    /// Starts the boxes, waits for them, and compares what they stored with `image`.
    pub(crate) fn run(&self, directory: &Path, image: &Path) -> Outcome {
        let outputs = tempfile::tempdir_in(directory).unwrap();
        let groups = self.groups;
        let all = [groups.channel, groups.companion, groups.announce];
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let passed = Arc::clone(&numbers);
        // Asked once for each datagram, in order.
        let kind = move |group, payload: &[u8]| {
            let kind = groups.kind(group, payload);
            passed.lock().unwrap().push(slice(kind, payload));
            kind
        };
        let relay = Relay::start(self.lines, &all, (self.loss, self.seed), kind);
        let announce = groups.announce.to_string();
        let announced: &[&str] = if self.announced { &["--announce", &announce] } else { &[] };
        let more = announced.iter().copied().chain(self.more.iter().map(String::as_str));
        let more: Vec<&str> = more.collect();
        let began = Instant::now();
        let start = |(number, &at): (usize, &Duration)| {
            std::thread::sleep((began + at).saturating_duration_since(Instant::now()));
            let output = outputs.path().join(number.to_string());
            Fetching::start_with(&self.lines.place, number, groups.channel, &output, &more)
        };
        let fetching: Vec<Fetching> = self.starts.iter().enumerate().map(start).collect();
        let end = Instant::now() + self.limit;
        let left = || end.saturating_duration_since(Instant::now());
        let waited: Vec<_> = fetching.into_iter().map(|one| one.wait(left())).collect();
        // The last report of a leave may be on its way.
        std::thread::sleep(Duration::from_millis(100));
        let record = relay.stop();
        let judge = |(number, waited)| judge(&record, number, groups.channel, waited, image);
        let boxes = waited.into_iter().enumerate().map(judge).collect();
        let slices = std::mem::take(&mut *numbers.lock().unwrap());
        Outcome { boxes, record, slices }
    }
}

/// The index of a slice.
fn slice(kind: Kind, payload: &[u8]) -> Option<u32> {
    let packet = stbcast_infocast::Packet::parse(payload).ok().filter(|_| kind == Kind::Source)?;
    Some(packet.header().number - 1)
}

fn judge(
    record: &Record,
    number: usize,
    channel: SocketAddrV4,
    waited: Waited,
    image: &Path,
) -> Boxed {
    let fetched = waited.judge(image);
    let never = f64::INFINITY;
    let join = record.first_join(number, *channel.ip()).filter(|_| fetched.complete);
    // It took so many of those that reached it; what its socket had no room for came in between.
    let took = (fetched.symbols + fetched.kernel_drops.max(0.0)) as usize;
    let taken = record.reached[number].get(took.saturating_sub(1));
    let Some((join, &last)) = join.zip(taken) else {
        return Boxed { fetched, symbols: never, seconds: never };
    };
    let (last, passed) = (last as usize, &record.passed);
    Boxed {
        symbols: record.symbols(join.place..last + 1) as f64,
        seconds: (passed[last].at - join.at).as_secs_f64(),
        fetched,
    }
}

impl Outcome {
    pub(crate) fn complete(&self) -> usize {
        self.boxes.iter().filter(|one| one.fetched.complete).count()
    }

    /// The middle and the slowest box, by some figure of theirs divided by `unit`.
    pub(crate) fn of(&self, unit: f64, what: fn(&Boxed) -> f64) -> (f64, f64) {
        let values: Vec<f64> = self.boxes.iter().map(|one| what(one) / unit).collect();
        (median(&values), largest(values))
    }

    /// Datagrams that sockets had no room for, the relay's and the boxes'.
    pub(crate) fn drops(&self) -> f64 {
        let boxes: f64 = self.boxes.iter().map(|one| one.fetched.kernel_drops.max(0.0)).sum();
        boxes + self.record.missed as f64
    }

    /// Part of the datagrams meant for the boxes that their lines lost.
    pub(crate) fn lost(&self) -> f64 {
        self.record.lost()
    }

    /// Datagrams of descriptions for each symbol-bearing one.
    pub(crate) fn descriptions(&self) -> f64 {
        let symbols = self.record.symbols(0..self.record.passed.len()) as f64;
        (self.record.passed.len() as f64 - symbols) / symbols
    }
}
