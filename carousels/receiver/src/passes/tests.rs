use super::*;
use core::net::Ipv4Addr;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn at(ms: u64) -> Micros {
    Micros::from_millis(ms)
}

fn stored(passes: &mut Passes, from: IpAddr, indices: impl IntoIterator<Item = u32>) -> Tag {
    let mut tag = 0;
    for index in indices {
        passes.arrive(at(0), from, index, 1_000);
        tag = passes.store().unwrap();
    }
    tag
}

#[test]
fn one_pass_is_one_group_even_when_reordered_or_lossy() {
    let mut passes = Passes::default();
    stored(&mut passes, A, [0, 2, 1, 3, 60, 5, 50, 300, 301, 290]);
    assert!(passes.is_settled());
}

#[test]
fn a_second_pass_is_another_group_until_slices_agree() {
    let mut passes = Passes::default();
    let first = stored(&mut passes, A, 500..600);
    stored(&mut passes, A, 0..500);
    for index in 500..500 + CONFIRM_SLICES {
        assert!(!passes.is_settled());
        assert!(!passes.arrive(at(0), A, index, 1_000));
        passes.agree(index, index, first);
    }
    assert!(passes.is_settled());
}

#[test]
fn a_group_of_two_slices_is_settled_or_dropped_by_two() {
    let mut passes = Passes::default();
    let old = stored(&mut passes, A, [998, 999]);
    stored(&mut passes, A, 0..998);
    passes.arrive(at(0), A, 998, 1_000);
    assert_eq!(passes.differ(998, 1, old), Dispute::Open);
    assert!(!passes.is_undisputed());
    passes.arrive(at(0), A, 999, 1_000);
    assert_eq!(passes.differ(999, 1, old), Dispute::Stale(old));
    passes.dropped(old, |index| index < 998);
    assert!(passes.is_settled());
}

#[test]
fn a_contradicted_slice_is_suspect_until_it_agrees_or_is_contradicted_again() {
    let mut passes = Passes::default();
    let tag = stored(&mut passes, A, 0..1_000);
    let again = |passes: &mut Passes, index| assert!(!passes.arrive(at(0), A, index, 1_000));
    again(&mut passes, 100);
    assert_eq!(passes.differ(100, 7, tag), Dispute::Open);
    again(&mut passes, 101);
    passes.agree(101, 101, tag);
    assert!(!passes.is_settled(), "slice 100 is still in doubt");
    for index in 300..400 {
        again(&mut passes, index);
        passes.agree(index, index, tag);
    }
    again(&mut passes, 100);
    assert_eq!(passes.differ(100, 7, tag), Dispute::StaleSlice);
    passes.dropped_one(100, tag);
    assert!(passes.is_settled());
}

#[test]
fn two_slices_step_back_into_a_new_pass() {
    let mut passes = Passes::default();
    passes.arrive(at(0), A, 1, 2);
    passes.store();
    passes.arrive(at(0), A, 0, 2);
    passes.store();
    assert!(!passes.is_settled());
}

#[test]
fn late_datagrams_of_the_old_pass_are_of_the_old_pass() {
    let mut passes = Passes::default();
    let old = stored(&mut passes, A, 900..998);
    let new = stored(&mut passes, A, [0]);
    assert_eq!(stored(&mut passes, A, [999]), old);
    assert_eq!(stored(&mut passes, A, [1, 2]), new);
    assert_ne!(old, new);
}

#[test]
fn duplicates_made_by_the_network_prove_nothing() {
    let mut passes = Passes::default();
    stored(&mut passes, A, 0..10);
    assert!(passes.arrive(at(0), A, 5, 1_000));
    stored(&mut passes, A, 10..100);
    assert!(!passes.arrive(at(0), A, 5, 1_000), "long ago");
}

#[test]
fn a_silence_that_could_hide_a_cycle_begins_a_new_pass_even_when_the_numbers_go_on() {
    let mut passes = Passes::default();
    let mut hear = |ms: u64, index: u32| {
        passes.arrive(at(ms), A, index, 1_000);
        passes.store().unwrap()
    };
    let tags: Vec<_> = (0..100).map(|index| hear(u64::from(index) * 10, index)).collect();
    assert!(tags.iter().all(|tag| *tag == tags[0]));
    assert_eq!(hear(4_990, 100), tags[0], "4 s of silence at 10 s a cycle");
    assert_eq!(hear(8_000, 800), tags[0], "a gap as long as what was lost in it");
    assert_ne!(hear(18_100, 810), tags[0], "10 s of silence may be a whole cycle");
}

#[test]
fn two_senders_have_passes_of_their_own_that_link() {
    let mut passes = Passes::default();
    let a = stored(&mut passes, A, [0]);
    let b = stored(&mut passes, B, [500]);
    for step in 1..500 {
        stored(&mut passes, A, [step]);
        stored(&mut passes, B, [500 + step]);
    }
    assert!(!passes.is_settled());
    for step in 500..520 {
        passes.arrive(at(0), A, step, 1_000);
        passes.agree(step, step, b);
    }
    assert!(passes.is_settled());
    assert!(passes.is_of(a, passes.root_of(b)));
}

#[test]
fn groups_beyond_the_limit_are_refused_and_freed_tags_are_used_again() {
    let mut passes = Passes::default();
    let sender = |n: u32| IpAddr::V4(Ipv4Addr::from(n));
    for n in 0..GROUPS_MAX as u32 {
        stored(&mut passes, sender(n), [n]);
    }
    passes.arrive(at(0), A, 500, 1_000);
    assert_eq!(passes.store(), None);
    let smallest = passes.smallest().unwrap();
    passes.dropped(smallest, |_| true);
    assert_eq!(passes.store(), Some(smallest));
}
