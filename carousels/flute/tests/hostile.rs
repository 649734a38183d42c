//! What a session refuses, counts, and does not grow from.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod common;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use stbcast_flute::fdt::File;
use stbcast_flute::{
    AnnounceSession, Carousel, CarouselSettings, Entry, Event, Extension, FdtId, FdtSettings, Fti,
    Header, NtpTime, Reject, Scheme, Session, Step, Symbol,
};
use stbcast_object::Micros;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const WALL: Micros = Micros::from_secs(1_790_000_000);

fn fti(length: u64) -> Fti {
    Fti::new(Scheme::NoCode { block_symbols: 8 }, length, 100).unwrap()
}

/// A datagram of object `toi` without payload id and symbol.
fn head(toi: u32, extensions: &[Extension]) -> Vec<u8> {
    Header { tsi: 1, toi, codepoint: 0 }.encode(extensions).to_vec()
}

fn symbol(toi: u32, fti: Option<Fti>, block: u16, symbol: u16, bytes: usize) -> Vec<u8> {
    let extensions: Vec<_> = fti.into_iter().map(Extension::Fti).collect();
    let mut datagram = head(toi, &extensions);
    datagram.extend_from_slice(&block.to_be_bytes());
    datagram.extend_from_slice(&symbol.to_be_bytes());
    datagram.resize(datagram.len() + bytes, 0x5a);
    datagram
}

/// One FDT instance in one datagram.
fn fdt(instance: u32, version: u8, xml: &[u8]) -> Vec<u8> {
    let scheme = Scheme::NoCode { block_symbols: 1 };
    let fti = Fti::new(scheme, xml.len() as u64, xml.len() as u16).unwrap();
    let id = Extension::Fdt(FdtId { version, instance });
    let mut datagram = head(0, &[id, Extension::Fti(fti)]);
    datagram.extend_from_slice(&[0; 4]);
    datagram.extend_from_slice(xml);
    datagram
}

/// A session that knows object 5 of 950 bytes under [`fti`].
fn session() -> Session {
    let file = File::new("infocast://239.1.1.1:5/x", 5).unwrap().with_fti(fti(950));
    let mut sender = AnnounceSession::new(FdtSettings::new(1), vec![file], WALL).unwrap();
    let mut session = Session::new(Some(1));
    let Step::Fdt(datagram) = sender.next(Micros::ZERO, WALL) else { panic!("FDT first") };
    session.push(HOST, &datagram, Some(WALL)).unwrap();
    session
}

fn label(session: &mut Session, datagram: &[u8]) -> &'static str {
    let before = session.stats().refused.iter().sum::<u64>();
    let label = session.push(HOST, datagram, Some(WALL)).unwrap_err().label();
    assert_eq!(session.stats().refused.iter().sum::<u64>(), before + 1);
    assert!(session.stats().refused_as(label) > 0);
    label
}

#[test]
fn fec_information_that_contradicts_the_fdt_is_refused_and_counted() {
    let mut session = session();
    assert!(session.push(HOST, &symbol(5, Some(fti(950)), 0, 0, 100), Some(WALL)).is_ok());
    for length in [900, 951, 10_000] {
        let forged = symbol(5, Some(fti(length)), 0, 0, 100);
        assert_eq!(label(&mut session, &forged), "contradiction");
    }
    assert_eq!(session.stats().refused_as("contradiction"), 3);
}

#[test]
fn symbols_that_do_not_exist_are_refused_and_counted() {
    let mut session = session();
    // Ten symbols in two blocks of five; the last one has 50 bytes.
    for (block, esi, bytes) in [(2, 0, 100), (0, 5, 100), (0, 0, 99), (0, 0, 101), (1, 4, 49)] {
        let told = symbol(5, Some(fti(950)), block, esi, bytes);
        assert_eq!(label(&mut session, &told), "bad_symbol");
        assert_eq!(label(&mut session, &symbol(5, None, block, esi, bytes)), "bad_symbol");
    }
    for bytes in [50, 100] {
        assert!(session.push(HOST, &symbol(5, None, 1, 4, bytes), Some(WALL)).is_ok());
    }
}

#[test]
fn objects_that_nobody_described_are_refused_or_marked() {
    let mut session = session();
    assert_eq!(label(&mut session, &symbol(6, None, 0, 0, 100)), "undescribed");
    let told = symbol(6, Some(fti(950)), 0, 0, 100);
    let event = session.push(HOST, &told, Some(WALL));
    assert!(matches!(event, Ok(Event::Symbol(received)) if !received.described));
    assert_eq!(session.table().len(), 1);
}

#[test]
fn fdt_bombs_are_refused_counted_and_parsed_once() {
    let mut session = Session::new(Some(1));
    let bomb = b"<!DOCTYPE x [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
    assert_eq!(label(&mut session, &fdt(1, 2, bomb)), "bad_fdt");
    let repeated = fdt(1, 2, bomb);
    for _ in 0..100 {
        let again = session.push(HOST, &repeated, Some(WALL));
        assert_eq!(again, Ok(Event::FdtPart), "the work is not done again");
    }
    let deep = "<a>".repeat(400);
    assert_eq!(label(&mut session, &fdt(2, 2, deep.as_bytes())), "bad_fdt");
    assert_eq!(label(&mut session, &fdt(3, 3, b"<a/>")), "fdt_version");
    assert_eq!(label(&mut session, &fdt(4, 2, &[0xff; 10])), "bad_fdt");
    assert_eq!((session.stats().instances, session.table().len()), (0, 0));
}

#[test]
fn fdt_instances_of_hostile_sizes_take_no_memory() {
    let mut session = Session::new(None);
    let id = Extension::Fdt(FdtId { version: 2, instance: 1 });
    for length in [131_073, 1 << 30, u64::from(u32::MAX)] {
        let scheme = Scheme::NoCode { block_symbols: 65_536 };
        let huge = Fti::new(scheme, length, 1_400).unwrap();
        let mut datagram = head(0, &[id, Extension::Fti(huge)]);
        datagram.resize(datagram.len() + 4 + 1_400, 0);
        assert_eq!(label(&mut session, &datagram), "fdt_bytes");
    }
    let mut bare = head(0, &[Extension::Fti(fti(100))]);
    bare.resize(bare.len() + 104, 0);
    assert_eq!(label(&mut session, &bare), "no_fdt_extension");
    let mut packed = fdt(1, 2, b"<a/>");
    packed[2] += 1;
    packed.splice(16..16, [193, 3, 0, 0]);
    assert_eq!(label(&mut session, &packed), "fdt_encoding");
}

#[test]
fn an_expired_instance_is_refused_by_our_clock_or_by_the_senders() {
    let files = vec![File::new("a", 1).unwrap()];
    let mut sender = AnnounceSession::new(FdtSettings::new(1), files, WALL).unwrap();
    let Step::Fdt(datagram) = sender.next(Micros::ZERO, WALL) else { panic!("FDT first") };
    let late = WALL.after(Micros::from_secs(601));
    let mut session = Session::new(None);
    let reject = session.push(HOST, &datagram, Some(late)).unwrap_err();
    assert!(matches!(reject, Reject::Fdt(_)), "{reject}");
    let mut replayed = datagram.clone();
    let clock = Extension::Time(NtpTime::from_unix(late)).encode();
    replayed[20..32].copy_from_slice(&clock);
    let reject = Session::new(None).push(HOST, &replayed, None).unwrap_err();
    assert_eq!(reject.label(), "bad_fdt");
    assert!(Session::new(None).push(HOST, &datagram, None).is_ok());
}

#[test]
fn a_description_for_all_times_is_believed_for_a_day() {
    let settings = FdtSettings { lifetime_s: 1 << 30, ..FdtSettings::new(1) };
    let files = vec![File::new("a", 1).unwrap()];
    let mut sender = AnnounceSession::new(settings, files, WALL).unwrap();
    let Step::Fdt(datagram) = sender.next(Micros::ZERO, WALL) else { panic!("FDT first") };
    let mut session = Session::new(None);
    session.push(HOST, &datagram, Some(WALL)).unwrap();
    let (_, described) = session.table().by_location("a").unwrap();
    assert_eq!(described.expires_unix_s, 1_790_000_000 + 86_400);
}

#[test]
fn another_session_on_the_group_is_passed_over() {
    let mut session = Session::new(Some(2));
    assert_eq!(label(&mut session, &symbol(5, Some(fti(950)), 0, 0, 100)), "other_session");
}

#[test]
fn a_table_forgets_what_expired() {
    let mut session = session();
    session.expire(WALL.after(Micros::from_secs(600)));
    assert_eq!(session.table().len(), 1);
    session.expire(WALL.after(Micros::from_secs(601)));
    assert!(session.table().is_empty());
}

proptest! {
    #[test]
    fn any_datagram_is_taken_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), toi in 0u32..3,
        codepoint in prop_oneof![Just(0u8), Just(6), Just(128), any::<u8>()],
    ) {
        let mut session = session();
        let _ = session.push(HOST, &bytes, None);
        let mut datagram = Header { tsi: 1, toi, codepoint }.encode(&[]).to_vec();
        datagram.extend_from_slice(&bytes);
        let _ = session.push(HOST, &datagram, Some(WALL));
        datagram[2] = (datagram[2] + 4).min((datagram.len() / 4) as u8);
        let _ = session.push(HOST, &datagram, Some(WALL));
    }

    #[test]
    fn any_damage_to_a_carousel_is_survived_and_never_names_a_symbol_outside(
        length in 1u64..5_000, places in proptest::collection::vec((0usize..140, any::<u8>()), 1..4),
    ) {
        let file = File::new("a", 1).unwrap().with_fti(fti(length));
        let entry = Entry { file, object: 0, repair: None };
        let settings = CarouselSettings::new(1, 1_000_000);
        let mut carousel = Carousel::new(settings, vec![entry], WALL).unwrap();
        let stores = common::Stores(vec![vec![0; length as usize]]);
        let mut session = Session::new(Some(1));
        for _ in 0..60 {
            let mut datagram = match carousel.next(Micros::ZERO, WALL) {
                Step::Fdt(datagram) => datagram,
                Step::Datagram(datagram) => stores.gather(&datagram),
                Step::CycleEnd | Step::Idle { .. } => break,
            };
            for &(place, value) in &places {
                if let Some(byte) = datagram.get_mut(place) {
                    *byte ^= value;
                }
            }
            if let Ok(Event::Symbol(received)) = session.push(HOST, &datagram, Some(WALL))
                && let Symbol::Source { index } = received.symbol
            {
                prop_assert!(index < received.fti.symbols());
            }
        }
    }
}
