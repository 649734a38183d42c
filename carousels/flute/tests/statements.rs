//! Statements behind each pass of an announce session, before our receiver and other people's.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flute::core::UDPEndpoint;
use flute::receiver::MultiReceiver;
use flute::receiver::writer::ObjectWriterBufferBuilder;
use proptest::prelude::*;
use stbcast_flute::fdt::{File, Kind};
use stbcast_flute::{
    AnnounceSession, DEFAULT_TSI, Event, FdtSettings, Packet, STATEMENT_BYTES_MAX, Session,
    Statement, StatementError, Step, Symbol,
};
use stbcast_object::Micros;

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const WALL: Micros = Micros::from_secs(1_790_000_000);

fn statement(location: &str, toi: u32, bytes: &[u8]) -> Statement {
    let mut file = File::new(location, toi).unwrap();
    file.announced.kind = Kind::new(location.split(':').next().unwrap()).ok();
    file.sha256 = Some([7; 32]);
    Statement::new(file, bytes.into()).unwrap()
}

/// A session of so many objects and these statements.
fn session(objects: u32, statements: Vec<Statement>) -> AnnounceSession {
    let mut session =
        AnnounceSession::new(FdtSettings::new(DEFAULT_TSI), Vec::new(), WALL).unwrap();
    session.set(files(objects), statements, WALL).unwrap();
    session
}

fn files(objects: u32) -> Vec<File> {
    let file = |number| File::new(&format!("infocast://239.1.1.1:5/{number}"), number).unwrap();
    (1..=objects).map(file).collect()
}

/// All that is due at `now`.
fn pass(session: &mut AnnounceSession, now: Micros) -> Vec<Vec<u8>> {
    let mut next = || match session.next(now, WALL.after(now)) {
        Step::Fdt(datagram) => Some(datagram),
        Step::Idle { .. } => None,
        step => panic!("{step:?}"),
    };
    std::iter::from_fn(&mut next).collect()
}

/// TOI of each datagram.
fn tois(datagrams: &[Vec<u8>]) -> Vec<u128> {
    datagrams.iter().map(|one| Packet::parse(one).unwrap().lct().toi.unwrap()).collect()
}

#[test]
fn each_statement_comes_once_behind_every_pass_and_a_removed_one_never_again() {
    let mut session = session(
        40,
        vec![statement("root:1", 900, &[1; 700]), statement("release:42", 901, &[2; 1_400])],
    );
    for second in 0..3 {
        let heard = tois(&pass(&mut session, Micros::from_secs(second)));
        let fdt = usize::try_from(session.fdt().datagrams()).unwrap();
        assert!(fdt > 2, "{fdt} datagrams of the FDT");
        assert!(
            heard[..fdt].iter().all(|toi| *toi == 0) && heard[fdt..] == [900, 901],
            "{heard:?}"
        );
    }
    assert_eq!(session.statements_sent(), 6);
    // In the middle of a pass, between the two.
    let now = Micros::from_secs(3);
    while tois(&[next(&mut session, now)]) != [900] {}
    session.set(files(40), vec![statement("root:1", 900, &[1; 700])], WALL).unwrap();
    for second in 3..6 {
        let heard = tois(&pass(&mut session, Micros::from_secs(second)));
        assert!(heard.ends_with(&[0, 900]) && !heard.contains(&901), "{heard:?}");
    }
    session.set_files(files(1), WALL).unwrap();
    assert_eq!(tois(&pass(&mut session, Micros::from_secs(6))), [0, 900], "objects change alone");
    session.set(Vec::new(), Vec::new(), WALL).unwrap();
    assert!(pass(&mut session, Micros::from_secs(7)).is_empty());
}

fn next(session: &mut AnnounceSession, now: Micros) -> Vec<u8> {
    match session.next(now, WALL) {
        Step::Fdt(datagram) => datagram,
        step => panic!("{step:?}"),
    }
}

#[test]
fn what_is_sent_is_what_was_counted_and_fits_a_packet_of_either_version() {
    let mut session = session(9, vec![statement("release:1", 70, &[3; STATEMENT_BYTES_MAX])]);
    let heard = pass(&mut session, Micros::ZERO);
    let sum: usize = heard.iter().map(|datagram| datagram.len() + 28).sum();
    assert_eq!(session.ip_bytes(28), sum as u64);
    assert_eq!(session.bits_per_second(28), 8 * sum as u64);
    assert_eq!(heard.last().unwrap().len(), 1_436);
    assert!(heard.iter().all(|datagram| datagram.len() <= 1_452));
    let without = AnnounceSession::new(FdtSettings::new(DEFAULT_TSI), files(9), WALL).unwrap();
    assert_eq!(without.ip_bytes(28), without.fdt().ip_bytes(28));
}

#[test]
fn what_is_no_statement_is_refused_and_a_number_in_use_changes_nothing() {
    let file = |toi| File::new("release:1", toi).unwrap();
    let refused = |bytes: usize| Statement::new(file(1), vec![0; bytes].into()).unwrap_err();
    assert_eq!(refused(0), StatementError::Length { bytes: 0 });
    assert_eq!(refused(1_401), StatementError::Length { bytes: 1_401 });
    let nobody = Statement::new(file(0), [1].into()).unwrap_err();
    assert_eq!(nobody, StatementError::Toi { toi: 0 });
    let mut session = session(2, vec![statement("root:1", 90, b"root")]);
    assert!(session.set(files(2), vec![statement("root:1", 2, b"root")], WALL).is_err());
    assert_eq!(tois(&pass(&mut session, Micros::ZERO)), [0, 90]);
}

#[test]
fn a_statement_is_one_whole_symbol_to_our_receiver_and_described() {
    let mut sender = session(3, vec![statement("release:42", 0xa1b2_c3d4, b"signed")]);
    let mut session = Session::new(Some(1));
    let mut heard = Vec::new();
    for datagram in pass(&mut sender, Micros::ZERO) {
        if let Event::Symbol(received) = session.push(HOST, &datagram, Some(WALL)).unwrap() {
            assert_eq!((received.symbol, received.fti.symbols()), (Symbol::Source { index: 0 }, 1));
            assert!(received.described);
            heard.push(received.bytes.to_vec());
        }
    }
    assert_eq!(heard, [b"signed"]);
    let (_, described) = session.table().by_location("release:42").unwrap();
    assert_eq!(described.file.announced.kind, Kind::new("release").ok());
    assert_eq!((described.file.sha256, described.file.transfer_bytes()), (Some([7; 32]), Some(6)));
    assert_eq!(session.table().len(), 4, "the objects are described as before");
}

#[test]
fn a_receiver_of_other_people_completes_each_statement_as_a_file() {
    let statements =
        vec![statement("root:1", 900, &[1; 700]), statement("release:42", 901, &[2; 1_400])];
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let wall = Micros(u64::try_from(elapsed.as_micros()).unwrap());
    let mut session =
        AnnounceSession::new(FdtSettings::new(DEFAULT_TSI), Vec::new(), wall).unwrap();
    session.set(files(5), statements, wall).unwrap();
    let endpoint = UDPEndpoint::new(None, "239.1.1.1".to_owned(), 5000);
    let output = Rc::new(ObjectWriterBufferBuilder::new(false));
    let mut receiver = MultiReceiver::new(output.clone(), None, false);
    for second in 0..3 {
        let now = Micros::from_secs(second);
        while let Step::Fdt(datagram) = session.next(now, wall.after(now)) {
            receiver.push(&endpoint, &datagram, SystemTime::now() + Duration::from(now)).unwrap();
        }
    }
    let objects = output.objects.borrow();
    let mut whole: Vec<_> = objects
        .iter()
        .filter(|object| object.borrow().complete)
        .map(|object| {
            let object = object.borrow();
            (object.meta.content_location.clone(), object.data.clone())
        })
        .collect();
    whole.sort();
    whole.dedup();
    let expected = [("release:42", vec![2; 1_400]), ("root:1", vec![1; 700])];
    assert_eq!(whole, expected.map(|(location, bytes)| (location.to_owned(), bytes)));
}

#[test]
fn a_statement_is_the_datagram_of_the_document() {
    let mut session = session(0, vec![statement("release:42", 0x0102_0304, b"a signed document")]);
    let datagrams = pass(&mut session, Micros::ZERO);
    let hex: String = datagrams[1].iter().map(|byte| format!("{byte:02x}")).collect();
    let printed = PROTOCOL.split_once("vector statement\n").expect("the vector is printed").1;
    let printed: String = printed.split_once("```").unwrap().0.split_ascii_whitespace().collect();
    assert_eq!(hex, printed);
}

proptest! {
    #[test]
    fn any_statements_arrive_as_they_were_sent(
        objects in 0u32..200,
        lengths in proptest::collection::vec(1usize..=STATEMENT_BYTES_MAX, 1..17),
    ) {
        let bytes: Vec<Vec<u8>> =
            lengths.iter().enumerate().map(|(n, length)| vec![n as u8; *length]).collect();
        let number = |(n, bytes): (usize, &Vec<u8>)| statement(&format!("release:{n}"), 1_000 + n as u32, bytes);
        let statements: Vec<_> = bytes.iter().enumerate().map(number).collect();
        let mut sender = session(objects, statements);
        let mut session = Session::new(Some(1));
        for second in 0..2 {
            let mut heard = Vec::new();
            for datagram in pass(&mut sender, Micros::from_secs(second)) {
                if let Ok(Event::Symbol(one)) = session.push(HOST, &datagram, Some(WALL)) {
                    prop_assert!(one.described && one.fti.symbols() == 1);
                    heard.push(one.bytes.to_vec());
                }
            }
            prop_assert_eq!(&heard, &bytes);
        }
    }
}
