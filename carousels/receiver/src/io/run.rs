//! The loop between a session, a socket, a storage and whoever watches.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use stbcast_object::{Group, Micros};

use super::receive::{DATAGRAM_BYTES, WAIT};
use super::{Interface, ReceiveBuffer, Receiver};
use crate::{
    Boot, ChannelDecoder, Event, Fetch, Input, Output, Progress, Session, Stats, Storage, drive,
};

/// Shortest time between two progress ticks.
const TICK: Micros = Micros::from_millis(100);

/// How far a session is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Time since the session began.
    pub at: Micros,
    /// How far the object being fetched is.
    pub progress: Progress,
    /// What was seen so far.
    pub stats: Stats,
}

/// Watches a session. Every method does nothing unless it is written.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, moment: &Moment, event: &Event) {
        let _ = (moment, event);
    }
    /// Comes about ten times a second, whether anything moved or not.
    fn tick(&mut self, moment: &Moment) {
        let _ = moment;
    }
    /// Something is wrong, but the session goes on.
    fn trouble(&mut self, trouble: &Trouble) {
        let _ = trouble;
    }
}

/// Watches nothing.
impl Observer for () {}

/// Something that is wrong outside the session, which goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The receive buffer is smaller than asked for. Told once.
    #[error(
        "the system grants a receive buffer of {} KiB instead of {} KiB, fast channels may lose \
         datagrams: raise net.core.rmem_max",
        .0.granted / 1024, .0.asked / 1024
    )]
    ReceiveBuffer(ReceiveBuffer),
    /// The channel cannot be heard in this attempt.
    #[error("{0}")]
    Network(String),
    /// A storage operation failed; the session fails the object.
    #[error("{0}")]
    Storage(String),
    /// An image in the store cannot be used and counts as absent.
    #[error("{0}")]
    Store(String),
}

impl Trouble {
    /// Whether it can be why an object did not come.
    pub const fn is_cause(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Storage(_))
    }
}

/// A session that can be watched.
pub trait Watched: Session<Range<usize>> {
    /// How far the object being fetched is.
    fn progress(&self) -> Progress;
    /// What was seen so far.
    fn stats(&self) -> Stats;
}

impl Watched for Fetch<Range<usize>> {
    fn progress(&self) -> Progress {
        self.progress()
    }
    fn stats(&self) -> Stats {
        *self.stats()
    }
}

impl Watched for Boot<Range<usize>> {
    fn progress(&self) -> Progress {
        self.progress()
    }
    fn stats(&self) -> Stats {
        self.stats()
    }
}

/// The outside of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// Where to listen; the system decides, when `None`.
    pub interface: Option<&'a Interface>,
    /// Ends the run when it becomes true, within [`WAIT`].
    pub stop: &'a AtomicBool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct RunSummary {
    /// The last moment.
    pub moment: Moment,
    /// Whether the stop flag ended it, and not the session.
    pub interrupted: bool,
}

/// Runs `session` until it is over or the stop flag is set.
///
/// Nothing that goes wrong outside ends it: a group that cannot be joined is a silent one, and
/// the session's time-outs and attempts decide. The observer is told.
pub fn run<S: Watched, T: Storage<Error: Display>>(
    session: &mut S,
    storage: &mut T,
    options: RunOptions<'_>,
    observer: &mut dyn Observer,
) -> RunSummary {
    let mut shell = Shell::new(options, observer);
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut interrupted = false;
    while let (false, Some(wake_at)) = (session.is_over(), session.wake_at()) {
        if options.stop.load(Ordering::Relaxed) {
            interrupted = true;
            break;
        }
        let now = shell.now();
        if now >= wake_at {
            shell.step(session, storage, now, Input::Wake, &[]);
        } else if let Some((bytes, from)) = shell.recv(&mut buffer) {
            let datagram = buffer.get(..bytes).unwrap_or_default();
            let input = match shell.decoder.decode(from, datagram) {
                Ok(arrival) => Input::Arrival(arrival),
                Err(reject) => Input::Rejected(bytes, reject),
            };
            let now = shell.now();
            shell.step(session, storage, now, input, datagram);
        }
        shell.tick(session);
    }
    let now = shell.now();
    RunSummary { moment: moment(session, now), interrupted }
}

fn moment<S: Watched>(session: &S, at: Micros) -> Moment {
    Moment { at, progress: session.progress(), stats: session.stats() }
}

/// What the loop keeps between two steps.
struct Shell<'a> {
    options: RunOptions<'a>,
    observer: &'a mut dyn Observer,
    began: Instant,
    receiver: Option<Receiver>,
    decoder: ChannelDecoder,
    /// The channel whose trailers the decoder has learned.
    decoded: Option<Group>,
    ticked_at: Micros,
    told_of_buffer: bool,
}

impl<'a> Shell<'a> {
    fn new(options: RunOptions<'a>, observer: &'a mut dyn Observer) -> Self {
        Self {
            options,
            observer,
            began: Instant::now(),
            receiver: None,
            decoder: ChannelDecoder::default(),
            decoded: None,
            ticked_at: Micros::ZERO,
            told_of_buffer: false,
        }
    }

    fn now(&self) -> Micros {
        self.began.elapsed().into()
    }

    fn step<S: Watched, T: Storage<Error: Display>>(
        &mut self,
        session: &mut S,
        storage: &mut T,
        now: Micros,
        input: Input<'_, Range<usize>>,
        datagram: &[u8],
    ) {
        let mut events = Vec::new();
        let shell = &mut |output| match output {
            Output::Join { group, source } => self.join(group, source),
            Output::Leave { .. } => self.receiver = None,
            Output::Event(event) => events.push(event),
            // `drive` keeps the storage's outputs.
            _ => {}
        };
        let stored = drive(session, storage, now, input, datagram, shell);
        if let Err(error) = stored {
            self.observer.trouble(&Trouble::Storage(error.to_string()));
        }
        if !events.is_empty() {
            let moment = moment(session, now);
            events.iter().for_each(|event| self.observer.event(&moment, event));
        }
    }

    fn join(&mut self, group: Group, source: Option<IpAddr>) {
        // The socket left before goes first: a box may be allowed few memberships.
        self.receiver = None;
        if self.decoded != Some(group) {
            (self.decoder, self.decoded) = (ChannelDecoder::new(source), Some(group));
        }
        match Receiver::join(group, source, self.options.interface) {
            Ok(receiver) => {
                let buffer = receiver.buffer();
                if buffer.is_short() && !self.told_of_buffer {
                    self.told_of_buffer = true;
                    self.observer.trouble(&Trouble::ReceiveBuffer(buffer));
                }
                self.receiver = Some(receiver);
            }
            Err(error) => self.observer.trouble(&Trouble::Network(error.to_string())),
        }
    }

    /// One datagram, or nothing after [`WAIT`].
    fn recv(&mut self, buffer: &mut [u8]) -> Option<(usize, IpAddr)> {
        let Some(receiver) = &mut self.receiver else {
            std::thread::sleep(WAIT);
            return None;
        };
        match receiver.recv(buffer) {
            Ok(datagram) => datagram.map(|(bytes, from)| (bytes, from.ip())),
            Err(error) => {
                // Closed until the session joins again, else a broken socket would spin here.
                self.receiver = None;
                self.observer.trouble(&Trouble::Network(format!("cannot receive: {error}")));
                None
            }
        }
    }

    fn tick<S: Watched>(&mut self, session: &S) {
        let now = self.now();
        if now >= self.ticked_at.after(TICK) {
            self.ticked_at = now;
            self.observer.tick(&moment(session, now));
        }
    }
}
