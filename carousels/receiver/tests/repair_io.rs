//! `fetch` with an announce session, companions and FLUTE carousels over real multicast on the
//! loopback interface.

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

use air::carousels::{announce, flute_carousel, foreign_carousel};
use air::headend::{Headend, Weather};
use air::image::{Groups, Image};
use air::{assert_code, files, free_group, json, program, sha256, stderr, stdout};
use common::noise;
use flute::core::Oti;
use serde_json::Value;
use stbcast_fec::Choice;
use stbcast_object::Micros;
use stbcast_receiver::Event;
use stbcast_receiver::io::{FetchRequest, Interface, IoError, Moment, Observer, fetch, parse_url};

/// 500 slices: three blocks of `rs8`, one of the others.
fn object() -> Vec<u8> {
    noise(1, 699_999)
}

/// Fetches with the program into a directory of its own; the answer for programs.
fn fetched(url: &str, more: &[&str], expected: &[u8]) -> (Value, Output) {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("image.bin");
    let fixed = ["fetch", url, "--interface", "127.0.0.1", "--json", "--output"];
    let done = program(&[&fixed[..], &[output.to_str().unwrap()], more].concat());
    assert_code(&done, 0);
    assert!(fs::read(&output).unwrap() == expected, "the bytes differ");
    assert_eq!(files(directory.path()), ["image.bin"]);
    let answer = json(&done);
    assert_eq!(answer["sha256"], sha256(expected));
    (answer, done)
}

fn count(answer: &Value, key: &str) -> u64 {
    answer[key].as_u64().unwrap_or_else(|| panic!("{key} in {answer}"))
}

#[test]
fn a_box_that_is_told_the_announce_group_alone_makes_up_for_losses_with_every_code() {
    for (fec, scheme) in
        [(Choice::Rs8, "rs8"), (Choice::Rs16, "rs16"), (Choice::Raptorq, "raptorq")]
    {
        let (groups, image) = (Groups::free(), Image::new(object(), fec));
        let _air = Headend::play(groups, &image, Weather { ratio: 400, ..Weather::lossy(100) });
        let announce = groups.announce.to_string();
        let (answer, _) = fetched(&image.url(&groups), &["--announce", &announce], &object());
        assert_eq!(answer["check"], "SHA-256 as announced", "{answer}");
        assert_eq!(answer["no_repair"], Value::Null, "{answer}");
        let announced = &answer["announced"];
        assert_eq!(
            (&announced["fec"], &announced["symbols"], &announced["symbol_bytes"]),
            (&scheme.into(), &500.into(), &1_400.into())
        );
        assert_eq!(announced["companion"], groups.companion.to_string());
        assert_eq!(announced["kind"], "image");
        // What came of the carousel was not waited for a second time.
        let recovered = count(&answer, "recovered_symbols");
        assert!(recovered >= 20 && count(&answer, "stored") + recovered == 500, "{answer}");
        assert_eq!(count(&answer, "recovered_blocks"), count(announced, "blocks"), "{answer}");
        assert!(count(&answer, "repair_stored") >= recovered, "{answer}");
        // However long recovering took, nothing was received meanwhile.
        let cycles = answer["cycles"].as_f64().unwrap();
        assert!((1.0..1.3).contains(&cycles) && count(&answer, "descriptions") >= 1, "{answer}");
    }
}

#[test]
fn an_object_that_is_announced_without_repair_is_fetched_and_its_digest_proven() {
    let (groups, image) = (Groups::free(), Image::without_repair(object()));
    let _air = Headend::play(groups, &image, Weather::FINE);
    let announce = groups.announce.to_string();
    let (answer, done) = fetched(&image.url(&groups), &["--announce", &announce], &object());
    assert_eq!(answer["check"], "SHA-256 as announced");
    assert_eq!(answer["no_repair"], "none are sent for this object");
    assert_eq!(answer["announced"]["fec"], Value::Null);
    assert!(stderr(&done).contains("without repair: none are sent"), "{}", stderr(&done));
}

#[test]
fn a_silent_announce_group_and_an_object_nobody_announces_are_told_and_fetched_all_the_same() {
    let (groups, image) = (Groups::free(), Image::new(object(), Choice::Rs16));
    let other = Image { name: "other", ..Image::without_repair(noise(9, 5_000)) };
    let _other = Headend::play(Groups { channel: free_group(), ..groups }, &other, Weather::FINE);
    let _air = Headend::play_unannounced(groups, &image, Weather::FINE);
    let silent = free_group();
    for (group, why) in
        [(silent, "the announce group is silent"), (groups.announce, "it is not announced")]
    {
        let more = ["--announce", &group.to_string(), "--timeout", "2"];
        let (answer, done) = fetched(&image.url(&groups), &more, &object());
        assert_eq!(answer["no_repair"], why, "{answer}");
        assert_eq!((&answer["check"], &answer["announced"]), (&Value::Null, &Value::Null));
        assert!(stderr(&done).contains(why), "{}", stderr(&done));
    }
}

#[test]
fn a_companion_that_is_named_describes_the_object_where_nothing_is_announced() {
    let (groups, image) = (Groups::free(), Image::new(object(), Choice::Rs16));
    let _air = Headend::play_unannounced(groups, &image, Weather::lossy(50));
    let companion = groups.companion.to_string();
    let (answer, _) = fetched(&image.url(&groups), &["--repair", &companion], &object());
    assert_eq!(answer["check"], "SHA-256 as announced");
    assert!(count(&answer, "recovered_symbols") > 0, "{answer}");
}

#[test]
fn a_companion_that_is_named_is_heard_instead_of_the_announced_one() {
    let groups = Groups::free();
    let image = Image::new(object(), Choice::Rs16);
    // The announced companion is a group that nobody sends to.
    let elsewhere = Groups { companion: free_group(), ..groups };
    let _air = Headend::play_unannounced(groups, &image, Weather::lossy(50));
    let _announce = announce(&elsewhere, &image);
    let more =
        ["--announce", &groups.announce.to_string(), "--repair", &groups.companion.to_string()];
    let (answer, _) = fetched(&image.url(&groups), &more, &object());
    assert_eq!(answer["announced"]["companion"], elsewhere.companion.to_string());
    assert!(count(&answer, "recovered_symbols") > 0, "{answer}");
}

#[test]
fn too_little_memory_is_told_and_the_object_fetched_without_repair() {
    let (groups, image) = (Groups::free(), Image::new(noise(3, 4_000_000), Choice::Rs16));
    let _air = Headend::play(groups, &image, Weather::FINE);
    let more = ["--announce", &groups.announce.to_string(), "--memory", "4"];
    let (answer, done) = fetched(&image.url(&groups), &more, &image.bytes);
    let why = answer["no_repair"].as_str().unwrap();
    assert!(why.contains("memory"), "{why}");
    assert!(stderr(&done).contains(why), "{}", stderr(&done));
    assert_eq!(answer["check"], "SHA-256 as announced");
}

#[test]
fn people_are_told_what_was_announced_and_what_repair_did() {
    let (groups, image) = (Groups::free(), Image::new(object(), Choice::Rs8));
    let _air = Headend::play(groups, &image, Weather::lossy(50));
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("image.bin");
    let (url, announce) = (image.url(&groups), groups.announce.to_string());
    let fixed = ["fetch", &url, "--interface", "127.0.0.1", "--announce", &announce];
    let done = program(&[&fixed[..], &["--output", output.to_str().unwrap()]].concat());
    assert_code(&done, 0);
    let expected =
        format!("announced: 699999 bytes, rs8 in 3 blocks, repair on {}", groups.companion);
    assert!(stderr(&done).contains(&expected), "{}", stderr(&done));
    let text = stdout(&done);
    for wanted in ["check     SHA-256 as announced", "repair    ", " blocks recovered", "source"] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
}

#[test]
fn a_flute_carousel_of_ours_is_fetched_with_and_without_a_code() {
    for fec in [None, Some(Choice::Raptorq)] {
        let group = free_group();
        let image = Image { name: "image.bin", fec, ..Image::without_repair(object()) };
        let _air =
            flute_carousel(group, &image, Weather::lossy(if fec.is_some() { 50 } else { 2 }));
        let url = format!("flute://{group}/image.bin");
        let (answer, _) = fetched(&url, &[], &object());
        assert_eq!(
            (&answer["url"], &answer["check"]),
            (&url.into(), &"SHA-256 as announced".into())
        );
        assert_eq!(count(&answer, "recovered_blocks") > 0, fec.is_some(), "{answer}");
    }
}

#[test]
fn a_flute_carousel_of_another_sender_is_fetched_with_and_without_a_code() {
    let raptorq = Oti::new_raptorq(1_400, 200, 20, 1, 4).unwrap();
    for (oti, scheme) in [(Oti::new_no_code(1_400, 64), Value::Null), (raptorq, "raptorq".into())] {
        let group = free_group();
        let _air = foreign_carousel(group, "file:///image.bin", oti, &object());
        let (answer, _) = fetched(&format!("flute://{group}/image.bin"), &[], &object());
        assert_eq!(answer["announced"]["fec"], scheme, "{answer}");
        assert_eq!(answer["check"], Value::Null, "it has no digest that we compute");
        let symbols = count(&answer, "stored") + count(&answer, "recovered_symbols");
        assert_eq!(symbols, 500, "{answer}");
    }
}

fn request(groups: &Groups, image: &Image, output: &Path) -> FetchRequest {
    FetchRequest {
        interface: Some(Interface::resolve("127.0.0.1").unwrap()),
        announce: Some(groups.announce),
        ..FetchRequest::new(parse_url(&image.url(groups)).unwrap(), output)
    }
}

/// Does something at the first moment of its liking.
struct At<C, D>(C, Option<D>);

impl<C: Fn(&Moment) -> bool, D: FnOnce()> At<C, D> {
    fn look(&mut self, moment: &Moment) {
        if (self.0)(moment)
            && let Some(act) = self.1.take()
        {
            act();
        }
    }
}

impl<C: Fn(&Moment) -> bool, D: FnOnce()> Observer for At<C, D> {
    fn event(&mut self, moment: &Moment, _: &Event) {
        self.look(moment);
    }
    fn tick(&mut self, moment: &Moment) {
        self.look(moment);
    }
}

#[test]
fn blocks_are_recovered_while_others_are_still_received() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    // Twenty blocks. The last one cannot be complete before the others are recovered.
    let image = Image::new(noise(5, 5_600_000), Choice::Rs8);
    assert_eq!(image.geometry().unwrap().blocks(), 20);
    let weather = Weather { held_back: Some(20), ..Weather::lossy(50) };
    let headend = Headend::play(groups, &image, weather);
    let others = |moment: &Moment| moment.stats.recovered_blocks == 19;
    let mut observer = At(others, Some(|| headend.release()));
    let output = directory.path().join("image");
    let summary = fetch(&request(&groups, &image, &output), &mut observer).unwrap();
    assert!(observer.1.is_none(), "the others were recovered first");
    assert!(fs::read(&output).unwrap() == image.bytes);
    assert!(summary.figures.repair.recovered_blocks >= 19);
}

#[test]
fn a_new_revision_on_air_replaces_the_one_being_received_and_nothing_is_mixed() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    // The old one never gets whole, so the change comes in the middle.
    let old = Image::new(noise(6, 6_000_000), Choice::Rs16);
    let new = Image::new(noise(7, 3_000_000), Choice::Rs16);
    let weather = Weather { held_back: Some(2), ratio: 50, ..Weather::lossy(20) };
    let headend = Headend::play(groups, &old, weather);
    let begun = |moment: &Moment| moment.progress.held > 100;
    let mut observer = At(begun, Some(|| headend.revise(&new)));
    let output = directory.path().join("image");
    let summary = fetch(&request(&groups, &old, &output), &mut observer).unwrap();
    assert!(fs::read(&output).unwrap() == new.bytes);
    assert_eq!(summary.figures.counters.revision_changes, 1);
}

#[test]
fn a_fetch_interrupted_while_a_block_is_recovered_leaves_nothing_behind() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    let image = Image::new(noise(8, 12_000_000), Choice::Rs16);
    let _air = Headend::play(groups, &image, Weather::lossy(60));
    let request = request(&groups, &image, &directory.path().join("image"));
    let stop = request.stop.clone();
    let all = |moment: &Moment| {
        moment.progress.total > 0 && moment.progress.held == moment.progress.total
    };
    let mut observer = At(all, Some(|| stop.store(true, Ordering::Relaxed)));
    let failure = fetch(&request, &mut observer).unwrap_err();
    assert!(matches!(failure.error, IoError::Interrupted), "{failure}");
    assert_eq!(failure.figures.repair.recovered_blocks, 0, "it came before the end");
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn a_repair_area_that_cannot_be_written_is_told_with_the_reason() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    let image = Image::new(object(), Choice::Rs16);
    let _air = Headend::play(groups, &image, Weather::FINE);
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).unwrap();
    // The slot's file is open already when its directory goes.
    let begun = |moment: &Moment| moment.progress.total > 0;
    let mut observer = At(begun, Some(|| fs::remove_dir_all(&inner).unwrap()));
    let failure = fetch(&request(&groups, &image, &inner.join("image")), &mut observer);
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("create a file for repair symbols in"), "{message}");
    assert!(message.contains("inner: No such file"), "{message}");
}

#[test]
fn a_disk_that_takes_no_more_is_told_with_the_reason_and_nothing_is_left() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    let image = Image::new(object(), Choice::Rs16);
    let _air = Headend::play(groups, &image, Weather::FINE);
    // No file may be longer than some hundred kilobytes.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
    let done = assert_cmd::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_stbcast-receiver"), "fetch", &image.url(&groups)])
        .args(["--interface", "127.0.0.1", "--announce", &groups.announce.to_string(), "--output"])
        .arg(directory.path().join("image"))
        .timeout(air::DEADLINE)
        .output()
        .unwrap();
    assert_code(&done, 1);
    let text = stderr(&done);
    assert!(text.contains("storage failed to write") && text.contains("File too large"), "{text}");
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn what_a_flute_session_says_no_digest_of_is_called_unverified() {
    let (group, directory) = (free_group(), tempfile::tempdir().unwrap());
    let bytes = noise(4, 30_000);
    let _air = foreign_carousel(group, "file:///a/image.bin", Oti::new_no_code(1_400, 64), &bytes);
    let (url, output) = (format!("flute://{group}/image.bin"), directory.path().join("image"));
    let fixed = ["fetch", &url, "--interface", "127.0.0.1", "--output"];
    let done = program(&[&fixed[..], &[output.to_str().unwrap()]].concat());
    assert_code(&done, 0);
    assert!(stdout(&done).contains("unverified: no digest is announced"), "{}", stdout(&done));
    assert!(fs::read(&output).unwrap() == bytes);
}

#[test]
fn the_help_says_what_repair_needs() {
    for verb in ["fetch", "boot"] {
        let done = program(&[verb, "--help"]);
        assert_code(&done, 0);
        let text = stdout(&done);
        for wanted in ["--announce <GROUP[:PORT]>", "22223", "--memory <MIB>", "[default: 16]"] {
            assert!(text.contains(wanted), "{wanted} is not in {text}");
        }
    }
    let text = stdout(&program(&["fetch", "--help"]));
    for wanted in ["--repair <GROUP[:PORT]>", "flute://GROUP:PORT/NAME"] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
}

#[test]
fn a_wrong_question_is_refused_with_the_reason() {
    let good = ["fetch", "infocast://239.1.1.1/image", "--output", "x"];
    let boot = ["boot", "--bootcast-id", "a", "--store", "x"];
    let cases: [(&[&str], &[&str], &str); 11] = [
        (&good, &["--announce", "10.0.0.1"], "not a multicast group"),
        (&good, &["--announce", "239.1.1.1:0"], "port 0"),
        (&good, &["--repair", "host"], "host"),
        (&good, &["--memory", "1"], "1 is not in 4..=4096"),
        (&good, &["--memory", "0"], "0 is not in 4..=4096"),
        (&good, &["--memory", "16M"], "invalid digit"),
        (&good, &["--announce", "ff15::1", "--source", "10.0.0.1"], "one is IPv4, the other IPv6"),
        (&good, &["--repair", "ff15::1", "--source", "10.0.0.1"], "one is IPv4, the other IPv6"),
        (&boot, &["--announce", "1.2.3.4"], "not a multicast group"),
        (&boot, &["--memory", "3"], "3 is not in 4..=4096"),
        (&["fetch", "flute://239.1.1.1/a", "--output", "x"], &[], "write ADDRESS:PORT"),
    ];
    for (arguments, more, reason) in cases {
        let done = program(&[arguments, more].concat());
        assert_code(&done, 2);
        assert!(stderr(&done).contains(reason), "{more:?}: {}", stderr(&done));
        assert_eq!(stdout(&done), "", "{arguments:?}");
    }
}

#[test]
fn patience_counts_for_a_channel_that_is_announced_and_silent() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    let image = Image::new(object(), Choice::Rs16);
    let _announce = announce(&groups, &image);
    let timeout = Micros::from_secs(1);
    let request = FetchRequest {
        timeout,
        attempts: 2,
        ..request(&groups, &image, &directory.path().join("image"))
    };
    let failure = fetch(&request, &mut ()).unwrap_err();
    assert!(failure.to_string().contains("silent in 2 attempts"), "{failure}");
    assert_eq!(files(directory.path()), [""; 0]);
}
