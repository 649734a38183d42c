//! The datagrams of a MAG channel as arrivals.
//!
//! Offset and length are the truth. The index of a packet is not looked at: it wraps in images that boxes
//! really have. No field tells the size of packets either; each packet but the last one shows it, and
//! those before tell where the last one belongs.

use core::net::IpAddr;
use core::num::NonZeroU16;
use core::ops::Range;

use arrayvec::ArrayVec;
use stbcast_infocast::Verdict;
use stbcast_mag::{HEADER_BYTES, Header, Packet, Reject};

use crate::limits::{MAG_PACKETS_MAX, SENDERS_MAX, SLICE_BYTES_MAX};
use crate::{Arrival, MagRevision, Revision, Slice, Trailer};

/// Packets of one size in a row after which it takes as many of another size to doubt it.
const TRUST_MAX: u8 = 8;

/// Why a datagram of a MAG channel is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MagReject {
    /// It is neither a description nor a packet of an image.
    #[error(transparent)]
    Packet(#[from] Reject),
    /// Its payload is longer than any that is taken.
    #[error("{bytes} bytes of an image in one packet are more than {SLICE_BYTES_MAX}")]
    Oversized {
        /// Bytes of payload.
        bytes: usize,
    },
    /// It does not lie where a packet of its size begins.
    #[error("no packet of {packet_bytes} bytes begins at {offset}, and has {bytes}")]
    Unaligned {
        /// Where it begins in the image.
        offset: u32,
        /// Bytes of its payload.
        bytes: u16,
        /// Bytes of each packet but the last.
        packet_bytes: NonZeroU16,
    },
    /// Its packets are too small for so long an image.
    #[error("{packets} packets of an image are more than {MAG_PACKETS_MAX}")]
    TooManyPackets {
        /// Packets that the image would have.
        packets: u32,
    },
    /// It is the last packet of an image, and none before it has shown how long packets are.
    #[error("the last packet at {offset} came before any other")]
    LastAlone {
        /// Where it begins in the image.
        offset: u32,
    },
}

impl MagReject {
    pub(crate) const LABELS: [&'static str; Reject::LABELS.len() + 4] = [
        "mag_short",
        "mag_bad_kind",
        "mag_bad_description",
        "mag_beyond_end",
        "mag_no_payload",
        "mag_oversized",
        "mag_unaligned",
        "mag_too_many_packets",
        "mag_last_alone",
    ];

    /// Place of this reason in a table of counters.
    pub(crate) const fn index(&self) -> usize {
        const OWN: usize = Reject::LABELS.len();
        match self {
            Self::Packet(reject) => reject.index(),
            Self::Oversized { .. } => OWN,
            Self::Unaligned { .. } => OWN + 1,
            Self::TooManyPackets { .. } => OWN + 2,
            Self::LastAlone { .. } => OWN + 3,
        }
    }
}

/// Turns the datagrams of one MAG channel into arrivals, learning the size of packets on the way.
#[derive(Clone, Debug, Default)]
pub struct MagDecoder {
    cuts: ArrayVec<Cut, SENDERS_MAX>,
}

/// How an image is cut, as far as its packets show.
#[derive(Clone, Copy, Debug)]
struct Cut {
    revision: MagRevision,
    /// Packets that showed it, less those that showed another size.
    trust: u8,
}

impl Cut {
    const fn is_of(&self, serial: u16, length: u32) -> bool {
        self.revision.serial == serial && self.revision.length == length
    }
}

impl MagDecoder {
    /// Decodes one datagram; the payload handle is the range of the slice in `bytes`. `None` where it is a
    /// description.
    ///
    /// # Errors
    /// When the datagram is neither that nor a packet with a place in its image.
    pub fn decode(
        &mut self,
        from: IpAddr,
        bytes: &[u8],
    ) -> Result<Option<Arrival<Range<usize>>>, MagReject> {
        let Packet::Data { header, payload } = Packet::parse(bytes)? else { return Ok(None) };
        let length = match u16::try_from(payload.len()) {
            Ok(length) if usize::from(length) <= SLICE_BYTES_MAX => length,
            _ => return Err(MagReject::Oversized { bytes: payload.len() }),
        };
        let revision = self.revision(&header, length)?;
        let slice = Slice {
            revision: Revision::Mag(revision),
            index: header.offset / u32::from(revision.packet_bytes.get()),
            length: length.into(),
            fingerprint: crc32fast::hash(payload),
            trailer: Trailer::new(),
            verdict: Verdict::Absent,
        };
        let payload = HEADER_BYTES..bytes.len();
        Ok(Some(Arrival { from, datagram_bytes: bytes.len(), name: None, slice, payload }))
    }

    /// The revision of a packet that begins where one of this revision does.
    fn revision(&mut self, header: &Header, bytes: u16) -> Result<MagRevision, MagReject> {
        let Header { serial, length, offset, .. } = *header;
        let is_last = offset.saturating_add(bytes.into()) == length;
        let shown = MagRevision {
            serial,
            length,
            packet_bytes: NonZeroU16::new(bytes).unwrap_or(NonZeroU16::MIN),
        };
        let revision = if !is_last || offset == 0 {
            shown
        } else {
            let cut = self.cut(serial, length).ok_or(MagReject::LastAlone { offset })?;
            cut.revision
        };
        let packet_bytes = revision.packet_bytes;
        if bytes > packet_bytes.get() || !offset.is_multiple_of(packet_bytes.get().into()) {
            return Err(MagReject::Unaligned { offset, bytes, packet_bytes });
        }
        let packets = revision.packets();
        if packets > MAG_PACKETS_MAX {
            return Err(MagReject::TooManyPackets { packets });
        }
        if !is_last {
            self.learn(revision);
        }
        Ok(revision)
    }

    fn cut(&self, serial: u16, length: u32) -> Option<&Cut> {
        self.cuts.iter().find(|cut| cut.is_of(serial, length))
    }

    /// Takes note of the size that a packet shows. One that somebody else sent does not change it, and many
    /// with other serial numbers leave alone what has been shown often.
    fn learn(&mut self, revision: MagRevision) {
        let (fresh, is_full) = (Cut { revision, trust: 1 }, self.cuts.is_full());
        let known = self.cuts.iter_mut().find(|cut| cut.is_of(revision.serial, revision.length));
        match known {
            Some(cut) if cut.revision == revision => cut.trust = (cut.trust + 1).min(TRUST_MAX),
            Some(cut) if cut.trust > 1 => cut.trust -= 1,
            Some(cut) => *cut = fresh,
            None if is_full => {
                if let Some(least) = self.cuts.iter_mut().min_by_key(|cut| cut.trust) {
                    *least = fresh;
                }
            }
            None => self.cuts.push(fresh),
        }
    }
}

#[cfg(test)]
mod tests;
