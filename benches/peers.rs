//! The same file over the same veth pair with ours, uftp, udpcast and the `flute` crate.
//!
//! ```text
//! cargo bench --bench peers                about 7 minutes
//! cargo bench --bench peers -- --quick     half a minute: does everything work
//! ```
//!
//! Rounds run forwards and backwards in turn, so that each peer meets ours as A B B A; a ratio is the
//! median of the ratios round by round. At full speed each tool sends 64 MiB at its fastest: ours at
//! the highest configured rate that loses nothing, the `flute` crate likewise, the others unlimited
//! with their own flow control. Ours is timed from the first datagram to the last byte handed to the
//! file; uftp's data phase is what it tells itself, udpcast's what the device's counters say, flute's
//! from the first packet to completion. A whole transfer begins with the start of the sender, where
//! ours reads, hashes and spools the image, and ends with the end of the receiver.
//!
//! CPU of peers is wait4's of whole processes. Of our headend it is what was used on air (its start
//! is told beside it), of our box all but the digest, which no peer makes but flute (MD5). Evenness
//! at 50 Mbit/s is taken by a packet tap in runs of their own, first and last 2 % cut.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use rig::contest::{Sample, Tool, print};
use rig::ours::{highest_rate, lower_rate};
use rig::pace::{Control, Evenness};
use rig::peer::Peer;
use rig::place::Place;
use rig::stats::{median, ratio};
use rig::table::{Table, figure, targets};
use rig::tap::{Arrival, Tap};
use rig::{IP_BYTES, MIB, PAYLOAD_BYTES};

/// Lower rates tried where the one that was found loses something.
const RATES_MAX: usize = 3;

fn main() {
    let Some(options) = rig::begin("peers") else { return };
    let Some(place) = Place::veth() else {
        return println!("Skipped: the peers need network namespaces.");
    };
    let directory = rig::memory_directory();
    let peers: Vec<Peer> = Peer::ALL.into_iter().filter(|peer| peer.is_here()).collect();
    let bench = Bench { place: &place, directory: directory.path(), peers };
    let (rounds, slow) = if options.quick { (1, 4 * MIB) } else { (7, 16 * MIB) };
    let mut goals = targets();
    bench.full_speed(rounds, options.quick, &mut goals);
    bench.paced(200.0, slow, rounds, 0.3, &mut goals);
    bench.paced(50.0, slow, rounds, 0.5, &mut goals);
    bench.evenness(slow, if options.quick { 1 } else { 3 }, &mut goals);
    goals.print("Targets");
}

struct Bench<'a> {
    place: &'a Place,
    directory: &'a Path,
    peers: Vec<Peer>,
}

impl Bench<'_> {
    /// Every tool once a round, forwards and backwards in turn; samples by tool.
    fn rounds(&self, tools: &[Tool], image: &Path, rounds: usize) -> Vec<Vec<Sample>> {
        let mut samples = vec![Vec::new(); tools.len()];
        for round in 0..rounds {
            let mut order: Vec<usize> = (0..tools.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for number in order {
                samples[number].push(tools[number].run(self.place, self.directory, image));
            }
        }
        samples
    }

    fn full_speed(&self, rounds: usize, quick: bool, goals: &mut Table) {
        let image = rig::image(self.directory, 64 * MIB);
        let mbit = highest_rate(self.place, self.directory, &image, quick);
        let mut tools = vec![Tool::Ours { mbit, burst_us: None }];
        for &peer in &self.peers {
            let fastest = if peer == Peer::Flute { self.flute_rate(&image, quick) } else { 0.0 };
            tools.push(Tool::Peer(peer, fastest));
        }
        let mut samples = self.rounds(&tools, &image, rounds);
        // The search met a good moment: a rate counts when every round loses nothing.
        for _ in 0..RATES_MAX {
            let Tool::Ours { mbit, burst_us } = tools[0] else { break };
            if samples[0].iter().all(|sample| sample.lossless) {
                break;
            }
            tools[0] = Tool::Ours { mbit: lower_rate(mbit), burst_us };
            samples = self.rounds(&tools, &image, rounds);
        }
        print(&tools, &samples, &format!("64 MiB at full speed, {rounds} rounds, medians"));
        let of = |number: usize, what: fn(&Sample) -> f64| {
            samples[number].iter().map(what).collect::<Vec<f64>>()
        };
        let speed = |number: usize| median(&of(number, |sample| sample.data));
        let measured = (1..tools.len()).filter(|&number| speed(number).is_finite());
        let Some(best) = measured.max_by(|&a, &b| speed(a).total_cmp(&speed(b))) else {
            return println!("No peer is installed.\n");
        };
        let name = tools[best].name();
        let data = ratio(&of(0, |s| s.data), &of(best, |s| s.data));
        let whole = ratio(&of(0, |s| s.data), &of(best, |s| s.whole));
        let times = |value: f64| format!("{} x {name}", figure(value));
        let what = "goodput to the last byte stored : best peer's data phase";
        goals.target(what, ">= 2.5 x", times(data), Some(data >= 2.5));
        let what = "goodput to the last byte stored : its whole transfer";
        goals.target(what, ">= 5 x", times(whole), Some(whole >= 5.0));
        let uftp = tools.iter().position(|tool| matches!(tool, Tool::Peer(Peer::Uftp, _)));
        let Some(uftp) = uftp else { return };
        let sender = ratio(&of(0, |s| s.sender), &of(uftp, |s| s.sender));
        let receiver = ratio(&of(0, |s| s.receiver), &of(uftp, |s| s.receiver));
        let met = Some(sender <= 0.15);
        goals.target("CPU per GiB at full speed, sender", "<= 0.15 x uftp's", figure(sender), met);
        let met = Some(receiver <= 0.5);
        goals.target("the same, receiver", "<= 0.5 x uftp's", figure(receiver), met);
    }

    /// The fastest of a few rates at which the flute crate loses nothing four times in a row.
    fn flute_rate(&self, image: &Path, quick: bool) -> f64 {
        let mut fastest = 600.0;
        for mbit in [800.0, 1_000.0, 1_200.0, 1_400.0, 1_800.0, 2_400.0] {
            let is_lossless = || {
                let tool = Tool::Peer(Peer::Flute, mbit);
                tool.run(self.place, self.directory, image).lossless
            };
            if quick || !(0..4).all(|_| is_lossless()) {
                break;
            }
            fastest = mbit;
        }
        fastest
    }

    /// All at one rate: what it costs.
    fn paced(&self, mbit: f64, bytes: usize, rounds: usize, reach: f64, goals: &mut Table) {
        let image = rig::image(self.directory, bytes);
        let mut tools =
            vec![Tool::Ours { mbit, burst_us: None }, Tool::Ours { mbit, burst_us: Some(500) }];
        tools.extend(self.peers.iter().map(|&peer| Tool::Peer(peer, mbit)));
        let samples = self.rounds(&tools, &image, rounds);
        let title = format!("{} MiB at {mbit} Mbit/s, {rounds} rounds, medians", bytes / MIB);
        print(&tools, &samples, &title);
        let cpu = |n: usize| samples[n].iter().map(|s| s.sender).collect::<Vec<f64>>();
        let best = (2..tools.len()).min_by(|&a, &b| median(&cpu(a)).total_cmp(&median(&cpu(b))));
        let Some(best) = best else { return };
        for (number, more) in [(0, ""), (1, ", burst_us 500")] {
            let value = ratio(&cpu(number), &cpu(best));
            goals.target(
                &format!("CPU per GiB at {mbit} Mbit/s, sender{more}"),
                &format!("<= {reach} x best peer's"),
                format!("{} x {}", figure(value), tools[best].name()),
                Some(value <= reach),
            );
        }
    }

    /// All at 50 Mbit/s under a tap.
    fn evenness(&self, bytes: usize, rounds: usize, goals: &mut Table) {
        const MBIT: f64 = 50.0;
        let image = rig::image(self.directory, bytes);
        let mut tools = vec![
            Tool::Ours { mbit: MBIT, burst_us: None },
            Tool::Ours { mbit: MBIT, burst_us: Some(500) },
        ];
        tools.extend(self.peers.iter().map(|&peer| Tool::Peer(peer, MBIT)));
        let mut table = Table::new(&[
            "tool",
            "rate Mbit/s",
            "gap p50 us",
            "p99",
            "max",
            "largest burst",
            "where the machine woke in time",
            "worst 10 ms Mbit/s",
            "worst 1 ms",
            "late wakes",
        ]);
        let mut p99 = Vec::new();
        for &tool in &tools {
            let runs: Vec<Evenness> = (0..rounds).map(|_| self.tapped(tool, &image)).collect();
            let of =
                |what: fn(&Evenness) -> f64| median(&runs.iter().map(what).collect::<Vec<f64>>());
            p99.push(of(|even| even.gap_p99));
            table.row(vec![
                tool.name(),
                figure(of(|even| even.rate)),
                figure(of(|even| even.gap_p50)),
                figure(of(|even| even.gap_p99)),
                figure(of(|even| even.gap_max)),
                figure(of(|even| even.burst)),
                figure(of(|even| even.burst_quiet)),
                figure(of(|even| even.worst_10_ms)),
                figure(of(|even| even.worst_1_ms)),
                figure(of(|even| even.late_wakes as f64)),
            ]);
        }
        table.print(&format!("Evenness at {MBIT} Mbit/s (as IP), median of {rounds} runs each"));
        let best = p99[2..].iter().copied().fold(f64::INFINITY, f64::min);
        let value = format!("{} us, best peer {} us", figure(p99[0]), figure(best));
        let met = best.is_finite().then_some(p99[0] <= best);
        goals.target("50 Mbit/s: p99 gap", "<= the best peer's", value, met);
    }

    fn tapped(&self, tool: Tool, image: &Path) -> Evenness {
        const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let tap = Tap::start(self.place, ANY, PAYLOAD_BYTES);
        let control = Control::start();
        tool.run(self.place, self.directory, image);
        let (late, mut arrivals) = (control.stop(), tap.stop());
        arrivals.retain(|arrival| is_data(tool, arrival));
        let nominal = match (tool, arrivals.as_slice()) {
            (Tool::Ours { mbit, .. }, _) => IP_BYTES as f64 * 8.0 / mbit,
            (_, [first, .., last]) => {
                (last.at - first.at) as f64 / 1e3 / (arrivals.len() - 1) as f64
            }
            _ => f64::NAN,
        };
        Evenness::of(&arrivals, nominal, 0.02, &late)
    }
}

fn is_data(tool: Tool, arrival: &Arrival) -> bool {
    const DATA_BYTES_MIN: u32 = 1_000;
    match tool {
        Tool::Ours { .. } => arrival.group.ip().octets()[1] == 254,
        Tool::Peer(peer, _) => peer.is_data(arrival.group) && arrival.ip_bytes > DATA_BYTES_MIN,
    }
}
