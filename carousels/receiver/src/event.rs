//! What a session tells whoever watches.

use alloc::boxed::Box;

use stbcast_bootcast::stbconfig::PermanentParams;
use stbcast_bootcast::{HttpUrl, Part, Protocol};
use stbcast_fec::SetupError;
use stbcast_infocast::Check;
use stbcast_object::Micros;
use stbcast_release::{Kind, Refusal};

use crate::{
    Announcement, Answer, BootReport, FetchError, Revision, Target, TrustedReport, WatchReport,
};

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
    /// What is received is superseded and nearly there: it is completed first, from repair symbols.
    FinishingSuperseded {
        /// Symbols that count.
        held: u32,
        /// Symbols of the object.
        of: u32,
    },
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
    /// The box may ask servers for what is missing then; until then it goes on listening.
    UnicastTurn {
        /// When its turn is.
        at: Micros,
    },
    /// A server is asked, after none was or another one.
    UnicastBegun {
        /// Where.
        server: HttpUrl,
        /// Symbols that are lacking.
        missing: u32,
    },
    /// A server did not give what it was asked for; what came until then counts.
    UnicastFailed {
        /// Where.
        server: HttpUrl,
        /// What it answered.
        answer: Answer,
    },
    /// What servers gave was not what is announced: it counts no more, and they are not asked again.
    UnicastDropped {
        /// Symbols that are missing again.
        symbols: u32,
    },
    /// The slot holds some of the object from before: it is not received again.
    Resumed {
        /// Symbols held.
        symbols: u32,
        /// Symbols of the object.
        of: u32,
    },
    /// What was held from before was not what is signed: it counts no more and is received again.
    ResumedDropped {
        /// Symbols that were held.
        symbols: u32,
    },
    /// Nothing came for the time-out; the channel is joined again.
    AttemptFailed {
        /// The attempt that failed, from 1.
        attempt: u8,
    },
    /// A server did not give the object. It is asked again.
    AskedAgain {
        /// What it answered.
        answer: Answer,
        /// After which pause it is asked again.
        after: Micros,
        /// Which attempt that is, from 1.
        attempt: u8,
        /// From which byte on: what is held counts.
        from: u64,
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
    /// Metadata of a boot is asked for: the control object, or a StbConfig.
    Metadata {
        /// By which way.
        by: Protocol,
        /// What is fetched.
        target: Target,
    },
    /// Metadata of a boot was read.
    Control {
        /// By which way.
        by: Protocol,
        /// Whether it could be used.
        usable: bool,
    },
    /// Metadata asks the box to keep parameters for its next boots.
    Parameters(Box<PermanentParams>),
    /// The download of a part of a boot begins.
    Part {
        /// Which.
        part: Part,
        /// By which way.
        by: Protocol,
        /// What is fetched.
        target: Target,
    },
    /// A part of a boot is not downloaded: the store holds what is wanted.
    PartHeld {
        /// Which.
        part: Part,
    },
    /// A way to a part cannot be gone.
    WayClosed {
        /// The part.
        part: Part,
        /// The way.
        way: Protocol,
        /// Whether it could be, had the box been told a server.
        supported: bool,
    },
    /// The boot procedure is over.
    BootDone(Box<BootReport>),
    /// A signed statement was heard that is believed.
    Statement {
        /// What it is.
        kind: Kind,
        /// Number of the root or release; of a permit that of the release it leads to.
        number: u64,
    },
    /// A statement is refused, for the first time for this reason.
    Refused(Box<Refusal>),
    /// A release is to be installed.
    Release {
        /// Its number.
        number: u64,
        /// Its security epoch.
        epoch: u32,
    },
    /// A release is not installed: nothing of it is booted.
    ReleaseFailed {
        /// Its number.
        number: u64,
        /// The part that could not be had; `None` where all are there and could not be armed.
        part: Option<Part>,
        /// Why.
        error: FetchError,
    },
    /// The trusted boot is over.
    TrustedDone(Box<TrustedReport>),
    /// A release that was heard is killed: it is not installed.
    Killed {
        /// Its number.
        number: u64,
    },
    /// A watch has ended.
    WatchDone(Box<WatchReport>),
}
