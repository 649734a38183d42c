//! Figures of a session in the form programs read.

use std::collections::BTreeMap;

use serde::Serialize;
use stbcast_infocast::Check;
use stbcast_object::Micros;

use super::{Moment, ReceivePath, Receiver};
use crate::{Event, FetchError, Revision, Stats};

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
    /// Datagrams refused, by reason; reasons without any are left out.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Revisions that replaced one being received.
    pub revision_changes: u64,
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
            rejected: rejected(stats),
            revision_changes: stats.revision_changes,
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
    /// Every slice, or the whole object, passed this check.
    Checked(Check),
    /// There were trailers, but nobody could tell how they are computed.
    Unexplained,
    /// Its precoding has no trailer.
    NoTrailer,
}

impl Verification {
    /// From the revision received and the check learned.
    pub(crate) fn of(revision: Option<Revision>, check: Option<Check>) -> Self {
        let trailer_bytes = revision.map_or(0, |revision| revision.precoding.trailer_bytes());
        match check {
            Some(check) => Self::Checked(check),
            None if trailer_bytes > 0 => Self::Unexplained,
            None => Self::NoTrailer,
        }
    }
}

impl std::fmt::Display for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Checked(check) => check.fmt(f),
            Self::Unexplained => {
                f.write_str("unverified: the sender's trailers could not be explained")
            }
            Self::NoTrailer => f.write_str("unverified: no trailer"),
        }
    }
}

impl Serialize for Verification {
    /// The check in words, or null.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Checked(check) => serializer.collect_str(check),
            Self::Unexplained | Self::NoTrailer => serializer.serialize_none(),
        }
    }
}

/// Follows one object of a session: which revision, how many passes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Follower {
    began: Moment,
    /// When its first datagram arrived.
    pub(crate) found_at: Option<Micros>,
    pub(crate) revision: Option<Revision>,
    failed_attempts: u8,
}

/// The figures of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ObjectFigures {
    /// Datagrams of the object that arrived, by the slices it has: 1 is a perfect reception.
    pub cycles: f64,
    /// Seconds from the join to the commit or the failure.
    pub seconds: f64,
    /// Attempts made.
    pub attempts: u8,
}

impl Follower {
    /// Starts to follow an object whose fetch begins now.
    pub(crate) const fn begin(began: Moment) -> Self {
        Self { began, found_at: None, revision: None, failed_attempts: 0 }
    }

    pub(crate) fn note(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Found { revision } | Event::RevisionChanged { revision, .. } => {
                self.revision = Some(*revision);
                self.found_at.get_or_insert(moment.at);
            }
            Event::AttemptFailed { attempt } => self.failed_attempts = *attempt,
            _ => {}
        }
    }

    /// The figures at a moment, with the reason where the object was given up.
    #[expect(clippy::cast_precision_loss, reason = "shown to people, never computed with")]
    pub(crate) fn figures(&self, now: &Moment, error: Option<&FetchError>) -> ObjectFigures {
        let datagrams = now.stats.wanted().saturating_sub(self.began.stats.wanted());
        let slices = self.revision.map_or(1, |revision| revision.total).max(1);
        let attempts = match error {
            Some(FetchError::Silent { attempts, .. }) => *attempts,
            _ => self.failed_attempts.saturating_add(1),
        };
        ObjectFigures {
            cycles: datagrams as f64 / f64::from(slices),
            seconds: now.at.since(self.began.at).as_secs_f64(),
            attempts,
        }
    }
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
