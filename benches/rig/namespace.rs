//! Network namespaces this process makes and removes.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};

const PREFIX: &str = "stbcast-bench-";

/// A network namespace with a name of its own, gone when this is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    /// A namespace whose loopback is up and carries multicast.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = Self { name: format!("{PREFIX}{}-{number}", std::process::id()) };
        ip(&format!("netns add {}", namespace.name));
        namespace.ip("link set lo up");
        namespace.ip("link set lo multicast on");
        namespace
    }

    /// `ip` inside this namespace.
    pub(crate) fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name));
    }

    /// Does something in a thread that is inside this namespace; sockets it opens and processes it
    /// starts stay there.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
            setns(file, CloneFlags::CLONE_NEWNET).unwrap();
            act()
        };
        std::thread::scope(|scope| scope.spawn(enter).join().unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// Runs `ip`; every failure is this machine's and ends the bench.
pub(crate) fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {}", why.trim());
}

/// Whether this process may make namespaces.
pub(crate) fn allowed() -> bool {
    rustix::process::geteuid().is_root()
        && super::installed("ip")
        && Command::new("ip").args(["netns", "list"]).output().is_ok_and(|out| out.status.success())
}

/// Removes what a bench that was killed has left: namespaces of our prefix whose process is gone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        let is_stale = owner.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists());
        if is_stale {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
    }
}
