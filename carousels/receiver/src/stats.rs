//! Counters of a session: every datagram ends in exactly one of them.

use crate::{AnnouncementError, MagReject};

/// Why a datagram is refused before a session sees what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// It is not a packet of Infocast.
    #[error(transparent)]
    Infocast(#[from] stbcast_infocast::Reject),
    /// It is of no use to who listens to a MAG channel.
    #[error(transparent)]
    Mag(#[from] MagReject),
    /// It is not one of FLUTE, or contradicts its session.
    #[error(transparent)]
    Flute(#[from] stbcast_flute::Reject),
    /// It completed a description that contradicts itself.
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
    /// It came from another sender than the one pinned.
    #[error("it came from another sender")]
    WrongSource,
}

/// Why a datagram for the wanted object was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The datagram is not a packet of Infocast.
    #[error(transparent)]
    Packet(#[from] stbcast_infocast::Reject),
    /// The datagram is of no use to who listens to a MAG channel.
    #[error(transparent)]
    Mag(#[from] MagReject),
    /// The datagram is not one of FLUTE, or contradicts its session.
    #[error(transparent)]
    Flute(#[from] stbcast_flute::Reject),
    /// A description contradicts itself.
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
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
    /// Number or length of a slice, or the geometry of a symbol, is not the announced one.
    #[error("it contradicts what is announced")]
    ContradictsAnnouncement,
}

impl From<Reject> for Rejection {
    fn from(reject: Reject) -> Self {
        match reject {
            Reject::Infocast(reject) => Self::Packet(reject),
            Reject::Mag(reject) => Self::Mag(reject),
            Reject::Flute(reject) => Self::Flute(reject),
            Reject::Announcement(error) => Self::Announcement(error),
            Reject::WrongSource => Self::WrongSource,
        }
    }
}

const PACKET_LABELS: [&str; 6] = stbcast_infocast::Reject::LABELS;

const OWN_LABELS: [&str; 7] = [
    "bad_trailer",
    "wrong_source",
    "too_large",
    "too_many_unequal",
    "other_revision",
    "contradicts_announcement",
    "bad_announcement",
];

/// The labels of FLUTE, told apart from those of Infocast.
const FLUTE_LABELS: [&str; stbcast_flute::Reject::LABELS.len()] = [
    "flute_short",
    "flute_oversized",
    "flute_version",
    "flute_header_length",
    "flute_no_tsi",
    "flute_no_toi",
    "flute_extension",
    "flute_codepoint",
    "flute_no_payload",
    "flute_bad_fti",
    "flute_no_fti",
    "flute_crc",
    "flute_bad_symbol",
    "flute_no_fdt_extension",
    "flute_fdt_version",
    "flute_fdt_encoding",
    "flute_fdt_bytes",
    "flute_bad_fdt",
    "flute_contradiction",
    "flute_undescribed",
    "flute_other_session",
];

const OWN: usize = PACKET_LABELS.len();
const FLUTE: usize = OWN + OWN_LABELS.len();
const MAG: usize = FLUTE + FLUTE_LABELS.len();
const LABELS: usize = MAG + MagReject::LABELS.len();

impl Rejection {
    fn index(self) -> usize {
        match self {
            Self::Packet(reject) => reject.index(),
            Self::BadTrailer => OWN,
            Self::WrongSource => OWN + 1,
            Self::TooLarge => OWN + 2,
            Self::TooManyUnequal => OWN + 3,
            Self::OtherRevision => OWN + 4,
            Self::ContradictsAnnouncement => OWN + 5,
            Self::Announcement(_) => OWN + 6,
            Self::Flute(reject) => FLUTE + reject.index(),
            Self::Mag(reject) => MAG + reject.index(),
        }
    }
}

/// What a session saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams handed in.
    pub datagrams: u64,
    /// Their UDP payload in bytes.
    pub bytes: u64,
    /// Slices of the wanted object that were new.
    pub stored: u64,
    /// Slices of the wanted object that were there already.
    pub duplicates: u64,
    /// Datagrams of other objects, or of a revision that is not wanted.
    pub foreign: u64,
    /// Repair symbols that were kept.
    pub repair_stored: u64,
    /// Repair symbols of the wanted object that were there already, or not needed.
    pub repair_useless: u64,
    /// Datagrams of descriptions (FDT), and of what else FLUTE sessions carry beside the object.
    pub descriptions: u64,
    /// Blocks that repair symbols completed.
    pub recovered_blocks: u64,
    /// Source symbols recovered in them.
    pub recovered_symbols: u64,
    /// Revisions of the wanted object that replaced one being received.
    pub revision_changes: u64,
    /// Requests to servers.
    pub requests: u64,
    /// Bytes of objects that web servers sent.
    pub http_bytes: u64,
    /// Bytes of objects that TFTP servers sent.
    pub tftp_bytes: u64,
    /// Bytes of objects that the slot held when their fetch began.
    pub resumed_bytes: u64,
    /// Bytes that came by network and were kept: of slices, repair symbols and servers' answers.
    pub fetched_bytes: u64,
    /// Descriptions of expected objects that are not what is signed, and are passed over.
    pub other_announcements: u64,
    /// Superseded revisions that were completed.
    pub overlaps_finished: u64,
    /// Superseded revisions that were not completed although they were nearly there.
    pub overlaps_given_up: u64,
    rejected: [u64; LABELS],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            datagrams: 0,
            bytes: 0,
            stored: 0,
            duplicates: 0,
            foreign: 0,
            repair_stored: 0,
            repair_useless: 0,
            descriptions: 0,
            recovered_blocks: 0,
            recovered_symbols: 0,
            revision_changes: 0,
            requests: 0,
            http_bytes: 0,
            tftp_bytes: 0,
            resumed_bytes: 0,
            fetched_bytes: 0,
            other_announcements: 0,
            overlaps_finished: 0,
            overlaps_given_up: 0,
            rejected: [0; LABELS],
        }
    }
}

impl Stats {
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        if let Some(counter) = self.rejected.get_mut(rejection.index()) {
            *counter += 1;
        }
    }

    /// Datagrams refused, by reason.
    pub fn rejected(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let labels = PACKET_LABELS.into_iter().chain(OWN_LABELS).chain(FLUTE_LABELS);
        let labels = labels.chain(MagReject::LABELS);
        labels.zip(self.rejected.iter().copied())
    }

    /// Datagrams refused in all.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Datagrams that carried a symbol of the wanted object, source or repair, new or not.
    pub const fn wanted(&self) -> u64 {
        self.stored + self.duplicates + self.repair_stored + self.repair_useless
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.foreign += other.foreign;
        self.repair_stored += other.repair_stored;
        self.repair_useless += other.repair_useless;
        self.descriptions += other.descriptions;
        self.recovered_blocks += other.recovered_blocks;
        self.recovered_symbols += other.recovered_symbols;
        self.revision_changes += other.revision_changes;
        self.requests += other.requests;
        self.http_bytes += other.http_bytes;
        self.tftp_bytes += other.tftp_bytes;
        self.resumed_bytes += other.resumed_bytes;
        self.fetched_bytes += other.fetched_bytes;
        self.other_announcements += other.other_announcements;
        self.overlaps_finished += other.overlaps_finished;
        self.overlaps_given_up += other.overlaps_given_up;
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
            Rejection::ContradictsAnnouncement,
            Rejection::Announcement(AnnouncementError::Cut { slice_bytes: 1, symbol_bytes: 2 }),
        ];
        for (rejection, label) in own.into_iter().zip(OWN_LABELS) {
            let mut stats = Stats::default();
            stats.reject(rejection);
            let counted: alloc::vec::Vec<_> = stats.rejected().filter(|(_, n)| *n > 0).collect();
            assert_eq!(counted, [(label, 1)]);
        }
    }

    #[test]
    fn labels_of_flute_are_its_own_and_none_stands_there_twice() {
        let named = stbcast_flute::Reject::LABELS.map(|label| alloc::format!("flute_{label}"));
        assert_eq!(named, FLUTE_LABELS);
        let stats = Stats::default();
        let all: alloc::collections::BTreeSet<_> = stats.rejected().collect();
        assert_eq!(all.len(), stats.rejected().count());
    }
}
