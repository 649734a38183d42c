//! What a relay saw go by.

use std::net::Ipv4Addr;
use std::time::Instant;

/// A datagram that came from the headend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) at: Instant,
    pub(crate) kind: Kind,
    /// UDP payload.
    pub(crate) bytes: u32,
}

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A slice or a block of a peer's: it counts.
    Source,
    /// A repair symbol: it counts.
    Repair,
    /// A part of an FDT, a greeting.
    Other,
}

/// A box joined or left a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Datagrams that had passed before.
    pub(crate) place: usize,
    pub(crate) at: Instant,
    pub(crate) number: usize,
    pub(crate) group: Ipv4Addr,
    pub(crate) joined: bool,
}

/// What the relay saw.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) passed: Vec<Passed>,
    pub(crate) changes: Vec<Change>,
    /// For each box: the places in `passed` of the symbol-bearing datagrams that reached it.
    pub(crate) reached: Vec<Vec<u32>>,
    /// Datagrams sent on to each box, and those dropped on its line.
    pub(crate) sent: Vec<u64>,
    pub(crate) dropped: Vec<u64>,
    /// Datagrams the relay itself had no room for: a run with any is none.
    pub(crate) missed: u64,
}

impl Record {
    /// Symbol-bearing datagrams among those at `places` in `passed`.
    pub(crate) fn symbols(&self, places: std::ops::Range<usize>) -> u64 {
        let passed = self.passed.get(places).unwrap_or_default();
        passed.iter().filter(|passed| passed.kind != Kind::Other).count() as u64
    }

    /// Part of the datagrams meant for the boxes that their lines lost.
    pub(crate) fn lost(&self) -> f64 {
        let sum = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
        let dropped = sum(&self.dropped);
        dropped / (dropped + sum(&self.sent))
    }

    /// When box `number` first joined `group`.
    pub(crate) fn first_join(&self, number: usize, group: Ipv4Addr) -> Option<Change> {
        let is_it = |change: &&Change| change.number == number && change.group == group;
        self.changes.iter().find(is_it).copied()
    }
}
