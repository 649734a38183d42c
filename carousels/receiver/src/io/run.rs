//! The loop between a session, a socket, a storage and whoever watches.

use std::cell::Cell;
use std::fmt::Display;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stbcast_object::Micros;

use super::batch::Datagram;
use super::decoders::Decoders;
use super::ears::{Ears, Stream};
use super::heard::Heard;
use super::timed::{StorageTimes, Timed};
use super::unicast::{News, Unicast};
use super::{Interface, Moment, Observer, ReceiveFigures, Trouble, WAIT, Watched};
use crate::{Input, Output, Storage, drive_all};

/// Shortest time between two progress ticks.
const TICK: Micros = Micros::from_millis(100);

/// How long to wait for datagrams while a block is being recovered.
const RECOVERING_WAIT: Duration = Duration::from_millis(5);

/// Pieces of a server's answer handed in before groups are heard again.
const PIECES_A_TURN: usize = 4;

/// The outside of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// Where to listen; the system decides, when `None`.
    pub interface: Option<&'a Interface>,
    /// Ends the run when it becomes true: within [`super::WAIT`], or when the storage is done with
    /// what it was asked for last. An object whose last slice has come is finished first.
    pub stop: &'a AtomicBool,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The last moment.
    pub moment: Moment,
    /// How datagrams were taken from the kernel.
    pub receive: ReceiveFigures,
    /// How long storage took for the object begun last.
    pub storage: StorageTimes,
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
    let mut storage = Timed::new(storage, shell.ears.clock);
    let mut heard = Heard::default();
    let mut interrupted = false;
    while let Some(wake_at) = shell.goes_on(session, &storage) {
        if options.stop.load(Ordering::Relaxed) {
            interrupted = true;
            break;
        }
        shell.turn(session, &mut storage, &mut heard, wake_at);
    }
    shell.ears.leave_all();
    let moment = moment(session, shell.ears.clock.now());
    let receive = shell.ears.figures.clone();
    RunSummary { moment, receive, storage: storage.times(), interrupted }
}

fn moment<S: Watched>(session: &S, at: Micros) -> Moment {
    Moment { at, progress: session.progress(), stats: session.stats() }
}

/// Gives the next input with its time, which it notes; the decoders are there for datagrams.
type Next<'n, 'i> =
    &'n mut dyn FnMut(&mut Decoders, &mut Micros) -> Option<(Micros, Input<'i, Range<usize>>)>;

/// What the loop keeps between two steps.
struct Shell<'a> {
    observer: &'a mut dyn Observer,
    ears: Ears<'a>,
    unicast: Unicast,
    stop: &'a AtomicBool,
    ticker: Ticker,
    decoders: Decoders,
    /// What a session was told last: time does not run backwards.
    told_at: Micros,
    /// Until when everything that arrived has been handed in. A session is woken by this, not by
    /// the clock: what waits in a socket is no silence, however long the box was busy.
    heard_until: Micros,
    /// How long after the session asked for it the last group was joined: storage may have been
    /// slow in between. Its time-outs begin that much later.
    joined_late: Micros,
}

impl<'a> Shell<'a> {
    fn new(options: RunOptions<'a>, observer: &'a mut dyn Observer) -> Self {
        Self {
            observer,
            ears: Ears::new(options.interface),
            unicast: Unicast::default(),
            stop: options.stop,
            ticker: Ticker::default(),
            decoders: Decoders::default(),
            told_at: Micros::ZERO,
            heard_until: Micros::ZERO,
            joined_late: Micros::ZERO,
        }
    }

    /// When the session wants to be woken; `None` when nothing is to come any more.
    fn goes_on<S: Watched, T: Storage>(
        &self,
        session: &S,
        storage: &Timed<'_, T>,
    ) -> Option<Micros> {
        // A session may wait for nothing but a block that is being recovered, or a server.
        let waits = storage.is_recovering() || self.unicast.is_under_way();
        (!session.is_over()).then(|| session.wake_at().or(waits.then_some(Micros::NEVER)))?
    }

    /// Hands in what was recovered, wakes the session, which wants that at `wake_at`, or hears what
    /// there is.
    fn turn<S, T>(
        &mut self,
        session: &mut S,
        storage: &mut Timed<'_, T>,
        heard: &mut Heard,
        wake_at: Micros,
    ) where
        S: Watched,
        T: Storage<Error: Display>,
    {
        let due = match storage.recovered() {
            Some(recovered) => Some(Input::Recovered(recovered)),
            None if self.heard_until >= wake_at.after(self.joined_late) => {
                self.told_at = self.heard_until;
                Some(Input::Wake)
            }
            None => None,
        };
        if let Some(error) = storage.recovery_error() {
            self.observer.trouble(&Trouble::Storage(error.to_string()));
        }
        if due.is_some() {
            let mut due = due.map(|input| (self.told_at, input));
            self.step(session, storage, &[], &mut |_, _| due.take());
            heard.queue.give(self.ears.owners());
        } else {
            let before = self.ears.clock.now();
            let patience = match (self.unicast.is_rung(), storage.is_recovering()) {
                (true, _) => Duration::ZERO,
                (_, true) => RECOVERING_WAIT,
                (_, false) => WAIT,
            };
            self.ears.recv(heard, patience, self.unicast.bell(), self.observer);
            let silent = heard.is_empty();
            self.hear(session, storage, heard);
            // Behind datagrams more may wait: the time is that of the last one.
            let until = if silent { before } else { self.told_at };
            self.heard_until = until.max(self.told_at);
            self.take_news(session, storage, heard);
        }
        self.tick(session);
    }

    /// Hands in what a server sent, dated like what was heard last: so a session that hears groups
    /// too is never told a time at which datagrams still waited.
    fn take_news<S, T>(&mut self, session: &mut S, storage: &mut T, heard: &mut Heard)
    where
        S: Watched,
        T: Storage<Error: Display>,
    {
        for _ in 0..PIECES_A_TURN {
            if session.is_over() {
                return;
            }
            let Some((id, news)) = self.unicast.next() else { return };
            let (input, bytes) = match news {
                News::Piece(offset, bytes) => {
                    let (length, payload) = (bytes.len(), 0..bytes.len());
                    (Input::Bytes { id, offset, length, payload }, bytes)
                }
                News::Length(length) => (Input::Length { id, length }, Vec::new()),
                News::Answer(answer) => (Input::Answered { id, answer }, Vec::new()),
                News::Trouble(text) => {
                    self.observer.trouble(&Trouble::Network(text));
                    continue;
                }
            };
            self.told_at = self.heard_until.max(self.told_at);
            let mut input = Some((self.told_at, input));
            if self.step(session, storage, &bytes, &mut |_, _| input.take()) == Halt::Moved {
                heard.queue.give(self.ears.owners());
            }
        }
    }

    /// Hands in what was heard, until sockets must be read again or the run is to end.
    fn hear<S, T>(&mut self, session: &mut S, storage: &mut T, heard: &mut Heard)
    where
        S: Watched,
        T: Storage<Error: Display>,
    {
        let Heard { bytes, queue } = heard;
        let (stop, clock) = (self.stop, self.ears.clock);
        let stopped = || stop.load(Ordering::Relaxed);
        while !queue.is_done() && !stopped() && !session.is_over() {
            let (ticker, mut begun) = (self.ticker, false);
            let halt = self.step(session, storage, bytes, &mut |decoders, told_at| {
                if begun && (stopped() || ticker.is_due(clock.now())) {
                    return None;
                }
                begun = true;
                let (lane, Datagram { from, at, range }) = queue.next()?;
                *told_at = at.max(*told_at);
                let start = range.start;
                let input = decoders.decode(lane, from.ip(), bytes.get(range)?)?;
                Some((*told_at, input.within(start)))
            });
            if halt == Halt::Moved {
                queue.give(self.ears.owners());
            }
            self.tick(session);
        }
    }

    /// Hands in what `next` gives, until it gives no more or the session has something to say.
    fn step<'i, S, T>(
        &mut self,
        session: &mut S,
        storage: &mut T,
        bytes: &[u8],
        next: Next<'_, 'i>,
    ) -> Halt
    where
        S: Watched,
        T: Storage<Error: Display>,
    {
        let Self { observer, ears, unicast, decoders, told_at, joined_late, .. } = self;
        let halt = Cell::new(Halt::Exhausted);
        let (mut events, mut joined, mut joined_at) = (Vec::new(), Vec::new(), None);
        let inputs = std::iter::from_fn(|| match halt.get() {
            Halt::Exhausted => next(decoders, told_at),
            _ => None,
        });
        let shell = &mut |output| match output {
            Output::Join { group, source, listen } => {
                let stream = Stream::of(&listen);
                if let Some(lane) = ears.join(group, source, stream, *observer) {
                    joined.push((lane, group, source, listen));
                }
                joined_at = Some(ears.clock.now());
                halt.set(Halt::Moved);
            }
            Output::Leave { group } => {
                ears.leave(group);
                halt.set(Halt::Moved);
            }
            Output::Request(request) => unicast.start(request),
            Output::CancelRequest { id } => unicast.cancel(id),
            Output::Event(event) => {
                events.push(event);
                if halt.get() == Halt::Exhausted {
                    halt.set(Halt::Spoke);
                }
            }
            // The storage's outputs do not come here.
            _ => {}
        };
        let stored = drive_all(session, storage, inputs, bytes, shell);
        if let Err(error) = stored {
            observer.trouble(&Trouble::Storage(error.to_string()));
        }
        for (lane, group, source, listen) in joined {
            decoders.join(lane, group, source, listen);
        }
        if let Some(joined_at) = joined_at {
            *joined_late = joined_at.since(*told_at);
        }
        if !events.is_empty() {
            let moment = moment(session, *told_at);
            events.iter().for_each(|event| observer.event(&moment, event));
        }
        halt.get()
    }

    fn tick<S: Watched>(&mut self, session: &S) {
        if let Some(now) = self.ticker.tick(self.ears.clock.now()) {
            self.observer.tick(&moment(session, now));
        }
    }
}

/// When the next progress tick is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ticker {
    ticked_at: Micros,
}

impl Ticker {
    const fn is_due(self, now: Micros) -> bool {
        now.0 >= self.ticked_at.after(TICK).0
    }

    /// Takes note of a tick that is due at `now`, and gives its time.
    pub(super) fn tick(&mut self, now: Micros) -> Option<Micros> {
        let due = self.is_due(now);
        if due {
            self.ticked_at = now;
        }
        due.then_some(now)
    }
}

/// Why a step ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Halt {
    /// Everything was handed in.
    Exhausted,
    /// Events are to be told.
    Spoke,
    /// A channel was left or joined: what else arrived on the old one is for nobody.
    Moved,
}

#[cfg(test)]
mod tests;
