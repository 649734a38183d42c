//! Which groups are joined.

use arrayvec::ArrayVec;
use stbcast_object::{Group, Micros};

use super::layout::Carrier;
use super::{Described, State};
use crate::limits::GROUPS_MAX;
use crate::{Announcement, Listen, Output};

/// The groups joined, and the companion that is one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    joined: ArrayVec<Group, GROUPS_MAX>,
    companion: Option<Companion>,
}

/// A companion's group, and its session where that is known.
type Companion = (Group, Option<u32>);

impl<P: Clone> Described<P> {
    /// Where the repair symbols of an announced object are: what the options say, else what is
    /// announced. A FLUTE carousel carries its own.
    pub(super) fn companion_of(&self, announcement: &Announcement) -> Option<Companion> {
        if self.carrier() == Carrier::Session {
            return None;
        }
        let announced = announcement.companion.map(|one| (one.group, Some(one.tsi)));
        let companion = self.options.repair.map(|group| (group, None)).or(announced);
        // Slices are heard there, not symbols.
        companion.filter(|(group, _)| *group != self.group)
    }

    /// Joins what the state wants joined.
    pub(super) fn join_all(&mut self, now: Micros) {
        (self.last_alive, self.last_wanted) = (now, now);
        if let Some(asked) = self.asked() {
            self.join_flute((asked, None));
        }
        if matches!(self.state, State::Receiving) && self.carrier() == Carrier::Channel {
            if let Some(sliced) = self.sliced.filter(|_| self.finishing().is_none()) {
                self.join(self.group, sliced.listen());
            }
            if let Some(companion) = self.groups.companion {
                self.join_flute(companion);
            }
        }
    }

    /// Whether there is a companion, with symbols or without.
    pub(super) const fn has_companion(&self) -> bool {
        self.groups.companion.is_some()
    }

    pub(super) fn has_joined(&self) -> bool {
        !self.groups.joined.is_empty()
    }

    pub(super) fn leave_all(&mut self) {
        for group in core::mem::take(&mut self.groups.joined) {
            self.queue.push_back(Output::Leave { group });
        }
    }

    /// From here on the companion is this one, which is joined in place of the one before.
    pub(super) fn listen_to(&mut self, companion: Option<Companion>) {
        if self.groups.companion == companion {
            return;
        }
        let old = core::mem::replace(&mut self.groups.companion, companion);
        let is_receiving = matches!(self.state, State::Receiving);
        if let Some((group, _)) = old.filter(|(group, _)| Some(*group) != self.asked()) {
            self.leave(group);
        }
        if let Some(companion) = companion.filter(|_| is_receiving) {
            self.join_flute(companion);
        }
    }

    pub(super) fn leave(&mut self, group: Group) {
        let joined = self.groups.joined.len();
        self.groups.joined.retain(|one| *one != group);
        if self.groups.joined.len() < joined {
            self.queue.push_back(Output::Leave { group });
        }
    }

    fn join_flute(&mut self, (group, tsi): Companion) {
        let (location, expected) = (self.location.clone(), self.options.expected.is_some());
        self.join(group, Listen::Flute { location, tsi, statements: false, expected });
    }

    fn join(&mut self, group: Group, listen: Listen) {
        let joined = &mut self.groups.joined;
        if !joined.contains(&group) && joined.try_push(group).is_ok() {
            let source = self.options.source;
            self.queue.push_back(Output::Join { group, source, listen });
        }
    }
}
