//! On air: one thread per interface drives all its channels from one queue of deadlines.
//!
//! ```text
//!  control (tokio) ── Drivers ── Command ──> thread of an interface:
//!                             <── Report ───   earliest deadline ─> carousel ─> pacer ─> socket
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use stbcast_object::Micros;
use tokio::sync::mpsc::UnboundedSender;

use crate::announced::Description;
use crate::clock;
use crate::pacer::Cap;
use crate::programme::ChannelProgramme;
use crate::transmit::{Sockets, TransmitError, Wire};

mod beat;
mod channel;
mod drivers;
use beat::Beat;
pub use beat::{Beats, Mark};
use channel::{Batch, OnAir, Turn};
pub use drivers::Drivers;

/// The longest sleep, so that a command is never waited for longer.
const SLEEP_MAX: Micros = Micros::from_millis(20);

/// A channel that has nothing to send is asked again after this span: it may have been replaced.
const ASK_AGAIN: Micros = Micros::from_secs(1);

/// A channel with its socket open, ready to go on air.
pub struct Launch {
    programme: ChannelProgramme,
    wire: Box<dyn Wire>,
    generation: u64,
    /// Whether it waits for a [`Command::Release`] before it replaces what is on air.
    held: bool,
}

impl Launch {
    /// Opens the socket of a channel.
    ///
    /// # Errors
    /// When the channel cannot be sent.
    pub fn new(
        programme: ChannelProgramme,
        generation: u64,
        sockets: &Sockets,
    ) -> Result<Self, TransmitError> {
        let wire = Box::new(sockets.open(&programme.channel)?);
        Ok(Self { programme, wire, generation, held: false })
    }

    /// The same, which waits until [`Drivers::release`] is called before it replaces what is on
    /// air; [`Report::Ending`] tells when that is wanted.
    #[must_use]
    pub fn held(self) -> Self {
        Self { held: true, ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.programme.channel.name
    }

    pub(crate) const fn programme(&self) -> &ChannelProgramme {
        &self.programme
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Bits of IP per second.
    pub(crate) const fn bit_rate_bps(&self) -> u64 {
        self.programme.channel.bit_rate_bps
    }

    /// Whether it is a companion or an announce session, which have no cycles.
    pub(crate) const fn is_session(&self) -> bool {
        !self.programme.carousel.has_cycles()
    }

    fn interface(&self) -> Option<&str> {
        self.wire.interface()
    }
}

/// What a thread is told.
enum Command {
    /// Puts a channel on air; one of the same name finishes its cycle first.
    Put(Box<Launch>),
    /// Lets the held replacement of this generation come at the end of the cycle.
    Release { channel: String, generation: u64 },
    /// What an announce session says from now on.
    Describe { channel: String, said: Description },
    /// Takes a channel off the air when its cycle is complete.
    Retire { channel: String, generation: u64 },
    /// Takes a channel off the air at once, in the middle of its cycle.
    Silence { channel: String, generation: u64 },
    /// Sends a channel at so many bits of IP per second from now on.
    Rate { channel: String, bit_rate_bps: u64 },
    /// All channels together send at most so many bits of IP per second from now on, whatever they do;
    /// as many as they like where `None`.
    Cap(Option<u64>),
    /// Once every channel has completed this many cycles, send no more and tell
    /// [`Report::CyclesDone`].
    ReportCycles(u64),
}

/// What a thread tells.
#[derive(Debug)]
pub enum Report {
    /// The channel is on air as the programme of this generation says.
    OnAir {
        /// Name of the channel.
        channel: String,
        /// Generation of its programme.
        generation: u64,
    },
    /// The cycle behind which a held replacement could come ends in three seconds or less.
    Ending {
        /// Name of the channel.
        channel: String,
        /// Generation of the replacement.
        generation: u64,
    },
    /// The channel is off the air.
    Retired {
        /// Name of the channel.
        channel: String,
        /// Generation that lacks it.
        generation: u64,
    },
    /// Every channel of a thread has completed as many cycles as asked for; it sends no more.
    CyclesDone {
        /// Number of the thread.
        thread: u64,
    },
    /// What a channel sent until it changed or left. To unmap a large image takes milliseconds that
    /// the sending thread has not.
    Spent(Box<ChannelProgramme>),
    /// A thread ended by a fault of this program, and its channels are silent.
    Broken,
}

/// The thread of one interface. It ends, in the middle of a cycle, when this is dropped.
struct Driver {
    beat: Arc<Beat>,
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    fn start(number: u64, reports: UnboundedSender<Report>) -> std::io::Result<Self> {
        let (commands, inbox) = channel();
        let beat = Arc::new(Beat::new(clock::now()));
        let beats = Arc::clone(&beat);
        let drive = move || {
            let _alarm = Alarm(reports.clone());
            clock::wake_precisely();
            Loop::new(number, inbox, reports).run(&beats);
        };
        let thread = std::thread::Builder::new().name("on-air".to_owned()).spawn(drive)?;
        Ok(Self { beat, commands: Some(commands), thread: Some(thread) })
    }

    /// Tells the thread something. It obeys within 20 ms.
    fn tell(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // The thread only ends after this sender is gone.
            let _ = commands.send(command);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Tells of a thread that panics: silence on air must not look like peace.
struct Alarm(UnboundedSender<Report>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send(Report::Broken);
        }
    }
}

struct Loop {
    number: u64,
    inbox: Receiver<Command>,
    reports: UnboundedSender<Report>,
    channels: HashMap<u64, OnAir>,
    next_id: u64,
    deadlines: BinaryHeap<Reverse<(Micros, u64)>>,
    cycles: Option<u64>,
    /// The cycles are done: nothing is sent any more, but everything is answered.
    done: bool,
    batch: Batch,
    /// What the interface may carry.
    cap: Option<Cap>,
}

impl Loop {
    fn new(number: u64, inbox: Receiver<Command>, reports: UnboundedSender<Report>) -> Self {
        let (channels, deadlines) = (HashMap::new(), BinaryHeap::new());
        let (next_id, cycles, done, batch) = (0, None, false, Batch::new());
        let cap = None;
        Self { number, inbox, reports, channels, next_id, deadlines, cycles, done, batch, cap }
    }

    fn run(mut self, beat: &Beat) {
        loop {
            let now = clock::now();
            if !self.obey(now) {
                return;
            }
            beat.beat(now);
            if let Some(at) = self.advance(clock::now()) {
                clock::sleep_until(at);
            }
        }
    }

    /// Does what it was told meanwhile; whether there may be more to come.
    fn obey(&mut self, now: Micros) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Put(launch)) => self.put(*launch, now),
                Ok(Command::Retire { channel, generation }) => self.retire(&channel, generation),
                Ok(Command::Release { channel, generation }) => {
                    if let Some(on_air) = self.by_name(&channel) {
                        on_air.release(generation);
                    }
                }
                Ok(Command::Describe { channel, said }) => self.describe(&channel, said, now),
                Ok(Command::Silence { channel, generation }) => self.silence(&channel, generation),
                Ok(Command::Rate { channel, bit_rate_bps }) => {
                    self.hurry(&channel, now, |on_air| on_air.set_rate(bit_rate_bps, now));
                }
                Ok(Command::Cap(cap)) => {
                    self.cap =
                        cap.map(|bps| self.cap.map_or_else(|| Cap::new(bps), |it| it.at(bps)));
                }
                Ok(Command::ReportCycles(cycles)) => {
                    self.cycles = Some(cycles);
                    self.check_cycles();
                }
                Err(TryRecvError::Empty) => {
                    if self.done {
                        self.settle(now);
                    }
                    return true;
                }
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Gives the channel that is due first its turn; until when to sleep, where none is due.
    fn advance(&mut self, now: Micros) -> Option<Micros> {
        match self.deadlines.peek() {
            _ if self.done => Some(now.after(SLEEP_MAX)),
            Some(&Reverse((at, id))) if at <= now => {
                // The channel that has waited longest goes first when the line is free.
                if let Some(free) = self.cap.map(|cap| cap.next_at()).filter(|free| *free > now) {
                    return Some(free.min(now.after(SLEEP_MAX)));
                }
                self.deadlines.pop();
                self.turn(id, now);
                None
            }
            next => {
                let latest = now.after(SLEEP_MAX);
                Some(next.map_or(latest, |Reverse((at, _))| (*at).min(latest)))
            }
        }
    }

    fn put(&mut self, launch: Launch, now: Micros) {
        if let Some(on_air) = self.by_name(launch.name()) {
            return on_air.replace_by(launch);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.tell_on_air(launch.name().to_owned(), launch.generation);
        let on_air = OnAir::new(launch, now, id);
        self.deadlines.push(Reverse((on_air.next_at(), id)));
        self.channels.insert(id, on_air);
    }

    fn retire(&mut self, name: &str, generation: u64) {
        match self.by_name(name) {
            Some(on_air) => on_air.retire(generation),
            None => self.tell_retired(name, generation),
        }
    }

    /// Removes a channel whatever it is doing.
    fn silence(&mut self, name: &str, generation: u64) {
        let id = self.id(name);
        match id.and_then(|id| self.channels.remove(&id)) {
            Some(gone) => {
                self.deadlines.retain(|Reverse((_, other))| Some(*other) != id);
                self.gone(gone, generation);
            }
            None => self.tell_retired(name, generation),
        }
    }

    fn gone(&mut self, gone: OnAir, generation: u64) {
        self.tell_retired(gone.name(), generation);
        let _ = self.reports.send(Report::Spent(gone.spent()));
        self.check_cycles();
    }

    /// An announce session has something new to say: it is not waited for until the next second.
    fn describe(&mut self, name: &str, said: Description, now: Micros) {
        self.hurry(name, now, |on_air| on_air.describe(said, now));
    }

    /// Changes a channel and gives it its turn, whenever that would have been.
    fn hurry(&mut self, name: &str, now: Micros, change: impl FnOnce(&mut OnAir)) {
        let Some(id) = self.id(name) else { return };
        if let Some(on_air) = self.channels.get_mut(&id) {
            change(on_air);
        }
        self.deadlines.retain(|Reverse((_, other))| *other != id);
        self.deadlines.push(Reverse((now, id)));
    }

    fn id(&self, name: &str) -> Option<u64> {
        self.channels.iter().find(|(_, on_air)| on_air.name() == name).map(|(id, _)| *id)
    }

    /// Changes what waits for the end of a cycle, which will not come any more.
    fn settle(&mut self, now: Micros) {
        let changes: Vec<_> =
            self.channels.iter_mut().map(|(id, on_air)| (*id, on_air.change(now))).collect();
        for (id, change) in changes {
            if let Some(turn) = change {
                self.turned(id, turn, now);
            }
        }
    }

    fn by_name(&mut self, name: &str) -> Option<&mut OnAir> {
        self.channels.values_mut().find(|on_air| on_air.name() == name)
    }

    fn turn(&mut self, id: u64, now: Micros) {
        let Some(on_air) = self.channels.get_mut(&id) else { return };
        let turn = on_air.turn(now, &mut self.batch);
        let sent = on_air.take_sent();
        if let Some(cap) = &mut self.cap {
            cap.sent(now, sent);
        }
        if let Some(generation) = on_air.ending(now) {
            let channel = on_air.name().to_owned();
            let _ = self.reports.send(Report::Ending { channel, generation });
        }
        self.turned(id, turn, now);
    }

    /// Each channel has exactly one deadline in the queue, before and after its turn.
    fn turned(&mut self, id: u64, turn: Turn, now: Micros) {
        match turn {
            Turn::Wait(at) => self.deadlines.push(Reverse((at.min(now.after(ASK_AGAIN)), id))),
            Turn::CycleEnd => {
                self.deadlines.push(Reverse((now, id)));
                self.check_cycles();
            }
            Turn::Replaced { generation, spent } => {
                self.deadlines.push(Reverse((now, id)));
                let _ = self.reports.send(Report::Spent(spent));
                if let Some(name) = self.channels.get(&id).map(|on_air| on_air.name().to_owned()) {
                    self.tell_on_air(name, generation);
                }
            }
            Turn::Retired { generation } => {
                if let Some(gone) = self.channels.remove(&id) {
                    self.gone(gone, generation);
                }
            }
        }
    }

    fn tell_on_air(&self, channel: String, generation: u64) {
        let _ = self.reports.send(Report::OnAir { channel, generation });
    }

    fn tell_retired(&self, channel: &str, generation: u64) {
        let _ = self.reports.send(Report::Retired { channel: channel.to_owned(), generation });
    }

    fn check_cycles(&mut self) {
        let Some(wanted) = self.cycles.filter(|_| !self.done && !self.channels.is_empty()) else {
            return;
        };
        let cycled = self.channels.values().filter_map(|on_air| on_air.has_cycled(wanted));
        let cycled: Vec<bool> = cycled.collect();
        if cycled.iter().all(|done| *done) {
            // Not one datagram of a further cycle. Sessions without cycles wait for other threads.
            self.done = !cycled.is_empty();
            let _ = self.reports.send(Report::CyclesDone { thread: self.number });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
