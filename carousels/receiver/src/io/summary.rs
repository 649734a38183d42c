//! Figures of a session in the form programs read.

use std::collections::BTreeMap;

use serde::Serialize;
use stbcast_infocast::Check;
use stbcast_object::Micros;

use super::{AnnouncedObject, Moment, ReceivePath, Receiver, RepairFigures};
use crate::{Announcement, Event, FetchError, Revision, Stats};

/// What a session saw and how long it took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Datagrams that arrived.
    pub datagrams: u64,
    /// Their UDP payload in bytes.
    pub datagram_bytes: u64,
    /// Slices of wanted objects that were new.
    pub stored: u64,
    /// Slices of wanted objects that were there already.
    pub duplicates: u64,
    /// Packets of other objects.
    pub foreign: u64,
    /// Datagrams of announce sessions and of what else FLUTE sessions describe.
    pub descriptions: u64,
    /// Datagrams refused, by reason; reasons without any are left out.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Revisions that replaced one being received.
    pub revision_changes: u64,
    /// Superseded revisions that were completed first.
    pub overlaps_finished: u64,
    /// Superseded revisions that were nearly there and could not be completed.
    pub overlaps_given_up: u64,
    /// Requests to servers.
    pub requests: u64,
    /// Bytes of objects that web servers sent.
    pub http_bytes: u64,
    /// Bytes of objects that TFTP servers sent.
    pub tftp_bytes: u64,
    /// Seconds from begin to end.
    pub seconds: f64,
}

impl Counters {
    /// The figures of a moment.
    pub fn of(moment: &Moment) -> Self {
        let stats = &moment.stats;
        Self {
            datagrams: stats.datagrams,
            datagram_bytes: stats.bytes,
            stored: stats.stored,
            duplicates: stats.duplicates,
            foreign: stats.foreign,
            descriptions: stats.descriptions,
            rejected: rejected(stats),
            revision_changes: stats.revision_changes,
            overlaps_finished: stats.overlaps_finished,
            overlaps_given_up: stats.overlaps_given_up,
            requests: stats.requests,
            http_bytes: stats.http_bytes,
            tftp_bytes: stats.tftp_bytes,
            seconds: moment.at.as_secs_f64(),
        }
    }
}

/// How datagrams were taken from the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReceiveFigures {
    /// Messages the kernel dropped because the receive buffer was full; one that joined several
    /// datagrams counts once.
    pub kernel_drops: u64,
    /// How they were taken; `None` when no group could be joined.
    pub receive_path: Option<ReceivePath>,
    /// Bytes of receive buffer the system granted.
    pub receive_buffer_bytes: u64,
    /// Receive system calls.
    pub receive_calls: u64,
}

impl ReceiveFigures {
    /// Adds what a receiver counted.
    pub(crate) fn add(&mut self, receiver: &Receiver) {
        self.kernel_drops += receiver.kernel_drops();
        self.receive_path = Some(receiver.path());
        self.receive_buffer_bytes = receiver.buffer().granted as u64;
        self.receive_calls += receiver.calls();
    }
}

impl std::fmt::Display for ReceiveFigures {
    /// One line for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kernel_drops, receive_buffer_bytes, receive_calls, .. } = self;
        let path = match self.receive_path {
            Some(ReceivePath::Gro) => "gro",
            Some(ReceivePath::Recvmmsg) => "recvmmsg",
            None => return f.write_str("nothing could be joined"),
        };
        let kib = receive_buffer_bytes / 1024;
        write!(f, "{path}, {receive_calls} calls, buffer of {kib} KiB, ")?;
        match kernel_drops {
            0 => f.write_str("nothing dropped"),
            drops => write!(
                f,
                "{drops} DROPPED by the kernel for want of buffer: raise net.core.rmem_max"
            ),
        }
    }
}

/// Datagrams refused, by reason; reasons without any are left out.
pub(crate) fn rejected(stats: &Stats) -> BTreeMap<&'static str, u64> {
    stats.rejected().filter(|(_, count)| *count > 0).collect()
}

/// What is known of how an object's trailers verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The object has the SHA-256 that is announced.
    Announced,
    /// Every slice, or the whole object, passed this check.
    Checked(Check),
    /// There were trailers, but nobody could tell how they are computed.
    Unexplained,
    /// The datagrams of its channel carry no check at all.
    NoCheck,
    /// Its precoding has no trailer.
    NoTrailer,
    /// Its description has no digest, and it is not of an Infocast channel.
    NoDigest,
}

impl Verification {
    /// From the revision received, the check learned, and whether the digest is the announced one.
    pub(crate) fn of(revision: Option<Revision>, check: Option<Check>, announced: bool) -> Self {
        if announced {
            return Self::Announced;
        }
        match (check, revision) {
            (Some(check), _) => Self::Checked(check),
            (None, None) => Self::NoDigest,
            (None, Some(Revision::Mag(_))) => Self::NoCheck,
            (None, Some(Revision::Infocast(one))) if one.precoding.trailer_bytes() == 0 => {
                Self::NoTrailer
            }
            (None, Some(Revision::Infocast(_))) => Self::Unexplained,
        }
    }
}

impl std::fmt::Display for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Announced => f.write_str("SHA-256 as announced"),
            Self::Checked(check) => check.fmt(f),
            Self::Unexplained => {
                f.write_str("unverified: the sender's trailers could not be explained")
            }
            Self::NoCheck => f.write_str("unverified: its datagrams carry no check"),
            Self::NoTrailer => f.write_str("unverified: no trailer"),
            Self::NoDigest => f.write_str("unverified: no digest is announced"),
        }
    }
}

impl Serialize for Verification {
    /// The check in words, or null.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Announced | Self::Checked(_) => serializer.collect_str(self),
            Self::Unexplained | Self::NoCheck | Self::NoTrailer | Self::NoDigest => {
                serializer.serialize_none()
            }
        }
    }
}

/// Follows one object of a session: which revision, how many passes, with which repair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Follower {
    began: Moment,
    /// When its first datagram arrived, or its description.
    pub(crate) found_at: Option<Micros>,
    pub(crate) revision: Option<Revision>,
    slices: Option<u32>,
    failed_attempts: u8,
    announced: Option<AnnouncedObject>,
    no_repair: Option<String>,
}

/// The figures of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObjectFigures {
    /// Datagrams of the object that arrived, source and repair, by the slices it has: 1 is a
    /// perfect reception. Where a slice is several symbols, so many repair symbols count as one.
    pub cycles: f64,
    /// Seconds from the join to the commit or the failure.
    pub seconds: f64,
    /// Attempts made.
    pub attempts: u8,
    /// Bytes of it that servers sent.
    pub http_bytes: u64,
    /// What repair did.
    #[serde(flatten)]
    pub repair: RepairFigures,
}

impl Follower {
    /// Starts to follow an object whose fetch begins now.
    pub(crate) fn begin(began: Moment) -> Self {
        Self { began, ..Self::default() }
    }

    pub(crate) fn note(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Found { revision } | Event::RevisionChanged { revision, .. } => {
                self.revision = Some(*revision);
                self.slices = Some(revision.slices());
                self.found_at.get_or_insert(moment.at);
            }
            Event::Announced(announcement) | Event::RevisionBegun { announcement, .. } => {
                self.note_announced(announcement);
                self.found_at.get_or_insert(moment.at);
            }
            Event::Plain(reason) => self.no_repair = Some(reason.to_string()),
            Event::NoRepair(reason) => self.no_repair = Some(reason.to_string()),
            Event::AttemptFailed { attempt } => self.failed_attempts = *attempt,
            _ => {}
        }
    }

    fn note_announced(&mut self, announcement: &Announcement) {
        self.announced = Some(AnnouncedObject::of(announcement));
        self.no_repair = None;
        let slice_bytes = announcement.slice_bytes.or(announcement.symbol_bytes);
        let slices = announcement.length.zip(slice_bytes).map(|(length, slice_bytes)| {
            u32::try_from(length.div_ceil(slice_bytes.get().into())).unwrap_or(u32::MAX)
        });
        self.slices = slices.or(self.slices);
    }

    /// The figures at a moment, with the reason where the object was given up.
    pub(crate) fn figures(&self, now: &Moment, error: Option<&FetchError>) -> ObjectFigures {
        let slices = self.slices.unwrap_or(1).max(1);
        let asked = now.stats.requests.saturating_sub(self.began.stats.requests);
        let attempts = match error {
            Some(FetchError::Silent { attempts, .. }) => *attempts,
            // An object of a server, not one that is repaired by one.
            _ if asked > 0 && self.announced.is_none() => u8::try_from(asked).unwrap_or(u8::MAX),
            _ => self.failed_attempts.saturating_add(1),
        };
        ObjectFigures {
            cycles: self.slices_heard(now) / f64::from(slices),
            seconds: now.at.since(self.began.at).as_secs_f64(),
            attempts,
            http_bytes: now.stats.http_bytes.saturating_sub(self.began.stats.http_bytes),
            repair: self.repair(now),
        }
    }

    /// Slices that arrived, and as many as the repair symbols that did are long.
    #[expect(clippy::cast_precision_loss, reason = "shown to people, never computed with")]
    fn slices_heard(&self, now: &Moment) -> f64 {
        let (stats, began) = (&now.stats, &self.began.stats);
        let all = stats.wanted().saturating_sub(began.wanted());
        let symbols = |stats: &Stats| stats.repair_stored + stats.repair_useless;
        let repair = symbols(stats).saturating_sub(symbols(began)).min(all);
        let sizes = self.announced.as_ref().and_then(|it| it.symbol_bytes.zip(it.slice_bytes));
        let part = sizes.map_or(1.0, |(symbol, slice)| f64::from(symbol) / f64::from(slice));
        (all - repair) as f64 + repair as f64 * part
    }

    fn repair(&self, now: &Moment) -> RepairFigures {
        let (stats, began) = (&now.stats, &self.began.stats);
        let gained = |now: u64, began: u64| now.saturating_sub(began);
        RepairFigures {
            announced: self.announced.clone(),
            no_repair: self.no_repair.clone(),
            recovered_blocks: gained(stats.recovered_blocks, began.recovered_blocks),
            recovered_symbols: gained(stats.recovered_symbols, began.recovered_symbols),
            repair_stored: gained(stats.repair_stored, began.repair_stored),
            repair_useless: gained(stats.repair_useless, began.repair_useless),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_said_plainly_with_what_helps() {
        let receive_path = Some(ReceivePath::Gro);
        let figures = ReceiveFigures {
            kernel_drops: 3,
            receive_path,
            receive_buffer_bytes: 212_992,
            receive_calls: 7,
        };
        assert_eq!(
            figures.to_string(),
            "gro, 7 calls, buffer of 208 KiB, 3 DROPPED by the kernel for want of buffer: raise \
             net.core.rmem_max"
        );
        let none = ReceiveFigures { kernel_drops: 0, ..figures };
        assert_eq!(none.to_string(), "gro, 7 calls, buffer of 208 KiB, nothing dropped");
        assert_eq!(ReceiveFigures::default().to_string(), "nothing could be joined");
    }
}
