//! Infomir's carousel against a sender and a receiver written from the description of the wire alone
//! (`tests/peer/mag_send.py`, `tests/peer/mag_recv.py`), and byte for byte as that description has it.

mod odd;
mod wire;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::end_to_end::{json, sha256};
use super::harness::{
    DEADLINE, Program, Site, alone, free_group, hear, join, noise, receiver, run,
};
use rustix::process::Signal;

/// Payload of a packet where nobody says otherwise.
const PACKET_BYTES: usize = 1_456;
/// Four packets more than 16 bits count: the length of the description's own example.
const WRAPPING_BYTES: usize = 95_425_416;

/// A script that talks on a group.
fn peer(script: &str, group: &str) -> Command {
    let (address, port) = group.split_once(':').unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer").join(script);
    let mut command = Command::new("python3");
    command.arg(script).args(["--group", address, "--port", port, "--interface", "127.0.0.1"]);
    command
}

/// The peer that receives into the file `out` of a site, once it listens.
fn peer_receives(site: &Site, group: &str, more: &[&str]) -> Program {
    let mut command = peer("mag_recv.py", group);
    command.arg("--output").arg(site.path("out")).args(["--deadline", "50"]).args(more);
    let mut program = Program::start(&mut command);
    program.wait_for("listening");
    program
}

/// The peer that sends a file until the test ends.
fn peer_sends(group: &str, file: &Path, options: &str) -> Program {
    let mut command = peer("mag_send.py", group);
    command.arg("--file").arg(file).args(["--seconds", "60"]).args(options.split(' '));
    Program::start(&mut command)
}

/// Adds a channel; `keys` stand in its table `mag`.
fn channel(site: &mut Site, kbps: u32, keys: &str) -> String {
    let group = site.channel("stb", kbps, PACKET_BYTES as u32);
    site.replace("\"infocast\"", "\"mag\"");
    site.channel_key(&format!("[channel.mag]\n{keys}"));
    site.object("imageupdate", "image.bin", "");
    group
}

/// A box that fetches what is on a group into the file `out` of a site.
fn fetch(site: &Site, group: &str, more: &[&str]) -> Command {
    let mut command = receiver();
    command.args(["fetch", &format!("mag://{group}"), "--interface", "127.0.0.1", "--json"]);
    command.args(more).arg("--output").arg(site.path("out"));
    command
}

/// The same, to its end; the box's figures.
#[track_caller]
fn fetched(site: &Site, group: &str, expected: &[u8]) -> serde_json::Value {
    let done = run(&mut fetch(site, group, &[]));
    let answer = json(&String::from_utf8(done.stdout).unwrap());
    assert_eq!(done.status.code(), Some(0), "{answer}");
    is_here(site, expected);
    answer
}

/// Waits until somebody on this host has joined a group.
#[track_caller]
fn wait_joined(group: &str) {
    let address: Ipv4Addr = group.split(':').next().unwrap().parse().unwrap();
    let line = format!("{:08X}", u32::from_ne_bytes(address.octets()));
    let end = Instant::now() + DEADLINE;
    while !std::fs::read_to_string("/proc/net/igmp").unwrap().contains(&line) {
        assert!(Instant::now() < end, "nobody joined {group}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
fn is_here(site: &Site, expected: &[u8]) {
    assert!(std::fs::read(site.path("out")).unwrap() == expected, "the bytes differ");
}

#[test]
fn the_peer_receives_an_image_whose_packets_16_bits_do_not_count() {
    let _alone = alone();
    let image = noise(1, WRAPPING_BYTES);
    let mut site = Site::new();
    let group = channel(&mut site, 240_000, "serial = 9\ndescription = \"September\"");
    site.file("image.bin", &image);
    let ear = wire::Wrapping::listen(&group);
    let peer = peer_receives(&site, &group, &[]);
    let _headend = site.serve(&[]);
    let (code, answer) = peer.finish();
    let answer = json(&answer);
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &image);
    assert_eq!((&answer["serial"], &answer["description"]), (&9.into(), &"September".into()));
    assert_eq!(answer["complaints"], serde_json::json!({}), "{answer}");
    assert_eq!((&answer["restarts"], &answer["sources"]), (&0.into(), &1.into()), "{answer}");
    assert!(answer["index_wraps"].as_u64().unwrap() >= 1, "{answer}");
    ear.heard_the_index_begin_anew();
}

#[test]
fn a_box_receives_the_peers_image_whose_packets_16_bits_do_not_count() {
    let _alone = alone();
    let (site, group, image) = (Site::new(), free_group(), noise(2, WRAPPING_BYTES));
    let file = site.file("image.bin", &image);
    let _peer = peer_sends(&group, &file, "--serial 70000 --rate 25000000 --description big");
    let answer = fetched(&site, &group, &image);
    assert_eq!(answer["sha256"], sha256(&image));
    assert_eq!(answer["rejected"], serde_json::json!({}), "{answer}");
}

#[test]
fn the_peer_starts_over_and_ends_with_the_new_image_when_the_headend_replaces_it() {
    let mut site = Site::new();
    // Cycles of four seconds.
    let group = channel(&mut site, 4_000, "description_repeat_ms = 200");
    let (old, new) = (noise(3, 2_000_000), noise(4, 2_000_000));
    site.file("image.bin", &old);
    let mut headend = site.serve(&[]);
    let ear = join(&group);
    // It has heard about a quarter of the old image.
    let peer = peer_receives(&site, &group, &[]);
    hear(&ear, 350);
    site.file("image.bin", &new);
    // Whoever has no announcement learns of the new image by its serial number alone.
    headend.signal(Signal::HUP);
    let (code, answer) = peer.finish();
    let answer = json(&answer);
    assert_eq!(code, 0, "{answer}");
    if answer["restarts"] == 0 {
        // The old cycle was finished first, which was enough: then the next box has the new one.
        is_here(&site, &old);
        headend.wait_for("line-up 2 is on air");
        let (_, answer) = peer_receives(&site, &group, &[]).finish();
        assert_eq!(json(&answer)["complaints"], serde_json::json!({}), "{answer}");
    } else {
        assert_eq!(answer["restarts"], 1, "{answer}");
    }
    assert_eq!(answer["complaints"], serde_json::json!({}), "{answer}");
    is_here(&site, &new);
}

#[test]
fn a_box_starts_over_when_the_peers_serial_number_changes_midway() {
    let (site, group) = (Site::new(), free_group());
    let (old, new) = (noise(5, 1_000_000), noise(6, 1_000_000));
    let (old, file) = (site.file("old.bin", &old), site.file("new.bin", &new));
    let options = format!(
        "--serial 7 --rate 1000000 --change-after 500 --change-serial 8 --change-file {}",
        file.display()
    );
    let fetching = Program::start(&mut fetch(&site, &group, &[]));
    wait_joined(&group);
    let _peer = peer_sends(&group, &old, &options);
    let (code, answer) = fetching.finish();
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &new);
    assert_eq!(json(&answer)["revision_changes"], 1, "{answer}");
}
