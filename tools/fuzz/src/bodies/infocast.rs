//! Datagrams of the vendor's carousel.

use stbcast_infocast::{
    Algorithm, ByteOrder, Check, Coverage, HEADER_BYTES, Learner, ObjectCheck, Packet, Precoding,
    Reject, Verdict,
};

use super::{Script, Sent, trailer_value, wanted};

/// One datagram. The parts of a packet add up to it, and its header is written as it was read.
pub fn infocast_packet(data: &[u8]) {
    let packet = match Packet::parse(data) {
        Ok(packet) => packet,
        Err(reject) => {
            return assert_eq!(Reject::LABELS.get(reject.index()), Some(&reject.label()));
        }
    };
    let parts = [packet.lead(), packet.payload(), packet.trailer()];
    assert_eq!(parts.concat(), data);
    assert_eq!(packet.lead().len(), HEADER_BYTES + packet.extension().len());
    assert_eq!(data.get(packet.payload_range()), Some(packet.payload()));
    assert!(packet.index() < packet.header().total && packet.header().total <= Packet::TOTAL_MAX);

    let written = [&packet.header().encode(), packet.payload(), packet.trailer()].concat();
    let again = Packet::parse(&written).expect("what was written is a packet");
    assert_eq!(again.header(), packet.header());
    assert_eq!((again.payload(), again.trailer()), (packet.payload(), packet.trailer()));
}

/// Datagrams to one learner. A trailer is absent exactly where the precoding has none, and verified
/// only when the check stated matches; the same for a check over a whole object.
pub fn infocast_learner(data: &[u8]) {
    let mut script = Script(data);
    let mut learner = Learner::default();
    let (mut object, mut trailer) = (Vec::new(), Vec::new());
    while let Some(kind) = script.byte() {
        let datagram = learner_datagram(kind, &mut script);
        let Ok(packet) = Packet::parse(&datagram) else { continue };
        let verdict = learner.judge(&packet);
        assert_eq!(verdict == Verdict::Absent, packet.trailer().is_empty());
        if let Verdict::Verified(check) = verdict {
            let covered: &[&[u8]] = match check.coverage {
                Coverage::Payload => &[packet.payload()],
                Coverage::Header => &[packet.lead(), packet.payload()],
                Coverage::Object => panic!("one packet cannot verify a whole object"),
            };
            assert_check(check, covered, packet.trailer());
        }
        object.extend_from_slice(packet.payload());
        trailer = packet.trailer().to_vec();
    }
    let mut whole = ObjectCheck::new(&trailer);
    object.chunks(7).for_each(|piece| whole.update(piece));
    if let Some(check) = whole.finish() {
        assert_check(check, &[&object], &trailer);
    }
}

fn assert_check(check: Check, covered: &[&[u8]], trailer: &[u8]) {
    assert_eq!(check.write(trailer_value(check.algorithm, covered)).as_slice(), trailer, "{check}");
}

/// Bytes as they stand, or a packet with a trailer made by some check, perhaps damaged.
fn learner_datagram(kind: u8, script: &mut Script<'_>) -> Vec<u8> {
    if kind >= 0xc0 {
        return script.block().to_vec();
    }
    let (algorithm, _) = Algorithm::ALL[usize::from(kind & 0x0f) % Algorithm::ALL.len()];
    let coverage = [Coverage::Payload, Coverage::Header][usize::from(kind >> 4 & 1)];
    let order = [ByteOrder::Big, ByteOrder::Little][usize::from(kind >> 5 & 1)];
    let number = script.byte().unwrap_or(0);
    // Several precodings carry four bytes: more than a learner keeps lessons of.
    let wide = [4, 0x4000, 0x4001, 0x6000, 0xc000][usize::from(number) % 5];
    let precoding = Precoding(if algorithm.bytes() == 2 { 2 } else { wide });
    let check = Check { algorithm, coverage, order };
    let payload = script.block();
    let object = Sent { name: wanted(), precoding, trailer: Some(check), slices: Vec::new() };
    let mut datagram = object.packet(u32::from(number), 300, payload);
    if let (true, Some(byte)) = (kind & 0x80 != 0, datagram.last_mut()) {
        *byte ^= 1;
    }
    datagram
}
