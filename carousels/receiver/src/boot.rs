//! The boot procedure of Infocast notes §8: control object, splash, boot image.
//!
//! ```text
//!  control object ──> splash (one attempt, failure ignored) ──> boot image ──> [diagnostic image]
//!        │ silent                                                    │ failed
//!        └──────────> boot from the store, if it holds an image <────┘
//! ```
//!
//! Versions are strings, compared for equality alone; what the store holds is not fetched again.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::net::IpAddr;

use stbcast_bootcast::{BootcastInfo, ImageRef, InfoError, Part, TEXT_BYTES_MAX};
use stbcast_infocast::{Check, Name, NameError};
use stbcast_object::{Group, Micros};

use crate::fetch::Outputs;
use crate::limits;
use crate::{
    Event, Fetch, FetchError, FetchOptions, Input, Output, PlainReason, Progress, Role, Stats,
    Target,
};

/// Time-outs after which a live metadata channel without our control object is given up.
const CONTROL_ABSENT_TIMEOUTS: u64 = 3;

/// What a boot is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootOptions {
    /// The metadata channel.
    pub metadata: Group,
    /// Name of the control object: the bootcast id of the model.
    pub bootcast_id: Name,
    /// Versions the store holds.
    pub stored: StoredVersions,
    /// Whether the diagnostic image is wanted too.
    pub diagnostic: bool,
    /// Silence after which an attempt fails.
    pub timeout: Micros,
    /// Attempts for control object and boot image, at least 1.
    pub attempts: u8,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Largest image accepted, in bytes.
    pub length_max: u64,
    /// The announce session, by which images are fetched; the control object is not.
    pub announce: Option<Group>,
    /// As [`FetchOptions::memory_bytes`].
    pub memory_bytes: usize,
}

impl BootOptions {
    /// The defaults of the vendor's boot loader.
    pub const fn new(metadata: Group, bootcast_id: Name) -> Self {
        let stored = StoredVersions { kernel: None, splash: None, diagnostic: None };
        Self {
            metadata,
            bootcast_id,
            stored,
            diagnostic: false,
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            source: None,
            length_max: limits::OBJECT_BYTES_MAX,
            announce: None,
            memory_bytes: limits::MEMORY_BYTES,
        }
    }
}

/// Versions of what the store holds; `None` where it holds nothing usable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredVersions {
    /// Boot image.
    pub kernel: Option<String>,
    /// Splash.
    pub splash: Option<String>,
    /// Diagnostic image.
    pub diagnostic: Option<String>,
}

impl StoredVersions {
    /// The version of one part.
    pub const fn get(&self, part: Part) -> Option<&String> {
        match part {
            Part::Kernel => self.kernel.as_ref(),
            Part::Splash => self.splash.as_ref(),
            Part::Diagnostic => self.diagnostic.as_ref(),
        }
    }
}

/// How it went with the control object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlOutcome {
    /// It was read.
    Read,
    /// It did not come.
    Failed(FetchError),
    /// It came, but cannot be used.
    Unusable(InfoError),
}

/// How it went with one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// The control object does not name it, or was not read, or nobody asked for it.
    NotNamed,
    /// The store holds this version.
    UpToDate {
        /// The version.
        version: String,
    },
    /// Downloaded and committed.
    Installed {
        /// The version.
        version: String,
        /// Length in bytes.
        length: u64,
        /// The check its slices passed, where one could be learned.
        check: Option<Check>,
        /// The announced SHA-256, which its bytes have; `None` where none was.
        sha256: Option<[u8; 32]>,
    },
    /// The control object names it by what cannot be an object name.
    BadName(NameError),
    /// It could not be had; the store is as it was.
    Failed(FetchError),
}

/// The whole procedure in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootReport {
    /// The control object.
    pub control: ControlOutcome,
    /// The boot image.
    pub kernel: PartOutcome,
    /// The splash.
    pub splash: PartOutcome,
    /// The diagnostic image.
    pub diagnostic: PartOutcome,
}

impl BootReport {
    /// Whether the boot image is the one on air, because it was just installed or held already.
    pub const fn is_current(&self) -> bool {
        matches!(self.kernel, PartOutcome::Installed { .. } | PartOutcome::UpToDate { .. })
    }

    /// How it went with one part.
    pub const fn part(&self, part: Part) -> &PartOutcome {
        match part {
            Part::Kernel => &self.kernel,
            Part::Splash => &self.splash,
            Part::Diagnostic => &self.diagnostic,
        }
    }

    const fn part_mut(&mut self, part: Part) -> &mut PartOutcome {
        match part {
            Part::Kernel => &mut self.kernel,
            Part::Splash => &mut self.splash,
            Part::Diagnostic => &mut self.diagnostic,
        }
    }
}

enum Step {
    Idle,
    /// Fetching the control object; how many came and could not be used.
    Control,
    ReadControl,
    Part {
        part: Part,
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
    unusable: u8,
    fetch: Option<Fetch<P>>,
    wanted: VecDeque<(Part, ImageRef)>,
    report: BootReport,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

impl<P: Clone> Boot<P> {
    /// A boot that begins with the first [`Input::Wake`].
    pub fn new(options: BootOptions) -> Self {
        let report = BootReport {
            control: ControlOutcome::Read,
            kernel: PartOutcome::NotNamed,
            splash: PartOutcome::NotNamed,
            diagnostic: PartOutcome::NotNamed,
        };
        Self {
            options,
            step: Step::Idle,
            unusable: 0,
            fetch: None,
            wanted: VecDeque::new(),
            report,
            stats: Stats::default(),
            queue: VecDeque::new(),
        }
    }

    /// Takes an input at `now` and hands out what is to be done.
    #[must_use = "the outputs must be carried out"]
    pub fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P> {
        match (&self.step, input) {
            (Step::Idle, Input::Wake) => self.fetch_control(now),
            (Step::ReadControl, Input::ReadBack(bytes)) => self.on_control(now, bytes),
            (Step::ReadControl, Input::ReadFailed) => {
                let error = FetchError::Storage { doing: "read back" };
                self.control_failed(ControlOutcome::Failed(error));
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

    fn fetch_options(&self, role: Role) -> FetchOptions {
        FetchOptions {
            timeout: self.options.timeout,
            attempts: self.options.attempts,
            source: self.options.source,
            length_max: self.options.length_max,
            announce: self.options.announce,
            memory_bytes: self.options.memory_bytes,
            role,
            ..FetchOptions::default()
        }
    }

    fn fetch_control(&mut self, now: Micros) {
        self.step = Step::Control;
        let target = Target::infocast(self.options.metadata, self.options.bootcast_id);
        let options = FetchOptions {
            absent_timeouts: CONTROL_ABSENT_TIMEOUTS,
            length_max: TEXT_BYTES_MAX as u64,
            announce: None,
            ..self.fetch_options(Role::Control)
        };
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
            (Step::Control, Ok(Whole { length, .. })) => {
                self.step = Step::ReadControl;
                self.queue.push_back(Output::Read { offset: 0, length });
            }
            (Step::Control, Err(error)) => self.control_failed(ControlOutcome::Failed(error)),
            (Step::Part { part, version }, end) => {
                *self.report.part_mut(part) = match end {
                    Ok(Whole { length, check, sha256 }) => {
                        PartOutcome::Installed { version, length, check, sha256 }
                    }
                    Err(error) => PartOutcome::Failed(error),
                };
                self.next_part(now);
            }
            (step, _) => self.step = step,
        }
    }

    fn on_control(&mut self, now: Micros, bytes: &[u8]) {
        let info = BootcastInfo::parse(bytes);
        self.queue.push_back(Output::Event(Event::Control { usable: info.is_ok() }));
        match info {
            Ok(BootcastInfo { kernel, splash, diagnostic, .. }) => {
                let diagnostic = diagnostic.filter(|_| self.options.diagnostic);
                let splash = splash.map(|image| (Part::Splash, image));
                let diagnostic = diagnostic.map(|image| (Part::Diagnostic, image));
                self.wanted.extend(splash);
                self.wanted.push_back((Part::Kernel, kernel));
                self.wanted.extend(diagnostic);
                self.next_part(now);
            }
            Err(error) => {
                self.unusable += 1;
                if self.unusable < self.options.attempts {
                    self.fetch_control(now);
                } else {
                    self.control_failed(ControlOutcome::Unusable(error));
                }
            }
        }
    }

    fn control_failed(&mut self, outcome: ControlOutcome) {
        self.report.control = outcome;
        self.finish();
    }

    fn next_part(&mut self, now: Micros) {
        while let Some((part, ImageRef { group, name, version })) = self.wanted.pop_front() {
            let download = self.options.stored.get(part) != Some(&version);
            self.queue.push_back(Output::Event(Event::Part { part, download }));
            if !download {
                *self.report.part_mut(part) = PartOutcome::UpToDate { version };
                continue;
            }
            match Name::new(&name) {
                Err(error) => *self.report.part_mut(part) = PartOutcome::BadName(error),
                Ok(name) => {
                    let mut options = self.fetch_options(Role::Part(part));
                    options.version = Some(version.clone());
                    if part == Part::Splash {
                        options.attempts = 1;
                    }
                    self.step = Step::Part { part, version };
                    return self.start(now, Target::infocast(group, name), options);
                }
            }
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.retire_fetch();
        self.step = Step::Over;
        self.queue.push_back(Output::Event(Event::BootDone(Box::new(self.report.clone()))));
    }
}
