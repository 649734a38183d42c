//! An object that a signed release describes: what is announced of it is a hint, and what the slot
//! holds of it already counts.
//!
//! ```text
//!  Idle ─> Resume ──held──> Receiving ──each 1/64──> Keep
//!                     └─whole─> Sync, digest: no group is joined
//! ```
//!
//! The digest that is signed decides in the end. So nothing that is announced can change what is
//! received, and slices are never doubted for what a companion sends: at worst the digest is wrong,
//! and what differs is received again.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU8;
use core::ops::Range;

use stbcast_flute::fdt::{Alternates, Unicast, toi_candidates};
use stbcast_object::Micros;
use stbcast_release::{Check, on};

use super::layout::Layout;
use super::{Described, State};
use crate::{Announcement, Content, Event, FetchError, Output};

impl<P: Clone> Described<P> {
    pub(super) const fn is_expected(&self) -> bool {
        self.options.expected.is_some()
    }

    /// Begins with what a signed release says, without asking anybody.
    pub(super) fn begin_expected(&mut self, now: Micros, expected: Box<Announcement>) {
        if !self.is_described(&expected) {
            return self.fail(FetchError::NotDescribed);
        }
        self.state = State::Resuming;
        self.attempt = 1;
        self.begin(now, expected);
    }

    /// What is prepared in the storage: with a digest that is signed, what it holds stays.
    pub(super) fn resume_storage(&mut self, content: Content) {
        let (role, version) = (self.options.role, self.options.version.clone());
        self.queue.push_back(Output::Resume { role, version, content });
    }

    /// The storage holds these symbols.
    pub(super) fn on_resumed(&mut self, now: Micros, held: &[Range<u32>]) {
        if !matches!(self.state, State::Resuming) {
            return;
        }
        // Groups are joined behind this, if anything is missing.
        self.state = State::Receiving;
        (self.last_alive, self.last_wanted) = (now, now);
        let Some((announcement, assembly)) = &mut self.current else { return };
        let unit = content(announcement, &assembly.layout).map_or(0, |one| one.symbol_bytes);
        let length = assembly.layout.length();
        let mut symbols = 0;
        for held in held {
            symbols += assembly.resume(&bytes_of(held, unit.into(), length));
        }
        self.stats.resumed_bytes += assembly.resumed_bytes();
        if symbols > 0 {
            let of = assembly.layout.symbols();
            self.tell(Event::Resumed { symbols, of });
        }
    }

    /// Tells the storage what is written, where that is worth its while.
    pub(super) fn keep_when_due(&mut self) {
        let is_due = self.current.as_ref().is_some_and(|(_, assembly)| assembly.is_keep_due());
        if is_due && matches!(self.state, State::Receiving) {
            self.keep();
        }
    }

    /// Tells the storage what is written and was not told yet.
    pub(super) fn keep(&mut self) {
        let Some((announcement, assembly)) = &mut self.current else { return };
        let Some(content) = content(announcement, &assembly.layout) else { return };
        let layout = assembly.layout;
        let whole = |symbols: Range<u32>| {
            whole(&layout.bytes_of(&symbols), content.symbol_bytes.into(), layout.length())
        };
        let symbols: Vec<_> = assembly.untold().into_iter().map(whole).collect();
        if !symbols.is_empty() {
            self.queue.push_back(Output::Keep { symbols });
        }
    }

    /// The object is whole and not what is signed: whether something of it was there before, which
    /// is dropped, and received again.
    pub(super) fn doubt_resumed(&mut self) -> bool {
        let Some((_, assembly)) = &mut self.current else { return false };
        if !on(Check::ResumedDigest) {
            return false;
        }
        let symbols = assembly.drop_resumed();
        if symbols > 0 {
            self.tell(Event::ResumedDropped { symbols });
        }
        symbols > 0
    }

    /// A session announces the object. What it says of other bytes is passed over; of these it may
    /// tell another TOI, and whether servers are to be asked.
    pub(super) fn on_announced_again(&mut self, now: Micros, announcement: &Announcement) {
        let carrier = self.carrier();
        let Some((current, _)) = &self.current else { return };
        let is_same = current.sha256 == announcement.sha256
            && Layout::of(current, carrier) == Layout::of(announcement, carrier);
        if !is_same {
            self.stats.other_announcements += 1;
            self.finish_first(now, announcement);
            return;
        }
        self.tois.note(announcement.toi);
        if let Some(expected) = self.options.expected.clone() {
            let unicast = narrowed(expected.unicast.as_ref(), announcement.unicast.as_ref());
            self.announce_servers(now, &Announcement { unicast, ..*expected });
        }
    }

    /// Whether a TOI is the object's.
    pub(super) fn is_own(&self, announcement: &Announcement, toi: u128) -> bool {
        announcement.toi == toi || (self.is_expected() && self.tois.has(announcement, toi))
    }
}

/// Which content is received of an object.
pub(super) fn content(announcement: &Announcement, layout: &Layout) -> Option<Content> {
    // Counted in the symbols of its code, whether repair symbols are used or not.
    let symbol_bytes = announcement.geometry.map(|geometry| geometry.symbol_bytes());
    Some(Content {
        sha256: announcement.sha256?,
        length: layout.length(),
        symbol_bytes: symbol_bytes.unwrap_or_else(|| layout.slice_bytes()),
    })
}

/// The bytes of symbols of `unit` bytes each.
fn bytes_of(symbols: &Range<u32>, unit: u64, length: u64) -> Range<u64> {
    let at = |symbol: u32| (u64::from(symbol) * unit).min(length);
    at(symbols.start)..at(symbols.end)
}

/// The symbols of `unit` bytes each of which these have every byte.
pub(super) fn whole(bytes: &Range<u64>, unit: u64, length: u64) -> Range<u32> {
    let unit = unit.max(1);
    let symbol = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
    let end = if bytes.end >= length { length.div_ceil(unit) } else { bytes.end / unit };
    let start = symbol(bytes.start.div_ceil(unit));
    start..symbol(end).max(start)
}

/// Numbers under which sessions carry the object, as far as they were told.
#[derive(Clone, Debug, Default)]
pub(super) struct Tois(arrayvec::ArrayVec<u128, 4>);

impl Tois {
    /// Takes note of a number that was announced; the one told longest ago makes room.
    fn note(&mut self, toi: u128) {
        if self.0.contains(&toi) {
            return;
        }
        if self.0.is_full() {
            self.0.remove(0);
        }
        self.0.push(toi);
    }

    /// Whether a number is one of these, or one that senders make of the digest.
    fn has(&self, announcement: &Announcement, toi: u128) -> bool {
        let of_digest =
            |digest| toi_candidates(digest).any(|candidate| u128::from(candidate) == toi);
        self.0.contains(&toi) || announcement.sha256.as_ref().is_some_and(of_digest)
    }
}

/// What is announced of servers, as far as it is signed: the servers of both, and the longer waits.
/// Nobody can send boxes to a server, or all of them at once, without a signature.
fn narrowed(signed: Option<&Unicast>, announced: Option<&Unicast>) -> Option<Unicast> {
    if !on(Check::SignedServers) {
        return announced.cloned();
    }
    let (signed, announced) = (signed?, announced?);
    let is_announced = |url: &&str| announced.alternates.urls().any(|one| one == *url);
    let mut list = String::new();
    for url in signed.alternates.urls().filter(is_announced) {
        list.push_str(url);
        list.push(' ');
    }
    let after_cycles: NonZeroU8 = signed.after_cycles.max(announced.after_cycles);
    let window_s = signed.window_s().max(announced.window_s());
    Unicast::new(Alternates::new(&list).ok()?, after_cycles, window_s).ok()
}
