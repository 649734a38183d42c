//! One object, whatever the channel does.

mod common;

use common::{RIVAL, SENDER, Sent, TestBox, noise};
use proptest::prelude::*;
use stbcast_infocast::{Check, Coverage};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchError, FetchOptions, limits};

fn fetching() -> TestBox<stbcast_receiver::Fetch<std::ops::Range<usize>>> {
    TestBox::fetching("image", FetchOptions::default())
}

fn image(seed: u64, slices: usize) -> (Vec<u8>, Sent) {
    let bytes = noise(seed, slices * 100 - 37);
    let sent = Sent::equal("image", &bytes, 100);
    (bytes, sent)
}

#[test]
fn an_object_heard_in_order_is_complete_after_one_pass() {
    let (bytes, sent) = image(1, 50);
    let mut fetch = fetching();
    fetch.hear_all(sent.pass());
    fetch.assert_object(&bytes, "");
    assert!(fetch.is_over());
    assert_eq!(fetch.joined, None, "the channel is left");
    assert_eq!(fetch.session.stats().stored, 50);
}

#[test]
fn empty_and_tiny_objects_are_objects() {
    for length in [0, 1, 99, 100, 101, 199, 200, 201, 300] {
        let bytes = noise(2, length);
        let mut fetch = fetching();
        fetch.hear_all(Sent::equal("image", &bytes, 100).pass());
        fetch.assert_object(&bytes, &format!("{length} bytes"));
    }
}

#[test]
fn joining_in_mid_cycle_completes_a_few_slices_after_one_cycle() {
    let (bytes, sent) = image(3, 1_000);
    let mut fetch = fetching();
    let mut heard = 0;
    for index in (400..1_000).chain(0..1_000) {
        fetch.hear(sent.datagram(index));
        heard += 1;
        if fetch.is_over() {
            break;
        }
    }
    fetch.assert_object(&bytes, "");
    assert_eq!(heard, 1_000 + limits::CONFIRM_SLICES);
}

#[test]
fn a_change_of_content_between_the_halves_of_two_passes_is_never_mixed() {
    let (_, old) = image(4, 1_000);
    let (bytes, new) = image(5, 1_000);
    let mut fetch = fetching();
    fetch.hear_all((400..1_000).map(|index| old.datagram(index)));
    fetch.hear_all(new.pass());
    fetch.hear_all(new.pass());
    fetch.assert_object(&bytes, "nothing of the old revision is in it");
    assert_eq!(fetch.session.stats().revision_changes, 1);
}

#[test]
fn runs_of_equal_slices_do_not_make_two_revisions_one() {
    let [mut old, mut new] = [50, 51].map(|seed| noise(seed, 99_963));
    old[50_000..55_000].fill(0);
    new[50_000..55_000].fill(0);
    let [sent_old, sent_new] = [&old, &new].map(|bytes| Sent::equal("image", bytes, 100));
    let mut fetch = fetching();
    fetch.hear_all((500..1_000).map(|index| sent_old.datagram(index)));
    fetch.hear_all(sent_new.pass());
    fetch.hear_all(sent_new.pass());
    fetch.assert_object(&new, "the black run is the same in both");
    let black = vec![0; 30_000];
    let mut fetch = fetching();
    let sent = Sent::equal("image", &black, 100);
    fetch.hear_all((100..300).map(|index| sent.datagram(index)));
    fetch.hear_all(sent.pass());
    fetch.hear_all(sent.pass());
    fetch.assert_object(&black, "nothing but equal slices");
}

#[test]
fn an_outage_of_a_cycle_is_not_taken_for_a_gap() {
    for (slices, heard, silence_ms, resume) in
        [(1_000, 500, 900, 500), (1_000, 940, 25_000, 940), (100, 60, 9_000, 62)]
    {
        let [old, new] = [60, 61].map(|seed| image(seed, slices));
        let mut fetch = fetching();
        fetch.hear_all((0..heard).map(|index| old.1.datagram(index)));
        fetch.now = fetch.now.after(Micros::from_millis(silence_ms));
        fetch.hear_all((resume..slices as u32).map(|index| new.1.datagram(index)));
        assert!(!fetch.is_over(), "{slices} slices, {silence_ms} ms");
        for _ in 0..3 {
            fetch.hear_all(new.1.pass());
        }
        fetch.assert_object(&new.0, "the new revision");
    }
}

#[test]
fn two_slices_of_two_revisions_are_not_an_object() {
    let [old, new] = [40, 41].map(|seed| noise(seed, 150));
    let [sent_old, sent_new] = [&old, &new].map(|bytes| Sent::equal("image", bytes, 100));
    let mut fetch = fetching();
    fetch.hear(sent_old.datagram(1));
    fetch.hear(sent_new.datagram(0));
    assert!(!fetch.is_over());
    for _ in 0..3 {
        fetch.hear_all(sent_new.pass());
    }
    fetch.assert_object(&new, "three passes of the new revision");
}

#[test]
fn a_revision_with_another_total_replaces_the_old_one_and_loses_no_slice() {
    let (_, old) = image(6, 200);
    let (bytes, new) = image(7, 210);
    let mut fetch = fetching();
    fetch.hear_all((0..150).map(|index| old.datagram(index)));
    fetch.hear_all(new.pass());
    fetch.assert_object(&bytes, "one pass of the new revision is enough");
    let dropped = fetch.events.iter().find_map(|event| match event {
        Event::RevisionChanged { dropped, .. } => Some(*dropped),
        _ => None,
    });
    assert_eq!(dropped, Some(150));
}

#[test]
fn a_stray_that_contradicts_does_not_spoil_what_is_held() {
    let (bytes, sent) = image(8, 100);
    let (_, stray) = image(9, 100);
    let mut fetch = fetching();
    for index in 0..100 {
        fetch.hear(sent.datagram(index));
        if index % 20 == 5 {
            fetch.hear_from(RIVAL, &stray.datagram(index));
        }
    }
    assert!(!fetch.is_over(), "five slices are in doubt");
    fetch.hear_all(sent.pass());
    fetch.assert_object(&bytes, "");
    assert_eq!(fetch.session.stats().revision_changes, 0);
}

#[test]
fn two_senders_of_different_content_do_not_mix() {
    let (mine, sent) = image(10, 60);
    let (theirs, other) = image(11, 60);
    let mut fetch = fetching();
    for _ in 0..5 {
        for index in 0..60 {
            fetch.hear_from(SENDER, &sent.datagram(index));
            fetch.hear_from(RIVAL, &other.datagram(index));
        }
    }
    if let Some(object) = fetch.object() {
        assert!(object == mine || object == theirs, "a mixture was committed");
    }
    let pinned = FetchOptions { source: Some(SENDER), ..FetchOptions::default() };
    let mut fetch = TestBox::fetching("image", pinned);
    for index in 0..60 {
        fetch.hear_from(RIVAL, &other.datagram(index));
        fetch.hear_from(SENDER, &sent.datagram(index));
    }
    fetch.assert_object(&mine, "a pinned sender is the only one heard");
    let wrong = fetch.session.stats().rejected().find(|(label, _)| *label == "wrong_source");
    assert_eq!(wrong, Some(("wrong_source", 60)));
}

#[test]
fn unequal_slices_are_put_in_order() {
    let bytes = noise(12, 5_000);
    let mut sent = Sent::equal("image", &bytes, 100);
    let mut rest = &bytes[..];
    sent.slices = (0..)
        .map_while(|i: usize| {
            let length = rest.len().min([100, 99, 93, 69][i % 4]);
            let (slice, tail) = rest.split_at(length);
            rest = tail;
            (length > 0).then(|| slice.to_vec())
        })
        .collect();
    for start in [0, 1, 2, 30, sent.total() - 1] {
        let mut fetch = fetching();
        fetch.hear_all((start..sent.total()).map(|index| sent.datagram(index)));
        fetch.hear_all(sent.pass());
        fetch.hear_all(sent.pass());
        fetch.assert_object(&bytes, &format!("joined at {start}"));
    }
}

#[test]
fn one_odd_slice_in_the_middle_of_equal_ones_is_put_in_order() {
    let bytes = noise(13, 2_050);
    let mut sent = Sent::equal("image", &bytes[..1_000], 100);
    sent.slices.push(bytes[1_000..1_050].to_vec());
    sent.slices.extend(bytes[1_050..].chunks(100).map(<[u8]>::to_vec));
    let mut fetch = fetching();
    fetch.hear_all(sent.pass());
    fetch.assert_object(&bytes, "");
}

#[test]
fn a_last_slice_longer_than_the_others_is_kept_whole() {
    let bytes = noise(14, 450);
    let mut sent = Sent::equal("image", &bytes[..300], 100);
    sent.slices.push(bytes[300..].to_vec());
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [3, 0, 1, 2]] {
        let mut fetch = fetching();
        fetch.hear_all(order.map(|index| sent.datagram(index)));
        fetch.hear_all(sent.pass());
        fetch.hear_all(sent.pass());
        fetch.assert_object(&bytes, &format!("{order:?}"));
    }
}

#[test]
fn silence_is_counted_from_the_last_datagram_and_attempts_are_bounded() {
    let (_, sent) = image(15, 100);
    let mut fetch = fetching();
    fetch.hear_all(sent.pass().take(50));
    let heard = fetch.now;
    fetch.wait();
    assert_eq!(fetch.now, heard.after(limits::TIMEOUT));
    assert_eq!(fetch.events.last(), Some(&Event::AttemptFailed { attempt: 1 }));
    fetch.wait();
    fetch.wait();
    let silent = FetchError::Silent { attempts: 3, timeout: limits::TIMEOUT };
    assert_eq!(fetch.events.last(), Some(&Event::Failed(silent)));
    assert_eq!((fetch.object(), fetch.joined), (None, None));
}

#[test]
fn what_was_held_before_a_silence_counts_once_a_pass_has_confirmed_it() {
    let (bytes, sent) = image(16, 100);
    let mut fetch = fetching();
    fetch.hear_all(sent.pass().take(90));
    fetch.wait();
    fetch.hear_all((90..100).chain(0..20).map(|index| sent.datagram(index)));
    assert!(!fetch.is_over(), "the silence may have hidden a change");
    fetch.hear_all((20..100).map(|index| sent.datagram(index)));
    fetch.assert_object(&bytes, "");
}

#[test]
fn a_live_channel_without_the_object_is_given_up_without_further_attempts() {
    let other = Sent::equal("other", &noise(17, 100), 100);
    let mut fetch = fetching();
    for _ in 0..10_000 {
        fetch.now = fetch.now.after(Micros::from_millis(50));
        fetch.hear(other.datagram(0));
        if fetch.session.wake_at().is_some_and(|at| at <= fetch.now) {
            fetch.wait();
        }
        if fetch.is_over() {
            break;
        }
    }
    let span = limits::TIMEOUT.times(limits::ABSENT_TIMEOUTS);
    assert_eq!(fetch.events, [Event::Failed(FetchError::Absent { span })]);
}

#[test]
fn an_object_above_the_limit_is_refused_and_nothing_is_written_beyond_it() {
    let (_, sent) = image(18, 50);
    let options = FetchOptions { length_max: 4_000, ..FetchOptions::default() };
    let mut fetch = TestBox::fetching("image", options);
    fetch.hear_all(sent.pass());
    assert!(!fetch.is_over());
    let too_large = fetch.session.stats().rejected().find(|(label, _)| *label == "too_large");
    assert!(too_large.is_some_and(|(_, count)| count >= 48));
}

#[test]
fn a_million_names_and_a_huge_total_cost_no_memory() {
    let mut fetch = fetching();
    let mut datagram = Sent::equal("other", b"x", 100).datagram(0);
    for n in 0..100_000u32 {
        datagram[12..22].copy_from_slice(format!("{n:010}").as_bytes());
        fetch.hear(&datagram);
    }
    assert_eq!(fetch.session.stats().foreign, 100_000);
    assert_eq!(fetch.session.progress().total, 0);
}

#[test]
fn a_trailer_is_learned_and_then_enforced() {
    let (bytes, mut sent) = image(19, 100);
    sent.precoding = 4;
    sent.trailer = |_, slice| crc32fast::hash(slice).to_be_bytes().to_vec();
    let mut fetch = fetching();
    fetch.hear_all(sent.pass().take(50));
    let mut broken = sent.datagram(60);
    broken[80] ^= 1;
    fetch.hear(&broken);
    fetch.hear_all((50..100).map(|index| sent.datagram(index)));
    fetch.assert_object(&bytes, "");
    assert_eq!(fetch.check(), Check::default_for(4));
    let bad = fetch.session.stats().rejected().find(|(label, _)| *label == "bad_trailer");
    assert_eq!(bad, Some(("bad_trailer", 1)));
}

#[test]
fn a_trailer_over_the_whole_object_verifies_it_and_tells_revisions_apart() {
    let (_, mut old) = image(20, 100);
    let (bytes, mut new) = image(21, 100);
    (old.precoding, new.precoding) = (4, 4);
    old.trailer = |_, _| crc32fast::hash(&image(20, 100).0).to_le_bytes().to_vec();
    new.trailer = |_, _| crc32fast::hash(&image(21, 100).0).to_le_bytes().to_vec();
    let mut fetch = fetching();
    fetch.hear_all((40..60).map(|index| old.datagram(index)));
    fetch.hear_all((60..100).chain(0..60).map(|index| new.datagram(index)));
    assert_eq!(fetch.session.stats().revision_changes, 1, "no slice number came twice");
    fetch.hear_all(new.pass());
    fetch.assert_object(&bytes, "");
    assert_eq!(fetch.check().map(|check| check.coverage), Some(Coverage::Object));
}

#[test]
fn reordering_and_duplication_cost_nothing_but_duplicates() {
    let (bytes, sent) = image(22, 500);
    let mut fetch = fetching();
    for block in 0..50 {
        for index in (block * 10..block * 10 + 10).rev() {
            fetch.hear(sent.datagram(index));
            fetch.hear(sent.datagram(index));
        }
    }
    fetch.assert_object(&bytes, "");
    assert_eq!(fetch.session.stats().duplicates, 499, "the last slice ends it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Loss, and revisions changing between passes: a committed object is always exactly one
    /// revision. Loss of half a pass in a row could hide a change of pass, so there is less of it.
    #[test]
    fn whatever_is_heard_nothing_mixed_is_ever_committed(
        seed: u64,
        totals in proptest::collection::vec(20usize..60, 1..4),
        script in proptest::collection::vec((0usize..4, any::<u64>(), 0u8..35), 1..12),
        start in 0u32..60,
    ) {
        let revisions: Vec<_> =
            totals.iter().enumerate().map(|(i, &n)| image(seed ^ i as u64, n.max(2))).collect();
        let mut fetch = fetching();
        let mut first = true;
        for (which, mut coins, loss) in script {
            let (_, sent) = &revisions[which % revisions.len()];
            let begin = if first { start.min(sent.total() - 1) } else { 0 };
            first = false;
            for index in begin..sent.total() {
                coins = coins.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                if (coins >> 33) % 100 >= u64::from(loss) {
                    fetch.hear(sent.datagram(index));
                } else {
                    fetch.miss();
                }
            }
        }
        if let Some(object) = fetch.object() {
            prop_assert!(revisions.iter().any(|(bytes, _)| bytes == object));
        }
    }

    /// Operations in any order, from any bytes: no panic, and memory stays within its areas.
    #[test]
    fn any_datagrams_in_never_panic(
        datagrams in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..120), 0u32..6, 0u32..6, any::<bool>()), 0..60),
    ) {
        let mut fetch = fetching();
        for (mut bytes, number, total, well_formed) in datagrams {
            if well_formed && bytes.len() >= 44 {
                bytes[4..8].copy_from_slice(&number.to_be_bytes());
                bytes[8..12].copy_from_slice(&total.to_be_bytes());
                bytes[12..42].copy_from_slice(common::name("image").field());
            }
            fetch.hear(&bytes);
        }
    }
}
