//! What is on air follows the clock and the kill file.

use std::time::{Duration, Instant};

use super::Headend;
use crate::dates;
use crate::killed::{self, Killed};
use crate::programme::{Programme, Stock};
use crate::publish::Publisher;
use crate::roster::Roster;
use crate::schedule::Changes as Next;
use crate::serve::ServeError;

/// What could not go on air at its time is tried again this often.
const RETRY: Duration = Duration::from_secs(2);

impl Headend {
    /// What is on air follows the clock and what was killed.
    pub(super) fn follow(&mut self, now: Instant) {
        self.interfaces.poll(now);
        let polled = self.killed.as_mut().map(|killed| killed.poll(now)).unwrap_or_default();
        self.desk.polled(&polled);
        let Some((stock, before)) = self.stock.take() else { return };
        let roster = self.roster_of(&stock);
        // What the headend signs by itself is signed anew each day.
        let day = dates::now() / 86_400;
        let is_stale = std::mem::replace(&mut self.day, day) != day && self.has_killed();
        let is_due = is_stale || self.retry.is_some_and(|at| at <= now);
        let is_spent = self.retry.is_none() && self.publisher.has_spent_overlaps(now);
        let changed = (polled.changed || is_due || is_spent || roster != before).then(|| {
            self.publisher.cap(&stock.timetable().left(stock.line_up(), &roster));
            self.programme_of(&stock, &roster).and_then(|it| self.publish(it, Publisher::follow))
        });
        self.follow_vendors(&stock, &roster, now);
        self.stock = Some((stock, roster));
        match changed {
            Some(Ok(())) => self.retry = None,
            // A night has nobody who would try again.
            Some(Err(error)) => {
                self.desk.refuses(&error);
                let is_first = self.retry.replace(now + RETRY).is_none();
                if is_first {
                    tracing::error!(
                        "{error}\n  what is on air stays as it is; tried again until it can change"
                    );
                }
            }
            None => {}
        }
    }

    /// Senders of vendors follow the clock and what was killed, whether or not channels can.
    pub(super) fn follow_vendors(&mut self, stock: &Stock, roster: &Roster, now: Instant) {
        let nothing = Killed::default();
        let killed = self.killed.as_ref().map_or(&nothing, killed::Watch::killed);
        self.vendors.follow(stock.line_up(), roster, killed, now);
    }

    /// Unix seconds at which the schedule changes what `find` chooses next.
    pub(in crate::serve) fn next_change(&self, find: impl Fn(&Next) -> Option<i64>) -> Option<u64> {
        let (stock, _) = self.stock.as_ref()?;
        let changes = stock.timetable().changes(i64::try_from(dates::now()).ok()?);
        u64::try_from(find(&changes)?).ok()
    }

    fn has_killed(&self) -> bool {
        self.killed.as_ref().is_some_and(|killed| !killed.killed().is_empty())
    }

    pub(super) fn roster_of(&self, stock: &Stock) -> Roster {
        stock.timetable().at(i64::try_from(dates::now()).unwrap_or(0))
    }

    pub(super) fn programme_of(
        &self,
        stock: &Stock,
        roster: &Roster,
    ) -> Result<Programme, ServeError> {
        let nothing = Killed::default();
        let killed = self.killed.as_ref().map_or(&nothing, killed::Watch::killed);
        let path = &self.options.line_up;
        let refused = |findings| ServeError::Refused { path: path.clone(), findings };
        stock.programme(roster, killed).map_err(refused)
    }
}
