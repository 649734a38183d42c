//! Real boxes over real multicast, behind lines that lose by a seed: after how many datagrams are
//! they complete, with repair and without, and what do others need over the same lines?
//!
//! ```text
//! cargo bench --bench completion                  about 10 minutes
//! cargo bench --bench completion -- --quick       a minute: does everything work
//! cargo bench --bench completion -- p5 burst200   these rows of the simulator's table alone
//! cargo bench --bench completion -- 16 20         16 MiB at 20 Mbit/s in all rows
//! ```
//!
//! 50 boxes (`stbcast-receiver fetch --announce`, a process in a namespace each) behind a relay of
//! ours that stands for 50 access lines: it sends each datagram on to the boxes that have joined its
//! group, unless the box's line loses it just then. The loss models and their seed are the
//! simulator's, and so are the figures beside each row: the same image, 1,000 boxes. Rows with bars
//! run 64 MiB, as the bars say, the others a smaller image. A row's unit is counted by the relay: the
//! symbol-bearing datagrams that went by on both groups from the box's join (its IGMP report) to the
//! last one that the box took, divided by the slices. Everything stored is compared byte by byte.
//!
//! Boxes join at seeded moments of a cycle under way; in the rows *late*, all at once after three
//! quarters of one. No peer can be joined late: their receivers wait before they start, and what is
//! counted is what they send in all. uftp and udpcast have a back channel, which is not made to lose;
//! udpcast one way has repair of its own, as much as ours.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rig::fleet::{Fleet, Groups, Outcome};
use rig::headend::{Headend, Stream};
use rig::lines::Lines;
use rig::lossy::{Contender, Transmission};
use rig::table::{Table, figure, targets};
use rig::{IP_BYTES, MIB, SLICE_BYTES};
use stbcast_sim::air::Air;
use stbcast_sim::chance::Chance;
use stbcast_sim::crowd;
use stbcast_sim::loss::Loss;
use stbcast_sim::percentiles::Percentiles;
use stbcast_sim::scenario::{ALL, Scenario};

const BOXES: usize = 50;
const SEED: u64 = 1;
/// Boxes of the simulation beside each row.
const SIMULATED: u64 = 1_000;

fn main() {
    let Some(options) = rig::begin("completion") else { return };
    let boxes = if options.quick { 10 } else { BOXES };
    let Some(lines) = Lines::new(boxes) else {
        return println!("Skipped: lines that lose need network namespaces.");
    };
    let directory = rig::memory_directory();
    let made = |mib: usize, mbit: f64| Job {
        image: rig::image(directory.path(), mib * MIB),
        bytes: mib * MIB,
        mbit,
    };
    let (large, small) = match options.numbers.as_slice() {
        [mib, mbit, ..] => (made(*mib as usize, *mbit), made(*mib as usize, *mbit)),
        _ if options.quick => (made(2, 10.0), made(2, 10.0)),
        _ => (made(64, 40.0), made(8, 20.0)),
    };
    let bench = Bench { lines, boxes, directory: directory.path(), large, small };
    // Built before anything is on air.
    rig::boxes::receiver();
    let named: Vec<String> =
        std::env::args().filter(|name| ALL.iter().any(|row| row.name == name)).collect();
    let mut goals = targets();
    bench.ours(&rows(options.quick, &named), &mut goals);
    if named.is_empty() {
        bench.peers(options.quick);
    }
    goals.print("Targets");
}

struct Bench<'a> {
    lines: Lines,
    boxes: usize,
    directory: &'a Path,
    /// For rows with bars.
    large: Job,
    small: Job,
}

/// What is sent, and how fast.
struct Job {
    image: PathBuf,
    bytes: usize,
    mbit: f64,
}

impl Job {
    fn slices(&self) -> f64 {
        self.bytes.div_ceil(SLICE_BYTES) as f64
    }

    fn cycle(&self) -> Duration {
        Duration::from_secs_f64(self.slices() * IP_BYTES as f64 * 8.0 / self.mbit / 1e6)
    }
}

/// When boxes start.
#[derive(Clone, Copy, PartialEq)]
enum Joins {
    /// At moments of one cycle, by the seed.
    Anywhere,
    /// All at once, at three quarters of a cycle.
    Late,
}

impl Bench<'_> {
    fn job(&self, scenario: &Scenario, joins: Joins) -> &Job {
        let has_bars = scenario.bars.is_some() && joins == Joins::Anywhere;
        if has_bars { &self.large } else { &self.small }
    }

    /// Our rows; every one with repair has its bars.
    fn ours(&self, rows: &[(Scenario, Joins)], goals: &mut Table) {
        let mut table = Table::new(&[
            "row",
            "loss",
            "repair",
            "joins",
            "MiB",
            "Mbit/s",
            "complete and equal",
            "cycles p50",
            "slowest",
            "simulated p50",
            "p99",
            "max",
            "s p50",
            "slowest",
            "lost on the lines",
            "drops",
            "descriptions",
        ]);
        for &(scenario, joins) in rows {
            let outcome = self.fleet(&scenario, joins);
            if let Some(one) = outcome.boxes.iter().find(|one| !one.fetched.complete) {
                println!("{}: a box did not complete: {}\n", scenario.name, one.fetched.error);
            }
            let simulated = self.simulated(&scenario, joins);
            self.row(&scenario, joins, &outcome, simulated, &mut table);
            self.judge((&scenario, joins), &outcome, simulated, goals);
        }
        table.print(&format!("{} boxes; cycles as the simulator counts them", self.boxes));
    }

    /// A headend on air, then the boxes.
    fn fleet(&self, scenario: &Scenario, joins: Joins) -> Outcome {
        let (groups, job) = (Groups::new(), self.job(scenario, joins));
        let mut stream = Stream::new(job.mbit, &job.image);
        stream.group = groups.channel;
        if let Some((ratio, code)) = scenario.repair {
            let keys = format!("ratio = {ratio}, fec = \"{code}\"");
            stream = stream.repaired(groups.companion, &keys);
        }
        let streams = std::slice::from_ref(&stream);
        let place = &self.lines.place;
        let headend = match stream.repair {
            Some(_) => Headend::announcing(place, self.directory, streams, groups.announce),
            None => Headend::start(place, self.directory, streams, &[]),
        };
        let cycle = job.cycle();
        let cycles_max = if scenario.repair.is_some() { 5 } else { 20 };
        let fleet = Fleet {
            lines: &self.lines,
            groups,
            announced: scenario.repair.is_some(),
            more: Vec::new(),
            loss: scenario.loss,
            seed: SEED,
            starts: starts(joins, cycle, self.boxes),
            limit: cycle * cycles_max + Duration::from_secs(20),
        };
        let outcome = fleet.run(self.directory, &job.image);
        headend.process.end();
        outcome
    }

    /// What the simulator says to the same, at this size.
    fn simulated(&self, scenario: &Scenario, joins: Joins) -> Percentiles {
        let bytes = self.job(scenario, joins).bytes as u64;
        let air = Air::of(&scenario.programme(bytes)).unwrap();
        crowd::cycles(&crowd::run(&air, scenario.loss, SIMULATED, SEED))
    }

    fn row(
        &self,
        scenario: &Scenario,
        joins: Joins,
        outcome: &Outcome,
        simulated: Percentiles,
        table: &mut Table,
    ) {
        let job = self.job(scenario, joins);
        let (p50, slowest) = outcome.of(job.slices(), |one| one.symbols);
        let (seconds_p50, seconds_slowest) = outcome.of(1.0, |one| one.seconds);
        let cycles = |value: f64| format!("{value:.3}");
        table.row(vec![
            scenario.name.to_owned(),
            scenario.title.to_owned(),
            repair(scenario),
            joins.name().to_owned(),
            (job.bytes / MIB).to_string(),
            job.mbit.to_string(),
            format!("{} of {}", outcome.complete(), self.boxes),
            cycles(p50),
            cycles(slowest),
            cycles(simulated.p50),
            cycles(simulated.p99),
            cycles(simulated.max),
            figure(seconds_p50),
            figure(seconds_slowest),
            format!("{:.2} %", outcome.lost() * 100.0),
            outcome.drops().to_string(),
            format!("{:.2} %", outcome.descriptions() * 100.0),
        ]);
    }

    /// The bars are those of 64 MiB and of the row's loss alone: where the simulation of this image
    /// misses one too, or sockets lost more, a miss tells nothing.
    fn judge(
        &self,
        (scenario, joins): (&Scenario, Joins),
        outcome: &Outcome,
        simulated: Percentiles,
        goals: &mut Table,
    ) {
        let Some((bar_p50, bar_p999)) = scenario.bars else { return };
        let slices = self.job(scenario, joins).slices();
        let (p50, slowest) = outcome.of(slices, |one| one.symbols);
        let what =
            format!("loss {}, repair {}, {}", scenario.title, repair(scenario), joins.name());
        let reach = format!("p50 <= {bar_p50}, slowest <= {bar_p999}");
        let value = format!("{p50:.3}, {slowest:.3}; {} complete", outcome.complete());
        let all = outcome.complete() == self.boxes;
        let met = all && p50 <= bar_p50 && slowest <= bar_p999;
        let is_fair = simulated.p50 <= bar_p50 && simulated.p999 <= bar_p999;
        let tells = met || !all || (is_fair && outcome.drops() == 0.0);
        goals.target(&what, &reach, value, tells.then_some(met));
    }

    /// Peers over the same lines, all their receivers waiting before they start.
    fn peers(&self, quick: bool) {
        let mut table = Table::new(&[
            "tool",
            "loss",
            "complete and equal",
            "sent, in bytes of the image",
            "data phase s",
            "whole transfer s",
            "lost on the lines",
        ]);
        for (contender, title, loss) in contenders(quick) {
            if !contender.peer().is_here() {
                continue;
            }
            let job = &self.small;
            let run = contender.run(&Transmission {
                lines: &self.lines,
                boxes: self.boxes,
                loss,
                seed: SEED,
                image: &job.image,
                directory: self.directory,
                mbit: job.mbit,
                limit: job.cycle() * 6 + Duration::from_secs(15),
            });
            let sent: u64 = run.record.passed.iter().map(|it| u64::from(it.bytes)).sum();
            table.row(vec![
                contender.name(),
                title.to_owned(),
                format!("{} of {}", run.completed, self.boxes),
                format!("{:.2}", sent as f64 / job.bytes as f64),
                figure(run.data_seconds),
                figure(run.whole_seconds),
                format!("{:.2} %", run.record.lost() * 100.0),
            ]);
        }
        let Job { bytes, mbit, .. } = &self.small;
        let title = format!("Peers over the same lines, {} MiB at {mbit} Mbit/s", bytes / MIB);
        table.print(&title);
    }
}

impl Joins {
    const fn name(self) -> &'static str {
        match self {
            Self::Anywhere => "any moment",
            Self::Late => "late",
        }
    }
}

fn repair(scenario: &Scenario) -> String {
    scenario
        .repair
        .map_or("none".to_owned(), |(ratio, code)| format!("{:.0} % {code}", ratio * 100.0))
}

fn starts(joins: Joins, cycle: Duration, boxes: usize) -> Vec<Duration> {
    let mut chance = Chance::new(SEED);
    let micros = cycle.as_micros() as u64;
    let one = |_| match joins {
        Joins::Anywhere => Duration::from_micros(chance.below(micros)),
        Joins::Late => cycle * 3 / 4,
    };
    let mut starts: Vec<Duration> = (0..boxes).map(one).collect();
    starts.sort_unstable();
    starts
}

/// Rows of the simulator's table, and late joins; only the named ones where some are named.
fn rows(quick: bool, named: &[String]) -> Vec<(Scenario, Joins)> {
    let is_wanted = |row: &&Scenario| match row.name {
        // Nothing is lost whatever the ratio is.
        "none-5" | "none-25" => false,
        name => !quick || ["none-10", "p5", "burst20", "plain-none", "plain-p5"].contains(&name),
    };
    if !named.is_empty() {
        let rows = ALL.iter().filter(|row| named.iter().any(|name| name == row.name));
        return rows.map(|row| (*row, Joins::Anywhere)).collect();
    }
    let rows: Vec<Scenario> = ALL.iter().filter(is_wanted).copied().collect();
    let late = ["none-10", "plain-none", "p5", "plain-p5"];
    let late = rows.iter().filter(|row| late.contains(&row.name) && (!quick || row.name == "p5"));
    let late: Vec<_> = late.map(|row| (*row, Joins::Late)).collect();
    rows.into_iter().map(|row| (row, Joins::Anywhere)).chain(late).collect()
}

/// Every peer at every loss; the repair sent one way is as much as ours.
fn contenders(quick: bool) -> Vec<(Contender, &'static str, Loss)> {
    let repaired = ALL.iter().filter(|row| !["none-5", "none-25", "p5-rs8"].contains(&row.name));
    let rows = repaired.filter_map(|row| Some((row, row.repair?.0)));
    let rows: Vec<_> = rows.filter(|(row, _)| !quick || row.name == "p5").collect();
    let of = |(row, ratio): &(&Scenario, f64)| {
        let all = [Contender::Uftp, Contender::Acknowledged, Contender::OneWay(*ratio)];
        all.map(|contender| (contender, row.title, row.loss))
    };
    rows.iter().flat_map(of).collect()
}
