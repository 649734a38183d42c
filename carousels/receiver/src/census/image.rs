//! The image of a MAG channel, watched.

use alloc::string::String;
use core::net::IpAddr;

use arrayvec::ArrayVec;
use stbcast_mag::DESCRIPTION_BYTES_MAX;
use stbcast_object::Micros;

use super::{Period, SAMPLES};
use crate::limits::LISTED_SENDERS_MAX;
use crate::{MagRevision, Slice};

/// What is known of the image on a MAG channel.
#[derive(Clone, Debug)]
pub struct ImageRecord {
    /// The revision seen last.
    pub revision: MagRevision,
    /// Packets seen; descriptions are not among them.
    pub datagrams: u64,
    /// IP bytes seen in them.
    pub ip_bytes: u64,
    /// Times the revision or the content of a packet changed.
    pub changes: u64,
    /// Senders seen; at most eight are kept.
    pub senders: ArrayVec<IpAddr, LISTED_SENDERS_MAX>,
    samples: ArrayVec<(u32, u32), SAMPLES>,
    period: Period,
}

impl ImageRecord {
    pub(super) fn new(now: Micros, revision: MagRevision, slice: &Slice) -> Self {
        Self {
            revision,
            datagrams: 0,
            ip_bytes: 0,
            changes: 0,
            senders: ArrayVec::new(),
            samples: ArrayVec::new(),
            period: Period::new(slice.index, now),
        }
    }

    /// Mean time from one cycle to the next, once a packet was seen twice.
    pub fn cycle(&self) -> Option<Micros> {
        self.period.mean()
    }

    pub(super) fn observe(
        &mut self,
        (now, from): (Micros, IpAddr),
        (revision, slice): (MagRevision, &Slice),
        ip_bytes: u64,
    ) {
        let known = self.samples.iter().find(|(index, _)| *index == slice.index);
        let is_other = known.is_some_and(|(_, print)| *print != slice.fingerprint);
        if is_other || revision != self.revision {
            self.changes += 1;
            self.revision = revision;
            self.samples.clear();
        }
        if self.samples.iter().all(|(index, _)| *index != slice.index) {
            let _ = self.samples.try_push((slice.index, slice.fingerprint));
        }
        if !self.senders.contains(&from) {
            let _ = self.senders.try_push(from);
        }
        if self.datagrams > 0 {
            self.period.note(slice.index, now);
        }
        self.datagrams += 1;
        self.ip_bytes += ip_bytes;
    }
}

/// What descriptions say of the image, to people.
#[derive(Clone, Debug, Default)]
pub(super) struct Description {
    text: ArrayVec<u8, DESCRIPTION_BYTES_MAX>,
    pub(super) datagrams: u64,
}

impl Description {
    pub(super) fn observe(&mut self, text: &[u8]) {
        self.datagrams += 1;
        if self.text.as_slice() != text {
            self.text = text.iter().copied().take(DESCRIPTION_BYTES_MAX).collect();
        }
    }

    /// The last one, bytes that are not plain ASCII escaped.
    pub(super) fn text(&self) -> Option<String> {
        use alloc::string::ToString;
        (self.datagrams > 0).then(|| self.text.escape_ascii().to_string())
    }
}
