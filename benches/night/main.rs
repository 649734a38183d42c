//! A night: 32 channels, 1 Gbit/s in all, and a line-up that changes every ten seconds.
//!
//! ```text
//! cargo bench --bench night                       10 minutes
//! cargo bench --bench night -- --quick            20 seconds; fails on errors, memory and gross rates
//! cargo bench --bench night -- --soak 120         two hours at 50 Mbit/s: what grows?
//! ```
//!
//! `stbcast serve` as a process, a veth pair of namespaces, a tap with kernel time stamps at the other
//! end. In the middle of the run a reload begins each lap: one that changes nothing, then one image,
//! one channel more or less, one bit rate; all but the first with a new revision. The first and the last
//! part go without reloads, in the same process: that is *idle*.
//!
//! A rate is IP bytes by time stamps over a *steady span*: from where the log says that the line-up is
//! on air to the next reload. The lag of a datagram is how far it is behind the schedule of the
//! earliest ones around it, by the stamps, which the kernel sets late where many programs want the
//! processor; beside it stands how often the headend itself was more than a millisecond late. Only
//! channels that the lap does not change are judged, all of the time.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod judge;
#[path = "../rig/mod.rs"]
mod rig;
mod site;
mod soak;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use judge::{Judge, Lap};
use rig::headend::{Headend, total};
use rig::place::Place;
use rig::process::own_memory;
use rig::table::{Table, figure, targets};
use rig::tap::Tap;
use rig::{MIB, PAYLOAD_BYTES};
use site::Site;

/// Most bytes of RssAnon and RssShmem.
const MEMORY_MAX: u64 = 64 * MIB as u64;
/// More than this a rate is not off on any machine, in percent.
const GROSS_PERCENT: f64 = 5.0;
/// A new line-up is on air within this.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// In front of a program, so that all but its sending thread has the usual priority.
const USUAL: [&str; 3] = ["nice", "-n", "15"];

fn main() -> ExitCode {
    let Some(options) = rig::begin("night") else { return ExitCode::SUCCESS };
    let Some(place) = Place::veth() else {
        println!("Skipped: this bench needs network namespaces.");
        return ExitCode::SUCCESS;
    };
    let directory = rig::disk_directory();
    if options.soak {
        let minutes = options.numbers.first().copied().unwrap_or(120.0);
        soak::run(&place, directory.path(), minutes);
        return ExitCode::SUCCESS;
    }
    let plan = if options.quick { Plan::QUICK } else { Plan::WHOLE };
    let night = Night::run(&place, directory.path(), &plan);
    night.report();
    if options.quick && !night.is_sound() {
        println!("Not sound: send errors, memory or a gross error of a rate.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// How long, and how often.
struct Plan {
    lap: Duration,
    /// Laps without reloads, before and after those with.
    idle: usize,
    reloads: usize,
}

impl Plan {
    const WHOLE: Self = Self { lap: Duration::from_secs(10), idle: 10, reloads: 40 };
    const QUICK: Self = Self { lap: Duration::from_millis(3_300), idle: 1, reloads: 4 };
}

/// What a night came to.
struct Night {
    judge: Judge,
    memory: u64,
    errors: f64,
    refused: f64,
    /// Seconds from a reload to the line-up on air.
    settled: Vec<f64>,
    /// Cores while idle, and while line-ups change.
    cores: [f64; 2],
    /// Turns of channels, and those more than a millisecond late, by the headend's own count.
    late: [(f64, f64); 2],
    path: String,
}

impl Night {
    fn run(place: &Place, directory: &std::path::Path, plan: &Plan) -> Self {
        let mut site = Site::new(directory, 1_000.0);
        let tap = Tap::start(place, site.first_group(), PAYLOAD_BYTES);
        let more = ["--spool-cap-mib", "1024"];
        let mut headend = Headend::of(place, directory, &site.text(), &more, &USUAL);
        let path = headend.path.clone();
        // The first second has the start in it.
        std::thread::sleep(Duration::from_secs(1));
        tap.take();
        let (mut judge, mut memory, mut settled) = (Judge::default(), 0, Vec::new());
        let mut used = [(0.0, 0.0); 2];
        let (mut late, mut before) = ([(0.0, 0.0); 2], judge::late(&headend.scrape()));
        for number in 0..2 * plan.idle + plan.reloads {
            let begun = Instant::now();
            let cpu = headend.on_air_cpu_seconds();
            let reloads = (plan.idle..plan.idle + plan.reloads).contains(&number);
            let mut changed = Vec::new();
            if reloads {
                changed = site.change();
                headend.reload_text(&site.text());
                let line = format!("line-up {} is on air", site.generation());
                let told = headend.process.wait_for(&line, SETTLED_WITHIN);
                assert!(told, "no `{line}`:\n{}", headend.process.log.join("\n"));
                settled.push(begun.elapsed().as_secs_f64());
            }
            let steady = now();
            while begun.elapsed() < plan.lap {
                memory = memory.max(own_memory(headend.process.id()));
                std::thread::sleep(Duration::from_millis(100));
            }
            let lap = Lap { steady, reloads, changed };
            let metrics = headend.scrape();
            let (paces, turns) = (judge::paces(&metrics), judge::late(&metrics));
            let sum = &mut late[usize::from(reloads)];
            *sum = (sum.0 + turns.0 - before.0, sum.1 + turns.1 - before.1);
            before = turns;
            judge.lap(&lap, &site, &paces, &tap.take());
            let spent = &mut used[usize::from(reloads)];
            spent.0 += headend.on_air_cpu_seconds() - cpu;
            spent.1 += begun.elapsed().as_secs_f64();
        }
        let metrics = headend.scrape();
        let [errors, refused] = ["stbcast_send_errors_total", "stbcast_reload_failures_total"]
            .map(|n| total(&metrics, n));
        headend.process.end();
        tap.stop();
        let cores = used.map(|(seconds, wall)| seconds / wall);
        Self { judge, memory, errors, refused, settled, cores, late, path }
    }

    fn report(&self) {
        let mut table = Table::new(&[
            "while",
            "datagrams",
            "lag us p50",
            "p99",
            "p99.9",
            "max",
            "cores of the headend",
            "turns > 1 ms late, per mille",
        ]);
        let rows = [("idle", &self.judge.idle), ("reloads", &self.judge.reloads)];
        for (((what, lags), cores), late) in rows.into_iter().zip(self.cores).zip(self.late) {
            let late = late.1 * 1_000.0 / late.0;
            let part = |part| figure(lags.part(part));
            let count = lags.count().to_string();
            let cells =
                [part(0.5), part(0.99), part(0.999), part(1.0), figure(cores), figure(late)];
            table.row([what.to_owned(), count].into_iter().chain(cells).collect());
        }
        let reloads = self.settled.len();
        table.print(&format!(
            "32 channels over veth ({}), {reloads} reloads, {} sessions judged",
            self.path,
            self.judge.sessions()
        ));
        let slowest = rig::stats::largest(self.settled.iter().copied());
        println!("A line-up is on air {} s after its reload at most.\n", figure(slowest));
        let mut goals = targets();
        let (worst, who) = self.judge.worst_rate();
        let value = format!("{worst:.4} % ({who})");
        goals.target(
            "each channel's rate, every steady span",
            "within 0.5 %",
            value,
            Some(worst <= 0.5),
        );
        let (whole, who) = self.judge.worst_whole();
        let value = format!("{whole:.4} % ({who})");
        let met = Some(whole <= 0.5);
        goals.target("channels no reload changes, the whole run", "within 0.5 %", value, met);
        let sum = self.judge.total_mbit();
        goals.target("sum of all", "1 Gbit/s", format!("{sum:.1} Mbit/s"), Some(sum >= 980.0));
        let value = figure(self.errors);
        goals.target("send errors", "0", value, Some(self.errors == 0.0));
        goals.target("reloads refused", "0", figure(self.refused), Some(self.refused == 0.0));
        let mib = self.memory as f64 / MIB as f64;
        let met = Some(self.memory < MEMORY_MAX);
        goals.target("RssAnon + RssShmem, at most", "< 64 MiB", format!("{mib:.1} MiB"), met);
        let [idle, busy] = [&self.judge.idle, &self.judge.reloads].map(|lags| lags.part(0.999));
        let value = format!("{} / {} us = {:.2} x", figure(busy), figure(idle), busy / idle);
        goals.target(
            "p99.9 pacing lag with reloads",
            "<= 2 x idle",
            value,
            Some(busy <= 2.0 * idle),
        );
        goals.print("Targets");
    }

    /// Whether what holds on any machine held.
    fn is_sound(&self) -> bool {
        let rate = self.judge.worst_whole().0 <= GROSS_PERCENT;
        self.errors == 0.0 && self.refused == 0.0 && self.memory < MEMORY_MAX && rate
    }
}

/// Nanoseconds of the wall clock, as the tap has them.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
