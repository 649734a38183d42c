//! When a vendor's sender is started, asked to end and killed: a value that is told the time.

use std::time::{Duration, Instant};

use super::Doing;

/// A sender that was asked to end has so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The first pause before one that ended by itself is started again; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest of them.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A sender that ran for so long was well: the next pause is the first again.
const WELL: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Do {
    /// Start it.
    Start,
    /// Ask it to end.
    Ask,
    /// End it.
    Kill,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It did what it was told to the end.
    Done,
    /// Otherwise, or it was not to be started.
    Failed,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Rests,
    Runs {
        since: Instant,
    },
    Ends {
        /// When it is killed; `None` once it was.
        kill_at: Option<Instant>,
    },
    Waits {
        until: Instant,
    },
    Done,
}

/// The course of one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    state: State,
    /// The next pause.
    pause: Duration,
    restarts: u64,
    /// It was started before, and nobody asked it to end since.
    is_restart: bool,
}

impl Course {
    /// What is to be done now; [`Do::Start`] counts as done.
    pub(super) fn next(&mut self, wanted: bool, killed: bool, now: Instant) -> Option<Do> {
        let wanted = wanted && !killed;
        match self.state {
            State::Rests if wanted => Some(self.start(now)),
            State::Waits { until } if wanted && until <= now => Some(self.start(now)),
            State::Waits { .. } | State::Done if !wanted => {
                *self = Self { restarts: self.restarts, ..Self::default() };
                None
            }
            State::Runs { .. } | State::Ends { kill_at: Some(_) } if killed => {
                self.state = State::Ends { kill_at: None };
                Some(Do::Kill)
            }
            State::Runs { .. } if !wanted => {
                self.state = State::Ends { kill_at: Some(now + PATIENCE) };
                Some(Do::Ask)
            }
            State::Ends { kill_at: Some(at) } if at <= now => {
                self.state = State::Ends { kill_at: None };
                Some(Do::Kill)
            }
            _ => None,
        }
    }

    fn start(&mut self, now: Instant) -> Do {
        self.state = State::Runs { since: now };
        self.restarts += u64::from(self.is_restart);
        self.is_restart = true;
        Do::Start
    }

    /// It ended.
    pub(super) fn ended(&mut self, how: Ended, now: Instant) {
        self.state = match (self.state, how) {
            (State::Runs { .. }, Ended::Done) => State::Done,
            (State::Runs { since }, Ended::Failed) => {
                let was_well = now.saturating_duration_since(since) >= WELL;
                let before = if was_well { Duration::ZERO } else { self.pause };
                self.pause = (before * 2).clamp(PAUSE_MIN, PAUSE_MAX);
                State::Waits { until: now + self.pause }
            }
            _ => {
                (self.is_restart, self.pause) = (false, Duration::ZERO);
                State::Rests
            }
        };
    }

    /// How long it waits from now on.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        match self.state {
            State::Waits { until } => until.saturating_duration_since(now),
            _ => Duration::ZERO,
        }
    }

    pub(super) const fn restarts(&self) -> u64 {
        self.restarts
    }

    pub(super) const fn doing(&self) -> Doing {
        match self.state {
            State::Rests => Doing::Rests,
            State::Runs { .. } => Doing::Runs,
            State::Ends { .. } => Doing::Ends,
            State::Waits { .. } => Doing::Waits,
            State::Done => Doing::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A course and its clock.
    fn begin() -> (Course, Instant) {
        (Course::default(), Instant::now())
    }

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn it_runs_in_its_window_and_has_three_seconds_to_end_behind_it() {
        let (mut course, t) = begin();
        assert_eq!(course.next(false, false, t), None);
        assert_eq!(course.next(true, false, t), Some(Do::Start));
        assert_eq!(course.next(true, false, t + S), None);
        assert_eq!(course.next(false, false, t + 2 * S), Some(Do::Ask));
        assert_eq!(course.next(false, false, t + 4 * S), None);
        assert_eq!(course.next(false, false, t + 5 * S), Some(Do::Kill));
        assert_eq!(course.next(false, false, t + 6 * S), None, "once");
        course.ended(Ended::Failed, t + 6 * S);
        assert_eq!(course.doing(), Doing::Rests);
        assert_eq!(course.next(true, false, t + 7 * S), Some(Do::Start), "the next window");
        assert_eq!(course.restarts(), 0);
    }

    #[test]
    fn a_window_that_opens_again_meanwhile_waits_for_the_end() {
        let (mut course, t) = begin();
        course.next(true, false, t);
        assert_eq!(course.next(false, false, t), Some(Do::Ask));
        assert_eq!(course.next(true, false, t + S), None);
        course.ended(Ended::Failed, t + S);
        assert_eq!(course.next(true, false, t + S), Some(Do::Start));
    }

    #[test]
    fn what_is_killed_is_not_asked_first() {
        let (mut course, t) = begin();
        course.next(true, false, t);
        assert_eq!(course.next(true, true, t + S), Some(Do::Kill));
        course.ended(Ended::Failed, t + S);
        assert_eq!(course.next(true, true, t + 100 * S), None);
        assert_eq!(course.next(true, false, t + 101 * S), Some(Do::Start), "brought back");
        course.next(false, false, t + 102 * S);
        assert_eq!(course.next(false, true, t + 102 * S), Some(Do::Kill), "while it is asked");
    }

    #[test]
    fn one_that_ends_by_itself_is_started_again_ever_more_slowly_but_each_minute() {
        let (mut course, mut t) = begin();
        course.next(true, false, t);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            course.ended(Ended::Failed, t);
            let pause = course.pause(t);
            pauses.push(pause.as_secs());
            assert_eq!(course.next(true, false, t + pause - S / 10), None);
            t += pause;
            assert_eq!(course.next(true, false, t), Some(Do::Start));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(course.restarts(), 9);
        course.ended(Ended::Failed, t + WELL);
        assert_eq!(course.pause(t + WELL), PAUSE_MIN, "it was well for a minute");
    }

    #[test]
    fn one_that_did_all_it_was_told_rests_until_its_next_window() {
        let (mut course, t) = begin();
        course.next(true, false, t);
        course.ended(Ended::Done, t + S);
        assert_eq!(course.next(true, false, t + 1_000 * S), None);
        assert_eq!(course.next(false, false, t + 1_001 * S), None);
        assert_eq!(course.next(true, false, t + 1_002 * S), Some(Do::Start));
    }
}
