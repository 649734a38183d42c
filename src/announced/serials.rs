//! Serial numbers of MAG images: boxes begin anew where they see another one, so two revisions that
//! follow each other on a channel never have the same.

use std::collections::BTreeMap;

use stbcast_mag::DEFAULT_PACKET_BYTES;

use crate::spool::Digest;

/// An image as it is cut: boxes of the field may go by the index of packets, so another cut is another
/// revision to them.
pub(super) type Cut = (Digest, u16);

/// The last revision of each channel, by its source URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Serials(BTreeMap<String, (Cut, u16)>);

impl Serials {
    /// The number of a revision: as `written`, else the last 16 bits of its digest, moved by what its packets
    /// are longer than the vendor's, so that redundant headends agree without a word; the next one where
    /// the revision before it has that already. That one, of 65,536 changes, headends that began at
    /// different times do not agree on.
    pub(super) fn of(&mut self, url: &str, cut: Cut, written: Option<u16>) -> u16 {
        let before = self.0.get(url).copied();
        let serial = match (written, before) {
            (Some(written), _) => written,
            (None, Some((same, serial))) if same == cut => serial,
            (None, before) => {
                let (digest, packet_bytes) = cut;
                let [.., high, low] = digest.bytes();
                let own = u16::from_be_bytes([high, low])
                    .wrapping_add(packet_bytes.wrapping_sub(DEFAULT_PACKET_BYTES));
                let taken = before.is_some_and(|(_, serial)| serial == own);
                if taken { own.wrapping_add(1) } else { own }
            }
        };
        if before.is_some_and(|(other, same)| other != cut && same == serial) {
            tracing::warn!(
                "{url}: the image is another one and its serial number {serial} is not: boxes that have a \
                 part of the old one may mix both. Write another number, or none"
            );
        }
        self.0.insert(url.to_owned(), (cut, serial));
        serial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "mag://239.255.50.51:9001";

    fn cut(first: u8, [high, low]: [u8; 2]) -> Cut {
        let mut bytes = [first; 32];
        (bytes[30], bytes[31]) = (high, low);
        (Digest::from_bytes(bytes), DEFAULT_PACKET_BYTES)
    }

    #[test]
    fn the_same_image_in_other_packets_has_another_number() {
        let (digest, _) = cut(1, [0x12, 0x34]);
        for mut serials in [Serials::default(), Serials::default()] {
            assert_eq!(serials.of(URL, (digest, 1_456), None), 0x1234);
            assert_eq!(serials.of(URL, (digest, 1_400), None), 0x1234 - 56);
        }
        let after_a_restart = Serials::default().of(URL, (digest, 1_400), None);
        assert_eq!(after_a_restart, 0x1234 - 56);
    }

    #[test]
    fn headends_agree_and_a_revision_keeps_its_number() {
        let (mut one, mut other) = (Serials::default(), Serials::default());
        let image = cut(1, [0x12, 0x34]);
        assert_eq!(one.of(URL, image, None), 0x1234);
        assert_eq!(one.of(URL, image, None), 0x1234);
        assert_eq!(other.of(URL, image, None), 0x1234);
    }

    #[test]
    fn revisions_that_follow_each_other_differ_although_their_digests_end_alike() {
        let mut serials = Serials::default();
        let (old, new) = (cut(1, [0xff, 0xff]), cut(2, [0xff, 0xff]));
        assert_eq!(serials.of(URL, old, None), 0xffff);
        assert_eq!(serials.of(URL, new, None), 0);
        assert_eq!(serials.of(URL, new, None), 0, "as long as it is on air");
        assert_eq!(serials.of(URL, old, None), 0xffff);
        assert_eq!(serials.of("mag://239.255.50.50:9000", new, None), 0xffff, "another channel");
    }

    #[test]
    fn a_number_that_is_written_is_sent() {
        let mut serials = Serials::default();
        assert_eq!(serials.of(URL, cut(1, [0, 1]), Some(7)), 7);
        assert_eq!(serials.of(URL, cut(2, [0, 7]), None), 8);
        assert_eq!(serials.of(URL, cut(3, [0, 1]), Some(8)), 8, "and warned about");
    }
}
