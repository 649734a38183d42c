//! Datagrams and descriptions of FLUTE.

use stbcast_flute::fdt::{FdtError, Instance, limits};
use stbcast_flute::{
    Code, Event, Extension, FdtId, Fti, Header, Packet, PayloadId, Received, Reject, Scheme,
    Session, Symbol, crc32,
};
use stbcast_object::Micros;

use super::{RIVAL, SENDER, Script};

/// Files that a session knows at once, as the protocol document says.
const FILES_MAX: usize = 512;

/// A day, in seconds: the longest that a description is believed without being repeated.
const VALID_S_MAX: u64 = 86_400;

/// Datagrams to a session, from two senders, as they stand or with a right CRC, among steps of the
/// clock. What it gives is what the datagram holds, and what it keeps is bounded.
pub fn flute_session(data: &[u8]) {
    let mut script = Script(data);
    let head = script.byte().unwrap_or(0);
    let (wanted_tsi, clock) = ((head & 1 != 0).then_some(1), head & 2 != 0);
    let mut session = Session::new(wanted_tsi);
    let mut wall = Micros::from_secs(1_790_000_000);
    let (mut pushed, mut symbols, mut refused) = (0, 0, 0);
    while let Some(kind) = script.byte() {
        let minutes = if kind & 8 != 0 { script.byte().unwrap_or(0) } else { 0 };
        wall = wall.after(Micros::from_secs(60 * u64::from(minutes)));
        let datagram = datagram(kind, &mut script);
        judge(&datagram);
        let source = if kind & 2 != 0 { RIVAL } else { SENDER };
        pushed += 1;
        match session.push(source, &datagram, clock.then_some(wall)) {
            Ok(Event::Symbol(received)) => {
                symbols += 1;
                assert_received(&received, &datagram);
                assert_eq!(received.described, session.table().get(received.key).is_some());
            }
            Ok(_) => {}
            Err(_) => refused += 1,
        }
        assert!(session.table().len() <= FILES_MAX);
    }
    let stats = session.stats();
    assert_eq!((stats.datagrams, stats.symbols), (pushed, symbols));
    assert_eq!(stats.refused.iter().sum::<u64>(), refused);
    for (key, one) in session.table().iter() {
        assert!(key.toi != 0 && key.toi == one.file.toi);
        assert!(wanted_tsi.is_none_or(|tsi| tsi == key.tsi));
        let newest = session.table().by_location(one.file.location.as_str());
        assert!(newest.is_some_and(|(_, newest)| newest.sequence >= one.sequence));
        if clock {
            assert!(one.expires_unix_s <= wall.0 / 1_000_000 + VALID_S_MAX);
        }
    }
    session.expire(Micros(u64::MAX));
    assert!(session.table().iter().all(|(_, one)| one.expires_unix_s >= u64::MAX / 1_000_000));
}

/// A length of two bytes, and that many bytes; with bit 0 of `kind` the last four become the CRC.
fn datagram(kind: u8, script: &mut Script<'_>) -> Vec<u8> {
    let length =
        usize::from(script.byte().unwrap_or(0)) << 8 | usize::from(script.byte().unwrap_or(0));
    let mut datagram = script.take(length).to_vec();
    if let (1, Some(end)) = (kind & 1, datagram.len().checked_sub(4)) {
        let crc = crc32(&datagram[..end]);
        datagram[end..].copy_from_slice(&crc.to_be_bytes());
    }
    datagram
}

/// One datagram: it is refused with a reason that has a name, or its parts stand where it says, and
/// written in our widths they are read again the same.
fn judge(datagram: &[u8]) {
    let packet = match Packet::parse(datagram) {
        Ok(packet) => packet,
        Err(reject) => {
            return assert_eq!(Reject::LABELS.get(reject.index()), Some(&reject.label()));
        }
    };
    let lct = packet.lct();
    assert!(lct.header_bytes() <= datagram.len() && lct.header_bytes().is_multiple_of(4));
    let Some(payload) = packet.payload() else {
        return assert!(lct.close_session || lct.close_object);
    };
    assert_eq!(
        datagram.get(payload.start..payload.start + payload.bytes.len()),
        Some(payload.bytes)
    );
    let Some(fti) = packet.fti() else { return };
    packet.symbol(&fti).expect("a datagram is checked against the FTI it carries");
    let (Ok(tsi), Ok(toi)) = (u32::try_from(lct.tsi), u32::try_from(payload.toi)) else { return };
    let mut extensions: Vec<Extension> = packet.fdt().map(Extension::Fdt).into_iter().collect();
    extensions.extend(packet.time().map(Extension::Time));
    extensions.push(Extension::Fti(fti));
    let mut written = Header { tsi, toi, codepoint: lct.codepoint }.encode(&extensions).to_vec();
    written.extend_from_slice(&id_bytes(&fti, payload.id));
    written.extend_from_slice(payload.bytes);
    if matches!(fti.scheme(), Scheme::Companion { .. }) {
        written.extend_from_slice(&crc32(&written).to_be_bytes());
    }
    // Where ours is the longer header, the datagram may become too long.
    if written.len() > Packet::BYTES_MAX {
        return;
    }
    let again = Packet::parse(&written).expect("what was written is a datagram");
    assert_eq!((again.fti(), again.time()), (Some(fti), packet.time()));
    assert_eq!(
        again.fdt().map(|id| (id.version, id.instance)),
        packet.fdt().map(|id| {
            assert!(id.instance <= FdtId::INSTANCE_MAX);
            (id.version, id.instance)
        })
    );
    let read = again.payload().expect("a payload");
    assert_eq!((read.toi, read.id, read.bytes), (payload.toi, payload.id, payload.bytes));
}

/// FEC Payload ID as the document draws it.
fn id_bytes(fti: &Fti, id: PayloadId) -> Vec<u8> {
    match fti.scheme() {
        Scheme::NoCode { .. } => (id.block << 16 | id.symbol).to_be_bytes().to_vec(),
        Scheme::RaptorQ { .. } => (id.block << 24 | id.symbol).to_be_bytes().to_vec(),
        Scheme::Companion { .. } => [id.block.to_be_bytes(), id.symbol.to_be_bytes()].concat(),
    }
}

/// A symbol lies within its object.
fn assert_received(received: &Received<'_>, datagram: &[u8]) {
    let Received { key, fti, symbol, bytes, start, .. } = received;
    assert_ne!(key.toi, 0);
    assert_eq!(datagram.get(*start..start + bytes.len()), Some(*bytes));
    match *symbol {
        Symbol::Source { index } => {
            assert!(index < fti.symbols());
            let range = fti.source_range(index);
            assert!(range.end <= fti.transfer_bytes());
            assert!(bytes.len() as u64 >= range.end - range.start);
        }
        Symbol::Repair { block, index } => {
            assert!(block < fti.blocks() && bytes.len() == fti.repair_bytes());
            let id = fti.repair_id(block, index).expect("a repair symbol has an id");
            assert_eq!(fti.symbol(id, bytes.len()), Ok(*symbol));
            let geometry = fti.geometry().expect("only codes have repair symbols");
            assert!(index < geometry.repair_symbols(block));
            assert_eq!(Fti::of_geometry(geometry).geometry(), Some(geometry));
            if let Scheme::Companion { code, .. } = fti.scheme() {
                assert_eq!(Code::from_instance(code.instance()), Some(code));
            }
        }
    }
}

/// An FDT instance: what is read is written, and read again the same.
pub fn flute_fdt(data: &[u8]) {
    let Ok(instance) = Instance::parse(data) else { return };
    assert!(instance.files.len() <= limits::FILES_MAX);
    let mut wanted = instance.clone();
    wanted.files_refused = 0;
    // A length that the FEC attributes say is written as Content-Length, too.
    for file in &mut wanted.files {
        file.content_bytes = file.transfer_bytes();
    }
    let text = instance.write();
    match Instance::parse(text.as_bytes()) {
        Ok(again) => assert_eq!(again, wanted, "{text}"),
        // Writing may lengthen what is short as it stands, and so beyond what is taken.
        Err(FdtError::Bytes { .. }) => {
            assert!(text.len() as u64 > limits::INSTANCE_BYTES_MAX, "{text}");
        }
        Err(error) => panic!("{error}\n{text}"),
    }
    for now_unix_s in [None, Some(0), Some(1_790_000_000), Some(u64::MAX / 2)] {
        if let (Ok(expires), Some(now)) = (instance.check_time(now_unix_s), now_unix_s) {
            assert!(expires >= now);
        }
    }
}
