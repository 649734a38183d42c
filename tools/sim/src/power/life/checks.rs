//! What must hold in every life of a box.

use std::ops::Range;

use stbcast_bootcast::Part;
use stbcast_receiver::slots::{Bank, Place};

use super::super::PowerError;
use super::super::counted::What;
use super::super::release::{Release, SLICE_BYTES};
use super::{Banking, Stb, broken};

impl Stb<'_> {
    /// What boots is a release that is whole; only a box that never had one has none.
    pub(super) fn check_bootable(&self, banks: &Banking) -> Result<(), PowerError> {
        let Some(boot) = banks.bootable() else {
            return match banks.state().committed {
                None => Ok(()),
                Some(committed) => broken(format!("release {} is gone", committed.number)),
            };
        };
        let number = boot.installed.number;
        let Some(release) = self.world.release(number) else {
            return broken(format!("release {number} boots, which nobody made"));
        };
        for object in &release.objects {
            let there = banks.medium().bytes(Place::Slot(boot.bank, object.part));
            if there.get(..object.bytes.len()) != Some(object.bytes.as_slice()) {
                return broken(format!("the {:?} of release {number} is not whole", object.part));
            }
        }
        let committed = banks.state().committed.map_or(0, |committed| committed.number);
        match boot.on_trial {
            true if number <= committed => broken(format!("{number} is on trial again")),
            false if number != committed => {
                broken(format!("{number} boots, but {committed} is committed"))
            }
            _ => Ok(()),
        }
    }

    /// Nothing that protects the box ever falls.
    pub(super) fn check_counters(&mut self, banks: &Banking) -> Result<(), PowerError> {
        let state = banks.state();
        let number = state.committed.map_or(0, |committed| committed.number);
        let now = (number, state.epoch, state.time_floor);
        let before = self.counters;
        if banks.is_state_lost() {
            return broken("the state is lost");
        }
        if now.0 < before.0 || now.1 < before.1 || now.2 < before.2 {
            return broken(format!("counters fell: {before:?} to {now:?}"));
        }
        let is_level = u64::from(state.epoch) == number && state.time_floor == number * 1_000;
        if !is_level {
            return broken(format!("counters rose without a commit: {now:?}"));
        }
        self.counters = now;
        Ok(())
    }

    /// A root document that was stored stays.
    pub(super) fn check_root(&mut self, banks: &Banking) -> Result<(), PowerError> {
        match banks.root() {
            None if self.rooted => broken("the root document is gone"),
            root => {
                self.rooted |= root.is_some();
                Ok(())
            }
        }
    }

    /// Counts what was lost with the cut before, and what is received although it is there.
    pub(super) fn count(
        &mut self,
        bank: Bank,
        release: &Release,
        log: &[(Part, What)],
    ) -> Result<(), PowerError> {
        let number = release.number;
        for object in &release.objects {
            let symbols = object.bytes.len().div_ceil(SLICE_BYTES.into());
            let written = self.written.entry(Place::Slot(bank, object.part)).or_default();
            if written.0 != number {
                *written = (number, vec![false; symbols]);
            }
            let written = &mut written.1;
            let of = |bytes: &Range<u64>| {
                let at = |at: u64| at.div_ceil(u64::from(SLICE_BYTES)) as usize;
                at(bytes.start)..at(bytes.end).min(symbols)
            };
            let mut held = vec![false; symbols];
            for (_, what) in log.iter().filter(|(part, _)| *part == object.part) {
                match what {
                    What::Held(ranges) => {
                        for symbol in ranges.iter().cloned().flatten() {
                            mark(&mut held, symbol as usize);
                        }
                        let lost = written.iter().zip(&held).filter(|(was, is)| **was && !**is);
                        self.lost += lost.count() as u64;
                        written.clone_from(&held);
                    }
                    What::Dropped => written.fill(false),
                    What::Received(bytes) => {
                        if of(bytes).any(|symbol| written.get(symbol) == Some(&true)) {
                            return broken(format!("{:?} was there and came again", of(bytes)));
                        }
                        of(bytes).for_each(|symbol| mark(written, symbol));
                    }
                    What::Recovered(bytes) => {
                        of(bytes).for_each(|symbol| mark(written, symbol));
                    }
                }
            }
        }
        Ok(())
    }
}

fn mark(symbols: &mut [bool], symbol: usize) {
    if let Some(symbol) = symbols.get_mut(symbol) {
        *symbol = true;
    }
}
