//! Flash that loses power: what was not synced survives in any part, torn, in any order, with bits
//! that flipped; and flash that fails.

use std::collections::BTreeMap;

use stbcast_receiver::Recoverer;
use stbcast_receiver::slots::{Copy, Place};

use crate::chance::Chance;

mod medium;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlashError {
    /// The power is off.
    #[error("the power is off")]
    Off,
    /// The flash failed (EIO).
    #[error("input/output error")]
    Io,
    /// No room is left (ENOSPC).
    #[error("no space left on device")]
    Full,
    /// Nothing can be written (EROFS).
    #[error("read-only file system")]
    ReadOnly,
}

/// What goes wrong, from an operation on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Power is cut during it, and never comes back before [`SimFlash::restarted`].
    Cut,
    /// It fails once; of a write any part may be there.
    Once,
    /// Everything fails.
    Dead,
    /// Whatever needs room fails.
    Full,
    /// Whatever changes anything fails.
    ReadOnly,
    /// It says that slots and journals are durable when they are not.
    Lies,
}

/// A change that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Erase,
    Length(usize),
    Write { offset: usize, bytes: Vec<u8> },
}

/// What operations need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Change,
    Room,
}

/// The flash of a box.
#[derive(Clone, Debug)]
pub struct SimFlash {
    /// What is certain.
    durable: BTreeMap<Place, Vec<u8>>,
    /// What is read: with all changes.
    seen: BTreeMap<Place, Vec<u8>>,
    changes: Vec<(Place, Change)>,
    states: [Vec<u8>; 2],
    recoverer: Recoverer,
    chance: Chance,
    /// Operations so far, reads among them.
    operations: u64,
    /// The same without reads.
    changing: u64,
    fault: Option<(Fault, u64)>,
    off: bool,
}

impl SimFlash {
    /// Empty flash; `chance` decides what a cut leaves.
    pub fn new(chance: Chance) -> Self {
        Self {
            durable: BTreeMap::new(),
            seen: BTreeMap::new(),
            changes: Vec::new(),
            states: [Vec::new(), Vec::new()],
            recoverer: Recoverer::default(),
            chance,
            operations: 0,
            changing: 0,
            fault: None,
            off: false,
        }
    }

    /// The same flash with chance of its own.
    #[must_use]
    pub fn with(mut self, chance: Chance) -> Self {
        self.chance = chance;
        self
    }

    /// Has something go wrong: a cut at this operation that changes something, any other fault at
    /// this operation of all, counted from 0 and from now.
    pub const fn fail(&mut self, fault: Fault, at: u64) {
        (self.operations, self.changing) = (0, 0);
        self.fault = Some((fault, at));
    }

    /// Everything works from here on.
    pub const fn heal(&mut self) {
        self.fault = None;
    }

    /// Operations since the last [`SimFlash::fail`], reads among them.
    pub const fn operations(&self) -> u64 {
        self.operations
    }

    /// Operations that change something since then.
    pub const fn changing(&self) -> u64 {
        self.changing
    }

    /// Whether the power was cut.
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Whether it says of places that they are durable when they are not.
    fn lies(&self) -> bool {
        matches!(self.fault, Some((Fault::Lies, at)) if self.operations > at)
    }

    /// Whether nothing of it can be read any more.
    pub fn is_dead(&self) -> bool {
        matches!(self.fault, Some((Fault::Dead, at)) if self.operations > at)
    }

    /// What a place holds.
    pub fn bytes(&self, place: Place) -> &[u8] {
        self.seen.get(&place).map_or(&[], Vec::as_slice)
    }

    /// The flash when power is back.
    #[must_use]
    pub fn restarted(mut self) -> Self {
        if !self.off {
            self.lose();
        }
        self.off = false;
        self.fault = None;
        self.recoverer.clear();
        self
    }

    /// Power is gone: of what was not synced, chance decides.
    fn lose(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        let (keep, order) = (self.chance.below(4), self.chance.below(4));
        if order == 0 {
            // In any order.
            for at in (1..changes.len()).rev() {
                changes.swap(at, self.chance.below(at as u64 + 1) as usize);
            }
        }
        let prefix = self.chance.below(changes.len() as u64 + 1) as usize;
        for (at, (place, change)) in changes.into_iter().enumerate() {
            let survives = match keep {
                0 => false,
                1 => true,
                2 => at < prefix,
                _ => self.chance.below(2) == 0,
            };
            if survives {
                let change = self.torn(change);
                apply(self.durable.entry(place).or_default(), &change);
            }
        }
        // Nobody wants it any more; it may hold anything.
        self.durable.remove(&Place::Repair);
        self.seen = self.durable.clone();
        self.off = true;
    }

    const fn state(&mut self, copy: Copy) -> &mut Vec<u8> {
        let [first, second] = &mut self.states;
        match copy {
            Copy::First => first,
            Copy::Second => second,
        }
    }

    /// What is left of a change.
    fn torn(&mut self, change: Change) -> Change {
        let Change::Write { mut offset, mut bytes } = change else { return change };
        match self.chance.below(8) {
            0 => bytes.truncate(self.chance.below(bytes.len() as u64 + 1) as usize),
            1 => {
                // The front is missing: flash writes its pages in any order.
                let front = self.chance.below(bytes.len() as u64 + 1) as usize;
                bytes.drain(..front);
                offset += front;
            }
            2 => flip(&mut bytes, &mut self.chance),
            _ => {}
        }
        Change::Write { offset, bytes }
    }

    /// Counts an operation; what goes wrong with it, if anything.
    fn step(&mut self, kind: Kind) -> Result<(), FlashError> {
        if self.off {
            return Err(FlashError::Off);
        }
        let (operation, changing) = (self.operations, self.changing);
        self.operations += 1;
        self.changing += u64::from(kind != Kind::Read);
        let Some((fault, at)) = self.fault else { return Ok(()) };
        match fault {
            Fault::Cut if kind != Kind::Read && changing >= at => Err(FlashError::Off),
            Fault::Once if operation == at => Err(FlashError::Io),
            Fault::Dead if operation >= at => Err(FlashError::Io),
            Fault::Full if kind == Kind::Room && operation >= at => Err(FlashError::Full),
            Fault::ReadOnly if kind != Kind::Read && operation >= at => Err(FlashError::ReadOnly),
            _ => Ok(()),
        }
    }

    fn change(&mut self, kind: Kind, place: Place, change: Change) -> Result<(), FlashError> {
        let step = self.step(kind);
        match step {
            Err(FlashError::Off) if !self.off => {
                self.changes.push((place, change));
                self.lose();
            }
            Err(FlashError::Io) => {
                let torn = self.torn(change);
                apply(self.seen.entry(place).or_default(), &torn);
                self.changes.push((place, torn));
            }
            Err(_) => {}
            Ok(()) => {
                apply(self.seen.entry(place).or_default(), &change);
                self.changes.push((place, change));
            }
        }
        step
    }
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    for _ in 0..=chance.below(3) {
        let bit = chance.below(bytes.len() as u64 * 8);
        if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Erase => bytes.clear(),
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write { offset, bytes: new } => {
            let end = offset + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            if let Some(there) = bytes.get_mut(*offset..end) {
                there.copy_from_slice(new);
            }
        }
    }
}
