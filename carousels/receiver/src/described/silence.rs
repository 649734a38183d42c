//! What happens when nothing comes: attempts, servers, or the end.

use stbcast_object::Micros;

use super::layout::Carrier;
use super::{Described, State};
use crate::{Event, FetchError, PlainReason};

impl<P: Clone> Described<P> {
    pub(super) fn on_wake(&mut self, now: Micros) {
        match self.state {
            State::Idle => match self.options.expected.clone() {
                Some(expected) => self.begin_expected(now, expected),
                None => {
                    self.state = State::Asking;
                    self.join_all(now);
                    self.attempt = 1;
                }
            },
            State::Asking if self.wake_at().is_some_and(|at| now >= at) => self.on_no_answer(now),
            State::Receiving if self.has_joined() => self.on_silence(now),
            _ => {}
        }
    }

    /// Nobody describes the object.
    fn on_no_answer(&mut self, now: Micros) {
        let span = self.absent_span();
        match (self.carrier(), self.asked_heard) {
            (Carrier::Channel, None) => self.give_up(PlainReason::AnnounceSilent),
            (Carrier::Channel, Some(_)) => self.give_up(PlainReason::NotAnnounced),
            (Carrier::Session, Some(heard)) if now >= heard.after(span) => {
                self.fail(FetchError::Absent { span });
            }
            (Carrier::Session, _) => self.next_attempt(now),
        }
    }

    fn on_silence(&mut self, now: Micros) {
        if let Some(until) = self.finishing_until() {
            if now >= until {
                self.end_overlap(now);
            }
            return;
        }
        if self.unicast.is_stuck() {
            if now >= self.silent_at() {
                self.leave_all();
                self.join_all(now);
            }
            return;
        }
        if now >= self.last_alive.after(self.options.timeout) {
            return self.next_attempt(now);
        }
        let span = self.absent_span();
        if now >= self.last_wanted.after(span) {
            self.fall_back(now, FetchError::Absent { span });
        }
    }

    pub(super) fn next_attempt(&mut self, now: Micros) {
        self.tell(Event::AttemptFailed { attempt: self.attempt });
        if self.attempt >= self.options.attempts {
            let (attempts, timeout) = (self.attempt, self.options.timeout);
            return self.fall_back(now, FetchError::Silent { attempts, timeout });
        }
        self.leave_all();
        self.join_all(now);
        self.attempt += 1;
    }

    /// Nothing more comes by multicast: goes on with servers, or not at all.
    pub(super) fn fall_back(&mut self, now: Micros, error: FetchError) {
        let is_receiving = matches!(self.state, State::Receiving);
        if is_receiving && self.options.unicast.is_some() && self.next.is_some() {
            // Servers have the revision that is announced.
            self.switch_to_next(now);
        } else if !is_receiving || !self.falls_back(now, error) {
            return self.fail(error);
        }
        self.leave_all();
        self.join_all(now);
    }
}
