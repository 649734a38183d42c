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

#[test]
fn the_image_of_a_mag_channel_is_told_apart_from_objects_of_infocast() {
    use stbcast_mag::{Description, Header};
    let mut census = Census::default();
    let mut hear = |at: u64, bytes: &[u8]| {
        census.observe(Micros::from_millis(at), SENDER, bytes, 28);
    };
    hear(0, &Description::new("MAG254 219 \u{e9}").unwrap().encode(9));
    for cycle in 0..3u64 {
        for index in 0..84u16 {
            let offset = u32::from(index) * 60;
            let header = Header { serial: 9, index, last: 83, offset, length: 5_000 };
            let bytes = noise(u64::from(index), if index < 83 { 60 } else { 20 });
            hear(cycle * 200 + u64::from(index), &[&header.encode()[..], &bytes].concat());
        }
    }
    hear(700, b"\x01\x10\x00\x09");
    hear(701, &[&[1, 0x10, 0, 9, 0, 0, 0, 83, 0, 0, 0, 1, 0, 0, 0, 1][..], b"x"].concat());
    let image = census.image().unwrap();
    assert_eq!((image.revision.serial, image.revision.length), (9, 5_000));
    assert_eq!((image.revision.packets(), image.datagrams, image.changes), (84, 252, 0));
    assert_eq!(image.cycle(), Some(Micros::from_millis(200)));
    assert_eq!(image.senders.as_slice(), [SENDER]);
    assert_eq!(census.description().as_deref(), Some("MAG254 219 \\xc3\\xa9"));
    assert_eq!(census.objects().count(), 0);
    let refused: Vec<_> = census.stats().rejected().filter(|(_, count)| *count > 0).collect();
    assert_eq!(refused, [("short", 1), ("mag_beyond_end", 1)]);
}
