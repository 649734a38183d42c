//! The sender's core: which datagram comes next. It neither sleeps nor sends.
//!
//! ```text
//!  description | data 0, 1, 2 .. | description | data .. | ... data N-1 | pause | description | ..
//!              |<-- description_repeat ->|
//! ```

use alloc::vec::Vec;

use stbcast_object::{Datagram, Head, Micros, Slices, Tail};

use crate::{Description, HEADER_BYTES, Header};

/// The description comes again no sooner than this: the vendor's sender looks at its clock that
/// often (MAG notes §1.3).
pub const DESCRIPTION_STEP: Micros = Micros::from_millis(100);

/// Longest image in bytes: its length is 32 bits of each datagram.
pub const LENGTH_MAX: u64 = u32::MAX as u64;

/// Packets that the 16-bit index tells apart. Of a longer image it begins at 0 again.
pub const PACKETS_TOLD_APART: u32 = 1 << 16;

/// One image, and what is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Serial number: boxes begin anew where it changes.
    pub serial: u16,
    /// What the image is, for people.
    pub description: Description,
    /// The description comes again after this span within a cycle, at least 100 ms.
    pub description_repeat: Micros,
    /// The image, cut into packets.
    pub slices: Slices,
}

/// Why an image cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes are too many for the 32-bit length of an image: 4294967295 are legal")]
pub struct TooLong {
    /// Length of the image in bytes.
    pub length: u64,
}

impl Stream {
    /// Packets of the image less one, as its datagrams say it: modulo 65,536, and 65,535 for an empty
    /// image, as the vendor's sender writes it.
    fn last(&self) -> u16 {
        let packets = if self.slices.length() == 0 { 0 } else { self.slices.count() };
        low(packets.wrapping_sub(1))
    }

    /// Whether the index of its packets begins at 0 again before the image ends. Whether boxes of the
    /// field take that is not known (MAG notes §1.3).
    pub const fn wraps(&self) -> bool {
        self.slices.count() > PACKETS_TOLD_APART
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the index counts modulo 65,536")]
const fn low(number: u32) -> u16 {
    number as u16
}

/// The endless repetition of one image, packets in ascending order.
///
/// To change what is sent, replace the carousel when [`Step::CycleEnd`] comes or
/// [`Carousel::between_cycles`] holds.
#[derive(Clone, Debug)]
pub struct Carousel {
    stream: Stream,
    /// Checked: the image has no more bytes than this counts.
    length: u32,
    pause: Micros,
    cycles: u64,
    resume_at: Micros,
    /// Where the cycle stands, while one is on.
    place: Option<Place>,
}

/// A place in a cycle.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The packet that comes next.
    packet: u32,
    /// When the description was sent last.
    described: Micros,
    /// The packet it was sent in front of.
    described_before: u32,
}

/// What a carousel wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this datagram with the description, when the pacer allows.
    Description(Vec<u8>),
    /// Send this packet of the image, when the pacer allows.
    Datagram(Datagram),
    /// A cycle is complete; every packet has been sent.
    CycleEnd,
    /// Nothing is due before this time.
    Idle {
        /// When to ask again.
        until: Micros,
    },
}

/// A cycle in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Datagrams with packets of the image.
    pub packets: u64,
    /// Datagrams with the description.
    pub descriptions: u64,
    /// IP bytes of both.
    pub ip_bytes: u64,
    /// Time a cycle takes at the bit rate, the pause behind it left aside.
    pub cycle: Micros,
}

impl Carousel {
    /// The carousel of one image, with a pause behind each cycle.
    ///
    /// # Errors
    /// When the image is longer than its datagrams can say.
    pub fn new(stream: Stream, pause: Micros) -> Result<Self, TooLong> {
        let length = stream.slices.length();
        let length = u32::try_from(length).map_err(|_| TooLong { length })?;
        Ok(Self { stream, length, pause, cycles: 0, resume_at: Micros::ZERO, place: None })
    }

    /// What it sends.
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Complete cycles so far.
    pub const fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Whether the image is not in the middle of its pass, so that the carousel may be replaced.
    pub const fn between_cycles(&self) -> bool {
        self.place.is_none()
    }

    /// UDP payload of the largest datagram in bytes.
    pub fn datagram_bytes_max(&self) -> usize {
        let packet = HEADER_BYTES + usize::from(self.stream.slices.slice_bytes().get());
        packet.max(self.stream.description.datagram_bytes())
    }

    /// The next step at `now`.
    pub fn next(&mut self, now: Micros) -> Step {
        match self.place {
            None if now < self.resume_at => Step::Idle { until: self.resume_at },
            None => self.describe(0, now),
            Some(place) if place.packet == self.stream.slices.count() => {
                self.cycles += 1;
                (self.place, self.resume_at) = (None, now.after(self.pause));
                Step::CycleEnd
            }
            // A packet follows each description, or slow channels would send nothing else.
            Some(place)
                if place.packet > place.described_before
                    && now.since(place.described) >= self.repeat() =>
            {
                self.describe(place.packet, now)
            }
            Some(place) => {
                self.place = Some(Place { packet: place.packet + 1, ..place });
                Step::Datagram(self.datagram(place.packet))
            }
        }
    }

    /// A cycle in figures at a bit rate of IP, with `ip_udp_bytes` (28 or 48) in front of each datagram.
    /// How often the description passes depends on the time a cycle takes, so it may be one off.
    pub fn plan(&self, bit_rate_bps: u64, ip_udp_bytes: usize) -> Plan {
        let packets = u64::from(self.stream.slices.count());
        let one = (self.stream.description.datagram_bytes() + ip_udp_bytes) as u64;
        let image = u64::from(self.length) + packets * (HEADER_BYTES + ip_udp_bytes) as u64;
        // What the descriptions leave of a rate, in bytes of IP per repeat; the cycle is as many repeats
        // as the rest of it takes.
        let per_repeat = u128::from(bit_rate_bps) * u128::from(self.repeat().0) / 8_000_000;
        let again = match per_repeat.saturating_sub(u128::from(one)) {
            0 => packets,
            left => u64::try_from(u128::from(image) / left).unwrap_or(u64::MAX),
        };
        let descriptions = again.saturating_add(1).min(packets);
        let ip_bytes = image + descriptions * one;
        let cycle = u128::from(ip_bytes) * 8_000_000 / u128::from(bit_rate_bps.max(1));
        let cycle = Micros(u64::try_from(cycle).unwrap_or(u64::MAX));
        Plan { packets, descriptions, ip_bytes, cycle }
    }

    fn repeat(&self) -> Micros {
        self.stream.description_repeat.max(DESCRIPTION_STEP)
    }

    /// Sends the description in front of `packet`.
    fn describe(&mut self, packet: u32, now: Micros) -> Step {
        self.place = Some(Place { packet, described: now, described_before: packet });
        Step::Description(self.stream.description.encode(self.stream.serial))
    }

    fn datagram(&self, packet: u32) -> Datagram {
        let Stream { serial, slices, .. } = &self.stream;
        let body = slices.range(packet);
        let header = Header {
            serial: *serial,
            index: low(packet),
            last: self.stream.last(),
            // Checked: no byte of the image lies behind what this counts.
            offset: u32::try_from(body.start).unwrap_or(self.length),
            length: self.length,
        };
        let head = Head::try_from(&header.encode()[..]).unwrap_or_default();
        Datagram { object: 0, head, body, tail: Tail::new() }
    }
}

#[cfg(test)]
mod tests;
