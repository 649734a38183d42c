//! The store against the codecs in one go, and its file through restarts, damage and want of room.

use std::convert::Infallible;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use stbcast_fec::{Decoder, Encoder, RepairId, Store};
use tempfile::TempDir;

use super::*;

/// A spool and an object of `length` bytes in it.
struct House {
    directory: TempDir,
    spool: Spool,
    revision: Revision,
}

impl House {
    fn new(length: u64) -> Self {
        Self::with_cap(length, u64::MAX)
    }

    fn with_cap(length: u64, cap_bytes: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("source");
        fs::write(&source, object(length)).unwrap();
        let mut spool = Spool::open(&directory.path().join("spool"), cap_bytes).unwrap();
        let revision = spool.add(&source).unwrap();
        Self { directory, spool, revision }
    }

    fn repair(&mut self, geometry: Geometry) -> RepairSymbols {
        self.spool.repair(&self.revision, geometry, per_block(&geometry)).unwrap()
    }

    /// The same after a restart.
    fn restarted(self) -> Self {
        let Self { directory, revision, .. } = self;
        drop(revision);
        let mut spool = Spool::open(&directory.path().join("spool"), u64::MAX).unwrap();
        let revision = spool.add(&directory.path().join("source")).unwrap();
        Self { directory, spool, revision }
    }

    /// The one store in the spool.
    fn file(&self) -> PathBuf {
        let mut stores = files(&self.directory.path().join("spool"));
        stores.retain(|path| path.extension().is_some());
        assert_eq!(stores.len(), 1, "{stores:?}");
        stores.remove(0)
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn object(length: u64) -> Vec<u8> {
    (1..=length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn coded(scheme: Scheme, length: u64, symbol_bytes: u16, block_symbols: u32) -> Geometry {
    Geometry::new(scheme, length, symbol_bytes, block_symbols).unwrap()
}

/// One block and several, whole and short ones, even and odd symbols, with and without a short last
/// one.
fn geometries() -> Vec<Geometry> {
    use Scheme::{Raptorq, Rs8, Rs16};
    vec![
        coded(Rs8, 1, 1, 1),
        coded(Rs8, 20 * 1_400, 1_400, 20),
        coded(Rs8, 23 * 33 - 5, 33, 8),
        coded(Rs16, 1, 1, 1),
        coded(Rs16, 700 * 130, 130, 700),
        coded(Rs16, 1_000 * 701 - 700, 701, 300),
        // Blocks of 7,001 and 7,000, 75 stripes at most.
        coded(Rs16, 14_001 * 22 - 1, 22, 7_001),
        coded(Raptorq, 30 * 64, 64, 30),
        coded(Raptorq, 23 * 33 - 5, 33, 8),
        Geometry::raptorq(5_000, 100, 50).unwrap(),
    ]
}

fn part(object: &[u8], range: Range<u64>) -> &[u8] {
    &object[range.start as usize..range.end as usize]
}

#[test]
fn the_store_holds_what_the_codec_makes_in_one_go() {
    for geometry in geometries() {
        let mut house = House::new(geometry.length());
        let made = house.repair(geometry);
        let stored = per_block(&geometry);
        assert_eq!((made.geometry, made.per_block), (geometry, stored));
        let object = object(geometry.length());
        let stride = geometry.repair_bytes();
        let mut encoder = Encoder::new(geometry, 1 << 30).unwrap();
        for block in 0..geometry.blocks() {
            let whole = encoder.stripes().next().unwrap();
            let emit = |index: u32, symbol: &[u8]| {
                let place = (block * stored + index) as usize;
                let at = place * stride;
                assert_eq!(&made.bytes[at..at + stride], symbol, "{geometry:?} {block} {index}");
                if geometry.scheme() != Scheme::Raptorq {
                    assert_eq!(made.crcs[place], crc32(symbol));
                }
                Ok::<_, Infallible>(())
            };
            encoder.encode(block, whole, 0..stored, |range| part(&object, range), emit).unwrap();
        }
        let symbols = (geometry.blocks() * stored) as usize;
        let crcs = if geometry.scheme() == Scheme::Raptorq { 0 } else { symbols };
        assert_eq!(made.crcs.len(), crcs);
    }
}

#[test]
fn the_last_source_symbol_of_raptorq_stands_behind_the_others_filled_up() {
    let geometry = coded(Scheme::Raptorq, 23 * 33 - 5, 33, 8);
    let mut house = House::new(geometry.length());
    let made = house.repair(geometry);
    let at = (geometry.blocks() * per_block(&geometry)) as usize * 33;
    let last = &made.bytes[at..at + 33];
    assert_eq!(last[..28], object(geometry.length())[22 * 33..]);
    assert_eq!(last[28..], [0; 5]);
}

/// A box that lost source symbols and holds repair symbols as the store has them.
struct Lossy<'a> {
    object: Vec<u8>,
    symbols: &'a RepairSymbols,
}

impl Store for Lossy<'_> {
    type Error = Infallible;

    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Infallible> {
        into.copy_from_slice(&self.object[offset as usize..offset as usize + into.len()]);
        Ok(())
    }

    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Infallible> {
        let place = repair.block * self.symbols.per_block + repair.index;
        let at = place as usize * self.symbols.geometry.repair_bytes() + offset;
        into.copy_from_slice(&self.symbols.bytes[at..at + into.len()]);
        Ok(())
    }

    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.object[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

#[test]
fn every_block_recovers_from_the_last_symbols_of_the_store() {
    for geometry in geometries() {
        let mut house = House::new(geometry.length());
        let symbols = house.repair(geometry);
        let mut lossy = Lossy { object: object(geometry.length()), symbols: &symbols };
        let mut decoder = Decoder::new(geometry, 1 << 30).unwrap();
        for block in 0..geometry.blocks() {
            let source = geometry.source_symbols(block);
            let spare = if geometry.scheme() == Scheme::Raptorq { 4 } else { 0 };
            let lost = source.min(symbols.per_block);
            let missing: Vec<u32> = (0..lost).collect();
            for &index in &missing {
                let gone = geometry.bytes(geometry.symbol(block, index).unwrap());
                lossy.object[gone.start as usize..gone.end as usize].fill(0xee);
            }
            let first = symbols.per_block.saturating_sub(lost + spare);
            let held: Vec<u32> = (first..symbols.per_block).collect();
            decoder.recover(block, &missing, &held, &mut lossy).unwrap();
        }
        assert!(lossy.object == object(geometry.length()), "{geometry:?}");
    }
}

#[test]
fn symbols_that_somebody_holds_are_not_made_again() {
    let geometry = coded(Scheme::Rs16, 300 * 64, 64, 100);
    let mut house = House::new(geometry.length());
    let first = house.repair(geometry);
    let second = house.repair(geometry);
    assert!(Arc::ptr_eq(&first.bytes, &second.bytes));
    assert_eq!(first.crcs, second.crcs);
}

#[test]
fn a_sound_file_of_an_earlier_run_is_used() {
    for geometry in geometries() {
        let mut house = House::new(geometry.length());
        let before = house.repair(geometry).bytes.to_vec();
        let inode = fs::metadata(house.file()).unwrap().ino();
        let mut house = house.restarted();
        let made = house.repair(geometry);
        assert!(made.bytes[..] == before);
        assert_eq!(fs::metadata(house.file()).unwrap().ino(), inode, "made again");
    }
}

#[test]
fn a_file_with_one_wrong_bit_anywhere_is_made_again() {
    for geometry in [coded(Scheme::Rs8, 755, 33, 8), coded(Scheme::Raptorq, 755, 33, 8)] {
        let mut house = House::new(geometry.length());
        let right = house.repair(geometry).bytes.to_vec();
        // The first symbol, the last one, its CRC, the CRC of them all.
        for back in [right.len(), 5 * right.len() / 6, 8, 5, 1] {
            let file = house.file();
            let mut wrong = right.clone();
            wrong[right.len() - back] ^= 0x10;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            fs::write(&file, wrong).unwrap();
            house = house.restarted();
            assert!(house.repair(geometry).bytes[..] == right, "{back}");
        }
    }
}

#[test]
fn a_file_that_lost_its_end_or_all_its_bytes_is_made_again() {
    let geometry = coded(Scheme::Rs8, 755, 33, 8);
    let mut house = House::new(geometry.length());
    let right = house.repair(geometry).bytes.to_vec();
    for damaged in [right[..right.len() - 1].to_vec(), Vec::new(), vec![0; right.len()]] {
        let file = house.file();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, damaged).unwrap();
        house = house.restarted();
        assert!(house.repair(geometry).bytes[..] == right);
    }
}

#[test]
fn stores_that_differ_in_anything_have_files_of_their_own() {
    let mut house = House::new(1_000);
    let mut names = std::collections::HashSet::new();
    let mut layouts: Vec<(Geometry, u32)> = vec![
        (coded(Scheme::Rs8, 1_000, 100, 10), 10),
        (coded(Scheme::Rs8, 1_000, 100, 10), 11),
        (coded(Scheme::Rs8, 1_000, 100, 9), 10),
        (coded(Scheme::Rs8, 1_000, 50, 10), 10),
        (coded(Scheme::Rs16, 1_000, 100, 10), 4),
        (coded(Scheme::Raptorq, 1_000, 100, 10), 10),
    ];
    // Both have blocks of at most two symbols.
    layouts.extend([5, 6].map(|blocks| (Geometry::raptorq(1_000, 100, blocks).unwrap(), 10)));
    for (geometry, per_block) in &layouts {
        let layout = Layout::new(&house.revision, *geometry, *per_block).unwrap();
        assert!(names.insert(layout.name(&house.revision)), "{geometry:?}");
        house.spool.repair(&house.revision, *geometry, *per_block).unwrap();
    }
    let spool = house.directory.path().join("spool");
    assert_eq!(files(&spool).len(), 1 + layouts.len());
}

#[test]
fn a_store_counts_in_the_cap_and_what_is_needed_is_said() {
    let geometry = coded(Scheme::Rs8, 2_000, 100, 20);
    let store_bytes = 235 * 100 + 236 * 4;
    let mut house = House::with_cap(2_000, 2_000 + store_bytes - 1);
    let error = house.spool.repair(&house.revision, geometry, 235).unwrap_err();
    let SpoolError::Full { needed, cap, .. } = &error else { panic!("{error}") };
    assert_eq!((*needed, *cap), (2_000 + store_bytes, 2_000 + store_bytes - 1));
    assert!(error.to_string().contains("24444 bytes of repair symbols"), "{error}");

    let mut house = House::with_cap(2_000, 2_000 + store_bytes);
    let made = house.repair(geometry);
    assert_eq!(house.spool.used_bytes().unwrap(), 2_000 + store_bytes);
    drop(made);
}

#[test]
fn room_is_made_of_stores_that_nobody_sends_and_of_no_others() {
    let [one, other] = [20, 10].map(|symbols| coded(Scheme::Rs8, 2_000, 100, symbols));
    let mut house = House::with_cap(2_000, 60_000);
    let held = house.repair(one);
    let refused = house.spool.repair(&house.revision, other, per_block(&other));
    assert!(matches!(refused, Err(SpoolError::Full { .. })));
    assert!(house.file().exists());
    let first = house.file();
    drop(held);
    let _held = house.repair(other);
    assert!(!first.exists());
}

#[test]
fn what_a_crash_left_behind_is_removed_and_what_is_being_written_stays() {
    let house = House::new(100);
    let spool = house.directory.path().join("spool");
    let [old, young] = [".copying-old", ".copying-young"].map(|name| spool.join(name));
    for path in [&old, &young] {
        fs::write(path, "half a store").unwrap();
    }
    let hours_ago = SystemTime::now() - Duration::from_secs(2 * 3_600);
    fs::File::options().write(true).open(&old).unwrap().set_modified(hours_ago).unwrap();
    let _house = house.restarted();
    assert!(!old.exists() && young.exists());
}

#[test]
fn a_store_is_read_only_and_no_temporary_file_stays() {
    let geometry = coded(Scheme::Rs8, 2_000, 100, 20);
    let mut house = House::new(2_000);
    let _made = house.repair(geometry);
    let mode = fs::metadata(house.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
    assert_eq!(files(&house.directory.path().join("spool")).len(), 2);
}

#[test]
fn what_is_not_of_this_revision_is_refused() {
    let mut house = House::new(2_000);
    let mut refused = |geometry, per_block| match house
        .spool
        .repair(&house.revision, geometry, per_block)
        .unwrap_err()
    {
        SpoolError::Repair(error) => error,
        error => panic!("{error}"),
    };
    assert_eq!(
        refused(coded(Scheme::Rs8, 1_999, 100, 20), 1),
        RepairError::Length { geometry: 1_999, length: 2_000 }
    );
    let geometry = coded(Scheme::Rs8, 2_000, 100, 20);
    for per_block in [0, 236] {
        let most = 235;
        assert_eq!(refused(geometry, per_block), RepairError::PerBlock { per_block, most });
    }
}

#[test]
fn a_companion_of_raptorq_alone_can_complete_a_receiver_that_loses_a_fifth() {
    let geometry = coded(Scheme::Raptorq, 100_000, 100, 1_000);
    assert!(per_block(&geometry) * 4 / 5 >= geometry.block_symbols());
    assert_eq!(per_block(&coded(Scheme::Rs8, 20_000, 100, 200)), 55);
    assert_eq!(per_block(&coded(Scheme::Rs16, 30_000, 100, 300)), 128);
}
