//! What several tests need.

#![allow(dead_code, reason = "each test uses a part")]

use stbcast_object::Datagram;

/// The bytes that datagrams point into, by [`Datagram::object`].
pub struct Stores(pub Vec<Vec<u8>>);

impl Stores {
    /// A datagram as it goes out.
    pub fn gather(&self, datagram: &Datagram) -> Vec<u8> {
        let body = datagram.body.start as usize..datagram.body.end as usize;
        [&datagram.head[..], &self.0[datagram.object][body], &datagram.tail[..]].concat()
    }
}

/// Bytes that look random and are the same in every run.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| byte()).collect()
}

/// A repair store of RaptorQ as [`stbcast_flute::Repair`] wants it.
pub fn raptorq_repair(content: &[u8], symbol: u16, blocks: u8, per_block: u32) -> Vec<u8> {
    let config =
        raptorq::ObjectTransmissionInformation::new(content.len() as u64, symbol, blocks, 1, 4);
    let encoder = raptorq::Encoder::new(content, config);
    let mut store = Vec::new();
    for block in encoder.get_block_encoders() {
        for packet in block.repair_packets(0, per_block) {
            store.extend_from_slice(packet.data());
        }
    }
    let short = content.len() % usize::from(symbol);
    if short > 0 {
        store.extend_from_slice(&content[content.len() - short..]);
        store.resize(store.len() + usize::from(symbol) - short, 0);
    }
    store
}
