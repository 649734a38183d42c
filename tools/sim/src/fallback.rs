//! Boxes that fall back on a server: does it stay within what it can send, and does everybody get what
//! is missing?
//!
//! Each box is the receiver's own session. Until it asks for the first time nobody else matters to
//! it, so it is played alone then, and once more when its moment has come; from there on boxes and
//! server share a clock. So only boxes that are being served are in memory.

mod caller;
mod server;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::{NonZeroU8, NonZeroU16};
use std::sync::atomic::{AtomicU64, Ordering};

use stbcast::plan::prediction::window_seconds;
use stbcast_object::{Micros, Slices};

use crate::air::{AirError, Groups};
use crate::loss::Loss;
use crate::scenario::{BIT_RATE_BPS, SLICE_BYTES};

use caller::Caller;
pub use server::SPAN;
use server::Server;

/// Bits of IP of a full slice on the channel.
const SLICE_BITS: u64 = 8 * (SLICE_BYTES as u64 + 44 + 28);

/// A population and its server.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Boxes.
    pub boxes: u64,
    /// The object.
    pub slices: Slices,
    /// Cycles that are sent; 0 where nothing but the announcement reaches anybody.
    pub cycles: u64,
    /// Loss on each box's line.
    pub loss: Loss,
    /// Cycles that a box hears before it may ask.
    pub after_cycles: NonZeroU8,
    /// Seconds over which boxes spread what they ask.
    pub window_s: u32,
    /// What the server can send, in bits per second.
    pub capacity_bps: u64,
    /// What a line takes, in bits per second.
    pub line_bps: u64,
    /// When all boxes lose power, if ever; they start again at once.
    pub power_cut_at: Option<Micros>,
    /// Decides every loss and every serial number.
    pub seed: u64,
    /// From one slice to the next.
    pub pace: Micros,
    /// Groups on air.
    pub groups: Groups,
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Boxes that had all before anything was asked for.
    pub by_multicast: u64,
    /// Boxes that the server completed.
    pub by_server: u64,
    /// Boxes that gave up.
    pub gave_up: u64,
    /// Requests, those that were refused included.
    pub requests: u64,
    /// Requests that were answered with a later time.
    pub refused: u64,
    /// Bytes of objects that the server sent.
    pub bytes: u64,
    /// The most that it sent in one [`SPAN`], as a part of its capacity.
    pub peak: f64,
    /// Seconds until the last box was through.
    pub seconds: f64,
}

impl Scene {
    /// `boxes` boxes that start at once, to whom nothing but the announcement comes, and a window as
    /// `stbcast check` says it for what they ask.
    ///
    /// # Errors
    /// When the image cannot be cut.
    pub fn deaf(boxes: u64, image_bytes: u64, capacity_bps: u64) -> Result<Self, AirError> {
        let slice_bytes = NonZeroU16::new(SLICE_BYTES).ok_or(AirError::SliceBytes)?;
        let slices = Slices::new(image_bytes, slice_bytes)?;
        let window_s = window_seconds(boxes, image_bytes as f64, capacity_bps).ceil() as u32;
        Ok(Self {
            boxes,
            slices,
            cycles: 0,
            loss: Loss::None,
            after_cycles: NonZeroU8::MIN,
            window_s,
            capacity_bps,
            line_bps: 10_000_000,
            power_cut_at: None,
            seed: 1,
            pace: Micros(SLICE_BITS * 1_000_000 / BIT_RATE_BPS),
            groups: Groups::new()?,
        })
    }

    /// Slices that are sent in all; boxes start within the first cycle.
    fn sent_slices(&self) -> u64 {
        match self.cycles {
            0 => 0,
            cycles => (cycles + 1) * u64::from(self.slices.count()),
        }
    }

    /// When each box asks for the first time, counted from its start; nothing where it never does.
    fn first_asks(&self) -> Vec<(u64, Option<Micros>, bool)> {
        let next = AtomicU64::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.boxes {
                    return done;
                }
                let Some(mut caller) = Caller::start(self, number, Micros::ZERO) else {
                    return done;
                };
                let at = caller.until_asked().filter(|_| caller.request.is_some());
                done.push((number, at, caller.end == Some(true)));
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
        })
    }

    /// Plays it.
    pub fn run(&self) -> Outcome {
        let mut outcome = Outcome {
            by_multicast: 0,
            by_server: 0,
            gave_up: 0,
            requests: 0,
            refused: 0,
            bytes: 0,
            peak: 0.0,
            seconds: 0.0,
        };
        let mut asks = BTreeMap::new();
        for (number, at, is_whole) in self.first_asks() {
            match at {
                Some(at) => _ = asks.insert(number, at),
                None if is_whole => outcome.by_multicast += 1,
                None => outcome.gave_up += 1,
            }
        }
        Play::new(self, asks).run(&mut outcome);
        outcome
    }
}

/// What happens to a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// All of them lose power.
    PowerCut,
    /// What it asked for is sent.
    Served,
    /// It asks for the first time since it started.
    Asks,
    /// Something of its own.
    Own,
}

/// Boxes and server on one clock.
struct Play<'a> {
    scene: &'a Scene,
    server: Server,
    /// Boxes that are not through, and when they ask for the first time, counted from their start.
    asks: BTreeMap<u64, Micros>,
    live: BTreeMap<u64, Live<'a>>,
    started_at: Micros,
    queue: BinaryHeap<Reverse<(Micros, Happening, u64)>>,
}

/// A box that has asked.
struct Live<'a> {
    caller: Caller<'a>,
    was_refused: bool,
    is_served: bool,
}

impl<'a> Play<'a> {
    fn new(scene: &'a Scene, asks: BTreeMap<u64, Micros>) -> Self {
        let server = Server::new(scene.capacity_bps, scene.line_bps, scene.seed);
        let (live, queue) = (BTreeMap::new(), BinaryHeap::new());
        Self { scene, server, asks, live, started_at: Micros::ZERO, queue }
    }

    fn run(mut self, outcome: &mut Outcome) {
        self.start(Micros::ZERO);
        if let Some(at) = self.scene.power_cut_at {
            self.queue.push(Reverse((at, Happening::PowerCut, 0)));
        }
        while let Some(Reverse((now, happening, number))) = self.queue.pop() {
            match happening {
                Happening::PowerCut => {
                    self.live.clear();
                    self.queue.clear();
                    self.server.clear();
                    self.start(now);
                    continue;
                }
                Happening::Asks => self.begin(number),
                Happening::Served => {
                    self.server.end();
                    if let Some(live) = self.live.get_mut(&number) {
                        live.is_served = false;
                        live.caller.be_served(now);
                    }
                }
                Happening::Own => {
                    let live = self.live.get_mut(&number);
                    // It may have been told something since.
                    let is_due = |live: &&mut Live<'_>| live.caller.next_at() <= Some(now);
                    if let Some(live) = live.filter(is_due) {
                        live.caller.step(now);
                    }
                }
            }
            self.go_on(now, number, outcome);
        }
        outcome.gave_up += self.asks.len() as u64;
        outcome.requests = self.server.requests;
        outcome.refused = self.server.refused;
        outcome.bytes = self.server.bytes;
        outcome.peak = self.server.peak_bps() / self.scene.capacity_bps as f64;
    }

    /// All boxes that are not through start.
    fn start(&mut self, now: Micros) {
        self.started_at = now;
        for (number, at) in &self.asks {
            self.queue.push(Reverse((now.after(*at), Happening::Asks, *number)));
        }
    }

    fn begin(&mut self, number: u64) {
        let caller = Caller::start(self.scene, number, self.started_at);
        if let Some(mut caller) = caller {
            caller.until_asked();
            self.live.insert(number, Live { caller, was_refused: false, is_served: false });
        }
    }

    /// What a box wants after something happened to it.
    fn go_on(&mut self, now: Micros, number: u64, outcome: &mut Outcome) {
        let Some(live) = self.live.get_mut(&number) else { return };
        if let Some(request) = live.caller.request.as_ref().filter(|_| !live.is_served) {
            let bytes = request.to.unwrap_or(request.length_max) - request.from;
            match self.server.ask(now, bytes, live.was_refused) {
                Ok(at) => {
                    (live.is_served, live.was_refused) = (true, false);
                    self.queue.push(Reverse((at, Happening::Served, number)));
                }
                Err(retry_after) => {
                    live.was_refused = true;
                    live.caller.be_refused(now, retry_after);
                }
            }
        }
        if let Some(is_whole) = live.caller.end {
            *(if is_whole { &mut outcome.by_server } else { &mut outcome.gave_up }) += 1;
            outcome.seconds = outcome.seconds.max(now.as_secs_f64());
            self.asks.remove(&number);
            // What is still being sent to it is sent.
            self.live.remove(&number);
        } else if let Some(at) = live.caller.next_at() {
            self.queue.push(Reverse((at.max(now), Happening::Own, number)));
        }
    }
}
