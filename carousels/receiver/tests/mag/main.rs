//! The image of a MAG channel, plain and announced, whatever the channel does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

#[path = "../headend/mod.rs"]
mod headend;

mod announced;
mod beside;
mod chance;
mod plain;
mod wrap;

use headend::{Code, Revision, Sent, Stb, channel};
use stbcast_mag::Header;
use stbcast_object::Micros;
use stbcast_receiver::{FetchOptions, Target};

/// An image of `length` bytes in packets of 60.
fn image(seed: u64, length: usize) -> Revision {
    Revision::new(seed, length, (60, 1), Code::None).on_mag(seed as u16)
}

/// A box that is told the channel and nothing else.
fn plain() -> Stb {
    Stb::fetching(Target::Mag { group: channel() }, FetchOptions::default())
}

/// The datagram of the packet that begins at `offset`, with nonsense where nobody looks.
fn packet(revision: &Revision, offset: usize) -> Vec<u8> {
    let own = usize::from(revision.slice_bytes.get());
    let end = revision.bytes.len().min(offset + own);
    let serial = revision.serial.unwrap();
    let length = revision.bytes.len() as u32;
    let header = Header { serial, index: 0xbeef, last: 0xdead, offset: offset as u32, length };
    [&header.encode()[..], &revision.bytes[offset..end]].concat()
}

/// One cycle.
fn cycle(revision: &Revision) -> Vec<Vec<u8>> {
    let own = usize::from(revision.slice_bytes.get());
    (0..revision.slices() as usize).map(|index| packet(revision, index * own)).collect()
}

/// Datagrams arrive, a millisecond apart.
fn hear(stb: &mut Stb, datagrams: impl IntoIterator<Item = Vec<u8>>) {
    for bytes in datagrams {
        let now = stb.now.after(Micros::from_millis(1));
        stb.hear(now, &Sent { group: channel(), bytes, carries_symbol: true });
    }
}
