//! Whether slices gathered over several passes are one revision.
//!
//! Infocast carries no digest, so a box that joined in mid-cycle, or lost a datagram, puts an
//! object together from several passes and could mix two revisions. What helps is that a sender
//! changes revisions between two passes only: **one pass of one sender is one revision.** So each
//! slice remembers the pass it came in, and passes form groups:
//!
//! * a slice that comes again and agrees links its pass to the group of the slice held,
//! * slices that come again and differ prove the group of the slices held stale: it is dropped,
//! * an object is whole when every slice is held and one group is left.
//!
//! Senders go on in order, so the slices that follow the last missing one are those of the earlier
//! pass, and a few of them settle the question.

use alloc::vec::Vec;
use core::net::IpAddr;

use arrayvec::ArrayVec;
use stbcast_object::Micros;

use crate::limits::{
    CONFIRM_SLICES, OVERTAKEN, PASS_SILENCE, REORDER_SLICES, REVISION_CONTRADICTIONS, SENDERS_MAX,
};

/// A pass, as a slice remembers it.
pub(crate) type Tag = u8;

/// Groups kept apart; beyond that the smallest is dropped and its slices are received again.
const GROUPS_MAX: usize = Tag::MAX as usize;

/// Contradicted slices kept in mind; with more the group they belong to is taken to be stale.
const SUSPECTS_MAX: usize = 8;

/// Slices a pass has moved on before its pace is believed.
const PACE_SLICES: u32 = 16;

/// Arrivals in which a slice that comes again is a duplicate made by the network, which proves
/// nothing.
const RECENT: usize = REORDER_SLICES as usize;

#[derive(Clone, Debug, Default)]
pub(crate) struct Passes {
    senders: ArrayVec<Sender, SENDERS_MAX>,
    /// By tag; several tags share a root once they are linked.
    groups: Vec<Group>,
    suspects: ArrayVec<Suspect, SUSPECTS_MAX>,
    recent: ArrayVec<u32, RECENT>,
    next_recent: usize,
    next_serial: u32,
}

#[derive(Clone, Debug)]
struct Group {
    root: Tag,
    /// Slices held.
    size: u32,
    /// Slices of the pass `serial` that agreed, and different ones among them.
    agreed: u32,
    distinct: ArrayVec<u32, { CONFIRM_SLICES as usize }>,
    serial: u32,
    /// Slices in a row that differed.
    contradictions: u32,
}

impl Group {
    fn new(root: Tag, serial: u32) -> Self {
        Self { root, size: 0, agreed: 0, distinct: ArrayVec::new(), serial, contradictions: 0 }
    }
}

#[derive(Clone, Debug)]
struct Sender {
    from: IpAddr,
    pass: Pass,
    /// The pass before: its last datagrams may be overtaken by the first of the new one.
    previous: Option<Pass>,
}

#[derive(Clone, Copy, Debug)]
struct Pass {
    serial: u32,
    first_index: u32,
    first_at: Micros,
    last_index: u32,
    last_at: Micros,
    /// Its group, once it has stored or linked.
    tag: Option<Tag>,
}

/// What a slice that differs from the one held comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispute {
    /// Not decided; the next slices tell.
    Open,
    /// The slices of this root are stale.
    Stale(Tag),
    /// The slice held is stale, alone: two passes differed from it in the same way.
    StaleSlice,
    /// It contradicts its own group: damage or forgery, or a revision that shares most slices.
    Stray,
}

/// A slice that was contradicted and has not agreed since.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    index: u32,
    /// What came instead, and in which pass.
    fingerprint: u32,
    serial: u32,
}

impl Passes {
    /// Notes that slice `index` of `total` arrived; whether it is a duplicate made by the network.
    pub(crate) fn arrive(&mut self, now: Micros, from: IpAddr, index: u32, total: u32) -> bool {
        let reorder = REORDER_SLICES.min(total / 8);
        self.enter_pass(now, from, index, total);
        let window = (reorder as usize).min(RECENT);
        if window == 0 {
            return false;
        }
        let repeated = self.recent.contains(&index);
        if self.recent.len() > window {
            self.recent.clear();
            self.next_recent = 0;
        }
        if self.recent.len() < window {
            self.recent.push(index);
        } else if let Some(slot) = self.recent.get_mut(self.next_recent) {
            *slot = index;
        }
        self.next_recent = (self.next_recent + 1) % window;
        repeated
    }

    fn enter_pass(&mut self, now: Micros, from: IpAddr, index: u32, total: u32) {
        let fresh = Pass::new(self.next_serial, index, now);
        let Some(place) = self.senders.iter().position(|sender| sender.from == from) else {
            if self.senders.is_full() {
                self.senders.remove(0);
            }
            self.senders.push(Sender { from, pass: fresh, previous: None });
            self.next_serial = self.next_serial.wrapping_add(1);
            return;
        };
        // The sender heard last stands last, so the one silent for longest makes room.
        if place + 1 < self.senders.len() {
            let heard = self.senders.remove(place);
            self.senders.push(heard);
        }
        let Some(sender) = self.senders.last_mut() else { return };
        // Of few slices, one that comes again may as well be of a new pass.
        let overtaken = |old: &Pass| old.last_index != index && old.is_overtaken(now, index, total);
        let late = sender.previous.filter(overtaken);
        if sender.pass.is_overtaken(now, index, total) {
            sender.pass.advance(now, index);
        } else if let Some(mut previous) = late {
            previous.advance(now, index);
            sender.previous = Some(core::mem::replace(&mut sender.pass, previous));
        } else if sender.pass.goes_on(now, index, total) {
            sender.pass.advance(now, index);
        } else {
            sender.previous = Some(core::mem::replace(&mut sender.pass, fresh));
            self.next_serial = self.next_serial.wrapping_add(1);
        }
    }

    /// Whether nothing has arrived yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.senders.is_empty()
    }

    fn pass(&self) -> Option<&Pass> {
        self.senders.last().map(|sender| &sender.pass)
    }

    fn root_of(&self, tag: Tag) -> Tag {
        self.groups.get(usize::from(tag)).map_or(tag, |group| group.root)
    }

    fn group(&mut self, root: Tag) -> Option<&mut Group> {
        self.groups.get_mut(usize::from(root))
    }

    /// The slice that arrived is stored; the tag to keep with it. `None` when no further group can
    /// be told apart: the caller drops the [`Passes::smallest`] and asks again.
    pub(crate) fn store(&mut self) -> Option<Tag> {
        let pass = *self.pass()?;
        let tag = match pass.tag {
            Some(tag) => tag,
            None => self.new_group(pass.serial)?,
        };
        let root = self.root_of(tag);
        self.set_tag(root);
        let group = self.group(root)?;
        group.size += 1;
        group.contradictions = 0;
        Some(root)
    }

    fn new_group(&mut self, serial: u32) -> Option<Tag> {
        if self.groups.len() < GROUPS_MAX {
            let tag = Tag::try_from(self.groups.len()).ok()?;
            self.groups.push(Group::new(tag, serial));
            return Some(tag);
        }
        // A tag that is linked to another still stands with its slices.
        let is_free = |(tag, group): (Tag, &Group)| group.size == 0 && group.root == tag;
        let free = (0..=Tag::MAX).zip(&self.groups).position(is_free)?;
        let tag = Tag::try_from(free).ok()?;
        *self.group(tag)? = Group::new(tag, serial);
        Some(tag)
    }

    fn set_tag(&mut self, tag: Tag) {
        if let Some(sender) = self.senders.last_mut() {
            sender.pass.tag = Some(tag);
        }
    }

    /// Slice `index` arrived, is held with `tag` and agrees; both have this `fingerprint`.
    ///
    /// Revisions of one image share runs of equal slices, black or padding: so different slices
    /// must agree, or all there are.
    pub(crate) fn agree(&mut self, index: u32, fingerprint: u32, tag: Tag) {
        self.suspects.retain(|suspect| suspect.index != index);
        let Some(&Pass { serial, tag: mine, .. }) = self.pass() else { return };
        let (theirs, mine) = (self.root_of(tag), mine.map(|mine| self.root_of(mine)));
        let Some(group) = self.group(theirs) else { return };
        group.contradictions = 0;
        if mine == Some(theirs) {
            return;
        }
        if group.serial != serial {
            (group.serial, group.agreed) = (serial, 0);
            group.distinct.clear();
        }
        group.agreed += 1;
        if !group.distinct.contains(&fingerprint) {
            let _ = group.distinct.try_push(fingerprint);
        }
        if group.distinct.is_full() || group.agreed >= group.size {
            self.link(mine, theirs);
        }
    }

    fn link(&mut self, mine: Option<Tag>, theirs: Tag) {
        if let Some(mine) = mine {
            let size = self.group(mine).map_or(0, |group| core::mem::take(&mut group.size));
            if let Some(group) = self.group(theirs) {
                group.size += size;
            }
            for group in self.groups.iter_mut().filter(|group| group.root == mine) {
                group.root = theirs;
            }
        }
        self.set_tag(theirs);
    }

    /// Slice `index` arrived, is held with `tag`, and differs: its own is `fingerprint`.
    pub(crate) fn differ(&mut self, index: u32, fingerprint: u32, tag: Tag) -> Dispute {
        let Some(&Pass { serial, tag: mine, .. }) = self.pass() else { return Dispute::Stray };
        let mine = mine.map(|mine| self.root_of(mine));
        let theirs = self.root_of(tag);
        let suspect = Suspect { index, fingerprint, serial };
        match self.suspects.iter_mut().find(|suspect| suspect.index == index) {
            Some(old) if old.fingerprint == fingerprint => {
                if old.serial != serial {
                    return Dispute::StaleSlice;
                }
            }
            Some(old) => *old = suspect,
            None => {
                if self.suspects.try_push(suspect).is_err() {
                    return Dispute::Stale(theirs);
                }
            }
        }
        if mine == Some(theirs) {
            return Dispute::Stray;
        }
        let Some(group) = self.group(theirs) else { return Dispute::Stray };
        group.contradictions += 1;
        if group.contradictions >= REVISION_CONTRADICTIONS.min(group.size) {
            Dispute::Stale(theirs)
        } else {
            Dispute::Open
        }
    }

    /// One slice held with `tag` was dropped.
    pub(crate) fn dropped_one(&mut self, index: u32, tag: Tag) {
        self.suspects.retain(|suspect| suspect.index != index);
        let root = self.root_of(tag);
        if let Some(group) = self.group(root) {
            group.size = group.size.saturating_sub(1);
        }
    }

    /// Whether a tag belongs to the group of this root.
    pub(crate) fn is_of(&self, tag: Tag, root: Tag) -> bool {
        self.root_of(tag) == root
    }

    /// The slices of a group were dropped; `held` tells which are left.
    pub(crate) fn dropped(&mut self, root: Tag, held: impl Fn(u32) -> bool) {
        self.suspects.retain(|suspect| held(suspect.index));
        for sender in &mut self.senders {
            let passes = [Some(&mut sender.pass), sender.previous.as_mut()];
            for pass in passes.into_iter().flatten() {
                let of_root =
                    |tag: Tag| self.groups.get(usize::from(tag)).is_some_and(|g| g.root == root);
                if pass.tag.is_some_and(of_root) {
                    pass.tag = None;
                }
            }
        }
        for (tag, group) in (0..=Tag::MAX).zip(&mut self.groups) {
            if group.root == root {
                *group = Group::new(tag, group.serial);
            }
        }
    }

    /// The group with the fewest slices.
    pub(crate) fn smallest(&self) -> Option<Tag> {
        let live = self.groups.iter().filter(|group| group.size > 0);
        live.min_by_key(|group| group.size).map(|group| group.root)
    }

    /// Whether all slices held are known to be one revision.
    pub(crate) fn is_settled(&self) -> bool {
        let live = self.groups.iter().filter(|group| group.size > 0);
        self.suspects.is_empty() && live.count() <= 1
    }

    /// Whether no slice that differs waits for a decision.
    pub(crate) fn is_undisputed(&self) -> bool {
        self.groups.iter().all(|group| group.contradictions == 0)
    }
}

impl Pass {
    const fn new(serial: u32, index: u32, now: Micros) -> Self {
        let (first_index, first_at, last_index, last_at) = (index, now, index, now);
        Self { serial, first_index, first_at, last_index, last_at, tag: None }
    }

    fn advance(&mut self, now: Micros, index: u32) {
        (self.last_index, self.last_at) = (index, now);
    }

    /// Time `slices` take at the pace of this pass; unknown before it has moved a little.
    fn time_of(&self, slices: u32) -> Option<Micros> {
        let moved = self.last_index.checked_sub(self.first_index)?;
        if moved < PACE_SLICES {
            return None;
        }
        Some(Micros(self.last_at.since(self.first_at).times(slices.into()).0 / u64::from(moved)))
    }

    /// Whether the network alone explains that slice `index` comes now, behind later ones.
    fn is_overtaken(&self, now: Micros, index: u32, total: u32) -> bool {
        let reorder = REORDER_SLICES.min(total / 8);
        self.last_index.abs_diff(index) <= reorder && now.since(self.last_at) <= OVERTAKEN
    }

    /// Whether slice `index` at `now` may come further on in this pass: less time has gone by than
    /// the slices between and half a cycle take.
    fn goes_on(&self, now: Micros, index: u32, total: u32) -> bool {
        let Some(ahead) = index.checked_sub(self.last_index) else { return false };
        let most = self.time_of(ahead.saturating_add(total / 2)).unwrap_or(PASS_SILENCE);
        now.since(self.last_at) <= most.max(OVERTAKEN)
    }
}

#[cfg(test)]
mod tests;
