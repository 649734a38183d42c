//! Gathering the slices of one object, whichever revision of it is on air.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use stbcast_object::Micros;

use crate::assembly::{Assembly, Fit};
use crate::layout::{Bytes, park};
use crate::rival::{Disputed, Rival};
use crate::{Event, Output, Rejection, Revision, Slice, Stats};

/// The revision being received, and what may be about to replace it.
pub(crate) struct Gathering {
    length_max: u64,
    assembly: Option<Assembly>,
    rival: Rival,
    /// Slices that differ from those held, until it is known which are stale.
    disputed: Disputed,
}

/// Where a gathering writes to: what is to be done, and what was seen.
pub(crate) struct Ledger<'a, P> {
    pub(crate) queue: &'a mut VecDeque<Output<P>>,
    pub(crate) stats: &'a mut Stats,
}

impl<P> Ledger<'_, P> {
    fn reject(&mut self, count: usize) {
        (0..count).for_each(|_| self.stats.reject(Rejection::OtherRevision));
    }

    fn tell_change(&mut self, revision: Revision, dropped: u32) {
        self.stats.revision_changes += 1;
        self.queue.push_back(Output::Event(Event::RevisionChanged { revision, dropped }));
    }
}

impl Gathering {
    /// Gathers an object of at most `length_max` bytes.
    pub(crate) fn new(length_max: u64) -> Self {
        let (rival, disputed) = (Rival::default(), Disputed::default());
        Self { length_max, assembly: None, rival, disputed }
    }

    /// The revision being received, once a slice was seen.
    pub(crate) const fn assembly(&self) -> Option<&Assembly> {
        self.assembly.as_ref()
    }

    /// The revision being received, when it is whole and nothing speaks against it.
    pub(crate) fn whole(&self) -> Option<&Assembly> {
        let assembly = self.assembly.as_ref()?;
        (assembly.is_complete() && self.rival.is_quiet()).then_some(assembly)
    }

    /// Takes a slice `from` somebody.
    pub(crate) fn take<P>(
        &mut self,
        (now, from): (Micros, IpAddr),
        slice: Slice,
        payload: P,
        mut ledger: Ledger<'_, P>,
    ) -> Result<(), Rejection> {
        let length_max = self.length_max;
        if slice.revision.length().is_some_and(|length| length > length_max) {
            return Err(Rejection::TooLarge);
        }
        let assembly = self.assembly.get_or_insert_with(|| {
            let revision = slice.revision;
            ledger.queue.push_back(Output::Event(Event::Found { revision }));
            Assembly::new(revision, length_max)
        });
        let fit = assembly.arrive(now, from, &slice);
        if fit != Fit::OtherRevision {
            ledger.reject(self.rival.end());
        }
        match fit {
            Fit::New => store(assembly, &slice, Bytes::Payload(payload), &mut ledger)?,
            Fit::Repeat => ledger.stats.duplicates += 1,
            Fit::Stray => return Err(Rejection::OtherRevision),
            Fit::Disputed => {
                let place = self.disputed.park(slice).ok_or(Rejection::OtherRevision)?;
                park(payload, place, ledger.queue);
                return Ok(());
            }
            Fit::Renewed { dropped } => {
                ledger.tell_change(slice.revision, dropped);
                let waiting = self.disputed.release();
                settle_waiting(assembly, (now, from), waiting, &mut ledger);
                // It may have waited itself, sent more than once.
                settle(assembly, (now, from), &slice, Bytes::Payload(payload), &mut ledger)?;
            }
            Fit::OtherRevision => return self.take_rival((now, from), slice, payload, ledger),
        }
        if assembly.is_undisputed() {
            // What differed has not been confirmed by what came since.
            ledger.reject(self.disputed.release().len());
        }
        Ok(())
    }

    /// A slice of another revision waits, until enough of them have proven it.
    fn take_rival<P>(
        &mut self,
        (now, from): (Micros, IpAddr),
        slice: Slice,
        payload: P,
        mut ledger: Ledger<'_, P>,
    ) -> Result<(), Rejection> {
        if !self.rival.contradicts(&slice) {
            let place = self.rival.park(slice).ok_or(Rejection::OtherRevision)?;
            park(payload, place, ledger.queue);
            return Ok(());
        }
        let old = self.assembly.take();
        let before = old.as_ref().map(|old| *old.revision());
        let dropped = old.map_or(0, |old| old.held());
        let assembly = self.assembly.insert(Assembly::new(slice.revision, self.length_max));
        ledger.reject(self.disputed.release().len());
        ledger.tell_change(slice.revision, dropped);
        settle_waiting(assembly, (now, from), self.rival.release(before), &mut ledger);
        settle(assembly, (now, from), &slice, Bytes::Payload(payload), &mut ledger)
    }
}

fn store<P>(
    assembly: &mut Assembly,
    slice: &Slice,
    bytes: Bytes<P>,
    ledger: &mut Ledger<'_, P>,
) -> Result<(), Rejection> {
    assembly.store(slice, bytes, ledger.queue)?;
    ledger.stats.stored += 1;
    Ok(())
}

/// Stores a slice whose revision has just proven itself, unless it is held already.
fn settle<P>(
    assembly: &mut Assembly,
    (now, from): (Micros, IpAddr),
    slice: &Slice,
    bytes: Bytes<P>,
    ledger: &mut Ledger<'_, P>,
) -> Result<(), Rejection> {
    match assembly.arrive(now, from, slice) {
        Fit::New => store(assembly, slice, bytes, ledger),
        Fit::Repeat => {
            ledger.stats.duplicates += 1;
            Ok(())
        }
        _ => Err(Rejection::OtherRevision),
    }
}

/// The same for the slices that waited.
fn settle_waiting<P>(
    assembly: &mut Assembly,
    at: (Micros, IpAddr),
    waiting: Vec<(usize, Slice)>,
    ledger: &mut Ledger<'_, P>,
) {
    for (place, slice) in waiting {
        if let Err(rejection) = settle(assembly, at, &slice, Bytes::Parked(place), ledger) {
            ledger.stats.reject(rejection);
        }
    }
}
