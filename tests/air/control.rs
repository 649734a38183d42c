//! `stbcast status` and `stbcast reload`: the control socket of the real program.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{DEADLINE, Program, Site, headend, hear, join, noise, run};

/// Runs a verb for the headend of a site; exit code, standard output, standard error.
pub(crate) fn tell(site: &Site, arguments: &[&str]) -> (i32, String, String) {
    let state = site.path("state/stbcast");
    let output = run(headend().args(arguments).arg("--state").arg(state));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

pub(crate) fn status(site: &Site) -> Value {
    let (code, text, told) = tell(site, &["status", "--json"]);
    assert_eq!(code, 0, "{told}");
    serde_json::from_str(&text).unwrap()
}

/// The status as soon as it is as `wanted`.
#[track_caller]
pub(crate) fn wait_for(site: &Site, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let status = status(site);
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < end, "it never came to that: {status:#}");
    }
}

/// A line-up with one channel of an image, not written yet; its group.
fn site() -> (Site, String) {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "version = \"7\"");
    site.file("boot.img", &noise(1, 500_000));
    (site, group)
}

#[test]
fn status_tells_what_is_on_air_how_fast_and_how_far() {
    let (mut site, group) = site();
    site.announce();
    let _headend = site.serve(&[]);
    let status = wait_for(&site, |status| {
        let measured = status["channels"][0]["measured_bps"].as_f64().unwrap();
        status["uptime_s"].as_u64().unwrap() >= 3 && (1_900_000.0..2_100_000.0).contains(&measured)
    });
    let channel = &status["channels"][0];
    assert_eq!((&channel["name"], &channel["group"]), (&"images".into(), &group.into()));
    assert_eq!(
        (&channel["state"], &channel["bit_rate_bps"]),
        (&"on-air".into(), &2_000_000.into())
    );
    assert!(channel["cycle"].as_u64().unwrap() >= 1, "{channel}");
    let (done, left) = (channel["cycle_done"].as_f64().unwrap(), channel["cycle_left_s"].as_f64());
    assert!((0.0..=1.0).contains(&done) && left.unwrap() <= 2.2, "{channel}");
    assert_eq!(channel["objects"][0]["version"], "7");
    assert_eq!(channel["objects"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!((&status["generation"], &status["settled"]), (&1.into(), &true.into()));
    assert!(status["announce"]["group"].is_string() && status["http"].is_null());
    assert_eq!(
        status["interfaces"][0]["name"], "lo",
        "by its name, though it is served on 127.0.0.1"
    );
    assert!(status["spool"]["used_bytes"].as_u64().unwrap() >= 500_000);
    let (code, text, _) = tell(&site, &["status"]);
    assert_eq!(code, 0);
    for shown in ["line-up 1 of ", "images", "on air", "announced on ", "spool "] {
        assert!(text.contains(shown), "{text}");
    }
}

#[test]
fn status_tells_the_cap_of_an_interface_that_the_channel_names_by_its_address() {
    let (mut site, _) = site();
    site.replace("slice_bytes = 1000", "slice_bytes = 1000\ninterface = \"127.0.0.1\"");
    site.add("[[interface]]\nname = \"lo\"\nbit_rate_kbps = 9000\n");
    let _headend = site.serve(&[]);
    let status = status(&site);
    let interfaces = status["interfaces"].as_array().unwrap();
    let told: Vec<_> = interfaces.iter().map(|it| (&it["name"], &it["cap_bps"])).collect();
    assert_eq!(told, [(&"lo".into(), &9_000_000.into())]);
}

#[test]
fn a_channel_that_is_dropped_is_told_and_counted_until_its_cycle_is_complete() {
    let (mut site, _) = site();
    let group = site.channel("gone", 400, 1_000);
    site.object("gone", "gone.img", "");
    site.file("gone.img", &noise(2, 500_000));
    let _headend = site.serve(&[]);
    // One that has not begun its cycle has none to complete.
    wait_for(&site, |status| status["channels"][1]["packets"].as_u64() > Some(0));
    let text = std::fs::read_to_string(site.path("lineup.toml")).unwrap();
    let gone = text[text.find("[[channel]]\nname = \"gone\"").unwrap()..].to_owned();
    site.replace(&gone, "");
    site.write();
    assert_eq!(tell(&site, &["reload"]).0, 0);
    let told =
        wait_for(&site, |status| status["channels"][1]["measured_bps"].as_u64() > Some(300_000));
    let channel = &told["channels"][1];
    assert_eq!((&channel["name"], &channel["state"]), (&"gone".into(), &"leaving".into()));
    assert_eq!((&channel["group"], &channel["bit_rate_bps"]), (&group.into(), &400_000.into()));
    let sum = told["channels"].as_array().unwrap().iter();
    let sum: u64 = sum.map(|it| it["measured_bps"].as_u64().unwrap()).sum();
    let interface = told["interfaces"][0]["measured_bps"].as_u64().unwrap();
    assert!(interface.abs_diff(sum) < 100_000, "{told:#}");
    assert!(tell(&site, &["status"]).1.contains("leaving"));
    wait_for(&site, |status| status["channels"].as_array().unwrap().len() == 1);
}

#[test]
fn reload_tells_the_changes_before_and_the_result_after() {
    let (mut site, _) = site();
    let mut program = site.serve(&[]);
    site.replace("bit_rate_kbps = 2000", "bit_rate_kbps = 3000");
    site.write();
    let change = "~ channel images: bit rate 2000 kbit/s -> 3000 kbit/s";
    let (code, text, told) = tell(&site, &["reload", "--dry-run"]);
    assert_eq!((code, told.as_str()), (0, ""));
    assert!(text.contains(change) && text.contains("a reload would take it"), "{text}");
    assert_eq!(status(&site)["channels"][0]["bit_rate_bps"], 2_000_000, "nothing has changed");
    let (code, text, _) = tell(&site, &["reload"]);
    assert!(code == 0 && text.contains(change) && text.contains("line-up 2 goes on air"), "{text}");
    assert_eq!(text.matches(change).count(), 1, "{text}");
    program.wait_for(change);
    wait_for(&site, |status| status["channels"][0]["bit_rate_bps"] == 3_000_000);
    // New bytes in the same file are a change, too.
    site.file("boot.img", &noise(2, 500_000));
    let (_, text, _) = tell(&site, &["reload", "--dry-run"]);
    assert!(text.contains("~ channel images, object boot: content "), "{text}");
}

#[test]
fn a_reload_that_is_refused_exits_with_1_and_says_why() {
    let (mut site, group) = site();
    let socket = join(&group);
    let _headend = site.serve(&[]);
    site.replace("slice_bytes", "slice_byte");
    site.write();
    for arguments in [&["reload", "--dry-run"][..], &["reload"]] {
        let (code, _, told) = tell(&site, arguments);
        assert_eq!(code, 1);
        assert!(told.contains("did you mean `slice_bytes`?") && told.contains("refused"), "{told}");
        assert!(told.contains("lineup.toml: line "), "the file is named: {told}");
    }
    let status = status(&site);
    assert_eq!(status["last_reload"]["accepted"], false);
    assert!(status["last_reload"]["lines"][0].as_str().unwrap().contains("slice_byte"));
    hear(&socket, 50);
}

#[test]
fn two_headends_do_not_share_a_state_directory_and_one_that_died_is_no_obstacle() {
    let (site, _) = site();
    let first = site.serve(&[]);
    let path = site.path("state/stbcast/control.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let (code, _) = site.start(&site.write(), &["--cycles", "1"]).finish();
    assert_eq!(code, 1);
    assert_eq!(status(&site)["pid"], first.id(), "the first one is asked as before");
    first.signal(Signal::KILL);
    drop(first);
    assert!(path.exists(), "it is left behind");
    let (code, _, told) = tell(&site, &["status"]);
    assert!(code == 1 && told.contains("no headend is running"), "{told}");
    let second = site.serve(&[]);
    assert_eq!(status(&site)["pid"], second.id());
    second.signal(Signal::TERM);
    let (code, _) = second.finish();
    assert!(code == 0 && !path.exists(), "it is cleared away");
}

#[test]
fn who_asks_nonsense_or_nothing_hinders_nobody() {
    let (site, _) = site();
    let _headend: Program = site.serve(&[]);
    let path = site.path("state/stbcast/control.sock");
    let idle: Vec<_> = (0..12).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let long = [vec![b'x'; 100_000], b"\n".to_vec()].concat();
    for request in [&b"status\n"[..], b"{\"request\":\"reboot\"}\n", b"\xff\xfe\n", b"\n", &long] {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It may answer, and hang up, before it has read all of a long line.
        let _ = stream.write_all(request);
        let mut reply = String::new();
        let read = stream.read_to_string(&mut reply);
        let is_told = reply.contains("\"reply\":\"error\"");
        assert!(is_told || read.is_err(), "{:?}: {reply}", &request[..request.len().min(20)]);
    }
    assert_eq!(status(&site)["settled"], true);
    drop(idle);
}

#[test]
fn a_deep_state_directory_is_asked_like_any_other_and_one_that_cannot_be_made_keeps_nobody_off_the_air()
 {
    let (site, group) = site();
    let deep = site.path(&["a-rather-long-name-of-a-directory"; 5].join("/"));
    let deep = deep.to_str().unwrap();
    let program = site.serve(&["--state", deep]);
    let output = run(headend().args(["status", "--json", "--state", deep]));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["pid"], program.id());
    drop(program);
    let socket = join(&group);
    let mut program = site.start(&site.write(), &["--state", "/proc/nowhere/state"]);
    program.wait_for("are not answered");
    hear(&socket, 50);
}
