//! A trusted boot into the banks of a directory.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use stbcast_bootcast::Part;
use stbcast_object::{Group, Micros};
use stbcast_release::{Identity, Refusal};

use super::slots::BankFiles;
use super::summary::{Follower, hex};
use super::{
    Counters, Interface, IoError, Moment, ObjectFigures, Observer, PartWord, ReceiveFigures,
    RunOptions, Trouble, run,
};
use crate::slots::{Banks, Settled};
use crate::{
    Event, FetchError, Refused, TrustedBoot, TrustedOptions, TrustedOutcome, TrustedReport,
    UnicastOptions, limits, root_of,
};

/// How to boot.
#[derive(Clone, Debug)]
pub struct TrustedRequest {
    /// The root document that came with the box.
    pub root: Vec<u8>,
    /// What the box is.
    pub identity: Identity,
    /// The announce session that carries the statements.
    pub announce: Group,
    /// The directory of the banks; created where it is missing.
    pub store: PathBuf,
    /// Where to listen; the system decides, when `None`.
    pub interface: Option<Interface>,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Silence of a group after which an attempt fails.
    pub timeout: Micros,
    /// Attempts, at least 1.
    pub attempts: u8,
    /// Bytes of memory that the boot may need in all.
    pub memory_bytes: usize,
    /// How the servers that a release names may be asked; never, when `None`.
    pub unicast: Option<UnicastOptions>,
    /// Ends the boot when it becomes true.
    pub stop: Arc<AtomicBool>,
}

impl TrustedRequest {
    /// A request with the usual patience and memory, which asks no server.
    pub fn new(
        root: Vec<u8>,
        identity: Identity,
        announce: Group,
        store: impl Into<PathBuf>,
    ) -> Self {
        Self {
            root,
            identity,
            announce,
            store: store.into(),
            interface: None,
            source: None,
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            memory_bytes: limits::MEMORY_BYTES,
            unicast: None,
            stop: Arc::default(),
        }
    }
}

/// What was heard and done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustedWord {
    /// A release was installed and is booted now, on trial.
    Armed,
    /// The release that is installed is the one on air.
    Held,
    /// A release is on trial; nothing was received.
    OnTrial,
    /// The announce session is silent.
    Silent,
    /// No statement that may be followed was heard.
    NothingUsable,
    /// A release could not be installed.
    Failed,
    /// It took too long.
    OutOfTime,
    /// The root document is none; nothing was received.
    NoRoot,
}

/// Statements refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedSummary {
    /// The reason's name.
    pub reason: &'static str,
    /// How many different statements, as far as they were looked at.
    pub count: u64,
    /// The first of them, in words.
    pub first: String,
}

/// A part that was fetched, or tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrustedPart {
    /// Which.
    pub part: PartWord,
    /// Length, where it was installed.
    pub bytes: Option<u64>,
    /// SHA-256 in hexadecimal, which is the signed one, where it was installed.
    pub sha256: Option<String>,
    /// Bytes of it that the slot held from before.
    pub resumed_bytes: u64,
    /// Bytes of it that came by network and were kept.
    pub fetched_bytes: u64,
    /// Passes, seconds, attempts and repair.
    #[serde(flatten)]
    pub figures: ObjectFigures,
}

/// What is booted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustedBooted {
    /// `A` or `B`.
    pub bank: String,
    /// Release number.
    pub release: u64,
    /// Security epoch.
    pub epoch: u32,
    /// Whether it is on trial: it is to be committed when its self test has passed.
    pub on_trial: bool,
    /// Boots that the trial has left.
    pub boots_left: Option<u8>,
    /// Length of the image in bytes.
    pub bytes: Option<u64>,
    /// SHA-256 of the image in hexadecimal, all of it read.
    pub sha256: Option<String>,
    /// The file that holds it.
    pub file: PathBuf,
}

/// A trusted boot that is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrustedSummary {
    /// What came of it.
    pub outcome: TrustedWord,
    /// The release that it is about.
    pub release: Option<u64>,
    /// Why what is on air was not installed; `None` where it was, or is.
    pub why: Option<String>,
    /// The number of the root that the box goes by.
    pub root: Option<u64>,
    /// What was refused, by reason.
    pub refused: Vec<RefusedSummary>,
    /// What happened to the banks before anything was received, where that was anything.
    pub banks: Option<String>,
    /// What was fetched, in this order.
    pub parts: Vec<TrustedPart>,
    /// What is booted; `None` where nothing can be.
    pub booted: Option<TrustedBooted>,
    /// Bytes that slots held from before.
    pub resumed_bytes: u64,
    /// Bytes that came by network and were kept.
    pub fetched_bytes: u64,
    /// What was seen over all objects.
    #[serde(flatten)]
    pub counters: Counters,
    /// How datagrams were taken from the kernel.
    #[serde(flatten)]
    pub receive: ReceiveFigures,
}

/// Boots what the operator signed, blocking until it is decided what. That it is over does not mean
/// there is anything to boot: see [`TrustedSummary::booted`].
///
/// # Errors
/// When the directory cannot be used or the stop flag is set.
pub fn trusted_boot(
    request: &TrustedRequest,
    observer: &mut dyn Observer,
) -> Result<TrustedSummary, IoError> {
    super::same_family(request.announce, request.source)?;
    let mut banks = Banks::open(BankFiles::open(&request.store)?)?;
    if banks.is_state_lost() {
        let lost = "no copy of the state of the banks can be used: the box begins anew";
        observer.trouble(&Trouble::Store(lost.to_owned()));
    }
    let settled = settle(&mut banks, observer);
    let trust = match root_of(&request.root, banks.root()) {
        Ok(trust) => trust,
        // A box boots what it has, whatever became of a file.
        Err(refusal) => return Ok(without_root(&mut banks, &refusal, settled)),
    };
    let options = TrustedOptions {
        on_trial: banks.state().on_trial().is_some(),
        clock: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
        timeout: request.timeout,
        attempts: request.attempts,
        source: request.source,
        memory_bytes: request.memory_bytes,
        unicast: request.unicast.clone(),
        ..TrustedOptions::new(trust, request.identity.clone(), banks.standing(), request.announce)
    };
    let mut session = TrustedBoot::new(options);
    let mut watch = Watch::new(observer);
    let outside = RunOptions { interface: request.interface.as_ref(), stop: &request.stop };
    let ran = run(&mut session, &mut banks, outside, &mut watch);
    let Watch { observer, fetched, report, trouble } = watch;
    let Some(report) = report else {
        return Err(if ran.interrupted { IoError::Interrupted } else { IoError::NoResult });
    };
    if matches!(report.outcome, TrustedOutcome::Armed { .. }) {
        // It is booted at once.
        settle(&mut banks, observer);
    }
    let (outcome, release, why) = told(&report.outcome, trouble.as_ref());
    Ok(TrustedSummary {
        outcome,
        release,
        why,
        root: Some(report.root),
        refused: refused(&report),
        banks: settled,
        parts: fetched.into_iter().map(Fetched::summary).collect(),
        booted: booted(&banks),
        resumed_bytes: ran.moment.stats.resumed_bytes,
        fetched_bytes: ran.moment.stats.fetched_bytes,
        counters: Counters::of(&ran.moment),
        receive: ran.receive,
    })
}

/// Has the banks decide what is booted; what that changed.
fn settle(banks: &mut Banks<BankFiles>, observer: &mut dyn Observer) -> Option<String> {
    match banks.settle() {
        Err(error) => {
            observer.trouble(&Trouble::Store(format!("the state of the banks: {error}")));
            None
        }
        Ok(Settled::RolledBack(failed)) => Some(format!(
            "release {} failed its trial {} and is rolled back{}",
            failed.number,
            times(failed.trials),
            if failed.is_denied() { ": it is not tried again" } else { "" }
        )),
        Ok(Settled::FellBack { number }) => {
            Some(format!("the image that was booted is damaged: back to release {number}"))
        }
        Ok(Settled::AtRest | Settled::OnTrial { .. } | Settled::Nothing) => None,
    }
}

fn times(count: u8) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn without_root(
    banks: &mut Banks<BankFiles>,
    refusal: &Refusal,
    settled: Option<String>,
) -> TrustedSummary {
    TrustedSummary {
        outcome: TrustedWord::NoRoot,
        release: None,
        why: Some(format!("the root document cannot be used: {refusal}")),
        root: None,
        refused: Vec::new(),
        banks: settled,
        parts: Vec::new(),
        booted: booted(banks),
        resumed_bytes: 0,
        fetched_bytes: 0,
        counters: Counters::default(),
        receive: ReceiveFigures::default(),
    }
}

fn booted(banks: &Banks<BankFiles>) -> Option<TrustedBooted> {
    let boot = banks.bootable()?;
    let image = boot.installed.part(Part::Kernel);
    let trial = banks.state().on_trial().filter(|_| boot.on_trial);
    Some(TrustedBooted {
        bank: boot.bank.to_string(),
        release: boot.installed.number,
        epoch: boot.installed.epoch,
        on_trial: boot.on_trial,
        boots_left: trial.map(|(_, trial)| trial.boots_left),
        bytes: image.map(|image| image.length),
        sha256: image.map(|image| hex(&image.sha256)),
        file: banks.medium().slot_path(boot.bank, Part::Kernel),
    })
}

fn refused(report: &TrustedReport) -> Vec<RefusedSummary> {
    let one = |one: &Refused| RefusedSummary {
        reason: one.refusal.label(),
        count: one.count,
        first: one.refusal.to_string(),
    };
    report.refused.iter().map(one).collect()
}

/// An outcome in words: which, of which release, and why nothing was installed.
fn told(
    outcome: &TrustedOutcome,
    trouble: Option<&Trouble>,
) -> (TrustedWord, Option<u64>, Option<String>) {
    let because = super::because(trouble);
    match outcome {
        TrustedOutcome::Armed { number } => (TrustedWord::Armed, Some(*number), None),
        TrustedOutcome::Held { number } => (TrustedWord::Held, Some(*number), None),
        TrustedOutcome::OnTrial => (TrustedWord::OnTrial, None, None),
        TrustedOutcome::Silent => {
            (TrustedWord::Silent, None, Some(format!("the announce session is silent{because}")))
        }
        TrustedOutcome::NothingUsable => {
            let why = "no signed release for this box was heard";
            (TrustedWord::NothingUsable, None, Some(why.to_owned()))
        }
        TrustedOutcome::Failed { number, part, error } => {
            let part = part.map(|part| format!("{}: ", PartWord::of(part))).unwrap_or_default();
            let why = format!("release {number} could not be installed: {part}{error}{because}");
            (TrustedWord::Failed, Some(*number), Some(why))
        }
        TrustedOutcome::OutOfTime { number } => {
            let why = format!("release {number} took too long; the next boot goes on with it");
            (TrustedWord::OutOfTime, Some(*number), Some(why))
        }
    }
}

/// A part that is fetched.
struct Fetched {
    part: Part,
    follower: Follower,
    began: Moment,
    end: Moment,
    whole: Option<(u64, Option<[u8; 32]>)>,
    error: Option<FetchError>,
}

impl Fetched {
    fn summary(self) -> TrustedPart {
        let gained = |of: fn(&Moment) -> u64| of(&self.end).saturating_sub(of(&self.began));
        TrustedPart {
            part: PartWord::of(self.part),
            bytes: self.whole.map(|(bytes, _)| bytes),
            sha256: self.whole.and_then(|(_, sha256)| sha256).map(|sha256| hex(&sha256)),
            resumed_bytes: gained(|moment| moment.stats.resumed_bytes),
            fetched_bytes: gained(|moment| moment.stats.fetched_bytes),
            figures: self.follower.figures(&self.end, self.error.as_ref()),
        }
    }
}

/// Follows the parts one after the other, and passes everything on.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    fetched: Vec<Fetched>,
    report: Option<TrustedReport>,
    /// The first thing that went wrong outside: the likely cause of a failure.
    trouble: Option<Trouble>,
}

impl<'a> Watch<'a> {
    fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, fetched: Vec::new(), report: None, trouble: None }
    }
}

impl Observer for Watch<'_> {
    fn event(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Part { part, .. } => {
                let (follower, began) = (Follower::begin(*moment), *moment);
                let (part, end) = (*part, *moment);
                self.fetched.push(Fetched { part, follower, began, end, whole: None, error: None });
            }
            Event::TrustedDone(report) => self.report = Some(TrustedReport::clone(report)),
            other => {
                if let Some(fetched) = self.fetched.last_mut() {
                    fetched.note(moment, other);
                }
            }
        }
        self.observer.event(moment, event);
    }

    fn tick(&mut self, moment: &Moment) {
        self.observer.tick(moment);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        if self.trouble.is_none() && trouble.is_cause() {
            self.trouble = Some(trouble.clone());
        }
        self.observer.trouble(trouble);
    }
}

impl Fetched {
    fn note(&mut self, moment: &Moment, event: &Event) {
        if self.whole.is_some() || self.error.is_some() {
            return;
        }
        self.follower.note(moment, event);
        match event {
            Event::Complete { length, sha256, .. } => self.whole = Some((*length, *sha256)),
            Event::ReleaseFailed { error, .. } => self.error = Some(*error),
            _ => {}
        }
        self.end = *moment;
    }
}
