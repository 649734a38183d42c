//! A watch on a box that is on: it blocks until the box is to reboot.
//!
//! The session is begun anew whenever what is outside may have changed: after silence (the interface
//! may have gone and come back as another one) and after the clock was set. What it waited for is
//! handed on, so a box keeps its turn.

use std::cell::Cell;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use stbcast_object::{Group, Micros};
use stbcast_release::{Identity, Standing};

use super::slots::BankFiles;
use super::trusted::trust;
use super::{Interface, IoError, Moment, Observer, RunOptions, Trouble, run};
use crate::slots::{Banks, BanksError, State, record};
use crate::{
    Area, Event, Remembered, Role, Storage, TrustedOptions, Waited, Watch, WatchOptions,
    WatchOutcome, WatchReport, limits,
};

mod attended;
mod obeyed;

use self::attended::Attended;

/// Pause before the network is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// How far the wall clock may move against the session's before the session is told.
const DRIFT: Duration = Duration::from_secs(3);

/// How often the store is tried while another program has it.
const TRIES: u32 = 50;

/// How to watch.
#[derive(Clone, Debug)]
pub struct WatchRequest {
    /// The file of the root document that came with the box.
    pub root: PathBuf,
    /// What the box is.
    pub identity: Identity,
    /// The announce session that carries the statements.
    pub announce: Group,
    /// The directory of the banks. Other programs may use it meanwhile.
    pub store: PathBuf,
    /// Name or address of the interface to listen on; the system decides, when `None`.
    pub interface: Option<String>,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// How long a watch that looks once waits for anything at all.
    pub timeout: Micros,
    /// Reboot by itself for a release that the box would install, spread over this.
    pub releases_within: Option<Micros>,
    /// As long as this file is there somebody watches: actions that wait for that wait.
    pub busy: Option<PathBuf>,
    /// Tell what the box is to do, and do not wait for its turn. Nothing counts as obeyed.
    pub once: bool,
    /// Ends the watch when it becomes true.
    pub stop: Arc<AtomicBool>,
}

impl WatchRequest {
    /// A request that obeys actions alone.
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
            releases_within: None,
            busy: None,
            once: false,
            stop: Arc::default(),
        }
    }
}

/// What the box is to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchSummary {
    /// Why it reboots; `nothing` or `silent` where it does not.
    pub reason: WatchWord,
    /// Number of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<u64>,
    /// The release that it is to have, or that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// `now`, or `idle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<&'static str>,
    /// Seconds until its turn: 0 but for a watch that looked once.
    pub in_s: u64,
    /// Number of the root that the box goes by.
    pub root: u64,
}

/// Why a box reboots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchWord {
    /// For an action.
    Reboot,
    /// For a release that it would install.
    Release,
    /// The release on trial was killed.
    Killed,
    /// It stays on.
    Nothing,
    /// It stays on: nothing was heard.
    Silent,
}

impl WatchSummary {
    /// Whether the box is to reboot.
    pub const fn reboots(&self) -> bool {
        matches!(self.reason, WatchWord::Reboot | WatchWord::Release | WatchWord::Killed)
    }
}

/// Listens until the box is to reboot. What it reboots for is written down before this returns, and it
/// does not reboot for the same again.
///
/// # Errors
/// When the store cannot be used, no root document can, or the stop flag is set. A box that cannot
/// write down what it reboots for does not.
pub fn watch(request: &WatchRequest, observer: &mut dyn Observer) -> Result<WatchSummary, IoError> {
    super::same_family(request.announce, request.source)?;
    let mut waited = Vec::new();
    let mut is_first = true;
    while !request.stop.load(Ordering::Relaxed) {
        if !core::mem::take(&mut is_first) {
            sleep(PAUSE);
        }
        let Some(report) = listen(request, &mut waited, observer)? else { continue };
        let summary = summary(&report);
        if request.once {
            return Ok(summary);
        }
        if summary.reboots() && is_obeyed(request, &report.outcome, observer)? {
            return Ok(summary);
        }
    }
    Err(IoError::Interrupted)
}

/// Listens once; `None` when it is to be begun anew.
fn listen(
    request: &WatchRequest,
    waited: &mut Vec<Waited>,
    observer: &mut dyn Observer,
) -> Result<Option<WatchReport>, IoError> {
    let interface = match request.interface.as_deref().map(Interface::resolve).transpose() {
        Ok(interface) => interface,
        Err(error) if request.once => return Err(error.into()),
        Err(error) => {
            observer.trouble(&Trouble::Network(error.to_string()));
            return Ok(None);
        }
    };
    let state = state(request);
    let root = Some(state.root.as_slice()).filter(|root| !root.is_empty());
    let trust = trust(&request.root, root, observer).map_err(IoError::NoRoot)?;
    let trusted = TrustedOptions {
        clock: Some(unix_s()),
        timeout: request.timeout,
        source: request.source,
        ..TrustedOptions::new(trust, request.identity.clone(), standing(&state), request.announce)
    };
    let options = WatchOptions {
        waited: std::mem::take(waited),
        releases_within: request.releases_within,
        on_trial: state.on_trial().map(|(installed, _)| installed.release),
        once: request.once,
        ..WatchOptions::new(trusted, obeyed::read(&request.store, observer))
    };
    let mut session = Attended::new(Watch::new(options), request.busy.as_deref());
    let stop = AtomicBool::new(false);
    let mut glance =
        Glance { observer, request, stop: &stop, zero: wall(), report: Cell::default() };
    let run_options = RunOptions { interface: interface.as_ref(), stop: &stop };
    let ran = run(&mut session, &mut Notebook(request), run_options, &mut glance);
    let report = glance.report.take();
    *waited = session.watch.waited(ran.moment.at);
    Ok(report.filter(|report| request.once || report.outcome != WatchOutcome::Silent))
}

/// Whether the box is to reboot for it still, which is written down then.
fn is_obeyed(
    request: &WatchRequest,
    outcome: &WatchOutcome,
    observer: &mut dyn Observer,
) -> Result<bool, IoError> {
    let mut obeyed = obeyed::read(&request.store, observer);
    match *outcome {
        WatchOutcome::Reboot { action, release, .. } => {
            // It may have been committed meanwhile.
            let state = state(request);
            if standing(&state).number.is_some_and(|number| number >= release) {
                return Ok(false);
            }
            obeyed.action = action;
        }
        WatchOutcome::Release { number, .. } => {
            let state = state(request);
            if standing(&state).number.is_some_and(|committed| committed >= number) {
                return Ok(false);
            }
            obeyed.release = number;
        }
        // It was remembered, and the next boot ends its trial.
        WatchOutcome::Killed { .. } => return Ok(true),
        WatchOutcome::Silent | WatchOutcome::Nothing => return Ok(false),
    }
    obeyed::write(&request.store, &obeyed)?;
    Ok(true)
}

/// The state of the banks. It is read without their lock: a program that commits what is on trial
/// must not find it taken. A copy that is being written has no right CRC, and the other one counts.
fn state(request: &WatchRequest) -> State {
    let copy = |name| record::decode(&std::fs::read(request.store.join(name)).ok()?);
    let copies = ["state.0", "state.1"].into_iter().filter_map(copy);
    copies.max_by_key(|(_, sequence)| *sequence).map(|(state, _)| state).unwrap_or_default()
}

/// The banks, which other programs have for a moment.
fn banks(request: &WatchRequest) -> Result<Banks<BankFiles>, IoError> {
    let mut tries = 1;
    loop {
        match BankFiles::open(&request.store) {
            Ok(files) => return Ok(Banks::open(files)?),
            Err(_) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        sleep(Duration::from_millis(100));
    }
}

/// What the box remembers, without a look at its images. What is on trial counts as what it runs: a
/// reboot would take one of its boots.
fn standing(state: &State) -> Standing {
    let on_trial = state.on_trial().map(|(installed, _)| installed.number);
    let active = state.bank(state.active).map(|installed| installed.release);
    let denied = state.failed.iter().filter(|failed| failed.is_denied());
    Standing {
        installed: active.filter(|_| on_trial.is_none()),
        number: state.committed.map(|committed| committed.number).max(on_trial),
        epoch: state.epoch,
        time_floor: state.time_floor,
        denied: denied.map(|failed| failed.release).collect(),
        denied_up_to: state.denied_up_to(),
    }
}

fn summary(report: &WatchReport) -> WatchSummary {
    let seconds = |after: Micros| after.0.div_ceil(1_000_000);
    let nothing = WatchSummary {
        reason: WatchWord::Nothing,
        action: None,
        release: None,
        when: None,
        in_s: 0,
        root: report.root,
    };
    match report.outcome {
        WatchOutcome::Reboot { action, release, when, after, .. } => WatchSummary {
            reason: WatchWord::Reboot,
            action: Some(action),
            release: Some(release),
            when: Some(when.word()),
            in_s: seconds(after),
            ..nothing
        },
        WatchOutcome::Release { number, after, .. } => WatchSummary {
            reason: WatchWord::Release,
            release: Some(number),
            in_s: seconds(after),
            ..nothing
        },
        WatchOutcome::Killed { number, .. } => {
            WatchSummary { reason: WatchWord::Killed, release: Some(number), ..nothing }
        }
        WatchOutcome::Silent => WatchSummary { reason: WatchWord::Silent, ..nothing },
        WatchOutcome::Nothing => nothing,
    }
}

/// Ends the session when it is to be told another time, or the watch is to end.
struct Glance<'a> {
    observer: &'a mut dyn Observer,
    request: &'a WatchRequest,
    stop: &'a AtomicBool,
    /// What the wall clock showed when the session began.
    zero: Duration,
    report: Cell<Option<WatchReport>>,
}

impl Observer for Glance<'_> {
    fn event(&mut self, moment: &Moment, event: &Event) {
        if let Event::WatchDone(report) = event {
            self.report.set(Some(WatchReport::clone(report)));
        }
        self.observer.event(moment, event);
    }

    fn tick(&mut self, moment: &Moment) {
        let expected = self.zero.saturating_add(moment.at.into());
        let is_set = wall().abs_diff(expected) > DRIFT;
        if is_set || self.request.stop.load(Ordering::Relaxed) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn trouble(&mut self, trouble: &Trouble) {
        self.observer.trouble(trouble);
    }
}

/// Keeps what statements told, in the banks, and nothing else.
struct Notebook<'a>(&'a WatchRequest);

type Refusal = BanksError<super::StorageError>;

impl Storage for Notebook<'_> {
    type Error = String;

    fn begin(&mut self, _: Role, _: Option<&str>) -> Result<(), String> {
        Err("a watch fetches nothing".to_owned())
    }

    fn write(&mut self, _: Area, _: u64, _: &[u8]) -> Result<(), String> {
        Err("a watch writes nothing".to_owned())
    }

    fn read(&mut self, _: Area, _: u64, _: u64, _: &mut Vec<u8>) -> Result<(), String> {
        Err("a watch reads nothing".to_owned())
    }

    fn sync(&mut self, _: u64) -> Result<(), String> {
        Err("a watch writes nothing".to_owned())
    }

    fn commit(&mut self) -> Result<(), String> {
        Err("a watch commits nothing".to_owned())
    }

    fn remember(&mut self, remembered: &Remembered) -> Result<(), String> {
        let mut banks = banks(self.0).map_err(|error| error.to_string())?;
        banks.remember(remembered).map_err(|error: Refusal| error.to_string())
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn unix_s() -> u64 {
    wall().as_secs()
}
