//! One schedule: whether it is open at a moment, by which window, and until when that may stand.

use jiff::ToSpan;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::window::{Opening, next_start, opening};
use super::zone::moment;
use crate::lineup::{Schedule, Window};

/// A schedule ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Hours {
    zone: TimeZone,
    windows: Vec<Window>,
    /// First second and first second after, sorted.
    black_out: Vec<(i64, i64)>,
}

/// The window that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// Its place on the schedule.
    pub(crate) window: usize,
    /// Bits of IP per second; each channel's own where `None`.
    pub(crate) bit_rate_bps: Option<u64>,
    /// Who goes first where not all fit.
    pub(crate) priority: i32,
}

/// A schedule at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// The window that decides; `None` where it is closed.
    pub(super) open: Option<Open>,
    /// The next moment at which this may be otherwise; `None` where it never is.
    pub(super) until_s: Option<i64>,
}

impl Hours {
    pub(super) fn of(schedule: &Schedule) -> Self {
        let Schedule { zone, black_out, windows, .. } = schedule;
        let midnight = |date: jiff::civil::Date| moment(zone, date.to_datetime(Time::midnight()));
        let span = |(first, last): &(jiff::civil::Date, jiff::civil::Date)| {
            (midnight(*first), last.checked_add(1.day()).map_or(i64::MAX, midnight))
        };
        let mut black_out: Vec<_> = black_out.iter().map(span).collect();
        black_out.sort_unstable();
        Self { zone: zone.clone(), windows: windows.clone(), black_out }
    }

    pub(super) const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(super) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// First second and first second after of each, in order.
    pub(super) fn black_outs(&self) -> &[(i64, i64)] {
        &self.black_out
    }

    /// The black-out at a moment.
    pub(super) fn black_out(&self, unix_s: i64) -> Option<(i64, i64)> {
        self.black_out.iter().find(|(from, to)| *from <= unix_s && unix_s < *to).copied()
    }

    /// What a window does at a moment, black-outs left aside.
    pub(super) fn opening(&self, window: usize, unix_s: i64) -> Option<Opening> {
        opening(&self.windows.get(window)?.when, &self.zone, unix_s)
    }

    /// The state at a moment.
    pub(super) fn at(&self, unix_s: i64) -> State {
        if let Some((_, to)) = self.black_out(unix_s) {
            return State { open: None, until_s: Some(to) };
        }
        let mut until = self.black_out.iter().map(|(from, _)| *from).find(|from| *from > unix_s);
        let open = self.decides(&mut |place| {
            let Some(Window { when, .. }) = self.windows.get(place) else { return false };
            let opening = opening(when, &self.zone, unix_s);
            let edges = [next_start(when, &self.zone, unix_s), opening.map(|it| it.end_s)];
            until = edges.into_iter().flatten().chain(until).min();
            opening.is_some()
        });
        State { open, until_s: until }
    }

    /// The window that decides of those that are open: of the highest priority the first written.
    pub(super) fn decides(&self, is_open: &mut impl FnMut(usize) -> bool) -> Option<Open> {
        let mut decides: Option<Open> = None;
        for (place, window) in self.windows.iter().enumerate() {
            if is_open(place) && decides.is_none_or(|other| other.priority < window.priority) {
                let Window { bit_rate_bps, priority, .. } = *window;
                decides = Some(Open { window: place, bit_rate_bps, priority });
            }
        }
        decides
    }
}
