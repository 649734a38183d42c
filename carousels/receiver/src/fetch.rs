//! Acquiring one object.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use core::net::IpAddr;

use stbcast_object::{Group, Micros};

use crate::described::Described;
use crate::download::Download;
use crate::limits;
use crate::plain::Plain;
use crate::target::Sliced;
use crate::{Announcement, Input, Output, Role, Stats, Target, UnicastError, UnicastOptions};

/// How patient a fetch is, and what it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOptions {
    /// Silence on the channel, or of a server, after which an attempt fails.
    pub timeout: Micros,
    /// Attempts, at least 1.
    pub attempts: u8,
    /// Time-outs after which a channel that is alive, but not with this object, is given up.
    pub absent_timeouts: u64,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Largest object accepted, in bytes.
    pub length_max: u64,
    /// The digest that an object of a server must have, where it is known; else that counts which
    /// the server tells, if it does.
    pub sha256: Option<[u8; 32]>,
    /// How long a server without time (503) is waited for in all, at most
    /// [`limits::BUSY_PATIENCE_MAX`].
    pub busy_patience: Micros,
    /// What the object is to the box.
    pub role: Role,
    /// Version to store beside it.
    pub version: Option<String>,
    /// The announce session, which says what the object is and where its repair symbols are.
    /// Without it, or where it does not name the object, slices are all there is.
    pub announce: Option<Group>,
    /// What a signed release says of the object: it begins with that at once, and only what agrees
    /// with it counts of what is announced.
    pub expected: Option<Box<Announcement>>,
    /// Least bytes of it that are written before the storage is told to keep them, which costs one
    /// that makes things durable some time; a 64th of the object where that is more, up to
    /// [`limits::KEEP_BYTES_MAX`].
    pub keep_bytes: u64,
    /// The companion that carries its repair symbols, whatever is announced. Without an announce
    /// session its own description of the object counts.
    pub repair: Option<Group>,
    /// Bytes of memory that a described fetch may need in all: its tables, the decoder, what waits
    /// in sockets. Where that is too little, no repair symbols are used.
    pub memory_bytes: usize,
    /// How servers may be asked for what is missing; never, when `None`. It needs an announce
    /// session.
    pub unicast: Option<UnicastOptions>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            absent_timeouts: limits::ABSENT_TIMEOUTS,
            source: None,
            length_max: limits::OBJECT_BYTES_MAX,
            sha256: None,
            busy_patience: limits::BUSY_PATIENCE,
            role: Role::Object,
            version: None,
            announce: None,
            expected: None,
            keep_bytes: limits::KEEP_BYTES_MIN,
            repair: None,
            memory_bytes: limits::MEMORY_BYTES,
            unicast: None,
        }
    }
}

/// Why an object could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Nothing arrived in any attempt.
    #[error("the channel was silent in {attempts} attempts of {timeout} each")]
    Silent {
        /// Attempts made.
        attempts: u8,
        /// Time-out of each.
        timeout: Micros,
    },
    /// Other packets arrived, but none of this object that could be used.
    #[error("the channel is alive, but carried nothing usable of this object for {span}")]
    Absent {
        /// How long.
        span: Micros,
    },
    /// Storage failed.
    #[error("storage failed to {doing}")]
    Storage {
        /// What was being done.
        doing: &'static str,
    },
    /// A release describes it in a way that leaves out how it is cut.
    #[error("the release does not say how the object is cut")]
    NotDescribed,
    /// It is announced with more bytes than are accepted.
    #[error("the object is announced with {length} bytes, which is too large")]
    TooLarge {
        /// Length in bytes.
        length: u64,
    },
    /// The server did not give it.
    #[error(transparent)]
    Unicast(#[from] UnicastError),
    /// Whatever arrived, it never became the object that is announced.
    #[error("the object was whole {failures} times, but never what is announced")]
    Digest {
        /// How often.
        failures: u8,
    },
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Slices held; of an announced object symbols that count, source and repair alike; of an
    /// object that a server sends KiB.
    pub held: u32,
    /// Slices, symbols or KiB that make the object whole; zero until that is known.
    pub total: u32,
    /// Attempt, from 1.
    pub attempt: u8,
}

/// What a session wants done, to be done in this order. What is left when it is dropped comes out
/// first the next time.
pub struct Outputs<'a, P> {
    pub(crate) queue: &'a mut VecDeque<Output<P>>,
}

impl<P> Iterator for Outputs<'_, P> {
    type Item = Output<P>;
    fn next(&mut self) -> Option<Output<P>> {
        self.queue.pop_front()
    }
}

/// The session that fetches one object. Pure: see the crate's page for the contract.
pub struct Fetch<P> {
    way: Way<P>,
}

enum Way<P> {
    /// Slices are all there is.
    Plain(Box<Plain<P>>),
    /// An announce session, a companion or the object's own session says what it is.
    Described(Box<Described<P>>),
    /// A server is asked for it.
    Download(Box<Download<P>>),
}

impl<P: Clone> Fetch<P> {
    /// A fetch that begins with the first [`Input::Wake`].
    pub fn new(target: Target, options: FetchOptions) -> Self {
        let is_asked = options.announce.is_some() || options.repair.is_some();
        let is_asked = is_asked || options.expected.is_some();
        let location = target.to_string();
        let (group, sliced) = match target {
            Target::Infocast { group, name } => (group, Some(Sliced::Infocast(name))),
            Target::Mag { group } => (group, Some(Sliced::Mag)),
            Target::Flute { group, .. } => (group, None),
            Target::Unicast(server) => {
                return Self { way: Way::Download(Box::new(Download::new(server, options))) };
            }
        };
        let way = match sliced {
            Some(sliced) if !is_asked => Way::Plain(Box::new(Plain::new((group, sliced), options))),
            sliced => Way::Described(Box::new(Described::new((group, sliced), location, options))),
        };
        Self { way }
    }

    /// Takes an input at `now` and hands out what is to be done.
    #[must_use = "the outputs must be carried out"]
    pub fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P> {
        match &mut self.way {
            Way::Plain(plain) => plain.handle(now, input),
            Way::Download(download) => download.handle(now, input),
            Way::Described(described) => {
                described.handle(now, input);
                if described.gave_up() {
                    self.go_plain(now);
                }
            }
        }
        self.outputs()
    }

    /// Nothing usable is announced: goes on as if nobody had been asked.
    fn go_plain(&mut self, now: Micros) {
        let Way::Described(described) = &mut self.way else { return };
        if let Some(mut plain) = described.go_plain() {
            plain.handle(now, Input::Wake);
            self.way = Way::Plain(Box::new(plain));
        }
    }

    /// Hands out what is left to be done.
    pub const fn outputs(&mut self) -> Outputs<'_, P> {
        let queue = match &mut self.way {
            Way::Plain(plain) => plain.queue(),
            Way::Described(described) => described.queue(),
            Way::Download(download) => download.queue(),
        };
        Outputs { queue }
    }

    /// Ends without an event, as nobody wants the object any more: groups are left, requests
    /// cancelled, and what is written is told to the storage for the next time.
    pub(crate) fn stop(&mut self) -> Outputs<'_, P> {
        if let Way::Described(described) = &mut self.way {
            described.stop();
        }
        self.outputs()
    }

    /// What share of the symbols had to be there, in thousandths, where a superseded revision is being
    /// completed; else `None`.
    pub(crate) fn finishing(&self) -> Option<u16> {
        match &self.way {
            Way::Described(described) => described.finishing(),
            Way::Plain(_) | Way::Download(_) => None,
        }
    }

    /// When the session wants an [`Input::Wake`], if nothing happens before.
    pub fn wake_at(&self) -> Option<Micros> {
        match &self.way {
            Way::Plain(plain) => plain.wake_at(),
            Way::Described(described) => described.wake_at(),
            Way::Download(download) => download.wake_at(),
        }
    }

    /// Whether the last event was [`Event::Complete`](crate::Event::Complete) or
    /// [`Event::Failed`](crate::Event::Failed).
    pub const fn is_over(&self) -> bool {
        match &self.way {
            Way::Plain(plain) => plain.is_over(),
            Way::Described(described) => described.is_over(),
            Way::Download(download) => download.is_over(),
        }
    }

    /// What was seen so far.
    pub const fn stats(&self) -> &Stats {
        match &self.way {
            Way::Plain(plain) => plain.stats(),
            Way::Described(described) => described.stats(),
            Way::Download(download) => download.stats(),
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        match &self.way {
            Way::Plain(plain) => plain.progress(),
            Way::Described(described) => described.progress(),
            Way::Download(download) => download.progress(),
        }
    }
}
