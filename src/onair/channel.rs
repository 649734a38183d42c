//! One channel on air.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use arrayvec::ArrayVec;
use stbcast_flute::fdt::File;
use stbcast_object::Micros;

use super::{ASK_AGAIN, Launch, SLEEP_MAX};
use crate::carousel::{Carousel, Outgoing, Step};
use crate::clock;
use crate::pacer::{Pace, Pacer};
use crate::programme::{ChannelProgramme, Payload, announce_bps};
use crate::telemetry::ChannelMetrics;
use crate::transmit::{BATCH_MAX, Parts, WRITE_BYTES_MAX, Wire};

/// When the socket's buffer is full, the same datagrams are tried again after this span.
const RETRY: Micros = Micros(500);

/// A replacement that is held is told of this long before the cycle ends: long enough to announce
/// it, and short enough that boxes do not wait for it.
const ENDING: Micros = Micros::from_secs(3);

/// A longer cycle ends with its replacement, once that is told of: boxes that heard of the new
/// revision would wait for another whole cycle of the old one.
const SHORT_CYCLE: Micros = Micros::from_secs(2);

/// So long at most nothing is sent behind a cycle until the replacement is released: longer than a
/// revision is announced before its first slice.
const HOLD_MAX: Micros = Micros::from_secs(2);

/// Datagrams on their way to the socket; one buffer serves all channels of a thread.
pub(super) type Batch = ArrayVec<Outgoing, BATCH_MAX>;

/// What a channel's turn came to.
pub(super) enum Turn {
    /// Nothing more to do before this time.
    Wait(Micros),
    /// A cycle is complete.
    CycleEnd,
    /// The programme that waited is on air now.
    Replaced {
        /// Its generation.
        generation: u64,
        /// What was on air before.
        spent: Box<ChannelProgramme>,
    },
    /// The channel is off the air.
    Retired {
        /// Generation that lacks it.
        generation: u64,
    },
}

pub(super) struct OnAir {
    programme: ChannelProgramme,
    wire: Box<dyn Wire>,
    pacer: Pacer,
    metrics: ChannelMetrics,
    cycles: u64,
    cycle_began: Micros,
    /// Datagrams the socket had no room for; they go first.
    refused: VecDeque<Outgoing>,
    /// A step of the carousel that is no datagram and comes behind those gathered before.
    pending: Option<Step>,
    replacement: Option<Launch>,
    /// Whether it was told that the cycle ends behind which a held replacement comes.
    told_ending: bool,
    /// Where the cycle has ended that a held replacement waited for: until when it is waited for.
    hold_until: Option<Micros>,
    /// UDP payload of the largest datagram in bytes, and time of a cycle.
    datagram_bytes_max: usize,
    cycle_span: Micros,
    /// Generation that lacks the channel.
    retiring: Option<u64>,
    failing: bool,
}

/// UDP payload of the largest datagram of a programme in bytes.
fn payload_bytes_max(programme: &ChannelProgramme) -> usize {
    programme.carousel.datagram_bytes_max(programme.channel.slice_bytes.get().into())
}

fn pace(programme: &ChannelProgramme) -> Pace {
    let ChannelProgramme { channel, .. } = programme;
    Pace {
        bit_rate_bps: channel.bit_rate_bps,
        datagram_bytes_max: payload_bytes_max(programme) + channel.group.ip_udp_bytes(),
        burst: channel.burst,
    }
}

/// Time from one cycle to the next, pauses left aside.
fn cycle_span(programme: &ChannelProgramme) -> Micros {
    let ChannelProgramme { channel, carousel, .. } = programme;
    carousel.cycle_span(channel.bit_rate_bps, channel.group.ip_udp_bytes())
}

/// A point in `span` for each place, far from those of the places before: multiples of the golden
/// ratio, modulo 1.
const fn spread(place: u64, span: u64) -> u64 {
    let turn = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let span = if span > u32::MAX as u64 { u32::MAX as u64 } else { span };
    (turn * span) >> 32
}

impl OnAir {
    /// A channel that goes on air at `now`, as the `place`th of its thread. Channels of one rate
    /// begin evenly spread over the time of a datagram, or a thousand of them would send at once.
    pub(super) fn new(launch: Launch, now: Micros, place: u64) -> Self {
        let Launch { mut programme, wire, .. } = launch;
        programme.carousel.begin(None, clock::wall());
        let pace = pace(&programme);
        let start = now.after(Micros(spread(place, pace.datagram_span().0)));
        let metrics = ChannelMetrics::new(&programme.channel.name, programme.carousel.carries());
        metrics.target(programme.channel.bit_rate_bps);
        Self {
            pacer: Pacer::new(pace, start),
            datagram_bytes_max: payload_bytes_max(&programme),
            cycle_span: cycle_span(&programme),
            told_ending: false,
            hold_until: None,
            programme,
            wire,
            metrics,
            cycles: 0,
            cycle_began: start,
            refused: VecDeque::new(),
            pending: None,
            replacement: None,
            retiring: None,
            failing: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.programme.channel.name
    }

    /// When something is due.
    pub(super) const fn next_at(&self) -> Micros {
        self.pacer.next_at()
    }

    /// Whether the channel has completed so many cycles since it went on air; `None` where it has
    /// no cycles.
    pub(super) fn has_cycled(&self, wanted: u64) -> Option<bool> {
        self.programme.carousel.has_cycles().then_some(self.cycles >= wanted)
    }

    pub(super) fn replace_by(&mut self, launch: Launch) {
        (self.replacement, self.told_ending) = (Some(launch), false);
        (self.retiring, self.hold_until) = (None, None);
    }

    /// The replacement of this generation need not wait any longer than to the end of the cycle.
    pub(super) fn release(&mut self, generation: u64) {
        if let Some(launch) = self.replacement.as_mut().filter(|it| it.generation == generation) {
            launch.held = false;
        }
    }

    /// The generation of a held replacement whose time comes, told once.
    pub(super) fn ending(&mut self, now: Micros) -> Option<u64> {
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

    /// An announce session describes these files from now on.
    pub(super) fn describe(&mut self, files: Vec<File>, now: Micros) {
        let Carousel::Announce(session) = &mut self.programme.carousel else { return };
        if let Err(error) = session.set_files(files, clock::wall()) {
            tracing::error!("channel {}: the description stays as it was: {error}", self.name());
            return;
        }
        let channel = &mut self.programme.channel;
        channel.bit_rate_bps = announce_bps(session, channel.group.ip_udp_bytes());
        self.set_pace(now);
        // Not when the pass would have come that it was idle until.
        self.pacer = Pacer::new(pace(&self.programme), now);
    }

    /// Goes on at the pace of the programme.
    fn set_pace(&mut self, now: Micros) {
        self.pacer.set_pace(pace(&self.programme));
        self.pacer.idle_until(now);
        self.metrics.target(self.programme.channel.bit_rate_bps);
        self.datagram_bytes_max = payload_bytes_max(&self.programme);
        self.cycle_span = cycle_span(&self.programme);
    }

    pub(super) fn retire(&mut self, generation: u64) {
        self.retiring = Some(generation);
        self.replacement = None;
    }

    /// Sends what may be sent at `now`.
    pub(super) fn turn(&mut self, now: Micros, batch: &mut Batch) -> Turn {
        let is_whole = self.refused.is_empty() && self.pending.is_none();
        if is_whole && self.programme.carousel.between_cycles() {
            if let Some(changed) = self.change(now) {
                return changed;
            }
            if let Some(until) = self.hold(now) {
                self.pacer.idle_until(until);
                return Turn::Wait(until);
            }
        }
        if self.pacer.may_send(now) {
            self.metrics.lag(self.pacer.lag(now));
        }
        while self.pacer.may_send(now) {
            let paced = self.gather(now, batch);
            match self.pending.take_if(|_| batch.is_empty()) {
                Some(Step::CycleEnd) => return self.end_cycle(now),
                Some(Step::Idle { until }) => {
                    self.pacer.idle_until(until.min(now.after(ASK_AGAIN)));
                    return Turn::Wait(until);
                }
                Some(Step::Send(_)) | None => {}
            }
            if self.send(batch, now) {
                self.pacer = paced;
            } else {
                return Turn::Wait(now.after(RETRY));
            }
        }
        Turn::Wait(self.pacer.next_at())
    }

    /// Carries out what waited for the end of a cycle.
    pub(super) fn change(&mut self, now: Micros) -> Option<Turn> {
        if let Some(generation) = self.retiring {
            return Some(Turn::Retired { generation });
        }
        let launch = self.replacement.take_if(|launch| !launch.held)?;
        Some(self.replace(launch, now))
    }

    /// Between two cycles: until when to wait for the release of a held replacement.
    fn hold(&mut self, now: Micros) -> Option<Micros> {
        let held = self.replacement.as_ref().is_some_and(|launch| launch.held);
        if !held || self.cycles == 0 || self.cycle_span < SHORT_CYCLE {
            return None;
        }
        let until = *self.hold_until.get_or_insert_with(|| now.after(HOLD_MAX));
        (now < until).then(|| until.min(now.after(SLEEP_MAX)))
    }

    /// What the channel sent, for others to drop.
    pub(super) fn spent(self) -> Box<ChannelProgramme> {
        Box::new(self.programme)
    }

    /// Takes the datagrams that may go at `now` in one system call; the pacer when they are sent.
    fn gather(&mut self, now: Micros, batch: &mut Batch) -> Pacer {
        let overhead = self.programme.channel.group.ip_udp_bytes();
        let (mut pacer, wall) = (self.pacer, clock::wall());
        // What one write can carry.
        let most = (WRITE_BYTES_MAX / self.datagram_bytes_max.max(1)).clamp(1, BATCH_MAX);
        batch.clear();
        while batch.len() < most && pacer.may_send(now) {
            let step = match self.refused.pop_front() {
                Some(outgoing) => Step::Send(outgoing),
                // It stands behind everything that was refused.
                None if self.pending.is_some() => break,
                None => self.programme.carousel.next(now, wall),
            };
            match step {
                Step::Send(outgoing) => {
                    pacer.sent(now, outgoing.bytes() + overhead);
                    batch.push(outgoing);
                }
                other => self.pending = Some(other),
            }
        }
        pacer
    }

    fn end_cycle(&mut self, now: Micros) -> Turn {
        self.cycles += 1;
        self.metrics.cycle(now.since(self.cycle_began));
        self.cycle_began = now;
        Turn::CycleEnd
    }

    fn replace(&mut self, launch: Launch, now: Micros) -> Turn {
        let Launch { mut programme, wire, generation, .. } = launch;
        programme.carousel.begin(Some(&self.programme.carousel), clock::wall());
        (self.refused, self.pending, self.wire) = (VecDeque::new(), None, wire);
        (self.cycle_began, self.hold_until) = (now, None);
        let spent = Box::new(std::mem::replace(&mut self.programme, programme));
        self.set_pace(now);
        Turn::Replaced { generation, spent }
    }

    /// Sends a batch. When the socket has no room, what is left of it waits for the next turn.
    fn send(&mut self, batch: &mut Batch, now: Micros) -> bool {
        let overhead = self.programme.channel.group.ip_udp_bytes();
        let payloads = &self.programme.payloads;
        let parts: ArrayVec<Parts<'_>, BATCH_MAX> =
            batch.iter().map(|outgoing| parts(outgoing, payloads)).collect();
        let mut sent = 0;
        let outcome = loop {
            let Some(rest) = parts.get(sent..).filter(|rest| !rest.is_empty()) else {
                break Ok(());
            };
            match self.wire.send(rest) {
                Ok(count) => {
                    let count = count.max(1);
                    let bytes: usize =
                        rest.iter().take(count).flatten().map(|part| part.len()).sum();
                    self.metrics.sent(count, bytes + count * overhead);
                    sent += count;
                }
                Err(error) => break Err(error),
            }
        };
        drop(parts);
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                for outgoing in batch.drain(..sent) {
                    self.pacer.sent(now, outgoing.bytes() + overhead);
                }
                batch.drain(..).rev().for_each(|outgoing| self.refused.push_front(outgoing));
                return false;
            }
            Err(error) => self.failed(&error, batch.len() - sent),
            Ok(()) => self.recovered(),
        }
        true
    }

    /// Datagrams are lost to the boxes, the next cycle brings them again; the log is told once.
    fn failed(&mut self, error: &io::Error, datagrams: usize) {
        self.metrics.error(error, datagrams);
        if !std::mem::replace(&mut self.failing, true) {
            let group = self.programme.channel.group;
            tracing::error!("channel {}: cannot send to {group}: {error}", self.name());
        }
    }

    fn recovered(&mut self) {
        if std::mem::replace(&mut self.failing, false) {
            tracing::info!("channel {}: sending again", self.name());
        }
    }
}

/// The parts of a datagram where they lie.
fn parts<'a>(outgoing: &'a Outgoing, payloads: &'a [Payload]) -> Parts<'a> {
    let datagram = match outgoing {
        Outgoing::Parts(datagram) => datagram,
        Outgoing::Whole(bytes) => {
            return [IoSlice::new(bytes), IoSlice::new(&[]), IoSlice::new(&[])];
        }
    };
    let bytes = payloads.get(datagram.object).map_or(&[][..], Payload::bytes);
    let range = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let slice = bytes.get(range(datagram.body.start)..range(datagram.body.end));
    let slice = slice.unwrap_or_default();
    [IoSlice::new(&datagram.head), IoSlice::new(slice), IoSlice::new(&datagram.tail)]
}
