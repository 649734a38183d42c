//! A trusted boot into the banks of a directory.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use stbcast_bootcast::Part;
use stbcast_object::{Group, Micros};
use stbcast_release::{Identity, STATEMENT_BYTES_MAX, Trust};

use super::slots::BankFiles;
use super::summary::hex;
use super::{
    Counters, Interface, IoError, Observer, PartWord, ReceiveFigures, RunOptions, StorageError,
    Trouble, run,
};
use crate::slots::{Banks, Settled};
use crate::{
    Refused, TrustedBoot, TrustedOptions, TrustedOutcome, TrustedReport, UnicastOptions, limits,
    root_of,
};

mod summary;
mod watch;

pub use self::summary::{RefusedSummary, TrustedBooted, TrustedPart, TrustedSummary, TrustedWord};

use self::watch::{Fetched, Watch};

/// How to boot.
#[derive(Clone, Debug)]
pub struct TrustedRequest {
    /// The file of the root document that came with the box.
    pub root: PathBuf,
    /// What the box is.
    pub identity: Identity,
    /// The announce session that carries the statements.
    pub announce: Group,
    /// The directory of the banks; created where it is missing.
    pub store: PathBuf,
    /// Name or address of the interface to listen on; the system decides, when `None`.
    pub interface: Option<String>,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Silence of a group after which an attempt fails.
    pub timeout: Micros,
    /// Attempts, at least 1.
    pub attempts: u8,
    /// How long the whole may take; then what is installed is booted, and the next boot goes on.
    pub patience: Micros,
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
        root: impl Into<PathBuf>,
        identity: Identity,
        announce: Group,
        store: impl Into<PathBuf>,
    ) -> Self {
        Self {
            root: root.into(),
            identity,
            announce,
            store: store.into(),
            interface: None,
            source: None,
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            patience: limits::TRUSTED_PATIENCE,
            memory_bytes: limits::MEMORY_BYTES,
            unicast: None,
            stop: Arc::default(),
        }
    }
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
    let mut banks = Banks::open(BankFiles::open(&request.store)?)?;
    if banks.is_state_lost() {
        let lost = "no copy of the state of the banks can be used: the box begins anew";
        observer.trouble(&Trouble::Store(lost.to_owned()));
    }
    let settled = settle(&mut banks, observer);
    // A box boots what it has, whatever became of a file or of the network.
    let trust = match trust(&request.root, banks.root(), observer) {
        Ok(trust) => trust,
        Err(why) => return Ok(what_is_held(&banks, TrustedWord::NoRoot, why, settled)),
    };
    let interface = match outside(request) {
        Ok(interface) => interface,
        Err(error) => {
            let why = error.to_string();
            return Ok(what_is_held(&banks, TrustedWord::Silent, why, settled));
        }
    };
    let options = TrustedOptions {
        on_trial: banks.state().on_trial().is_some(),
        clock: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
        timeout: request.timeout,
        attempts: request.attempts,
        patience: request.patience,
        source: request.source,
        memory_bytes: request.memory_bytes,
        unicast: request.unicast.clone(),
        ..TrustedOptions::new(trust, request.identity.clone(), banks.standing(), request.announce)
    };
    let mut session = TrustedBoot::new(options);
    let mut watch = Watch::new(observer);
    let options = RunOptions { interface: interface.as_ref(), stop: &request.stop };
    let ran = run(&mut session, &mut banks, options, &mut watch);
    let Watch { observer, fetched, report, trouble } = watch;
    let Some(report) = report else {
        return Err(if ran.interrupted { IoError::Interrupted } else { IoError::NoResult });
    };
    let (mut outcome, release, mut why) = told(&report.outcome, trouble.as_ref());
    let mut settled = settled;
    if let TrustedOutcome::Armed { number } = report.outcome {
        // It is booted at once.
        settled = settle(&mut banks, observer).or(settled);
        if banks.bootable().is_none_or(|bootable| !bootable.on_trial) {
            outcome = TrustedWord::Failed;
            why = Some(format!("release {number} was installed, but cannot be booted"));
        }
    }
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
        Ok(Settled::NothingElse(failed)) => Some(format!(
            "release {} failed its trial {} and is booted all the same: nothing else boots",
            failed.number,
            times(failed.trials),
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

/// The root that the box goes by. Where the one that came with it cannot be read, the one that it
/// stored counts.
pub(super) fn trust(
    path: &Path,
    stored: Option<&[u8]>,
    observer: &mut dyn Observer,
) -> Result<Trust, String> {
    let shipped = read_root(path);
    let unreadable = shipped.as_ref().err().map(ToString::to_string);
    let trust = root_of(shipped.as_deref().unwrap_or_default(), stored);
    match (trust, unreadable) {
        (Ok(trust), unreadable) => {
            if let Some(why) = unreadable {
                observer.trouble(&Trouble::Store(why));
            }
            Ok(trust)
        }
        (Err(_), Some(why)) => Err(why),
        (Err(refusal), None) => Err(format!("the root document cannot be used: {refusal}")),
    }
}

fn read_root(path: &Path) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::new();
    // One byte more than is legal: such a file is refused for its size.
    let bytes_max = STATEMENT_BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(StorageError::doing("read", path))
}

fn outside(request: &TrustedRequest) -> Result<Option<Interface>, IoError> {
    super::same_family(request.announce, request.source)?;
    Ok(request.interface.as_deref().map(Interface::resolve).transpose()?)
}

fn what_is_held(
    banks: &Banks<BankFiles>,
    outcome: TrustedWord,
    why: String,
    settled: Option<String>,
) -> TrustedSummary {
    TrustedSummary {
        outcome,
        release: None,
        why: Some(why),
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
