//! How many images are sent at once, and when those come back who cannot have one now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry;

/// What a download is thought to take before one has ended.
const FIRST_GUESS: Duration = Duration::from_secs(30);

/// The longest wait a client is told.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Part of the last download in the estimate of the next.
const WEIGHT: f64 = 0.125;

/// Bounds the images sent at once.
pub(super) struct Downloads {
    limit: u32,
    state: Mutex<State>,
}

struct State {
    active: u32,
    /// What a download takes, of late, in seconds.
    seconds: f64,
    /// Those who were refused come back one after the other; the last of them at this time.
    queue_ends: Option<Instant>,
}

/// The right to send one image.
pub(super) struct Permit {
    downloads: Arc<Downloads>,
    since: Instant,
}

impl Downloads {
    pub(super) const fn new(limit: u32) -> Self {
        let state = State { active: 0, seconds: FIRST_GUESS.as_secs_f64(), queue_ends: None };
        Self { limit, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to send one more, or how long to wait before asking again. `chance`, 0 to 1, spreads
    /// those who are told to wait over half as long again.
    pub(super) fn begin(self: &Arc<Self>, now: Instant, chance: f64) -> Result<Permit, Duration> {
        let mut state = self.state();
        if state.active < self.limit {
            state.active += 1;
            telemetry::http_downloads(state.active);
            if state.active <= self.limit / 2 {
                // The crowd is gone; who has not come back yet will find room.
                state.queue_ends = None;
            }
            return Ok(Permit { downloads: Arc::clone(self), since: now });
        }
        if self.limit == 0 {
            return Err(WAIT_MAX);
        }
        // A place becomes free this often, and each who waits takes one.
        let turn = Duration::from_secs_f64(state.seconds / f64::from(self.limit));
        let ends = state.queue_ends.map_or(now, |ends| ends.max(now)) + turn;
        let wait = ends.duration_since(now);
        if wait < WAIT_MAX {
            state.queue_ends = Some(ends);
        }
        Err(wait.mul_f64(chance.clamp(0.0, 1.0).mul_add(0.5, 1.0)).min(WAIT_MAX))
    }
}

impl Permit {
    fn end(&self, now: Instant) {
        let mut state = self.downloads.state();
        state.active = state.active.saturating_sub(1);
        telemetry::http_downloads(state.active);
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        state.seconds += WEIGHT * (seconds - state.seconds);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_refused_are_sent_one_behind_the_other() {
        let downloads = Arc::new(Downloads::new(2));
        let now = Instant::now();
        let first = downloads.begin(now, 0.0).ok().unwrap();
        let _second = downloads.begin(now, 0.0).ok().unwrap();
        let wait = |chance| downloads.begin(now, chance).err().unwrap().as_secs_f64();
        assert_eq!([wait(0.0), wait(0.0), wait(1.0)], [15.0, 30.0, 67.5]);
        drop(first);
        let later = now + Duration::from_secs(7);
        let _third = downloads.begin(later, 0.0).ok().unwrap();
        assert!(downloads.begin(later, 0.0).is_err());
    }

    #[test]
    fn the_wait_follows_what_downloads_take() {
        let downloads = Arc::new(Downloads::new(1));
        let now = Instant::now();
        for _ in 0..100 {
            let permit = downloads.begin(now, 0.0).ok().unwrap();
            permit.end(now + Duration::from_secs(4));
            std::mem::forget(permit);
        }
        let _permit = downloads.begin(now, 0.0).ok().unwrap();
        let wait = downloads.begin(now, 0.0).err().unwrap().as_secs_f64();
        assert!((4.0..4.1).contains(&wait), "{wait}");
    }

    #[test]
    fn nobody_is_sent_away_for_longer_than_an_hour() {
        let downloads = Arc::new(Downloads::new(1));
        let now = Instant::now();
        let _permit = downloads.begin(now, 0.0).ok().unwrap();
        let longest = (0..100_000).map(|_| downloads.begin(now, 1.0).err().unwrap()).max();
        assert_eq!(longest, Some(WAIT_MAX));
        let tomorrow = now + Duration::from_secs(86_400);
        assert_eq!(downloads.begin(tomorrow, 0.0).err(), Some(FIRST_GUESS));
        assert_eq!(Arc::new(Downloads::new(0)).begin(now, 0.0).err(), Some(WAIT_MAX));
    }
}
