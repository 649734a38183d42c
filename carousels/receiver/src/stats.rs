//! Counters of a session: every datagram ends in exactly one of them.

use stbcast_infocast::Reject;

/// Why a well-formed packet of the wanted object was still refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The datagram is not a packet.
    #[error(transparent)]
    Packet(#[from] Reject),
    /// Its trailer contradicts the check learned on this channel.
    #[error("the trailer does not match the slice")]
    BadTrailer,
    /// It came from another sender than the one pinned.
    #[error("it came from another sender")]
    WrongSource,
    /// The object would not fit.
    #[error("the object is too large for its slot")]
    TooLarge,
    /// Slices are unequal and more than the index holds.
    #[error("the slices are unequal and more than 65536")]
    TooManyUnequal,
    /// It contradicts the revision being received and too many others wait for a decision.
    #[error("it belongs to another revision")]
    OtherRevision,
}

const PACKET_REASONS: usize = Reject::LABELS.len();
const OWN_LABELS: [&str; 5] =
    ["bad_trailer", "wrong_source", "too_large", "too_many_unequal", "other_revision"];

impl Rejection {
    fn index(self) -> usize {
        match self {
            Self::Packet(reject) => reject.index(),
            Self::BadTrailer => PACKET_REASONS,
            Self::WrongSource => PACKET_REASONS + 1,
            Self::TooLarge => PACKET_REASONS + 2,
            Self::TooManyUnequal => PACKET_REASONS + 3,
            Self::OtherRevision => PACKET_REASONS + 4,
        }
    }
}

/// What a session saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams handed in.
    pub datagrams: u64,
    /// Their UDP payload in bytes.
    pub bytes: u64,
    /// Slices of the wanted object that were new.
    pub stored: u64,
    /// Slices of the wanted object that were there already.
    pub duplicates: u64,
    /// Packets of other objects.
    pub foreign: u64,
    /// Revisions of the wanted object that replaced one being received.
    pub revision_changes: u64,
    rejected: [u64; PACKET_REASONS + OWN_LABELS.len()],
}

impl Stats {
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        if let Some(counter) = self.rejected.get_mut(rejection.index()) {
            *counter += 1;
        }
    }

    /// Datagrams refused, by reason.
    pub fn rejected(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Reject::LABELS.into_iter().chain(OWN_LABELS).zip(self.rejected.iter().copied())
    }

    /// Datagrams refused in all.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Datagrams that carried the wanted object, new or not.
    pub const fn wanted(&self) -> u64 {
        self.stored + self.duplicates
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.foreign += other.foreign;
        self.revision_changes += other.revision_changes;
        for (mine, theirs) in self.rejected.iter_mut().zip(other.rejected) {
            *mine += theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let own = [
            Rejection::BadTrailer,
            Rejection::WrongSource,
            Rejection::TooLarge,
            Rejection::TooManyUnequal,
            Rejection::OtherRevision,
        ];
        for (rejection, label) in own.into_iter().zip(OWN_LABELS) {
            let mut stats = Stats::default();
            stats.reject(rejection);
            let counted: alloc::vec::Vec<_> = stats.rejected().filter(|(_, n)| *n > 0).collect();
            assert_eq!(counted, [(label, 1)]);
        }
    }
}
