//! A channel with its senders, honest and not.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

use stbcast_infocast::{Check, Coverage, Name, Packet, Precoding};
use stbcast_object::Micros;
use stbcast_receiver::{Fetch, Role};

use super::super::{RIVAL, SENDER, Script, Sent, noise, wanted};
use super::rig::Rig;

/// A channel whose sender plays one revision, and from some pass on another. It changes between two
/// passes only, as senders do.
pub(super) struct Air {
    pub(super) revisions: [Sent; 2],
    pub(super) on_air: usize,
    pub(super) next: usize,
    pub(super) change_due: bool,
    /// Datagram heard last.
    pub(super) last: Vec<u8>,
    /// Which revisions were heard.
    pub(super) heard: [bool; 2],
    /// Slices lost in a row.
    pub(super) lost_run: usize,
    /// So many were lost in a row that a slice of a later pass may look like one of the same.
    pub(super) lost: bool,
    /// A forgery could be taken for the object.
    pub(super) forged: bool,
    /// A stranger's trailer may have misled the learner, which makes it drop honest slices.
    pub(super) misled: bool,
    pub(super) pinned: bool,
    pub(super) length_max: u64,
}

impl Air {
    pub(super) fn new(script: &mut Script<'_>) -> Self {
        let flags = script.byte().unwrap_or(0);
        let mut number =
            |from: usize, to| from + usize::from(script.byte().unwrap_or(0)) % (to - from);
        let (slice_bytes, totals) = (number(8, 64), [number(1, 48), number(1, 48)]);
        let (odd, start) = (number(0, 64), number(0, 48));
        let crc32 = Check::default_for(4).expect("a default");
        let crc16 = Check::default_for(2).expect("a default");
        let (precoding, trailer) = match flags & 3 {
            0 => (Precoding::NONE, None),
            1 => (Precoding::CRC32, Some(crc32)),
            2 => (Precoding::CRC32_OIS, Some(Check { coverage: Coverage::Object, ..crc32 })),
            _ => (Precoding::CRC16, Some(Check { coverage: Coverage::Header, ..crc16 })),
        };
        let sent = |seed, total: usize| {
            let length = total * slice_bytes - odd % slice_bytes;
            let cut = Sent::cut(wanted(), &noise(seed, length), slice_bytes, flags & 8 != 0);
            Sent { precoding, trailer, ..cut }
        };
        let same_total = flags & 16 == 0;
        let revisions = [sent(1, totals[0]), sent(2, totals[usize::from(!same_total)])];
        let longest = revisions.iter().map(|sent| sent.slices.concat().len()).max();
        let exactly = longest.map_or(0, |length| length as u64);
        Self {
            on_air: 0,
            next: start % revisions[0].slices.len(),
            change_due: false,
            last: Vec::new(),
            heard: [false; 2],
            lost_run: 0,
            lost: false,
            forged: false,
            misled: false,
            pinned: flags & 4 != 0,
            length_max: if flags & 32 == 0 { 1 << 16 } else { exactly },
            revisions,
        }
    }

    /// The next datagram the sender sends.
    pub(super) fn send(&mut self) -> Vec<u8> {
        let sent = &self.revisions[self.on_air];
        let datagram = sent.datagram(self.next);
        self.next = (self.next + 1) % sent.slices.len();
        if self.next == 0 && self.change_due {
            self.on_air = 1;
        }
        datagram
    }

    pub(super) fn play(&mut self, rig: &mut Rig<Fetch<Range<usize>>>) {
        self.heard[self.on_air] = true;
        self.lost_run = 0;
        self.last = self.send();
        rig.hear(SENDER, &self.last);
    }

    pub(super) fn lose(&mut self, rig: &mut Rig<Fetch<Range<usize>>>) {
        let half = self.revisions[self.on_air].slices.len() / 2;
        self.lost_run += 1;
        self.lost |= self.heard != [false; 2] && self.lost_run + 1 >= half;
        self.send();
        rig.now = rig.now.after(Micros::from_millis(1));
    }

    /// A datagram with fields from the script, most of them those of the honest sender.
    pub(super) fn forge(
        &mut self,
        n: u8,
        script: &mut Script<'_>,
        rig: &mut Rig<Fetch<Range<usize>>>,
    ) {
        let mut word = || {
            u32::from_be_bytes([
                0,
                script.byte().unwrap_or(0),
                script.byte().unwrap_or(0),
                script.byte().unwrap_or(0),
            ])
        };
        let honest = &self.revisions[self.on_air];
        let mut forgery = honest.clone();
        if n & 1 != 0 {
            forgery.precoding = Precoding((word() & 0xffff) as u16);
        }
        let total = if n & 2 != 0 { word() } else { honest.slices.len() as u32 };
        let number = if n & 4 != 0 { word() } else { self.next as u32 + 1 };
        let length = if n & 8 != 0 { word() as usize % 5_000 } else { honest.slices[0].len() };
        if n & 16 != 0 {
            forgery.trailer = None;
        }
        if n & 32 != 0 {
            forgery.name = Name::new("stranger").expect("a name");
        }
        let datagram = forgery.packet(number, total, &vec![n; length]);
        self.strange([SENDER, RIVAL][usize::from(n >> 7)], &datagram, rig);
    }

    /// A datagram that the honest sender did not send.
    pub(super) fn strange(
        &mut self,
        from: IpAddr,
        datagram: &[u8],
        rig: &mut Rig<Fetch<Range<usize>>>,
    ) {
        if let Ok(packet) = Packet::parse(datagram) {
            let heard = !self.pinned || from == SENDER;
            self.forged |= packet.header().name == wanted() && heard;
            self.misled |= !packet.trailer().is_empty();
        }
        rig.hear(from, datagram);
    }

    /// What may be committed, unless a forgery could be taken for the object: one revision as it
    /// was sent. Only where both have the same outline and half a pass was lost in a row can nobody
    /// tell them apart, because Infocast carries no digest; but even then each slice is one that
    /// was sent, at its place.
    pub(super) fn assert_committed(&self, rig: &Rig<Fetch<Range<usize>>>) {
        let Some(committed) = rig.storage.memory.committed(Role::Object) else { return };
        assert!(committed.bytes.len() as u64 <= self.length_max);
        if self.forged {
            return;
        }
        let [old, new] = &self.revisions;
        let alike = old.slices.len() == new.slices.len();
        let cannot_tell = alike && self.heard == [true; 2] && (self.lost || self.misled);
        let whole = |sent: &Sent| sent.slices.concat() == committed.bytes;
        if !cannot_tell {
            assert!(whole(old) || whole(new), "two revisions were mixed");
            return;
        }
        let mut ends = BTreeSet::from([0]);
        for pair in old.slices.iter().zip(&new.slices) {
            let place = |start: &usize| {
                let (start, rest) = (*start, committed.bytes.get(*start..).unwrap_or_default());
                let fits =
                    [pair.0, pair.1].into_iter().filter(move |slice| rest.starts_with(slice));
                fits.map(move |slice| start + slice.len())
            };
            ends = ends.iter().flat_map(place).collect();
        }
        assert!(ends.contains(&committed.bytes.len()), "a slice that nobody sent was committed");
    }
}
