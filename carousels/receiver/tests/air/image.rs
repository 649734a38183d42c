//! An object as a headend sends it: slices, repair symbols, description.

use std::num::NonZeroU16;

use sha2::{Digest, Sha256};
use stbcast_fec::{Choice, Encoder, Geometry};
use stbcast_flute::fdt::{Companion, File, Kind, toi_candidates};
use stbcast_flute::{Fti, Repair, crc32};
use stbcast_infocast::{Content, Name, ObjectType, Precoding};
use stbcast_object::{Group, Slices};

use super::free_group;

/// Symbol bytes that fit a datagram of the companion on IPv4.
const SYMBOL_BYTES_MAX: u16 = 1_428;

/// TSI of companion and FLUTE carousel.
pub const TSI: u32 = 7;

/// Where a line-up is sent.
#[derive(Clone, Copy, Debug)]
pub struct Groups {
    pub announce: Group,
    pub channel: Group,
    pub companion: Group,
}

impl Groups {
    pub fn free() -> Self {
        Self { announce: free_group(), channel: free_group(), companion: free_group() }
    }
}

/// An object and how it is sent.
#[derive(Clone)]
pub struct Image {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub slice_bytes: u16,
    /// Its code; none without a companion.
    pub fec: Option<Choice>,
    /// Its serial number on a MAG channel; on an Infocast channel, when `None`.
    pub serial: Option<u16>,
}

impl Image {
    pub fn new(bytes: Vec<u8>, fec: Choice) -> Self {
        Self { name: "image", bytes, slice_bytes: 1_400, fec: Some(fec), serial: None }
    }

    pub fn without_repair(bytes: Vec<u8>) -> Self {
        Self { fec: None, ..Self::new(bytes, Choice::Auto) }
    }

    /// The same on a MAG channel, in the vendor's packets.
    pub fn on_mag(self, serial: u16) -> Self {
        Self { slice_bytes: 1_456, serial: Some(serial), ..self }
    }

    pub fn geometry(&self) -> Option<Geometry> {
        let length = self.bytes.len() as u64;
        self.fec.map(|fec| Geometry::plan(fec, length, self.slice_bytes, SYMBOL_BYTES_MAX).unwrap())
    }

    pub fn url(&self, groups: &Groups) -> String {
        match self.serial {
            Some(_) => format!("mag://{}", groups.channel),
            None => format!("infocast://{}/{}", groups.channel, self.name),
        }
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// What the announce session says of it.
    pub fn file(&self, groups: &Groups) -> File {
        let sha256 = self.sha256();
        let toi = toi_candidates(&sha256).next().unwrap();
        let mut file = File::new(&self.url(groups), toi).unwrap();
        (file.content_bytes, file.sha256) = (Some(self.bytes.len() as u64), Some(sha256));
        file.announced.kind = Some(Kind::new("image").unwrap());
        file.announced.slice_bytes = NonZeroU16::new(self.slice_bytes);
        match self.geometry() {
            None => file,
            Some(geometry) => {
                file.announced.companion = Some(Companion { group: groups.companion, tsi: TSI });
                file.with_fti(Fti::of_geometry(geometry))
            }
        }
    }

    pub(super) fn cut(&self) -> Slices {
        let slice_bytes = NonZeroU16::new(self.slice_bytes).unwrap();
        Slices::new(self.bytes.len() as u64, slice_bytes).unwrap()
    }

    pub(super) fn slices(&self) -> stbcast_infocast::Entry {
        let (name, content) = (Name::new(self.name).unwrap(), Content::Stored(self.cut()));
        let kind = ObjectType::BOOTCAST_FILE;
        stbcast_infocast::Entry::new(name, kind, Precoding::NONE, None, content).unwrap()
    }

    /// The repair store, as [`Repair`] says; all symbols, but no more than `most` of each block.
    fn repair_store(&self, geometry: Geometry, most: u32) -> (Vec<u8>, u32) {
        let mut encoder = Encoder::new(geometry, 64 << 20).unwrap();
        let stride = geometry.repair_bytes();
        let per_block = geometry.repair_symbols(0).min(most);
        let mut store = vec![0; geometry.blocks() as usize * per_block as usize * stride];
        for block in 0..geometry.blocks() {
            for columns in encoder.stripes() {
                let columns = columns.start..columns.end.min(stride);
                let source = |range: std::ops::Range<u64>| {
                    &self.bytes[range.start as usize..range.end as usize]
                };
                let stripe = encoder.stripes().find(|all| all.start == columns.start).unwrap();
                encoder
                    .encode(block, stripe, 0..per_block, source, |index, bytes| {
                        let place = (block * per_block + index) as usize * stride + columns.start;
                        store[place..place + bytes.len()].copy_from_slice(bytes);
                        Ok::<_, std::convert::Infallible>(())
                    })
                    .unwrap();
            }
        }
        let short = self.bytes.len() % usize::from(geometry.symbol_bytes());
        if geometry.scheme() == stbcast_fec::Scheme::Raptorq && short > 0 {
            store.extend_from_slice(&self.bytes[self.bytes.len() - short..]);
            store.resize(store.len() + usize::from(geometry.symbol_bytes()) - short, 0);
        }
        (store, per_block)
    }

    /// The entry of a companion or FLUTE carousel, whose objects are numbered `source` and `store`.
    pub(super) fn flute(
        &self,
        file: File,
        numbers: (usize, usize),
        per_cycle: u32,
    ) -> (stbcast_flute::Entry, Vec<u8>) {
        let (object, number) = numbers;
        let Some(geometry) = self.geometry() else {
            return (stbcast_flute::Entry { file, object, repair: None }, Vec::new());
        };
        // Far more than a box needs at the losses of these tests.
        let most = (geometry.block_symbols() / 4).max(600);
        let (store, per_block) = self.repair_store(geometry, most);
        let crcs = match geometry.scheme() {
            stbcast_fec::Scheme::Raptorq => Vec::new(),
            _ => store.chunks(geometry.repair_bytes()).map(crc32).collect(),
        };
        let repair = Repair { store: number, per_block, per_cycle, crcs: crcs.into() };
        (stbcast_flute::Entry { file, object, repair: Some(repair) }, store)
    }
}
