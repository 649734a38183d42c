//! What goes into a session and what comes out.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::IpAddr;
use core::ops::Range;

use stbcast_bootcast::Part;
use stbcast_fec::SetupError;
use stbcast_infocast::Check;
use stbcast_object::Group;

use crate::{
    Announcement, Arrival, BootReport, FetchError, Recovered, Recovery, Reject, Revision,
    SymbolArrival,
};

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input<'a, P> {
    /// Time has passed. The first one starts the session.
    Wake,
    /// A slice arrived on the joined channel.
    Arrival(Arrival<P>),
    /// A symbol arrived on a FLUTE session that is joined.
    Symbol(SymbolArrival<P>),
    /// A FLUTE session describes the wanted object for the first time, or in another way than
    /// before.
    Announced {
        /// The session's group.
        group: Group,
        /// UDP payload in bytes of the datagram that completed the description.
        bytes: usize,
        /// The description.
        announcement: Box<Announcement>,
    },
    /// A datagram arrived on a FLUTE session that brought nothing for the object: a part of a
    /// description, a description that is known, another object.
    Heard {
        /// The session's group.
        group: Group,
        /// UDP payload of the datagram in bytes.
        bytes: usize,
    },
    /// A datagram arrived that is refused: its length in bytes, and why.
    Rejected(usize, Reject),
    /// The [`Output::Recover`] is done. Other inputs may come before.
    Recovered(Recovered),
    /// The [`Output::Compare`] is done.
    Compared {
        /// Whether the slot has these bytes there; not, when it cannot be read.
        equal: bool,
    },
    /// One [`Output::Write`] or [`Output::Copy`] is done. Who gathers writes may answer before they
    /// are carried out; one that then fails is told by an answer more, before a sync succeeds.
    Written {
        /// Whether it succeeded.
        ok: bool,
    },
    /// The [`Output::Sync`] is done.
    Synced {
        /// Whether it succeeded.
        ok: bool,
    },
    /// The bytes an [`Output::Read`] asked for, all of them.
    ReadBack(&'a [u8]),
    /// The [`Output::Read`] failed.
    ReadFailed,
    /// The [`Output::Commit`] is done.
    Committed {
        /// Whether it succeeded.
        ok: bool,
    },
}

impl Input<'_, Range<usize>> {
    /// The input that a datagram made which begins at `start` of a larger buffer.
    #[must_use]
    pub fn within(self, start: usize) -> Self {
        match self {
            Self::Arrival(arrival) => Self::Arrival(arrival.within(start)),
            Self::Symbol(arrival) => Self::Symbol(arrival.within(start)),
            other => other,
        }
    }
}

/// What is to be heard on a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// The slices of an Infocast channel.
    Slices,
    /// A FLUTE session: symbols, and descriptions of one object.
    Flute {
        /// Source URL of the object.
        location: String,
        /// The only session wanted, where its number is known.
        tsi: Option<u32>,
    },
}

/// Something the session wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<P> {
    /// Join this group. At most [`crate::limits::GROUPS_MAX`] are joined at a time.
    Join {
        /// The group.
        group: Group,
        /// The only sender wanted, where one is pinned.
        source: Option<IpAddr>,
        /// What is sent there: a [`crate::GroupDecoder`] is made from it.
        listen: Listen,
    },
    /// Leave a group that is joined.
    Leave {
        /// The group.
        group: Group,
    },
    /// Prepare empty areas for an object. Areas of an earlier object that was not committed are
    /// forgotten, and a recovery under way is given up; what is in the store stays untouched. From
    /// here on, nothing that was wanted before may be answered any more.
    Begin {
        /// What it will be.
        role: Role,
        /// The version to store beside it.
        version: Option<String>,
    },
    /// Write the payload at an offset.
    Write {
        /// Where to.
        area: Area,
        /// Byte offset in the area.
        offset: u64,
        /// The payload handle of the arrival just handed in.
        payload: P,
    },
    /// Copy bytes between areas.
    Copy {
        /// Where from.
        from: Area,
        /// Byte offset there.
        from_offset: u64,
        /// Where to.
        to: Area,
        /// Byte offset there.
        to_offset: u64,
        /// Bytes to copy.
        length: u64,
    },
    /// Recover the missing symbols of a block from what is in the slot and the repair area. It may
    /// be done beside everything that follows; at most one is under way.
    Recover(Recovery),
    /// Compare the payload with what the slot has at an offset.
    Compare {
        /// Byte offset in the slot.
        offset: u64,
        /// The payload handle of the arrival just handed in.
        payload: P,
    },
    /// Cut the slot to this length and make it durable.
    Sync {
        /// Length of the object in bytes.
        length: u64,
    },
    /// Read the slot back.
    Read {
        /// Byte offset.
        offset: u64,
        /// Bytes to read.
        length: u64,
    },
    /// Put the slot in place of what the store held, all or nothing.
    Commit,
    /// Tell somebody.
    Event(Event),
}

impl<P> Output<P> {
    /// Whether storage carries it out and answers.
    pub(crate) const fn is_for_storage(&self) -> bool {
        matches!(
            self,
            Self::Write { .. }
                | Self::Copy { .. }
                | Self::Recover(_)
                | Self::Compare { .. }
                | Self::Sync { .. }
                | Self::Read { .. }
                | Self::Commit
        )
    }
}

/// What an object is to the box. Names from the network never become file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// An object somebody asked for by name.
    Object,
    /// The control object of a boot: small, kept in memory.
    Control,
    /// Splash, boot image or diagnostic image.
    Part(Part),
}

/// Where bytes lie while an object is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// The object at its final offsets: a file, an inactive flash slot.
    Slot,
    /// A log for objects with unequal slices. A box without room for one answers `ok: false`, and
    /// the fetch fails.
    Scratch,
    /// Memory for slices that wait, [`crate::limits::PARKING_BYTES`] in all.
    Parking,
    /// Repair symbols of unfinished blocks, at most [`crate::limits::REPAIR_SYMBOLS_MAX`]. Places
    /// are used again.
    Repair,
}

/// Why an object is fetched as if nothing were announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlainReason {
    /// Nothing was heard on the announce group.
    #[error("the announce group is silent")]
    AnnounceSilent,
    /// The announce session does not name the object.
    #[error("it is not announced")]
    NotAnnounced,
    /// Its length, digest or slice size is not announced: it is made at send time.
    #[error("its announcement does not describe its bytes")]
    NotDescribed,
}

/// Why repair symbols are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRepair {
    /// None are sent.
    #[error("none are sent for this object")]
    NotSent,
    /// The decoder does not fit the memory allowed, or is not built in.
    #[error("{0}")]
    Setup(SetupError),
    /// What the session itself keeps does not fit the memory allowed.
    #[error("{given_bytes} bytes of memory are allowed, {needed_bytes} are needed")]
    Memory {
        /// Bytes needed.
        needed_bytes: usize,
        /// Bytes allowed.
        given_bytes: usize,
    },
    /// A block could not be recovered by this storage.
    #[error("a block could not be recovered")]
    Failed,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first slice of the object was seen.
    Found {
        /// What its header says.
        revision: Revision,
    },
    /// A new revision replaced the one being received, of which nothing is used.
    RevisionChanged {
        /// What the new one's header says.
        revision: Revision,
        /// Slices of the old one that were held.
        dropped: u32,
    },
    /// The object is announced: from here on its length, digest and layout are known.
    Announced(Box<Announcement>),
    /// Nothing usable is announced; the fetch goes on without.
    Plain(PlainReason),
    /// The announced object is fetched without repair symbols.
    NoRepair(NoRepair),
    /// A new revision is announced; the one being received goes on until it is on air.
    NextRevision(Box<Announcement>),
    /// The announced revision is on air now and replaced the one being received, of which nothing
    /// is used.
    RevisionBegun {
        /// Its description.
        announcement: Box<Announcement>,
        /// Symbols of the old one that were held.
        dropped: u32,
    },
    /// The object was whole, but not what was announced: nothing is committed, and what is held is
    /// compared with what arrives.
    DigestFailed {
        /// How often that happened, from 1.
        failures: u8,
    },
    /// Nothing came for the time-out; the channel is joined again.
    AttemptFailed {
        /// The attempt that failed, from 1.
        attempt: u8,
    },
    /// The object is whole and committed.
    Complete {
        /// Length in bytes.
        length: u64,
        /// The check every slice (or the whole) passed, where one could be learned.
        check: Option<Check>,
        /// The announced SHA-256, which the bytes in the slot have; `None` where none was.
        sha256: Option<[u8; 32]>,
    },
    /// The object could not be had.
    Failed(FetchError),
    /// The control object of a boot was read.
    Control {
        /// Whether it could be used.
        usable: bool,
    },
    /// A part of a boot begins, or is not needed.
    Part {
        /// Which.
        part: Part,
        /// Whether it is downloaded; otherwise the store holds this version already.
        download: bool,
    },
    /// The boot procedure is over.
    BootDone(Box<BootReport>),
}
