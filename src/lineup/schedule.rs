//! `[[schedule]]` and `[[interface]]`: when what follows a schedule is on air, and what an interface may
//! carry. What a window means at a moment is told in [`crate::schedule`].

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::schedule::Cron;

mod dates;
mod rules;
mod written;

pub(super) use written::{InterfaceDraft, InterfaceWritten, ScheduleDraft, ScheduleWritten};

/// Longest window of a cron expression in minutes: a week.
const MINUTES_MAX: i64 = 7 * 24 * 60;

/// Priorities go this far up and down.
const PRIORITY_MAX: i64 = 1_000;

/// A named set of windows in one time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Its time zone as the database spells it.
    pub timezone: String,
    /// The same with its rules.
    pub zone: TimeZone,
    /// First and last local dates on which nothing is sent, as they are written.
    pub black_out: Vec<(Date, Date)>,
    /// At least one, in the order of the file.
    pub windows: Vec<Window>,
}

/// Spans of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// When.
    pub when: When,
    /// Bits of IP per second of each channel that follows it; its own rate where `None`.
    pub bit_rate_bps: Option<u64>,
    /// Which window decides where several overlap, and who goes first where not all fit: the higher.
    pub priority: i32,
}

/// When a window is open.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// It opens at the times of an expression.
    Cron {
        /// The times.
        cron: Cron,
        /// For this many minutes of elapsed time, 1 to 10,080.
        minutes: u32,
    },
    /// It opens on these days.
    Daily {
        /// Time on the clock.
        from: Time,
        /// Time on the clock; of the next day where it is not later than `from`.
        to: Time,
        /// Days on which it opens.
        days: Days,
    },
    /// Once, between times on the clock; `to` is later than `from`.
    Dated {
        /// First moment.
        from: DateTime,
        /// First moment after it.
        to: DateTime,
    },
}

/// Days of the week, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Words for them, from Monday.
    pub(crate) const WORDS: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// Every day.
    pub const ALL: Self = Self(0x7f);

    /// The days at these places of [`Self::WORDS`].
    pub(crate) fn of_places(places: impl Iterator<Item = usize>) -> Self {
        Self(places.fold(0, |days, place| days | (1_u8.checked_shl(place as u32).unwrap_or(0))))
    }

    /// Whether this is one of them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 >> day.to_monday_zero_offset() & 1 == 1
    }
}

/// What may be sent on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceBudget {
    /// Its name or address, as written.
    pub name: String,
    /// Bits of IP per second of all that is sent there together.
    pub bit_rate_bps: u64,
}

#[cfg(test)]
mod tests;
