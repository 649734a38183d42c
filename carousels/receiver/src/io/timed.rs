//! A storage whose slow operations are timed.

use std::ops::Range;
use std::time::Duration;

use stbcast_object::Micros;

use super::Clock;
use crate::{Area, Content, Installation, Recovered, Recovery, Remembered, Role, Storage};

/// How long storage took for an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageTimes {
    /// When its last byte had been handed over, on the clock of the run.
    pub stored_at: Option<Micros>,
    /// How long it took to make it durable and put it in place.
    pub commit: Duration,
}

/// Passes everything on, with an eye on the clock.
pub(super) struct Timed<'a, T> {
    storage: &'a mut T,
    clock: Clock,
    times: StorageTimes,
    recovering: bool,
}

impl<'a, T> Timed<'a, T> {
    pub(super) fn new(storage: &'a mut T, clock: Clock) -> Self {
        Self { storage, clock, times: StorageTimes::default(), recovering: false }
    }

    pub(super) const fn times(&self) -> StorageTimes {
        self.times
    }

    /// Whether a recovery is under way.
    pub(super) const fn is_recovering(&self) -> bool {
        self.recovering
    }

    fn timed<R>(&mut self, operation: impl FnOnce(&mut T) -> R) -> R {
        let before = self.clock.now();
        let done = operation(self.storage);
        self.times.commit += Duration::from(self.clock.now().since(before));
        done
    }
}

impl<T: Storage> Storage for Timed<'_, T> {
    type Error = T::Error;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), T::Error> {
        self.times = StorageTimes::default();
        self.recovering = false;
        self.storage.begin(role, version)
    }

    fn resume(
        &mut self,
        role: Role,
        version: Option<&str>,
        content: &Content,
    ) -> Result<Vec<Range<u32>>, T::Error> {
        self.times = StorageTimes::default();
        self.recovering = false;
        self.storage.resume(role, version, content)
    }

    fn keep(&mut self, symbols: &[Range<u32>]) -> Result<(), T::Error> {
        self.storage.keep(symbols)
    }

    fn arm(&mut self, installation: &Installation) -> Result<bool, T::Error> {
        self.storage.arm(installation)
    }

    fn remember(&mut self, remembered: &Remembered) -> Result<(), T::Error> {
        self.storage.remember(remembered)
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), T::Error> {
        self.storage.write(area, offset, bytes)
    }

    fn write_gathered(&mut self, area: Area, offset: u64, parts: &[&[u8]]) -> Result<(), T::Error> {
        self.storage.write_gathered(area, offset, parts)
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), T::Error> {
        self.storage.read(area, offset, length, into)
    }

    fn sync(&mut self, length: u64) -> Result<(), T::Error> {
        // A session syncs when everything is stored.
        self.times.stored_at = Some(self.clock.now());
        self.timed(|storage| storage.sync(length))
    }

    fn commit(&mut self) -> Result<(), T::Error> {
        self.timed(Storage::commit)
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, T::Error> {
        let begun = self.storage.recover(recovery);
        self.recovering = matches!(begun, Ok(None));
        begun
    }

    fn recovered(&mut self) -> Option<Recovered> {
        let recovered = self.storage.recovered();
        self.recovering &= recovered.is_none();
        recovered
    }

    fn recovery_error(&mut self) -> Option<T::Error> {
        self.storage.recovery_error()
    }
}
