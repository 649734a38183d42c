//! `fetch` over real multicast on the loopback interface.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use air::{Air, DEADLINE, assert_code, files, free_group, json, program, sha256, stderr, stdout};
use common::{Sent, name, noise};
use stbcast_infocast::Header;
use stbcast_object::{Group, Micros};
use stbcast_receiver::io::{
    Batch, Clock, FetchRequest, Interface, Moment, Observer, Receiver, fetch,
};
use stbcast_receiver::{Event, Target};

const LOOPBACK: [&str; 2] = ["--interface", "127.0.0.1"];

fn image() -> Sent {
    Sent::equal("image", &noise(1, 60_001), 1_400)
}

fn url(group: Group, object: &str) -> String {
    format!("infocast://{group}/{object}")
}

#[test]
fn an_object_is_fetched_and_nothing_else_is_left() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let output = directory.path().join("image.bin");
    fs::write(&output, "an older image").unwrap();
    let _air = Air::objects(group, &[Sent::equal("other", b"x", 1), image()]);
    let (url, path) = (url(group, "image"), output.to_str().unwrap());
    let done = program(&[&["fetch", &url, "--output", path][..], &LOOPBACK].concat());
    assert_code(&done, 0);
    assert!(fs::read(&output).unwrap() == noise(1, 60_001));
    let text = stdout(&done);
    for wanted in
        ["60001", &sha256(&noise(1, 60_001)), "cycles", "unverified: no trailer", "nothing dropped"]
    {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    assert_eq!(files(directory.path()), ["image.bin"]);
}

fn crc32(_: &Header, slice: &[u8]) -> Vec<u8> {
    crc32fast::hash(slice).to_be_bytes().to_vec()
}

#[test]
fn the_answer_for_programs_has_every_figure() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let output = directory.path().join("image.bin");
    let checked = Sent { precoding: 4, trailer: crc32, ..image() };
    let _air = Air::objects(group, &[Sent::equal("other", b"x", 1), checked]);
    let (url, path) = (url(group, "image"), output.to_str().unwrap());
    let done =
        program(&[&["fetch", &url, "--output", path, "--json", "--quiet"][..], &LOOPBACK].concat());
    assert_code(&done, 0);
    assert_eq!(stderr(&done), "");
    let answer = json(&done);
    assert_eq!(answer["url"], url);
    assert_eq!(answer["output"], path);
    assert_eq!(answer["bytes"], 60_001);
    assert_eq!(answer["sha256"], sha256(&noise(1, 60_001)));
    assert_eq!(answer["check"], "crc32-iso-hdlc over the slice, big-endian");
    assert_eq!(answer["stored"], 43);
    assert_eq!(answer["attempts"], 1);
    assert_eq!(answer["revision_changes"], 0);
    assert_eq!(answer["rejected"], serde_json::json!({}));
    assert!(answer["cycles"].as_f64().unwrap() >= 1.0);
    assert!(answer["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(answer["kernel_drops"], 0);
    assert!(["gro", "recvmmsg"].contains(&answer["receive_path"].as_str().unwrap()));
    assert!(answer["receive_buffer_bytes"].as_u64().unwrap() > 0);
    assert!(answer["receive_calls"].as_u64().unwrap() > 0);
    let seconds = ["receive_seconds", "commit_seconds", "digest_seconds"];
    let parts = seconds.map(|key| answer[key].as_f64().unwrap());
    assert!(parts.iter().all(|part| *part > 0.0), "{parts:?}");
    assert!(parts[0] + parts[1] <= answer["seconds"].as_f64().unwrap(), "{parts:?}");
    let sum = ["stored", "duplicates", "foreign"].map(|key| answer[key].as_u64().unwrap());
    assert_eq!(answer["datagrams"], sum.iter().sum::<u64>());
}

#[test]
fn a_silent_channel_fails_and_the_old_file_stays() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let output = directory.path().join("image.bin");
    fs::write(&output, "an older image").unwrap();
    let (url, path) = (url(group, "image"), output.to_str().unwrap());
    let patience = ["--timeout", "1", "--attempts", "1", "--json"];
    let done = program(&[&["fetch", &url, "--output", path][..], &LOOPBACK, &patience].concat());
    assert_code(&done, 1);
    let answer = json(&done);
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("the channel was silent in 1 attempts"), "{error}");
    assert_eq!((&answer["datagrams"], &answer["attempts"]), (&0.into(), &1.into()));
    assert_eq!((&answer["kernel_drops"], &answer["receive_seconds"]), (&0.into(), &().into()));
    assert!(stderr(&done).contains(error));
    assert_eq!(fs::read(&output).unwrap(), b"an older image");
    assert_eq!(files(directory.path()), ["image.bin"]);
}

#[test]
fn a_wrong_question_is_refused_with_the_reason() {
    let good = "infocast://239.1.1.1/image";
    let cases: [(&[&str], &str); 11] = [
        (&["fetch"], "--output"),
        (&["fetch", good], "--output"),
        (&["fetch", "image", "--output", "x"], "infocast://GROUP[:PORT]/NAME"),
        (&["fetch", "https://192.0.2.1/image", "--output", "x"], "does not begin with infocast://"),
        (&["fetch", "infocast://239.1.1.1/", "--output", "x"], "name is missing"),
        (&["fetch", "infocast://10.0.0.1/a", "--output", "x"], "not a multicast group"),
        (&["fetch", "infocast://239.1.1.1:0/a", "--output", "x"], "port 0"),
        (&["fetch", "infocast://239.1.1.1/../a", "--output", "x"], "legal are"),
        (&["fetch", good, "--output", "x", "--timeout", "0"], "1..=255"),
        (&["fetch", good, "--output", "x", "--attempts", "256"], "1..=255"),
        (&["fetch", good, "--output", "x", "--source", "::1"], "one is IPv4, the other IPv6"),
    ];
    for (arguments, reason) in cases {
        let done = program(arguments);
        assert_code(&done, 2);
        assert!(stderr(&done).contains(reason), "{arguments:?}: {}", stderr(&done));
        assert_eq!(stdout(&done), "", "{arguments:?}");
    }
}

#[test]
fn what_the_machine_does_not_have_is_said_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (is_directory, missing) = (directory.path(), directory.path().join("no/image"));
    let cases: [(&[&str], &str); 3] = [
        (&["--output", is_directory.to_str().unwrap()], "it is a directory"),
        (&["--output", missing.to_str().unwrap()], "its directory is missing"),
        (&["--output", "x", "--interface", "none0"], "(127.0.0.1)"),
    ];
    for (arguments, reason) in cases {
        let done = program(&[&["fetch", "infocast://239.1.1.1/image"][..], arguments].concat());
        assert_code(&done, 1);
        assert!(stderr(&done).contains(reason), "{arguments:?}: {}", stderr(&done));
    }
}

#[test]
fn an_interrupted_fetch_leaves_nothing_behind() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let output = directory.path().join("image.bin");
    let mut without_last = air::on(group, &[image()]);
    without_last.pop();
    let _air = Air::play(without_last);
    let child = Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"))
        .args(["fetch", &url(group, "image"), "--interface", "127.0.0.1", "--output"])
        .arg(&output)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Guard(child);
    let stderr = BufReader::new(child.0.stderr.take().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        stderr.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
    });
    let wait_for = |wanted: &str| {
        while !told.recv_timeout(DEADLINE).unwrap().contains(wanted) {}
    };
    wait_for("found: 43 slices");
    assert_eq!(files(directory.path()).len(), 1, "it is being received");
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    wait_for("error: interrupted");
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    assert!(files(directory.path()).is_empty());
}

/// Ends a program that a failed test leaves running.
struct Guard(std::process::Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn request(group: Group, output: &std::path::Path) -> FetchRequest {
    FetchRequest {
        interface: Some(Interface::resolve("127.0.0.1").unwrap()),
        ..FetchRequest::new(Target::infocast(group, name("image")), output)
    }
}

#[test]
fn only_the_pinned_sender_is_heard() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let rival = Sent::equal("image", &noise(9, 60_001), 1_400);
    let _air = Air::objects(group, &[image()]);
    let _rival = Air::play_from([127, 0, 0, 2].into(), air::on(group, &[rival]));
    for (source, seed) in [("127.0.0.1", 1), ("127.0.0.2", 9)] {
        let output = directory.path().join(source);
        let source = Some(source.parse().unwrap());
        let summary = fetch(&FetchRequest { source, ..request(group, &output) }, &mut ()).unwrap();
        assert_eq!(summary.sha256, sha256(&noise(seed, 60_001)));
        assert_eq!(summary.figures.counters.rejected.get("wrong_source"), None, "the system's job");
    }
}

#[test]
fn boxes_on_one_machine_share_a_group_and_channels_on_one_port_stay_apart() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let neighbour = Group::new(free_group().address(), group.port()).unwrap();
    let other = Sent::equal("image", &noise(2, 30_000), 1_000);
    let _air = Air::objects(group, &[image()]);
    let _neighbour = Air::objects(neighbour, &[other]);
    let fetched: Vec<_> = std::thread::scope(|scope| {
        let boxes = [(group, "a"), (group, "b"), (neighbour, "c")].map(|(group, file)| {
            let output = directory.path().join(file);
            scope.spawn(move || fetch(&request(group, &output), &mut ()).unwrap())
        });
        boxes.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let digests = [sha256(&noise(1, 60_001)), sha256(&noise(1, 60_001)), sha256(&noise(2, 30_000))];
    for (summary, digest) in fetched.iter().zip(digests) {
        assert_eq!(summary.sha256, digest);
        assert_eq!(summary.figures.counters.revision_changes, 0);
    }
}

#[test]
fn a_group_that_cannot_be_joined_is_a_silent_one_and_the_reason_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let gone = Interface { name: "gone0".into(), index: 0x7fff_0000, ipv4: None };
    let request = FetchRequest {
        interface: Some(gone),
        timeout: Micros::from_millis(150),
        attempts: 2,
        ..request(free_group(), &directory.path().join("image"))
    };
    let failure = fetch(&request, &mut ()).unwrap_err();
    let message = failure.to_string();
    assert!(message.contains("silent in 2 attempts"), "{message}");
    assert!(message.contains("cannot join") && message.contains("No such device"), "{message}");
    assert_eq!(failure.figures.attempts, 2);
    assert!(files(directory.path()).is_empty());
}

/// Takes the directory away while the object is received into it.
struct RemoveWhenFound(std::path::PathBuf);

impl Observer for RemoveWhenFound {
    fn event(&mut self, _: &Moment, event: &Event) {
        if matches!(event, Event::Found { .. }) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

#[test]
fn storage_that_fails_is_told_with_the_file_and_the_reason() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let _air = Air::objects(group, &[image()]);
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let request = request(group, &inner.join("image"));
    let failure = fetch(&request, &mut RemoveWhenFound(inner)).unwrap_err();
    let message = failure.to_string();
    assert!(message.starts_with("storage failed to put the object in place"), "{message}");
    assert!(message.contains("inner/image: No such file"), "{message}");
    assert_eq!(failure.figures.counters.stored, 43);
}

#[test]
fn a_group_of_ipv6_can_be_joined() {
    let group = Group::parse("[ff11::5:7]:22222", None).unwrap();
    let loopback = Interface::resolve("127.0.0.1").unwrap();
    let mut receiver = Receiver::join(group, None, Some(&loopback)).unwrap();
    let mut batch = Batch::default();
    receiver.recv(&mut batch, &Clock::start()).unwrap();
    assert!(batch.is_empty(), "nobody sends");
}
