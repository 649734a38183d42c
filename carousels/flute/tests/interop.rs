//! Against the `flute` crate, in process: its datagrams into our session, ours into its receiver.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod common;

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{Stores, bytes, raptorq_repair};
use flute::core::{Oti, UDPEndpoint};
use flute::receiver::MultiReceiver;
use flute::receiver::writer::ObjectWriterBufferBuilder;
use flute::sender::{Config, ObjectDesc, Sender, TransferConfig};
use stbcast_flute::fdt::File;
use stbcast_flute::{
    Carousel, CarouselSettings, CompanionSession, CompanionSettings, Entry, Event, FdtSettings,
    Fti, Repair, Scheme, Session, Share, Step, Symbol,
};
use stbcast_object::Micros;

const SYMBOL: u16 = 1_400;

fn now() -> (SystemTime, Micros) {
    let now = SystemTime::now();
    (now, Micros::from(now.duration_since(UNIX_EPOCH).unwrap()))
}

/// What the crate's sender sends of one object until it has nothing more.
fn their_datagrams(oti: &Oti, content: &[u8]) -> Vec<Vec<u8>> {
    let endpoint = UDPEndpoint::new(None, "239.1.1.1".to_owned(), 5000);
    let mut sender = Sender::new(endpoint, 1, oti, &Config::default());
    let object = ObjectDesc::create_from_buffer(
        content.to_vec(),
        "application/octet-stream",
        &"file:///hello".parse().unwrap(),
        true,
        TransferConfig::default(),
    );
    sender.add_object(0, object.unwrap()).unwrap();
    sender.publish(SystemTime::now()).unwrap();
    std::iter::from_fn(|| sender.read(SystemTime::now())).collect()
}

/// Source symbols of the one object, put together, and the number of repair symbols beside them.
fn our_reception(datagrams: &[Vec<u8>]) -> (Vec<u8>, usize, Session) {
    let mut session = Session::new(Some(1));
    let (_, wall) = now();
    let (mut object, mut repair) = (Vec::new(), 0);
    for datagram in datagrams {
        let source = "10.0.0.1".parse().unwrap();
        let Event::Symbol(received) = session.push(source, datagram, Some(wall)).unwrap() else {
            continue;
        };
        assert!(received.described, "the FDT comes first");
        object.resize(received.fti.transfer_bytes() as usize, 0);
        match received.symbol {
            Symbol::Repair { .. } => repair += 1,
            Symbol::Source { index } => {
                let range = received.fti.source_range(index);
                let slot = &mut object[range.start as usize..range.end as usize];
                slot.copy_from_slice(&received.bytes[..slot.len()]);
            }
        }
    }
    (object, repair, session)
}

#[test]
fn a_no_code_object_of_their_sender_is_put_together_by_our_session() {
    let content = bytes(100_000, 1);
    let (object, repair, session) =
        our_reception(&their_datagrams(&Oti::new_no_code(SYMBOL, 64), &content));
    assert!(object == content);
    assert_eq!(repair, 0);
    let (_, described) = session.table().by_location("file:///hello").unwrap();
    assert_eq!(described.file.transfer_bytes(), Some(100_000));
    assert!(described.file.md5.is_some());
    assert_eq!(described.file.location.name(), "hello");
}

#[test]
fn a_raptorq_object_of_their_sender_is_parsed_with_its_repair_symbols() {
    let content = bytes(200_000, 2);
    let oti = Oti::new_raptorq(SYMBOL, 60, 4, 1, 4).unwrap();
    let (object, repair, session) = our_reception(&their_datagrams(&oti, &content));
    assert!(object == content);
    assert_eq!(repair, 3 * 4, "143 symbols in blocks of at most 60");
    let (_, described) = session.table().by_location("file:///hello").unwrap();
    let scheme = Scheme::RaptorQ { source_blocks: 3, alignment: 4 };
    assert_eq!(described.file.fti, Some(Fti::new(scheme, 200_000, SYMBOL).unwrap()));
}

/// Gives each datagram that `lost` spares to the crate's receiver, until it has the object or
/// `most` datagrams were sent.
fn their_reception(
    mut next: impl FnMut(Micros, Micros) -> Step,
    stores: &Stores,
    most: usize,
    mut lost: impl FnMut(usize, bool) -> bool,
) -> Option<(Vec<u8>, String, usize)> {
    let endpoint = UDPEndpoint::new(None, "239.1.1.1".to_owned(), 5000);
    let output = Rc::new(ObjectWriterBufferBuilder::new(true));
    let mut receiver = MultiReceiver::new(output.clone(), None, false);
    let (system, wall) = now();
    for sent in 0..most {
        // Ten thousand datagrams a second.
        let at = Micros(sent as u64 * 100);
        let (fdt, datagram) = match next(at, wall.after(at)) {
            Step::Fdt(datagram) => (true, datagram),
            Step::Datagram(datagram) => (false, stores.gather(&datagram)),
            Step::CycleEnd | Step::Idle { .. } => continue,
        };
        assert!(datagram.len() <= 1_472);
        if !lost(sent, fdt) {
            let system = system + Duration::from(at);
            receiver.push(&endpoint, &datagram, system).unwrap();
        }
        let objects = output.objects.borrow();
        if let Some(object) = objects.iter().find(|object| object.borrow().complete) {
            let object = object.borrow();
            return Some((object.data.clone(), object.meta.content_location.clone(), sent + 1));
        }
    }
    None
}

fn entry(scheme: Scheme, content: &[u8], repair: Option<Repair>) -> Entry {
    let fti = Fti::new(scheme, content.len() as u64, SYMBOL).unwrap();
    let mut file = File::new("infocast://239.255.2.11:22222/boot", 0xdead_beef).unwrap();
    (file.media_type, file.sha256) = (Some("application/octet-stream".to_owned()), Some([1; 32]));
    Entry { file: file.with_fti(fti), object: 0, repair }
}

fn carousel(entry: Entry) -> Carousel {
    let settings = CarouselSettings::new(1, 100_000_000);
    Carousel::new(settings, vec![entry], now().1).unwrap()
}

#[test]
fn our_no_code_carousel_is_received_by_their_receiver_with_and_without_loss() {
    for (length, every) in [(0, 0), (1, 0), (100_000, 0), (1_500_000, 0), (100_000, 7)] {
        let content = bytes(length, 3);
        let stores = Stores(vec![content.clone()]);
        let mut carousel = carousel(entry(Scheme::NoCode { block_symbols: 64 }, &content, None));
        let lost = |sent: usize, fdt: bool| every > 0 && !fdt && sent % every == 3;
        let received = their_reception(|now, wall| carousel.next(now, wall), &stores, 9_000, lost);
        let (object, location, _) = received.unwrap();
        assert!(object == content, "{length} bytes");
        assert_eq!(location, "infocast://239.255.2.11:22222/boot");
    }
}

fn raptorq(content: &[u8], blocks: u8, per_block: u32, per_cycle: u32) -> (Entry, Stores) {
    let scheme = Scheme::RaptorQ { source_blocks: blocks, alignment: 4 };
    let store = raptorq_repair(content, SYMBOL, blocks, per_block);
    let repair = Repair { store: 1, per_block, per_cycle, crcs: [].into() };
    (entry(scheme, content, Some(repair)), Stores(vec![content.to_vec(), store]))
}

#[test]
fn our_raptorq_carousel_is_received_by_their_receiver_in_one_cycle_in_spite_of_losses() {
    let content = bytes(500_000, 4);
    let (entry, stores) = raptorq(&content, 3, 60, 15);
    let mut carousel = carousel(entry);
    let lost = |sent: usize, fdt: bool| !fdt && sent % 20 == 7;
    let received = their_reception(|now, wall| carousel.next(now, wall), &stores, 2_000, lost);
    let (object, _, sent) = received.unwrap();
    assert!(object == content);
    assert!(sent <= 358 + 3 * 15 + 1, "{sent} datagrams");
}

#[test]
fn a_raptorq_companion_alone_completes_their_receiver() {
    let content = bytes(300_100, 5);
    let (entry, stores) = raptorq(&content, 2, 150, 0);
    let settings = CompanionSettings {
        fdt: FdtSettings::new(1),
        symbols_per_1000_s: 10_000_000,
        share: Share::ALL,
    };
    let mut companion = CompanionSession::new(settings, vec![entry], now().1).unwrap();
    let received =
        their_reception(|now, wall| companion.next(now, wall), &stores, 1_000, |_, _| false);
    let (object, _, sent) = received.unwrap();
    assert!(object == content);
    assert!(sent <= 215 + 8, "{sent} datagrams for 215 symbols");
}

#[test]
fn our_end_of_a_session_is_understood() {
    let endpoint = UDPEndpoint::new(None, "239.1.1.1".to_owned(), 5000);
    let output = Rc::new(ObjectWriterBufferBuilder::new(true));
    let mut receiver = MultiReceiver::new(output, None, false);
    let head = stbcast_flute::close_session(1);
    receiver.push(&endpoint, &head, SystemTime::now()).unwrap();
    let mut session = Session::new(Some(1));
    let theirs = Sender::new(endpoint, 1, &Oti::new_no_code(SYMBOL, 64), &Config::default())
        .read_close_session(SystemTime::now());
    let event = session.push("10.0.0.1".parse().unwrap(), &theirs, None);
    assert_eq!(event, Ok(Event::Closed { toi: None }));
    assert_eq!(theirs[..], head[..]);
}
