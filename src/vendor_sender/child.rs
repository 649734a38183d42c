//! A child process: the only `unsafe` of the headend beside the mapping of files.
#![expect(
    unsafe_code,
    reason = "a word to the kernel between fork and exec; why it is sound stands there"
)]

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process_group, set_parent_process_death_signal,
};

use super::output;
use crate::lineup::VendorSender;

/// Of our environment a sender sees no more than this: neither our credentials nor the way to the service
/// manager.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH"];

/// A running sender. It is killed, with all of its group, when this is dropped.
pub(super) struct Child {
    process: std::process::Child,
    group: Pid,
}

/// How a sender ended.
pub(super) struct End {
    pub(super) is_success: bool,
    /// The same for people.
    pub(super) how: String,
}

impl Child {
    /// Starts the program. The kernel kills it with the thread that calls this, whatever ends that.
    ///
    /// # Errors
    /// When the system does not run it.
    pub(super) fn start(sender: &VendorSender) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(&sender.program);
        command
            .args(sender.arguments())
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let parent = getpid();
        // SAFETY: between fork and exec only what is async-signal-safe may be called. These are two system
        // calls, prctl and getppid, which take no lock and allocate nothing; the error is made of a number.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::KILL))?;
                // The headend may have died before.
                if getppid() == Some(parent) {
                    Ok(())
                } else {
                    Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()))
                }
            });
        }
        let process = command.spawn()?;
        let group = Pid::from_child(&process);
        let child = Self { process, group };
        output::log(&sender.name, reader)?;
        Ok(child)
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, when it did.
    pub(super) fn ended(&mut self) -> Option<End> {
        match self.process.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(End { is_success: status.success(), how: how(status) }),
            Err(error) => {
                Some(End { is_success: false, how: format!("it cannot be waited for: {error}") })
            }
        }
    }

    /// Whether nothing of its group runs; what ended and was not waited for counts as running.
    pub(super) fn is_gone(&self) -> bool {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let options = rustix::process::WaitIdOptions::EXITED
            | rustix::process::WaitIdOptions::NOHANG
            | rustix::process::WaitIdOptions::NOWAIT;
        let ended = |id| rustix::process::waitid(rustix::process::WaitId::Pid(id), options);
        id.is_none_or(|id| !matches!(ended(id), Ok(None)))
    }

    /// SIGTERM.
    pub(super) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It may have ended just now; it was not waited for, so that nobody else has its number.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // What it started itself is of its group, and goes with it. The number of a group is not given
        // away while one of it is there; and where none is, nobody had the time to take it.
        self.kill();
        let _ = self.process.wait();
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}
