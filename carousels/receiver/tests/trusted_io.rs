//! `boot --trust` over real multicast on the loopback interface, with the real program.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;
mod headend;
#[path = "trusted/sample.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use air::{Air, assert_code, free_group, json, on, program, stderr, stdout};
use common::{Sent, noise};
use headend::START;
use stbcast_flute::fdt::File;
use stbcast_flute::{AnnounceSession, FdtSettings, Statement, Step};
use stbcast_object::{Group, Micros};
use stbcast_receiver::Event;
use stbcast_receiver::io::{Moment, Observer, WatchRequest, WatchWord, watch};
use stbcast_release::{Action, Kind, Object, ObjectKind, Order, Release, Root, When, digest};

/// Far enough away for the real clock.
const NEVER: u64 = 1 << 40;

/// A line-up with an image, a splash and an announce session, and a box.
struct Line {
    announce: Group,
    image: Group,
    splash: Group,
    directory: tempfile::TempDir,
    /// Whether the image is on a MAG channel.
    mag: bool,
}

fn image(number: u64) -> Vec<u8> {
    noise(number, 300_000)
}

impl Line {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root { expiry: NEVER, ..sample::root() }.sign(&[&sample::key(1)]).unwrap();
        std::fs::write(directory.path().join("1.root.cose"), root).unwrap();
        Self {
            announce: free_group(),
            image: free_group(),
            splash: free_group(),
            directory,
            mag: false,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn object(&self, kind: ObjectKind, bytes: &[u8]) -> Object {
        let (name, group) = match kind {
            ObjectKind::Image => ("software", self.image),
            _ => ("logo", self.splash),
        };
        Object {
            kind,
            name: name.into(),
            length: bytes.len() as u64,
            sha256: digest(bytes),
            slice_bytes: 1_400.try_into().unwrap(),
            url: match kind {
                ObjectKind::Image if self.mag => format!("mag://{group}"),
                _ => format!("infocast://{group}/{name}"),
            },
            ..sample::splash_object()
        }
    }

    fn release(&self, number: u64) -> Release {
        let objects = vec![
            self.object(ObjectKind::Image, &image(number)),
            self.object(ObjectKind::Splash, sample::SPLASH),
        ];
        let release = sample::release(number, &sample::image(1));
        Release { objects, expiry: NEVER, not_before: 1, ..release }
    }

    /// These statements on air, with the objects of release `number`.
    fn play(&self, number: u64, statements: &[Vec<u8>]) -> Air {
        let mut session = AnnounceSession::new(FdtSettings::new(1), Vec::new(), START).unwrap();
        let statement = |(toi, bytes): (u32, &Vec<u8>)| {
            let file = File::new(&format!("release:{toi}"), toi).unwrap();
            Statement::new(file, bytes.as_slice().into()).unwrap()
        };
        let statements = (1..).zip(statements).map(statement).collect();
        session.set(Vec::new(), statements, START).unwrap();
        let mut datagrams = Vec::new();
        while let Step::Fdt(bytes) = session.next(Micros::ZERO, START) {
            datagrams.push((self.announce, bytes));
        }
        datagrams.extend(on(self.splash, &[Sent::equal("logo", sample::SPLASH, 1_400)]));
        if self.mag {
            let cycle = mag_cycle(number as u16, &image(number));
            datagrams.extend(cycle.into_iter().map(|bytes| (self.image, bytes)));
        } else {
            datagrams.extend(on(self.image, &[Sent::equal("software", &image(number), 1_400)]));
        }
        Air::play(datagrams)
    }

    fn boot(&self, more: &[&str]) -> Output {
        let (announce, root, store) =
            (self.announce.to_string(), self.path("1.root.cose"), self.path("store"));
        let trust = ["boot", "--trust", root.to_str().unwrap(), "--announce", &announce];
        let own = ["--bootcast-id", "VIP1113", "--hardware", "3", "--serial", "1931690851"];
        let rest = ["--store", store.to_str().unwrap(), "--interface", "127.0.0.1"];
        let patience = ["--timeout", "1", "--attempts", "1"];
        program(&[&trust[..], &own, &rest, &patience, more].concat())
    }

    fn verb(&self, verb: &str) -> Output {
        program(&[verb, "--store", self.path("store").to_str().unwrap()])
    }
}

/// A cycle of an image on a MAG channel.
fn mag_cycle(serial: u16, image: &[u8]) -> Vec<Vec<u8>> {
    let (length, last) = (image.len() as u32, image.len().div_ceil(1_400) as u16 - 1);
    let packets = image.chunks(1_400).enumerate().map(|(index, packet)| {
        let (index, offset) = (index as u16, index as u32 * 1_400);
        let header = stbcast_mag::Header { serial, index, last, offset, length };
        [&header.encode()[..], packet].concat()
    });
    let description = stbcast_mag::Description::new("MAG254 219").unwrap().encode(serial);
    std::iter::once(description).chain(packets).collect()
}

fn last_line(output: &Output) -> String {
    stdout(output).lines().last().unwrap_or_default().to_owned()
}

fn holds(file: &str, bytes: &[u8]) -> bool {
    std::fs::read(Path::new(file)).unwrap() == bytes
}

#[test]
fn a_signed_release_is_installed_booted_on_trial_committed_and_then_held() {
    let line = Line::new();
    let air = line.play(42, &[sample::signed(&line.release(42))]);
    let done = line.boot(&["--json"]);
    assert_code(&done, 0);
    let answer = json(&done);
    assert_eq!((&answer["outcome"], &answer["release"]), (&"armed".into(), &42.into()));
    let booted = &answer["booted"];
    assert_eq!((&booted["release"], &booted["on_trial"]), (&42.into(), &true.into()));
    assert_eq!((&booted["bank"], &booted["boots_left"]), (&"B".into(), &2.into()));
    assert!(holds(booted["file"].as_str().unwrap(), &image(42)));
    let parts: Vec<_> = answer["parts"].as_array().unwrap().iter().collect();
    assert_eq!(
        parts.iter().map(|it| it["part"].as_str().unwrap()).collect::<Vec<_>>(),
        ["image", "splash"]
    );
    assert_eq!(answer["fetched_bytes"], 300_000 + sample::SPLASH.len());
    assert!(!stderr(&done).contains("warning: nothing here is proven"), "{}", stderr(&done));

    let trial = line.boot(&[]);
    assert_code(&trial, 0);
    assert_eq!(last_line(&trial), "boot: release 42 of bank B, on trial, boots left: 1");
    assert_code(&line.verb("commit"), 0);
    let held = line.boot(&[]);
    assert_eq!(last_line(&held), "boot: release 42 of bank B, because it is the release on air");
    drop(air);

    // Off the air: what is installed boots.
    let silent = line.boot(&[]);
    assert_code(&silent, 0);
    let line_said = last_line(&silent);
    let expected = "boot: release 42 of bank B, because the announce session is silent";
    assert!(line_said.starts_with(expected), "{line_said}");

    // The next one goes to the other bank.
    let _air = line.play(43, &[sample::signed(&line.release(43))]);
    let next = line.boot(&["--quiet"]);
    assert_eq!(
        last_line(&next),
        "boot: release 43 of bank A, on trial, boots left: 2, from the network"
    );
    assert_eq!(stderr(&next), "");
    assert_code(&line.verb("rollback"), 0);
    let slots = stdout(&line.verb("slots"));
    assert!(slots.contains("boot: release 42 of bank B"), "{slots}");
}

#[test]
fn a_signed_release_whose_image_is_on_a_mag_channel_is_installed() {
    let line = Line { mag: true, ..Line::new() };
    let _air = line.play(42, &[sample::signed(&line.release(42))]);
    let done = line.boot(&["--json"]);
    assert_code(&done, 0);
    let answer = json(&done);
    assert_eq!((&answer["outcome"], &answer["release"]), (&"armed".into(), &42.into()));
    assert!(holds(answer["booted"]["file"].as_str().unwrap(), &image(42)));
    assert_eq!(answer["fetched_bytes"], 300_000 + sample::SPLASH.len());
}

#[test]
fn what_is_not_signed_is_refused_and_said_and_there_is_nothing_to_boot() {
    let line = Line::new();
    let release = line.release(42);
    let mut tampered = sample::signed(&release);
    let last = tampered.len() - 1;
    tampered[last] ^= 1;
    let foreign = release.sign(&sample::key(66)).unwrap();
    let other = Release { models: vec!["OTHER".into()], ..release };
    let _air = line.play(42, &[tampered, foreign, sample::signed(&other)]);
    let done = line.boot(&["--json"]);
    assert_code(&done, 1);
    let answer = json(&done);
    assert_eq!((&answer["outcome"], &answer["booted"]), (&"nothing_usable".into(), &().into()));
    let reasons = answer["refused"].as_array().unwrap().iter();
    let mut reasons: Vec<_> = reasons.map(|one| one["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["model", "signature", "unknown_key"]);
    assert_eq!(answer["fetched_bytes"], 0);
    let text = line.boot(&[]);
    let expected = "boot: nothing to boot: no signed release for this box was heard";
    assert_eq!(last_line(&text), expected);
    assert!(stdout(&text).contains("refused: 1 of `model`, first: the release is for"));
}

#[test]
fn a_release_of_which_a_part_lacked_goes_on_with_what_is_held() {
    let line = Line::new();
    let release = line.release(42);
    // Only the image is on air, so that the release cannot be whole.
    let release = Release {
        objects: vec![
            line.object(ObjectKind::Image, &image(42)),
            Object { sha256: [9; 32], ..line.object(ObjectKind::Splash, sample::SPLASH) },
        ],
        ..release
    };
    let without_splash = line.play(42, &[sample::signed(&release)]);
    let failed = line.boot(&["--json"]);
    assert_code(&failed, 1);
    assert_eq!(json(&failed)["outcome"], "failed");
    drop(without_splash);
    let _air = line.play(42, &[sample::signed(&line.release(42))]);
    let done = line.boot(&["--json"]);
    assert_code(&done, 0);
    let answer = json(&done);
    assert_eq!((&answer["resumed_bytes"], &answer["outcome"]), (&300_000.into(), &"armed".into()));
    assert_eq!(answer["fetched_bytes"], sample::SPLASH.len());
}

#[test]
fn a_root_that_is_none_does_not_keep_a_box_from_booting_what_it_has() {
    let line = Line::new();
    let air = line.play(42, &[sample::signed(&line.release(42))]);
    assert_code(&line.boot(&[]), 0);
    assert_code(&line.verb("commit"), 0);
    drop(air);
    std::fs::write(line.path("1.root.cose"), b"rubbish").unwrap();
    let done = line.boot(&[]);
    assert_code(&done, 0);
    let said = last_line(&done);
    let expected = "boot: release 42 of bank B, because the root document cannot be used: ";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn options_of_unsigned_boots_are_refused_beside_trust() {
    let line = Line::new();
    for more in [
        &["--http", "http://a.example/"][..],
        &["--tftp", "a.example"],
        &["--order", "3,1,3"],
        &["--keep-parameters"],
        &["--metadata", "239.1.1.1:1"],
        &["--diagnostic"],
    ] {
        let done = line.boot(more);
        assert_code(&done, 2);
        assert!(stderr(&done).contains("cannot be used with"), "{}", stderr(&done));
    }
    let alone = program(&["boot", "--trust", "x", "--store", "/nonexistent/x"]);
    assert_code(&alone, 2);
    assert!(stderr(&alone).contains("--announce") && stderr(&alone).contains("--hardware"));
}

#[test]
fn without_trust_one_line_says_what_is_not_proven() {
    let line = Line::new();
    let (metadata, store) = (free_group().to_string(), line.path("other"));
    let boot = |more: &[&str]| {
        let fixed = ["boot", "--bootcast-id", "vip1113", "--metadata", &metadata];
        let rest = ["--interface", "127.0.0.1", "--timeout", "1", "--attempts", "1"];
        let store = ["--store", store.to_str().unwrap()];
        stderr(&program(&[&fixed[..], &rest, &store, more].concat()))
    };
    let said = boot(&[]);
    let warnings = said.lines().filter(|line| line.contains("--trust"));
    let warnings: Vec<_> = warnings.collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(
        warnings[0].starts_with("warning: nothing here is proven: metadata, versions and images")
    );
    assert!(!boot(&["--quiet"]).contains("--trust"));
}

#[test]
fn a_root_or_an_interface_that_is_missing_does_not_keep_a_box_from_booting_what_it_has() {
    let line = Line::new();
    let air = line.play(42, &[sample::signed(&line.release(42))]);
    assert_code(&line.boot(&[]), 0);
    assert_code(&line.verb("commit"), 0);
    drop(air);
    let (announce, root, store) =
        (line.announce.to_string(), line.path("1.root.cose"), line.path("store"));
    for (root, interface) in [(root.clone(), "nic9"), (line.path("gone"), "127.0.0.1")] {
        let done = program(&[
            "boot",
            "--trust",
            root.to_str().unwrap(),
            "--announce",
            &announce,
            "--hardware",
            "3",
            "--bootcast-id",
            "VIP1113",
            "--store",
            store.to_str().unwrap(),
            "--interface",
            interface,
            "--timeout",
            "1",
            "--attempts",
            "1",
        ]);
        let said = last_line(&done);
        assert!(said.starts_with("boot: release 42 of bank B"), "{said} {}", stderr(&done));
    }
}

/// Somebody watches until the action has been heard for two seconds.
struct Viewer {
    busy: PathBuf,
    leaves: Option<std::thread::JoinHandle<()>>,
    was_over: bool,
}

impl Observer for Viewer {
    fn event(&mut self, _: &Moment, event: &Event) {
        match event {
            Event::Statement { kind: Kind::Action, .. } if self.leaves.is_none() => {
                let busy = self.busy.clone();
                self.leaves = Some(std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_secs(2));
                    std::fs::remove_file(&busy).unwrap();
                }));
            }
            Event::WatchDone(_) => self.was_over |= self.busy.exists(),
            _ => {}
        }
    }
}

#[test]
fn a_box_that_somebody_watches_listens_on_and_reboots_when_nobody_does() {
    let line = Line::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let action = Action {
        number: now,
        not_before: now - 60,
        expiry: now + 3_600,
        order: Order::Reboot { release: 42, jitter_s: 0, when: When::Idle },
        ..sample::reboot()
    };
    let _air = line.play(42, &[sample::acted(&action)]);
    std::fs::create_dir(line.path("store")).unwrap();
    let busy = line.path("busy");
    std::fs::write(&busy, b"").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let identity = sample::options().identity;
    let request = WatchRequest {
        interface: Some("127.0.0.1".into()),
        busy: Some(busy.clone()),
        stop: Arc::clone(&stop),
        ..WatchRequest::new(line.path("1.root.cose"), identity, line.announce, line.path("store"))
    };
    // A deadline: it ends with an error then.
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(20));
        stop.store(true, Ordering::Relaxed);
    });
    let mut viewer = Viewer { busy, leaves: None, was_over: false };
    let told = watch(&request, &mut viewer).unwrap();
    assert_eq!((told.reason, told.action, told.in_s), (WatchWord::Reboot, Some(now), 0));
    viewer.leaves.expect("it heard the action").join().unwrap();
    assert!(!viewer.was_over, "it listens as long as somebody watches");
}
