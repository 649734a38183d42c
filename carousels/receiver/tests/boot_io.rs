//! `boot` over real multicast on the loopback interface.

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
use std::path::Path;
use std::process::Output;
use std::sync::atomic::Ordering;

use air::headend::{Headend, Weather};
use air::image::{Groups, Image};
use air::{Air, assert_code, files, free_group, json, on, program, sha256, stderr, stdout};
use common::{Sent, name, noise};
use stbcast_fec::Choice;
use stbcast_object::Group;
use stbcast_receiver::Event;
use stbcast_receiver::io::{BootRequest, Interface, IoError, Moment, Observer, Store, boot};

/// Three channels as a small line-up has them.
struct LineUp {
    metadata: Group,
    splash: Group,
    image: Group,
}

impl LineUp {
    fn new() -> Self {
        Self { metadata: free_group(), splash: free_group(), image: free_group() }
    }

    fn control(&self, version: &str) -> Sent {
        let Self { splash, image, .. } = self;
        let text = format!(
            "bc_kernel_addr {image}\nbc_kernel_name software\nbc_kernel_version {version}\n\
             bc_splash_addr {splash}\nbc_splash_name logo\nbc_splash_version s1\n"
        );
        let object_type = 4;
        Sent { object_type, ..Sent::equal("vip1113", text.as_bytes(), 256) }
    }

    /// Everything on air; the image is made from the version.
    fn play(&self, version: &str) -> Air {
        let splash = Sent::equal("logo", &noise(7, 3_000), 1_000);
        let software = Sent::equal("software", &image(version), 1_400);
        let mut datagrams = on(self.metadata, &[self.control(version)]);
        datagrams.extend(on(self.splash, &[splash]));
        datagrams.extend(on(self.image, &[software]));
        Air::play(datagrams)
    }

    fn boot(&self, store: &Path, more: &[&str]) -> Output {
        let metadata = self.metadata.to_string();
        let store = store.to_str().unwrap();
        let fixed = ["boot", "--bootcast-id", "vip1113", "--metadata", &metadata, "--store", store];
        let patience = ["--interface", "127.0.0.1", "--timeout", "1", "--attempts", "1"];
        program(&[&fixed[..], &patience, more].concat())
    }
}

fn image(version: &str) -> Vec<u8> {
    noise(version.len() as u64 * 31 + u64::from(version.as_bytes()[0]), 40_000)
}

fn last_line(output: &Output) -> String {
    stdout(output).lines().last().unwrap_or_default().to_owned()
}

/// A store that holds the image `version`, installed from the air.
fn booted(line_up: &LineUp, version: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let _air = line_up.play(version);
    let done = line_up.boot(directory.path(), &[]);
    assert_code(&done, 0);
    assert_eq!(last_line(&done), format!("boot: image {version} from the network"));
    directory
}

#[test]
fn a_box_installs_what_is_on_air_and_downloads_nothing_twice() {
    let line_up = LineUp::new();
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("new");
    let _air = line_up.play("4.6");
    let first = line_up.boot(&store, &["--json"]);
    assert_code(&first, 0);
    let answer = json(&first);
    let digest = sha256(&image("4.6"));
    assert_eq!(answer["control_error"], serde_json::Value::Null);
    assert_eq!(answer["booted"]["from"], "network");
    assert_eq!(answer["booted"]["version"], "4.6");
    assert_eq!(answer["booted"]["sha256"], digest);
    let parts = answer["parts"].as_array().unwrap();
    let outcomes: Vec<_> = parts
        .iter()
        .map(|p| (p["part"].as_str().unwrap(), p["outcome"].as_str().unwrap()))
        .collect();
    let expected = [("splash", "installed"), ("image", "installed"), ("diagnostic", "not_named")];
    assert_eq!(outcomes, expected);
    assert_eq!((&parts[1]["bytes"], &parts[1]["sha256"]), (&40_000.into(), &digest.clone().into()));
    assert!(parts[1]["cycles"].as_f64().unwrap() >= 1.0);
    let data = format!("image.{}", &digest[..16]);
    let splash = format!("splash.{}", &sha256(&noise(7, 3_000))[..16]);
    assert_eq!(files(&store), [".lock", &data, "image.json", &splash, "splash.json"]);
    assert!(fs::read(store.join(data)).unwrap() == image("4.6"));

    let second = line_up.boot(&store, &[]);
    assert_code(&second, 0);
    let expected = "splash: up to date, version s1\nimage: up to date, version 4.6\n\
        boot: image 4.6 from the store, because it is the version on air\n";
    assert_eq!(stdout(&second), expected);
    assert!(stderr(&second).contains("image: the store holds it already"), "{}", stderr(&second));
}

#[test]
fn a_new_version_replaces_the_old_one() {
    let line_up = LineUp::new();
    let store = booted(&line_up, "4.5");
    let _air = line_up.play("5.0");
    let done = line_up.boot(store.path(), &["--quiet"]);
    assert_code(&done, 0);
    assert_eq!(
        (last_line(&done).as_str(), stderr(&done).as_str()),
        ("boot: image 5.0 from the network", "")
    );
    let data = format!("image.{}", &sha256(&image("5.0"))[..16]);
    assert!(files(store.path()).contains(&data));
    assert_eq!(files(store.path()).len(), 5, "nothing is left of the old one");
}

#[test]
fn a_silent_metadata_channel_boots_from_the_store_and_says_so() {
    let line_up = LineUp::new();
    let store = booted(&line_up, "4.5");
    let done = line_up.boot(store.path(), &[]);
    assert_code(&done, 0);
    let line = last_line(&done);
    let expected = "boot: image 4.5 from the store, because the channel was silent in 1 attempts";
    assert!(line.starts_with(expected), "{line}");
    let answer = json(&line_up.boot(store.path(), &["--json"]));
    assert_eq!(answer["booted"]["from"], "store");
    assert!(answer["booted"]["why"].as_str().unwrap().contains("silent"));
}

#[test]
fn a_silent_image_channel_leaves_the_old_image() {
    let line_up = LineUp::new();
    let store = booted(&line_up, "4.5");
    let _air = Air::objects(line_up.metadata, &[line_up.control("4.6")]);
    let done = line_up.boot(store.path(), &[]);
    assert_code(&done, 0);
    assert!(stdout(&done).contains("image: failed: the channel was silent"), "{}", stdout(&done));
    let line = last_line(&done);
    assert!(line.starts_with("boot: image 4.5 from the store, because the image on air"), "{line}");
}

#[test]
fn an_empty_box_on_a_silent_channel_has_nothing_to_boot() {
    let directory = tempfile::tempdir().unwrap();
    let done = LineUp::new().boot(directory.path(), &[]);
    assert_code(&done, 1);
    let line = last_line(&done);
    assert!(line.starts_with("boot: nothing to boot: the channel was silent"), "{line}");
    let done = LineUp::new().boot(directory.path(), &["--json"]);
    assert_code(&done, 1);
    let booted = &json(&done)["booted"];
    assert_eq!((&booted["from"], &booted["version"]), (&"nothing".into(), &().into()));
}

#[test]
fn a_damaged_image_is_told_and_downloaded_again() {
    let line_up = LineUp::new();
    let store = booted(&line_up, "4.6");
    let data = store.path().join(format!("image.{}", &sha256(&image("4.6"))[..16]));
    let mut bytes = fs::read(&data).unwrap();
    bytes[12_345] ^= 1;
    fs::write(&data, bytes).unwrap();
    let silent = line_up.boot(store.path(), &[]);
    assert_code(&silent, 1);
    assert!(stderr(&silent).contains("counts as absent"), "{}", stderr(&silent));
    let _air = line_up.play("4.6");
    let done = line_up.boot(store.path(), &[]);
    assert_code(&done, 0);
    assert_eq!(last_line(&done), "boot: image 4.6 from the network");
    assert!(fs::read(&data).unwrap() == image("4.6"));
}

#[test]
fn a_control_object_that_cannot_be_used_is_a_reason() {
    let line_up = LineUp::new();
    let store = booted(&line_up, "4.5");
    let broken = Sent::equal("vip1113", b"bc_kernel_addr 10.0.0.1:5\nbc_kernel_name x\n", 256);
    let _air = Air::objects(line_up.metadata, &[broken]);
    let done = line_up.boot(store.path(), &[]);
    assert_code(&done, 0);
    let line = last_line(&done);
    assert!(line.contains("from the store, because the control object cannot be used"), "{line}");
}

#[test]
fn a_box_that_knows_the_announce_group_boots_with_repair() {
    let line_up = LineUp::new();
    let groups = Groups { channel: line_up.image, ..Groups::free() };
    let software = Image { name: "software", ..Image::new(image("4.6"), Choice::Rs16) };
    let splash = Sent::equal("logo", &noise(7, 3_000), 1_000);
    let mut beside = on(line_up.metadata, &[line_up.control("4.6")]);
    beside.extend(on(line_up.splash, &[splash]));
    // Some slices never come: only repair completes the image.
    let weather = Weather { held_back: Some(10), ..Weather::lossy(20) };
    let _air = Headend::play_beside(groups, &[software], beside, weather);
    let directory = tempfile::tempdir().unwrap();
    let announce = groups.announce.to_string();
    let done = line_up.boot(directory.path(), &["--announce", &announce, "--json"]);
    assert_code(&done, 0);
    let answer = json(&done);
    assert_eq!(answer["booted"]["sha256"], sha256(&image("4.6")));
    let (splash, kernel) = (&answer["parts"][0], &answer["parts"][1]);
    assert_eq!(
        (&splash["outcome"], &splash["no_repair"]),
        (&"installed".into(), &"it is not announced".into()),
        "{splash}"
    );
    assert_eq!(
        (&kernel["check"], &kernel["announced"]["fec"], &kernel["recovered_blocks"]),
        (&"SHA-256 as announced".into(), &"rs16".into(), &1.into()),
        "{kernel}"
    );
    assert!(kernel["recovered_symbols"].as_u64().unwrap() >= 2, "{kernel}");

    // For people, in words.
    let directory = tempfile::tempdir().unwrap();
    let done = line_up.boot(directory.path(), &["--announce", &announce]);
    assert_code(&done, 0);
    let text = stdout(&done);
    assert!(text.contains(", repair not used: it is not announced"), "{text}");
    assert!(text.contains(", repair 1 block recovered: "), "{text}");
}

/// Sets the stop flag once the boot image is being received.
struct StopInImage(BootRequest, u32);

impl Observer for StopInImage {
    fn event(&mut self, _: &Moment, event: &Event) {
        if let Event::Found { revision } = event {
            self.0.stop.store(revision.slices() == self.1, Ordering::Relaxed);
        }
    }
}

#[test]
fn an_interrupted_boot_leaves_the_store_as_it_was() {
    let line_up = LineUp::new();
    let store = booted(&line_up, "4.5");
    let before = files(store.path());
    let mut datagrams = on(line_up.metadata, &[line_up.control("4.6")]);
    let software = Sent::equal("software", &image("4.6"), 1_400);
    let total = software.total();
    datagrams.extend(on(line_up.image, &[software]));
    // Without its last slice the image is never whole.
    datagrams.pop();
    let _air = Air::play(datagrams);
    let interface = Some(Interface::resolve("127.0.0.1").unwrap());
    let request = BootRequest::new(line_up.metadata, name("vip1113"), store.path());
    let request = BootRequest { interface, ..request };
    let outcome = boot(&request, &mut StopInImage(request.clone(), total));
    assert!(matches!(outcome, Err(IoError::Interrupted)), "{outcome:?}");
    assert_eq!(files(store.path()), before);
    assert_eq!(Store::open(store.path()).unwrap().versions().kernel.as_deref(), Some("4.5"));
}

#[test]
fn a_store_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _held = Store::open(directory.path()).unwrap();
    let done = LineUp::new().boot(directory.path(), &["--json"]);
    assert_code(&done, 1);
    let error = json(&done)["error"].as_str().unwrap().to_owned();
    assert!(error.contains("in use by another program"), "{error}");
}

#[test]
fn a_wrong_question_is_refused_with_the_reason() {
    let cases: [(&[&str], &str); 4] = [
        (&["boot", "--store", "x"], "--bootcast-id"),
        (&["boot", "--bootcast-id", "a/b", "--store", "x"], "legal are printable"),
        (&["boot", "--bootcast-id", "a"], "--store"),
        (&["boot", "--bootcast-id", "a", "--store", "x", "--metadata", "1.2.3.4"], "multicast"),
    ];
    for (arguments, reason) in cases {
        let done = program(arguments);
        assert_code(&done, 2);
        assert!(stderr(&done).contains(reason), "{arguments:?}: {}", stderr(&done));
    }
}
