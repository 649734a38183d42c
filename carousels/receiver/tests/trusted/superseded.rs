//! A higher release in mid-download of a lower one that is nearly there.

use stbcast_object::Micros;
use stbcast_receiver::Event;
use stbcast_release::{ObjectKind, Release};

use super::headend::{Headend, Revision, channel};
use super::sample::{image, options, release, signed};
use super::stb::{Stb, play_with};

/// A box that holds `held` of the 200 symbols of release 42 when 43 is published, with an overlap whose
/// symbols come or not.
fn swap(held: u32, (old, new): (&Revision, &Revision), comes: bool, lower: &Release) -> Stb {
    let mut headend = Headend::new(old, 0.0);
    headend.state(vec![old.file()], &[signed(lower)]);
    let higher = release(43, new);
    let mut stb = Stb::new(options());
    let (mut changed_at, mut changed) = (None, false);
    play_with(&mut stb, &mut headend, 60, |stb, headend| {
        if stb.session.progress().held >= held && changed_at.is_none() {
            changed_at = Some(headend.now.after(Micros::from_millis(30)));
            headend.state(vec![new.superseding(old, 20, 700)], &[signed(lower)]);
        }
        if changed_at.is_some_and(|at| at <= headend.now) && !changed {
            changed = true;
            headend.send(new);
            headend.repair(new);
            headend.ratio = 0.5;
            headend.overlap(comes.then_some(old), 300_000);
            headend.state(vec![new.superseding(old, 20, 700)], &[signed(&higher)]);
        }
    });
    assert!(changed);
    stb
}

fn is_finishing(stb: &Stb) -> bool {
    stb.events.iter().any(|event| matches!(event, Event::FinishingSuperseded { .. }))
}

#[test]
pub fn past_the_share_the_lower_release_is_armed_first() {
    let (old, new) = (image(71), image(72));
    let stb = swap(160, (&old, &new), true, &release(42, &old));
    assert!(is_finishing(&stb));
    stb.assert_armed(42, &old.bytes);
    assert_eq!(stb.session.stats().overlaps_finished, 1);
    assert!(!stb.groups.iter().any(|one| one.group() == channel()));
}

#[test]
pub fn below_the_share_the_higher_release_is_gone_over_to() {
    let (old, new) = (image(73), image(74));
    let stb = swap(80, (&old, &new), true, &release(42, &old));
    assert!(!is_finishing(&stb));
    stb.assert_armed(43, &new.bytes);
}

#[test]
pub fn where_nothing_of_the_lower_release_comes_the_higher_one_is_armed() {
    let (old, new) = (image(75), image(76));
    let stb = swap(160, (&old, &new), false, &release(42, &old));
    assert!(is_finishing(&stb));
    stb.assert_armed(43, &new.bytes);
}

#[test]
pub fn a_lower_release_with_a_splash_that_left_the_air_is_not_completed() {
    let (old, new) = (image(77), image(78));
    let mut other = release(42, &old);
    let splash = other.objects.iter_mut().find(|one| one.kind == ObjectKind::Splash).unwrap();
    splash.sha256 = [9; 32];
    let stb = swap(160, (&old, &new), true, &other);
    stb.assert_armed(43, &new.bytes);
}
