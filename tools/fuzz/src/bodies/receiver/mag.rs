//! The image of a MAG channel, among loss, forgeries, silence and failing storage.

use std::ops::Range;

use stbcast_mag::{Description, Header};
use stbcast_object::Micros;
use stbcast_receiver::{Fetch, FetchOptions, GroupDecoder, Listen, Role, Target};

use super::super::{RIVAL, SENDER, Script, channel, noise};
use super::rig::{Rig, assert_counted};

/// Longest image taken.
const LENGTH_MAX: u64 = 1 << 16;

/// One content, as a sender cuts it.
struct Image {
    serial: u16,
    packet_bytes: usize,
    bytes: Vec<u8>,
}

impl Image {
    fn packets(&self) -> usize {
        self.bytes.len().div_ceil(self.packet_bytes).max(1)
    }

    fn packet(&self, number: usize) -> Vec<u8> {
        let start = number * self.packet_bytes;
        let end = self.bytes.len().min(start + self.packet_bytes);
        let header = Header {
            serial: self.serial,
            index: number as u16,
            last: (self.packets() - 1) as u16,
            offset: start as u32,
            length: self.bytes.len() as u32,
        };
        [&header.encode()[..], &self.bytes[start..end]].concat()
    }
}

/// Two images on air one after the other, of other serial numbers or lengths, and a box that fetches.
struct Air {
    images: [Image; 2],
    on_air: usize,
    next: usize,
    change_due: bool,
    last: Vec<u8>,
    forged: bool,
    decoder: GroupDecoder,
    rig: Rig<Fetch<Range<usize>>>,
}

impl Air {
    fn new(script: &mut Script<'_>) -> Self {
        let mut number = || usize::from(script.byte().unwrap_or(0));
        let (packet_bytes, lengths) = (1 + number() % 64, [number() * 8, number() * 8]);
        let same_serial = number() & 1 != 0 && lengths[0] != lengths[1];
        let image = |which: u16, length| Image {
            serial: if same_serial { 7 } else { 7 + which },
            packet_bytes,
            bytes: noise(u64::from(which) + 1, length),
        };
        let group = channel(2);
        let options = FetchOptions { length_max: LENGTH_MAX, ..FetchOptions::default() };
        Self {
            images: [image(0, lengths[0]), image(1, lengths[1])],
            on_air: 0,
            next: number(),
            change_due: false,
            last: Vec::new(),
            forged: false,
            decoder: GroupDecoder::new(group, None, &Listen::Mag),
            rig: Rig::new(Fetch::new(Target::Mag { group }, options), LENGTH_MAX),
        }
    }

    /// The next packet the sender sends.
    fn send(&mut self) -> Vec<u8> {
        let image = &self.images[self.on_air];
        let packet = image.packet(self.next % image.packets());
        self.next = (self.next + 1) % image.packets();
        if self.next == 0 && self.change_due {
            self.on_air = 1;
        }
        packet
    }

    fn hear(&mut self, datagram: &[u8]) {
        self.rig.now = self.rig.now.after(Micros::from_millis(1));
        let input = self.decoder.decode(SENDER, datagram, None);
        self.rig.input(input, datagram);
    }

    fn play(&mut self) {
        self.last = self.send();
        let packet = self.last.clone();
        self.hear(&packet);
    }

    /// A packet with fields from the script, most of them those of the honest sender.
    fn forge(&mut self, n: u8, script: &mut Script<'_>) {
        let mut word = || u32::from(script.byte().unwrap_or(0)) << (n & 7);
        let honest = &self.images[self.on_air];
        let header = Header {
            serial: honest.serial.wrapping_add(u16::from(n >> 3 & 1)),
            index: 0xbeef,
            last: 0,
            offset: word(),
            length: if n & 16 != 0 { word() } else { honest.bytes.len() as u32 },
        };
        self.forged = true;
        let bytes = [&header.encode()[..], &vec![n; word() as usize % 5_000]].concat();
        self.hear(&bytes);
    }

    /// Bytes that the honest sender did not send.
    fn strange(&mut self, bytes: &[u8]) {
        self.forged |= bytes.first() == Some(&1);
        let input = self.decoder.decode(RIVAL, bytes, None);
        self.rig.input(input, bytes);
    }

    fn assert_committed(&self) {
        let Some(committed) = self.rig.storage.committed(Role::Object) else { return };
        let is_one = self.images.iter().any(|image| image.bytes == committed);
        assert!(self.forged || is_one, "two images were mixed");
        assert!(committed.len() as u64 <= LENGTH_MAX);
    }
}

/// A plain fetch from a MAG channel. What is committed is one image as it was sent, unless a forgery could
/// be taken for it; [`Rig`] and its storage hold what every session keeps to.
pub fn mag_ops(data: &[u8]) {
    let mut script = Script(data);
    let mut air = Air::new(&mut script);
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        match op % 9 {
            0 => (0..=n % 64).for_each(|_| air.play()),
            1 => (0..=n % 64).for_each(|_| drop(air.send())),
            2 => air.change_due = true,
            3 => (0..=n % 12).for_each(|_| air.hear(&air.last.clone())),
            4 => air.forge(n, &mut script),
            5 => air.strange(script.block()),
            6 => air.rig.pass_time(n),
            7 => air.hear(&Description::new("image").expect("short").encode(u16::from(n))),
            _ => air.rig.storage.fail_later(n, script.byte().unwrap_or(0)),
        }
        air.assert_committed();
        assert_counted(air.rig.session.stats());
    }
    if !air.forged {
        // An honest channel is enough, whatever came before.
        air.rig.storage.fault = (0, 0);
        let longest = air.images.iter().map(Image::packets).max().unwrap_or(0);
        (0..6 * longest + 64).for_each(|_| air.play());
        assert!(air.rig.is_over(), "five cycles without loss did not complete the image");
        air.assert_committed();
    }
    air.rig.assert_ends(8);
    assert_eq!(air.rig.completed, air.rig.storage.commits == 1, "completed means committed");
}
