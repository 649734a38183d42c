//! One content of the object, with its repair symbols.

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use stbcast_fec::{Encoder, Geometry, Scheme};
use stbcast_flute::fdt::{Alternates, Companion, File, Supersedes, Unicast, toi_candidates};
use stbcast_flute::{Entry, Fti, Repair, crc32};
use stbcast_receiver::Target;

use super::{channel, companion, name};

/// Which code an object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    None,
    /// With K0 source symbols a block.
    Rs8(u32),
    /// With K0 source symbols a block.
    Rs16(u32),
    /// With this many blocks.
    Raptorq(u32),
}

/// One content of the object.
#[derive(Clone, Debug)]
pub struct Revision {
    pub bytes: Vec<u8>,
    pub slice_bytes: NonZeroU16,
    pub geometry: Option<Geometry>,
    pub companion: Option<Companion>,
    /// Repair symbols stored for each block.
    pub per_block: u32,
    /// The repair symbols, and behind them the padded last source symbol.
    pub store: Vec<u8>,
    pub toi: u32,
    /// Its serial number on a MAG channel; on an Infocast channel, when `None`.
    pub serial: Option<u16>,
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

impl Revision {
    /// An object of `length` bytes in slices of `parts` symbols of `symbol_bytes` each.
    pub fn new(seed: u64, length: usize, (symbol_bytes, parts): (u16, u16), code: Code) -> Self {
        let bytes = bytes(length, seed);
        let of = |scheme, k0| Geometry::new(scheme, length as u64, symbol_bytes, k0).unwrap();
        let geometry = match code {
            Code::None => None,
            Code::Rs8(k0) => Some(of(Scheme::Rs8, k0)),
            Code::Rs16(k0) => Some(of(Scheme::Rs16, k0)),
            Code::Raptorq(blocks) => {
                Some(Geometry::raptorq(length as u64, symbol_bytes, blocks).unwrap())
            }
        };
        let most = |geometry: Geometry| geometry.repair_symbols(0).min(geometry.block_symbols());
        let per_block = geometry.map_or(0, most);
        let store = geometry.map_or_else(Vec::new, |one| store(&one, &bytes, per_block));
        let toi = toi_candidates(&Sha256::digest(&bytes).into()).next().unwrap();
        let slice_bytes = NonZeroU16::new(symbol_bytes * parts).unwrap();
        let companion = geometry.map(|_| Companion { group: companion(), tsi: 9 });
        Self { bytes, slice_bytes, geometry, companion, per_block, store, toi, serial: None }
    }

    /// The same on a MAG channel.
    pub fn on_mag(self, serial: u16) -> Self {
        Self { serial: Some(serial), ..self }
    }

    /// What a box is told to fetch.
    pub fn target(&self) -> Target {
        match self.serial {
            Some(_) => Target::Mag { group: channel() },
            None => Target::infocast(channel(), name()),
        }
    }

    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    pub fn slices(&self) -> u32 {
        self.bytes.len().div_ceil(usize::from(self.slice_bytes.get())).max(1) as u32
    }

    pub fn symbols_per_slice(&self) -> u32 {
        let parts = |one: Geometry| u32::from(self.slice_bytes.get() / one.symbol_bytes());
        self.geometry.map_or(1, parts)
    }

    /// Its description.
    pub fn file(&self) -> File {
        let location = self.target().to_string();
        let mut file = File::new(&location, self.toi).unwrap();
        file.content_bytes = Some(self.bytes.len() as u64);
        file.sha256 = Some(self.sha256());
        file.fti = self.geometry.map(Fti::of_geometry);
        file.announced.slice_bytes = Some(self.slice_bytes);
        file.announced.companion = self.companion;
        file
    }

    /// The same, and that it supersedes `old` for `overlap_s` seconds, in which boxes that hold
    /// `permille` of 1,000 symbols of that complete it.
    pub fn superseding(&self, old: &Self, overlap_s: u32, permille: u16) -> File {
        let mut file = self.file();
        let supersedes = Supersedes::new(u128::from(old.toi), overlap_s, permille);
        file.announced.supersedes = Some(supersedes.unwrap());
        file
    }

    /// The same, and where a server has the same bytes.
    pub fn served(&self, list: &str, after_cycles: u8, window_s: u32) -> File {
        let mut file = self.file();
        let alternates = Alternates::new(list).unwrap();
        let unicast = Unicast::new(alternates, after_cycles.try_into().unwrap(), window_s);
        file.announced.unicast = Some(unicast.unwrap());
        file
    }

    /// What a signed release says of it.
    pub fn expected(&self) -> Box<stbcast_receiver::Announcement> {
        Box::new(stbcast_receiver::Announcement::of(&self.file()).unwrap())
    }

    /// What a companion sends of it.
    pub fn companion_entry(&self) -> Option<Entry> {
        let geometry = self.geometry?;
        let stored = geometry.blocks() as usize * self.per_block as usize;
        let symbols = self.store.chunks(geometry.repair_bytes()).take(stored);
        let crcs: Arc<[u32]> = match geometry.scheme() {
            Scheme::Raptorq => Arc::new([]),
            Scheme::Rs8 | Scheme::Rs16 => symbols.map(crc32).collect(),
        };
        let repair = Repair { store: 1, per_block: self.per_block, per_cycle: 2, crcs };
        Some(Entry { file: self.file(), object: 0, repair: Some(repair) })
    }
}

fn store(geometry: &Geometry, object: &[u8], per_block: u32) -> Vec<u8> {
    let bytes = geometry.repair_bytes();
    let mut encoder = Encoder::new(*geometry, 64 << 20).unwrap();
    let mut store = vec![0; geometry.blocks() as usize * per_block as usize * bytes];
    for block in 0..geometry.blocks() {
        for columns in encoder.stripes() {
            let object =
                |range: std::ops::Range<u64>| &object[range.start as usize..range.end as usize];
            let emit = |index: u32, stripe: &[u8]| {
                let symbol = block as usize * per_block as usize + index as usize;
                let start = symbol * bytes + columns.start;
                store[start..start + stripe.len()].copy_from_slice(stripe);
                Ok::<_, Infallible>(())
            };
            encoder.encode(block, columns.clone(), 0..per_block, object, emit).unwrap();
        }
    }
    let short = object.len() % usize::from(geometry.symbol_bytes());
    if geometry.scheme() == Scheme::Raptorq && short > 0 {
        store.extend_from_slice(&object[object.len() - short..]);
        store.resize(store.len() + bytes - short, 0);
    }
    store
}
