//! The boot procedure of a box, into a store.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use stbcast_bootcast::Part;
use stbcast_infocast::Name;
use stbcast_object::Group;

use super::summary::Follower;
use super::{
    Counters, Interface, IoError, Moment, ObjectFigures, Observer, ReceiveFigures, RunOptions,
    Store, Trouble, Verification, run,
};
use crate::{Boot, BootOptions, BootReport, ControlOutcome, Event, FetchError, PartOutcome};

/// How to boot.
#[derive(Clone, Debug)]
pub struct BootRequest {
    /// Channel, id, patience. The stored versions are those of the store, whatever stands here.
    pub options: BootOptions,
    /// The directory of the store; created where it is missing.
    pub store: PathBuf,
    /// Where to listen; the system decides, when `None`.
    pub interface: Option<Interface>,
    /// Ends the boot when it becomes true.
    pub stop: Arc<AtomicBool>,
}

impl BootRequest {
    /// A request with the defaults of a box.
    pub fn new(metadata: Group, bootcast_id: Name, store: impl Into<PathBuf>) -> Self {
        let options = BootOptions::new(metadata, bootcast_id);
        Self { options, store: store.into(), interface: None, stop: Arc::default() }
    }
}

/// A part in the words of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartWord {
    /// The boot image, `bc_kernel_*`.
    Image,
    /// The splash.
    Splash,
    /// The diagnostic image.
    Diagnostic,
}

impl PartWord {
    /// The word for a part.
    pub const fn of(part: Part) -> Self {
        match part {
            Part::Kernel => Self::Image,
            Part::Splash => Self::Splash,
            Part::Diagnostic => Self::Diagnostic,
        }
    }
}

impl Display for PartWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Image => "image",
            Self::Splash => "splash",
            Self::Diagnostic => "diagnostic",
        })
    }
}

/// How it went with one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartSummary {
    /// Which.
    pub part: PartWord,
    /// `installed`, `up_to_date`, `failed` or `not_named`.
    pub outcome: &'static str,
    /// Version on air, where it is known to be in the store.
    pub version: Option<String>,
    /// Length of what the store holds.
    pub bytes: Option<u64>,
    /// SHA-256 of what the store holds, in hexadecimal.
    pub sha256: Option<String>,
    /// How the bytes of a download were verified.
    pub check: Option<Verification>,
    /// Passes, seconds, attempts and repair of a download.
    #[serde(flatten)]
    pub figures: Option<ObjectFigures>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Where the image to boot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BootedFrom {
    /// It was downloaded in this boot.
    Network,
    /// It was in the store.
    Store,
    /// There is none.
    Nothing,
}

/// What is booted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Booted {
    /// Where the image comes from.
    pub from: BootedFrom,
    /// Its version.
    pub version: Option<String>,
    /// Length in bytes.
    pub bytes: Option<u64>,
    /// SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// The file that holds it.
    pub file: Option<PathBuf>,
    /// Why not from the network.
    pub why: Option<String>,
}

/// A boot that is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BootSummary {
    /// Why the control object could not be used; `None` when it was read.
    pub control_error: Option<String>,
    /// The parts in the order they are asked for.
    pub parts: Vec<PartSummary>,
    /// What is booted.
    pub booted: Booted,
    /// What was seen over all objects.
    #[serde(flatten)]
    pub counters: Counters,
    /// How datagrams were taken from the kernel.
    #[serde(flatten)]
    pub receive: ReceiveFigures,
}

/// Plays the boot procedure, blocking until it is over. That it is over does not mean there is
/// an image to boot: see [`BootSummary::booted`].
///
/// # Errors
/// When the store cannot be used or the stop flag is set.
pub fn boot(request: &BootRequest, observer: &mut dyn Observer) -> Result<BootSummary, IoError> {
    let BootOptions { metadata, announce, source, .. } = request.options;
    for group in [Some(metadata), announce].into_iter().flatten() {
        super::same_family(group, source)?;
    }
    let mut store = Store::open(&request.store)?;
    for warning in store.warnings() {
        observer.trouble(&Trouble::Store(warning.clone()));
    }
    let options = BootOptions { stored: store.versions(), ..request.options.clone() };
    let mut session = Boot::new(options);
    let mut watch = Watch::new(observer);
    let outside = RunOptions { interface: request.interface.as_ref(), stop: &request.stop };
    let summary = run(&mut session, &mut store, outside, &mut watch);
    let Watch { objects, report, .. } = watch;
    match report {
        Some(report) => Ok(BootSummary {
            control_error: control_error(&report.control, &objects),
            parts: [Part::Splash, Part::Kernel, Part::Diagnostic]
                .map(|part| part_summary(part, &report, &objects, &store))
                .into(),
            booted: booted(&report, &objects, &store),
            counters: Counters::of(&summary.moment),
            receive: summary.receive,
        }),
        None if summary.interrupted => Err(IoError::Interrupted),
        None => Err(IoError::NoResult),
    }
}

/// An object the boot fetched; no part means the control object.
struct Object {
    part: Option<Part>,
    follower: Follower,
    end: Option<Moment>,
    /// The first thing that went wrong outside: the likely cause of a failure.
    trouble: Option<Trouble>,
}

/// Follows the objects of a boot one after the other, and passes everything on.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    objects: Vec<Object>,
    report: Option<BootReport>,
}

impl<'a> Watch<'a> {
    fn new(observer: &'a mut dyn Observer) -> Self {
        let mut new = Self { observer, objects: Vec::new(), report: None };
        new.begin(None, &Moment::default());
        new
    }

    fn begin(&mut self, part: Option<Part>, moment: &Moment) {
        let follower = Follower::begin(*moment);
        self.objects.push(Object { part, follower, end: None, trouble: None });
    }

    fn end(&mut self, moment: &Moment) {
        if let Some(object) = self.objects.last_mut() {
            object.end.get_or_insert(*moment);
        }
    }
}

impl Observer for Watch<'_> {
    fn event(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Part { part, download } => {
                self.end(moment);
                if *download {
                    self.begin(Some(*part), moment);
                }
            }
            Event::BootDone(report) => {
                self.end(moment);
                self.report = Some(BootReport::clone(report));
            }
            other => {
                if let Some(object) = self.objects.last_mut() {
                    object.follower.note(moment, other);
                }
            }
        }
        self.observer.event(moment, event);
    }

    fn tick(&mut self, moment: &Moment) {
        self.observer.tick(moment);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        let causes = self.objects.last_mut().map(|object| &mut object.trouble);
        if let Some(cause @ None) = causes.filter(|_| trouble.is_cause()) {
            *cause = Some(trouble.clone());
        }
        self.observer.trouble(trouble);
    }
}

fn object(objects: &[Object], part: Option<Part>) -> Option<&Object> {
    objects.iter().find(|object| object.part == part)
}

/// A session's reason with what went wrong outside.
fn reason(error: impl Display, objects: &[Object], part: Option<Part>) -> String {
    let trouble = object(objects, part).and_then(|object| object.trouble.as_ref());
    format!("{error}{}", super::because(trouble))
}

fn control_error(control: &ControlOutcome, objects: &[Object]) -> Option<String> {
    match control {
        ControlOutcome::Read => None,
        ControlOutcome::Failed(error) => Some(reason(error, objects, None)),
        ControlOutcome::Unusable(error) => {
            Some(format!("the control object cannot be used: {error}"))
        }
    }
}

/// Why a part is not the one on air.
fn part_error(outcome: &PartOutcome, part: Part, objects: &[Object]) -> Option<String> {
    match outcome {
        PartOutcome::BadName(error) => {
            Some(format!("the control object names it by what cannot be a name: {error}"))
        }
        PartOutcome::Failed(error) => Some(reason(error, objects, Some(part))),
        _ => None,
    }
}

fn part_summary(part: Part, report: &BootReport, objects: &[Object], store: &Store) -> PartSummary {
    let outcome = report.part(part);
    let (word, version) = match outcome {
        PartOutcome::NotNamed => ("not_named", None),
        PartOutcome::UpToDate { version } => ("up_to_date", Some(version)),
        PartOutcome::Installed { version, .. } => ("installed", Some(version)),
        PartOutcome::BadName(_) | PartOutcome::Failed(_) => ("failed", None),
    };
    let held = version.and_then(|_| store.image(part));
    let fetched = object(objects, Some(part));
    let check = match (outcome, fetched) {
        (PartOutcome::Installed { check, sha256, .. }, Some(object)) => {
            Some(Verification::of(object.follower.revision, *check, sha256.is_some()))
        }
        _ => None,
    };
    PartSummary {
        part: PartWord::of(part),
        outcome: word,
        version: version.cloned(),
        bytes: held.map(|image| image.length),
        sha256: held.map(|image| image.sha256.clone()),
        check,
        figures: fetched.and_then(|object| {
            Some(object.follower.figures(object.end.as_ref()?, fetch_error(outcome)))
        }),
        error: part_error(outcome, part, objects),
    }
}

const fn fetch_error(outcome: &PartOutcome) -> Option<&FetchError> {
    match outcome {
        PartOutcome::Failed(error) => Some(error),
        _ => None,
    }
}

fn booted(report: &BootReport, objects: &[Object], store: &Store) -> Booted {
    let image = store.image(Part::Kernel);
    let why = match &report.kernel {
        PartOutcome::Installed { .. } => None,
        PartOutcome::UpToDate { .. } => Some("it is the version on air".to_owned()),
        PartOutcome::NotNamed => control_error(&report.control, objects),
        other => part_error(other, Part::Kernel, objects)
            .map(|error| format!("the image on air could not be had: {error}")),
    };
    Booted {
        from: match (image, &why) {
            (None, _) => BootedFrom::Nothing,
            (Some(_), None) => BootedFrom::Network,
            (Some(_), Some(_)) => BootedFrom::Store,
        },
        version: image.map(|image| image.version.clone()),
        bytes: image.map(|image| image.length),
        sha256: image.map(|image| image.sha256.clone()),
        file: image.map(|image| image.path.clone()),
        why,
    }
}
