//! The service manager's side of the real program, and the unit.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use rustix::process::Signal;

use super::harness::{DEADLINE, Program, Site, headend, noise};

/// A service manager that wants to hear every 900 ms that the program lives.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(site: &Site) -> Self {
        let path = site.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path }
    }

    fn serve(&self, site: &Site) -> Program {
        Program::start(
            headend()
                .arg("serve")
                .arg(site.write())
                .args(["--interface", "127.0.0.1", "--ttl", "0"])
                .env("STATE_DIRECTORY", site.path("state"))
                .env("RUNTIME_DIRECTORY", site.path("run"))
                .env("NOTIFY_SOCKET", &self.path)
                .env("WATCHDOG_USEC", "900000"),
        )
    }

    /// The next message, unless none comes in `span`.
    fn next(&self, span: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(span.max(Duration::from_millis(1)))).unwrap();
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Waits for a message with this line; that message.
    #[track_caller]
    fn wait_for(&self, line: &str) -> String {
        let end = Instant::now() + DEADLINE;
        let mut heard = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(message) = self.next(left) else { panic!("no {line} among {heard:?}") };
            if message.lines().any(|one| one == line) {
                return message;
            }
            heard.push(message);
        }
    }

    /// How many times the watchdog is fed in `span`.
    fn fed(&self, span: Duration) -> usize {
        let end = Instant::now() + span;
        let mut fed = 0;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            fed +=
                usize::from(self.next(left).is_some_and(|message| message.contains("WATCHDOG=1")));
        }
        fed
    }
}

fn site() -> Site {
    let mut site = Site::new();
    site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 100_000));
    site
}

#[test]
fn the_service_manager_hears_when_the_headend_is_ready_reloads_lives_and_stops() {
    let mut site = site();
    let manager = Manager::new(&site);
    let mut program = manager.serve(&site);
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=line-up 1 is on air"), "{ready}");
    program.wait_for("line-up 1 is on air");
    assert!(site.path("run/control.sock").exists() && site.path("state/spool").is_dir());
    let fed = manager.fed(Duration::from_secs(4));
    assert!((6..=17).contains(&fed), "every 300 ms, at ticks of 250 ms: {fed} in 4 s");
    site.replace("bit_rate_kbps = 2000", "bit_rate_kbps = 3000");
    site.write();
    program.signal(Signal::HUP);
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.wait_for("READY=1");
    site.file("lineup.toml", b"nonsense");
    program.signal(Signal::HUP);
    manager.wait_for("RELOADING=1");
    let refused = manager.wait_for("READY=1");
    assert!(refused.contains("refused"), "it serves what it served: {refused}");
    program.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(program.finish().0, 0);
}

/// Thread of a process that sends.
fn sending_thread(process: u32) -> Pid {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let is_sending = |path: &PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "on-air")
    };
    let path = tasks.map(|task| task.unwrap().path()).find(is_sending).expect("a sending thread");
    Pid::from_raw(path.file_name().unwrap().to_str().unwrap().parse().unwrap())
}

#[test]
fn a_sending_thread_that_is_stuck_starves_the_watchdog_while_the_control_lives() {
    let site = site();
    let manager = Manager::new(&site);
    let mut program = manager.serve(&site);
    manager.wait_for("READY=1");
    // Stopped alone, as a debugger stops it; all other threads run on.
    let thread = sending_thread(program.id());
    ptrace::seize(thread, ptrace::Options::empty()).unwrap();
    ptrace::interrupt(thread).unwrap();
    waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
    program.wait_for("a sending thread has not moved for ");
    manager.fed(Duration::from_millis(100));
    assert_eq!(manager.fed(Duration::from_millis(1_500)), 0);
    ptrace::detach(thread, None).unwrap();
    manager.wait_for("WATCHDOG=1");
}

/// The unit, with the program where these tests have it.
#[cfg(feature = "peers")]
fn unit(site: &Site) -> PathBuf {
    let unit = include_str!("../../packaging/stbcast.service");
    assert_eq!(unit.matches("/usr/bin/stbcast ").count(), 2);
    let unit = unit.replace("/usr/bin/stbcast ", concat!(env!("CARGO_BIN_EXE_stbcast"), " "));
    site.file("stbcast.service", unit.as_bytes())
}

#[cfg(feature = "peers")]
fn analyze(arguments: &[&str], unit: &std::path::Path) -> (bool, String) {
    let output = super::harness::run(
        std::process::Command::new("systemd-analyze").args(arguments).arg(unit),
    );
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
#[cfg(feature = "peers")]
fn systemd_takes_the_unit_without_a_complaint() {
    let site = Site::new();
    let (fine, told) = analyze(&["verify"], &unit(&site));
    assert!(fine && told.is_empty(), "{told}");
}

/// What is left: the network, which it is for, and real-time priority.
#[test]
#[cfg(feature = "peers")]
fn the_sandbox_of_the_unit_leaves_an_exposure_of_two_at_most() {
    let site = Site::new();
    let (fine, told) = analyze(&["security", "--offline=true", "--threshold=20"], &unit(&site));
    assert!(fine, "{told}");
    let level = told.lines().find(|line| line.contains("Overall exposure level")).unwrap();
    println!("{level}");
}
