//! When what is on the line-up is on air, as a function of the wall clock alone: a clock that is set, a
//! headend that starts in the middle of a window and one that was off all night need no memory.
//!
//! ```text
//!  zone     which moment a time on the clock is       (DST both ways)
//!  window   the openings of one window                (cron, from/to, dates)
//!  hours    one schedule: windows, priorities, black-outs
//!  budget   who waits where an interface cannot carry all
//!  agenda   all moments of a year; runs and lint for the plan
//!  Timetable::at = Roster
//! ```
//!
//! What is decided where stands in `schedule/decisions.md`, which is also the test.

use std::sync::{Mutex, PoisonError};

use crate::lineup::{InterfaceBudget, LineUp, ObjectId};
use crate::roster::Roster;
use crate::spool::Digest;

mod agenda;
mod budget;
mod cron;
mod hours;
pub(crate) mod lint;
pub(crate) mod runs;
mod window;
pub(crate) mod zone;

pub(crate) use agenda::Moment;
pub use budget::Budget;
pub use cron::Cron;

use budget::{Wait, Wish};
use hours::{Hours, Open, State};

/// How far ahead is looked for a change, in seconds: the further, the longer it takes.
const SPANS: [i64; 3] = [86_400, 8 * 86_400, lint::AHEAD_S];

/// Who is on air when.
#[derive(Debug)]
pub struct Timetable {
    hours: Vec<Hours>,
    /// By sender, [`senders`]: its schedule and its own rate.
    senders: Vec<(Option<usize>, u64)>,
    /// How many of them are channels.
    channels: usize,
    objects: Vec<(ObjectId, usize)>,
    /// SHA-256 of the documents that follow a schedule.
    documents: Vec<([u8; 32], usize)>,
    budget: Budget,
    /// What stands from a moment until another.
    now: Mutex<Option<(i64, Option<i64>, Roster)>>,
    /// What changes next, as it was at a moment.
    next: Mutex<Option<(i64, Changes)>>,
}

/// What changes next, in Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Anything.
    pub any_s: Option<i64>,
    /// By place of the channel: whether it is on air, or how fast.
    pub channels: Vec<Option<i64>>,
    /// By place of the vendor sender: whether it runs.
    pub vendor_senders: Vec<Option<i64>>,
}

/// All that takes a share of an interface, in one row: the schedule that it follows, and its rate in bits of
/// IP per second. Channels stand first, vendor senders behind them.
fn senders(line_up: &LineUp) -> impl Iterator<Item = (Option<usize>, u64)> {
    let channels = line_up.channels.iter().map(|it| (it.schedule, it.bit_rate_bps));
    channels.chain(line_up.vendor_senders.iter().map(|it| (it.schedule, it.counted_bps)))
}

/// Name of one of them, and the schedule that it follows.
pub(crate) fn sender(line_up: &LineUp, place: usize) -> Option<(&str, Option<usize>)> {
    let channels = line_up.channels.iter().map(|it| (it.name.as_str(), it.schedule));
    let vendors = line_up.vendor_senders.iter().map(|it| (it.name.as_str(), it.schedule));
    channels.chain(vendors).nth(place)
}

impl Timetable {
    /// Of a line-up whose interfaces carry everything.
    pub fn of(line_up: &LineUp) -> Self {
        Self::within(line_up, Budget::default())
    }

    /// Of a line-up whose interfaces carry so much.
    pub fn within(line_up: &LineUp, budget: Budget) -> Self {
        let channels = line_up.channels.iter();
        let objects = channels.clone().enumerate().flat_map(|(channel, it)| {
            it.objects
                .iter()
                .enumerate()
                .filter_map(move |(object, it)| Some((ObjectId { channel, object }, it.schedule?)))
        });
        let documents = line_up.trust.iter().flat_map(|trust| trust.documents());
        let documents =
            documents.filter_map(|it| Some((Digest::of(&it.bytes).bytes(), it.schedule?)));
        Self {
            hours: line_up.schedules.iter().map(Hours::of).collect(),
            senders: senders(line_up).collect(),
            channels: line_up.channels.len(),
            objects: objects.collect(),
            documents: documents.collect(),
            budget,
            now: Mutex::new(None),
            next: Mutex::new(None),
        }
    }

    /// Whether nothing ever changes.
    pub fn is_constant(&self) -> bool {
        self.hours.is_empty()
    }

    /// Who is on air at `unix_s`, seconds since the Unix epoch. Cheap where little time has passed since
    /// it was asked last.
    pub fn at(&self, unix_s: i64) -> Roster {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((from, until, roster)) = &*now
            && *from <= unix_s
            && until.is_none_or(|until| unix_s < until)
        {
            return roster.clone();
        }
        let (roster, until) = self.look(unix_s);
        *now = Some((unix_s, until, roster.clone()));
        roster
    }

    /// What each interface may carry of ours beside the senders of vendors that run by `roster`.
    pub fn left(&self, line_up: &LineUp, roster: &Roster) -> Vec<InterfaceBudget> {
        self.budget.left(line_up, &roster.vendor_senders)
    }

    /// The first moment after `after_s`, within 400 days, at which [`Self::at`] is not what it was the
    /// second before; `None` where there is none, or so much happens that it cannot be told.
    pub fn next_change(&self, after_s: i64) -> Option<i64> {
        // Mostly it is near, and what is near is found soon.
        SPANS.into_iter().find_map(|span_s| self.changes_within(after_s, span_s).any_s)
    }

    /// The same for each channel. Cheap where nothing has changed since it was asked last.
    pub fn changes(&self, after_s: i64) -> Changes {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((from, changes)) = &*next
            && *from <= after_s
            && after_s < changes.any_s.unwrap_or(from.saturating_add(86_400))
        {
            return changes.clone();
        }
        let mut changes = Changes::default();
        for span_s in SPANS {
            changes = self.changes_within(after_s, span_s);
            let changing = changes.channels.iter().chain(&changes.vendor_senders);
            let of_schedules = changing.zip(&self.senders);
            let is_known = |(at, (schedule, _)): (&Option<i64>, &(Option<usize>, u64))| {
                at.is_some() || schedule.is_none()
            };
            if of_schedules.into_iter().all(is_known) && changes.any_s.is_some() {
                break;
            }
        }
        *next = Some((after_s, changes.clone()));
        changes
    }

    fn changes_within(&self, after_s: i64, span_s: i64) -> Changes {
        let after_s = zone::tellable(after_s);
        let mut changes = Changes {
            any_s: None,
            channels: vec![None; self.channels],
            vendor_senders: vec![None; self.senders.len().saturating_sub(self.channels)],
        };
        let mut before = None;
        self.visit((after_s, after_s + span_s), |moment| {
            let before = before.get_or_insert_with(|| moment.roster.clone());
            if changes.any_s.is_none() && moment.roster != before {
                changes.any_s = Some(moment.at_s);
            }
            let rates = before.channels.iter().zip(&moment.roster.channels);
            let rates = rates.map(|(before, now)| before != now).zip(&mut changes.channels);
            let runs = before.vendor_senders.iter().zip(&moment.roster.vendor_senders);
            let runs = runs.map(|(before, now)| before != now).zip(&mut changes.vendor_senders);
            for (_, change) in rates.chain(runs).filter(|(changed, _)| *changed) {
                change.get_or_insert(moment.at_s);
            }
        });
        changes
    }

    /// Who is on air, and the next moment at which that may be otherwise.
    fn look(&self, unix_s: i64) -> (Roster, Option<i64>) {
        let states: Vec<State> = self.hours.iter().map(|hours| hours.at(unix_s)).collect();
        let open: Vec<_> = states.iter().map(|state| state.open).collect();
        let until = states.iter().filter_map(|state| state.until_s).min();
        (self.decide(&open).0, until.filter(|until| *until > unix_s))
    }

    /// Who is on air, and who waits, when schedules are open like this.
    fn decide(&self, open: &[Option<Open>]) -> (Roster, Vec<Wait>) {
        let is_open = |schedule: usize| open.get(schedule).copied().flatten();
        let wish = |(place, (schedule, own)): (usize, &(Option<usize>, u64))| {
            let open = match schedule {
                Some(schedule) => Some(is_open(*schedule)?),
                None => None,
            };
            // A window has no word with a vendor's sender: its speed is its own.
            let rate = open.and_then(|open| open.bit_rate_bps).filter(|_| place < self.channels);
            let priority = open.map(|open| open.priority);
            Some(Wish { sender: place, bit_rate_bps: rate.unwrap_or(*own), priority })
        };
        let wishes: Vec<_> = self.senders.iter().enumerate().filter_map(wish).collect();
        let waits = self.budget.decide(&wishes);
        let mut rates = vec![None; self.senders.len()];
        for wish in &wishes {
            let waits = waits.iter().any(|wait| wait.sender == wish.sender);
            if let (false, Some(rate)) = (waits, rates.get_mut(wish.sender)) {
                *rate = Some(wish.bit_rate_bps);
            }
        }
        let vendors = rates.split_off(self.channels.min(rates.len()));
        let vendor_senders = vendors.iter().map(Option::is_some).collect();
        let mut roster = Roster { channels: rates, vendor_senders, ..Roster::default() };
        let closed = |schedule: &usize| is_open(*schedule).is_none();
        let off = self.objects.iter().filter(|(_, schedule)| closed(schedule));
        roster.off = off.map(|(id, _)| *id).collect();
        let unsaid = self.documents.iter().filter(|(_, schedule)| closed(schedule));
        roster.unsaid = unsaid.map(|(digest, _)| *digest).collect();
        (roster, waits)
    }
}

#[cfg(test)]
mod tests;
