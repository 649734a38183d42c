use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use proptest::prelude::*;
use stbcast_mag::Description;

use super::*;

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A datagram of an image whose every byte is that of its serial number.
fn packet(serial: u16, (offset, bytes, length): (u32, usize, u32)) -> Vec<u8> {
    // An index that is nonsense: nobody looks at it.
    let (index, last) = (0xbeef, 0xdead);
    let header = Header { serial, index, last, offset, length };
    [&header.encode()[..], &vec![serial.to_be_bytes()[1]; bytes]].concat()
}

fn heard(
    decoder: &mut MagDecoder,
    serial: u16,
    place: (u32, usize, u32),
) -> Result<(u32, u32, u32), &'static str> {
    let slice =
        decoder.decode(SENDER, &packet(serial, place)).map(|arrival| arrival.unwrap().slice);
    match slice {
        Ok(slice) => Ok((slice.index, slice.length, slice.revision.slices())),
        Err(reject) => Err(MagReject::LABELS[reject.index()]),
    }
}

#[test]
fn a_packet_is_placed_by_its_offset_in_images_of_any_length() {
    let mut decoder = MagDecoder::default();
    assert_eq!(heard(&mut decoder, 9, (0, 1_456, 5_000)), Ok((0, 1_456, 4)));
    assert_eq!(heard(&mut decoder, 9, (2_912, 1_456, 5_000)), Ok((2, 1_456, 4)));
    assert_eq!(heard(&mut decoder, 9, (4_368, 632, 5_000)), Ok((3, 632, 4)));
    // Behind the 65,536 packets that the index counts.
    assert_eq!(
        heard(&mut decoder, 9, (95_420_416, 1_456, 95_425_416)),
        Ok((65_536, 1_456, 65_540))
    );
    assert_eq!(heard(&mut decoder, 9, (95_424_784, 632, 95_425_416)), Ok((65_539, 632, 65_540)));
}

#[test]
fn images_of_one_packet_and_of_none_are_slices_of_their_own() {
    let mut decoder = MagDecoder::default();
    assert_eq!(heard(&mut decoder, 1, (0, 0, 0)), Ok((0, 0, 1)));
    assert_eq!(heard(&mut decoder, 2, (0, 1, 1)), Ok((0, 1, 1)));
    assert_eq!(heard(&mut decoder, 3, (0, 1_456, 1_456)), Ok((0, 1_456, 1)));
}

#[test]
fn the_last_packet_waits_until_another_shows_how_long_packets_are() {
    let mut decoder = MagDecoder::default();
    assert_eq!(heard(&mut decoder, 9, (4_000, 1_000, 5_000)), Err("mag_last_alone"));
    assert_eq!(heard(&mut decoder, 9, (1_000, 1_000, 5_000)), Ok((1, 1_000, 5)));
    assert_eq!(heard(&mut decoder, 9, (4_000, 1_000, 5_000)), Ok((4, 1_000, 5)));
    // Another serial number or length is another image.
    assert_eq!(heard(&mut decoder, 8, (4_000, 1_000, 5_000)), Err("mag_last_alone"));
    assert_eq!(heard(&mut decoder, 9, (4_000, 999, 4_999)), Err("mag_last_alone"));
}

#[test]
fn what_lies_where_no_packet_begins_is_refused() {
    let mut decoder = MagDecoder::default();
    assert_eq!(heard(&mut decoder, 9, (1, 1_000, 5_000)), Err("mag_unaligned"));
    assert_eq!(heard(&mut decoder, 9, (0, 1_000, 5_000)), Ok((0, 1_000, 5)));
    assert_eq!(heard(&mut decoder, 9, (4_001, 999, 5_000)), Err("mag_unaligned"));
    assert_eq!(heard(&mut decoder, 9, (3_000, 2_000, 5_000)), Err("mag_unaligned"));
    assert_eq!(heard(&mut decoder, 9, (0, 1, 3 << 20)), Err("mag_too_many_packets"));
    assert_eq!(heard(&mut decoder, 9, (0, 4_985, 1 << 20)), Err("mag_oversized"));
    assert_eq!(heard(&mut decoder, 9, (0, 4_984, 1 << 20)), Ok((0, 4_984, 211)));
}

#[test]
fn strangers_do_not_make_the_last_packet_homeless() {
    let mut decoder = MagDecoder::default();
    for packet in 0..8 {
        heard(&mut decoder, 9, (packet * 100, 100, 1_000)).unwrap();
    }
    for _ in 0..5 {
        heard(&mut decoder, 9, (0, 50, 1_000)).unwrap();
    }
    for serial in 100..200 {
        heard(&mut decoder, serial, (0, 50, 1_000)).unwrap();
    }
    assert_eq!(heard(&mut decoder, 9, (900, 100, 1_000)), Ok((9, 100, 10)));
    // A sender that starts again with other packets is believed soon.
    for packet in 0..8 {
        heard(&mut decoder, 9, (packet * 50, 50, 1_000)).unwrap();
    }
    assert_eq!(heard(&mut decoder, 9, (950, 50, 1_000)), Ok((19, 50, 20)));
}

#[test]
fn a_description_is_no_arrival() {
    let text = Description::new("MAG254 219").unwrap().encode(9);
    assert!(matches!(MagDecoder::default().decode(SENDER, &text), Ok(None)));
}

#[test]
fn every_reason_has_a_label_that_is_its_own() {
    let named = Reject::LABELS.map(|label| alloc::format!("mag_{label}"));
    assert_eq!(named, MagReject::LABELS[..Reject::LABELS.len()]);
    let all: alloc::collections::BTreeSet<_> = MagReject::LABELS.into_iter().collect();
    assert_eq!(all.len(), MagReject::LABELS.len());
}

proptest! {
    /// Whoever writes whatever: a slice lies in its image, where its index says.
    #[test]
    fn an_arrival_lies_where_it_says(
        packets in proptest::collection::vec((0u16..3, 0u32..2_100, 0usize..800, 0u32..2_100), 1..200),
    ) {
        let mut decoder = MagDecoder::default();
        for (serial, offset, bytes, length) in packets {
            let bytes = packet(serial, (offset, bytes, length));
            let Ok(Some(arrival)) = decoder.decode(SENDER, &bytes) else { continue };
            let Revision::Mag(revision) = arrival.slice.revision else { panic!() };
            let (index, own) = (arrival.slice.index, u32::from(revision.packet_bytes.get()));
            prop_assert_eq!(index * own, offset);
            prop_assert!(index < revision.packets());
            let is_last = index + 1 == revision.packets();
            let left = length - offset;
            prop_assert_eq!(arrival.slice.length, if is_last { left } else { own });
            prop_assert_eq!(arrival.payload.len(), arrival.slice.length as usize);
        }
    }

    #[test]
    fn any_bytes_are_answered(datagrams: Vec<Vec<u8>>) {
        let mut decoder = MagDecoder::default();
        for bytes in datagrams {
            let _ = decoder.decode(SENDER, &bytes);
        }
    }
}
