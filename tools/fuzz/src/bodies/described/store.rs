//! A storage in memory that sees whether what it is asked for makes sense.

use std::collections::BTreeSet;

use stbcast_receiver::{Area, MemoryStorage, Recovered, Recovery, RecoveryOutcome, Role, Storage};

/// What a storage does with the next recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovers {
    /// It is made at once.
    AtOnce,
    /// It is begun, and made when it is asked for.
    Late,
    /// It is made at once, and told when it is asked for.
    ToldLate,
    /// Nothing is made, and this is said; the one that follows is made at once.
    Says(RecoveryOutcome),
}

/// Fails when told to. It sees that nothing lies outside the areas and the limits, that nothing is
/// relied on that was not written, that one recovery is under way at a time and can be made, and
/// that only what is durable is committed.
pub(super) struct Store {
    pub(super) memory: MemoryStorage,
    pub(super) recovers: Recovers,
    /// After so many operations, so many fail.
    pub(super) fault: (u8, u8),
    pub(super) commits: u32,
    /// A write or more was lost since it was begun.
    pub(super) lost: bool,
    /// A fault was met, ever.
    pub(super) faulted: bool,
    length_max: u64,
    places_max: u64,
    /// Which bytes of the slot are there.
    slot: Vec<bool>,
    /// Places of the repair area that were written.
    places: BTreeSet<u32>,
    waiting: Option<Recovery>,
    made: Option<Recovered>,
    /// Recoveries asked for.
    asked: BTreeSet<u64>,
    begun: bool,
    /// It could not begin, and nothing that follows succeeds.
    broken: bool,
    synced: bool,
}

/// An operation failed as it was told to.
pub(super) struct Fault;

impl Store {
    pub(super) fn new(length_max: u64, memory_bytes: usize) -> Self {
        Self {
            memory: MemoryStorage::default(),
            recovers: Recovers::AtOnce,
            fault: (0, 0),
            commits: 0,
            lost: false,
            faulted: false,
            length_max,
            places_max: memory_bytes as u64 / 128,
            slot: Vec::new(),
            places: BTreeSet::new(),
            waiting: None,
            made: None,
            asked: BTreeSet::new(),
            begun: false,
            broken: false,
            synced: false,
        }
    }

    /// What became of the recovery under way.
    pub(super) fn told(&mut self) -> Option<Recovered> {
        let Some(recovery) = self.waiting.take() else { return self.made.take() };
        let id = recovery.id;
        let made = self.step().and_then(|()| self.make(recovery));
        Some(made.unwrap_or(Recovered { id, outcome: RecoveryOutcome::Failed }))
    }

    /// The oldest recovery, answered long ago or given up.
    pub(super) fn stale(&self) -> Option<u64> {
        let current = self.waiting.as_ref().map(|recovery| recovery.id);
        let current = current.or(self.made.map(|made| made.id));
        self.asked.first().copied().filter(|id| Some(*id) != current)
    }

    fn step(&mut self) -> Result<(), Fault> {
        let (after, times) = self.fault;
        let due = after == 0 && times > 0;
        self.fault = (after.saturating_sub(1), times - u8::from(due));
        self.faulted |= due;
        if due || self.broken { Err(Fault) } else { Ok(()) }
    }

    fn note_slot(&mut self, offset: u64, length: usize) {
        let (start, end) = (offset as usize, offset as usize + length);
        if self.slot.len() < end {
            self.slot.resize(end, false);
        }
        self.slot[start..end].fill(true);
    }

    fn is_there(&self, offset: u64, length: u64) -> bool {
        let range = offset as usize..(offset + length) as usize;
        self.slot.get(range).is_some_and(|bytes| bytes.iter().all(|there| *there))
    }

    fn make(&mut self, recovery: Recovery) -> Result<Recovered, Fault> {
        let Recovery { geometry, block, missing, .. } = recovery.clone();
        let made = self.memory.recover(recovery).ok().flatten();
        let made = made.expect("a recovery that no storage could make");
        assert_ne!(made.outcome, RecoveryOutcome::Failed, "the decoder cannot be made");
        if made.outcome == RecoveryOutcome::Done {
            for index in missing {
                let symbol = geometry.symbol(block, index).expect("a symbol");
                let range = geometry.bytes(symbol);
                self.note_slot(range.start, (range.end - range.start) as usize);
            }
        }
        Ok(made)
    }

    fn assert_recovery(&self, recovery: &Recovery) {
        let Recovery { geometry, block, missing, repair, places, .. } = recovery;
        let rises = |list: &[u32]| list.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(rises(missing) && rises(repair), "{recovery:?}");
        assert!(!missing.is_empty() && missing.len() <= repair.len(), "{recovery:?}");
        assert!(repair.iter().all(|index| *index < geometry.repair_symbols(*block)));
        let own: BTreeSet<u32> = places.iter().copied().collect();
        assert_eq!((own.len(), places.len()), (repair.len(), repair.len()));
        assert!(own.is_subset(&self.places), "a repair symbol was not written");
        let held = |index: &u32| missing.binary_search(index).is_err();
        for index in (0..geometry.source_symbols(*block)).filter(held) {
            let range = geometry.bytes(geometry.symbol(*block, index).expect("a symbol"));
            let there = self.is_there(range.start, range.end - range.start);
            assert!(there, "source symbol {index} of block {block} was not written");
        }
    }
}

impl Storage for Store {
    type Error = Fault;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Fault> {
        let _ = self.memory.begin(role, version);
        (self.begun, self.broken, self.synced, self.lost) = (true, false, false, false);
        (self.waiting, self.made) = (None, None);
        self.slot.clear();
        self.places.clear();
        let begun = self.step();
        self.broken = begun.is_err();
        begun
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        assert!(self.begun, "written when nothing is open");
        let length = bytes.len() as u64;
        match area {
            Area::Slot => assert!(offset + length <= self.length_max, "{offset}+{length}"),
            Area::Repair => {
                assert!(length > 0 && offset.is_multiple_of(length));
                assert!(offset / length < self.places_max, "place {}", offset / length);
            }
            // Those of a fetch without announcement have a target of their own.
            Area::Parking | Area::Scratch => {}
        }
        self.synced = false;
        let done = self.step().and_then(|()| {
            self.memory.write(area, offset, bytes).map_err(|_| Fault)?;
            match area {
                Area::Slot => self.note_slot(offset, bytes.len()),
                Area::Repair => _ = self.places.insert((offset / length) as u32),
                Area::Parking | Area::Scratch => {}
            }
            Ok(())
        });
        self.lost |= done.is_err();
        done
    }

    fn read(&mut self, area: Area, at: u64, length: u64, into: &mut Vec<u8>) -> Result<(), Fault> {
        self.step()?;
        if area == Area::Slot {
            assert!(self.lost || self.is_there(at, length), "{at}+{length} was not written");
        }
        self.memory.read(area, at, length, into).map_err(|_| Fault)
    }

    fn sync(&mut self, length: u64) -> Result<(), Fault> {
        self.step()?;
        assert!(!self.lost, "a lost write is told before it is too late");
        assert!(self.is_there(0, length), "synced before it was whole");
        self.synced = true;
        self.memory.sync(length).map_err(|_| Fault)
    }

    fn commit(&mut self) -> Result<(), Fault> {
        assert!(self.synced && !self.lost, "committed what is not whole or not durable");
        self.step()?;
        self.commits += 1;
        self.memory.commit().map_err(|_| Fault)
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, Fault> {
        assert!(self.waiting.is_none() && self.made.is_none(), "one at a time");
        assert!(self.asked.insert(recovery.id), "asked for twice");
        self.step()?;
        if !self.lost {
            self.assert_recovery(&recovery);
        }
        match self.recovers {
            Recovers::AtOnce => self.make(recovery).map(Some),
            Recovers::ToldLate => {
                self.made = Some(self.make(recovery)?);
                Ok(None)
            }
            Recovers::Late => {
                self.waiting = Some(recovery);
                Ok(None)
            }
            Recovers::Says(outcome) => {
                self.recovers = Recovers::AtOnce;
                Ok(Some(Recovered { id: recovery.id, outcome }))
            }
        }
    }
}
