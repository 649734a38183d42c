//! The line-up of the night, and how it changes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use super::rig::{IP_BYTES, SLICE_BYTES};

/// Channels by their part of the whole rate, in thousandths: 32, 1,000 in all.
const PARTS: [(usize, f64); 4] = [(2, 100.0), (8, 50.0), (12, 25.0), (10, 10.0)];
/// Longest batch. With the default of 250 a datagram goes alone in most of these channels, and the sending
/// thread takes three quarters of a core: whatever else runs beside it then shows.
const BURST_MICROS: u32 = 1_000;
/// Seconds of a cycle.
const CYCLE_SECONDS: f64 = 2.0;
/// Every so many channels one has repair symbols, within its rate.
const REPAIRED_EACH: usize = 8;
/// The channels no reload changes: those before this one.
pub(super) const LEFT_ALONE: usize = 16;

/// One channel.
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) group: SocketAddrV4,
    /// Bits of IP per second, those of its companion included.
    pub(super) bit_rate_bps: f64,
    pub(super) is_repaired: bool,
    image: PathBuf,
    bytes: usize,
}

/// What is on air.
pub(super) struct Site {
    directory: PathBuf,
    pub(super) channels: Vec<Channel>,
    announce: SocketAddrV4,
    generation: u64,
    seed: u64,
}

impl Site {
    /// 32 channels with so many Mbit/s in all.
    pub(super) fn new(directory: &Path, mbit: f64) -> Self {
        let announce = SocketAddrV4::new(Ipv4Addr::new(239, 255, 9, 9), 22_223);
        let directory = directory.to_owned();
        let mut site = Self { directory, channels: Vec::new(), announce, generation: 1, seed: 1 };
        for (count, part) in PARTS {
            for _ in 0..count {
                site.add(mbit * part * 1_000.0);
            }
        }
        site
    }

    fn add(&mut self, bit_rate_bps: f64) {
        let number = self.channels.len();
        let name = format!("night-{number}");
        let group = SocketAddrV4::new(Ipv4Addr::new(239, 255, 1, 1 + number as u8), 22_222);
        // Whole slices: all datagrams are equal.
        let slices = (bit_rate_bps * CYCLE_SECONDS / 8.0 / IP_BYTES as f64).max(20.0) as usize;
        let (image, bytes) = (self.directory.join(&name), slices * SLICE_BYTES);
        let is_repaired = number % REPAIRED_EACH == 2;
        self.channels.push(Channel { name, group, bit_rate_bps, is_repaired, image, bytes });
        self.renew(number);
    }

    /// A new revision of a channel's image, in place of the old one.
    fn renew(&mut self, number: usize) {
        self.seed += 1;
        let Channel { image, bytes, .. } = &self.channels[number];
        let temporary = image.with_extension("new");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&temporary).unwrap());
        let mut state = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..bytes / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            file.write_all(&state.to_le_bytes()).unwrap();
        }
        file.flush().unwrap();
        drop(file);
        std::fs::rename(temporary, image).unwrap();
    }

    /// Changes something; the places of the channels that change. The changes take turns, each with
    /// new content somewhere but for the one that changes nothing.
    pub(super) fn change(&mut self) -> Vec<usize> {
        self.generation += 1;
        let (turn, many) = (self.generation as usize / 4, 32 - LEFT_ALONE);
        let renewed = LEFT_ALONE + self.generation as usize * 7 % many;
        if self.generation % 4 == 2 {
            return Vec::new();
        }
        self.renew(renewed);
        match self.generation % 4 {
            0 if self.channels.len() > 32 => {
                self.channels.pop();
                vec![renewed]
            }
            0 => {
                self.add(self.channels[31].bit_rate_bps);
                vec![renewed, 32]
            }
            1 => {
                // Slower, and the next time as it was.
                let other = LEFT_ALONE + turn / 2 * 5 % many;
                let [slow, usual] = [0.8, 1.0].map(|part| part * self.usual_bps(other));
                let rate = &mut self.channels[other].bit_rate_bps;
                *rate = if *rate < usual { usual } else { slow };
                vec![renewed, other]
            }
            _ => vec![renewed],
        }
    }

    /// The bit rate a channel began with.
    fn usual_bps(&self, number: usize) -> f64 {
        let whole = self.channels[0].bit_rate_bps / PARTS[0].1;
        let mut below = number;
        for (count, part) in PARTS {
            if below < count {
                return whole * part;
            }
            below -= count;
        }
        whole * PARTS[3].1
    }

    /// New content for so many channels.
    pub(super) fn renew_some(&mut self, count: usize) {
        for place in 0..count {
            self.renew((self.generation as usize * 5 + place * 7) % 32);
        }
    }

    /// Which line-up this is, counted as the headend counts.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn first_group(&self) -> SocketAddrV4 {
        self.channels[0].group
    }

    /// The line-up as it is written.
    pub(super) fn text(&self) -> String {
        let mut text = format!("announce = \"{}\"\n", self.announce);
        for channel in &self.channels {
            let Channel { name, group, bit_rate_bps, is_repaired, image, .. } = channel;
            let kbps = bit_rate_bps / 1_000.0;
            write!(
                text,
                "[[channel]]\nname = \"{name}\"\ncarousel = \"infocast\"\ngroup = \"{group}\"\n\
                 bit_rate_kbps = {kbps:.3}\nslice_bytes = {SLICE_BYTES}\nburst_us = {BURST_MICROS}\n"
            )
            .unwrap();
            if *is_repaired {
                let [_, _, _, last] = group.ip().octets();
                let keys = "ratio = 0.1, keep_total = true";
                writeln!(text, "repair = {{ group = \"239.255.2.{last}:22222\", {keys} }}")
                    .unwrap();
            }
            let image = image.display();
            writeln!(
                text,
                "[[channel.object]]\nname = \"image\"\nsource = \"{image}\"\nprecoding = \"crc32\""
            )
            .unwrap();
        }
        text
    }
}
