//! What is on air: the senders' own cores with three revisions of the wanted object and another
//! object beside it, and what others send there.

use std::num::NonZeroU16;

use stbcast_flute::fdt::{Alternates, Companion, File, Unicast};
use stbcast_flute::{
    AnnounceSession, CarouselSettings, Code, CompanionSession, CompanionSettings, Entry,
    FdtSettings, Fti, Scheme, Share, Step, crc32,
};
use stbcast_infocast::{Carousel, Content, Name, ObjectType, Precoding};
use stbcast_object::{Datagram, Group, Micros, Slices};
use stbcast_receiver::{FileName, Target};

use super::super::{RIVAL, SENDER, Script, channel, wanted};
use super::revision::{CONTENTS, Revision, layout};
use super::stb::Stb;

/// Time since the Unix epoch when everything begins.
pub(super) const START: Micros = Micros::from_secs(1_790_000_000);

/// The other object.
const OTHER: usize = CONTENTS - 1;

const TSI: u32 = 9;

/// How the headend is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// The object is a file of a FLUTE session.
    pub(super) is_flute: bool,
    /// Its digest is announced.
    pub(super) digest: bool,
    /// Slices have trailers.
    pub(super) trailers: bool,
    /// Each revision has its companion in another group.
    pub(super) moves: bool,
    /// Repair symbols for each 16 source symbols.
    pub(super) ratio: u8,
    /// Servers are announced: cycles that are to be heard first.
    pub(super) after_cycles: Option<u8>,
}

/// A datagram on its way.
pub(super) struct Sent {
    pub(super) group: Group,
    pub(super) bytes: Vec<u8>,
    /// It carries a slice or symbol of an object.
    pub(super) is_symbol: bool,
}

pub(super) struct Air {
    setup: Setup,
    location: String,
    revisions: [&'static Revision; CONTENTS],
    pub(super) announced: usize,
    pub(super) on_channel: usize,
    on_companion: usize,
    /// Turns until the companion follows the channel.
    lag: u8,
    /// The announcement has been sent since it changed.
    is_told: bool,
    announce: AnnounceSession,
    channel: Carousel,
    companion: Option<CompanionSession>,
    flute: Option<stbcast_flute::Carousel>,
    credit: u32,
    now: Micros,
    /// Something was sent that no honest sender sends.
    pub(super) is_forged: bool,
    /// More than one revision was announced.
    pub(super) is_changed: bool,
}

pub(super) fn announce_group() -> Group {
    channel(3)
}

pub(super) fn companion_group(n: usize) -> Group {
    channel(12 + (n % 2) as u8)
}

pub(super) fn target(is_flute: bool) -> Target {
    let (group, name) = (channel(2), FileName::new("image.bin").expect("a name"));
    if is_flute { Target::Flute { group, name } } else { Target::infocast(group, wanted()) }
}

impl Air {
    pub(super) fn new(setup: Setup, layouts: [u8; 3]) -> Self {
        let [first, second, third] = layouts.map(layout);
        let revisions = [&first[0], &second[1], &third[2], &layout(1)[OTHER]];
        let announce = AnnounceSession::new(FdtSettings::new(1), Vec::new(), START);
        let mut air = Self {
            setup,
            location: target(setup.is_flute).to_string(),
            revisions,
            announced: 0,
            on_channel: 0,
            on_companion: 0,
            lag: 0,
            is_told: false,
            announce: announce.expect("a session"),
            channel: Carousel::new(Vec::new(), 1_000_000, 28, Micros::ZERO),
            companion: None,
            flute: None,
            credit: 0,
            now: Micros::ZERO,
            is_forged: false,
            is_changed: false,
        };
        air.announce(0);
        air.send();
        air.repair();
        air
    }

    fn wall(&self) -> Micros {
        START.after(self.now)
    }

    pub(super) fn revision(&self, n: usize) -> &'static Revision {
        self.revisions[n]
    }

    fn companion_of(&self, n: usize) -> Companion {
        let group = companion_group(if self.setup.moves { n } else { 0 });
        Companion { group, tsi: TSI }
    }

    fn file(&self, n: usize) -> File {
        let location =
            if n == OTHER { "infocast://239.255.2.2:22222/other" } else { &self.location };
        let companion = Some(self.companion_of(n));
        let mut file = self.revisions[n].file(location, companion, self.setup.digest);
        file.announced.unicast = self.setup.after_cycles.map(|cycles| unicast(n, cycles));
        file
    }

    /// Announces a revision; it is sent from [`Air::follow`] on.
    pub(super) fn announce(&mut self, n: usize) {
        let (files, wall) = (vec![self.file(OTHER), self.file(n)], self.wall());
        self.announce.set_files(files, wall).expect("files");
        self.is_told = n == self.announced && self.is_told;
        self.is_changed |= n != self.announced;
        self.announced = n;
        if self.setup.is_flute {
            self.on_channel = n;
            self.send();
        }
    }

    /// The channel goes over to what is announced, and after `lag` turns its companion.
    pub(super) fn follow(&mut self, lag: u8, stb: &mut Stb) {
        if self.on_channel != self.announced {
            // At least a second before the first slice.
            if !self.is_told {
                self.play(1, stb, |_| Fate::Heard);
            }
            (self.on_channel, self.lag) = (self.announced, lag);
            self.send();
        }
        if self.lag == 0 {
            self.repair();
        }
    }

    fn send(&mut self) {
        let wall = self.wall();
        if self.setup.is_flute {
            let entries = [OTHER, self.on_channel].map(|n| self.flute_entry(n)).into();
            match &mut self.flute {
                Some(flute) => flute.set_entries(entries, wall).expect("entries"),
                none => {
                    let settings = CarouselSettings::new(TSI, 1_000_000);
                    let flute = stbcast_flute::Carousel::new(settings, entries, wall);
                    *none = Some(flute.expect("a carousel"));
                }
            }
            return;
        }
        let entry = |name, revision: &Revision| {
            let slices = Slices::new(revision.bytes.len() as u64, revision.slice_bytes());
            let content = Content::Stored(slices.expect("slices"));
            let precoding = if self.setup.trailers { Precoding::CRC32 } else { Precoding::NONE };
            let entry = stbcast_infocast::Entry::new(name, ObjectType(5), precoding, None, content);
            entry.expect("an entry").with_trailers_over(&revision.bytes)
        };
        let other = Name::new("other").expect("a name");
        let [other, wanted] = [(other, OTHER), (wanted(), self.on_channel)]
            .map(|(name, n)| entry(name, self.revisions[n]));
        self.channel = Carousel::new(vec![wanted, other], 10_000_000, 28, Micros::ZERO);
    }

    /// What a FLUTE carousel sends of a revision: RaptorQ or no code.
    fn flute_entry(&self, n: usize) -> Entry {
        let revision = self.revisions[n];
        let mut file = self.file(n);
        if file.fti.is_some_and(|fti| matches!(fti.scheme(), Scheme::RaptorQ { .. })) {
            return revision.entry(file, 2 * n);
        }
        let (scheme, length) = (Scheme::NoCode { block_symbols: 64 }, revision.bytes.len() as u64);
        file.fti = Fti::new(scheme, length, 60).ok();
        Entry { file, object: 2 * n, repair: None }
    }

    /// The companion goes over to what is on the channel.
    fn repair(&mut self) {
        (self.on_companion, self.lag) = (self.on_channel, 0);
        let wall = self.wall();
        let entries = [OTHER, self.on_channel].into_iter();
        let entries = entries.filter(|n| self.revisions[*n].geometry.is_some());
        let entries: Vec<Entry> =
            entries.map(|n| self.revisions[n].entry(self.file(n), 2 * n)).collect();
        let settings = CompanionSettings {
            fdt: FdtSettings::new(TSI),
            symbols_per_1000_s: 100_000,
            share: Share::ALL,
        };
        match &mut self.companion {
            Some(companion) => companion.set_entries(entries, 100_000, wall).expect("entries"),
            none => {
                let companion = CompanionSession::new(settings, entries, wall);
                *none = Some(companion.expect("a session"));
            }
        }
    }

    fn gather(&self, datagram: &Datagram) -> Vec<u8> {
        let revision = self.revisions[datagram.object / 2];
        let from =
            if datagram.object.is_multiple_of(2) { &revision.bytes } else { &revision.store };
        let body = datagram.body.start as usize..datagram.body.end as usize;
        [&datagram.head[..], &from[body], &datagram.tail[..]].concat()
    }

    /// What is sent until the next slice has been sent, and what comes beside it.
    fn turn(&mut self, stb: &Stb) -> Vec<Sent> {
        self.now = self.now.after(Micros::from_millis(1)).max(stb.now);
        let (now, wall, mut sent) = (self.now, self.wall(), Vec::new());
        if let Some(flute) = &mut self.flute {
            for _ in 0..4 {
                let (bytes, is_symbol) = match flute.next(now, wall) {
                    Step::Datagram(datagram) => (self.gather(&datagram), true),
                    Step::Fdt(bytes) => (bytes, false),
                    Step::CycleEnd | Step::Idle { .. } => continue,
                };
                sent.push(Sent { group: channel(2), bytes, is_symbol });
                break;
            }
            return sent;
        }
        while let Step::Fdt(bytes) = self.announce.next(now, wall) {
            sent.push(Sent { group: announce_group(), bytes, is_symbol: false });
        }
        self.is_told = true;
        for _ in 0..2 {
            if let stbcast_infocast::Step::Datagram(mut datagram) = self.channel.next(now, 0) {
                datagram.object = 2 * [self.on_channel, OTHER][datagram.object];
                let bytes = self.gather(&datagram);
                sent.push(Sent { group: channel(2), bytes, is_symbol: true });
                break;
            }
        }
        self.credit += u32::from(self.setup.ratio);
        let group = self.companion_of(self.on_companion).group;
        while let (16.., Some(companion)) = (self.credit, &mut self.companion) {
            let (bytes, is_symbol) = match companion.next(now, wall) {
                Step::Fdt(bytes) => (bytes, false),
                Step::Datagram(datagram) => {
                    self.credit -= 16;
                    (self.gather(&datagram), true)
                }
                Step::CycleEnd | Step::Idle { .. } => break,
            };
            sent.push(Sent { group, bytes, is_symbol });
        }
        if self.lag > 0 {
            self.lag -= 1;
            if self.lag == 0 {
                self.repair();
            }
        }
        sent
    }

    /// Plays; `fate` says of each symbol by its number what becomes of it.
    pub(super) fn play(&mut self, turns: usize, stb: &mut Stb, fate: impl Fn(usize) -> Fate) {
        let mut count = 0;
        for _ in 0..turns {
            for Sent { group, bytes, is_symbol } in self.turn(stb) {
                count += usize::from(is_symbol);
                match if is_symbol { fate(count) } else { Fate::Heard } {
                    Fate::Lost => {}
                    Fate::Heard => stb.hear(SENDER, group, bytes),
                    Fate::Twice => {
                        stb.hear(SENDER, group, bytes.clone());
                        stb.hear(SENDER, group, bytes);
                    }
                }
            }
        }
    }

    /// Plays to nobody, or backwards.
    pub(super) fn disorder(&mut self, turns: usize, stb: &mut Stb, kind: u8) {
        let mut sent: Vec<Sent> = (0..turns).flat_map(|_| self.turn(stb)).collect();
        match kind % 4 {
            0 => return,
            1 => sent.reverse(),
            2 => sent.rotate_left(turns / 2),
            _ => sent.sort_by_key(|one| one.group),
        }
        // Symbols of the one revision may come behind those of the other.
        self.is_forged |= self.is_changed;
        sent.into_iter().for_each(|Sent { group, bytes, .. }| stb.hear(SENDER, group, bytes));
    }

    /// A datagram of the next turn with bits that were not sent, and maybe with a right CRC.
    pub(super) fn flip(&mut self, n: u8, script: &mut Script<'_>, stb: &mut Stb) {
        let mut sent = self.turn(stb);
        let Some(at) = usize::from(n >> 3).checked_rem(sent.len()) else { return };
        let Sent { group, mut bytes, is_symbol } = sent.swap_remove(at);
        let (at, bits) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0) | 1);
        let body = bytes.len().saturating_sub(4).max(1);
        bytes[(usize::from(at) * 7) % body] ^= bits;
        let coded = self.revisions[self.on_companion].geometry;
        let has_crc = is_symbol
            && group != channel(2)
            && coded.is_none_or(|geometry| geometry.scheme() != stbcast_fec::Scheme::Raptorq);
        if n & 1 != 0 && bytes.len() > 4 {
            let crc = crc32(&bytes[..body]);
            bytes[body..].copy_from_slice(&crc.to_be_bytes());
        }
        self.is_forged |= n & 1 != 0 || !has_crc;
        stb.hear([SENDER, RIVAL][usize::from(n >> 1 & 1)], group, bytes);
        if n & 4 != 0 {
            sent.into_iter().for_each(|Sent { group, bytes, .. }| stb.hear(SENDER, group, bytes));
        }
    }

    /// A description that contradicts the honest ones.
    pub(super) fn describe(&mut self, n: u8, script: &mut Script<'_>, stb: &mut Stb) {
        self.is_forged = true;
        let mut byte = || script.byte().unwrap_or(0);
        let (bits, newer, which) = (byte(), byte(), byte());
        let mut file = self.file(usize::from(which) % OTHER);
        if self.setup.is_flute {
            file = self.flute_entry(usize::from(which) % OTHER).file;
        }
        let mut word = || u64::from(byte()) << 8 | u64::from(byte());
        if bits & 1 != 0 {
            file.sha256 = (which & 64 == 0).then_some([which; 32]);
        }
        if bits & 2 != 0 {
            file.toi = u128::from(word());
        }
        if bits & 4 != 0 {
            file.announced.slice_bytes = NonZeroU16::new(word() as u16);
        }
        if bits & 8 != 0 {
            let length = word() << (which & 16);
            file.content_bytes = (which & 8 == 0).then_some(length);
            file.fti = self.strange_fti(which, length, word(), word());
        }
        if bits & 16 != 0 {
            let group = channel([2, 3, 12, 13, 14][usize::from(word() as u8) % 5]);
            file.announced.companion = Some(Companion { group, tsi: word() as u32 % 12 });
        }
        if bits & 32 != 0 {
            file.fti = None;
        }
        if bits & 64 != 0 {
            file.content_bytes = None;
        }
        let group = [announce_group(), companion_group(0), channel(2)][usize::from(n) % 3];
        let tsi = if group == announce_group() { 1 } else { TSI };
        // As an honest sender's newest, or as one that is newer by far.
        let wall = self.wall().after(Micros::from_secs(u64::from(newer)));
        let session = AnnounceSession::new(FdtSettings::new(tsi), vec![file], wall);
        let Ok(mut session) = session else { return };
        let from = [SENDER, RIVAL][usize::from(n >> 7)];
        while let Step::Fdt(bytes) = session.next(self.now, wall) {
            stb.hear(from, group, bytes);
        }
    }

    fn strange_fti(&self, which: u8, length: u64, symbol: u64, blocks: u64) -> Option<Fti> {
        let block_symbols = blocks as u32;
        let scheme = match which % 4 {
            0 => Scheme::NoCode { block_symbols },
            1 => Scheme::RaptorQ { source_blocks: blocks as u8, alignment: 1 },
            2 => Scheme::Companion { code: Code::Rs8, block_symbols },
            _ => Scheme::Companion { code: Code::Rs16, block_symbols },
        };
        Fti::new(scheme, length, symbol as u16).ok()
    }

    /// Any bytes.
    pub(super) fn strange(&mut self, n: u8, script: &mut Script<'_>, stb: &mut Stb) {
        self.is_forged = true;
        let groups = [announce_group(), channel(2), companion_group(0), companion_group(1)];
        let from = [SENDER, RIVAL][usize::from(n >> 7)];
        stb.hear(from, groups[usize::from(n) % 4], script.block().to_vec());
    }
}

/// Three servers that have a revision, asked within two seconds.
fn unicast(n: usize, after_cycles: u8) -> Unicast {
    let urls = ["a", "b", "c"].map(|host| format!("http://{host}/{n}"));
    let alternates = Alternates::new(&urls.join(" ")).expect("a list");
    Unicast::new(alternates, after_cycles.try_into().expect("1 to 4"), 2).expect("a window")
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Heard,
    Lost,
    Twice,
}
