//! `fetch mag://GROUP:PORT` over real multicast on the loopback interface.

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

use air::headend::{Headend, Weather};
use air::image::{Groups, Image};
use air::{assert_code, files, free_group, json, program, sha256, stderr, stdout};
use common::noise;
use serde_json::Value;
use stbcast_fec::Choice;
use stbcast_receiver::Event;
use stbcast_receiver::io::{
    FetchRequest, Interface, Moment, Observer, fetch, parse_mag_url, parse_url,
};

const LOOPBACK: [&str; 2] = ["--interface", "127.0.0.1"];

fn image(length: usize) -> Image {
    Image::without_repair(noise(1, length)).on_mag(9)
}

/// Fetches with the program into a directory of its own; the answer for programs.
fn fetched(url: &str, more: &[&str], expected: &[u8]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("imageupdate");
    let fixed = ["fetch", url, "--json", "--output", output.to_str().unwrap()];
    let done = program(&[&fixed[..], &LOOPBACK, more].concat());
    assert_code(&done, 0);
    assert!(fs::read(&output).unwrap() == expected, "the bytes differ");
    assert_eq!(files(directory.path()), ["imageupdate"]);
    let answer = json(&done);
    assert_eq!((&answer["url"], &answer["sha256"]), (&url.into(), &sha256(expected).into()));
    answer
}

#[test]
fn an_image_of_any_length_is_fetched_although_nobody_announces_it() {
    for length in [0, 1, 1_456, 200_001] {
        let (groups, image) = (Groups::free(), image(length));
        let _air = Headend::play_unannounced(groups, &image, Weather::FINE);
        let answer = fetched(&image.url(&groups), &[], &image.bytes);
        assert_eq!((&answer["bytes"], &answer["check"]), (&length.into(), &Value::Null));
        assert_eq!(answer["stored"], length.div_ceil(1_456).max(1), "{answer}");
        assert_eq!(answer["rejected"].as_object().map(|all| all.len()), Some(0), "{answer}");
    }
}

#[test]
fn people_are_told_what_was_found_and_that_nothing_verifies_it() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    let (image, output) = (image(5_000), directory.path().join("imageupdate"));
    let _air = Headend::play_unannounced(groups, &image, Weather::FINE);
    let (url, path) = (image.url(&groups), output.to_str().unwrap());
    let done = program(&[&["fetch", &url, "--output", path][..], &LOOPBACK].concat());
    assert_code(&done, 0);
    let found = "found: 4 slices of 1456 bytes, 5000 in all, serial number 9";
    assert!(stderr(&done).contains(found), "{}", stderr(&done));
    let text = stdout(&done);
    assert!(text.contains("check     unverified: its datagrams carry no check"), "{text}");
}

#[test]
fn a_box_that_is_told_the_announce_group_makes_up_for_losses_and_proves_the_digest() {
    for fec in [Choice::Rs8, Choice::Rs16, Choice::Raptorq] {
        let groups = Groups::free();
        let image = Image::new(noise(2, 699_999), fec).on_mag(9);
        let _air = Headend::play(groups, &image, Weather { ratio: 900, ..Weather::lossy(100) });
        let announce = groups.announce.to_string();
        let answer = fetched(&image.url(&groups), &["--announce", &announce], &image.bytes);
        assert_eq!(
            (&answer["check"], &answer["no_repair"]),
            (&"SHA-256 as announced".into(), &().into())
        );
        assert_eq!(answer["announced"]["symbol_bytes"], 728, "half a packet: {answer}");
        assert!(answer["recovered_symbols"].as_u64().unwrap() >= 20, "{answer}");
    }
}

/// Lets another image follow once so many packets of the first one are there.
struct Revise<'a>(&'a Headend, Option<Image>);

impl Observer for Revise<'_> {
    fn tick(&mut self, moment: &Moment) {
        if moment.stats.stored > 50
            && let Some(next) = self.1.take()
        {
            self.0.revise(&next);
        }
    }

    fn event(&mut self, _: &Moment, _: &Event) {}
}

#[test]
fn a_new_image_on_air_is_fetched_in_place_of_the_one_that_was_begun() {
    let (groups, directory) = (Groups::free(), tempfile::tempdir().unwrap());
    let [old, new] = [(3, 9), (4, 10)]
        .map(|(seed, serial)| Image::new(noise(seed, 3_000_000), Choice::Rs16).on_mag(serial));
    // A twentieth of the packets is held back, so that the old one cannot be completed.
    let weather = Weather { ratio: 0, held_back: Some(20), ..Weather::FINE };
    let headend = Headend::play(groups, &old, weather);
    let request = FetchRequest {
        interface: Some(Interface::resolve("127.0.0.1").unwrap()),
        announce: Some(groups.announce),
        ..FetchRequest::new(parse_url(&old.url(&groups)).unwrap(), directory.path().join("image"))
    };
    let mut observer = Revise(&headend, Some(new.clone()));
    let summary = fetch(&request, &mut observer).unwrap();
    assert!(observer.1.is_none() && summary.sha256 == sha256(&new.bytes), "{summary:?}");
}

#[test]
fn a_wrong_question_is_refused_with_the_reason() {
    let cases = [
        ("mag://224.50.0.51", "write ADDRESS:PORT"),
        ("mag://10.0.0.1:9001", "not a multicast group"),
        ("mag://224.50.0.51:9001/imageupdate", "without a name: write mag://GROUP:PORT"),
        ("igmp://224.50.0.51:9001", "of MAG or of Dune"),
    ];
    for (url, reason) in cases {
        let done = program(&["fetch", url, "--output", "x"]);
        assert_code(&done, 2);
        assert!(stderr(&done).contains(reason), "{url}: {}", stderr(&done));
    }
    let group = free_group();
    assert_eq!(parse_mag_url(&format!("igmp://{group}")), parse_url(&format!("mag://{group}")));
}

#[test]
fn listen_tells_image_serial_number_and_description_of_a_mag_channel() {
    let (groups, image) = (Groups::free(), image(200_001));
    let _air = Headend::play_unannounced(groups, &image, Weather::FINE);
    let channel = groups.channel.to_string();
    let question = ["listen", &channel, "--seconds", "1"];
    let done = program(&[&question[..], &["--json"], &LOOPBACK].concat());
    assert_code(&done, 0);
    let listed = &json(&done)["objects"][0];
    assert_eq!(listed["name"], image.url(&groups));
    assert_eq!((&listed["type"], &listed["serial"]), (&"mag".into(), &9.into()));
    assert_eq!((&listed["bytes"], &listed["slices"]), (&200_001.into(), &138.into()));
    assert_eq!((&listed["slice_bytes"], &listed["changes"]), (&1_456.into(), &0.into()));
    assert_eq!(listed["description"], "MAG254 219");
    let done = program(&[&question[..], &LOOPBACK].concat());
    let told = format!("mag://{channel}: serial number 9, \"MAG254 219\"");
    assert!(stdout(&done).contains(&told), "{}", stdout(&done));
}
