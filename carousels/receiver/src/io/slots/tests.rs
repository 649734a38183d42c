use sha2::{Digest, Sha256};
use stbcast_fec::{Encoder, Geometry, Scheme};

use super::*;
use crate::io::IoError;
use crate::slots::{BanksError, Settled, TrialError};
use crate::{Area, Content, Installation, RecoveryOutcome, Role, Storage};

const PART: Role = Role::Part(Part::Kernel);

fn image(number: u64) -> Vec<u8> {
    (0..200_001_u64).map(|n| (n * n / 7 + number * 13 + n) as u8).collect()
}

fn content(bytes: &[u8]) -> Content {
    let sha256 = Sha256::digest(bytes).into();
    Content { sha256, length: bytes.len() as u64, symbol_bytes: 1_000 }
}

fn release(number: u64) -> Installation {
    Installation {
        release: [number as u8; 32],
        number,
        epoch: 0,
        time_floor: 0,
        permitted_from: None,
        parts: vec![(Part::Kernel, content(&image(number)))],
    }
}

fn open(directory: &Path) -> Banks<BankFiles> {
    Banks::open(BankFiles::open(directory).unwrap()).unwrap()
}

fn receive(banks: &mut Banks<BankFiles>, number: u64) {
    let bytes = image(number);
    assert_eq!(banks.resume(PART, None, &content(&bytes)).unwrap(), vec![]);
    banks
        .write_gathered(Area::Slot, 100_000, &[&bytes[100_000..150_000], &bytes[150_000..]])
        .unwrap();
    banks.write(Area::Slot, 0, &bytes[..100_000]).unwrap();
    banks.sync(bytes.len() as u64).unwrap();
    banks.commit().unwrap();
    assert!(banks.arm(&release(number)).unwrap());
}

#[test]
fn a_release_is_installed_tried_and_committed_by_programs_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    receive(&mut open(path), 1);
    assert!(
        matches!(commit(path, None), Err(IoError::Slots(BanksError::Trial(_)))),
        "never booted"
    );
    let settled = open(path).settle().unwrap();
    assert_eq!(settled, Settled::OnTrial { number: 1, boots_left: 2 });
    let another = TrialError::Another { on_trial: 1, release: 2 };
    let refused = commit(path, Some(2));
    assert!(matches!(refused, Err(IoError::Slots(BanksError::Trial(why))) if why == another));
    assert_eq!(commit(path, Some(1)).unwrap(), 1);
    receive(&mut open(path), 2);
    let summary = slots(path).unwrap();
    let boots = summary.boots.unwrap();
    assert_eq!((boots.bank.as_str(), boots.on_trial, boots.number), ("A", true, 2));
    assert_eq!(summary.trial.unwrap().boots_left, 3, "to look is no boot");
    assert_eq!(fs::read(boots.file).unwrap(), image(2));
    assert!(summary.a.unwrap().parts[0].whole && summary.b.unwrap().parts[0].whole);
    assert!(!roll_back(path).unwrap().denied);
    let summary = slots(path).unwrap();
    assert_eq!((summary.boots.unwrap().number, summary.committed), (1, Some(1)));
    assert_eq!((summary.failed[0].number, summary.failed[0].trials), (2, 1));
}

#[test]
fn what_is_kept_is_held_by_the_next_program() {
    let directory = tempfile::tempdir().unwrap();
    let (mut banks, bytes) = (open(directory.path()), image(1));
    banks.resume(PART, None, &content(&bytes)).unwrap();
    banks.write(Area::Slot, 50_000, &bytes[50_000..]).unwrap();
    banks.keep(&[50..120, 150..201]).unwrap();
    drop(banks);
    let mut banks = open(directory.path());
    assert_eq!(banks.resume(PART, None, &content(&bytes)).unwrap(), vec![50..120, 150..201]);
}

#[test]
fn a_directory_is_used_by_one_program_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let _banks = open(directory.path());
    assert!(matches!(BankFiles::open(directory.path()), Err(StoreError::Taken(_))));
    let none = directory.path().join("none");
    assert!(matches!(slots(&none), Err(IoError::Storage(_))));
    assert!(matches!(commit(&none, None), Err(IoError::Storage(_))));
    assert!(matches!(roll_back(&none), Err(IoError::Storage(_))));
    assert!(!none.exists(), "to look creates nothing");
}

#[test]
fn blocks_are_recovered_in_the_slot_that_is_received() {
    let directory = tempfile::tempdir().unwrap();
    let (mut banks, bytes) = (open(directory.path()), image(1));
    banks.resume(PART, None, &content(&bytes)).unwrap();
    let geometry = Geometry::new(Scheme::Rs8, bytes.len() as u64, 1_000, 100).unwrap();
    let mut encoder = Encoder::new(geometry, 8 << 20).unwrap();
    let symbol = geometry.bytes(geometry.symbol(0, 3).unwrap());
    let mut holed = bytes.clone();
    holed[symbol.start as usize..symbol.end as usize].fill(0);
    banks.write(Area::Slot, 0, &holed).unwrap();
    for columns in encoder.stripes() {
        let source = |range: std::ops::Range<u64>| &bytes[range.start as usize..range.end as usize];
        let start = columns.start as u64;
        let keep = |_, bytes: &[u8]| banks.write(Area::Repair, start, bytes);
        encoder.encode(0, columns, 0..1, source, keep).unwrap();
    }
    let (missing, repair, places) = (vec![3], vec![0], vec![0]);
    let recovery =
        Recovery { id: 9, geometry, block: 0, missing, repair, places, memory_bytes: 8 << 20 };
    assert_eq!(banks.recover(recovery).unwrap(), None);
    let began = std::time::Instant::now();
    let recovered = loop {
        if let Some(recovered) = banks.recovered() {
            break recovered;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(30));
        std::thread::park_timeout(std::time::Duration::from_secs(1));
    };
    assert_eq!(recovered, Recovered { id: 9, outcome: RecoveryOutcome::Done });
    let mut read = vec![];
    banks.read(Area::Slot, 0, bytes.len() as u64, &mut read).unwrap();
    assert!(read == bytes);
}
