//! A new image is published while fifty boxes are in mid-download.

use std::fs::File;
use std::net::UdpSocket;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{DEADLINE, Program, Site, alone, join, noise, receiver};
use super::repair::{receive, stamped};

const BOXES: usize = 50;
const IMAGE_BYTES: usize = 2 << 20;
const SLICE_BYTES: usize = 1_000;
const SLICES: u32 = IMAGE_BYTES.div_ceil(SLICE_BYTES) as u32;
/// Of the channel, and of its companion for each slice.
const KBPS: u32 = 2_000;
const RATIO: f64 = 0.1;
/// Of all that is sent.
const INTERFACE_KBPS: u32 = 2_275;
const SHARE: f64 = 0.3;
const FINISH_PAST: f64 = 0.7;

/// Boxes are told of a new revision three seconds before the end of a cycle: there in the cycle.
fn told_at() -> f64 {
    let cycle_s =
        f64::from(SLICES) * (SLICE_BYTES + 12 + 28) as f64 * 8.0 / f64::from(KBPS * 1_000);
    1.0 - 3.0 / cycle_s
}

/// Most bytes of datagrams that a box may receive, as the README has it: what it had before, at most one
/// cycle, and then either what is missing of the old revision or all of the new one, of what is sent in an
/// overlap.
fn bytes_max() -> u64 {
    let object = IMAGE_BYTES as f64 * (SLICE_BYTES + 44) as f64 / SLICE_BYTES as f64;
    let before = 1.0 + RATIO;
    let total = 1.0 + RATIO;
    let companion = (SHARE * total + (1.0 - SHARE) * RATIO) / (SHARE * total);
    let after = ((1.0 - FINISH_PAST) * companion).max(1.0 / (1.0 - SHARE));
    // Descriptions, and what a busy machine loses.
    (object * (before + after) * 1.1) as u64 + 200_000
}

/// What is heard on the channel and its companion, when, for as long as this lives.
struct Meter {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<(Duration, usize)>>>,
}

impl Meter {
    fn start(groups: [&str; 2]) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let listen = |group| {
            let (socket, is_over) = (stamped(group), Arc::clone(&is_over));
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            std::thread::spawn(move || {
                let mut heard = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    heard.extend(receive(&socket).map(|(at, bytes)| (at, bytes.len() + 28)));
                }
                heard
            })
        };
        Self { threads: groups.map(listen).into(), is_over }
    }

    /// Bytes of IP and their times, in order.
    fn finish(self) -> Vec<(Duration, usize)> {
        self.is_over.store(true, Ordering::Relaxed);
        let threads = self.threads.into_iter();
        let mut heard: Vec<_> = threads.flat_map(|thread| thread.join().unwrap()).collect();
        heard.sort_unstable();
        heard
    }
}

/// The most that was sent in any span as long as this, in bits a second.
fn most_in(heard: &[(Duration, usize)], span: Duration) -> f64 {
    let (mut most, mut first, mut bytes) = (0, 0, 0);
    for (at, length) in heard {
        bytes += length;
        while heard[first].0 + span < *at {
            bytes -= heard[first].1;
            first += 1;
        }
        most = most.max(bytes);
    }
    most as f64 * 8.0 / span.as_secs_f64()
}

/// Bits a second from the first datagram to the last.
fn mean(heard: &[(Duration, usize)]) -> f64 {
    let all: usize = heard.iter().map(|(_, length)| length).sum();
    let span = heard[heard.len() - 1].0 - heard[0].0;
    all as f64 * 8.0 / span.as_secs_f64()
}

/// Waits until the channel has come to this part of a cycle.
fn wait_for_phase(socket: &UdpSocket, phase: f64) {
    let wanted = (f64::from(SLICES) * phase.rem_euclid(1.0)) as u32;
    let (mut buffer, end) = ([0; 2_048], Instant::now() + DEADLINE);
    // What has waited in the socket is not of now.
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut buffer).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    loop {
        assert!(Instant::now() < end, "the channel is silent");
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        assert!(length > 8);
        let number = u32::from_be_bytes(buffer[4..8].try_into().unwrap());
        if number.abs_diff(wanted) < SLICES / 100 {
            return;
        }
    }
}

/// A box at work, which is ended with the test.
struct Stb {
    child: Child,
    place: usize,
}

impl Drop for Stb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a box ended with.
struct Ended {
    object: Vec<u8>,
    figures: Value,
    /// Which part of the old revision it had when it went on to complete it.
    finished_from: Option<f64>,
}

impl Stb {
    fn start(site: &Site, place: usize, (group, announce): (&str, &str)) -> Self {
        let file = |kind: &str| File::create(site.path(&format!("{place}.{kind}"))).unwrap();
        let child = receiver()
            .args(["fetch", &format!("infocast://{group}/boot"), "--interface", "127.0.0.1"])
            .args(["--announce", announce, "--json", "--output"])
            .arg(site.path(&format!("{place}.img")))
            .stdin(Stdio::null())
            .stdout(file("json"))
            .stderr(file("log"))
            .spawn()
            .unwrap();
        Self { child, place }
    }

    fn end(mut self, site: &Site, end: Instant) -> Ended {
        let read = |kind: &str| {
            let path = site.path(&format!("{}.{kind}", self.place));
            std::fs::read(path).unwrap_or_default()
        };
        let text = |kind: &str| String::from_utf8(read(kind)).unwrap();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "box {} did not end:\n{}", self.place, text("log"));
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "box {}: {}\n{}", self.place, text("json"), text("log"));
        let log = text("log");
        let line = log.lines().find_map(|line| line.split_once("completed first: "));
        let finished_from = line.map(|(_, figures)| {
            let mut numbers = figures.split(' ').filter_map(|word| word.parse::<f64>().ok());
            numbers.next().unwrap() / numbers.next().unwrap()
        });
        let figures = serde_json::from_str(&text("json")).unwrap();
        Ended { object: read("img"), figures, finished_from }
    }
}

/// The store of every revision, so that a reload takes no time.
fn warm(site: &Site, revisions: &[Vec<u8>]) {
    let mut other = Site::new();
    other.announce();
    for (number, revision) in revisions.iter().enumerate() {
        other.channel(&format!("c{number}"), KBPS, SLICE_BYTES as u32);
        other.repair(&format!("ratio = {RATIO}"));
        other.object("boot", &format!("image{number}"), "type = 5");
        other.file(&format!("image{number}"), revision);
    }
    drop(other.serve(&[]));
    std::fs::rename(other.path("spool"), site.path("spool")).unwrap();
}

/// Publishes `new` in the cycle in which fifty boxes hold this part of the old one when they are told.
fn swap(
    (site, headend): (&Site, &mut Program),
    (group, announce): (&str, &str),
    (old, new): (&[u8], &[u8]),
    held: f64,
) -> Vec<Ended> {
    let socket = join(group);
    let start = told_at() - held;
    let publish = |headend: &mut Program| {
        wait_for_phase(&socket, 0.05);
        site.file("boot.img", new);
        headend.signal(Signal::HUP);
    };
    let boxes = |from: f64| {
        wait_for_phase(&socket, from);
        (0..BOXES).map(|place| Stb::start(site, place, (group, announce))).collect::<Vec<_>>()
    };
    let boxes = if start > 0.1 {
        publish(headend);
        boxes(start)
    } else {
        let started = boxes(start);
        publish(headend);
        started
    };
    headend.wait_for("the old revision can be completed for");
    let end = Instant::now() + DEADLINE;
    let ended: Vec<_> = boxes.into_iter().map(|stb| stb.end(site, end)).collect();
    for Ended { object, figures, finished_from } in &ended {
        assert!(object == old || object == new, "a mixture: {figures}");
        let count = |name: &str| figures[name].as_u64().unwrap();
        assert!(count("datagram_bytes") <= bytes_max(), "{} bytes: {figures}", bytes_max());
        assert!(count("overlaps_finished") == 0 || object == old, "{figures}");
        assert!(count("revision_changes") == 0 || object == new, "{figures}");
        if let Some(part) = finished_from {
            assert!(*part >= FINISH_PAST, "{part}: {figures}");
        }
    }
    headend.wait_for("the overlap is over");
    ended
}

#[test]
fn fifty_boxes_in_mid_download_get_one_revision_or_the_other_within_the_bytes_of_the_policy() {
    let _alone = alone();
    let revisions: Vec<_> = (0..4).map(|number| noise(700 + number, IMAGE_BYTES)).collect();
    let mut site = Site::new();
    warm(&site, &revisions);
    let announce = site.announce();
    let group = site.channel("images", KBPS, SLICE_BYTES as u32);
    let companion = site.repair(&format!("ratio = {RATIO}"));
    site.channel_key(&format!(
        "overlap = {{ share = {SHARE}, cycles = 1, finish_past = {FINISH_PAST} }}"
    ));
    site.channel_key("interface = \"127.0.0.1\"");
    site.object("boot", "boot.img", "type = 5");
    site.file("boot.img", &revisions[0]);
    // The channel, its companion and the announce session, which has 64 kbit/s or a little more.
    site.add(&format!("[[interface]]\nname = \"127.0.0.1\"\nbit_rate_kbps = {INTERFACE_KBPS}\n"));
    let mut headend = site.serve(&[]);
    let meter = Meter::start([&group, &companion]);
    let mut finished = Vec::new();
    for (number, held) in [0.1, 0.5, 0.9].into_iter().enumerate() {
        let pair = (&revisions[number][..], &revisions[number + 1][..]);
        let ended = swap((&site, &mut headend), (&group, &announce), pair, held);
        let of_old = ended.iter().filter(|one| one.object == pair.0).count();
        let by_rule = ended.iter().filter(|one| one.finished_from.is_some()).count();
        let most = ended.iter().map(|one| one.figures["datagram_bytes"].as_u64().unwrap()).max();
        println!(
            "swap at {held}: {of_old} of {BOXES} have the old revision, {by_rule} of them completed it in \
             the overlap; {most:?} bytes at most, {} allowed",
            bytes_max()
        );
        finished.push((of_old, by_rule));
    }
    let heard = meter.finish();
    // What `check` says of the channel and its companion.
    let cap = f64::from(KBPS * 1_000) + companion_bps(&site);
    let (short, long) = (Duration::from_secs(2), Duration::from_secs(20));
    let (short, long, mean) = (most_in(&heard, short), most_in(&heard, long), mean(&heard));
    println!(
        "{short:.0} bit/s at most in any 2 s, {long:.0} in any 20 s, {mean:.0} in all; {cap:.0} allowed"
    );
    // A machine that stalls is made up for, and never beyond what the interface may carry; what waits in a
    // machine as busy as this one comes later than it was sent.
    let hard = f64::from(INTERFACE_KBPS * 1_000);
    assert!(short <= hard * 1.02 && long <= hard * 1.001, "{short}, {long} of {hard} bit/s");
    assert!(mean <= cap * 1.001 && mean >= cap * 0.95, "{mean} of {cap} bit/s");
    assert_eq!(finished[0].0, 0, "boxes at a tenth go over");
    assert!(finished[1].0 < BOXES / 2, "boxes at the half go over: {finished:?}");
    assert!(finished[2].0 > BOXES * 9 / 10 && finished[2].1 > BOXES / 2, "{finished:?}");
}

/// The rate of the companion by `stbcast check`, in bits of IP per second.
fn companion_bps(site: &Site) -> f64 {
    let output = super::harness::run(
        super::harness::headend().args(["check", "--json"]).arg(site.path("lineup.toml")),
    );
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    plan["channels"][0]["repair"]["bit_rate_kbps"].as_f64().unwrap() * 1_000.0
}
