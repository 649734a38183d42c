//! More statements on air than a box keeps: the one that helps it has its place.

use stbcast_receiver::{Event, TrustedOptions, TrustedOutcome};
use stbcast_release::{Permit, Release, digest};

use super::headend::Headend;
use super::hostile::boot;
use super::sample::{DAY, NOW, image, key, options, release, signed};
use super::stb::{Stb, play, play_with};

fn permit_for(serial: &str, from: u64, to: &Release) -> Vec<u8> {
    let permit = Permit {
        operator: "example-tv".into(),
        models: vec!["VIP1113".into()],
        serials: vec![serial.into()],
        from,
        to: to.number,
        release: digest(&signed(to)),
        expiry: NOW + 7 * DAY,
    };
    permit.sign(&[&key(11), &key(21)]).unwrap()
}

#[test]
fn permits_that_lead_this_box_nowhere_do_not_keep_out_the_one_that_does() {
    let revision = image(51);
    let older = release(40, &revision);
    let others: [fn(u64, &Release) -> Vec<u8>; 3] = [
        // For other boxes, from another release, to one that is not on air.
        |one, older| permit_for(&one.to_string(), 41, older),
        |one, older| permit_for("1931690851", 50 + one, older),
        |one, older| permit_for("1931690851", 41, &Release { number: 30 + one, ..older.clone() }),
    ];
    for (form, other) in others.into_iter().enumerate() {
        let others: Vec<_> = (0..9).map(|one| other(one, &older)).collect();
        let mine = permit_for("1931690851", 41, &older);
        for at in [0, 9] {
            let mut statements = others.clone();
            statements.insert(at, mine.clone());
            statements.insert(0, signed(&older));
            let stb = boot(options(), &revision, &statements);
            let found = stb.outcome();
            assert_eq!(*found, TrustedOutcome::Armed { number: 40 }, "form {form}, at {at}");
        }
    }
}

/// Releases 60 and up, none of which may be followed yet, or for which nobody sends anything.
fn later(is_valid: bool) -> Vec<Vec<u8>> {
    let later = (60..69).map(|number| {
        let it = release(number, &image(52));
        signed(&Release { not_before: if is_valid { NOW - DAY } else { NOW + 9 * DAY }, ..it })
    });
    later.collect()
}

#[test]
fn releases_of_a_later_time_do_not_keep_out_the_one_of_now() {
    let revision = image(51);
    for at in [0, 9] {
        let mut statements = later(false);
        statements.insert(at, signed(&release(42, &revision)));
        let stb = boot(options(), &revision, &statements);
        assert_eq!(*stb.outcome(), TrustedOutcome::Armed { number: 42 }, "at {at}");
    }
}

#[test]
fn releases_that_cannot_be_followed_do_not_stop_one_in_the_middle() {
    let revision = image(51);
    let one = signed(&release(42, &revision));
    let mut headend = Headend::new(&revision, 0.3);
    headend.state(vec![revision.file()], std::slice::from_ref(&one));
    let mut stb = Stb::new(options());
    let mut is_told = false;
    play_with(&mut stb, &mut headend, 30, |stb, headend| {
        if stb.session.progress().held >= 50 && !is_told {
            is_told = true;
            headend.state(vec![revision.file()], &later(false));
        }
    });
    assert!(is_told);
    stb.assert_armed(42, &revision.bytes);
    let begun = stb.events.iter().filter(|event| matches!(event, Event::Release { .. })).count();
    assert_eq!(begun, 1, "{:?}", stb.events);
}

#[test]
fn releases_that_could_not_be_had_do_not_keep_out_the_one_that_can() {
    let revision = image(51);
    let mut statements = later(true);
    statements.push(signed(&release(42, &revision)));
    let mut headend = Headend::new(&revision, 0.3);
    headend.state(vec![revision.file()], &statements);
    let mut stb = Stb::new(TrustedOptions { attempts: 1, ..options() });
    play(&mut stb, &mut headend, 600);
    stb.assert_armed(42, &revision.bytes);
}
