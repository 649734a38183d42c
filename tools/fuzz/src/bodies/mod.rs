//! What each fuzz target does with its bytes, and what it asserts: a file for each room.
//!
//! No fuzzer is named here: `tests/corpora.rs` of the headend includes this folder and replays the
//! committed corpora through it on stable.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a broken property ends a body; no input is unwrapped"
)]

use std::net::{IpAddr, Ipv4Addr};

use stbcast_infocast::{Algorithm, Check, Coverage, Header, Name, ObjectType, Precoding, Running};
use stbcast_object::Group;

mod bootcast;
mod described;
mod fec;
mod flute;
mod infocast;
mod lineup;
mod lists;
mod mag;
mod mag_image;
mod object;
mod receiver;
mod release;
mod slots;
mod unicast;

pub use self::bootcast::{boot_query, bootcast_info, reboot, source_url, stbconfig};
pub use self::described::described_ops;
pub use self::fec::fec_geometry;
pub use self::flute::{flute_fdt, flute_session};
pub use self::infocast::{infocast_learner, infocast_packet};
pub use self::lineup::lineup;
pub use self::lists::{dune, update_date, update_list};
pub use self::mag::mag_packet;
pub use self::mag_image::mag_image;
pub use self::object::group;
pub use self::receiver::{boot_ops, census_ops, fetch_ops, mag_ops};
pub use self::release::statement;
pub use self::slots::slots_ops;
pub use self::unicast::{download_ops, tftp_packet, tftp_transfer};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const RIVAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

/// The fuzz input, read from the front. At its end there is nothing left to do.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.take(1).first().copied()
    }

    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// A length of one byte, and that many bytes.
    fn block(&mut self) -> &'a [u8] {
        let length = self.byte().unwrap_or(0);
        self.take(usize::from(length))
    }
}

fn channel(last: u8) -> Group {
    Group::new([239, 255, 2, last].into(), 22_222).expect("a group")
}

fn wanted() -> Name {
    Name::new("wanted").expect("a name")
}

/// Pseudo-random bytes: no two slices of them are alike.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn trailer_value(algorithm: Algorithm, covered: &[&[u8]]) -> u32 {
    let mut running = Running::new(algorithm);
    covered.iter().for_each(|piece| running.update(piece));
    running.finish()
}

/// An object as a sender cuts it.
#[derive(Clone)]
struct Sent {
    name: Name,
    precoding: Precoding,
    trailer: Option<Check>,
    slices: Vec<Vec<u8>>,
}

impl Sent {
    fn plain(name: Name, slices: Vec<Vec<u8>>) -> Self {
        Self { name, precoding: Precoding::NONE, trailer: None, slices }
    }

    /// Cuts `bytes` into slices of `slice_bytes`, or of up to three bytes less by turns.
    fn cut(name: Name, bytes: &[u8], slice_bytes: usize, unequal: bool) -> Self {
        let mut script = Script(bytes);
        let mut slices = Vec::new();
        while !script.0.is_empty() || slices.is_empty() {
            let less = if unequal { slices.len() % 4 } else { 0 };
            slices.push(script.take(slice_bytes - less).to_vec());
        }
        Self::plain(name, slices)
    }

    fn packet(&self, number: u32, total: u32, slice: &[u8]) -> Vec<u8> {
        let (object_type, precoding, name) = (ObjectType::BOOTCAST_FILE, self.precoding, self.name);
        let mut bytes = Header { object_type, precoding, number, total, name }.encode().to_vec();
        bytes.extend_from_slice(slice);
        if let Some(check) = self.trailer {
            let value = match check.coverage {
                Coverage::Payload => trailer_value(check.algorithm, &[slice]),
                Coverage::Header => trailer_value(check.algorithm, &[&bytes]),
                Coverage::Object => trailer_value(check.algorithm, &[&self.slices.concat()]),
            };
            bytes.extend_from_slice(&check.write(value));
        }
        bytes
    }

    fn datagram(&self, index: usize) -> Vec<u8> {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let slice = self.slices.get(index).map_or(&[][..], Vec::as_slice);
        self.packet(number(index + 1), number(self.slices.len()), slice)
    }

    fn pass(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        (0..self.slices.len()).map(|index| self.datagram(index))
    }
}
