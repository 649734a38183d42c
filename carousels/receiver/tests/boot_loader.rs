//! The examples for boot loaders run as they stand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod air;
mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use air::{Air, DEADLINE, assert_code, free_group, stdout};
use common::{Sent, noise};
use stbcast_flute::fdt::File;
use stbcast_flute::{AnnounceSession, FdtSettings, Statement, Step};
use stbcast_object::{Group, Micros};
use stbcast_release::{KeyRole, Object, ObjectKind, Release, Root, SigningKey, digest};

/// Cargo builds examples beside the tests, but names their path in no variable.
fn example(name: &str) -> assert_cmd::Command {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(example.exists(), "build the examples first: cargo build --examples");
    let mut command = assert_cmd::Command::new(example);
    command.timeout(DEADLINE);
    command
}

#[test]
fn the_example_installs_an_image() {
    let group = free_group();
    let _air = Air::objects(group, &[Sent::equal("software", &noise(5, 30_000), 1_400)]);
    let mut command = example("boot_loader");
    let done = command.args([&group.to_string(), "software", "127.0.0.1"]).output().unwrap();
    assert_code(&done, 0);
    assert_eq!(stdout(&done), "installed software: 30000 bytes, the flash holds 30000\n");
}

const DAY: u64 = 86_400;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// Root document 1 and a release of an image that is on air as `software`.
fn signed(channel: Group, image: &[u8], now: u64) -> (Vec<u8>, Vec<u8>) {
    let role = |number| KeyRole::new(1, [key(number).public().unwrap()]);
    let (operator, expiry) = ("example".to_owned(), now + 90 * DAY);
    let (root, release, channel_keys) = (role(1), role(2), role(3));
    let root = Root { number: 1, operator, epoch: 0, expiry, root, release, channel: channel_keys };
    let object = Object {
        kind: ObjectKind::Image,
        name: "software".to_owned(),
        length: image.len() as u64,
        sha256: digest(image),
        slice_bytes: 1_400.try_into().unwrap(),
        url: format!("infocast://{channel}/software"),
        companion: None,
        layout: None,
        http: Vec::new(),
        http_after: Object::HTTP_AFTER_DEFAULT,
        http_window_s: Object::HTTP_WINDOW_S_DEFAULT,
    };
    let release = Release {
        number: 42,
        epoch: 1,
        operator: "example".to_owned(),
        models: vec!["vip1113".to_owned()],
        hardware: 1..=4,
        not_before: now - DAY,
        expiry,
        objects: vec![object],
    };
    (root.sign(&[&key(1)]).unwrap(), release.sign(&key(2)).unwrap())
}

/// The datagrams of an announce session with one statement.
fn announced(group: Group, statement: Vec<u8>, now: u64) -> Vec<(Group, Vec<u8>)> {
    let wall = Micros::from_secs(now);
    let mut session = AnnounceSession::new(FdtSettings::new(1), Vec::new(), wall).unwrap();
    let file = File::new("release:42", 900).unwrap();
    let statement = Statement::new(file, statement.into()).unwrap();
    session.set(Vec::new(), vec![statement], wall).unwrap();
    let step = || match session.next(Micros::ZERO, wall) {
        Step::Fdt(datagram) => Some((group, datagram)),
        _ => None,
    };
    std::iter::from_fn(step).collect()
}

#[test]
fn the_trusting_example_installs_what_was_signed_and_commits_it() {
    let (channel, announce) = (free_group(), free_group());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let image = noise(6, 30_000);
    let (root, release) = signed(channel, &image, now);
    let mut datagrams = announced(announce, release, now);
    assert!(datagrams.len() > 1, "the description and the statement");
    datagrams.extend(air::on(channel, &[Sent::equal("software", &image, 1_400)]));
    let _air = Air::play(datagrams);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root).unwrap();
    let mut command = example("trusted_boot_loader");
    command.arg(file.path()).args([&announce.to_string(), "vip1113", "2", "127.0.0.1"]);
    let done = command.output().unwrap();
    assert_code(&done, 0);
    let told = "boots release 42 from bank B, on trial\nboots release 42 from bank B\n";
    assert_eq!(stdout(&done), told);
}
