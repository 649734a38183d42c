//! What is on air: the real senders' cores on one virtual clock, each with its pacer.

mod senders;

use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use stbcast_fec::{Choice, Geometry, GeometryError};
use stbcast_flute::Share;
use stbcast_flute::fdt::LocationError;
use stbcast_infocast::NameError;
use stbcast_object::{Group, GroupError, Micros, Slices, SlicesError};

use senders::{Repair, Source, announce, described};

/// The object's name on the channel.
pub const OBJECT: &str = "image";
/// Its URL.
pub const LOCATION: &str = "infocast://239.255.2.11:22222/image";
/// Its number in FLUTE sessions.
pub const TOI: u32 = 0x5eed_0001;

/// Groups on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The channel's.
    pub channel: Group,
    /// The companion's.
    pub companion: Group,
    /// The announce session's.
    pub announce: Group,
}

impl Groups {
    /// Those of every programme.
    ///
    /// # Errors
    /// None: they are multicast addresses.
    pub fn new() -> Result<Self, GroupError> {
        let group = |last, port| Group::new(Ipv4Addr::new(239, 255, 2, last).into(), port);
        Ok(Self {
            channel: group(11, 22222)?,
            companion: group(12, 22222)?,
            announce: group(3, stbcast_flute::ANNOUNCE_PORT)?,
        })
    }
}

/// Bytes of IPv4 and UDP header.
pub const IP_UDP_BYTES: usize = 28;
/// Bytes of a companion's datagram around its symbol: LCT header, EXT_FTI, payload id, CRC-32.
const COMPANION_OVERHEAD_BYTES: usize = 16 + 16 + 8 + 4;
/// Room for a symbol in an Ethernet frame of the companion, as the headend plans it.
const SYMBOL_BYTES_MAX: u16 = 1_500 - (IP_UDP_BYTES + COMPANION_OVERHEAD_BYTES) as u16;

/// What is sent, and how.
#[derive(Clone, Debug)]
pub struct Programme {
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Bytes of a slice, 1 or more.
    pub slice_bytes: u16,
    /// Bits of IP per second of the carousel's channel.
    pub bit_rate_bps: u64,
    /// Cycles that are sent.
    pub cycles: u64,
    /// What the wall clock says at the start, since the Unix epoch.
    pub wall: Micros,
    /// The code of the repair symbols.
    pub code: Choice,
    /// Companions on air: none for a plain carousel, one for each redundant headend.
    pub companions: Vec<Companion>,
}

/// The repair symbols of one headend.
#[derive(Clone, Copy, Debug)]
pub struct Companion {
    /// Repair symbols sent for each slice sent.
    pub ratio: f64,
    /// Which of them are its own.
    pub share: Share,
    /// By how much its wall clock is ahead of the programme's.
    pub clock_ahead: Micros,
    /// When it is started anew, if ever: nothing is left but the clocks.
    pub restart_at: Option<Micros>,
}

impl Companion {
    /// The only headend, sending `ratio` repair symbols for each slice.
    pub const fn alone(ratio: f64) -> Self {
        Self { ratio, share: Share::ALL, clock_ahead: Micros::ZERO, restart_at: None }
    }
}

/// Why a programme cannot be sent.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AirError {
    /// Length and slice size do not fit.
    #[error(transparent)]
    Slices(#[from] SlicesError),
    /// Slices of no bytes.
    #[error("slices of 0 bytes are not legal")]
    SliceBytes,
    /// A group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The name of the object.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The carousel's entry.
    #[error(transparent)]
    Entry(#[from] stbcast_infocast::EntryError),
    /// The URL of the object.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// There is no geometry for this code.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The companion cannot send the object.
    #[error(transparent)]
    Companion(#[from] stbcast_flute::EntryError),
}

/// One datagram, at the time it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Micros,
    /// What it carries.
    pub what: What,
}

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A slice of the carousel.
    Source {
        /// From 0.
        index: u32,
    },
    /// A repair symbol of the companion.
    Repair {
        /// Its block.
        block: u32,
        /// Its number among the repair symbols of the block.
        index: u32,
    },
    /// A datagram of the companion's FDT.
    Fdt {
        /// Its place in [`Air::descriptions`].
        place: u32,
    },
}

impl What {
    /// Whether it bears a symbol of the object.
    pub const fn is_symbol(self) -> bool {
        !matches!(self, Self::Fdt { .. })
    }

    /// The index of the slice that it is, if it is one.
    pub const fn slice(self) -> Option<u32> {
        match self {
            Self::Source { index } => Some(index),
            Self::Repair { .. } | Self::Fdt { .. } => None,
        }
    }
}

/// Everything that is sent, in order.
#[derive(Clone, Debug)]
pub struct Air {
    /// The datagrams.
    pub sent: Vec<Sent>,
    /// Datagrams of the companion's FDT, whole.
    pub descriptions: Vec<Vec<u8>>,
    /// Datagrams of the announce session, whole: one each second from the start on.
    pub announcements: Vec<Vec<u8>>,
    /// What the wall clock says at the start, since the Unix epoch.
    pub wall: Micros,
    /// Groups on air.
    pub groups: Groups,
    /// Slices of the object: the unit of all results.
    pub slices: Slices,
    /// Geometry of its blocks, where there is repair.
    pub geometry: Option<Geometry>,
    /// How its datagrams look beside the symbol, in bytes of UDP payload.
    pub overhead: Overhead,
    /// Datagrams until the first cycle is complete; boxes join within it.
    pub first_cycle: usize,
}

/// Bytes of UDP payload around a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overhead {
    /// Header and trailer of a slice.
    pub source: usize,
    /// Headers and CRC of a repair symbol.
    pub repair: usize,
}

impl Air {
    /// Sends a programme.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn of(programme: &Programme) -> Result<Self, AirError> {
        let slice_bytes = NonZeroU16::new(programme.slice_bytes).ok_or(AirError::SliceBytes)?;
        let slices = Slices::new(programme.image_bytes, slice_bytes)?;
        let mut source = Source::new(programme, slices)?;
        let groups = Groups::new()?;
        let (mut repairs, mut geometry) = (Vec::new(), None);
        for companion in &programme.companions {
            let Programme { code, image_bytes, slice_bytes, .. } = *programme;
            let plan = Geometry::plan(code, image_bytes, slice_bytes, SYMBOL_BYTES_MAX)?;
            let file = described(geometry.insert(plan), slices, groups)?;
            repairs.push(Repair::new(programme, companion, file, source.slices_per_s)?);
        }
        let overhead = Overhead {
            source: source.entry_overhead,
            repair: repairs.first().map_or(0, |_| COMPANION_OVERHEAD_BYTES),
        };
        let (mut sent, mut descriptions, mut first_cycle) = (Vec::new(), Vec::new(), 0);
        while source.carousel.cycles() < programme.cycles {
            // Of two that are due at once the slice goes first, as one process would send them.
            let at = source.pacer.next_at();
            match repairs.iter_mut().min_by_key(|repair| repair.pacer.next_at()) {
                Some(repair) if repair.pacer.next_at() < at => {
                    sent.push(repair.next(&mut descriptions)?);
                }
                _ => sent.extend(source.next()),
            }
            if source.carousel.cycles() == 0 {
                first_cycle = sent.len();
            }
        }
        let end = sent.last().map_or(Micros::ZERO, |last| last.at);
        let announcements = match geometry {
            Some(geometry) => announce(described(&geometry, slices, groups)?, programme.wall, end)?,
            None => Vec::new(),
        };
        let wall = programme.wall;
        Ok(Self {
            sent,
            descriptions,
            announcements,
            wall,
            groups,
            slices,
            geometry,
            overhead,
            first_cycle,
        })
    }
}

impl Air {
    /// Bytes of a repair symbol; 0 without repair.
    pub fn repair_bytes(&self) -> u64 {
        self.geometry.map_or(0, |geometry| geometry.repair_bytes() as u64)
    }
}
