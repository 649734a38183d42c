//! A headend and a box in memory: the senders' own cores, real bytes, virtual time.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]
#![allow(dead_code, reason = "each test binary uses a part")]

mod channel;
mod receiver;
mod revision;

use stbcast_flute::fdt::{Companion, File};
use stbcast_flute::{
    AnnounceSession, CompanionSession, CompanionSettings, Entry, FdtSettings, Share, Step,
};
use stbcast_infocast::Name;
use stbcast_object::{Datagram, Group, Micros};

use channel::{Channel, Turn};

pub use receiver::Stb;
pub use revision::{Code, Revision};

/// Time since the Unix epoch when a test begins.
pub const START: Micros = Micros::from_secs(1_790_000_000);

/// Span between two datagrams of the channel.
const PACE: Micros = Micros::from_millis(1);

pub fn group(last: u8) -> Group {
    Group::new([239, 255, 2, last].into(), 22222).unwrap()
}

pub fn channel() -> Group {
    group(11)
}

pub fn announce() -> Group {
    group(3)
}

pub fn companion() -> Group {
    group(12)
}

pub fn name() -> Name {
    Name::new("image").unwrap()
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub group: Group,
    pub bytes: Vec<u8>,
    /// Whether it carries a slice or a symbol of an object, and not a description.
    pub carries_symbol: bool,
}

/// One channel with one object, its companion, and the announce session.
pub struct Headend {
    pub now: Micros,
    pub ratio: f64,
    /// Slices sent of what is on the channel.
    pub sent: u64,
    announce: AnnounceSession,
    channel: Channel,
    on_channel: Revision,
    companion: Option<CompanionSession>,
    on_companion: Revision,
    superseded: Option<Revision>,
    credit: f64,
}

impl Headend {
    /// Everything sends `revision`, with `ratio` repair symbols for each symbol of the channel.
    pub fn new(revision: &Revision, ratio: f64) -> Self {
        let announce = AnnounceSession::new(FdtSettings::new(1), vec![revision.file()], START);
        let mut headend = Self {
            now: Micros::ZERO,
            ratio,
            sent: 0,
            announce: announce.unwrap(),
            channel: Channel::of(revision),
            on_channel: revision.clone(),
            companion: None,
            on_companion: revision.clone(),
            superseded: None,
            credit: 0.0,
        };
        headend.repair(revision);
        headend
    }

    fn wall(&self) -> Micros {
        START.after(self.now)
    }

    /// Announces something else.
    pub fn announce(&mut self, files: Vec<File>) {
        let wall = self.wall();
        self.announce.set_files(files, wall).unwrap();
    }

    /// Announces something else, with what an operator signed.
    pub fn state(&mut self, files: Vec<File>, statements: &[Vec<u8>]) {
        let wall = self.wall();
        let statement = |(number, bytes): (u32, &Vec<u8>)| {
            let file = File::new(&format!("release:{number}"), number).unwrap();
            stbcast_flute::Statement::new(file, bytes.as_slice().into()).unwrap()
        };
        let statements = (900..).zip(statements).map(statement).collect();
        self.announce.set(files, statements, wall).unwrap();
    }

    /// The channel goes over to another revision.
    pub fn send(&mut self, revision: &Revision) {
        (self.channel, self.on_channel) = (Channel::of(revision), revision.clone());
        self.sent = 0;
    }

    /// The companion goes over to another revision.
    pub fn repair(&mut self, revision: &Revision) {
        let wall = self.wall();
        self.on_companion = revision.clone();
        let entries: Vec<Entry> = revision.companion_entry().into_iter().collect();
        let fdt = FdtSettings::new(9);
        let settings = CompanionSettings { fdt, symbols_per_1000_s: 100_000, share: Share::ALL };
        match &mut self.companion {
            _ if entries.is_empty() => self.companion = None,
            Some(companion) => companion.set_entries(entries, 100_000, wall).unwrap(),
            none => *none = Some(CompanionSession::new(settings, entries, wall).unwrap()),
        }
    }

    /// The companion sends symbols of a superseded revision too, `per_million` of all.
    pub fn overlap(&mut self, old: Option<&Revision>, per_million: u32) {
        let wall = self.wall();
        self.superseded = old.cloned();
        let entry = |old: &Revision| {
            let mut entry = old.companion_entry().unwrap();
            entry.repair.as_mut().unwrap().store = SUPERSEDED;
            entry
        };
        let entries = old.map(entry).into_iter().collect();
        self.companion.as_mut().unwrap().set_superseded(entries, per_million, wall).unwrap();
    }

    /// Slices of the revision on the channel.
    pub fn slices(&self) -> u32 {
        self.on_channel.slices()
    }

    /// Plays to the box until it is over, or most `cycles` have passed: symbol-bearing datagrams
    /// sent since it joined the channel, lost ones too.
    pub fn play(
        &mut self,
        stb: &mut Stb,
        cycles: u64,
        mut is_lost: impl FnMut(u64) -> bool,
    ) -> u64 {
        let (mut sent, mut count) = (0, 0);
        for _ in 0..cycles * u64::from(self.slices()) + 2_000 {
            for one in self.turn() {
                count += 1;
                let is_wanted = one.carries_symbol && stb.joined(channel());
                if is_wanted {
                    sent += 1;
                }
                if !one.carries_symbol || !is_lost(count) {
                    stb.hear(self.now, &one);
                }
                if stb.is_over() {
                    return sent;
                }
            }
        }
        sent
    }

    /// Plays `turns` slices, with what comes beside them, to nobody.
    pub fn skip(&mut self, turns: u32) {
        for _ in 0..turns {
            self.turn();
        }
    }

    /// Plays `turns` slices, with what comes beside them, to the box.
    pub fn turns(&mut self, stb: &mut Stb, turns: u32) {
        for _ in 0..turns {
            for one in self.turn() {
                stb.hear(self.now, &one);
            }
        }
    }

    /// What is sent until the next slice has been sent.
    pub fn turn(&mut self) -> Vec<Sent> {
        self.now = self.now.after(PACE);
        let (now, wall) = (self.now, self.wall());
        let mut sent = Vec::new();
        while let Step::Fdt(bytes) = self.announce.next(now, wall) {
            sent.push(Sent { group: announce(), bytes, carries_symbol: false });
        }
        while let Some(turn) = self.channel.next(now) {
            match turn {
                Turn::Description(bytes) => {
                    sent.push(Sent { group: channel(), bytes, carries_symbol: false });
                }
                Turn::Slice(datagram) => {
                    let bytes = gather(&datagram, &self.on_channel);
                    sent.push(Sent { group: channel(), bytes, carries_symbol: true });
                    self.sent += 1;
                    break;
                }
            }
        }
        self.credit += self.ratio * f64::from(self.on_companion.symbols_per_slice());
        let Some(companion) = &mut self.companion else { return sent };
        while self.credit >= 1.0 {
            match companion.next(now, wall) {
                Step::Fdt(bytes) => {
                    let group = self.on_companion.companion.unwrap_or(companion_default()).group;
                    sent.push(Sent { group, bytes, carries_symbol: false });
                }
                Step::Datagram(datagram) => {
                    self.credit -= 1.0;
                    let old = self.superseded.as_ref().filter(|_| datagram.object == SUPERSEDED);
                    let bytes = gather(&datagram, old.unwrap_or(&self.on_companion));
                    let group = self.on_companion.companion.unwrap_or(companion_default()).group;
                    sent.push(Sent { group, bytes, carries_symbol: true });
                }
                Step::CycleEnd | Step::Idle { .. } => break,
            }
        }
        sent
    }
}

/// Where the repair symbols of a superseded revision are.
const SUPERSEDED: usize = 2;

fn companion_default() -> Companion {
    Companion { group: companion(), tsi: 9 }
}

/// A datagram as it goes out.
pub fn gather(datagram: &Datagram, revision: &Revision) -> Vec<u8> {
    let store = if datagram.object == 0 { &revision.bytes } else { &revision.store };
    let body = datagram.body.start as usize..datagram.body.end as usize;
    [&datagram.head[..], &store[body], &datagram.tail[..]].concat()
}

/// Loses `percent` of the datagrams, by their number.
pub fn losing(percent: u64, seed: u64) -> impl FnMut(u64) -> bool {
    move |count| {
        let mut state = (count ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (state >> 33) % 100 < percent
    }
}
