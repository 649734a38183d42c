//! An object that a signed release describes: nothing announced keeps it away, and what a slot holds
//! of it after a restart counts.

use super::headend::{
    Code, Headend, Revision, START, Sent, Stb, announce, channel, companion, losing,
};
use stbcast_flute::fdt::File;
use stbcast_flute::{AnnounceSession, Carousel, CarouselSettings, FdtSettings, Fti, Step};
use stbcast_object::Micros;
use stbcast_receiver::{
    Area, Event, Fetch, FetchError, FetchOptions, FileName, Hosts, Storage, Target, UnicastOptions,
};

fn small(seed: u64, code: Code) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (60, 1), code)
}

/// 4 MiB in symbols of 1,000 bytes, four a slice.
fn large(seed: u64) -> Revision {
    Revision::new(seed, (4 << 20) - 17, (1_000, 4), Code::Rs16(600))
}

fn options(revision: &Revision) -> FetchOptions {
    FetchOptions {
        announce: Some(announce()),
        expected: Some(revision.expected()),
        ..FetchOptions::default()
    }
}

fn target() -> Target {
    Target::infocast(channel(), super::headend::name())
}

fn expecting(revision: &Revision) -> Stb {
    Stb::with(options(revision))
}

fn again(stb: Stb, revision: &Revision) -> Stb {
    stb.restarted(Fetch::new(target(), options(revision)))
}

/// Plays until so many slices have been sent.
fn some(headend: &mut Headend, stb: &mut Stb, slices: u32, mut is_lost: impl FnMut(u64) -> bool) {
    let mut count = 0;
    for _ in 0..slices {
        for one in headend.turn() {
            count += 1;
            if !one.carries_symbol || !is_lost(count) {
                stb.hear(headend.now, &one);
            }
        }
    }
}

#[test]
pub fn it_begins_at_once_and_nobody_has_to_announce_anything() {
    for code in [Code::Rs8(30), Code::Rs16(200), Code::Raptorq(3), Code::None] {
        let revision = small(1, code);
        let mut headend = Headend::new(&revision, 0.3);
        headend.announce(Vec::new());
        let mut stb = expecting(&revision);
        assert!(stb.joined(channel()), "{code:?}");
        assert_eq!(stb.joined(companion()), code != Code::None);
        headend.play(&mut stb, 20, losing(5, 3));
        stb.assert_object(&revision.bytes);
    }
}

#[test]
pub fn without_an_announce_session_it_joins_channel_and_companion_alone() {
    let revision = small(2, Code::Rs16(100));
    let mut stb = Stb::with(FetchOptions { announce: None, ..options(&revision) });
    assert!(stb.joined(channel()) && stb.joined(companion()) && !stb.joined(announce()));
    Headend::new(&revision, 0.3).play(&mut stb, 20, losing(5, 3));
    stb.assert_object(&revision.bytes);
}

/// Descriptions that a stranger sends: same place, another content, cut, companion or code, or the same
/// content under another number.
fn forged(revision: &Revision) -> Vec<Vec<File>> {
    let other = Revision::new(99, 150 * 60, (60, 1), Code::Rs8(50));
    let at = |change: &dyn Fn(&mut File)| {
        let mut file = revision.file();
        change(&mut file);
        vec![file]
    };
    vec![
        vec![other.file()],
        at(&|file| file.sha256 = Some([7; 32])),
        at(&|file| (file.sha256, file.toi) = (Some([7; 32]), 77)),
        at(&|file| file.sha256 = None),
        at(&|file| file.toi = 4_711),
        at(&|file| *file = File { toi: 5, ..other.file() }),
        at(&|file| file.announced.companion = None),
        at(&|file| file.announced.companion.as_mut().unwrap().group = super::headend::group(99)),
        at(&|file| file.announced.slice_bytes = 30.try_into().ok()),
        at(&|file| *file = file.clone().with_fti(Fti::of_geometry(other.geometry.unwrap()))),
        at(&|file| *file = File::new("infocast://239.9.9.9:9/elsewhere", file.toi as u32).unwrap()),
    ]
}

#[test]
pub fn forged_descriptions_in_every_form_do_not_stop_it() {
    let revision = small(3, Code::Rs16(61));
    for (form, files) in forged(&revision).into_iter().enumerate() {
        let mut headend = Headend::new(&revision, 0.4);
        let mut stb = expecting(&revision);
        // On the announce group and, before any true one, on the companion's.
        for group in [announce(), companion()] {
            let settings = FdtSettings::new(9);
            let mut liar = AnnounceSession::new(settings, files.clone(), START).unwrap();
            while let Step::Fdt(bytes) = liar.next(Micros::ZERO, START) {
                let stranger = "192.0.2.66".parse().unwrap();
                let sent = Sent { group, bytes, carries_symbol: false };
                stb.hear_from(stranger, headend.now, &sent);
            }
        }
        let sent = headend.play(&mut stb, 20, losing(10, 3));
        stb.assert_object(&revision.bytes);
        assert!(sent < 270, "form {form}: {sent}, it does not even take longer");
        assert_eq!(stb.storage.begun, 1, "form {form}: nothing is dropped");
    }
}

#[test]
pub fn repair_symbols_count_under_the_number_that_is_announced_for_the_same_bytes() {
    let mut revision = small(4, Code::Rs16(200));
    let expected = revision.expected();
    // Another object of the line-up has each number that the digest makes.
    revision.toi = 4_711;
    let mut headend = Headend::new(&revision, 0.4);
    let mut stb = Stb::with(FetchOptions { expected: Some(expected), ..options(&revision) });
    headend.play(&mut stb, 20, losing(10, 3));
    stb.assert_object(&revision.bytes);
    assert!(stb.fetch.stats().recovered_blocks > 0, "{:?}", stb.fetch.stats());
}

#[test]
pub fn an_object_of_another_release_in_its_place_is_never_committed() {
    let (signed, other) = (small(5, Code::None), small(6, Code::None));
    let mut stb = expecting(&signed);
    Headend::new(&other, 0.0).play(&mut stb, 100, |_| false);
    assert_eq!(stb.events.last(), Some(&Event::Failed(FetchError::Digest { failures: 9 })));
    assert_eq!(stb.object(), None);
}

#[test]
pub fn what_a_release_leaves_out_fails_at_once() {
    let revision = small(7, Code::None);
    let mut expected = revision.expected();
    expected.sha256 = None;
    let stb = Stb::with(FetchOptions { expected: Some(expected), ..options(&revision) });
    assert_eq!(stb.events, [Event::Failed(FetchError::NotDescribed)]);
}

#[test]
pub fn a_file_of_a_flute_session_is_received_whatever_that_session_says_of_it() {
    for code in [Code::Raptorq(1), Code::Raptorq(2)] {
        let revision = small(8, code);
        let target = Target::Flute { group: channel(), name: FileName::new("image").unwrap() };
        let mut entry = revision.companion_entry().unwrap();
        entry.file = File {
            location: File::new(&target.to_string(), revision.toi).unwrap().location,
            ..entry.file
        };
        let settings = CarouselSettings::new(1, 10_000_000);
        let mut carousel = Carousel::new(settings, vec![entry.clone()], START).unwrap();
        let mut expected = revision.expected();
        expected.companion = None;
        let mut stb = Stb::fetching(
            target,
            FetchOptions { expected: Some(expected), announce: None, ..options(&revision) },
        );
        let mut lie = entry.file.clone();
        lie = lie.with_fti(Fti::of_geometry(small(9, Code::Rs8(7)).geometry.unwrap()));
        let mut liar = AnnounceSession::new(FdtSettings::new(1), vec![lie], START).unwrap();
        while let Step::Fdt(bytes) = liar.next(Micros::ZERO, START) {
            stb.hear(Micros::ZERO, &Sent { group: channel(), bytes, carries_symbol: false });
        }
        let mut is_lost = losing(10, 4);
        for turn in 1..2_000u64 {
            let now = Micros::from_millis(turn);
            match carousel.next(now, START.after(now)) {
                Step::Fdt(bytes) => {
                    stb.hear(now, &Sent { group: channel(), bytes, carries_symbol: false })
                }
                Step::Datagram(datagram) => {
                    let bytes = super::headend::gather(&datagram, &revision);
                    if !is_lost(turn) {
                        stb.hear(now, &Sent { group: channel(), bytes, carries_symbol: true });
                    }
                }
                Step::CycleEnd | Step::Idle { .. } => {}
            }
        }
        stb.assert_object(&revision.bytes);
    }
}

#[test]
pub fn what_is_written_is_kept_in_64_parts_and_after_a_cut_little_is_fetched_again() {
    let revision = large(10);
    let length = revision.bytes.len() as u64;
    for cut_at in [100, 500, 900] {
        let mut headend = Headend::new(&revision, 0.3);
        let mut stb = expecting(&revision);
        some(&mut headend, &mut stb, cut_at, losing(5, 2));
        let before = stb.fetch.stats().fetched_bytes;
        let mut stb = again(stb, &revision);
        headend.play(&mut stb, 20, losing(5, 2));
        stb.assert_object(&revision.bytes);
        let stats = stb.fetch.stats();
        assert!(stats.resumed_bytes > 0 && before > stats.resumed_bytes);
        // 256 KiB are a sixteenth of this object, so that much may be lost, and what is in the
        // repair area.
        let twice = (before + stats.fetched_bytes).saturating_sub(length);
        assert!(
            twice < length / 16 + length / 5,
            "cut at {cut_at}: {twice} of {length} bytes twice"
        );
    }
}

#[test]
pub fn recovered_symbols_are_kept_too() {
    let revision = large(11);
    let mut headend = Headend::new(&revision, 0.6);
    let mut stb = expecting(&revision);
    headend.play(&mut stb, 20, losing(20, 2));
    stb.assert_object(&revision.bytes);
    assert!(stb.fetch.stats().recovered_blocks > 0);
    let all = 0..revision.geometry.unwrap().symbols();
    assert_eq!(stb.storage.held(), std::slice::from_ref(&all));
    let lengths: Vec<u32> =
        stb.storage.kept.iter().map(|kept| kept.iter().map(|it| it.end - it.start).sum()).collect();
    assert_eq!(lengths.iter().sum::<u32>(), stb.storage.held_count(), "each symbol once");
}

#[test]
pub fn an_object_that_is_held_whole_is_verified_without_any_network() {
    let revision = large(12);
    let mut stb = expecting(&revision);
    Headend::new(&revision, 0.3).play(&mut stb, 20, losing(5, 2));
    let stb = again(stb, &revision);
    assert!(stb.groups.is_empty());
    stb.assert_object(&revision.bytes);
    let stats = stb.fetch.stats();
    assert_eq!((stats.fetched_bytes, stats.resumed_bytes), (0, revision.bytes.len() as u64));
}

#[test]
pub fn a_cut_while_it_is_verified_costs_nothing() {
    let revision = large(13);
    let mut stb = expecting(&revision);
    stb.storage.slow = true;
    Headend::new(&revision, 0.0).play(&mut stb, 3, |_| false);
    // All was told before the digest was begun.
    assert_eq!(stb.storage.held_count(), revision.geometry.unwrap().symbols());
}

#[test]
pub fn what_was_held_and_is_wrong_is_dropped_first_and_received_again() {
    let revision = large(14);
    let mut headend = Headend::new(&revision, 0.3);
    let mut stb = expecting(&revision);
    some(&mut headend, &mut stb, 800, losing(5, 2));
    // The flash forgot a byte, and the journal did not notice.
    let held = stb.storage.held();
    let byte = u64::from(held[0].start) * 1_000 + 3;
    stb.storage.memory.write(Area::Slot, byte, &[!revision.bytes[byte as usize]]).unwrap();
    let mut stb = again(stb, &revision);
    let held_before = stb.storage.held_count();
    headend.play(&mut stb, 20, losing(5, 2));
    stb.assert_object(&revision.bytes);
    let dropped = Event::ResumedDropped { symbols: held_before };
    assert!(stb.events.contains(&dropped), "{:?}", stb.events);
    assert!(!stb.events.iter().any(|event| matches!(event, Event::DigestFailed { .. })));
}

#[test]
pub fn a_silent_channel_leaves_all_that_was_received_for_the_next_time() {
    let revision = large(15);
    let mut headend = Headend::new(&revision, 0.0);
    let mut stb = expecting(&revision);
    some(&mut headend, &mut stb, 37, |_| false);
    stb.wait_until(Micros::from_secs(100));
    assert!(matches!(stb.events.last(), Some(Event::Failed(FetchError::Silent { .. }))));
    assert_eq!(stb.storage.held_count(), 37 * 4);
}

#[test]
pub fn a_storage_that_cannot_recover_goes_on_with_whole_slices() {
    let revision = large(16);
    let mut headend = Headend::new(&revision, 0.3);
    let mut stb = expecting(&revision);
    some(&mut headend, &mut stb, 700, losing(5, 2));
    let mut stb = again(stb, &revision);
    stb.storage.answers = vec![stbcast_receiver::RecoveryOutcome::Failed];
    headend.play(&mut stb, 20, losing(5, 2));
    stb.assert_object(&revision.bytes);
    let all = 0..revision.geometry.unwrap().symbols();
    assert_eq!(stb.storage.held(), std::slice::from_ref(&all));
}

#[test]
pub fn another_content_in_the_slot_is_not_resumed() {
    let (old, new) = (large(17), large(18));
    let mut headend = Headend::new(&old, 0.3);
    let mut stb = expecting(&old);
    some(&mut headend, &mut stb, 700, |_| false);
    let mut stb = again(stb, &new);
    Headend::new(&new, 0.3).play(&mut stb, 20, |_| false);
    stb.assert_object(&new.bytes);
    assert_eq!(stb.fetch.stats().resumed_bytes, 0);
}

fn served(revision: &Revision, signed: &str) -> Stb {
    let expected = stbcast_receiver::Announcement::of(&revision.served(signed, 2, 0)).unwrap();
    Stb::with(FetchOptions {
        expected: Some(Box::new(expected)),
        unicast: Some(UnicastOptions::new("1931690851".to_owned(), Hosts::Any)),
        ..options(revision)
    })
}

/// Cycles heard until a server is asked for what one slice lacks.
fn asked_after(headend: &mut Headend, stb: &mut Stb, cycles: u64) -> Option<u64> {
    for turn in 0..cycles * 200 {
        let is_lost = headend.sent % 200 == 5;
        for one in headend.turn() {
            if !one.carries_symbol || !is_lost {
                stb.hear(headend.now, &one);
            }
        }
        if stb.under_way.is_some() {
            return Some(turn / 200);
        }
    }
    None
}

#[test]
pub fn servers_are_those_that_are_signed_and_an_announcement_can_only_slow_them_down() {
    let revision = small(20, Code::None);
    let (mine, theirs) = ("http://a.example/x", "http://evil.example/x");
    let announced = |list: &str, after| vec![revision.served(list, after, 0)];
    for (files, expected) in [
        (Vec::new(), Some(2)),
        (announced(mine, 1), Some(2)),
        (announced(&format!("{mine} {theirs}"), 2), Some(2)),
        (announced(mine, 4), Some(4)),
        // Switched off.
        (announced(theirs, 1), None),
        (vec![revision.file()], None),
    ] {
        let mut headend = Headend::new(&revision, 0.0);
        headend.announce(files.clone());
        let mut stb = served(&revision, mine);
        assert_eq!(asked_after(&mut headend, &mut stb, 8), expected, "{files:?}");
        assert!(stb.asked.iter().all(|asked| asked.url() == mine));
    }
}
