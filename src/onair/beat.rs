//! Proof that a sending thread lives: it beats each time it has done all that it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stbcast_object::Micros;

/// The beats of a thread.
#[derive(Debug, Default)]
pub(super) struct Beat {
    count: AtomicU64,
    /// When it beat last, in microseconds of the monotonic clock.
    at: AtomicU64,
}

impl Beat {
    pub(super) fn new(now: Micros) -> Self {
        Self { count: AtomicU64::new(0), at: AtomicU64::new(now.0) }
    }

    /// Notes that everything is done that the thread was told before `now`.
    pub(super) fn beat(&self, now: Micros) {
        self.at.store(now.0, Ordering::Relaxed);
        // Whoever sees the count sees what was sent, or is not any more, before it.
        self.count.fetch_add(1, Ordering::Release);
    }
}

/// The beats of all sending threads.
#[derive(Clone, Debug, Default)]
pub struct Beats(pub(super) Vec<Arc<Beat>>);

impl Beats {
    /// The longest span since a thread beat last; zero where there is no thread.
    pub fn age(&self, now: Micros) -> Micros {
        let age = |beat: &Arc<Beat>| now.since(Micros(beat.at.load(Ordering::Relaxed)));
        self.0.iter().map(age).max().unwrap_or_default()
    }

    /// What is to come: when every thread has done all that it was told until now.
    pub fn mark(&self) -> Mark {
        let count = |beat: &Arc<Beat>| (beat.count.load(Ordering::Acquire), Arc::clone(beat));
        Mark(self.0.iter().map(count).collect())
    }
}

/// A moment in the work of all threads.
#[derive(Debug)]
pub struct Mark(Vec<(u64, Arc<Beat>)>);

impl Mark {
    /// Whether every thread has done all that it was told before the moment. One that has ended has.
    pub fn is_passed(&self) -> bool {
        // The first beat may be of commands that were taken before.
        let is_done = |(count, beat): &(u64, Arc<Beat>)| {
            Arc::strong_count(beat) == 1 || beat.count.load(Ordering::Acquire) >= count + 2
        };
        self.0.iter().all(is_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_done_what_it_was_told_two_beats_later() {
        let beat = Arc::new(Beat::new(Micros(5)));
        let beats = Beats(vec![Arc::clone(&beat)]);
        beat.beat(Micros(10));
        assert_eq!(beats.age(Micros(25)), Micros(15));
        let mark = beats.mark();
        beat.beat(Micros(20));
        assert!(!mark.is_passed());
        beat.beat(Micros(30));
        assert!(mark.is_passed());
        assert!(Beats::default().mark().is_passed());
    }

    #[test]
    fn a_thread_that_has_ended_is_not_waited_for() {
        let beat = Arc::new(Beat::default());
        let mark = Beats(vec![Arc::clone(&beat)]).mark();
        assert!(!mark.is_passed());
        drop(beat);
        assert!(mark.is_passed());
    }
}
