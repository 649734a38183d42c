//! Golden vectors: what is on the wire does not change by accident. `tests/vectors/infocast.txt` was
//! made from the public facts by a program that shares no code with ours.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::num::NonZeroU16;

use stbcast_infocast::{
    Algorithm, ByteOrder, Carousel, Check, Content, Coverage, Entry, Name, ObjectType, Packet,
    Precoding, Step,
};
use stbcast_object::{Micros, Slices};

const OBJECT: &[u8] = b"stbcast golden vector: 40 bytes of objec";

fn vectors(label: &str) -> Vec<Vec<u8>> {
    let text = include_str!("vectors/infocast.txt");
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let wanted = lines.filter(|(known, _)| *known == label);
    let byte = |hex: &str, at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let vectors: Vec<_> = wanted
        .map(|(_, hex)| (0..hex.len()).step_by(2).map(|at| byte(hex, at)).collect())
        .collect();
    assert!(!vectors.is_empty(), "no vector `{label}`");
    vectors
}

struct Case {
    label: &'static str,
    name: &'static str,
    object_type: u16,
    precoding: u16,
    slice_bytes: u16,
    check: Option<Check>,
    object: &'static [u8],
}

fn check(algorithm: Algorithm, coverage: Coverage, order: ByteOrder) -> Option<Check> {
    Some(Check { algorithm, coverage, order })
}

fn case(label: &'static str, name: &'static str, object_type: u16, precoding: u16) -> Case {
    Case { label, name, object_type, precoding, slice_bytes: 16, check: None, object: OBJECT }
}

fn cases() -> Vec<Case> {
    let sun = check(Algorithm::Crc16Sun, Coverage::Header, ByteOrder::Little);
    let object = check(Algorithm::Crc32IsoHdlc, Coverage::Object, ByteOrder::Big);
    let header = check(Algorithm::Crc32IsoHdlc, Coverage::Header, ByteOrder::Big);
    vec![
        case("none", "software_1700", 5, 1),
        Case { slice_bytes: 40, ..case("none-ois", "cfg.portal.starturl", 1, 0) },
        case("crc16", "cfg.infocast", 1, 2),
        Case { check: sun, ..case("crc16-sun-header-little", "cfg.infocast", 1, 2) },
        case("crc32", "software_1700", 5, 4),
        Case { check: object, ..case("crc32-object", "software_1700", 5, 4) },
        Case { check: header, ..case("crc32-ois-header", "cfg.resources.url", 1, 0x4000) },
        Case { slice_bytes: 40, ..case("thirty-bytes", "cfg.media.audio.formatpriority", 1, 1) },
        Case { object: b"", ..case("empty", "empty", 5, 4) },
    ]
}

fn entry(case: &Case, content: Content) -> Entry {
    let name = Name::new(case.name).unwrap();
    let (object_type, precoding) = (ObjectType(case.object_type), Precoding(case.precoding));
    Entry::new(name, object_type, precoding, case.check, content)
        .unwrap()
        .with_trailers_over(case.object)
}

/// One cycle of a carousel as datagrams.
fn cycle(entry: Entry, object: &[u8], unix_seconds: u64) -> Vec<Vec<u8>> {
    let mut carousel = Carousel::new(vec![entry], 1_000_000, 28, Micros::ZERO);
    let mut datagrams = Vec::new();
    while let Step::Datagram(datagram) = carousel.next(Micros::ZERO, unix_seconds) {
        let mut bytes = datagram.head.to_vec();
        bytes.extend_from_slice(&object[datagram.body.start as usize..datagram.body.end as usize]);
        bytes.extend_from_slice(&datagram.tail);
        datagrams.push(bytes);
    }
    datagrams
}

#[test]
fn the_carousel_sends_exactly_the_vectors() {
    for case in cases() {
        let slice_bytes = NonZeroU16::new(case.slice_bytes).unwrap();
        let slices = Slices::new(case.object.len() as u64, slice_bytes).unwrap();
        let sent = cycle(entry(&case, Content::Stored(slices)), case.object, 0);
        assert_eq!(sent, vectors(case.label), "{}", case.label);
    }
    let time = case("time", "var.utctime", 7, 1);
    let sent = cycle(entry(&time, Content::UnixTime), &[], 1_790_000_000);
    assert_eq!(sent, vectors("time"));
}

#[test]
fn the_vectors_are_read_as_what_they_are() {
    for case in cases() {
        let datagrams = vectors(case.label);
        let mut object = Vec::new();
        for (index, bytes) in datagrams.iter().enumerate() {
            let packet = Packet::parse(bytes).unwrap();
            assert_eq!(packet.header().name.as_bytes(), case.name.as_bytes());
            assert_eq!(packet.header().object_type, ObjectType(case.object_type));
            assert_eq!(packet.header().precoding, Precoding(case.precoding));
            assert_eq!(
                (packet.index() as usize, packet.header().total as usize),
                (index, datagrams.len())
            );
            object.extend_from_slice(packet.payload());
        }
        assert_eq!(object, case.object, "{}", case.label);
    }
}
