//! Datagrams of the MAG carousel.

use stbcast_mag::{Description, HEADER_BYTES, Packet, Reject};

/// One datagram. A piece lies within its image, and what was read is written as it was.
pub fn mag_packet(data: &[u8]) {
    match Packet::parse(data) {
        Err(reject) => assert_eq!(Reject::LABELS.get(reject.index()), Some(&reject.label())),
        Ok(Packet::Data { header, payload }) => {
            let end = u64::from(header.offset) + payload.len() as u64;
            assert!(end <= u64::from(header.length));
            assert_eq!(payload.is_empty(), data.len() == HEADER_BYTES);
            assert_eq!([&header.encode(), payload].concat(), data);
        }
        Ok(Packet::Description { serial, text }) => {
            let Ok(text) = str::from_utf8(text) else { return };
            let description = Description::new(text).expect("at most 255 bytes");
            assert_eq!((description.encode(serial), description.text()), (data.to_vec(), text));
        }
    }
}
