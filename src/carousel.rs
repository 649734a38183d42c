//! What a channel sends, whatever the protocol: which datagram is next.

use stbcast_flute::{AnnounceSession, CompanionSession, FdtSender, Statement};
use stbcast_object::{Datagram, Micros};

/// Bytes of the longest trailer of Infocast.
const TRAILER_BYTES_MAX: usize = 4;

/// A datagram of a description: 52 bytes of header in front of at most 1,400.
const FDT_DATAGRAM_BYTES: usize = 1_452;

/// Where the next datagram of a channel comes from.
#[derive(Clone, Debug)]
pub enum Carousel {
    /// KreaTV's object carousel.
    Infocast(Box<stbcast_infocast::Carousel>),
    /// A FLUTE carousel of its own.
    Flute(Box<stbcast_flute::Carousel>),
    /// Infomir's image carousel.
    Mag(Box<stbcast_mag::Carousel>),
    /// The repair symbols of a channel.
    Companion(Box<CompanionSession>),
    /// What is on air, and where.
    Announce(Box<AnnounceSession>),
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Gathered from where its parts lie.
    Parts(Datagram),
    /// A datagram of a description or with a statement, made at send time.
    Whole(Vec<u8>),
}

impl Outgoing {
    /// Bytes of UDP payload.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Parts(datagram) => datagram.bytes(),
            Self::Whole(bytes) => bytes.len(),
        }
    }
}

/// What a carousel wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, when the pacer allows.
    Send(Outgoing),
    /// A cycle is complete.
    CycleEnd,
    /// Nothing is due before this time.
    Idle {
        /// When to ask again.
        until: Micros,
    },
}

impl From<stbcast_infocast::Step> for Step {
    fn from(step: stbcast_infocast::Step) -> Self {
        match step {
            stbcast_infocast::Step::Datagram(datagram) => Self::Send(Outgoing::Parts(datagram)),
            stbcast_infocast::Step::CycleEnd => Self::CycleEnd,
            stbcast_infocast::Step::Idle { until } => Self::Idle { until },
        }
    }
}

impl From<stbcast_flute::Step> for Step {
    fn from(step: stbcast_flute::Step) -> Self {
        match step {
            stbcast_flute::Step::Datagram(datagram) => Self::Send(Outgoing::Parts(datagram)),
            stbcast_flute::Step::Fdt(bytes) => Self::Send(Outgoing::Whole(bytes)),
            stbcast_flute::Step::CycleEnd => Self::CycleEnd,
            stbcast_flute::Step::Idle { until } => Self::Idle { until },
        }
    }
}

impl From<stbcast_mag::Step> for Step {
    fn from(step: stbcast_mag::Step) -> Self {
        match step {
            stbcast_mag::Step::Datagram(datagram) => Self::Send(Outgoing::Parts(datagram)),
            stbcast_mag::Step::Description(bytes) => Self::Send(Outgoing::Whole(bytes)),
            stbcast_mag::Step::CycleEnd => Self::CycleEnd,
            stbcast_mag::Step::Idle { until } => Self::Idle { until },
        }
    }
}

impl Carousel {
    /// The next step at `now`; `wall` is the time since the Unix epoch.
    pub fn next(&mut self, now: Micros, wall: Micros) -> Step {
        match self {
            Self::Infocast(carousel) => carousel.next(now, wall.0 / 1_000_000).into(),
            Self::Flute(carousel) => carousel.next(now, wall).into(),
            Self::Mag(carousel) => carousel.next(now).into(),
            Self::Companion(session) => session.next(now, wall).into(),
            Self::Announce(session) => session.next(now, wall).into(),
        }
    }

    /// Goes on air at `wall`, in place of `before` where there was one.
    pub fn begin(&mut self, before: Option<&Self>, wall: Micros) {
        match (self, before) {
            // These number nothing across cycles.
            (Self::Infocast(_) | Self::Mag(_), _) => {}
            (Self::Flute(new), Some(Self::Flute(old))) => new.begin(Some(old), wall),
            (Self::Flute(new), _) => new.begin(None, wall),
            (Self::Companion(new), Some(Self::Companion(old))) => new.begin(Some(old), wall),
            (Self::Companion(new), _) => new.begin(None, wall),
            (Self::Announce(new), Some(Self::Announce(old))) => new.begin(Some(old), wall),
            (Self::Announce(new), _) => new.begin(None, wall),
        }
    }

    /// Whether no object is in the middle of its pass, so that the carousel may be replaced.
    /// Companions and announcements have no passes.
    pub fn between_cycles(&self) -> bool {
        match self {
            Self::Infocast(carousel) => carousel.between_cycles(),
            Self::Flute(carousel) => carousel.between_cycles(),
            Self::Mag(carousel) => carousel.between_cycles(),
            Self::Companion(_) | Self::Announce(_) => true,
        }
    }

    /// What its datagrams carry, in a word.
    pub const fn carries(&self) -> &'static str {
        match self {
            Self::Infocast(_) | Self::Flute(_) | Self::Mag(_) => "source",
            Self::Companion(_) => "repair",
            Self::Announce(_) => "announce",
        }
    }

    /// Whether it has cycles at all.
    pub const fn has_cycles(&self) -> bool {
        matches!(self, Self::Infocast(_) | Self::Flute(_) | Self::Mag(_))
    }

    /// UDP payload of the largest datagram in bytes, where slices have `slice_bytes`.
    pub fn datagram_bytes_max(&self, slice_bytes: usize) -> usize {
        let fdt = |sender: &FdtSender| {
            if sender.datagrams() > 1 { FDT_DATAGRAM_BYTES } else { small_fdt(sender) }
        };
        match self {
            Self::Infocast(_) => slice_bytes + stbcast_infocast::HEADER_BYTES + TRAILER_BYTES_MAX,
            Self::Flute(carousel) => {
                fdt(carousel.fdt()).max(slice_bytes + stbcast_flute::SOURCE_HEAD_BYTES)
            }
            Self::Mag(carousel) => carousel.datagram_bytes_max(),
            Self::Companion(session) => fdt(session.fdt()).max(session.datagram_bytes_max()),
            Self::Announce(session) => {
                let statements = session.statements().iter().map(Statement::datagram_bytes);
                statements.fold(fdt(session.fdt()), usize::max)
            }
        }
    }

    /// Datagrams with a signed statement so far.
    pub const fn statements_sent(&self) -> u64 {
        match self {
            Self::Announce(session) => session.statements_sent(),
            Self::Infocast(_) | Self::Flute(_) | Self::Mag(_) | Self::Companion(_) => 0,
        }
    }

    /// Time from one cycle to the next at a bit rate, with `ip_udp_bytes` of IP and UDP header;
    /// nothing where there are no cycles.
    pub fn cycle_span(&self, bit_rate_bps: u64, ip_udp_bytes: usize) -> Micros {
        match self {
            Self::Infocast(carousel) => carousel.plan(bit_rate_bps, ip_udp_bytes).cycle,
            Self::Flute(carousel) => carousel.cycle_span(),
            Self::Mag(carousel) => carousel.plan(bit_rate_bps, ip_udp_bytes).cycle,
            Self::Companion(_) | Self::Announce(_) => Micros::ZERO,
        }
    }
}

/// UDP payload of a description of at most one datagram.
fn small_fdt(sender: &FdtSender) -> usize {
    usize::try_from(sender.ip_bytes(0))
        .map_or(FDT_DATAGRAM_BYTES, |bytes| bytes.min(FDT_DATAGRAM_BYTES))
}
