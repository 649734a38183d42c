//! What goes into a session and what comes out.

use alloc::string::String;
use core::net::IpAddr;

use stbcast_bootcast::Part;
use stbcast_infocast::{Check, Reject};
use stbcast_object::Group;

use crate::{Arrival, BootReport, FetchError, Revision};

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input<'a, P> {
    /// Time has passed. The first one starts the session.
    Wake,
    /// A slice arrived on the joined channel.
    Arrival(Arrival<P>),
    /// A datagram arrived that is not a packet: its length in bytes, and why.
    Rejected(usize, Reject),
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

/// Something the session wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<P> {
    /// Join this channel. At most one is joined at a time.
    Join {
        /// The channel.
        group: Group,
        /// The only sender wanted, where one is pinned.
        source: Option<IpAddr>,
    },
    /// Leave the channel joined.
    Leave {
        /// The channel.
        group: Group,
    },
    /// Prepare empty areas for an object. Areas of an earlier object that was not committed are
    /// forgotten; what is in the store stays untouched. From here on, nothing that was wanted
    /// before may be answered any more.
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
    BootDone(BootReport),
}
