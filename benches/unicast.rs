//! Unicast as the last resort: how many bytes do real boxes ask of a server, behind lines that lose?
//!
//! ```text
//! cargo bench --bench unicast                     about 4 minutes
//! cargo bench --bench unicast -- --quick          a minute: does everything work
//! cargo bench --bench unicast -- 1 8              1 MiB at 8 Mbit/s
//! ```
//!
//! 200 boxes (`stbcast-receiver fetch`, a process in a namespace each) behind the relay of the bench
//! `completion`, whose lines lose 1 % of all multicast datagrams (5 % in short runs) and no unicast ones. The headend
//! (`stbcast serve --http`) announces itself as the server. What is missing is not taken from the
//! boxes' word: the relay knows which slices it sent to which box within the cycles that a box hears
//! before it may ask. Everything stored is compared byte by byte.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rig::boxes::{Fetched, Fetching};
use rig::fleet::{Fleet, Groups, Outcome};
use rig::headend::{Headend, Stream};
use rig::lines::Lines;
use rig::table::{Table, figure, targets};
use rig::{IP_BYTES, MIB, SLICE_BYTES};
use sha2::{Digest, Sha256};
use stbcast_sim::chance::Chance;
use stbcast_sim::loss::Loss;

const BOXES: usize = 200;
const SEED: u64 = 1;
/// Loss on the lines, and in short runs, whose few boxes and slices would else miss nothing.
const LOSS: f64 = 0.01;
const LOSS_QUICK: f64 = 0.05;
/// Cycles that a box hears before it may ask.
const AFTER_CYCLES: usize = 2;
/// The headend's address and where it answers.
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)), 8_080);
/// What was missing and what was asked for may differ by so much.
const WITHIN: f64 = 0.1;

fn main() {
    let Some(options) = rig::begin("unicast") else { return };
    let boxes = if options.quick { 20 } else { BOXES };
    let Some(lines) = Lines::new(boxes) else {
        return println!("Skipped: lines that lose need network namespaces.");
    };
    let directory = rig::memory_directory();
    let (mib, mbit) = match options.numbers.as_slice() {
        [mib, mbit, ..] => (*mib, *mbit),
        _ if options.quick => (1.0, 8.0),
        _ => (3.0, 5.0),
    };
    let bytes = (mib * MIB as f64) as usize;
    let image = rig::image(directory.path(), bytes);
    // Built before anything is on air.
    rig::boxes::receiver();
    let loss = if options.quick { LOSS_QUICK } else { LOSS };
    let bench = Bench { lines, boxes, directory: directory.path(), image, bytes, mbit, loss };
    bench.run();
}

struct Bench<'a> {
    lines: Lines,
    boxes: usize,
    directory: &'a Path,
    image: PathBuf,
    bytes: usize,
    mbit: f64,
    loss: f64,
}

/// What boxes of a row asked for.
struct Asked {
    complete: usize,
    bytes: f64,
    requests: f64,
    most: f64,
    seconds: f64,
    /// Bytes that were missing when they asked, by the relay; nothing without multicast.
    missing: f64,
}

impl Bench<'_> {
    fn run(&self) {
        let mut table = Table::new(&[
            "boxes get it by",
            "complete and equal",
            "HTTP bytes a box",
            "most of one",
            "of the image",
            "missing a box, by the relay",
            "requests a box",
            "s p50",
        ]);
        let all = self.all_http();
        let plain = self.multicast(None, 0);
        let spread = self.multicast(None, 30);
        let repaired = self.multicast(Some("ratio = 0.1"), 0);
        let after = format!("after {AFTER_CYCLES} cycles");
        for (name, asked) in [
            ("HTTP alone".to_owned(), &all),
            (format!("multicast, HTTP {after} at once"), &plain),
            (format!("multicast, HTTP {after} within 30 s"), &spread),
            (format!("multicast with 10 % repair, HTTP {after} at once"), &repaired),
        ] {
            self.row(&name, asked, &mut table);
        }
        let Self { boxes, bytes, mbit, loss, .. } = self;
        let loss = loss * 100.0;
        table.print(&format!("{boxes} boxes, {bytes} bytes at {mbit} Mbit/s, {loss} % lost"));
        let mut goals = targets();
        let all_complete = |asked: &Asked| asked.complete == self.boxes;
        goals.target(
            "HTTP bytes with repair symbols",
            "0",
            figure(repaired.bytes),
            Some(repaired.bytes == 0.0 && all_complete(&repaired)),
        );
        let ratio = plain.bytes / plain.missing;
        goals.target(
            "HTTP bytes without, of the missing ones",
            &format!("{} to {}", 1.0 - WITHIN, 1.0 + WITHIN),
            format!("{ratio:.3}"),
            Some((ratio - 1.0).abs() <= WITHIN && all_complete(&plain)),
        );
        goals.print("Targets");
    }

    fn row(&self, name: &str, asked: &Asked, table: &mut Table) {
        let boxes = self.boxes as f64;
        table.row(vec![
            name.to_owned(),
            format!("{} of {}", asked.complete, self.boxes),
            figure(asked.bytes / boxes),
            figure(asked.most),
            format!("{:.4} %", 100.0 * asked.bytes / boxes / self.bytes as f64),
            figure(asked.missing / boxes),
            format!("{:.2}", asked.requests / boxes),
            figure(asked.seconds),
        ]);
    }

    fn cycle(&self) -> Duration {
        let slices = self.bytes.div_ceil(SLICE_BYTES);
        Duration::from_secs_f64((slices * IP_BYTES * 8) as f64 / self.mbit / 1e6)
    }

    fn starts(&self) -> Vec<Duration> {
        let mut chance = Chance::new(SEED);
        let micros = self.cycle().as_micros() as u64;
        let starts = (0..self.boxes).map(|_| Duration::from_micros(chance.below(micros)));
        let mut starts: Vec<Duration> = starts.collect();
        starts.sort_unstable();
        starts
    }

    fn headend(&self, groups: Groups, repair: Option<&str>, window_s: u32) -> Headend<'_> {
        let mut stream = Stream::new(self.mbit, &self.image);
        stream.group = groups.channel;
        if let Some(repair) = repair {
            stream = stream.repaired(groups.companion, repair);
        }
        let unicast = format!(
            "[unicast]\nurl = \"http://{HTTP}/images/{{sha256}}\"\nafter_cycles = {AFTER_CYCLES}\n\
             window_s = {window_s}\n"
        );
        let place = &self.lines.place;
        let where_to = (groups.announce, HTTP);
        Headend::announcing_itself(place, self.directory, &[stream], where_to, &unicast)
    }

    /// Boxes that know the server alone.
    fn all_http(&self) -> Asked {
        let headend = self.headend(Groups::new(), None, 0);
        let digest = Sha256::digest(std::fs::read(&self.image).unwrap());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = format!("http://{HTTP}/images/{hex}");
        let outputs = tempfile::tempdir_in(self.directory).unwrap();
        let began = Instant::now();
        let start = |(number, at): (usize, Duration)| {
            std::thread::sleep((began + at).saturating_duration_since(Instant::now()));
            let output = outputs.path().join(number.to_string());
            Fetching::start_url(&self.lines.place, number, &url, &output, (&[], &[]))
        };
        let fetching: Vec<_> = self.starts().into_iter().enumerate().map(start).collect();
        let limit = Duration::from_secs(120);
        let fetched = fetching.into_iter().map(|one| one.finish(&self.image, limit)).collect();
        headend.process.end();
        self.asked(fetched, 0.0)
    }

    /// Boxes that hear the channel, and may ask when they have heard it twice.
    fn multicast(&self, repair: Option<&str>, window_s: u32) -> Asked {
        let groups = Groups::new();
        let headend = self.headend(groups, repair, window_s);
        let fleet = Fleet {
            lines: &self.lines,
            groups,
            announced: true,
            more: vec![format!("--unicast-host={}", HTTP.ip())],
            loss: Loss::Independent { probability: self.loss },
            seed: SEED,
            starts: self.starts(),
            limit: self.cycle() * 12 + Duration::from_secs(30),
        };
        let outcome = fleet.run(self.directory, &self.image);
        headend.process.end();
        let missing = if repair.is_none() { self.missing(&outcome, groups) } else { 0.0 };
        let fetched = outcome.boxes.into_iter().map(|one| one.fetched).collect();
        self.asked(fetched, missing)
    }

    /// Bytes of the slices that never reached a box within the cycles that it hears first, over all
    /// boxes.
    fn missing(&self, outcome: &Outcome, groups: Groups) -> f64 {
        let slices = self.bytes.div_ceil(SLICE_BYTES);
        let record = &outcome.record;
        let mut missing = 0.0;
        for (number, reached) in record.reached.iter().enumerate() {
            let Some(join) = record.first_join(number, *groups.channel.ip()) else { continue };
            let is_slice = |place: &u32| outcome.slices[*place as usize].is_some();
            let places = reached.iter().copied().filter(is_slice);
            let mut places = places.filter(|place| *place as usize >= join.place).peekable();
            let Some(first) = places.peek().copied() else { continue };
            // Slices that passed from the first one that it heard on.
            let mut passed = 0;
            let end = outcome.slices.iter().skip(first as usize).position(|slice| {
                passed += usize::from(slice.is_some());
                passed > AFTER_CYCLES * slices
            });
            let end = end.map_or(u32::MAX, |end| first + end as u32);
            let heard: HashSet<u32> = places
                .take_while(|place| *place <= end)
                .filter_map(|place| outcome.slices[place as usize])
                .collect();
            let lost = (0..slices as u32).filter(|slice| !heard.contains(slice));
            let length = |slice: u32| {
                let start = slice as usize * SLICE_BYTES;
                (self.bytes - start).min(SLICE_BYTES) as f64
            };
            missing += lost.map(length).sum::<f64>();
        }
        missing
    }

    fn asked(&self, fetched: Vec<Fetched>, missing: f64) -> Asked {
        if let Some(one) = fetched.iter().find(|one| !one.complete) {
            println!("A box did not complete: {}\n", one.error);
        }
        let of = |what: fn(&Fetched) -> f64| fetched.iter().map(what).collect::<Vec<f64>>();
        let bytes = of(|one| one.http_bytes);
        Asked {
            complete: fetched.iter().filter(|one| one.complete).count(),
            bytes: bytes.iter().sum(),
            requests: of(|one| one.requests).iter().sum(),
            most: rig::stats::largest(bytes),
            seconds: rig::stats::median(&of(|one| one.wall_seconds)),
            missing,
        }
    }
}
