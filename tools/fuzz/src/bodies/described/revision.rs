//! Contents of the object with their repair symbols, made once.

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};
use stbcast_fec::{Encoder, Geometry, Scheme};
use stbcast_flute::fdt::{Companion, File, toi_candidates};
use stbcast_flute::{Entry, Fti, Repair, crc32};

use super::super::noise;

/// Contents of each layout: three of the wanted object, and one of another.
pub(super) const CONTENTS: usize = 4;

/// Bytes of a slice where nothing else is said.
const SLICE_BYTES: u16 = 60;

/// One content of an object.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) bytes: Vec<u8>,
    pub(super) sha256: [u8; 32],
    pub(super) toi: u32,
    pub(super) geometry: Option<Geometry>,
    /// Repair symbols stored for each block.
    per_block: u32,
    /// The repair symbols, and behind them the padded last source symbol.
    pub(super) store: Vec<u8>,
}

/// Layouts: none, every code with one block and several, slices of two symbols that lie in two
/// blocks, and the shortest objects.
static LAYOUTS: LazyLock<Vec<[Revision; CONTENTS]>> = LazyLock::new(|| {
    let coded = |scheme, length: usize, symbol_bytes, k0| {
        Some(Geometry::new(scheme, length as u64, symbol_bytes, k0).expect("a geometry"))
    };
    let raptorq = |length: usize, blocks| {
        Some(Geometry::raptorq(length as u64, SLICE_BYTES, blocks).expect("a geometry"))
    };
    let layouts = [
        (1_363, None),
        (1_363, coded(Scheme::Rs8, 1_363, SLICE_BYTES, 7)),
        (1_380, coded(Scheme::Rs16, 1_380, SLICE_BYTES, 23)),
        (1_363, raptorq(1_363, 2)),
        (1_363, coded(Scheme::Rs8, 1_363, SLICE_BYTES / 2, 9)),
        (1_211, coded(Scheme::Rs16, 1_211, SLICE_BYTES / 2, 8)),
        (900, raptorq(900, 1)),
        (1, coded(Scheme::Rs8, 1, SLICE_BYTES, 1)),
        (0, None),
    ];
    let contents = |(length, geometry)| {
        std::array::from_fn(|seed| Revision::new(noise(seed as u64 + 1, length), geometry))
    };
    layouts.map(contents).into()
});

/// The contents of one of the layouts.
pub(super) fn layout(n: u8) -> &'static [Revision; CONTENTS] {
    &LAYOUTS[usize::from(n) % LAYOUTS.len()]
}

impl Revision {
    fn new(bytes: Vec<u8>, geometry: Option<Geometry>) -> Self {
        let most = |geometry: Geometry| geometry.repair_symbols(0).min(30);
        let per_block = geometry.map_or(0, most);
        let store = geometry.map_or_else(Vec::new, |one| store(&one, &bytes, per_block));
        let sha256 = Sha256::digest(&bytes).into();
        let toi = toi_candidates(&sha256).next().expect("a TOI");
        Self { bytes, sha256, toi, geometry, per_block, store }
    }

    pub(super) fn slice_bytes(&self) -> NonZeroU16 {
        NonZeroU16::new(SLICE_BYTES).expect("not zero")
    }

    /// Its description, with a digest and without.
    pub(super) fn file(&self, location: &str, companion: Option<Companion>, digest: bool) -> File {
        let mut file = File::new(location, self.toi).expect("a file");
        file.content_bytes = Some(self.bytes.len() as u64);
        file.sha256 = digest.then_some(self.sha256);
        file.fti = self.geometry.map(Fti::of_geometry);
        file.announced.slice_bytes = Some(self.slice_bytes());
        file.announced.companion = companion.filter(|_| self.geometry.is_some());
        file
    }

    /// What a session sends of it whose objects begin at `object`: its bytes, then its store.
    pub(super) fn entry(&self, file: File, object: usize) -> Entry {
        let repair = self.geometry.map(|geometry| {
            let stored = geometry.blocks() as usize * self.per_block as usize;
            let symbols = self.store.chunks(geometry.repair_bytes()).take(stored);
            let crcs: Arc<[u32]> = match geometry.scheme() {
                Scheme::Raptorq => Arc::new([]),
                Scheme::Rs8 | Scheme::Rs16 => symbols.map(crc32).collect(),
            };
            Repair { store: object + 1, per_block: self.per_block, per_cycle: 4, crcs }
        });
        Entry { file, object, repair }
    }
}

fn store(geometry: &Geometry, object: &[u8], per_block: u32) -> Vec<u8> {
    let bytes = geometry.repair_bytes();
    let mut encoder = Encoder::new(*geometry, 64 << 20).expect("an encoder");
    let mut store = vec![0; geometry.blocks() as usize * per_block as usize * bytes];
    for block in 0..geometry.blocks() {
        for columns in encoder.stripes() {
            let object = |range: Range<u64>| &object[range.start as usize..range.end as usize];
            let emit = |index: u32, stripe: &[u8]| {
                let symbol = block as usize * per_block as usize + index as usize;
                let start = symbol * bytes + columns.start;
                store[start..start + stripe.len()].copy_from_slice(stripe);
                Ok::<_, Infallible>(())
            };
            encoder.encode(block, columns.clone(), 0..per_block, object, emit).expect("encoded");
        }
    }
    let short = object.len() % usize::from(geometry.symbol_bytes());
    if geometry.scheme() == Scheme::Raptorq && short > 0 {
        store.extend_from_slice(&object[object.len() - short..]);
        store.resize(store.len() + bytes - short, 0);
    }
    store
}
