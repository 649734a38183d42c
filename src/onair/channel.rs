//! One channel on air.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use arrayvec::ArrayVec;
use stbcast_object::Micros;

use super::{ASK_AGAIN, Launch};
use crate::carousel::{Outgoing, Step};
use crate::clock;
use crate::pacer::{Pace, Pacer};
use crate::programme::{ChannelProgramme, Payload};
use crate::telemetry::ChannelMetrics;
use crate::transmit::{BATCH_MAX, Parts, WRITE_BYTES_MAX, Wire};

mod changes;

/// When the socket's buffer is full, the same datagrams are tried again after this span.
const RETRY: Micros = Micros(500);

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
    /// Bytes of IP sent since the thread asked last.
    sent: usize,
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
        metrics.begin(start);
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
            sent: 0,
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

    /// Bytes of IP sent since this was asked last.
    pub(super) const fn take_sent(&mut self) -> usize {
        std::mem::replace(&mut self.sent, 0)
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
        self.metrics.begin(now);
        Turn::CycleEnd
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
                    self.sent += bytes + count * overhead;
                    sent += count;
                }
                Err(error) => break Err(error),
            }
        };
        drop(parts);
        self.metrics.statements(self.programme.carousel.statements_sent());
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                for outgoing in batch.drain(..sent) {
                    self.pacer.sent(now, outgoing.bytes() + overhead);
                }
                batch.drain(..).rev().for_each(|outgoing| self.refused.push_front(outgoing));
                return false;
            }
            // Lost to the boxes; the next cycle brings it again. The watch of interfaces tells of it.
            Err(error) => self.metrics.error(&error, batch.len() - sent),
            Ok(()) => {}
        }
        true
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
