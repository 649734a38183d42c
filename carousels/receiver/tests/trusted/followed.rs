//! Which release is installed, and how.

use stbcast_bootcast::Part;
use stbcast_object::Micros;
use stbcast_receiver::{
    Event, FetchError, Hosts, TrustedOptions, TrustedOutcome, UnicastOptions, limits, root_of,
};
use stbcast_release::{Kind, Release, Root, SigningKey, Standing, Trust, digest};

use super::headend::{Code, Headend, Revision, announce, channel};
use super::sample::{
    NOW, image, key, next_root, next_root_bytes, options, permit, release, root, root_bytes, signed,
};
use super::stb::{Stb, play, play_with, silence};

fn on_air(revision: &Revision, statements: &[Vec<u8>]) -> Headend {
    let mut headend = Headend::new(revision, 0.3);
    headend.state(vec![revision.file()], statements);
    headend
}

fn standing(number: u64) -> Standing {
    Standing { number: Some(number), ..options().standing }
}

#[test]
pub fn a_signed_release_is_installed_all_of_it_and_armed_once() {
    let revision = image(1);
    let release = release(42, &revision);
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &[signed(&release)]), 20);
    stb.assert_armed(42, &revision.bytes);
    assert_eq!(stb.slots.armed.len(), 1);
    let armed = &stb.slots.armed[0];
    assert_eq!((armed.release, armed.number, armed.epoch), (digest(&signed(&release)), 42, 3));
    assert_eq!((armed.time_floor, armed.permitted_from), (release.not_before, None));
    assert_eq!(
        armed.parts.iter().map(|(part, _)| *part).collect::<Vec<_>>(),
        [Part::Kernel, Part::Splash]
    );
    assert!(stb.groups.is_empty(), "every group is left");
    let said = Event::Statement { kind: Kind::Release, number: 42 };
    assert!(
        stb.events.contains(&said) && stb.events.contains(&Event::Release { number: 42, epoch: 3 })
    );
}

#[test]
pub fn of_several_releases_the_highest_for_this_box_is_installed() {
    let (old, new) = (image(2), image(3));
    let other = stbcast_release::Release { models: vec!["OTHER".into()], ..release(44, &old) };
    let statements = [release(42, &old), release(43, &new), other].map(|one| signed(&one));
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&new, &statements), 20);
    stb.assert_armed(43, &new.bytes);
    assert_eq!(stb.refused(), ["model"]);
}

#[test]
pub fn the_release_that_is_installed_is_held_without_fetching_anything() {
    let revision = image(4);
    let statement = signed(&release(42, &revision));
    let standing = Standing { installed: Some(digest(&statement)), ..standing(42) };
    let mut stb = Stb::new(TrustedOptions { standing, ..options() });
    play(&mut stb, &mut on_air(&revision, &[statement]), 20);
    assert_eq!(*stb.outcome(), TrustedOutcome::Held { number: 42 });
    assert!(!stb.joined.contains(&channel()));
    assert!(stb.now < Micros::from_secs(4), "{}", stb.now);
}

#[test]
pub fn a_permit_leads_to_an_older_release_whenever_it_is_heard() {
    let revision = image(5);
    let old = release(40, &revision);
    for statements in [[signed(&old), permit(41, &old)], [permit(41, &old), signed(&old)]] {
        let mut stb = Stb::new(options());
        play(&mut stb, &mut on_air(&revision, &statements), 20);
        stb.assert_armed(40, &revision.bytes);
        assert_eq!(stb.slots.armed[0].permitted_from, Some(41));
    }
}

#[test]
pub fn the_next_root_is_taken_stored_first_and_its_keys_count() {
    let revision = image(6);
    let by_new_key = release(42, &revision).sign(&key(13)).unwrap();
    for statements in
        [[next_root_bytes(), by_new_key.clone()], [by_new_key.clone(), next_root_bytes()]]
    {
        let mut stb = Stb::new(options());
        play(&mut stb, &mut on_air(&revision, &statements), 20);
        stb.assert_armed(42, &revision.bytes);
        assert_eq!(stb.report().root, 2);
        let stored = stb.slots.banks.root();
        assert!(stored == Some(&next_root_bytes()[..]), "taken: by a root that is not stored");
        assert!(root_of(&root_bytes(), stored).unwrap().root().number == 2);
    }
}

#[test]
pub fn roots_are_gone_through_one_by_one() {
    let revision = image(7);
    let last: SigningKey = key(13);
    let third = Root { number: 3, ..next_root() }.sign(&[&key(1)]).unwrap();
    let statements =
        [third.clone(), next_root_bytes(), release(42, &revision).sign(&last).unwrap()];
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &statements), 20);
    stb.assert_armed(42, &revision.bytes);
    assert_eq!(stb.slots.banks.root(), Some(&third[..]));
}

/// Four seconds on air, without a code.
fn long(seed: u64) -> (Revision, Release) {
    let revision = Revision::new(seed, 4 << 20, (1_000, 1), Code::None);
    let mut release = release(42, &revision);
    (release.objects[0].layout, release.objects[0].companion) = (None, None);
    (revision, release)
}

#[test]
pub fn a_release_whose_key_the_next_root_drops_is_stopped_in_the_middle() {
    let (revision, release) = long(8);
    let statement = signed(&release);
    let mut headend = on_air(&revision, std::slice::from_ref(&statement));
    let mut stb = Stb::new(options());
    let mut is_dropped = false;
    play_with(&mut stb, &mut headend, 30, |stb, headend| {
        if stb.session.progress().held >= 500 && !is_dropped {
            is_dropped = true;
            headend.state(vec![revision.file()], &[next_root_bytes(), statement.clone()]);
        }
    });
    stb.assert_nothing_armed();
    assert!(is_dropped && *stb.outcome() == TrustedOutcome::NothingUsable, "{:?}", stb.outcome());
    assert!(stb.session.stats().fetched_bytes < 3 << 20, "it stopped before it was whole");
}

#[test]
pub fn a_higher_release_in_the_middle_takes_the_place_of_the_one_under_way() {
    let (old, new) = (image(9), image(10));
    let mut headend = on_air(&old, &[signed(&release(42, &old))]);
    let mut stb = Stb::new(options());
    let mut is_replaced = false;
    play_with(&mut stb, &mut headend, 30, |stb, headend| {
        // The channel goes quiet with half of it received, and comes back with something new.
        if stb.session.progress().held >= 100 && !is_replaced {
            is_replaced = true;
            headend.send(&new);
            headend.repair(&new);
            headend.state(vec![new.file()], &[signed(&release(43, &new))]);
        }
    });
    assert!(is_replaced);
    stb.assert_armed(43, &new.bytes);
    assert!(stb.events.contains(&Event::Release { number: 42, epoch: 3 }));
    assert_eq!(stb.slots.armed.len(), 1);
}

#[test]
pub fn a_release_of_which_a_part_cannot_be_had_is_not_armed() {
    let revision = image(11);
    let mut two = release(42, &revision);
    // Nobody sends this splash.
    two.objects[1].sha256 = [9; 32];
    let options = TrustedOptions { attempts: 1, ..options() };
    let mut stb = Stb::new(options);
    play(&mut stb, &mut on_air(&revision, &[signed(&two)]), 20);
    stb.assert_nothing_armed();
    let failed = TrustedOutcome::Failed {
        number: 42,
        part: Some(Part::Splash),
        error: FetchError::Digest { failures: 9 },
    };
    assert_eq!(*stb.outcome(), failed);
}

#[test]
pub fn where_the_highest_release_cannot_be_had_the_next_one_is() {
    let revision = image(12);
    let gone = release(43, &image(13));
    let statements = [signed(&gone), signed(&release(42, &revision))];
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &statements), 200);
    stb.assert_armed(42, &revision.bytes);
}

#[test]
pub fn a_storage_that_cannot_arm_leaves_what_is_installed() {
    let revision = image(14);
    let mut stb = Stb::new(options());
    stb.slots.cannot_arm = true;
    play(&mut stb, &mut on_air(&revision, &[signed(&release(42, &revision))]), 20);
    assert!(matches!(stb.outcome(), TrustedOutcome::Failed { number: 42, part: None, .. }));
}

#[test]
pub fn on_trial_nothing_is_joined_and_nothing_received() {
    let revision = image(15);
    let mut stb = Stb::new(TrustedOptions { on_trial: true, ..options() });
    play(&mut stb, &mut on_air(&revision, &[signed(&release(42, &revision))]), 20);
    assert_eq!(*stb.outcome(), TrustedOutcome::OnTrial, "taken: beside a trial");
    assert!(stb.joined.is_empty() && stb.now == Micros::ZERO);
}

#[test]
pub fn a_silent_network_ends_in_as_many_time_outs_as_attempts() {
    let mut stb = Stb::new(options());
    silence(&mut stb, 60);
    assert_eq!(*stb.outcome(), TrustedOutcome::Silent);
    let failed = stb.events.iter().filter(|event| matches!(event, Event::AttemptFailed { .. }));
    assert_eq!(failed.count(), 3);
}

#[test]
pub fn an_announce_session_without_statements_is_heard_for_five_seconds() {
    let revision = image(16);
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &[]), 20);
    assert_eq!(*stb.outcome(), TrustedOutcome::NothingUsable);
    assert!(stb.now < limits::ANNOUNCED_WITHIN.after(Micros::from_secs(1)), "{}", stb.now);
    assert!(!stb.joined.contains(&channel()));
}

#[test]
pub fn a_boot_that_was_cut_goes_on_with_what_the_slots_hold() {
    let (revision, one) = long(17);
    let mut headend = on_air(&revision, &[signed(&one)]);
    let mut stb = Stb::new(options());
    play(&mut stb, &mut headend, 5);
    assert!(!stb.session.is_over());
    let medium = stb.slots.banks.into_medium();
    let mut stb = Stb::over(options(), medium);
    play(&mut stb, &mut headend, 20);
    stb.assert_armed(42, &revision.bytes);
    let stats = stb.session.stats();
    assert!(stats.resumed_bytes > 2 << 20, "{stats:?}");
    assert!(stats.resumed_bytes + stats.fetched_bytes < (4 << 20) + (300 << 10), "{stats:?}");
}

#[test]
pub fn patience_ends_and_what_was_received_is_there_the_next_time() {
    let (revision, one) = long(18);
    let mut headend = on_air(&revision, &[signed(&one)]);
    let patience = Micros::from_secs(4);
    let mut stb = Stb::new(TrustedOptions { patience, ..options() });
    play(&mut stb, &mut headend, 20);
    assert_eq!(*stb.outcome(), TrustedOutcome::OutOfTime { number: 42 });
    assert!(stb.groups.is_empty());
    let fetched = stb.session.stats().fetched_bytes;
    let mut stb = Stb::over(options(), stb.slots.banks.into_medium());
    play(&mut stb, &mut headend, 20);
    stb.assert_armed(42, &revision.bytes);
    assert_eq!(stb.session.stats().resumed_bytes, fetched, "nothing was lost");
}

#[test]
pub fn a_box_without_a_clock_hears_the_time_and_takes_what_is_valid() {
    let revision = image(19);
    let standing = Standing { time_floor: 0, ..standing(41) };
    let mut stb = Stb::new(TrustedOptions { clock: None, standing, ..options() });
    play(&mut stb, &mut on_air(&revision, &[signed(&release(42, &revision))]), 20);
    stb.assert_armed(42, &revision.bytes);
}

#[test]
pub fn the_root_that_was_stored_counts_where_it_is_newer() {
    let other = Root { operator: "other-tv".into(), ..next_root() }.sign(&[&key(1)]).unwrap();
    let number = |shipped: &[u8], stored: Option<&[u8]>| {
        root_of(shipped, stored).map(|trust: Trust| trust.root().number)
    };
    assert_eq!(number(&root_bytes(), None), Ok(1));
    assert_eq!(number(&root_bytes(), Some(&next_root_bytes())), Ok(2));
    assert_eq!(number(&next_root_bytes(), Some(&root_bytes())), Ok(2));
    assert_eq!(number(&root_bytes(), Some(b"rubbish")), Ok(1));
    assert_eq!(number(&root_bytes(), Some(&other)), Ok(1));
    assert_eq!(number(b"rubbish", Some(&root_bytes())), Ok(1), "what was verified once");
    assert!(number(b"rubbish", Some(b"rubbish")).is_err() && number(b"", None).is_err());
    assert_eq!(root().number, 1);
}

#[test]
pub fn a_box_asks_the_servers_that_are_signed_and_no_others() {
    let revision = image(20);
    let mut one = release(42, &revision);
    one.objects[0].http = vec!["http://signed.example/image".into()];
    one.objects[0].http_window_s = 0;
    let unicast = Some(UnicastOptions::new("1931690851".to_owned(), Hosts::Any));
    let mut stb = Stb::new(TrustedOptions { unicast, ..options() });
    let mut headend = Headend::new(&revision, 0.0);
    let file = revision.served("http://signed.example/image http://evil.example/image", 1, 0);
    headend.state(vec![file], &[signed(&one)]);
    let (mut slice, end) = (0, headend.now.after(Micros::from_secs(20)));
    while stb.asked.is_empty() && headend.now < end {
        slice = headend.sent % 200;
        for sent in headend.turn() {
            if slice != 7 || !sent.carries_symbol {
                stb.hear(headend.now, &sent);
            }
        }
    }
    assert!(slice < 200 && !stb.asked.is_empty());
    let asked = format!("{:?}", stb.asked);
    assert!(asked.contains("signed.example") && !asked.contains("evil"), "taken: {asked}");
    assert!(stb.joined.contains(&announce()) && NOW > 0);
}

#[test]
pub fn a_release_that_is_installed_and_on_air_is_not_left_for_an_older_one() {
    let revision = image(21);
    let old = release(40, &revision);
    let installed = signed(&release(41, &image(22)));
    let standing = Standing { installed: Some(digest(&installed)), ..standing(41) };
    let mut stb = Stb::new(TrustedOptions { standing, ..options() });
    let statements = [signed(&old), permit(41, &old), installed];
    play(&mut stb, &mut on_air(&revision, &statements), 20);
    assert_eq!(*stb.outcome(), TrustedOutcome::Held { number: 41 });
}
