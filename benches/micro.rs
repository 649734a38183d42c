//! What one datagram costs the pure crates, in time and in heap allocations:
//!
//! ```text
//! cargo bench --bench micro
//! ```
//!
//! Each iteration is one datagram of 1,400 bytes of image. Below the times stand the allocations of an
//! iteration where there were any: 0 in the steady state.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use divan::{AllocProfiler, Bencher, black_box};
use stbcast::pacer::{BURST, Pace, Pacer};
use stbcast_infocast::{
    Carousel, Content, Entry, Header, Learner, Name, ObjectType, Packet, Precoding,
};
use stbcast_object::{Group, Micros, Slices};
use stbcast_receiver::{ChannelDecoder, Fetch, FetchOptions, Input, Target};

const IMAGE_BYTES: usize = 64 << 20;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

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

/// The check of a slice, once per revision at the headend and once per datagram at the box.
#[divan::bench]
fn crc32_of_a_slice(bencher: Bencher<'_, '_>) {
    let bytes = datagram(1);
    bencher.bench(|| crc32fast::hash(black_box(&bytes[44..1_444])));
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
    let pace = Pace { bit_rate_bps: 1_000_000_000, datagram_bytes_max: 1_472, burst: BURST };
    let mut pacer = Pacer::new(pace, Micros::ZERO);
    bencher.bench_local(|| {
        let at = pacer.next_at();
        pacer.sent(at, 1_476);
        carousel.next(at, 0)
    });
}

/// Parse, check and store one slice, by the box's session. The first few learn the trailer.
#[divan::bench(sample_size = 100)]
fn box_takes_a_new_slice(bencher: Bencher<'_, '_>) {
    let mut datagrams = (1..=47_000).map(datagram).collect::<Vec<_>>().into_iter().cycle();
    let group = Group::new([239, 255, 2, 11].into(), 22222).unwrap();
    let target = Target::infocast(group, Name::new("image").unwrap());
    let mut session = Fetch::new(target, FetchOptions::default());
    session.handle(Micros::ZERO, Input::Wake).for_each(drop);
    let mut decoder = ChannelDecoder::default();
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    bencher.with_inputs(|| datagrams.next().unwrap()).bench_local_refs(|bytes| {
        let arrival = decoder.decode(from, bytes).unwrap();
        session.handle(Micros::ZERO, Input::Arrival(arrival)).for_each(drop);
        session.handle(Micros::ZERO, Input::Written { ok: true }).for_each(drop);
    });
}
