//! `stbcast serve` as a process: its line-up, its log, its metrics and its CPU time.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::place::Place;
use super::process::{Process, Threads};
use super::{GIB, SLICE_BYTES};

/// Name of the object in every channel.
pub(crate) const OBJECT: &str = "image";
/// The threads that send begin with this; what they use counts as on air.
const ON_AIR: &str = "on-air";
/// Environment variable that names another build of the program than this bench's own.
const PROGRAM: &str = "STBCAST_BENCH_PROGRAM";
/// As fast as it can.
pub(crate) const UNLIMITED_KBPS: f64 = 100_000_000.0;

/// One channel of a line-up.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) group: SocketAddrV4,
    pub(crate) kbps: f64,
    pub(crate) image: PathBuf,
    /// None for the default.
    pub(crate) burst_us: Option<u32>,
    /// Behind each cycle, so that the counters of one cycle can be read.
    pub(crate) pause_ms: u32,
    /// The value of its key `repair`, where it has a companion.
    pub(crate) repair: Option<String>,
}

impl Stream {
    pub(crate) fn new(mbit: f64, image: &Path) -> Self {
        let group = super::place::group();
        let (kbps, image) = (mbit * 1_000.0, image.to_owned());
        Self { group, kbps, image, burst_us: None, pause_ms: 0, repair: None }
    }

    /// The same with a companion on `group`; `more` are further keys of `repair`.
    pub(crate) fn repaired(mut self, group: SocketAddrV4, more: &str) -> Self {
        self.repair = Some(format!("{{ group = \"{group}\", {more} }}"));
        self
    }
}

/// A headend on air.
pub(crate) struct Headend<'a> {
    place: &'a Place,
    pub(crate) process: Process,
    metrics: SocketAddr,
    /// CPU time of the start: reading, hashing, spooling.
    pub(crate) start_cpu_seconds: f64,
    before: Threads,
    /// When its log said it was on air.
    pub(crate) on_air: Instant,
    /// The transmit paths its log named.
    pub(crate) path: String,
    spool: tempfile::TempDir,
}

/// What was sent, by the program's own metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) datagrams: f64,
    pub(crate) ip_bytes: f64,
    pub(crate) calls: f64,
    pub(crate) cycles: f64,
}

impl Sent {
    /// GiB of images.
    pub(crate) fn gib(self) -> f64 {
        self.datagrams * SLICE_BYTES as f64 / GIB
    }

    pub(crate) fn datagrams_per_batch(self) -> f64 {
        self.datagrams / self.calls
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            datagrams: self.datagrams - before.datagrams,
            ip_bytes: self.ip_bytes - before.ip_bytes,
            calls: self.calls - before.calls,
            cycles: self.cycles - before.cycles,
        }
    }
}

impl<'a> Headend<'a> {
    /// Starts it and waits until it is on air. `wrap` is a program put in front of it.
    pub(crate) fn start_as(
        place: &'a Place,
        directory: &Path,
        streams: &[Stream],
        more: &[&str],
        wrap: &[&str],
    ) -> Self {
        Self::of(place, directory, &line_up_text(streams), more, wrap)
    }

    /// The same with an announce session.
    pub(crate) fn announcing(
        place: &'a Place,
        directory: &Path,
        streams: &[Stream],
        announce: SocketAddrV4,
    ) -> Self {
        let text = format!("announce = \"{announce}\"\n{}", line_up_text(streams));
        Self::of(place, directory, &text, &[], &[])
    }

    /// The same with what its line-up says of servers, which is itself.
    pub(crate) fn announcing_itself(
        place: &'a Place,
        directory: &Path,
        streams: &[Stream],
        (announce, http): (SocketAddrV4, SocketAddr),
        unicast: &str,
    ) -> Self {
        let text = format!("announce = \"{announce}\"\n{}{unicast}", line_up_text(streams));
        Self::of(place, directory, &text, &["--http", &http.to_string()], &[])
    }

    /// The same with rules for boxes that ask over HTTP, which are told by further arguments.
    pub(crate) fn answering(
        place: &'a Place,
        directory: &Path,
        streams: &[Stream],
        rules: &str,
        (more, wrap): (&[&str], &[&str]),
    ) -> Self {
        Self::of(place, directory, &(line_up_text(streams) + rules), more, wrap)
    }

    /// The same with a line-up of any text.
    pub(crate) fn of(
        place: &'a Place,
        directory: &Path,
        text: &str,
        more: &[&str],
        wrap: &[&str],
    ) -> Self {
        let spool = tempfile::tempdir_in(directory).unwrap();
        let line_up = spool.path().join("lineup.toml");
        std::fs::write(&line_up, text).unwrap();
        let port = place.at_sender(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr());
        let metrics = port.unwrap();
        let mut program = wrap.to_vec();
        let given = std::env::var(PROGRAM);
        program.push(given.as_deref().unwrap_or(env!("CARGO_BIN_EXE_stbcast")));
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg("serve").arg(&line_up);
        command.env("XDG_STATE_HOME", spool.path());
        command.args(["--interface", place.send_interface, "--ttl", &place.ttl.to_string()]);
        command.args(["--metrics", &metrics.to_string(), "--spool"]).arg(spool.path()).args(more);
        let mut process = Process::at_sender(place, &mut command);
        let is_up = process.wait_for("line-up 1 is on air", Duration::from_secs(60));
        let (on_air, before) = (Instant::now(), process.threads(ON_AIR));
        assert!(is_up, "the headend is not on air:\n{}", process.log.join("\n"));
        let path = transmit_path(&process.log);
        let start_cpu_seconds = before.others;
        Self { place, process, metrics, start_cpu_seconds, before, on_air, path, spool }
    }

    pub(crate) fn start(
        place: &'a Place,
        directory: &Path,
        streams: &[Stream],
        more: &[&str],
    ) -> Self {
        Self::start_as(place, directory, streams, more, &[])
    }

    /// Has it read another line-up.
    pub(crate) fn reload(&self, streams: &[Stream]) {
        self.reload_text(&line_up_text(streams));
    }

    /// The same with a line-up of any text.
    pub(crate) fn reload_text(&self, text: &str) {
        std::fs::write(self.spool.path().join("lineup.toml"), text).unwrap();
        self.process.signal(Signal::HUP);
    }

    /// CPU seconds since it went on air, all of the sending threads' among them.
    pub(crate) fn on_air_cpu_seconds(&self) -> f64 {
        let now = self.process.threads(ON_AIR);
        now.named + now.others - self.before.others
    }

    /// What its metrics say now, all channels together.
    pub(crate) fn sent(&self) -> Sent {
        let text = self.scrape();
        Sent {
            datagrams: total(&text, "stbcast_packets_sent_total"),
            ip_bytes: total(&text, "stbcast_bytes_sent_total"),
            calls: total(&text, "stbcast_send_calls_total"),
            cycles: total(&text, "stbcast_cycles_total"),
        }
    }

    /// Waits for the end of the first cycle, which a pause follows, and tells what it took.
    pub(crate) fn first_cycle(&self, limit: Duration) -> Sent {
        let end = Instant::now() + limit;
        loop {
            let sent = self.sent();
            if sent.cycles >= 1.0 || Instant::now() > end {
                return sent;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Bytes of the files in its spool.
    pub(crate) fn spool_bytes(&self) -> u64 {
        let entries = std::fs::read_dir(self.spool.path()).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    }

    /// The text of its metrics.
    pub(crate) fn scrape(&self) -> String {
        let address = self.metrics;
        self.place.at_sender(|| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            write!(stream, "GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                .unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        })
    }
}

/// The channels of a line-up as it is written.
pub(crate) fn line_up_text(streams: &[Stream]) -> String {
    let mut text = String::new();
    for (number, stream) in streams.iter().enumerate() {
        let Stream { group, kbps, image, burst_us, pause_ms, repair } = stream;
        let image = image.display();
        write!(
            text,
            "[[channel]]\nname = \"bench-{number}\"\ncarousel = \"infocast\"\ngroup = \"{group}\"\n\
             bit_rate_kbps = {kbps:.3}\nslice_bytes = {SLICE_BYTES}\nburst_delay_ms = {pause_ms}\n"
        )
        .unwrap();
        if let Some(micros) = burst_us {
            writeln!(text, "burst_us = {micros}").unwrap();
        }
        if let Some(repair) = repair {
            writeln!(text, "repair = {repair}").unwrap();
        }
        writeln!(
            text,
            "[[channel.object]]\nname = \"{OBJECT}\"\nsource = \"{image}\"\nprecoding = \"crc32\""
        )
        .unwrap();
    }
    text
}

/// The paths named in a log, each once.
fn transmit_path(log: &[String]) -> String {
    let word = |line: &String| {
        let (_, rest) = line.split_once("transmit path ")?;
        Some(rest.split(|c: char| !c.is_alphanumeric()).next()?.to_owned())
    };
    let mut paths: Vec<String> = log.iter().filter_map(word).collect();
    paths.sort();
    paths.dedup();
    if paths.is_empty() { "not told".to_owned() } else { paths.join("+") }
}

/// Sum of all samples of a metric.
pub(crate) fn total(text: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let is_it = rest.starts_with('{') || rest.starts_with(' ');
        is_it.then(|| rest.rsplit_once(' ')?.1.trim().parse::<f64>().ok())?
    };
    text.lines().filter_map(value).sum()
}
