//! Golden vectors: the standards' bytes, and ours as `carousels/PROTOCOL.md` prints them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod common;

use common::Stores;
use stbcast_flute::fdt::{
    Alternates, Announced, Companion, File, Instance, Kind, Supersedes, Unicast,
};
use stbcast_flute::{
    AnnounceSession, Carousel, CarouselSettings, Code, CompanionSession, CompanionSettings, Entry,
    Event, Extensions, FdtId, FdtSettings, Fti, Lct, NtpTime, Packet, Repair, Scheme, Session,
    Share, Step, Symbol, close_session, crc32,
};
use stbcast_object::{Group, Micros};

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// 2026-09-21 14:13:20 UTC.
const WALL: Micros = Micros::from_secs(1_790_000_000);

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    let word = |word: &[u8]| word.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let words: Vec<String> = bytes.chunks(4).map(word).collect();
    words.chunks(8).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

/// The vector as the document prints it.
fn printed(name: &str) -> Vec<u8> {
    let start = PROTOCOL.split_once(&format!("vector {name}\n")).expect(name).1;
    from_hex(start.split_once("```").expect(name).0)
}

fn check(name: &str, datagram: &[u8]) {
    assert!(datagram == printed(name), "vector {name}\n{}", to_hex(datagram));
}

#[test]
fn the_header_seen_on_the_wire_is_read_as_the_standards_notes_read_it() {
    let bytes = from_hex(
        "10100b05 00000000 0001 0000 | c0200001 | c1000000 | 0203c000 eeaca792 aa4aada3 | \
         40030000 00000433 0010 05 08",
    );
    let lct = Lct::parse(&bytes).unwrap();
    assert_eq!((lct.tsi, lct.toi, lct.codepoint), (1, Some(0), 5));
    assert_eq!(lct.header_bytes(), bytes.len());
    let found = Extensions::parse(lct.extensions(&bytes)).unwrap();
    assert_eq!(found.fdt, Some(FdtId { version: 2, instance: 1 }));
    assert_eq!(found.encoding, Some(0));
    assert_eq!(found.time, Some(NtpTime(0xeeac_a792_aa4a_ada3)));
    assert_eq!(found.fti, Some(&[0, 0, 0, 0, 4, 0x33, 0, 0x10, 5, 8][..]));
}

#[test]
fn ext_fti_of_each_code_has_the_bytes_of_the_standards_table() {
    let raw = |scheme, length, symbol| Fti::new(scheme, length, symbol).unwrap();
    // L 48, reserved 16, E 16, B 32.
    let no_code = raw(Scheme::NoCode { block_symbols: 3 }, 10_000, 1_000);
    let bytes = from_hex("000000002710 0000 03e8 00000003");
    assert_eq!(Fti::parse(0, &bytes), Some(Ok(no_code)));
    // F 40, reserved 8, T 16, Z 8, N 16, Al 8, padding 16.
    let raptorq = raw(Scheme::RaptorQ { source_blocks: 2, alignment: 4 }, 10_000, 1_000);
    let bytes = from_hex("0000002710 00 03e8 02 0001 04 0000");
    assert_eq!(Fti::parse(6, &bytes), Some(Ok(raptorq)));
    // L 48, instance 16, E 16, B 32.
    let companion = raw(Scheme::Companion { code: Code::Rs16, block_symbols: 5 }, 10_000, 1_000);
    let bytes = from_hex("000000002710 5302 03e8 00000005");
    assert_eq!(Fti::parse(128, &bytes), Some(Ok(companion)));
    assert_eq!(Fti::parse(5, &bytes), None);
    assert_eq!(companion.blocks(), 2);
}

/// The first datagram of a symbol.
fn symbol(mut next: impl FnMut() -> Step, stores: &Stores) -> Vec<u8> {
    loop {
        match next() {
            Step::Datagram(datagram) => return stores.gather(&datagram),
            Step::Fdt(_) => {}
            step => panic!("{step:?}"),
        }
    }
}

fn file(scheme: Scheme, length: u64, symbol_bytes: u16) -> File {
    let fti = Fti::new(scheme, length, symbol_bytes).unwrap();
    File::new("infocast://239.255.2.11:22222/boot-1113", 0x0102_0304).unwrap().with_fti(fti)
}

#[test]
fn companion_datagrams_are_those_of_the_document() {
    // Symbols of 15 bytes: in GF(2^16) their repair symbols have 16.
    for (name, code, bytes, per_block) in [("rs8", Code::Rs8, 16, 252), ("rs16", Code::Rs16, 15, 1)]
    {
        let file = file(Scheme::Companion { code, block_symbols: 3 }, 70, bytes);
        let store: Vec<u8> = (0..=255).cycle().take(16 * 2 * per_block as usize).collect();
        let crcs = store.chunks(16).map(crc32).collect();
        let repair = Some(Repair { store: 0, per_block, per_cycle: 0, crcs });
        let settings = CompanionSettings {
            fdt: FdtSettings::new(1),
            symbols_per_1000_s: 1_000,
            share: Share::ALL,
        };
        let entries = vec![Entry { file, object: 9, repair }];
        let mut session = CompanionSession::new(settings, entries, WALL).unwrap();
        let datagram = symbol(|| session.next(Micros::ZERO, WALL), &Stores(vec![store]));
        check(name, &datagram);
        let packet = Packet::parse(&datagram).unwrap();
        let index = if per_block == 1 { 0 } else { 1_790_000_000 / 2 % 252 };
        let expected = Ok(Symbol::Repair { block: 0, index });
        assert_eq!(packet.symbol(&packet.fti().unwrap()), expected);
    }
}

#[test]
fn carousel_datagrams_are_those_of_the_document() {
    let no_code = file(Scheme::NoCode { block_symbols: 1_024 }, 70, 16);
    let raptorq = file(Scheme::RaptorQ { source_blocks: 1, alignment: 4 }, 70, 16);
    let repair = Repair { store: 1, per_block: 2, per_cycle: 1, crcs: [].into() };
    let stores = Stores(vec![(0..70).collect(), vec![0xee; 48]]);
    for (name, file, repair) in [("no-code", no_code, None), ("raptorq", raptorq, Some(repair))] {
        let settings = CarouselSettings::new(1, 1_000_000);
        let entry = Entry { file, object: 0, repair };
        let mut carousel = Carousel::new(settings, vec![entry], WALL).unwrap();
        check(name, &symbol(|| carousel.next(Micros::ZERO, WALL), &stores));
    }
    check("close", &close_session(1));
}

/// The two files of the document's announcement.
fn announced() -> Vec<File> {
    let scheme = Scheme::Companion { code: Code::Rs16, block_symbols: 23_968 };
    let fti = Fti::new(scheme, 33_554_432, 1_400).unwrap();
    let sha256: [u8; 32] = std::array::from_fn(|place| place as u8 + 1);
    let mut image = File::new("infocast://239.255.2.11:22222/boot-1113", 0x0102_0304).unwrap();
    image.media_type = Some("application/octet-stream".to_owned());
    (image.sha256, image.md5) = (Some(sha256), Some(std::array::from_fn(|place| place as u8)));
    let group = Group::parse("239.255.2.12:22222", None).unwrap();
    let list = "http://boot.example/boot-1113.bin http://192.0.2.10:8080/boot-1113.bin";
    let alternates = Alternates::new(list).unwrap();
    image.announced = Announced {
        kind: Some(Kind::new("image").unwrap()),
        slice_bytes: 1_400.try_into().ok(),
        companion: Some(Companion { group, tsi: 1 }),
        unicast: Some(Unicast::new(alternates, 3.try_into().unwrap(), 1_800).unwrap()),
        supersedes: Some(Supersedes::new(0x0302_0202, 120, 700).unwrap()),
    };
    let mut config = File::new("infocast://239.255.2.2:22222/arris-vip1113", 7).unwrap();
    config.content_bytes = Some(210);
    config.announced.kind = Some(Kind::new("bootcast").unwrap());
    config.announced.slice_bytes = 1_024.try_into().ok();
    vec![image.with_fti(fti), config]
}

#[test]
fn the_announcement_is_that_of_the_document() {
    let settings = FdtSettings::new(1);
    let mut session = AnnounceSession::new(settings, announced(), WALL).unwrap();
    let Step::Fdt(datagram) = session.next(Micros::ZERO, WALL) else { panic!("FDT first") };
    let (head, xml) = datagram.split_at(52);
    check("announce", head);
    let xml = std::str::from_utf8(xml).unwrap();
    assert!(PROTOCOL.contains(xml), "{xml}");
    assert_eq!(session.next(Micros::ZERO, WALL), Step::Idle { until: Micros::from_secs(1) });
    let instance = Instance::parse(xml.as_bytes()).unwrap();
    assert_eq!(instance.files, announced());
    assert_eq!(instance.check_time(Some(1_790_000_000)), Ok(1_790_000_600));
}

#[test]
fn a_box_told_the_announce_group_alone_learns_everything() {
    let mut sender = AnnounceSession::new(FdtSettings::new(1), announced(), WALL).unwrap();
    let mut session = Session::new(None);
    let source = "10.0.0.1".parse().unwrap();
    while let Step::Fdt(datagram) = sender.next(Micros::ZERO, WALL) {
        // This box has no clock; the sender's own in EXT_TIME serves.
        let event = session.push(source, &datagram, None).unwrap();
        assert!(matches!(event, Event::Described(merged) if merged.new == 2));
    }
    let url = "infocast://239.255.2.11:22222/boot-1113";
    let (key, described) = session.table().by_location(url).unwrap();
    assert_eq!((key.tsi, key.toi), (1, 0x0102_0304));
    assert_eq!(described.file, announced()[0]);
    assert_eq!(described.expires_unix_s, 1_790_000_600);
}
