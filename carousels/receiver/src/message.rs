//! What goes into a session and what comes out.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Range;

use stbcast_bootcast::Part;
use stbcast_object::Group;

use crate::{
    Announcement, Answer, Arrival, Content, Event, Installation, Recovered, Recovery, Reject,
    Remembered, Request, SymbolArrival,
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
    /// A datagram arrived that brought nothing for the object: on a FLUTE session a part of a
    /// description, a description that is known, another object; on a MAG channel its description.
    Heard {
        /// The group it came on.
        group: Group,
        /// UDP payload of the datagram in bytes.
        bytes: usize,
    },
    /// A whole object of one symbol arrived on a FLUTE session that is heard for its statements.
    Statement {
        /// Its bytes, which nobody has verified.
        bytes: Box<[u8]>,
        /// The time that its session told last, in seconds since the Unix epoch.
        heard: Option<u64>,
    },
    /// Whether somebody watches the box from now on: for a [`Watch`](crate::Watch), in which actions
    /// that wait for nobody wait as long. Nobody does until it is told.
    Busy(bool),
    /// A datagram arrived that is refused: its length in bytes, and why.
    Rejected(usize, Reject),
    /// The server that an [`Output::Request`] asks tells how long the whole object is. It may come
    /// in front of the first bytes, and never comes where the server does not say.
    Length {
        /// The request's number.
        id: u64,
        /// Bytes of the whole object.
        length: u64,
    },
    /// Bytes that an [`Output::Request`] asked for, the next ones.
    Bytes {
        /// The request's number.
        id: u64,
        /// Their place in the object.
        offset: u64,
        /// How many.
        length: usize,
        /// Handle of the bytes.
        payload: P,
    },
    /// An [`Output::Request`] ended.
    Answered {
        /// The request's number.
        id: u64,
        /// How.
        answer: Answer,
    },
    /// The [`Output::Recover`] is done. Other inputs may come before.
    Recovered(Recovered),
    /// The [`Output::Compare`] is done.
    Compared {
        /// Whether the slot has these bytes there; not, when it cannot be read.
        equal: bool,
    },
    /// The [`Output::Resume`] is done.
    Resumed {
        /// Source symbols that the slot holds, ascending and apart; none where it failed.
        held: Vec<Range<u32>>,
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
    /// The [`Output::Arm`] is done.
    Armed {
        /// Whether the release is booted next.
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
    /// The packets of a MAG channel.
    Mag,
    /// A FLUTE session: symbols, and descriptions of one object.
    Flute {
        /// Source URL of the object.
        location: String,
        /// The only session wanted, where its number is known.
        tsi: Option<u32>,
        /// Whether its statements are wanted too.
        statements: bool,
        /// Whether a signed release describes the object: what its symbols say of themselves counts
        /// then, and no description in the session keeps them away.
        expected: bool,
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
    /// As [`Output::Begin`], for an object whose digest is signed: what the slot holds of it already
    /// stays. Answered by [`Input::Resumed`].
    Resume {
        /// What it will be.
        role: Role,
        /// The version to store beside it.
        version: Option<String>,
        /// Its digest, length and symbols.
        content: Content,
    },
    /// These source symbols are written; to be told by [`Input::Resumed`] after a restart. A hint,
    /// which nobody answers.
    Keep {
        /// Which, ascending and apart.
        symbols: Vec<Range<u32>>,
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
    /// Boot the inactive slots next, on trial. All parts have been committed.
    Arm(Box<Installation>),
    /// Know this after a restart. Nobody answers.
    Remember(Box<Remembered>),
    /// Ask a server for bytes. At most one request is under way; it ends with one
    /// [`Input::Answered`], unless it is cancelled.
    Request(Request),
    /// The request under way is not wanted any more: nothing of it may be handed in from here on.
    CancelRequest {
        /// The request's number.
        id: u64,
    },
    /// Tell somebody.
    Event(Event),
}

impl<P> Output<P> {
    /// Whether storage carries it out and answers.
    pub(crate) const fn is_for_storage(&self) -> bool {
        matches!(
            self,
            Self::Resume { .. }
                | Self::Write { .. }
                | Self::Copy { .. }
                | Self::Recover(_)
                | Self::Compare { .. }
                | Self::Sync { .. }
                | Self::Read { .. }
                | Self::Commit
                | Self::Arm(_)
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
