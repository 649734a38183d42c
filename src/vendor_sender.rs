//! Hand-over to senders of vendors: programs that send formats we do not know, as child processes under our
//! schedule, our kill file and our budget. What they send is theirs: nothing of it is checked or repaired.
//!
//! ```text
//!  roster, killed ─> VendorSenders::follow ─> course: start, ask to end, kill   (pure, time passed in)
//!                                              └─> child: a process group of its own, its output -> log
//! ```
//!
//! Nothing of it is left behind: a child is asked to end (SIGTERM), is killed with its group where it does not
//! (SIGKILL), and is killed by the kernel where the headend dies. Only what a child started itself outlives a
//! headend that was killed, unless the service manager ends it: a program in the line-up must not be a script that
//! starts the sender without `exec`.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::killed::Killed;
use crate::lineup::{LineUp, VendorSender};
use crate::roster::Roster;
use crate::telemetry;

mod child;
mod course;
mod output;

use child::Child;
use course::{Course, Do, Ended};

/// At the end of the headend so long is waited for children that were asked to end.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// How often is looked whether they did.
const LOOK: Duration = Duration::from_millis(10);

/// What a vendor's sender does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It runs.
    Runs,
    /// It was told to end.
    Ends,
    /// It ended by itself, and is started again in a moment.
    Waits,
    /// It sent its file as often as it was told.
    Done,
    /// It does not run.
    Rests,
}

/// What is told of one.
#[derive(Clone, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) sender: &'a VendorSender,
    pub(crate) doing: Doing,
    /// Its process, while it runs.
    pub(crate) pid: Option<u32>,
    /// Times it was started again because it had ended by itself.
    pub(crate) restarts: u64,
    /// How it ended last, when that was not asked for.
    pub(crate) problem: Option<&'a str>,
}

/// One sender of the line-up, or one that left it and has not ended.
struct Supervised {
    sender: VendorSender,
    /// What the files were when it was started: another program or another image is a change.
    files: [Option<Stamp>; 2],
    course: Course,
    child: Option<Child>,
    /// What takes its place when it has ended.
    next: Option<(VendorSender, [Option<Stamp>; 2])>,
    problem: Option<String>,
    /// It is not in the line-up any more.
    leaves: bool,
}

/// What tells one content of a file from another.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
}

fn stamps(sender: &VendorSender) -> [Option<Stamp>; 2] {
    [stamp(&sender.program), stamp(&sender.file)]
}

/// All senders of vendors.
#[derive(Default)]
pub(crate) struct VendorSenders {
    all: BTreeMap<String, Supervised>,
    /// Those that should run.
    wanted: HashSet<String>,
    /// Those that were killed.
    killed: HashSet<String>,
}

impl VendorSenders {
    /// Takes the senders of another line-up. One that is not what it was is ended, and started anew.
    pub(crate) fn take(&mut self, line_up: &LineUp, now: Instant) {
        let known: HashSet<_> = line_up.vendor_senders.iter().map(|it| &it.name).collect();
        for (name, one) in &mut self.all {
            one.leaves = !known.contains(name);
            if one.leaves {
                one.next = None;
                self.wanted.remove(name);
                telemetry::vendor_sender_counted(name, 0);
            }
        }
        for sender in &line_up.vendor_senders {
            let files = stamps(sender);
            match self.all.get_mut(&sender.name) {
                Some(one) if one.sender == *sender && one.files == files => one.next = None,
                Some(one) if one.child.is_some() => one.next = Some((sender.clone(), files)),
                _ => {
                    let one = Supervised::new(sender.clone(), files);
                    self.all.insert(sender.name.clone(), one);
                }
            }
            telemetry::vendor_sender_counted(&sender.name, sender.counted_bps);
        }
        self.tick(now);
    }

    /// Which of them run from now on.
    pub(crate) fn follow(
        &mut self,
        line_up: &LineUp,
        roster: &Roster,
        killed: &Killed,
        now: Instant,
    ) {
        let runs = line_up.vendor_senders.iter().zip(&roster.vendor_senders);
        let runs = runs.filter(|(_, runs)| **runs).map(|(sender, _)| sender.name.clone());
        let is_killed = |name: &String| killed.is_channel(name);
        self.wanted = runs.filter(|name| !is_killed(name)).collect();
        self.killed = self.all.keys().filter(|name| is_killed(name)).cloned().collect();
        self.tick(now);
    }

    /// Looks at each of them; to be called some times a second, by one thread alone: the kernel kills the
    /// children with the thread that started them.
    pub(crate) fn tick(&mut self, now: Instant) {
        for (name, one) in &mut self.all {
            let wanted = self.wanted.contains(name) && one.next.is_none();
            one.tick(wanted, self.killed.contains(name), now);
            if one.child.is_none()
                && let Some((sender, files)) = one.next.take()
            {
                *one = Supervised::new(sender, files);
                one.tick(self.wanted.contains(name), self.killed.contains(name), now);
            }
            telemetry::vendor_sender_up(name, one.child.is_some());
        }
        self.all.retain(|_, one| one.child.is_some() || !one.leaves);
    }

    /// Whether a process runs for a sender that this is true of.
    pub(crate) fn runs(&self, is_it: impl Fn(&str) -> bool) -> Option<&str> {
        let mut running = self.all.iter().filter(|(_, one)| one.child.is_some());
        running.find(|(name, _)| is_it(name)).map(|(name, _)| name.as_str())
    }

    /// All of them, by name.
    pub(crate) fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.all.values().map(|one| Told {
            sender: &one.sender,
            doing: one.course.doing(),
            pid: one.child.as_ref().map(Child::id),
            restarts: one.course.restarts(),
            problem: one.problem.as_deref(),
        })
    }
}

impl Supervised {
    fn new(sender: VendorSender, files: [Option<Stamp>; 2]) -> Self {
        let course = Course::default();
        Self { sender, files, course, child: None, next: None, problem: None, leaves: false }
    }

    fn tick(&mut self, wanted: bool, killed: bool, now: Instant) {
        let name = &self.sender.name;
        if let Some(ended) = self.child.as_mut().and_then(Child::ended) {
            let asked = self.course.doing() == Doing::Ends;
            self.child = None;
            let is_done = ended.is_success && self.sender.iterations > 0;
            self.course.ended(if is_done { Ended::Done } else { Ended::Failed }, now);
            self.problem = (!asked && !is_done).then(|| ended.how.clone());
            match (asked, is_done) {
                (true, _) => tracing::info!("vendor sender {name}: ended"),
                (false, true) => {
                    let times = self.sender.iterations;
                    tracing::info!(
                        "vendor sender {name}: sent its file {times} times, as it was told"
                    );
                }
                (false, false) => {
                    telemetry::vendor_sender_failed(name);
                    let pause = self.course.pause(now).as_secs_f64();
                    tracing::error!(
                        "vendor sender {name}: {}; started again in {pause:.0} s while it is to run",
                        ended.how
                    );
                }
            }
        }
        match self.course.next(wanted, killed, now) {
            Some(Do::Start) => self.start(now),
            Some(Do::Ask) => self.child.iter().for_each(Child::ask_to_end),
            Some(Do::Kill) => self.child.iter().for_each(Child::kill),
            None => {}
        }
    }

    fn start(&mut self, now: Instant) {
        let VendorSender { name, program, group, .. } = &self.sender;
        self.files = stamps(&self.sender);
        match Child::start(&self.sender) {
            Ok(child) => {
                let id = child.id();
                tracing::info!(
                    "vendor sender {name}: {} sends to {group}, process {id}",
                    program.display()
                );
                telemetry::vendor_sender_started(name);
                self.child = Some(child);
            }
            Err(error) => {
                let problem = format!("cannot run {}: {error}", program.display());
                self.course.ended(Ended::Failed, now);
                let pause = self.course.pause(now).as_secs_f64();
                tracing::error!("vendor sender {name}: {problem}; tried again in {pause:.0} s");
                telemetry::vendor_sender_failed(name);
                self.problem = Some(problem);
            }
        }
    }
}

impl Drop for VendorSenders {
    fn drop(&mut self) {
        let children = || self.all.values().filter_map(|one| one.child.as_ref());
        children().for_each(Child::ask_to_end);
        let end = Instant::now() + LAST_PATIENCE;
        while Instant::now() < end && children().any(|it| !it.is_gone()) {
            std::thread::sleep(LOOK);
        }
        // Each child kills what is left of its group when it is dropped.
        self.all.clear();
    }
}

#[cfg(test)]
mod tests;
