//! `[[vendor_sender]]`: the vendor's own sender as a child of the headend. Its place is taken by a script
//! with the same options, which notes what it is told and sends nothing.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::control::{status, tell};
use super::harness::{DEADLINE, Program, Site, headend, run};

/// A line-up of a channel and a sender, which does what the lines say; `more` is further keys and tables.
fn site(lines: &str, more: &str) -> Site {
    let mut site = Site::new();
    site.channel("images", 1_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &[7; 10_000]);
    site.file("tv101.dff", &[1; 1_000]);
    let script = format!("#!/bin/sh\necho $$ \"$@\" >> \"$(dirname \"$0\")\"/starts\n{lines}\n");
    let program = site.file("sender", script.as_bytes());
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    site.add(&format!(
        "[[vendor_sender]]\nname = \"dune tv-101\"\nprogram = \"sender\"\nfile = \"tv101.dff\"\n\
         group = \"239.255.60.1:5000\"\n{more}\n"
    ));
    site
}

/// The process and what it was told, of each start.
fn starts(site: &Site) -> Vec<(u32, String)> {
    let text = std::fs::read_to_string(site.path("starts")).unwrap_or_default();
    let start = |line: &str| {
        let (pid, told) = line.split_once(' ').unwrap();
        (pid.parse().unwrap(), told.to_owned())
    };
    text.lines().map(start).collect()
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|it| !it.is_empty() && !it.starts_with(" Z"))
}

#[track_caller]
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A headend whose sender runs; the process of it.
fn serve(site: &Site) -> (Program, u32) {
    let headend = site.serve(&[]);
    wait("it starts", || !starts(site).is_empty());
    let pid = starts(site)[0].0;
    (headend, pid)
}

#[test]
fn it_runs_with_the_headend_is_shown_and_ends_with_it() {
    let site = site("echo hello; exec sleep 1000", "kbytes_per_s = 128");
    let (mut headend, pid) = serve(&site);
    // It may have spoken before the line-up was on air.
    let said = "vendor sender dune tv-101 says: hello";
    if !headend.log.iter().any(|line| line.contains(said)) {
        headend.wait_for(said);
    }
    let told = format!(
        "-s 128 -t 0 -n 0 -d 0 -i 2 -v 1 239.255.60.1 5000 {}",
        site.path("tv101.dff").display()
    );
    assert_eq!(starts(&site)[0].1, told, "and the TTL of the command line");
    let sender = &status(&site)["vendor_senders"][0];
    assert_eq!((&sender["name"], &sender["state"]), (&"dune tv-101".into(), &"running".into()));
    assert_eq!((&sender["pid"], &sender["counted_bps"]), (&pid.into(), &1_153_433.into()));
    let (_, text, _) = tell(&site, &["status"]);
    assert!(text.contains("vendor sender dune tv-101 to 239.255.60.1:5000: running"), "{text}");
    headend.signal(Signal::TERM);
    assert_eq!(headend.finish().0, 0);
    assert!(!is_alive(pid));
}

#[test]
fn a_headend_that_dies_leaves_no_sender_behind() {
    let site = site("trap '' TERM HUP INT; while :; do sleep 0.1; done", "");
    let (headend, pid) = serve(&site);
    headend.signal(Signal::KILL);
    wait("the sender dies", || !is_alive(pid));
}

#[test]
fn a_killed_sender_is_gone_when_that_is_confirmed_and_stays_so_over_restarts() {
    let site = site("trap '' TERM; while :; do sleep 0.1; done", "");
    let (headend, pid) = serve(&site);
    let (code, text, told) =
        tell(&site, &["kill", "channel", "dune tv-101", "--reason", "wrong image"]);
    assert_eq!((code, told.as_str()), (0, ""));
    assert!(!is_alive(pid), "confirmed");
    assert!(text.contains("vendor sender dune tv-101"), "{text}");
    assert_eq!(status(&site)["vendor_senders"][0]["state"], "killed");
    drop(headend);
    let _headend = site.serve(&[]);
    assert_eq!(status(&site)["vendor_senders"][0]["state"], "killed");
    assert_eq!(starts(&site).len(), 1);
    let (code, ..) = tell(&site, &["unkill", "channel", "dune tv-101"]);
    assert_eq!(code, 0);
    wait("it comes back", || starts(&site).len() == 2);
}

#[test]
fn outside_its_window_it_does_not_run_and_a_reload_brings_it() {
    let window = "[[schedule.window]]\nfrom = \"2020-01-01T00:00\"\nto = \"2020-01-02T00:00\"";
    let more =
        format!("schedule = \"once\"\n[[schedule]]\nname = \"once\"\ntimezone = \"UTC\"\n{window}");
    let mut site = site("exec sleep 1000", &more);
    let mut headend = site.serve(&[]);
    assert_eq!(status(&site)["vendor_senders"][0]["state"], "outside-window");
    site.replace("to = \"2020-01-02T00:00\"", "to = \"2200-01-02T00:00\"");
    site.write();
    headend.signal(Signal::HUP);
    wait("it starts", || starts(&site).len() == 1);
    headend.wait_for("vendor sender dune tv-101: ");
    site.replace("to = \"2200-01-02T00:00\"", "to = \"2020-01-03T00:00\"");
    site.write();
    headend.signal(Signal::HUP);
    wait("it ends", || !is_alive(starts(&site)[0].0));
}

#[test]
fn check_says_what_it_is_told_and_that_its_format_is_not_checked() {
    let site = site("exit 0", "");
    let output = run(headend().arg("check").arg(site.write()));
    let text = String::from_utf8(output.stdout).unwrap();
    let line =
        "vendor sender dune tv-101: 1000 bytes to 239.255.60.1:5000, counted as 2307 kbit/s of IP";
    assert!(text.contains(line) && text.contains("the vendor's format is not checked"), "{text}");
    assert!(text.contains("1 channels and 1 vendor sender, "), "{text}");
    std::fs::remove_file(site.path("sender")).unwrap();
    let output = run(headend().arg("check").arg(site.write()));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && text.contains("vendor sender `dune tv-101`: cannot find"),
        "{text}"
    );
}
