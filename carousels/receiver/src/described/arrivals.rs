//! Slices and symbols as they arrive.

use stbcast_flute::Symbol;
use stbcast_infocast::Verdict;
use stbcast_object::{Group, Micros};

use super::assembly::Fit;
use super::layout::Carrier;
use super::revisions::OnAir;
use super::{Described, State};
use crate::{Area, Arrival, Output, Rejection, SymbolArrival};

impl<P: Clone> Described<P> {
    /// A datagram of a FLUTE session that carries nothing of the object.
    pub(super) fn on_heard(&mut self, now: Micros, group: Group, bytes: usize) {
        self.count(bytes);
        self.stats.descriptions += 1;
        if Some(group) == self.asked() {
            self.asked_heard.get_or_insert(now);
        }
        if group == self.group {
            self.last_alive = now;
        }
    }

    pub(super) fn on_arrival(&mut self, now: Micros, arrival: Arrival<P>) {
        if !matches!(self.state, State::Receiving) {
            return;
        }
        self.count(arrival.datagram_bytes);
        if self.options.source.is_some_and(|pinned| pinned != arrival.from) {
            return self.stats.reject(Rejection::WrongSource);
        }
        self.last_alive = now;
        if !self.sliced.is_some_and(|sliced| sliced.is_named(arrival.name)) {
            self.stats.foreign += 1;
            return;
        }
        let slice = arrival.slice;
        if slice.verdict == Verdict::Bad {
            return self.stats.reject(Rejection::BadTrailer);
        }
        // One that was on its way when the channel was left may be of the new revision already.
        if self.on_air == OnAir::Older || self.finishing().is_some() {
            return self.stats.reject(Rejection::OtherRevision);
        }
        if let Err(rejection) = self.hear_revision(now, &slice) {
            return self.stats.reject(rejection);
        }
        if let Verdict::Verified(check) = slice.verdict {
            self.check = Some(check);
        }
        self.last_wanted = now;
        self.hear_slice(now, arrival.from, slice.index);
        self.take_slice(slice.index, arrival.payload);
    }

    /// A slice of the object, as far as can be told.
    fn take_slice(&mut self, slice: u32, payload: P) {
        let Some((_, assembly)) = &mut self.current else { return };
        let offset = assembly.layout.offset(slice);
        let length = assembly.layout.slice_length(slice);
        match assembly.slice(slice) {
            Fit::New => {
                self.stats.stored += 1;
                self.stats.fetched_bytes += length;
                self.write(Area::Slot, offset, payload);
            }
            Fit::Known => self.stats.duplicates += 1,
            Fit::Doubted => {
                self.stats.duplicates += 1;
                self.comparing.push_back((slice, payload.clone()));
                self.queue.push_back(Output::Compare { offset, payload });
            }
        }
    }

    pub(super) fn on_symbol(&mut self, now: Micros, arrival: SymbolArrival<P>) {
        match self.state {
            State::Receiving => {}
            // Of an object that is not described yet.
            State::Asking => return self.on_heard(now, arrival.group, arrival.datagram_bytes),
            _ => return,
        }
        self.count(arrival.datagram_bytes);
        if self.options.source.is_some_and(|pinned| pinned != arrival.from) {
            return self.stats.reject(Rejection::WrongSource);
        }
        if arrival.group == self.group {
            self.last_alive = now;
        }
        if let Some(next) = self.next.as_ref().filter(|next| next.toi == arrival.toi) {
            if next.geometry != arrival.geometry {
                return self.stats.reject(Rejection::ContradictsAnnouncement);
            }
            if self.finishing().is_some() {
                self.stats.foreign += 1;
                return self.note_next_on_air();
            }
            self.switch_to_next(now);
        }
        let Some((announcement, assembly)) = &self.current else { return };
        if !self.is_own(announcement, arrival.toi) {
            return self.on_other_toi(arrival.of_location);
        }
        if announcement.geometry != arrival.geometry || !assembly.layout.has(&arrival) {
            return self.stats.reject(Rejection::ContradictsAnnouncement);
        }
        self.prove();
        match arrival.symbol {
            Symbol::Source { index } if self.carrier() == Carrier::Session => {
                self.last_wanted = now;
                self.hear_slice(now, arrival.from, index);
                self.take_slice(index, arrival.payload);
            }
            // Companions carry repair symbols alone.
            Symbol::Source { .. } => self.stats.foreign += 1,
            Symbol::Repair { block, index } => {
                self.take_repair(now, (block, index), (arrival.length, arrival.payload));
            }
        }
    }

    fn take_repair(
        &mut self,
        now: Micros,
        (block, index): (u32, u32),
        (length, payload): (u32, P),
    ) {
        let Some((_, assembly)) = &mut self.current else { return };
        let Some(offset) = assembly.repair(block, index) else {
            self.stats.repair_useless += 1;
            return;
        };
        // What still helps keeps the fetch going, even where the channel is silent.
        (self.last_alive, self.last_wanted) = (now, now);
        self.stats.repair_stored += 1;
        self.stats.fetched_bytes += u64::from(length);
        self.write(Area::Repair, offset, payload);
    }

    /// A symbol of the announced revision: slices are of it, too.
    fn prove(&mut self) {
        let was = core::mem::replace(&mut self.on_air, OnAir::Proven);
        if was == (OnAir::Unproven { doubted: true }) {
            // What was heard before may have been of an older revision.
            self.drop_held();
        }
    }

    /// A symbol of a TOI that is not announced.
    fn on_other_toi(&mut self, of_location: bool) {
        self.stats.foreign += 1;
        match &mut self.on_air {
            OnAir::Unproven { .. } if of_location => {
                self.on_air = OnAir::Older;
                self.drop_held();
            }
            OnAir::Unproven { doubted } => *doubted = true,
            OnAir::Older | OnAir::Proven => {}
        }
    }
}
