//! A release on air: its objects, and every datagram of a few cycles.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use sha2::{Digest, Sha256};
use stbcast_bootcast::Part;
use stbcast_fec::{Encoder, Geometry, Scheme};
use stbcast_flute::fdt::{Companion, File, toi_candidates};
use stbcast_flute::{
    CompanionSession, CompanionSettings, Entry, FdtSettings, Fti, Repair, Share, Step, crc32,
};
use stbcast_infocast::{Carousel, Name, ObjectType, Precoding};
use stbcast_object::{Datagram, Group, Micros, Slices};
use stbcast_receiver::{Announcement, Content, Target};

use super::{PowerError, operator};
use crate::chance::Chance;

/// Time since the Unix epoch when a box is switched on.
pub const START: Micros = Micros::from_secs(1_790_000_000);

/// Bytes of a slice, which is a source symbol.
pub const SLICE_BYTES: u16 = 200;

/// Source symbols of a block.
const BLOCK_SYMBOLS: u16 = 32;

/// Session of the companions.
const TSI: u32 = 9;

/// Cycles that are written down; a box that needs more hears them again.
const CYCLES: u64 = 3;

/// Slices for each repair symbol.
const SLICES_PER_REPAIR: u32 = 8;

/// Slices of each channel from one pass of the announce session to the next.
const ANNOUNCED_EACH: usize = 100;

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where to.
    pub group: Group,
    /// UDP payload.
    pub bytes: Vec<u8>,
}

/// One object of a release.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is to the box.
    pub part: Part,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where it is on air.
    pub target: Target,
    /// How it is described.
    pub announcement: Announcement,
    /// The same for slots.
    pub content: Content,
}

/// A release and what is sent of it.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its objects, the boot image first.
    pub objects: Vec<Object>,
    /// Its number.
    pub number: u64,
    /// SHA-256 of its statement.
    pub id: [u8; 32],
    /// Datagrams of all groups, in order.
    pub sent: Vec<Sent>,
}

impl Release {
    /// A release whose objects have these lengths in bytes; the boot image has repair symbols.
    ///
    /// # Errors
    /// When an object cannot be sent.
    pub fn new(number: u64, lengths: &[(Part, usize)]) -> Result<Self, PowerError> {
        let (mut objects, mut airs) = (Vec::new(), Vec::new());
        for (at, (part, length)) in (0..).zip(lengths) {
            // Two releases share a splash, as most do.
            let of = if *part == Part::Splash { number.div_ceil(2) } else { number };
            let mut chance = Chance::branch(of, at);
            let bytes = (0..*length).map(|_| chance.draw() as u8).collect();
            let (object, air) = object(*part, bytes, at as u8)?;
            objects.push(object);
            airs.push(air);
        }
        let statement = operator::release(number, &objects)?;
        let id = stbcast_release::digest(&statement);
        let group = operator::group()?;
        let announced = operator::announced(&[operator::root(2)?, statement])?;
        let announced = || announced.iter().map(|bytes| Sent { group, bytes: bytes.clone() });
        // Channels side by side, as they are sent.
        let longest = airs.iter().map(Vec::len).max().unwrap_or(0);
        let mut sent = Vec::new();
        for at in 0..longest {
            if at % ANNOUNCED_EACH == 0 {
                sent.extend(announced());
            }
            for air in &airs {
                sent.extend(air.get(at % air.len().max(1)).cloned());
            }
        }
        Ok(Self { objects, number, id, sent })
    }

    /// Symbols of all objects, at least 1.
    pub fn symbols(&self) -> u64 {
        let symbols = |object: &Object| object.bytes.len().div_ceil(SLICE_BYTES.into());
        (self.objects.iter().map(symbols).sum::<usize>() as u64).max(1)
    }
}

fn group(last: u8) -> Result<Group, PowerError> {
    Ok(Group::new(Ipv4Addr::new(239, 255, 2, last).into(), 22222)?)
}

fn object(part: Part, bytes: Vec<u8>, number: u8) -> Result<(Object, Vec<Sent>), PowerError> {
    let (channel, companion) = (group(20 + number)?, group(40 + number)?);
    let name = Name::new(part.word())?;
    let target = Target::infocast(channel, name);
    let slice_bytes = NonZeroU16::new(SLICE_BYTES).ok_or(PowerError::Empty)?;
    let length = bytes.len() as u64;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let toi = toi_candidates(&sha256).next().ok_or(PowerError::Empty)?;
    let slices = Slices::new(length, slice_bytes)?;
    let geometry = match part {
        Part::Kernel => {
            Some(Geometry::new(Scheme::Rs8, length, SLICE_BYTES, BLOCK_SYMBOLS.into())?)
        }
        Part::Splash | Part::Diagnostic => None,
    };
    let announcement = Announcement {
        toi: toi.into(),
        length: Some(length),
        sha256: Some(sha256),
        slice_bytes: Some(slice_bytes),
        symbol_bytes: geometry.map(|_| slice_bytes),
        geometry,
        companion: geometry.map(|_| Companion { group: companion, tsi: TSI }),
        kind: None,
        unicast: None,
        supersedes: None,
    };
    let content = Content { sha256, length, symbol_bytes: SLICE_BYTES };

    let entry = stbcast_infocast::Content::Stored(slices);
    let entry = stbcast_infocast::Entry::new(name, ObjectType(5), Precoding(1), None, entry)?;
    let mut carousel = Carousel::new(vec![entry], 10_000_000, 28, Micros::ZERO);
    let mut repair = match geometry {
        Some(geometry) => Some(Repairing::new(geometry, &bytes, target.to_string(), toi)?),
        None => None,
    };
    let (mut sent, mut slice) = (Vec::new(), 0);
    while carousel.cycles() < CYCLES {
        let now = Micros::from_millis(u64::from(slice));
        if let stbcast_infocast::Step::Datagram(datagram) = carousel.next(now, 0) {
            sent.push(Sent { group: channel, bytes: gathered(&datagram, &bytes) });
            slice += 1;
        }
        if let Some(repair) = repair.as_mut().filter(|_| slice % SLICES_PER_REPAIR == 0) {
            let bytes = repair.next(now);
            sent.extend(bytes.into_iter().map(|bytes| Sent { group: companion, bytes }));
        }
    }
    Ok((Object { part, bytes, target, announcement, content }, sent))
}

/// A datagram as it goes out.
fn gathered(datagram: &Datagram, store: &[u8]) -> Vec<u8> {
    let body = datagram.body.start as usize..datagram.body.end as usize;
    [&datagram.head[..], store.get(body).unwrap_or_default(), &datagram.tail[..]].concat()
}

/// The companion of an object.
struct Repairing {
    session: CompanionSession,
    store: Vec<u8>,
}

impl Repairing {
    fn new(
        geometry: Geometry,
        object: &[u8],
        location: String,
        toi: u32,
    ) -> Result<Self, PowerError> {
        let mut file = File::new(&location, toi)?;
        file.sha256 = Some(Sha256::digest(object).into());
        file.fti = Some(Fti::of_geometry(geometry));
        let per_block = geometry.repair_symbols(0).min(geometry.block_symbols());
        let store = store(&geometry, object, per_block);
        let crcs = store.chunks(geometry.repair_bytes()).map(crc32).collect();
        let repair = Repair { store: 1, per_block, per_cycle: 2, crcs };
        let entry = Entry { file, object: 0, repair: Some(repair) };
        let fdt = FdtSettings::new(TSI);
        let settings = CompanionSettings { fdt, symbols_per_1000_s: 100_000, share: Share::ALL };
        Ok(Self { session: CompanionSession::new(settings, vec![entry], START)?, store })
    }

    fn next(&mut self, now: Micros) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            match self.session.next(now, START.after(now)) {
                Step::Fdt(bytes) => out.push(bytes),
                Step::Datagram(datagram) => {
                    out.push(gathered(&datagram, &self.store));
                    return out;
                }
                Step::CycleEnd | Step::Idle { .. } => return out,
            }
        }
    }
}

fn store(geometry: &Geometry, object: &[u8], per_block: u32) -> Vec<u8> {
    let bytes = geometry.repair_bytes();
    let mut store = vec![0; geometry.blocks() as usize * per_block as usize * bytes];
    let Ok(mut encoder) = Encoder::new(*geometry, 8 << 20) else { return store };
    for block in 0..geometry.blocks() {
        for columns in encoder.stripes() {
            let source = |range: std::ops::Range<u64>| {
                object.get(range.start as usize..range.end as usize).unwrap_or_default()
            };
            let emit = |index: u32, stripe: &[u8]| {
                let symbol = block as usize * per_block as usize + index as usize;
                let start = symbol * bytes + columns.start;
                if let Some(place) = store.get_mut(start..start + stripe.len()) {
                    place.copy_from_slice(stripe);
                }
                Ok::<_, Infallible>(())
            };
            // Its source and its target are in memory: it does not fail.
            let _ = encoder.encode(block, columns.clone(), 0..per_block, source, emit);
        }
    }
    store
}
