//! A storage that watches what it is told, and fails when told to.

use std::collections::HashSet;

use stbcast_bootcast::TEXT_BYTES_MAX;
use stbcast_receiver::limits::PARKING_BYTES;
use stbcast_receiver::{Area, MemoryStorage, Role, Storage};

/// Storage in memory that fails when told to. It sees that nothing lies outside the areas and the
/// limits, that nothing is read that was not written, and that only what is durable is committed.
pub struct Watched {
    pub memory: MemoryStorage,
    pub length_max: u64,
    /// After so many operations, so many fail.
    pub fault: (u8, u8),
    pub role: Option<Role>,
    /// It could not begin, and nothing that follows succeeds.
    pub broken: bool,
    pub failed: bool,
    pub failed_for: HashSet<Role>,
    pub synced: bool,
    pub commits: u32,
}

/// An operation failed as it was told to.
pub struct Fault;

impl Watched {
    pub fn new(length_max: u64) -> Self {
        Self {
            memory: MemoryStorage::default(),
            length_max,
            fault: (0, 0),
            role: None,
            broken: false,
            failed: false,
            failed_for: HashSet::new(),
            synced: false,
            commits: 0,
        }
    }

    /// What was committed last under a role.
    pub fn committed(&self, role: Role) -> Option<&[u8]> {
        self.memory.committed(role).map(|committed| committed.bytes.as_slice())
    }

    pub fn fail_later(&mut self, after: u8, times: u8) {
        self.fault = (after % 64, times % 8);
    }

    pub fn length_max(&self) -> u64 {
        if self.role == Some(Role::Control) { TEXT_BYTES_MAX as u64 } else { self.length_max }
    }

    pub fn assert_inside(&self, area: Area, offset: u64, length: u64) {
        let most = if area == Area::Parking { PARKING_BYTES as u64 } else { self.length_max() };
        assert!(offset.saturating_add(length) <= most, "{area:?} {offset}+{length} of {most}");
    }

    pub fn step(&mut self) -> Result<(), Fault> {
        let (after, times) = self.fault;
        let due = after == 0 && times > 0;
        self.fault = (after.saturating_sub(1), times - u8::from(due));
        if due || self.broken {
            self.failed = true;
            self.failed_for.extend(self.role);
            return Err(Fault);
        }
        Ok(())
    }

    /// After a failure anything may be missing; before it, nothing.
    pub fn done<E>(&self, done: Result<(), E>) -> Result<(), Fault> {
        assert!(done.is_ok() || self.failed, "an operation that no storage could carry out");
        done.map_err(|_| Fault)
    }
}

impl Storage for Watched {
    type Error = Fault;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Fault> {
        assert_eq!(version.is_some(), matches!(role, Role::Part(_)), "parts alone have versions");
        (self.role, self.synced) = (Some(role), false);
        (self.failed, self.broken) = (false, false);
        let _ = self.memory.begin(role, version);
        let begun = self.step();
        self.broken = begun.is_err();
        begun
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.assert_inside(area, offset, bytes.len() as u64);
        assert!(self.role.is_some() && !self.synced, "written when nothing is open");
        self.step()?;
        let done = self.memory.write(area, offset, bytes);
        self.done(done)
    }

    fn read(&mut self, area: Area, at: u64, length: u64, into: &mut Vec<u8>) -> Result<(), Fault> {
        self.assert_inside(area, at, length);
        self.step()?;
        let done = self.memory.read(area, at, length, into);
        self.done(done)
    }

    fn sync(&mut self, length: u64) -> Result<(), Fault> {
        self.assert_inside(Area::Slot, 0, length);
        self.step()?;
        self.synced = true;
        let done = self.memory.sync(length);
        self.done(done)
    }

    fn commit(&mut self) -> Result<(), Fault> {
        assert!(self.synced && !self.failed, "committed what is not whole or not durable");
        self.step()?;
        self.commits += 1;
        let done = self.memory.commit();
        self.done(done)
    }
}
