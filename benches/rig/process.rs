//! Processes the bench starts, ends and accounts for.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::place::Place;

/// A process of ours, killed and waited for when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: File,
    lines: Receiver<String>,
    pub(crate) started: Instant,
    pub(crate) log: Vec<String>,
    ended: bool,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) log: Vec<String>,
    /// User and system time of the whole process, by wait4.
    pub(crate) cpu_seconds: f64,
    /// From start to end.
    pub(crate) wall_seconds: f64,
}

/// CPU time is read as a difference of what all children used: one wait at a time.
static WAITS: Mutex<()> = Mutex::new(());

impl Process {
    /// Starts a program on the sender's side; its standard error is read line by line.
    pub(crate) fn at_sender(place: &Place, command: &mut Command) -> Self {
        Self::start(command, |command| place.spawn_at_sender(command))
    }

    /// Starts a program at receiver `number`.
    pub(crate) fn at_receiver(place: &Place, number: usize, command: &mut Command) -> Self {
        Self::start(command, |command| place.at_receiver(number, || command.spawn()))
    }

    fn start(
        command: &mut Command,
        spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>,
    ) -> Self {
        let stdout = tempfile::tempfile().unwrap();
        command.stdin(Stdio::null()).stdout(stdout.try_clone().unwrap()).stderr(Stdio::piped());
        command.env("RUST_BACKTRACE", "0");
        let started = Instant::now();
        let mut child =
            spawn(command).unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (tell, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let read = move || {
            stderr.lines().map_while(Result::ok).all(|line| tell.send(line).is_ok());
        };
        std::thread::Builder::new().stack_size(64 << 10).spawn(read).unwrap();
        Self { child, stdout, lines, started, log: Vec::new(), ended: false }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard error that contains `text`; whether it came.
    pub(crate) fn wait_for(&mut self, text: &str, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            let is_it = line.contains(text);
            self.log.push(line);
            if is_it {
                return true;
            }
        }
        false
    }

    /// What standard error has said since it was last looked at joins the log.
    pub(crate) fn read_log(&mut self) {
        self.log.extend(self.lines.try_iter());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Ends it by SIGTERM, by SIGKILL when that does not help.
    pub(crate) fn end(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait(Duration::from_secs(5))
    }

    /// Whether it ends by itself within `limit`.
    pub(crate) fn has_ended(&self, limit: Duration) -> bool {
        let Ok(handle) = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()) else {
            return true;
        };
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let limit = Timespec {
                tv_sec: left.as_secs().cast_signed(),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit)) {
                Ok(count) => return count > 0,
                Err(_) if left.is_zero() => return false,
                Err(_) => {}
            }
        }
    }

    /// Waits for the end; what has not ended by the limit is killed.
    pub(crate) fn wait(mut self, limit: Duration) -> Ended {
        let in_time = self.has_ended(limit);
        let wall_seconds = self.started.elapsed().as_secs_f64();
        if !in_time {
            // A tracer takes what it traces with it when it is asked to end.
            self.signal(Signal::TERM);
            if !self.has_ended(Duration::from_secs(1)) {
                let _ = self.child.kill();
            }
        }
        let one = WAITS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = children_seconds();
        let status = self.child.wait().unwrap();
        let cpu_seconds = children_seconds() - before;
        drop(one);
        self.ended = true;
        let mut stdout = String::new();
        let _ = self.stdout.rewind();
        let _ = self.stdout.read_to_string(&mut stdout);
        self.wait_for("\0", Duration::from_millis(200));
        let log = std::mem::take(&mut self.log);
        Ended { success: in_time && status.success(), stdout, log, cpu_seconds, wall_seconds }
    }

    /// CPU time its threads have used, apart by whether their name begins with `prefix`.
    pub(crate) fn threads(&self, prefix: &str) -> Threads {
        let mut threads = Threads::default();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        for task in tasks.into_iter().flatten().flatten() {
            let read = |name| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat").split_whitespace().next().map_or(0.0, number);
            if read("comm").starts_with(prefix) {
                threads.named += nanos / 1e9;
            } else {
                threads.others += nanos / 1e9;
            }
        }
        threads
    }
}

/// Memory nothing but process `id` holds: anonymous and shared pages, in bytes.
pub(crate) fn own_memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()).map_or(0.0, number)
    };
    (of("RssAnon:") + of("RssShmem:")) as u64 * 1_024
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _one = WAITS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let _ = self.child.wait();
        }
    }
}

/// CPU seconds of a process by its threads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Threads {
    pub(crate) named: f64,
    pub(crate) others: f64,
}

impl Threads {
    pub(crate) fn total(self) -> f64 {
        self.named + self.others
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

fn children_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}
