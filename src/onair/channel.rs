//! One channel on air.

use std::io;

use stbcast_infocast::Step;
use stbcast_object::{Datagram, Micros};

use super::{ASK_AGAIN, Launch};
use crate::clock;
use crate::pacer::Pacer;
use crate::programme::{ChannelProgramme, Payload};
use crate::telemetry::ChannelMetrics;
use crate::transmit::Transmitter;

/// When the socket's buffer is full, the same datagram is tried again after this span.
const RETRY: Micros = Micros(500);

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
    },
    /// The channel is off the air.
    Retired {
        /// Generation that lacks it.
        generation: u64,
    },
}

pub(super) struct OnAir {
    programme: ChannelProgramme,
    transmitter: Transmitter,
    pacer: Pacer,
    metrics: ChannelMetrics,
    cycles: u64,
    cycle_began: Micros,
    /// A datagram the socket had no room for.
    refused: Option<Datagram>,
    replacement: Option<Launch>,
    /// Generation that lacks the channel.
    retiring: Option<u64>,
    failing: bool,
}

impl OnAir {
    pub(super) fn new(launch: Launch, now: Micros) -> Self {
        let Launch { programme, transmitter, .. } = launch;
        let bit_rate_bps = programme.channel.bit_rate_bps;
        let metrics = ChannelMetrics::new(&programme.channel.name);
        metrics.target(bit_rate_bps);
        Self {
            programme,
            transmitter,
            pacer: Pacer::new(bit_rate_bps, now),
            metrics,
            cycles: 0,
            cycle_began: now,
            refused: None,
            replacement: None,
            retiring: None,
            failing: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.programme.channel.name
    }

    /// Complete cycles since the channel went on air.
    pub(super) const fn cycles(&self) -> u64 {
        self.cycles
    }

    pub(super) fn replace_by(&mut self, launch: Launch) {
        self.replacement = Some(launch);
        self.retiring = None;
    }

    pub(super) fn retire(&mut self, generation: u64) {
        self.retiring = Some(generation);
        self.replacement = None;
    }

    /// Sends what may be sent at `now`.
    pub(super) fn turn(&mut self, now: Micros) -> Turn {
        if self.programme.carousel.between_cycles() && self.refused.is_none() {
            if let Some(generation) = self.retiring {
                return Turn::Retired { generation };
            }
            if let Some(launch) = self.replacement.take() {
                return self.replace(launch, now);
            }
        }
        let mut measured = false;
        loop {
            let at = self.pacer.next_at();
            if at > now {
                return Turn::Wait(at);
            }
            let datagram = match self.refused.take() {
                Some(datagram) => datagram,
                None => match self.programme.carousel.next(now, clock::unix_seconds()) {
                    Step::Datagram(datagram) => datagram,
                    Step::Idle { until } => {
                        self.pacer.idle_until(until.min(now.after(ASK_AGAIN)));
                        return Turn::Wait(until);
                    }
                    Step::CycleEnd => return self.end_cycle(now),
                },
            };
            if !std::mem::replace(&mut measured, true) {
                self.metrics.lag(self.pacer.lag(now));
            }
            if let Some(retry_at) = self.send(datagram, now) {
                return Turn::Wait(retry_at);
            }
        }
    }

    fn end_cycle(&mut self, now: Micros) -> Turn {
        self.cycles += 1;
        self.metrics.cycle(now.since(self.cycle_began));
        self.cycle_began = now;
        Turn::CycleEnd
    }

    fn replace(&mut self, launch: Launch, now: Micros) -> Turn {
        let Launch { programme, transmitter, generation } = launch;
        self.pacer.set_bit_rate(programme.channel.bit_rate_bps);
        self.pacer.idle_until(now);
        self.metrics.target(programme.channel.bit_rate_bps);
        (self.programme, self.transmitter) = (programme, transmitter);
        Turn::Replaced { generation }
    }

    /// Sends one datagram; the time to try it again when there is no room for it.
    fn send(&mut self, datagram: Datagram, now: Micros) -> Option<Micros> {
        let Datagram { object, head, body, tail } = &datagram;
        let bytes = self.programme.payloads.get(*object).map_or(&[][..], Payload::bytes);
        let range = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let slice = bytes.get(range(body.start)..range(body.end)).unwrap_or_default();
        let ip_bytes = datagram.bytes() + self.programme.channel.group.ip_udp_bytes();
        match self.transmitter.send(head, slice, tail) {
            Ok(()) => {
                self.metrics.sent(ip_bytes);
                self.recovered();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.refused = Some(datagram);
                return Some(now.after(RETRY));
            }
            Err(error) => self.failed(&error),
        }
        self.pacer.sent(now, ip_bytes);
        None
    }

    /// A datagram is lost to the boxes, the next cycle brings it again; the log is told once.
    fn failed(&mut self, error: &io::Error) {
        self.metrics.error(error);
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
