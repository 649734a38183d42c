//! When datagrams arrived, although they are looked at later.
//!
//! A session tells passes of a carousel apart by the time between datagrams. Naps, a busy machine
//! or slow storage let datagrams wait together, and the time at which they are read would hide a
//! gap between them in which a revision may have changed. So the kernel's stamp counts.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stbcast_object::Micros;

/// Time since a run began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    /// What the wall clock showed then.
    began_wall: Duration,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { began: Instant::now(), began_wall: wall() }
    }

    /// One that began a while ago, for tests.
    #[cfg(test)]
    pub(super) fn began_before(span: Duration) -> Self {
        let began = Instant::now().checked_sub(span).expect("the machine runs for longer");
        Self { began, began_wall: wall() - span }
    }

    /// Time since it began.
    pub fn now(&self) -> Micros {
        self.began.elapsed().into()
    }

    /// This moment on the clock and on the wall, read once for all that arrived together.
    pub(super) fn read(&self) -> Reading {
        Reading { now: self.now(), wall: wall() }
    }

    /// A time of this clock as one since 1970.
    pub(super) fn wall_at(&self, at: Micros) -> Duration {
        self.began_wall.saturating_add(at.into())
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) now: Micros,
    pub(super) wall: Duration,
}

impl Reading {
    /// When something arrived that the kernel stamped with its wall clock, not before `previous`.
    ///
    /// The wall clock may be set between stamp and reading: the result stays between what arrived
    /// before and now, so a step can make one batch look older or younger than it is, never move
    /// time backwards, and never beyond now.
    pub(super) fn arrival(&self, previous: Micros, stamp: Option<Duration>) -> Micros {
        let age = stamp.map_or(Duration::ZERO, |stamp| self.wall.saturating_sub(stamp));
        self.now.since(age.into()).max(previous).min(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros::from_secs(100);
    const WALL: Duration = Duration::from_secs(1_800_000_000);
    const READING: Reading = Reading { now: NOW, wall: WALL };

    #[test]
    fn what_waited_arrived_when_it_was_stamped() {
        let stamp = Some(WALL - Duration::from_millis(40));
        assert_eq!(READING.arrival(Micros::ZERO, stamp), NOW.since(Micros::from_millis(40)));
        assert_eq!(READING.arrival(Micros::ZERO, None), NOW);
    }

    #[test]
    fn a_wall_clock_that_is_set_moves_time_neither_backwards_nor_beyond_now() {
        let previous = NOW.since(Micros::from_millis(5));
        let hour = Duration::from_secs(3_600);
        assert_eq!(READING.arrival(previous, Some(WALL - hour)), previous);
        assert_eq!(READING.arrival(previous, Some(WALL + hour)), NOW);
        assert_eq!(READING.arrival(NOW.after(hour.into()), Some(WALL)), NOW);
    }
}
