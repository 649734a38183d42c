//! What the repair symbols of an image cost a headend, and whether anybody on air notices.
//!
//! ```text
//! cargo bench --bench repair                  a few minutes
//! cargo bench --bench repair -- --quick       a minute: does everything work
//! ```
//!
//! * the repair store of an image, by the function that the headend calls: time beside a memcpy of
//!   the image in the same process, processor time, heap. The threads that compute give way to every
//!   other program, so only runs count in which others hardly ran; where there was none, the target
//!   is not measured.
//! * pacing while an image is published with repair: `stbcast serve` has a channel of 50 Mbit/s on
//!   air and is told, by SIGHUP, of a second one. How far datagrams of the first are behind their
//!   schedule, by kernel time stamps in the receiving namespace: before, while repair symbols are
//!   computed, and while the rest is loaded (copied, hashed, checksums).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rig::headend::{Headend, Stream};
use rig::lag::{Lag, lags};
use rig::place::Place;
use rig::stats::percentile;
use rig::store::mib;
use rig::table::{Table, figure, targets};
use rig::tap::Tap;
use rig::{IP_BYTES, MIB, PAYLOAD_BYTES, SLICE_BYTES};
use stbcast_fec::Choice;

fn main() {
    let Some(options) = rig::begin("repair") else { return };
    let place = Place::best();
    let directory = rig::disk_directory();
    let mut goals = targets();
    stores(&place, directory.path(), options.quick, &mut goals);
    pacing(&place, directory.path(), if options.quick { 2 } else { 12 }, &mut goals);
    goals.print("Targets");
}

fn stores(place: &Place, directory: &Path, quick: bool, goals: &mut Table) {
    let mut table = Table::new(&[
        "code",
        "image MiB",
        "store MiB",
        "memcpy ms",
        "store ms",
        "x memcpy",
        "processor ms",
        "heap MiB",
        "runs without others",
    ]);
    let codes = [
        (Choice::Rs16, 256, 9),
        (Choice::Rs16Small, 256, 5),
        (Choice::Rs8, 64, 3),
        (Choice::Raptorq, 64, 3),
    ];
    for (choice, size, runs) in codes {
        let image = rig::image(directory, size * MIB);
        let runs = if quick { 2 } else { runs };
        let made = rig::store::measure(place, directory, &image, choice, runs);
        let ratio = made.seconds / made.memcpy;
        table.row(vec![
            choice.to_string(),
            size.to_string(),
            figure(mib(made.stored)),
            figure(made.memcpy * 1e3),
            figure(made.seconds * 1e3),
            figure(ratio),
            figure(made.cpu_seconds * 1e3),
            figure(mib(made.heap)),
            format!("{} of {runs}", made.quiet_runs),
        ]);
        if choice == Choice::Rs16 {
            let met = (made.quiet_runs > 0.0).then_some(ratio <= 10.0);
            goals.target("rs16, 256 MiB: time", "<= 10 x memcpy", format!("{ratio:.1} x"), met);
            let heap = mib(made.heap);
            let value = format!("{heap:.1} MiB");
            goals.target("rs16, 256 MiB: heap", "<= 16 MiB", value, Some(heap <= 16.0));
        }
    }
    table.print("Repair stores, medians");
}

/// What the sender was doing when a datagram left, and how late they were then, in microseconds.
#[derive(Default)]
struct Phases {
    idle: Vec<f64>,
    computing: Vec<f64>,
    loading: Vec<f64>,
}

const MBIT: f64 = 50.0;

fn pacing(place: &Place, directory: &Path, rounds: usize, goals: &mut Table) {
    let on_air = rig::image(directory, 8 * MIB / SLICE_BYTES * SLICE_BYTES);
    let published = rig::image(directory, 256 * MIB);
    let mut phases = Phases::default();
    for _ in 0..rounds {
        round(place, directory, [&on_air, &published], &mut phases);
    }
    let mut table = Table::new(&["while", "datagrams", "lag us p50", "p99", "p99.9", "max"]);
    let rows = [
        ("idle", &phases.idle),
        ("computing repair symbols", &phases.computing),
        ("loading the rest", &phases.loading),
    ];
    for (what, lags) in rows {
        let part = |part| figure(percentile(lags, part));
        let count = lags.len().to_string();
        table.row(vec![what.to_owned(), count, part(0.5), part(0.99), part(0.999), part(1.0)]);
    }
    table.print(&format!(
        "50 Mbit/s over {} while 256 MiB are published with repair, {rounds} times",
        place.name
    ));
    let [idle, computing] = [&phases.idle, &phases.computing].map(|lags| percentile(lags, 0.999));
    let value = format!("{} / {} us = {:.2} x", figure(computing), figure(idle), computing / idle);
    let enough = phases.computing.len() >= 1_000;
    let met = enough.then_some(computing <= 2.0 * idle);
    goals.target("p99.9 pacing lag while computing", "<= 2 x idle", value, met);
}

/// One headend from its start to the second channel on air.
fn round(place: &Place, directory: &Path, [on_air, published]: [&Path; 2], phases: &mut Phases) {
    let first = Stream::new(MBIT, on_air);
    let second = Stream::new(0.064, published).repaired(rig::place::group(), "ratio = 0.1");
    let tap = Tap::start(place, first.group, PAYLOAD_BYTES);
    // At the priority of other programs: loading ahead of the threads of the kernel that deliver what
    // was sent would delay the stamps and not the sending.
    let usual = ["nice", "-n", "15"];
    let streams = std::slice::from_ref(&first);
    let mut headend = Headend::start_as(place, directory, streams, &[], &usual);
    let start = now();
    std::thread::sleep(Duration::from_millis(1_500));
    let reload = now();
    headend.reload(&[first.clone(), second]);
    let seconds = computed(&mut headend);
    let end = now();
    let computing = end - (seconds * 1e9) as u64..end;
    assert!(headend.process.wait_for("line-up 2:", Duration::from_secs(60)), "no second line-up");
    let loaded = now();
    std::thread::sleep(Duration::from_millis(500));
    headend.process.end();
    let mut arrivals = tap.stop();
    arrivals.retain(|arrival| arrival.group == first.group);
    let gap_nanos = IP_BYTES as f64 * 8_000.0 / MBIT;
    let all = lags(&arrivals, gap_nanos);
    phases.idle.extend(within(&all, start + 300_000_000..reload));
    phases.loading.extend(within(&all, reload..computing.start));
    phases.loading.extend(within(&all, computing.end..loaded));
    phases.computing.extend(within(&all, computing));
}

/// Waits for the line that says how long computing took; those seconds.
fn computed(headend: &mut Headend<'_>) -> f64 {
    let told = headend.process.wait_for(" of repair symbols in ", Duration::from_secs(120));
    let line = headend.process.log.last().cloned().unwrap_or_default();
    assert!(told, "no repair symbols: {line}");
    let (_, rest) = line.split_once(" of repair symbols in ").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

fn within(lags: &[Lag], span: Range<u64>) -> impl Iterator<Item = f64> {
    lags.iter().filter(move |lag| span.contains(&lag.at)).map(|lag| lag.micros)
}

/// Nanoseconds of the wall clock.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
