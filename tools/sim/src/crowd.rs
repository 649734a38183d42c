//! Many boxes, each by its own number: the result does not depend on how many threads work.

use std::sync::atomic::{AtomicU64, Ordering};

use stbcast_object::Micros;

use crate::air::{Air, IP_UDP_BYTES, What};
use crate::chance::Chance;
use crate::loss::{Line, Loss};
use crate::percentiles::Percentiles;
use crate::station::{State, Station};

/// From one datagram of the announce session to the next.
const PERIOD: Micros = Micros::from_secs(1);

/// What became of one box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Number of the box.
    pub number: u64,
    /// Symbol-bearing datagrams sent on both groups from its join until it had all it needs,
    /// divided by the slices; infinite when it never had.
    pub cycles: f64,
    /// Seconds of the same span.
    pub seconds: f64,
    /// Seconds from its start until the object was described to it, all before the join.
    pub described_s: f64,
    /// Datagrams of FDTs sent from its start on, on the announce group and on the companion.
    pub fdt_datagrams: u64,
    /// Bytes of all symbols sent from the join on.
    pub symbol_bytes: u64,
    /// Bytes of headers and trailers of the same datagrams, IP and UDP among them.
    pub header_bytes: u64,
}

/// Runs `boxes` boxes of `seed` over `air`.
pub fn run(air: &Air, loss: Loss, boxes: u64, seed: u64) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= boxes {
                return done;
            }
            done.push(one(air, loss, seed, number));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    outcomes.sort_by_key(|outcome| outcome.number);
    outcomes
}

/// Runs box `number` of `seed` alone.
pub fn one(air: &Air, loss: Loss, seed: u64, number: u64) -> Outcome {
    let mut chance = Chance::branch(seed, number);
    let start = chance.below(air.first_cycle as u64);
    let around = air.sent.get(usize::try_from(start).unwrap_or(0)..).unwrap_or_default();
    // The announce session has a clock of its own: its next datagram comes within a second.
    let mut announced_at = chance.below(PERIOD.0);
    let mut outcome = Outcome::never(number);
    let Some(began) = around.first().map(|first| first.at) else { return outcome };
    announced_at += began.0;
    let mut line = Line::new(loss, air.slices.count(), chance);
    let Ok(mut station) = Station::start(air, began) else { return outcome };
    let (mut symbols, mut joined_at) = (0_u64, None);
    for sent in around {
        while announced_at <= sent.at.0 && !air.announcements.is_empty() {
            outcome.fdt_datagrams += 1;
            let datagram = air.announcements.get((announced_at / PERIOD.0) as usize);
            if let Some(datagram) = datagram.filter(|_| !line.loses(None)) {
                station.hear_announcement(Micros(announced_at), datagram);
            }
            announced_at += PERIOD.0;
        }
        if station.is_joined() {
            joined_at.get_or_insert(sent.at);
            symbols += u64::from(sent.what.is_symbol());
            outcome.count(air, sent.what);
        }
        if !line.loses(sent.what.slice()) {
            station.hear(sent);
        }
        match station.state() {
            State::Receiving => {}
            State::Failed => return Outcome::never(number),
            State::Complete => {
                let joined_at = joined_at.unwrap_or(began);
                outcome.cycles = symbols as f64 / f64::from(air.slices.count());
                outcome.seconds = sent.at.since(joined_at).as_secs_f64();
                outcome.described_s = joined_at.since(began).as_secs_f64();
                break;
            }
        }
    }
    outcome
}

impl Outcome {
    const fn never(number: u64) -> Self {
        Self {
            number,
            cycles: f64::INFINITY,
            seconds: f64::INFINITY,
            described_s: 0.0,
            fdt_datagrams: 0,
            symbol_bytes: 0,
            header_bytes: 0,
        }
    }

    fn count(&mut self, air: &Air, what: What) {
        let (symbol, header) = match what {
            What::Source { index } => {
                let range = air.slices.range(index);
                (range.end - range.start, air.overhead.source)
            }
            What::Repair { .. } => (air.repair_bytes(), air.overhead.repair),
            What::Fdt { .. } => {
                self.fdt_datagrams += 1;
                return;
            }
        };
        self.symbol_bytes += symbol;
        self.header_bytes += (header + IP_UDP_BYTES) as u64;
    }
}

/// Percentiles of the cycles.
pub fn cycles(outcomes: &[Outcome]) -> Percentiles {
    Percentiles::of(outcomes.iter().map(|outcome| outcome.cycles))
}
