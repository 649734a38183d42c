//! One window: the spans of time in which it is open.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::zone::{moment, reached};
use crate::lineup::{Days, When};

/// One time that a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// First second.
    pub(super) start_s: i64,
    /// First second after it; not later than `start_s` where the clock skips the whole of it.
    pub(super) end_s: i64,
    /// When it opens by the clock.
    pub(super) clock: DateTime,
    /// How long it is by the clock, in seconds.
    pub(super) nominal_s: i64,
}

impl Opening {
    pub(super) const fn holds(&self, unix_s: i64) -> bool {
        self.start_s <= unix_s && unix_s < self.end_s
    }
}

/// The opening that holds `unix_s`, where there is one; the one that ends last where they overlap.
pub(super) fn opening(when: &When, zone: &TimeZone, unix_s: i64) -> Option<Opening> {
    match when {
        When::Cron { cron, minutes } => {
            let clock = cron.last(reached(zone, unix_s))?;
            Some(of_cron(zone, clock, *minutes)).filter(|it| it.holds(unix_s))
        }
        When::Daily { from, to, days } => {
            let today = reached(zone, unix_s).date();
            // One that began yesterday may last until today; where a clock skips a whole day, longer.
            let days_back = (0..=2).filter_map(|back| today.checked_sub(back.days()).ok());
            let openings = days_back.filter_map(|date| of_day(zone, date, (*from, *to, *days)));
            openings.filter(|it| it.holds(unix_s)).max_by_key(|it| it.end_s)
        }
        When::Dated { from, to } => Some(dated(zone, *from, *to)).filter(|it| it.holds(unix_s)),
    }
}

/// When it opens next after `unix_s`.
pub(super) fn next_start(when: &When, zone: &TimeZone, unix_s: i64) -> Option<i64> {
    match when {
        When::Cron { cron, .. } => {
            let later = reached(zone, unix_s).checked_add(1.second()).ok()?;
            Some(moment(zone, cron.next(later)?)).filter(|start| *start > unix_s)
        }
        When::Daily { from, to, days } => {
            let today = reached(zone, unix_s).date();
            // A week later it opens again, at the latest.
            let days_on = (0..=8).filter_map(|on| today.checked_add(on.days()).ok());
            let openings = days_on.filter_map(|date| of_day(zone, date, (*from, *to, *days)));
            openings.map(|it| it.start_s).find(|start| *start > unix_s)
        }
        When::Dated { from, .. } => Some(moment(zone, *from)).filter(|start| *start > unix_s),
    }
}

fn of_cron(zone: &TimeZone, clock: DateTime, minutes: u32) -> Opening {
    let (start_s, nominal_s) = (moment(zone, clock), i64::from(minutes) * 60);
    Opening { start_s, end_s: start_s + nominal_s, clock, nominal_s }
}

fn of_day(zone: &TimeZone, date: Date, (from, to, days): (Time, Time, Days)) -> Option<Opening> {
    if !days.has(date.weekday()) {
        return None;
    }
    let next_day = if to <= from { Span::new().days(1) } else { Span::new() };
    let to = date.checked_add(next_day).ok()?.to_datetime(to);
    Some(dated(zone, date.to_datetime(from), to))
}

fn dated(zone: &TimeZone, from: DateTime, to: DateTime) -> Opening {
    Opening {
        start_s: moment(zone, from),
        end_s: moment(zone, to),
        clock: from,
        nominal_s: from.duration_until(to).as_secs(),
    }
}
