//! A datagram as the session sees it: what it is and how long, but not its bytes.

use core::net::IpAddr;
use core::num::NonZeroU16;
use core::ops::Range;

use stbcast_fec::Geometry;
use stbcast_flute::Symbol;
use stbcast_infocast::{Learner, Name, ObjectType, Packet, Precoding, Reject, Verdict};
use stbcast_object::Group;

/// A slice that arrived. `P` is a handle by which the shell finds the bytes again; a simulation
/// without payload uses `()`.
#[derive(Clone, Debug)]
pub struct Arrival<P> {
    /// Sender's address.
    pub from: IpAddr,
    /// UDP payload of the datagram in bytes.
    pub datagram_bytes: usize,
    /// Name of its object; `None` on a channel that carries one object without a name.
    pub name: Option<Name>,
    /// Which slice it is.
    pub slice: Slice,
    /// Where the bytes are.
    pub payload: P,
}

impl Arrival<Range<usize>> {
    /// The arrival of a datagram that begins at `start` of a larger buffer.
    #[must_use]
    pub fn within(mut self, start: usize) -> Self {
        self.payload = moved(&self.payload, start);
        self
    }
}

const fn moved(range: &Range<usize>, start: usize) -> Range<usize> {
    range.start.saturating_add(start)..range.end.saturating_add(start)
}

/// A symbol of a FLUTE session that arrived.
#[derive(Clone, Debug)]
pub struct SymbolArrival<P> {
    /// Sender's address.
    pub from: IpAddr,
    /// Group it came on.
    pub group: Group,
    /// UDP payload of the datagram in bytes.
    pub datagram_bytes: usize,
    /// Transport Object Identifier.
    pub toi: u128,
    /// Blocks and symbols as the datagram or the session's FDT says; `None` without a code.
    pub geometry: Option<Geometry>,
    /// Which symbol.
    pub symbol: Symbol,
    /// Its bytes; of a last source symbol without what fills it up.
    pub length: u32,
    /// Where they are.
    pub payload: P,
    /// Whether its session's FDT names the wanted object for this TOI. Symbols of an object that
    /// it names otherwise are no arrivals.
    pub of_location: bool,
}

impl SymbolArrival<Range<usize>> {
    /// The arrival of a datagram that begins at `start` of a larger buffer.
    #[must_use]
    pub fn within(mut self, start: usize) -> Self {
        self.payload = moved(&self.payload, start);
        self
    }
}

/// A slice without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// What tells revisions of the object apart.
    pub revision: Revision,
    /// Slice index from 0.
    pub index: u32,
    /// Bytes of the slice.
    pub length: u32,
    /// Equal for equal bytes, and else almost surely not: tells revisions apart, proves nothing.
    pub fingerprint: u32,
    /// The trailer's 0, 2 or 4 bytes; none but on an Infocast channel.
    pub trailer: Trailer,
    /// What the trailer says.
    pub verdict: Verdict,
}

/// The bytes of a trailer.
pub type Trailer = arrayvec::ArrayVec<u8, 4>;

/// What a datagram says of its revision, by which revisions are told apart: as much as the channel's
/// format has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// Of an object on an Infocast channel.
    Infocast(InfocastRevision),
    /// Of the image on a MAG channel.
    Mag(MagRevision),
}

impl Revision {
    /// Slices of the object, at least 1.
    pub fn slices(&self) -> u32 {
        match self {
            Self::Infocast(revision) => revision.total,
            Self::Mag(revision) => revision.packets(),
        }
    }

    /// Length of the object in bytes, where its datagrams say it.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Infocast(_) => None,
            Self::Mag(revision) => Some(revision.length.into()),
        }
    }

    /// Bytes of each slice but the last, where every datagram says it.
    pub(crate) const fn slice_bytes(&self) -> Option<NonZeroU16> {
        match self {
            Self::Infocast(_) => None,
            Self::Mag(revision) => Some(revision.packet_bytes),
        }
    }
}

/// What tells images on a MAG channel apart (MAG notes §1.3). Where the serial number stays as it was,
/// only their length and bytes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MagRevision {
    /// Serial number.
    pub serial: u16,
    /// Length of the image in bytes.
    pub length: u32,
    /// Bytes of the image in each packet but the last, which has what is left. The sender chooses them,
    /// and no field tells them: of an image of one packet they are its length, or 1 where it is empty.
    pub packet_bytes: NonZeroU16,
}

impl MagRevision {
    /// Packets of the image, at least 1: not the header's field, which wraps.
    pub const fn packets(&self) -> u32 {
        let packets = self.length.div_ceil(self.packet_bytes.get() as u32);
        if packets == 0 { 1 } else { packets }
    }
}

/// The header fields that belong to a revision, not to a packet (Infocast notes §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfocastRevision {
    /// Object type.
    pub object_type: ObjectType,
    /// Precoding.
    pub precoding: Precoding,
    /// Slices of the object, at least 1.
    pub total: u32,
    /// The unexplained 16 bits.
    pub dynamic_info: u16,
}

impl InfocastRevision {
    pub(crate) const fn of(packet: &Packet<'_>) -> Self {
        let header = packet.header();
        Self {
            object_type: header.object_type,
            precoding: header.precoding,
            total: header.total,
            dynamic_info: packet.dynamic_info(),
        }
    }
}

/// Turns the datagrams of one Infocast channel into arrivals, learning its trailers on the way.
#[derive(Clone, Debug, Default)]
pub struct ChannelDecoder {
    learner: Learner,
    source: Option<IpAddr>,
}

impl ChannelDecoder {
    /// A decoder that learns trailers from this sender alone; from any, when `None`.
    pub fn new(source: Option<IpAddr>) -> Self {
        Self { learner: Learner::default(), source }
    }

    /// Decodes one datagram; the payload handle is the range of the slice in `bytes`.
    ///
    /// # Errors
    /// When the datagram is not a packet.
    pub fn decode(&mut self, from: IpAddr, bytes: &[u8]) -> Result<Arrival<Range<usize>>, Reject> {
        let packet = Packet::parse(bytes)?;
        let fingerprint = packet.fingerprint();
        let slice = Slice {
            revision: Revision::Infocast(InfocastRevision::of(&packet)),
            index: packet.index(),
            length: u32::try_from(packet.payload().len()).unwrap_or(u32::MAX),
            fingerprint,
            trailer: packet.trailer().iter().copied().take(4).collect(),
            verdict: if self.source.is_some_and(|source| source != from) {
                Verdict::Unverified
            } else {
                self.learner.judge_print(&packet, fingerprint)
            },
        };
        Ok(Arrival {
            from,
            datagram_bytes: bytes.len(),
            name: Some(packet.header().name),
            slice,
            payload: packet.payload_range(),
        })
    }
}
