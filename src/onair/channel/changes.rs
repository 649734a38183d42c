//! What changes a channel on air: replacements between its cycles, retirement, descriptions.

use std::collections::VecDeque;

use stbcast_object::Micros;

use super::super::{Launch, SLEEP_MAX};
use super::{OnAir, Turn, cycle_span, pace, payload_bytes_max};
use crate::announced::Description;
use crate::carousel::Carousel;
use crate::clock;
use crate::pacer::Pacer;
use crate::programme::announce_bps;

/// A replacement that is held is told of this long before the cycle ends: long enough to announce
/// it, and short enough that boxes do not wait for it.
const ENDING: Micros = Micros::from_secs(3);

/// A longer cycle ends with its replacement, once that is told of: boxes that heard of the new
/// revision would wait for another whole cycle of the old one.
const SHORT_CYCLE: Micros = Micros::from_secs(2);

/// So long at most nothing is sent behind a cycle until the replacement is released: longer than a
/// revision is announced before its first slice.
const HOLD_MAX: Micros = Micros::from_secs(2);

impl OnAir {
    pub(in crate::onair) fn replace_by(&mut self, launch: Launch) {
        (self.replacement, self.told_ending) = (Some(launch), false);
        (self.retiring, self.hold_until) = (None, None);
    }

    /// The replacement of this generation need not wait any longer than to the end of the cycle.
    pub(in crate::onair) fn release(&mut self, generation: u64) {
        if let Some(launch) = self.replacement.as_mut().filter(|it| it.generation == generation) {
            launch.held = false;
        }
    }

    /// The generation of a held replacement whose time comes, told once.
    pub(in crate::onair) fn ending(&mut self, now: Micros) -> Option<u64> {
        let launch = self.replacement.as_ref().filter(|it| it.held && !self.told_ending)?;
        let end = self.cycle_began.after(self.cycle_span);
        // A cycle without objects that are not due yet is shorter than its span.
        let is_far = now.after(ENDING) < end && self.hold_until.is_none();
        if is_far && self.programme.carousel.has_cycles() {
            return None;
        }
        self.told_ending = true;
        Some(launch.generation)
    }

    /// An announce session says this from now on, and nothing of what it said before.
    pub(in crate::onair) fn describe(&mut self, said: Description, now: Micros) {
        let Carousel::Announce(session) = &mut self.programme.carousel else { return };
        if let Err(error) = session.set(said.files, said.statements, clock::wall()) {
            tracing::error!("channel {}: the description stays as it was: {error}", self.name());
            return;
        }
        // What the socket had no room for may be a statement that was withdrawn.
        (self.refused, self.pending) = (VecDeque::new(), None);
        let channel = &mut self.programme.channel;
        channel.bit_rate_bps = announce_bps(session, channel.group.ip_udp_bytes());
        self.set_pace(now);
        // Not when the pass would have come that it was idle until.
        self.pacer = Pacer::new(pace(&self.programme), now);
    }

    /// Goes on at so many bits of IP per second.
    pub(in crate::onair) fn set_rate(&mut self, bit_rate_bps: u64, now: Micros) {
        self.programme.channel.bit_rate_bps = bit_rate_bps;
        self.set_pace(now);
    }

    /// Goes on at the pace of the programme.
    fn set_pace(&mut self, now: Micros) {
        self.pacer.set_pace(pace(&self.programme));
        self.pacer.idle_until(now);
        self.metrics.target(self.programme.channel.bit_rate_bps);
        self.datagram_bytes_max = payload_bytes_max(&self.programme);
        self.cycle_span = cycle_span(&self.programme);
    }

    pub(in crate::onair) fn retire(&mut self, generation: u64) {
        self.retiring = Some(generation);
        self.replacement = None;
    }

    /// Carries out what waited for the end of a cycle.
    pub(in crate::onair) fn change(&mut self, now: Micros) -> Option<Turn> {
        if let Some(generation) = self.retiring {
            return Some(Turn::Retired { generation });
        }
        let launch = self.replacement.take_if(|launch| !launch.held)?;
        Some(self.replace(launch, now))
    }

    /// Between two cycles: until when to wait for the release of a held replacement.
    pub(super) fn hold(&mut self, now: Micros) -> Option<Micros> {
        let held = self.replacement.as_ref().is_some_and(|launch| launch.held);
        if !held || self.cycles == 0 || self.cycle_span < SHORT_CYCLE {
            return None;
        }
        let until = *self.hold_until.get_or_insert_with(|| now.after(HOLD_MAX));
        (now < until).then(|| until.min(now.after(SLEEP_MAX)))
    }

    fn replace(&mut self, launch: Launch, now: Micros) -> Turn {
        let Launch { mut programme, wire, generation, .. } = launch;
        programme.carousel.begin(Some(&self.programme.carousel), clock::wall());
        (self.refused, self.pending, self.wire) = (VecDeque::new(), None, wire);
        (self.cycle_began, self.hold_until) = (now, None);
        self.metrics.begin(now);
        let spent = Box::new(std::mem::replace(&mut self.programme, programme));
        self.set_pace(now);
        Turn::Replaced { generation, spent }
    }
}
