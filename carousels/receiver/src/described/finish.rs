//! From the last symbol to the commit: recoveries, digest, and what happens when it differs.

use sha2::{Digest, Sha256};
use stbcast_object::Micros;
use stbcast_release::{Check, on};

use super::{Described, State};
use crate::limits::{DIGEST_DROPS, DIGEST_FAILURES, READ_BACK_BYTES};
use crate::{Area, Event, FetchError, NoRepair, Output, Recovered};

/// The object being read back.
pub(super) struct Digesting {
    read: u64,
    hash: Sha256,
}

impl<P: Clone> Described<P> {
    pub(super) fn recover_next(&mut self) {
        if !matches!(self.state, State::Receiving) {
            return;
        }
        let Some((_, assembly)) = &mut self.current else { return };
        if let Some(recovery) = assembly.next_recovery(self.recoveries) {
            self.recoveries += 1;
            self.queue.push_back(Output::Recover(recovery));
        }
    }

    pub(super) fn on_recovered(&mut self, recovered: Recovered) {
        // One that was under way when the fetch failed is told to nobody.
        if !matches!(self.state, State::Receiving) {
            return;
        }
        let Some((_, assembly)) = &mut self.current else { return };
        match assembly.recovered(recovered) {
            None | Some(Ok(0)) => {}
            Some(Ok(symbols)) => {
                self.stats.recovered_blocks += 1;
                self.stats.recovered_symbols += u64::from(symbols);
            }
            Some(Err(())) => {
                assembly.give_up_repair();
                self.tell(Event::NoRepair(NoRepair::Failed));
            }
        }
    }

    pub(super) fn on_compared(&mut self, equal: bool) {
        let Some((slice, payload)) = self.comparing.pop_front() else { return };
        let Some((_, assembly)) = &mut self.current else { return };
        if equal {
            return assembly.proven(slice);
        }
        let offset = assembly.layout.offset(slice);
        assembly.disproven(slice);
        self.write(Area::Slot, offset, payload);
    }

    pub(super) fn on_written(&mut self, ok: bool) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if !ok {
            self.fail(FetchError::Storage { doing: "write" });
        }
    }

    pub(super) fn write(&mut self, area: Area, offset: u64, payload: P) {
        self.outstanding += 1;
        self.queue.push_back(Output::Write { area, offset, payload });
    }

    pub(super) fn finish_when_whole(&mut self) {
        if !matches!(self.state, State::Receiving) || !self.comparing.is_empty() {
            return;
        }
        let Some((_, assembly)) = &self.current else { return };
        let is_audited = assembly.audit.as_ref().is_none_or(|audit| audit.is_over(self.failures));
        if assembly.is_whole() && is_audited {
            self.leave_all();
            self.end_request();
            self.keep();
            self.state = State::Storing;
        }
    }

    /// Leaves the groups once every block has enough: what recovers them needs nothing more of what
    /// is sent, and no silence there can end the fetch. Joins them again where that was wrong.
    pub(super) fn leave_when_enough(&mut self, now: Micros) {
        let Some((_, assembly)) = &self.current else { return };
        if !matches!(self.state, State::Receiving) || !self.comparing.is_empty() {
            return;
        }
        match (assembly.has_enough(), self.has_joined()) {
            (true, true) => {
                self.leave_all();
                self.end_request();
            }
            (false, false) => self.join_all(now),
            _ => {}
        }
    }

    fn length(&self) -> u64 {
        self.current.as_ref().map_or(0, |(_, assembly)| assembly.layout.length())
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        self.current.as_ref().and_then(|(announcement, _)| announcement.sha256)
    }

    pub(super) fn sync_when_stored(&mut self) {
        if matches!(self.state, State::Storing) && self.outstanding == 0 {
            self.state = State::Syncing;
            self.queue.push_back(Output::Sync { length: self.length() });
        }
    }

    pub(super) fn on_synced(&mut self, now: Micros, ok: bool) {
        if !matches!(self.state, State::Syncing) {
            return;
        }
        if !ok {
            return self.fail(FetchError::Storage { doing: "make the object durable" });
        }
        match self.sha256() {
            Some(_) => self.read_on(now, Digesting { read: 0, hash: Sha256::new() }),
            None => self.commit(),
        }
    }

    fn read_on(&mut self, now: Micros, digesting: Digesting) {
        let length = self.length();
        if digesting.read < length {
            let (offset, rest) = (digesting.read, length - digesting.read);
            self.queue.push_back(Output::Read { offset, length: rest.min(READ_BACK_BYTES) });
            self.state = State::Digesting(digesting);
        } else if self.sha256() == Some(digesting.hash.finalize().into())
            || !on(Check::ObjectDigest)
        {
            self.commit();
        } else {
            self.on_wrong_digest(now);
        }
    }

    pub(super) fn on_read_back(&mut self, now: Micros, bytes: &[u8]) {
        match core::mem::replace(&mut self.state, State::Syncing) {
            State::Digesting(mut digesting) => {
                if bytes.is_empty() {
                    return self.fail(FetchError::Storage { doing: "read back" });
                }
                digesting.hash.update(bytes);
                digesting.read += bytes.len() as u64;
                self.read_on(now, digesting);
            }
            other => self.state = other,
        }
    }

    /// Nothing is committed: what was there before, and then what came from servers, is dropped before
    /// anything else is doubted; then what is held is compared with what arrives, or dropped in the end.
    fn on_wrong_digest(&mut self, now: Micros) {
        if self.finishing().is_some() && self.next.is_some() {
            // Nothing comes any more that could tell what is wrong.
            self.tell(Event::DigestFailed { failures: 1 });
            return self.end_overlap(now);
        }
        // What is signed goes on with what the channel has.
        self.finishing = None;
        if self.doubt_resumed() || self.doubt_servers() {
            self.state = State::Receiving;
            return self.join_all(now);
        }
        self.failures += 1;
        self.tell(Event::DigestFailed { failures: self.drops * DIGEST_FAILURES + self.failures });
        if self.failures >= DIGEST_FAILURES {
            self.failures = 0;
            self.drops += 1;
            if self.drops >= DIGEST_DROPS {
                let failures = self.drops * DIGEST_FAILURES;
                return self.fail(FetchError::Digest { failures });
            }
            self.drop_held();
        } else if !self.go_over()
            && let Some((_, assembly)) = &mut self.current
        {
            assembly.doubt();
        }
        self.state = State::Receiving;
        self.join_all(now);
    }

    fn commit(&mut self) {
        self.state = State::Committing;
        self.queue.push_back(Output::Commit);
    }

    pub(super) fn on_committed(&mut self, ok: bool) {
        if !matches!(self.state, State::Committing) {
            return;
        }
        if !ok {
            return self.fail(FetchError::Storage { doing: "put the object in place" });
        }
        self.cancel_request();
        self.state = State::Over;
        self.stats.overlaps_finished += u64::from(self.finishing().is_some());
        let (length, check, sha256) = (self.length(), self.check, self.sha256());
        self.tell(Event::Complete { length, check, sha256 });
    }
}
