//! One stream and many boxes: does it hold its rate, does every box complete, does the sender care.
//!
//! ```text
//! cargo bench --bench many                about 7 minutes
//! cargo bench --bench many -- --quick     half a minute: does everything work
//! ```
//!
//! 1, 10 and 50 boxes (`stbcast-receiver fetch`, a process each, all in one receiving namespace) at 50
//! Mbit/s with 64 MiB, 1 and 1,000 boxes at 1 Mbit/s with 1 MiB. All have joined before the headend
//! starts. The time is the slowest box's, from its first datagram to the last byte handed to the file;
//! the ideal is the IP bytes of one cycle at the configured rate. Kernel drops are those of the
//! namespace's UDP. Calls are the headend's own count over exactly one cycle, which a pause follows.
//!
//! Peers with 50 receivers: uftp and udpcast tell receivers apart by address, so each gets a
//! namespace behind a bridge; the `flute` crate shares one namespace as ours does. Each peer runs
//! once, then ours in turns (A B B A) with the best.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::path::Path;
use std::time::Duration;

use rig::boxes::{Fetched, Fetching};
use rig::headend::{Headend, Sent, Stream};
use rig::peer::{Peer, Transfer};
use rig::place::Place;
use rig::stats::{interleave, largest, median};
use rig::table::{Table, figure, targets};
use rig::{GIB, IP_BYTES, MIB, SLICE_BYTES};

fn main() {
    let Some(options) = rig::begin("many") else { return };
    let place = Place::best();
    let directory = rig::memory_directory();
    let bench = Bench { place: &place, directory: directory.path() };
    let mut goals = targets();
    let (bytes, thousand) = if options.quick { (4 * MIB, 100) } else { (64 * MIB, 1_000) };
    let mut table = head();
    let alone = bench.row(1, 50.0, bytes, None, &mut table, &mut goals);
    bench.row(10, 50.0, bytes, Some(&alone), &mut table, &mut goals);
    let fifty = bench.row(50, 50.0, bytes, Some(&alone), &mut table, &mut goals);
    let small = if options.quick { MIB / 8 } else { MIB };
    let alone = bench.row(1, 1.0, small, None, &mut table, &mut goals);
    bench.row(thousand, 1.0, small, Some(&alone), &mut table, &mut goals);
    table.print(&format!("stbcast, {}", place.name));
    let pairs = if options.quick { 1 } else { 6 };
    bench.peers(bytes, pairs, &fifty, &mut goals);
    goals.print("Targets");
}

struct Bench<'a> {
    place: &'a Place,
    directory: &'a Path,
}

/// What one stream to many boxes came to.
struct Crowd {
    boxes: usize,
    bytes: usize,
    ideal: f64,
    fetched: Vec<Fetched>,
    sent: Sent,
    path: String,
    kernel_drops: u64,
    sender_cpu: f64,
}

impl Crowd {
    fn complete(&self) -> usize {
        self.fetched.iter().filter(|fetched| fetched.complete).count()
    }

    fn is_whole(&self) -> bool {
        self.complete() == self.boxes && self.kernel_drops == 0
    }

    /// Of the slowest box.
    fn seconds(&self) -> f64 {
        let seconds = self.fetched.iter().map(|fetched| fetched.receive_seconds);
        if self.complete() == self.boxes { largest(seconds) } else { f64::INFINITY }
    }

    /// Without the digest: its time in the run with one box, since many hash at once.
    fn box_cpu_per_gib(&self, alone: &Self) -> f64 {
        let cpu: Vec<f64> = self.fetched.iter().map(|fetched| fetched.cpu_seconds).collect();
        let digest = alone.fetched[0].digest_seconds.max(0.0);
        (median(&cpu) - digest) / (self.bytes as f64 / GIB)
    }
}

fn head() -> Table {
    Table::new(&[
        "boxes",
        "Mbit/s",
        "MiB",
        "paths, out and in",
        "complete and equal",
        "kernel drops",
        "slowest s",
        "ideal s",
        "slowest : ideal",
        "send calls a cycle",
        "datagrams a cycle",
        "sender CPU s/GiB",
        "CPU s/GiB a box",
    ])
}

impl Bench<'_> {
    /// Boxes that have joined, then the headend, then their ends.
    fn crowd(&self, boxes: usize, mbit: f64, bytes: usize) -> Crowd {
        let image = rig::image(self.directory, bytes);
        let stream = Stream { pause_ms: 8_000, ..Stream::new(mbit, &image) };
        let outputs = tempfile::tempdir_in(self.directory).unwrap();
        let output = |number: usize| outputs.path().join(number.to_string());
        let fetching: Vec<Fetching> = (0..boxes)
            .map(|number| Fetching::start(self.place, 0, stream.group, &output(number)))
            .collect();
        let joined = self.place.wait_joined(0, *stream.group.ip(), boxes as u64);
        assert!(joined, "not all of {boxes} boxes join");
        let drops = self.place.kernel_drops();
        let streams = std::slice::from_ref(&stream);
        let headend = Headend::start(self.place, self.directory, streams, &[]);
        let datagrams = bytes.div_ceil(SLICE_BYTES);
        let rest = datagrams * SLICE_BYTES - bytes;
        let ideal = (datagrams * IP_BYTES - rest) as f64 * 8.0 / mbit / 1e6;
        let limit = Duration::from_secs_f64(ideal * 3.0 + 20.0);
        let ended: Vec<_> = fetching.into_iter().map(|fetching| fetching.wait(limit)).collect();
        let sender_cpu = headend.on_air_cpu_seconds();
        let sent = headend.first_cycle(Duration::from_secs(2));
        let path = headend.path.clone();
        headend.process.end();
        let fetched = ended.into_iter().map(|ended| ended.judge(&image)).collect();
        let kernel_drops = self.place.kernel_drops() - drops;
        Crowd { boxes, bytes, ideal, fetched, sent, path, kernel_drops, sender_cpu }
    }

    fn row(
        &self,
        boxes: usize,
        mbit: f64,
        bytes: usize,
        alone: Option<&Crowd>,
        table: &mut Table,
        goals: &mut Table,
    ) -> Crowd {
        let crowd = self.crowd(boxes, mbit, bytes);
        if let Some(fetched) = crowd.fetched.iter().find(|fetched| !fetched.complete) {
            println!("A box did not complete: {}\n", fetched.error);
        }
        table.row(vec![
            boxes.to_string(),
            mbit.to_string(),
            format!("{}", bytes as f64 / MIB as f64),
            format!("{}, {}", crowd.path, crowd.fetched[0].path),
            crowd.complete().to_string(),
            crowd.kernel_drops.to_string(),
            figure(crowd.seconds()),
            figure(crowd.ideal),
            format!("{:.4}", crowd.seconds() / crowd.ideal),
            crowd.sent.calls.to_string(),
            crowd.sent.datagrams.to_string(),
            figure(crowd.sender_cpu / crowd.sent.gib()),
            figure(crowd.box_cpu_per_gib(alone.unwrap_or(&crowd))),
        ]);
        let Some(alone) = alone else { return crowd };
        let what = format!("{boxes} boxes at {mbit} Mbit/s");
        let value = format!("{} complete, {} drops", crowd.complete(), crowd.kernel_drops);
        goals.target(&what, "all complete, no kernel drops", value, Some(crowd.is_whole()));
        let value = format!("{} : {}", crowd.sent.calls, alone.sent.calls);
        let same = crowd.sent.calls == alone.sent.calls;
        goals.target(&format!("{what}: send calls"), "those of one box", value, Some(same));
        crowd
    }

    /// Each peer once with 50 receivers, then ours in turns with the best of them.
    fn peers(&self, bytes: usize, pairs: usize, fifty: &Crowd, goals: &mut Table) {
        const BOXES: usize = 50;
        let image = rig::image(self.directory, bytes);
        let limit = Duration::from_secs_f64(fifty.ideal * 4.0 + 20.0);
        let Some(star) = Place::star(BOXES) else {
            return println!("Peers are skipped: they need network namespaces.\n");
        };
        let mut table = Table::new(&[
            "tool",
            "receivers",
            "complete",
            "data phase s",
            "whole transfer s",
            "sender CPU s/GiB",
            "CPU s/GiB a receiver",
        ]);
        let run = |peer: Peer| {
            let place = if peer == Peer::Flute { self.place } else { &star };
            peer.run(place, BOXES, &image, self.directory, 50.0, limit)
        };
        let mut best: Option<(Peer, f64)> = None;
        for peer in Peer::ALL.into_iter().filter(|peer| peer.is_here()) {
            let transfer = run(peer);
            table.row(peer_row(peer, BOXES, bytes, &transfer));
            let seconds = transfer.data_seconds;
            if transfer.complete && best.is_none_or(|(_, least)| seconds < least) {
                best = Some((peer, seconds));
            }
        }
        table.print("Peers, 50 receivers at 50 Mbit/s (uftp and udpcast in a star of namespaces)");
        let (mut ours, mut theirs) = (vec![fifty.seconds()], vec![f64::NAN]);
        if let Some((peer, seconds)) = best {
            theirs = vec![seconds];
            let one = || self.crowd(BOXES, 50.0, bytes).seconds();
            let other = || run(peer).data_seconds;
            let (more, others) = interleave(pairs, one, other);
            ours.extend(more);
            theirs.extend(others);
        }
        compare(&ours, &theirs, fifty, best.map(|(peer, _)| peer), goals);
    }
}

fn peer_row(peer: Peer, boxes: usize, bytes: usize, transfer: &Transfer) -> Vec<String> {
    let gib = bytes as f64 / GIB;
    vec![
        peer.name().to_owned(),
        boxes.to_string(),
        transfer.completed.to_string(),
        figure(transfer.data_seconds),
        figure(transfer.whole_seconds),
        figure(transfer.sender_cpu / gib),
        figure(transfer.receiver_cpu / gib / boxes as f64),
    ]
}

fn compare(ours: &[f64], theirs: &[f64], fifty: &Crowd, best: Option<Peer>, goals: &mut Table) {
    let slower = median(ours) / fifty.ideal;
    let value = format!("{slower:.4} x, median of {}", ours.len());
    let met = (fifty.kernel_drops == 0).then_some(slower <= 1.05);
    goals.target("50 boxes at 50 Mbit/s: slowest box", "<= 1.05 x the ideal time", value, met);
    let ratio = rig::stats::ratio(ours, theirs);
    let name = best.map_or("no peer", Peer::name);
    let value = format!("{} x {name}, {} pairs", figure(ratio), ours.len());
    let met = ratio.is_finite().then_some(ratio <= 0.75);
    goals.target("the same", "<= 0.75 x the best peer's", value, met);
}
