//! What one datagram costs the pure crates: `cargo bench --bench micro`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use divan::{Bencher, black_box};
use stbcast::pacer::Pacer;
use stbcast_infocast::{
    Carousel, Content, Entry, Header, Learner, Name, ObjectType, Packet, Precoding,
};
use stbcast_object::{Group, Micros, Slices};
use stbcast_receiver::{ChannelDecoder, Fetch, FetchOptions, Input, Target};

const IMAGE_BYTES: usize = 64 << 20;

fn main() {
    divan::main();
}

fn header() -> Header {
    Header {
        object_type: ObjectType::BOOTCAST_FILE,
        precoding: Precoding::CRC32,
        number: 1,
        total: 47_935,
        name: Name::new("image").unwrap(),
    }
}

fn datagram(number: u32) -> Vec<u8> {
    let mut bytes = Header { number, ..header() }.encode().to_vec();
    let slice: Vec<u8> = (0..1_400u32).map(|n| (n.wrapping_mul(number) >> 3) as u8).collect();
    bytes.extend_from_slice(&slice);
    bytes.extend(crc32fast::hash(&slice).to_be_bytes());
    bytes
}

#[divan::bench]
fn write_header() -> [u8; 44] {
    black_box(header()).encode()
}

#[divan::bench]
fn parse_packet(bencher: Bencher<'_, '_>) {
    let bytes = datagram(1);
    bencher.bench(|| Packet::parse(black_box(&bytes)).is_ok());
}

#[divan::bench]
fn check_trailer_learned(bencher: Bencher<'_, '_>) {
    let mut learner = Learner::default();
    for number in 1..10 {
        learner.judge(&Packet::parse(&datagram(number)).unwrap());
    }
    let bytes = datagram(20);
    bencher.bench_local(|| learner.judge(&Packet::parse(black_box(&bytes)).unwrap()));
}

#[divan::bench]
fn next_datagram_and_pace(bencher: Bencher<'_, '_>) {
    let slices = Slices::new(IMAGE_BYTES as u64, NonZeroU16::new(1_400).unwrap()).unwrap();
    let entry = Entry::new(
        Name::new("image").unwrap(),
        ObjectType::BOOTCAST_FILE,
        Precoding::CRC32,
        None,
        Content::Stored(slices),
    );
    let mut carousel = Carousel::new(vec![entry.unwrap()], 1_000_000_000, 28, Micros::ZERO);
    let mut pacer = Pacer::new(1_000_000_000, Micros::ZERO);
    bencher.bench_local(|| {
        let at = pacer.next_at();
        pacer.sent(at, 1_476);
        carousel.next(at, 0)
    });
}

#[divan::bench]
fn box_takes_a_new_slice(bencher: Bencher<'_, '_>) {
    let mut datagrams = (1..=47_000).map(datagram).collect::<Vec<_>>().into_iter().cycle();
    let group = Group::new([239, 255, 2, 11].into(), 22222).unwrap();
    let target = Target { group, name: Name::new("image").unwrap() };
    let mut session = Fetch::new(target, FetchOptions::default());
    session.handle(Micros::ZERO, Input::Wake).for_each(drop);
    let mut decoder = ChannelDecoder::default();
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    bencher.with_inputs(|| datagrams.next().unwrap()).bench_local_values(|bytes| {
        let arrival = decoder.decode(from, &bytes).unwrap();
        session.handle(Micros::ZERO, Input::Arrival(arrival)).for_each(drop);
        session.handle(Micros::ZERO, Input::Written { ok: true }).for_each(drop);
    });
}
