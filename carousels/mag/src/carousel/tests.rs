//! The vectors of MAG notes §1.3, and cycles on a clock of their own.

use super::*;
use crate::Packet;
use alloc::string::{String, ToString};
use alloc::{format, vec};
use core::num::NonZeroU16;
use proptest::prelude::*;

const PAUSE: Micros = Micros::from_millis(100);

fn stream(serial: u32, length: u64, repeat_ms: u64) -> Stream {
    Stream {
        serial: serial as u16,
        description: Description::new("Testing description").unwrap(),
        description_repeat: Micros::from_millis(repeat_ms),
        slices: Slices::new(length, NonZeroU16::new(1_456).unwrap()).unwrap(),
    }
}

fn carousel(serial: u32, length: u64) -> Carousel {
    Carousel::new(stream(serial, length, 1_000), PAUSE).unwrap()
}

/// The datagrams of one cycle that takes no time: head and payload bytes.
fn cycle(carousel: &mut Carousel) -> Vec<(Vec<u8>, u64)> {
    let mut sent = Vec::new();
    loop {
        match carousel.next(Micros::ZERO) {
            Step::Description(bytes) => sent.push((bytes, 0)),
            Step::Datagram(it) => {
                assert!(it.tail.is_empty() && it.object == 0);
                sent.push((it.head.to_vec(), it.body.end - it.body.start));
            }
            Step::CycleEnd => return sent,
            Step::Idle { .. } => panic!("idle within a cycle"),
        }
    }
}

#[test]
fn a_file_of_5000_bytes_is_sent_as_the_vendor_does() {
    let data = |index: u8, offset: [u8; 2], bytes| {
        let [high, low] = offset;
        (vec![1, 0x10, 0, 9, 0, index, 0, 3, 0, 0, high, low, 0, 0, 0x13, 0x88], bytes)
    };
    let wanted = vec![
        (b"\x02\x04\x00\x09\x01\x13Testing description".to_vec(), 0),
        data(0, [0, 0], 1_456),
        data(1, [0x05, 0xb0], 1_456),
        data(2, [0x0b, 0x60], 1_456),
        data(3, [0x11, 0x10], 632),
    ];
    assert_eq!(cycle(&mut carousel(9, 5_000)), wanted);
}

#[test]
fn an_empty_file_is_one_datagram_whose_last_index_is_below_zero() {
    let sent = cycle(&mut carousel(3, 0));
    let empty = vec![1, 0x10, 0, 3, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(sent[1..], [(empty, 0)]);
}

#[test]
fn serial_numbers_have_16_bits_on_the_wire() {
    for (head, _) in cycle(&mut carousel(70_000, 5_000)) {
        assert_eq!(head[2..4], [0x11, 0x70]);
    }
}

#[test]
fn behind_95420416_bytes_the_index_begins_again_and_the_offset_does_not() {
    let mut wrapping = carousel(1, 95_425_416);
    assert!(wrapping.stream().wraps());
    let sent = cycle(&mut wrapping);
    assert_eq!(sent.len(), 1 + 65_540);
    assert!(sent[1..].iter().all(|(head, _)| head[6..8] == [0, 3]));
    let (head, bytes) = &sent[1 + 65_536];
    assert_eq!((&head[4..6], *bytes), (&[0, 0][..], 1_456));
    assert_eq!(head[8..12], 95_420_416_u32.to_be_bytes());
    let (head, bytes) = sent.last().unwrap();
    assert_eq!((&head[4..6], *bytes), (&[0, 3][..], 5_000 - 3 * 1_456));
    assert!(!carousel(1, 95_420_416).stream().wraps(), "65,536 packets are told apart");
}

#[test]
fn an_image_whose_length_does_not_fit_is_refused() {
    assert!(Carousel::new(stream(1, LENGTH_MAX, 0), PAUSE).is_ok());
    let too_long = Carousel::new(stream(1, LENGTH_MAX + 1, 0), PAUSE);
    assert_eq!(too_long.unwrap_err(), TooLong { length: 1 << 32 });
}

/// The steps as text: `d` for a description, `2` for packet 2, `|` for a cycle's end.
fn steps(carousel: &mut Carousel, now_ms: u64, count: usize) -> String {
    let one = |_| match carousel.next(Micros::from_millis(now_ms)) {
        Step::Description(_) => "d ".to_string(),
        Step::Datagram(datagram) => format!("{} ", datagram.body.start / 1_456),
        Step::CycleEnd => "|".to_string(),
        Step::Idle { until } => format!("idle{} ", until.0 / 1_000),
    };
    (0..count).map(one).collect()
}

#[test]
fn a_cycle_is_a_description_and_all_packets_and_a_pause_follows() {
    let mut carousel = carousel(9, 3_000);
    assert!(carousel.between_cycles());
    assert_eq!(steps(&mut carousel, 0, 6), "d 0 1 2 |idle100 ");
    assert_eq!((carousel.cycles(), carousel.between_cycles()), (1, true));
    assert_eq!(steps(&mut carousel, 99, 1), "idle100 ");
    assert_eq!(steps(&mut carousel, 100, 2), "d 0 ");
    assert!(!carousel.between_cycles());
}

#[test]
fn the_description_comes_again_within_a_long_cycle() {
    let mut carousel = carousel(9, 20_000);
    assert_eq!(steps(&mut carousel, 0, 3), "d 0 1 ");
    assert_eq!(steps(&mut carousel, 999, 2), "2 3 ");
    assert_eq!(steps(&mut carousel, 1_000, 3), "d 4 5 ");
    assert_eq!(steps(&mut carousel, 1_999, 1), "6 ");
    assert_eq!(steps(&mut carousel, 2_100, 2), "d 7 ");
}

#[test]
fn a_repeat_of_zero_is_every_100_ms_and_a_packet_follows_each_description() {
    let mut carousel = Carousel::new(stream(9, 20_000, 0), PAUSE).unwrap();
    assert_eq!(steps(&mut carousel, 0, 3), "d 0 1 ");
    assert_eq!(steps(&mut carousel, 99, 1), "2 ");
    assert_eq!(steps(&mut carousel, 100, 2), "d 3 ");
    let slow = [1_000, 2_000, 3_000, 4_000].map(|now| steps(&mut carousel, now, 1));
    assert_eq!(slow, ["d ", "4 ", "d ", "5 "]);
}

proptest! {
    #[test]
    fn every_packet_passes_once_a_cycle_and_the_payloads_are_the_image(
        serial: u16, length in 0u64..300_000, slice_bytes in 1u16..1_457, text in ".{0,40}",
    ) {
        let slice_bytes = NonZeroU16::new(slice_bytes.max(50)).unwrap();
        let description = Description::new(&text).unwrap();
        let slices = Slices::new(length, slice_bytes).unwrap();
        let stream = Stream { serial, description, description_repeat: PAUSE, slices };
        let mut carousel = Carousel::new(stream, PAUSE).unwrap();
        let mut end = 0;
        for (place, (head, bytes)) in cycle(&mut carousel).into_iter().enumerate() {
            let whole = [&head[..], &vec![7; bytes as usize]].concat();
            prop_assert!(whole.len() <= carousel.datagram_bytes_max());
            match Packet::parse(&whole).unwrap() {
                Packet::Description { serial: told, text: said } => {
                    prop_assert_eq!((place, told, said), (0, serial, text.as_bytes()));
                }
                Packet::Data { header, payload } => {
                    prop_assert_eq!((u64::from(header.offset), u64::from(header.length)), (end, length));
                    end += payload.len() as u64;
                }
            }
        }
        prop_assert_eq!(end, length);
    }

    #[test]
    fn a_cycle_takes_as_long_as_planned(
        length in 0u64..2_000_000, rate in 12_000u64..20_000_000, repeat_ms in 0u64..3_000,
    ) {
        let mut carousel = Carousel::new(stream(1, length, repeat_ms), PAUSE).unwrap();
        let plan = carousel.plan(rate, 28);
        let (mut now, mut descriptions, mut packets) = (0.0, 0, 0);
        loop {
            let bytes = match carousel.next(Micros(now as u64)) {
                Step::Description(bytes) => { descriptions += 1; bytes.len() }
                Step::Datagram(datagram) => { packets += 1; datagram.bytes() }
                Step::CycleEnd => break,
                Step::Idle { .. } => panic!("idle within a cycle"),
            };
            now += (bytes + 28) as f64 * 8e6 / rate as f64;
        }
        prop_assert_eq!(plan.packets, packets);
        // A description waits for the end of a packet, so there may be fewer where packets are long.
        prop_assert!(plan.descriptions <= packets && plan.descriptions + 1 >= descriptions);
        let took = plan.cycle.as_secs_f64() * 1e6;
        prop_assert!((took / now - 1.0).abs() < 0.05 || (took - now).abs() < 60_000.0, "{} {}", took, now);
    }
}
