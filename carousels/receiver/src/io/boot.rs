//! The boot procedure of a box, into a store.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use stbcast_bootcast::stbconfig::PermanentParams;
use stbcast_bootcast::{Part, Protocol};
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
    /// Whether parameters that metadata asks to keep are kept in the store, for
    /// [`super::kept_parameters`].
    pub keep_parameters: bool,
    /// Ends the boot when it becomes true.
    pub stop: Arc<AtomicBool>,
}

impl BootRequest {
    /// A request with the defaults of a box.
    pub fn new(metadata: Group, bootcast_id: Name, store: impl Into<PathBuf>) -> Self {
        let options = BootOptions::new(metadata, bootcast_id);
        Self {
            options,
            store: store.into(),
            interface: None,
            keep_parameters: false,
            stop: Arc::default(),
        }
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
    /// `installed`, `up_to_date`, `kept` (held, and nothing says otherwise), `failed` or
    /// `not_named`.
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
    /// Why the control object could not be used; `None` when it was read, or not asked for.
    pub control_error: Option<String>,
    /// The same of the StbConfig of the web server.
    pub http_error: Option<String>,
    /// The parts in the order they are asked for.
    pub parts: Vec<PartSummary>,
    /// What became of the parameters that metadata asks to keep; `None` where there are none.
    pub parameters: Option<String>,
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
    let Watch { objects, report, parameters, .. } = watch;
    let parameters =
        parameters.map(|parameters| keep(&mut store, request.keep_parameters, &parameters));
    match report {
        Some(report) => Ok(BootSummary {
            control_error: metadata_error(&report, Protocol::Bootcast, &objects),
            http_error: metadata_error(&report, Protocol::Http, &objects),
            parts: [Part::Splash, Part::Kernel, Part::Diagnostic]
                .map(|part| part_summary(part, &report, &objects, &store))
                .into(),
            parameters,
            booted: booted(&report, &objects, &store),
            counters: Counters::of(&summary.moment),
            receive: summary.receive,
        }),
        None if summary.interrupted => Err(IoError::Interrupted),
        None => Err(IoError::NoResult),
    }
}

/// Keeps what metadata asks to keep, where the box may; says what became of it.
fn keep(store: &mut Store, wanted: bool, parameters: &PermanentParams) -> String {
    let names: Vec<_> = parameters.iter().map(|(element, _)| element.name).collect();
    let names = names.join(", ");
    if !wanted {
        return format!("not kept, because nobody allowed it: {names}");
    }
    match store.keep_parameters(parameters) {
        Ok(()) => format!("kept for the next boot: {names}"),
        Err(error) => format!("not kept, because {error}: {names}"),
    }
}

/// An object the boot fetched.
struct Object {
    what: What,
    follower: Follower,
    end: Option<Moment>,
    /// The first thing that went wrong outside: the likely cause of a failure.
    trouble: Option<Trouble>,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Metadata that came by a way.
    Metadata(Protocol),
    Part(Part),
}

/// Follows the objects of a boot one after the other, and passes everything on.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    objects: Vec<Object>,
    report: Option<BootReport>,
    parameters: Option<PermanentParams>,
}

impl<'a> Watch<'a> {
    fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, objects: Vec::new(), report: None, parameters: None }
    }

    fn begin(&mut self, what: What, moment: &Moment) {
        self.end(moment);
        let follower = Follower::begin(*moment);
        self.objects.push(Object { what, follower, end: None, trouble: None });
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
            Event::Metadata { by, .. } => self.begin(What::Metadata(*by), moment),
            Event::Part { part, .. } => self.begin(What::Part(*part), moment),
            Event::PartHeld { .. } => self.end(moment),
            Event::Parameters(parameters) => self.parameters = Some((**parameters).clone()),
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

/// The last one of these that was fetched.
fn object(objects: &[Object], what: What) -> Option<&Object> {
    objects.iter().rfind(|object| object.what == what)
}

/// A session's reason with what went wrong outside.
fn reason(error: impl Display, objects: &[Object], what: What) -> String {
    let trouble = object(objects, what).and_then(|object| object.trouble.as_ref());
    format!("{error}{}", super::because(trouble))
}

fn metadata_error(report: &BootReport, by: Protocol, objects: &[Object]) -> Option<String> {
    let (outcome, name) = match by {
        Protocol::Http => (&report.page, "the StbConfig"),
        _ => (&report.control, "the control object"),
    };
    match outcome {
        ControlOutcome::NotAsked | ControlOutcome::Read => None,
        ControlOutcome::Failed(error) => Some(reason(error, objects, What::Metadata(by))),
        ControlOutcome::Unusable(error) => Some(format!("{name} cannot be used: {error}")),
    }
}

/// Why metadata names no image: what went wrong with each source that was asked.
fn no_metadata(report: &BootReport, objects: &[Object]) -> String {
    let errors = [Protocol::Bootcast, Protocol::Http]
        .into_iter()
        .filter_map(|by| metadata_error(report, by, objects).map(|error| (by, error)));
    let errors: Vec<_> = match errors.collect::<Vec<_>>().as_slice() {
        [(_, one)] => return one.clone(),
        errors => errors.iter().map(|(by, error)| format!("{by}: {error}")).collect(),
    };
    if errors.is_empty() {
        return "no way of the boot order leads to an image".to_owned();
    }
    errors.join("; ")
}

/// Why a part is not the one on air.
fn part_error(outcome: &PartOutcome, part: Part, objects: &[Object]) -> Option<String> {
    match outcome {
        PartOutcome::BadName(error) => {
            Some(format!("metadata names it by what cannot be a name: {error}"))
        }
        PartOutcome::Failed(error) => Some(reason(error, objects, What::Part(part))),
        _ => None,
    }
}

fn part_summary(part: Part, report: &BootReport, objects: &[Object], store: &Store) -> PartSummary {
    let outcome = report.part(part);
    let (word, version) = match outcome {
        PartOutcome::NotNamed => ("not_named", None),
        PartOutcome::UpToDate { version } => ("up_to_date", Some(version)),
        PartOutcome::Kept { version } => ("kept", Some(version)),
        PartOutcome::Installed { version, .. } => ("installed", Some(version)),
        PartOutcome::BadName(_) | PartOutcome::Failed(_) => ("failed", None),
    };
    let held = version.and_then(|_| store.image(part));
    let fetched = object(objects, What::Part(part));
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
    let why = match &report.kernel {
        PartOutcome::Installed { .. } => None,
        PartOutcome::UpToDate { .. } => Some("it is the version on air".to_owned()),
        PartOutcome::Kept { .. } => Some("nothing says that another one is wanted".to_owned()),
        PartOutcome::NotNamed => Some(no_metadata(report, objects)),
        other => part_error(other, Part::Kernel, objects)
            .map(|error| format!("the image on air could not be had: {error}")),
    };
    let usable = why.is_none() || report.may_use_stored;
    let image = store.image(Part::Kernel).filter(|_| usable);
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
