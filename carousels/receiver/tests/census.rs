//! What `listen` learns from datagrams alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod common;

use common::{RIVAL, SENDER, Sent, noise};
use stbcast_object::Micros;
use stbcast_receiver::{Census, ObjectRecord, limits};

fn listen(datagrams: impl IntoIterator<Item = Vec<u8>>) -> Census {
    let mut census = Census::default();
    let mut now = Micros::ZERO;
    for datagram in datagrams {
        census.observe(now, SENDER, &datagram, 28);
        now = now.after(Micros::from_millis(10));
    }
    census
}

fn object(census: &Census) -> &ObjectRecord {
    census.objects().next().expect("one object").1
}

#[test]
fn size_and_cycle_are_known_after_a_pass_joined_anywhere() {
    let sent = Sent::equal("image", &noise(1, 950), 100);
    let two_passes = (7..10).chain(0..10).map(|index| sent.datagram(index));
    let census = listen(two_passes);
    let object = object(&census);
    assert_eq!(object.length(), Some(950));
    assert_eq!(object.slice_bytes, Some(100));
    assert_eq!(object.cycle(), Some(Micros::from_millis(100)));
    assert_eq!(object.changes, 0);
    let ip_bytes = 950 + 250 + 13 * (44 + 28);
    assert_eq!(census.bit_rate_bps(Micros::from_secs(1)), ip_bytes * 8);
}

#[test]
fn the_size_of_unequal_slices_is_known_after_a_whole_pass() {
    let mut sent = Sent::equal("image", &noise(2, 300), 100);
    sent.slices[1].truncate(50);
    assert_eq!(object(&listen(sent.pass().skip(1))).length(), None);
    assert_eq!(object(&listen(sent.pass())).length(), Some(250));
    assert_eq!(object(&listen(sent.pass())).slice_bytes, None);
}

#[test]
fn changes_of_content_and_of_header_are_counted() {
    let [old, new] = [3, 4].map(|seed| Sent::equal("image", &noise(seed, 500), 100));
    let longer = Sent::equal("image", &noise(5, 600), 100);
    let census = listen(old.pass().chain(old.pass()).chain(new.pass()).chain(longer.pass()));
    assert_eq!(object(&census).changes, 2);
    assert_eq!(object(&census).length(), Some(600), "what was known of the old one is forgotten");
}

#[test]
fn several_senders_are_told_apart() {
    let sent = Sent::equal("image", &noise(6, 500), 100);
    let mut census = listen(sent.pass());
    census.observe(Micros::from_secs(1), RIVAL, &sent.datagram(0), 28);
    assert_eq!(object(&census).senders[..], [SENDER, RIVAL]);
}

#[test]
fn a_million_names_leave_memory_flat() {
    let mut census = Census::default();
    let mut datagram = Sent::equal("x", b"x", 100).datagram(0);
    for n in 0..1_000_000u32 {
        let mut digits = n + 1_000_000_000;
        for byte in datagram[12..22].iter_mut().rev() {
            *byte = b'0' + (digits % 10) as u8;
            digits /= 10;
        }
        census.observe(Micros::ZERO, SENDER, &datagram, 28);
    }
    assert_eq!(census.objects().count(), limits::LISTED_OBJECTS_MAX);
    assert_eq!(census.other_names(), 1_000_000 - limits::LISTED_OBJECTS_MAX as u64);
}

#[test]
fn what_is_not_a_packet_is_counted_by_reason() {
    let census = listen([vec![0; 10], vec![0; 44], vec![0; 6_000]]);
    let counted: Vec<_> = census.stats().rejected().filter(|(_, n)| *n > 0).collect();
    assert_eq!(counted, [("short", 1), ("oversized", 1), ("number_out_of_range", 1)]);
}
