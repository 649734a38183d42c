//! What happens over a span of time: every moment at which something changes, in order. What the budget
//! and the plan look at; [`super::Timetable::at`] looks at one moment alone, and tells the same.

use super::hours::{Hours, Open};
use super::window::{next_start, opening};
use super::{Timetable, Wait};
use crate::lineup::When;
use crate::roster::Roster;

/// Openings of a window that are looked at: one every hour for more than a year.
const OPENINGS_MAX: usize = 10_000;

/// Moments that are looked at in all.
const MOMENTS_MAX: usize = 100_000;

/// Everything at a moment, which stands until the next.
pub(crate) struct Moment<'a> {
    /// Unix seconds.
    pub(crate) at_s: i64,
    /// By place of the schedule: the window that decides.
    pub(crate) open: &'a [Option<Open>],
    /// Who is on air.
    pub(crate) roster: &'a Roster,
    /// Who would be, did the interface carry it.
    pub(crate) waits: &'a [Wait],
}

/// Spans in which a window is open, from one moment to another; and the end of what was looked at.
fn spans(hours: &Hours, when: &When, (from_s, until_s): (i64, i64)) -> (Vec<(i64, i64)>, i64) {
    let (mut spans, mut at): (Vec<(i64, i64)>, _) = (Vec::new(), from_s);
    for _ in 0..OPENINGS_MAX {
        if let Some(open) = opening(when, hours.zone(), at) {
            match spans.last_mut() {
                Some(last) if last.1 == at => last.1 = open.end_s,
                _ => spans.push((at, open.end_s)),
            }
            at = open.end_s;
        } else {
            let Some(next) = next_start(when, hours.zone(), at) else { return (spans, until_s) };
            at = next;
        }
        if at >= until_s {
            return (spans, until_s);
        }
    }
    (spans, at)
}

/// States of a schedule from one moment to another, and the end of what was looked at.
fn states(hours: &Hours, (from_s, until_s): (i64, i64)) -> (Vec<(i64, Option<Open>)>, i64) {
    let mut end = until_s;
    let of_windows: Vec<_> = hours
        .windows()
        .iter()
        .map(|window| {
            let (spans, looked) = spans(hours, &window.when, (from_s, until_s));
            end = end.min(looked);
            spans
        })
        .collect();
    let edges = of_windows.iter().flatten().chain(hours.black_outs());
    let mut moments: Vec<_> = edges.flat_map(|(from, to)| [*from, *to]).collect();
    moments.push(from_s);
    moments.retain(|at| (from_s..end).contains(at));
    moments.sort_unstable();
    moments.dedup();
    let mut next = vec![0; of_windows.len()];
    let mut states: Vec<(i64, Option<Open>)> = Vec::new();
    for at in moments {
        let mut is_open = |place: usize| {
            let (Some(spans), Some(next)) = (of_windows.get(place), next.get_mut(place)) else {
                return false;
            };
            while spans.get(*next).is_some_and(|(_, to)| *to <= at) {
                *next += 1;
            }
            spans.get(*next).is_some_and(|(from, _)| *from <= at)
        };
        let open = if hours.black_out(at).is_some() { None } else { hours.decides(&mut is_open) };
        if states.last().is_none_or(|(_, last)| *last != open) {
            states.push((at, open));
        }
    }
    (states, end)
}

impl Timetable {
    /// Shows every moment from `from_s` on, and before `until_s`, at which something changes; the first
    /// is `from_s` itself. Returns until when it looked: less than was asked where very much happens.
    pub(crate) fn visit(
        &self,
        (from_s, until_s): (i64, i64),
        mut show: impl FnMut(&Moment<'_>),
    ) -> i64 {
        let mut end = until_s;
        let mut changes = Vec::new();
        for (place, hours) in self.hours.iter().enumerate() {
            let (states, looked) = states(hours, (from_s, until_s));
            end = end.min(looked);
            changes.extend(states.into_iter().map(|(at, open)| (at, place, open)));
        }
        changes.sort_by_key(|(at, place, _)| (*at, *place));
        let mut open = vec![None; self.hours.len()];
        let mut shown = 0;
        for same in changes.chunk_by(|one, other| one.0 == other.0) {
            let Some((at_s, ..)) = same.first().copied() else { continue };
            if at_s >= end {
                break;
            }
            if shown == MOMENTS_MAX {
                return at_s;
            }
            shown += 1;
            for (_, place, state) in same {
                if let Some(open) = open.get_mut(*place) {
                    *open = *state;
                }
            }
            let (roster, waits) = self.decide(&open);
            show(&Moment { at_s, open: &open, roster: &roster, waits: &waits });
        }
        if changes.is_empty() {
            let (roster, waits) = self.decide(&open);
            show(&Moment { at_s: from_s, open: &open, roster: &roster, waits: &waits });
        }
        end
    }
}
