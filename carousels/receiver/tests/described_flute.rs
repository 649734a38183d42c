//! Files of FLUTE sessions: ours, and those of a sender that nobody here wrote.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use std::time::SystemTime;

use flute::core::{Oti, UDPEndpoint};
use flute::sender::{Config, ObjectDesc, Sender, TransferConfig};
use headend::{Code, Revision, START, Sent, Stb, group, losing};
use stbcast_flute::fdt::File;
use stbcast_flute::{Carousel, CarouselSettings, Entry, Fti, Repair, Scheme, Step};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchError, FetchOptions, FileName, PlainReason, Target, limits};

fn target() -> Target {
    Target::Flute { group: group(20), name: FileName::new("image.bin").unwrap() }
}

fn fetching(options: FetchOptions) -> Stb {
    Stb::fetching(target(), options)
}

/// A carousel of one object, called `location`, in symbols of 60 bytes.
fn carousel(revision: &Revision, location: &str) -> Carousel {
    let length = revision.bytes.len() as u64;
    let fti = match revision.geometry {
        Some(geometry) => Fti::of_geometry(geometry),
        None => Fti::new(Scheme::NoCode { block_symbols: 64 }, length, 60).unwrap(),
    };
    let mut file = File::new(location, revision.toi).unwrap().with_fti(fti);
    file.sha256 = Some(revision.sha256());
    let repair = revision.geometry.map(|_| Repair {
        store: 1,
        per_block: revision.per_block,
        per_cycle: 8,
        crcs: std::sync::Arc::new([]),
    });
    let entries = vec![Entry { file, object: 0, repair }];
    Carousel::new(CarouselSettings::new(1, 1_000_000), entries, START).unwrap()
}

/// Plays until the box is over, at most `cycles`; datagrams with symbols that were sent.
fn play(
    carousel: &mut Carousel,
    revision: &Revision,
    stb: &mut Stb,
    cycles: u64,
    mut is_lost: impl FnMut(u64) -> bool,
) -> u64 {
    let (mut now, mut sent) = (stb.now, 0);
    while !stb.is_over() && carousel.cycles() < cycles {
        now = now.after(Micros::from_millis(1));
        let (bytes, carries_symbol) = match carousel.next(now, START.after(now)) {
            Step::Datagram(datagram) => (headend::gather(&datagram, revision), true),
            Step::Fdt(bytes) => (bytes, false),
            Step::CycleEnd | Step::Idle { .. } => continue,
        };
        sent += u64::from(carries_symbol);
        if !carries_symbol || !is_lost(sent) {
            stb.hear(now, &Sent { group: group(20), bytes, carries_symbol });
        }
    }
    sent
}

#[test]
fn a_carousel_of_ours_is_received_with_and_without_a_code() {
    for (code, location) in [
        (Code::None, "flute://239.255.2.20:22222/image.bin"),
        (Code::Raptorq(1), "flute://239.255.2.20:22222/image.bin"),
        (Code::Raptorq(5), "image.bin"),
    ] {
        for length in [11_983, 12_000, 1, 60] {
            let code = if length < 100 && code != Code::None { Code::Raptorq(1) } else { code };
            let revision = Revision::new(61, length, (60, 1), code);
            let mut stb = fetching(FetchOptions::default());
            let mut carousel = carousel(&revision, location);
            play(&mut carousel, &revision, &mut stb, 30, losing(10, 1));
            stb.assert_object(&revision.bytes);
            let digest = Some(revision.sha256());
            let verified = stb
                .events
                .iter()
                .any(|event| matches!(event, Event::Complete { sha256, .. } if *sha256 == digest));
            assert!(verified, "{:?}", stb.events);
        }
    }
}

#[test]
fn repair_symbols_of_a_carousel_save_a_cycle() {
    let revision = Revision::new(62, 12_000, (60, 1), Code::Raptorq(1));
    let mut stb = fetching(FetchOptions::default());
    let mut raptorq = carousel(&revision, "image.bin");
    let sent = play(&mut raptorq, &revision, &mut stb, 9, losing(3, 7));
    stb.assert_object(&revision.bytes);
    assert!(sent <= 210, "one cycle with its repair symbols: {sent}");
}

#[test]
fn an_empty_file_is_a_file() {
    let revision = Revision::new(1, 0, (60, 1), Code::None);
    let mut stb = fetching(FetchOptions::default());
    play(&mut carousel(&revision, "image.bin"), &revision, &mut stb, 2, |_| false);
    stb.assert_object(&[]);
}

#[test]
fn a_new_revision_replaces_the_one_being_received() {
    for code in [Code::None, Code::Raptorq(3)] {
        let [old, new] = [63, 64].map(|seed| Revision::new(seed, 12_000, (60, 1), code));
        let mut stb = fetching(FetchOptions::default());
        let mut sender = carousel(&old, "image.bin");
        play(&mut sender, &old, &mut stb, 1, losing(50, 1));
        assert!(!stb.is_over());
        let mut sender = carousel(&new, "image.bin");
        play(&mut sender, &new, &mut stb, 30, losing(10, 1));
        stb.assert_object(&new.bytes);
        assert_eq!(stb.fetch.stats().revision_changes, 1);
    }
}

#[test]
fn a_session_without_the_file_is_given_up_and_a_silent_one_is_tried_again() {
    let revision = Revision::new(65, 12_000, (60, 1), Code::None);
    let mut stb = fetching(FetchOptions::default());
    let mut sender = carousel(&revision, "other.bin");
    play(&mut sender, &revision, &mut stb, 1_000, |_| false);
    let span = limits::TIMEOUT.times(limits::ABSENT_TIMEOUTS);
    assert_eq!(stb.events, [Event::Failed(FetchError::Absent { span })]);

    let mut stb = fetching(FetchOptions::default());
    stb.wait_until(Micros::from_secs(100));
    let silent = FetchError::Silent { attempts: 3, timeout: limits::TIMEOUT };
    assert_eq!(stb.events.last(), Some(&Event::Failed(silent)));
    assert!(!stb.events.contains(&Event::Plain(PlainReason::AnnounceSilent)));
}

/// What the crate's sender sends of one object in one pass.
fn their_datagrams(oti: &Oti, content: &[u8]) -> Vec<Vec<u8>> {
    let endpoint = UDPEndpoint::new(None, "239.255.2.20".to_owned(), 22222);
    let mut sender = Sender::new(endpoint, 1, oti, &Config::default());
    let object = ObjectDesc::create_from_buffer(
        content.to_vec(),
        "application/octet-stream",
        &"file:///boot/image.bin".parse().unwrap(),
        true,
        TransferConfig::default(),
    );
    sender.add_object(0, object.unwrap()).unwrap();
    sender.publish(SystemTime::now()).unwrap();
    std::iter::from_fn(|| sender.read(SystemTime::now())).collect()
}

#[test]
fn a_file_of_another_sender_is_received_whole_but_unverified() {
    let revision = Revision::new(66, 100_001, (1_000, 1), Code::None);
    for oti in [Oti::new_no_code(1_000, 64), Oti::new_raptorq(1_000, 60, 6, 1, 4).unwrap()] {
        let mut stb = fetching(FetchOptions::default());
        let datagrams = their_datagrams(&oti, &revision.bytes);
        let mut is_lost = losing(5, 3);
        for (count, datagram) in (0..).zip(datagrams.iter().cycle().take(10 * datagrams.len())) {
            let one = Sent { group: group(20), bytes: datagram.clone(), carries_symbol: true };
            if !is_lost(count) {
                stb.hear(stb.now.after(Micros::from_millis(1)), &one);
            }
            if stb.is_over() {
                break;
            }
        }
        stb.assert_object(&revision.bytes);
        let unverified = |event: &Event| matches!(event, Event::Complete { sha256: None, .. });
        assert!(stb.events.last().is_some_and(unverified), "{:?}", stb.events);
    }
}

#[test]
fn the_only_sender_wanted_is_the_only_one_heard() {
    let revision = Revision::new(67, 12_000, (60, 1), Code::None);
    let options = FetchOptions { source: Some([10, 0, 0, 9].into()), ..FetchOptions::default() };
    let mut stb = fetching(options);
    play(&mut carousel(&revision, "image.bin"), &revision, &mut stb, 2, |_| false);
    assert!(!stb.is_over());
    assert!(stb.rejected("wrong_source") > 400);
    assert_eq!(stb.fetch.progress().total, 0, "not even a description was taken");
}
