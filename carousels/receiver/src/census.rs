//! What a channel carries, learned by listening. Memory is bounded whatever arrives.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::net::IpAddr;

use arrayvec::ArrayVec;
use stbcast_infocast::{Check, Learner, Name, Packet, Verdict};
use stbcast_mag::Packet as MagPacket;
use stbcast_object::Micros;

use crate::limits::{LISTED_OBJECTS_MAX, LISTED_SENDERS_MAX};
use crate::{InfocastRevision, MagDecoder, MagReject, Rejection, Revision, Stats};

mod image;

use self::image::Description;
pub use self::image::ImageRecord;

/// Slices of an object that are remembered to see its content change.
const SAMPLES: usize = 16;

/// A listener to one channel.
#[derive(Default)]
pub struct Census {
    learner: Learner,
    objects: BTreeMap<Name, ObjectRecord>,
    mag: MagDecoder,
    image: Option<ImageRecord>,
    description: Description,
    other_names: u64,
    ip_bytes: u64,
    first_at: Option<Micros>,
    last_at: Micros,
    stats: Stats,
}

/// What is known of one object.
#[derive(Clone, Debug)]
pub struct ObjectRecord {
    /// Header fields of the revision seen last.
    pub revision: InfocastRevision,
    /// Datagrams seen.
    pub datagrams: u64,
    /// IP bytes seen.
    pub ip_bytes: u64,
    /// Times the revision or the content of a slice changed.
    pub changes: u64,
    /// Senders seen; at most eight are kept.
    pub senders: ArrayVec<IpAddr, LISTED_SENDERS_MAX>,
    /// The check learned from its trailers.
    pub check: Option<Check>,
    /// Bytes of its inner slices, once two agree; `None` too when they differ.
    pub slice_bytes: Option<u32>,
    samples: ArrayVec<(u32, u32), SAMPLES>,
    inner: Inner,
    last_length: Option<u32>,
    pass: Pass,
    period: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    None,
    One(u32),
    Equal(u32),
    Unequal,
}

/// A pass watched from its first slice without a gap: the way to the size of unequal slices.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    next: u32,
    bytes: u64,
    whole: Option<u64>,
}

/// Time between two sightings of the same slice.
#[derive(Clone, Copy, Debug)]
struct Period {
    index: u32,
    first_at: Micros,
    last_at: Micros,
    times: u64,
}

impl Period {
    const fn new(index: u32, now: Micros) -> Self {
        Self { index, first_at: now, last_at: now, times: 0 }
    }

    /// Another sighting of a slice.
    const fn note(&mut self, index: u32, now: Micros) {
        if index == self.index {
            self.last_at = now;
            self.times += 1;
        }
    }

    fn mean(&self) -> Option<Micros> {
        let Self { first_at, last_at, times, .. } = *self;
        (times > 0).then(|| Micros(last_at.since(first_at).0 / times))
    }
}

impl ObjectRecord {
    fn new(packet: &Packet<'_>, now: Micros) -> Self {
        Self {
            revision: InfocastRevision::of(packet),
            datagrams: 0,
            ip_bytes: 0,
            changes: 0,
            senders: ArrayVec::new(),
            check: None,
            slice_bytes: None,
            samples: ArrayVec::new(),
            inner: Inner::None,
            last_length: None,
            pass: Pass::default(),
            period: Period::new(packet.index(), now),
        }
    }

    /// Length of the object in bytes, once it can be known.
    pub fn length(&self) -> Option<u64> {
        let total = self.revision.total;
        match (total, self.last_length, self.inner) {
            (1, Some(last), _) => Some(u64::from(last)),
            (2, Some(last), Inner::One(inner)) => Some(u64::from(inner) + u64::from(last)),
            (_, Some(last), Inner::Equal(inner)) => {
                Some(u64::from(total - 1) * u64::from(inner) + u64::from(last))
            }
            _ => self.pass.whole,
        }
    }

    /// Mean time from one pass to the next, once a slice was seen twice.
    pub fn cycle(&self) -> Option<Micros> {
        self.period.mean()
    }

    fn observe(
        &mut self,
        (now, from): (Micros, IpAddr),
        packet: &Packet<'_>,
        fingerprint: u32,
        verdict: Verdict,
    ) {
        let index = packet.index();
        let length = u32::try_from(packet.payload().len()).unwrap_or(u32::MAX);
        let known = self.samples.iter().find(|(sample, _)| *sample == index);
        let changed = self.revision != InfocastRevision::of(packet)
            || known.is_some_and(|&(_, sample)| sample != fingerprint);
        if changed {
            let kept = Self { changes: self.changes + 1, ..self.clone() };
            *self = Self {
                datagrams: kept.datagrams,
                ip_bytes: kept.ip_bytes,
                changes: kept.changes,
                senders: kept.senders,
                check: kept.check,
                period: kept.period,
                ..Self::new(packet, now)
            };
        }
        if self.samples.iter().all(|(sample, _)| *sample != index) {
            let _ = self.samples.try_push((index, fingerprint));
        }
        if !self.senders.contains(&from) {
            let _ = self.senders.try_push(from);
        }
        if let Verdict::Verified(check) = verdict {
            self.check = Some(check);
        }
        self.note_length(index, length);
        self.note_pass(index, length);
        if self.datagrams > 0 {
            self.period.note(index, now);
        }
    }

    fn note_length(&mut self, index: u32, length: u32) {
        if index + 1 == self.revision.total {
            self.last_length = Some(length);
            return;
        }
        self.inner = match self.inner {
            Inner::None => Inner::One(length),
            Inner::One(known) | Inner::Equal(known) if known == length => Inner::Equal(length),
            _ => Inner::Unequal,
        };
        self.slice_bytes = match self.inner {
            Inner::Equal(bytes) => Some(bytes),
            _ => None,
        };
    }

    fn note_pass(&mut self, index: u32, length: u32) {
        let Pass { next, bytes, .. } = &mut self.pass;
        if index == 0 {
            (*next, *bytes) = (1, u64::from(length));
        } else if index == *next {
            *next += 1;
            *bytes += u64::from(length);
        } else {
            *next = 0;
        }
        if *next == self.revision.total {
            self.pass.whole = Some(self.pass.bytes);
        }
    }
}

impl Census {
    /// Takes one datagram: `bytes` of UDP payload and what IP and UDP add to it.
    pub fn observe(&mut self, now: Micros, from: IpAddr, bytes: &[u8], ip_udp_bytes: usize) {
        let ip_bytes = (bytes.len() + ip_udp_bytes) as u64;
        self.first_at.get_or_insert(now);
        self.last_at = now;
        self.ip_bytes += ip_bytes;
        self.stats.datagrams += 1;
        self.stats.bytes += bytes.len() as u64;
        use stbcast_mag::Reject::{Kind, Short};
        // Neither format has a magic number, but MAG's first bytes are of no object type that is known.
        let mag = match self.observe_mag((now, from), bytes, ip_bytes) {
            Ok(()) => return,
            Err(reject) => reject,
        };
        match (Packet::parse(bytes), mag) {
            (Ok(packet), _) => self.observe_packet(now, from, &packet, ip_bytes),
            (Err(reject), MagReject::Packet(Kind { .. } | Short { .. })) => {
                self.stats.reject(reject.into());
            }
            (Err(_), mag) => self.stats.reject(mag.into()),
        }
    }

    fn observe_mag(
        &mut self,
        (now, from): (Micros, IpAddr),
        bytes: &[u8],
        ip_bytes: u64,
    ) -> Result<(), MagReject> {
        let slice = match self.mag.decode(from, bytes)? {
            Some(arrival) => arrival.slice,
            None => {
                if let Ok(MagPacket::Description { text, .. }) = MagPacket::parse(bytes) {
                    self.description.observe(text);
                    self.stats.descriptions += 1;
                }
                return Ok(());
            }
        };
        if let Revision::Mag(revision) = slice.revision {
            let image = self.image.get_or_insert_with(|| ImageRecord::new(now, revision, &slice));
            image.observe((now, from), (revision, &slice), ip_bytes);
        }
        Ok(())
    }

    fn observe_packet(&mut self, now: Micros, from: IpAddr, packet: &Packet<'_>, ip_bytes: u64) {
        let name = packet.header().name;
        if !self.objects.contains_key(&name) && self.objects.len() >= LISTED_OBJECTS_MAX {
            self.other_names += 1;
            return;
        }
        let fingerprint = packet.fingerprint();
        let verdict = self.learner.judge_print(packet, fingerprint);
        if verdict == Verdict::Bad {
            return self.stats.reject(Rejection::BadTrailer);
        }
        let object = self.objects.entry(name).or_insert_with(|| ObjectRecord::new(packet, now));
        object.observe((now, from), packet, fingerprint, verdict);
        object.datagrams += 1;
        object.ip_bytes += ip_bytes;
    }

    /// The objects by name.
    pub fn objects(&self) -> impl Iterator<Item = (&Name, &ObjectRecord)> {
        self.objects.iter()
    }

    /// The image, where it is a MAG channel.
    pub const fn image(&self) -> Option<&ImageRecord> {
        self.image.as_ref()
    }

    /// How a MAG channel describes its image, bytes that are not plain ASCII escaped.
    pub fn description(&self) -> Option<String> {
        self.description.text()
    }

    /// Packets of names beyond the [`LISTED_OBJECTS_MAX`] that are kept apart.
    pub const fn other_names(&self) -> u64 {
        self.other_names
    }

    /// Datagrams and rejections.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Mean bit rate of the channel over `span`, in bits of IP per second.
    pub fn bit_rate_bps(&self, span: Micros) -> u64 {
        let bits = u128::from(self.ip_bytes) * 8_000_000;
        u64::try_from(bits / u128::from(span.0.max(1))).unwrap_or(u64::MAX)
    }

    /// From the first datagram to the last.
    pub fn span(&self) -> Micros {
        self.first_at.map_or(Micros::ZERO, |first| self.last_at.since(first))
    }
}
