//! The boot procedure of Infocast notes §8: metadata, splash, boot image.
//!
//! ```text
//!  for splash, boot image [, diagnostic image]:
//!     walk the ways of its order ──metadata wanted──> control object, or page of a web server
//!          │        │                                    (asked once)
//!          │        └──fetch──> installed, or the next way
//!          └── held and the version on air, or no way left
//! ```
//!
//! The splash has one attempt and its failure is ignored. Versions are strings, compared for
//! equality alone; what the store holds is not fetched again.

mod directions;
mod options;
mod permanent;
mod report;
mod walk;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};

use stbcast_bootcast::{Part, Protocol};
use stbcast_infocast::Check;
use stbcast_object::Micros;

pub use self::options::{BootOptions, HttpBoot, Orders, StoredVersions, TftpBoot};
pub use self::report::{BootReport, ControlOutcome, MetadataError, PartOutcome};

use self::directions::Directions;
use self::walk::{Metadata, Move, Walk};
use crate::fetch::Outputs;
use crate::{
    Event, Fetch, FetchError, FetchOptions, Input, Output, PlainReason, Progress, Role, Server,
    Stats, Target,
};

/// Time-outs after which a live metadata channel without our control object is given up.
const CONTROL_ABSENT_TIMEOUTS: u64 = 3;

enum Step {
    Idle,
    /// Fetching metadata.
    Control(Protocol),
    ReadControl(Protocol),
    Part {
        version: String,
    },
    Over,
}

/// An object that was committed.
struct Whole {
    length: u64,
    check: Option<Check>,
    sha256: Option<[u8; 32]>,
}

/// The session of a whole boot. Pure: see the crate's page for the contract.
pub struct Boot<P> {
    options: BootOptions,
    step: Step,
    /// How much metadata came that could not be used.
    unusable: u8,
    fetch: Option<Fetch<P>>,
    /// What the metadata channel says.
    control: Metadata,
    /// What the web server says.
    page: Metadata,
    parts: VecDeque<Part>,
    walk: Option<Walk>,
    report: BootReport,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

impl<P: Clone> Boot<P> {
    /// A boot that begins with the first [`Input::Wake`].
    pub fn new(options: BootOptions) -> Self {
        let mut parts = VecDeque::from([Part::Splash, Part::Kernel]);
        parts.extend(options.diagnostic.then_some(Part::Diagnostic));
        let report = BootReport::new(options.orders.kernel.has_local());
        Self {
            options,
            step: Step::Idle,
            unusable: 0,
            fetch: None,
            control: Metadata::Unknown,
            page: Metadata::Unknown,
            parts,
            walk: None,
            report,
            stats: Stats::default(),
            queue: VecDeque::new(),
        }
    }

    /// Takes an input at `now` and hands out what is to be done.
    #[must_use = "the outputs must be carried out"]
    pub fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P> {
        match (&self.step, input) {
            (Step::Idle, Input::Wake) => self.walk_on(now),
            (&Step::ReadControl(by), Input::ReadBack(bytes)) => self.on_control(now, by, bytes),
            (&Step::ReadControl(by), Input::ReadFailed) => {
                let error = FetchError::Storage { doing: "read back" };
                self.control_failed(now, by, ControlOutcome::Failed(error));
            }
            (_, input) => self.forward(now, input),
        }
        Outputs { queue: &mut self.queue }
    }

    /// Hands out what is left to be done.
    pub const fn outputs(&mut self) -> Outputs<'_, P> {
        Outputs { queue: &mut self.queue }
    }

    /// When the session wants an [`Input::Wake`], if nothing happens before.
    pub fn wake_at(&self) -> Option<Micros> {
        match (&self.step, &self.fetch) {
            (Step::Idle, _) => Some(Micros::ZERO),
            (_, Some(fetch)) => fetch.wake_at(),
            _ => None,
        }
    }

    /// Whether [`Event::BootDone`] was handed out.
    pub const fn is_over(&self) -> bool {
        matches!(self.step, Step::Over)
    }

    /// What was seen so far, over all objects.
    pub fn stats(&self) -> Stats {
        let mut sum = self.stats;
        if let Some(fetch) = &self.fetch {
            sum.add(fetch.stats());
        }
        sum
    }

    /// How far the object being fetched is.
    pub fn progress(&self) -> Progress {
        self.fetch.as_ref().map(Fetch::progress).unwrap_or_default()
    }

    fn start(&mut self, now: Micros, target: Target, options: FetchOptions) {
        self.retire_fetch();
        self.fetch = Some(Fetch::new(target, options));
        self.forward(now, Input::Wake);
    }

    fn retire_fetch(&mut self) {
        if let Some(old) = self.fetch.take() {
            self.stats.add(old.stats());
        }
    }

    fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    /// Goes on with the ways to the current part, and with the parts.
    fn walk_on(&mut self, now: Micros) {
        while let Some(mut walk) = self.walk.take().or_else(|| self.next_walk()) {
            let part = walk.part;
            match walk.next(&self.options, |way| self.metadata(way)) {
                Move::Skip => walk.skip(),
                Move::Closed { way, supported } => {
                    self.tell(Event::WayClosed { part, way, supported });
                    walk.skip();
                }
                Move::Ask(way) => {
                    self.walk = Some(walk);
                    return self.fetch_control(now, way);
                }
                Move::Fetch { target, version, by } => {
                    self.walk = Some(walk);
                    return self.fetch_part(now, part, (target, version), by);
                }
                Move::End(outcome) => {
                    self.end(part, outcome);
                    continue;
                }
            }
            self.walk = Some(walk);
        }
        self.retire_fetch();
        self.step = Step::Over;
        self.tell(Event::BootDone(Box::new(self.report.clone())));
    }

    fn next_walk(&mut self) -> Option<Walk> {
        self.parts.pop_front().map(|part| Walk::new(part, &self.options))
    }

    fn end(&mut self, part: Part, outcome: PartOutcome) {
        if let PartOutcome::UpToDate { .. } | PartOutcome::Kept { .. } = &outcome {
            self.tell(Event::PartHeld { part });
        }
        *self.report.part_mut(part) = outcome;
    }

    /// What is known by a way that has metadata, where the box was told enough to ask.
    fn metadata(&self, way: Protocol) -> Option<&Metadata> {
        match way {
            Protocol::Bootcast => Some(&self.control),
            Protocol::Http => self.options.http.as_ref().map(|_| &self.page),
            _ => None,
        }
    }

    fn fetch_control(&mut self, now: Micros, by: Protocol) {
        self.step = Step::Control(by);
        let mut options = FetchOptions {
            absent_timeouts: CONTROL_ABSENT_TIMEOUTS,
            length_max: directions::BYTES_MAX,
            announce: None,
            ..self.options.fetch_options(Role::Control)
        };
        let name = self.options.bootcast_id;
        let target = match (by, &self.options.http) {
            (Protocol::Http, Some(http)) => {
                (options.timeout, options.attempts) = (http.timeout, http.attempts);
                let Ok(url) = http.url.below(&name.to_string()) else {
                    let error = FetchError::Unicast(crate::UnicastError::Unreachable);
                    return self.control_failed(now, by, ControlOutcome::Failed(error));
                };
                Target::Unicast(Server::Http(url.with_query(&self.options.whole_query())))
            }
            _ => Target::infocast(self.options.metadata, name),
        };
        self.tell(Event::Metadata { by, target: target.clone() });
        self.start(now, target, options);
    }

    fn fetch_part(
        &mut self,
        now: Micros,
        part: Part,
        (target, version): (Target, String),
        by: Protocol,
    ) {
        let mut options = self.options.fetch_options(Role::Part(part));
        options.version = Some(version.clone());
        match (part, by, &self.options.http, &self.options.tftp) {
            (_, Protocol::Tftp, _, Some(tftp)) => options.attempts = tftp.node_attempts,
            (Part::Splash, ..) => options.attempts = 1,
            (_, Protocol::Http, Some(http), _) if target.group().is_none() => {
                (options.timeout, options.attempts) = (http.timeout, http.attempts);
            }
            _ => {}
        }
        self.tell(Event::Part { part, by, target: target.clone() });
        self.step = Step::Part { version };
        self.start(now, target, options);
    }

    /// Hands an input to the running fetch and looks at what comes out.
    fn forward(&mut self, now: Micros, input: Input<'_, P>) {
        let Some(fetch) = &mut self.fetch else { return };
        let mut end = None;
        for output in fetch.handle(now, input) {
            match output {
                Output::Event(Event::Complete { length, check, sha256 }) => {
                    end = Some(Ok(Whole { length, check, sha256 }));
                }
                Output::Event(Event::Failed(error)) => end = Some(Err(error)),
                Output::Event(event @ Event::Plain(PlainReason::AnnounceSilent)) => {
                    // Waiting for it once is enough.
                    self.options.announce = None;
                    self.queue.push_back(Output::Event(event));
                }
                other => self.queue.push_back(other),
            }
        }
        if let Some(end) = end {
            if end.is_err() {
                // What it still wanted stored would be answered to the next fetch.
                self.queue.retain(|output| !output.is_for_storage());
            }
            self.on_fetched(now, end);
        }
    }

    fn on_fetched(&mut self, now: Micros, end: Result<Whole, FetchError>) {
        match (core::mem::replace(&mut self.step, Step::Over), end) {
            (Step::Control(by), Ok(Whole { length, .. })) => {
                self.step = Step::ReadControl(by);
                self.queue.push_back(Output::Read { offset: 0, length });
            }
            (Step::Control(by), Err(error)) => {
                self.control_failed(now, by, ControlOutcome::Failed(error));
            }
            (Step::Part { version }, Ok(Whole { length, check, sha256 })) => {
                if let Some(walk) = self.walk.take() {
                    let outcome = PartOutcome::Installed { version, length, check, sha256 };
                    self.end(walk.part, outcome);
                }
                self.walk_on(now);
            }
            (Step::Part { .. }, Err(error)) => {
                if let Some(walk) = &mut self.walk {
                    walk.failed(PartOutcome::Failed(error));
                }
                self.walk_on(now);
            }
            (step, _) => self.step = step,
        }
    }

    fn on_control(&mut self, now: Micros, by: Protocol, bytes: &[u8]) {
        let directions = Directions::parse(bytes);
        self.tell(Event::Control { by, usable: directions.is_ok() });
        match directions {
            Ok(directions) => {
                if !directions.permanent.is_empty() {
                    self.tell(Event::Parameters(Box::new(directions.permanent.clone())));
                }
                self.settle(by, Metadata::Known(Box::new(directions)), ControlOutcome::Read);
                self.walk_on(now);
            }
            Err(error) => {
                self.unusable += 1;
                let attempts = match (by, &self.options.http) {
                    (Protocol::Http, Some(http)) => http.attempts,
                    _ => self.options.attempts,
                };
                if self.unusable < attempts {
                    self.fetch_control(now, by);
                } else {
                    self.control_failed(now, by, ControlOutcome::Unusable(error));
                }
            }
        }
    }

    fn control_failed(&mut self, now: Micros, by: Protocol, outcome: ControlOutcome) {
        self.settle(by, Metadata::Gone, outcome);
        self.walk_on(now);
    }

    fn settle(&mut self, by: Protocol, metadata: Metadata, outcome: ControlOutcome) {
        self.unusable = 0;
        if by == Protocol::Http {
            (self.page, self.report.page) = (metadata, outcome);
        } else {
            (self.control, self.report.control) = (metadata, outcome);
        }
    }
}
