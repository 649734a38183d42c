//! The HTTP endpoint for boxes that boot: how many it answers, how fast, and whether anybody on air
//! notices.
//!
//! ```text
//! cargo bench --bench metadata                  some minutes
//! cargo bench --bench metadata -- --quick       half a minute: does everything work
//! ```
//!
//! `stbcast serve` streams four channels of 20 Mbit/s and answers boxes by rules with 100,000 serial
//! numbers, at the priority of other programs. `wrk` in the receiving namespace asks it, and nginx
//! beside it which serves the same StbConfig from a file, in turns, under the same streaming, with the
//! access logs of both on. Boxes ask once and leave; a connection each is what that costs, and
//! connections that are kept show what an answer alone costs. Meanwhile a tap with kernel time stamps
//! tells how far the datagrams are behind their schedule: a figure for each run, and their median, so
//! that a moment in which the machine stands still counts once.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rig::headend::{Headend, Stream};
use rig::lag::{Lag, lags};
use rig::place::Place;
use rig::stats::{largest, median, percentile, ratio};
use rig::table::{Table, figure, targets};
use rig::tap::{Arrival, Tap};
use rig::web::{self, Load, Manner, Nginx, PAGE, USUAL};
use rig::{IP_BYTES, MIB, PAYLOAD_BYTES, SLICE_BYTES};

const MBIT: f64 = 20.0;
const CHANNELS: usize = 4;
const SERIALS: u32 = 100_000;

const MANNERS: [Manner; 2] = [
    Manner { name: "a connection for each request", connections: 64, alone: true },
    Manner { name: "64 connections kept", connections: 64, alone: false },
];

fn main() {
    let Some(options) = rig::begin("metadata") else { return };
    if !web::is_here() {
        return;
    }
    let (rounds, seconds) = if options.quick { (1, 2) } else { (11, 4) };
    let place = Place::best();
    let directory = rig::disk_directory();
    let mut goals = targets();
    for manner in MANNERS {
        contest(&place, directory.path(), manner, rounds, seconds, &mut goals);
    }
    goals.print("Targets");
}

/// What was measured, and when: nanoseconds of the wall clock.
#[derive(Default)]
struct Rounds {
    ours: Vec<Load>,
    nginx: Vec<Load>,
    idle: Vec<Range<u64>>,
    our_load: Vec<Range<u64>>,
    nginx_load: Vec<Range<u64>>,
}

fn contest(
    place: &Place,
    directory: &Path,
    manner: Manner,
    rounds: usize,
    seconds: u32,
    goals: &mut Table,
) {
    let image = rig::image(directory, 8 * MIB / SLICE_BYTES * SLICE_BYTES);
    let streams: Vec<_> = (0..CHANNELS).map(|_| Stream::new(MBIT, &image)).collect();
    let tap = Tap::start(place, streams[0].group, PAYLOAD_BYTES);
    let (address, log) = (web::free_address(place), directory.join("access.log"));
    let _ = std::fs::remove_file(&log);
    let (http, log_name) = (address.to_string(), log.to_str().unwrap());
    let more = ["--http", &http, "--http-log", log_name];
    let rules = rules(directory);
    let mut headend = Headend::answering(place, directory, &streams, &rules, (&more, &USUAL));
    let page = page(place, address);
    let nginx = Nginx::start(place, directory, &page);
    let mut measured = Rounds::default();
    for _ in 0..rounds {
        let wait = || std::thread::sleep(Duration::from_secs(u64::from(seconds)));
        measured.idle.push(span(wait).0);
        let (our_load, ours) = span(|| web::load(place, directory, address, manner, seconds));
        let (nginx_load, theirs) =
            span(|| web::load(place, directory, nginx.address, manner, seconds));
        measured.ours.push(ours);
        measured.nginx.push(theirs);
        measured.our_load.push(our_load);
        measured.nginx_load.push(nginx_load);
    }
    let lost = lost_lines(&mut headend);
    headend.process.end();
    let logged = [web::lines(&log), nginx.end()];
    let arrivals = tap.stop();
    let gap_nanos = IP_BYTES as f64 * 8_000.0 / MBIT;
    let groups: Vec<_> = streams.iter().map(|stream| stream.group).collect();
    let lags = groups.iter().flat_map(|group| lags_of(&arrivals, *group, gap_nanos));
    let lags: Vec<_> = lags.collect();
    let spans = [&measured.idle, &measured.our_load, &measured.nginx_load];
    let lag = spans.map(|spans| spans.iter().map(|span| within(&lags, span)).collect());
    report(place, manner, &measured, &lag, &page, (logged, lost));
    judge(manner, &measured, &lag, goals);
}

/// Rules of a roll-out: listed serial numbers, a ring, some models.
fn rules(directory: &Path) -> String {
    let list: String = (0..SERIALS).map(|serial| format!("{}\n", 1_000_000 + serial)).collect();
    let path = directory.join("testers.txt");
    std::fs::write(&path, list).unwrap();
    format!(
        "[[stbconfig]]\nname = \"vip1113\"\nimage = \"http://192.0.2.1/boot-1113\"\n\
         splash = \"http://192.0.2.1/splash-1113\"\n\
         permanent = {{ BootOrder = \"613\", HttpTimeout = 10 }}\n\
         [[target]]\nname = \"lab\"\nmac = \"00:02:9c\"\nstbconfig = \"vip1113\"\n\
         [[target]]\nname = \"testers\"\nserials_file = \"{}\"\nstbconfig = \"vip1113\"\n\
         [[target]]\nname = \"ring\"\nproduct = \"arris-vip1113\"\n\
         ring = {{ permille = 50, salt = \"5.1.3\" }}\nstbconfig = \"vip1113\"\n\
         [[target]]\nname = \"all\"\nstbconfig = \"vip1113\"\n",
        path.display()
    )
}

/// The StbConfig as it is answered.
fn page(place: &Place, address: SocketAddr) -> Vec<u8> {
    let answer = place.at_receiver(0, || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {PAGE} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    });
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    answer[end + 4..].to_vec()
}

/// Lines of the access log that the headend did not write.
fn lost_lines(headend: &mut Headend<'_>) -> f64 {
    let text = headend.scrape();
    let line =
        text.lines().find_map(|line| line.strip_prefix("stbcast_http_log_lines_lost_total "));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// How far the datagrams of a channel were behind their schedule.
fn lags_of(arrivals: &[Arrival], group: SocketAddrV4, gap_nanos: f64) -> Vec<Lag> {
    let own = arrivals.iter().filter(|arrival| arrival.group == group);
    lags(&own.copied().collect::<Vec<_>>(), gap_nanos)
}

/// Those within a span, in microseconds.
fn within(lags: &[Lag], span: &Range<u64>) -> Vec<f64> {
    lags.iter().filter(|lag| span.contains(&lag.at)).map(|lag| lag.micros).collect()
}

/// The median of what each run gives.
fn middle_part(lags: &[Vec<f64>], part: f64) -> f64 {
    median(&lags.iter().map(|run| percentile(run, part)).collect::<Vec<_>>())
}

fn report(
    place: &Place,
    manner: Manner,
    measured: &Rounds,
    lag: &[Vec<Vec<f64>>; 3],
    page: &[u8],
    ([ours, nginx], lost): ([usize; 2], f64),
) {
    let mut table = Table::new(&[
        "asked",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "datagrams",
        "lag us p50",
        "p99",
        "p99.9",
        "max",
    ]);
    let rows =
        [("nobody", None), ("stbcast", Some(&measured.ours)), ("nginx", Some(&measured.nginx))];
    for ((name, loads), lag) in rows.into_iter().zip(lag) {
        let middle = |value: fn(&Load) -> f64| {
            let values = loads.map(|loads| loads.iter().map(value).collect::<Vec<_>>());
            figure(median(&values.unwrap_or_default()))
        };
        let part = |part| figure(middle_part(lag, part));
        table.row(vec![
            name.to_owned(),
            middle(|load| load.requests_per_second),
            middle(|load| load.p50),
            middle(|load| load.p99),
            middle(|load| load.errors),
            lag.iter().map(Vec::len).sum::<usize>().to_string(),
            part(0.5),
            part(0.99),
            part(0.999),
            figure(largest(lag.iter().flatten().copied())),
        ]);
    }
    table.print(&format!(
        "{}: a StbConfig of {} bytes over {}, {CHANNELS} channels of {MBIT} Mbit/s on air, medians of {} \
         runs. Lines logged: {ours} by stbcast ({lost} lost), {nginx} by nginx.",
        manner.name,
        page.len(),
        place.name,
        measured.ours.len()
    ));
}

fn judge(
    manner: Manner,
    measured: &Rounds,
    [idle, loaded, _]: &[Vec<Vec<f64>>; 3],
    goals: &mut Table,
) {
    let pairs = |value: fn(&Load) -> f64| {
        let of = |loads: &[Load]| loads.iter().map(value).collect::<Vec<_>>();
        ratio(&of(&measured.ours), &of(&measured.nginx))
    };
    let failed: f64 = measured.ours.iter().map(|load| load.errors).sum();
    let name = manner.name;
    let rate = pairs(|load| load.requests_per_second);
    let met = rate >= 0.5 && failed == 0.0;
    goals.target(
        &format!("{name}: requests/s"),
        ">= 0.5 x nginx",
        format!("{rate:.2} x"),
        Some(met),
    );
    let late = pairs(|load| load.p99);
    let met = Some(late <= 3.0);
    goals.target(&format!("{name}: p99 latency"), "<= 3 x nginx", format!("{late:.2} x"), met);
    let [idle, loaded] = [idle, loaded].map(|lags| middle_part(lags, 0.999));
    let value = format!("{} / {} us = {:.2} x", figure(loaded), figure(idle), loaded / idle);
    let met = Some(loaded <= 2.0 * idle);
    goals.target(&format!("{name}: p99.9 pacing lag"), "<= 2 x idle", value, met);
}

/// Does something; when, and what came of it.
fn span<T>(act: impl FnOnce() -> T) -> (Range<u64>, T) {
    let start = now();
    let done = act();
    (start..now(), done)
}

/// Nanoseconds of the wall clock.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
