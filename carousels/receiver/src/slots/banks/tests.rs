#![allow(clippy::single_range_in_vec_init, reason = "ranges of symbols, one of them")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};

use stbcast_bootcast::Part;

use super::*;
use crate::slots::medium::{Medium, Place};
use crate::slots::{ArmError, Bank, Failed, MemoryMedium, OutsidePlace, Settled, TrialError};
use crate::{Area, Content, Installation, Role, Storage};

const SYMBOL: u16 = 1_000;

fn image(number: u64) -> Vec<u8> {
    (0..300_123_u64).map(|n| (n * n / 7 + number * 13 + n) as u8).collect()
}

fn content(bytes: &[u8]) -> Content {
    let sha256 = Sha256::digest(bytes).into();
    Content { sha256, length: bytes.len() as u64, symbol_bytes: SYMBOL }
}

fn release(number: u64) -> Installation {
    Installation {
        release: [number as u8; 32],
        number,
        epoch: 0,
        time_floor: 0,
        permitted_from: None,
        parts: vec![
            (Part::Kernel, content(&image(number))),
            (Part::Splash, content(&image(number)[..5_000])),
        ],
    }
}

/// Receives what is missing of a part; how many symbols that was.
fn receive<M: Slots + BootControl>(
    banks: &mut Banks<M>,
    part: Part,
    bytes: &[u8],
) -> Result<u32, BanksError<M::Error>> {
    let held = banks.resume(Role::Part(part), None, &content(bytes))?;
    let mut received = 0;
    for (symbol, slice) in (0..).zip(bytes.chunks(SYMBOL.into())) {
        if !held.iter().any(|range| range.contains(&symbol)) {
            banks.write(Area::Slot, u64::from(symbol) * u64::from(SYMBOL), slice)?;
            banks.keep(&[symbol..symbol + 1])?;
            received += 1;
        }
    }
    banks.sync(bytes.len() as u64)?;
    banks.commit()?;
    Ok(received)
}

fn receive_all<M: Slots + BootControl>(
    banks: &mut Banks<M>,
    number: u64,
) -> Result<u32, BanksError<M::Error>> {
    let splash = receive(banks, Part::Splash, &image(number)[..5_000])?;
    Ok(splash + receive(banks, Part::Kernel, &image(number))?)
}

/// A box on which release 1 is committed, in bank B.
fn installed() -> Banks<MemoryMedium> {
    let mut banks = Banks::open(MemoryMedium::default()).unwrap();
    assert_eq!(banks.settle(), Ok(Settled::Nothing));
    receive_all(&mut banks, 1).unwrap();
    assert_eq!(banks.arm(&release(1)), Ok(true));
    assert_eq!(banks.settle(), Ok(Settled::OnTrial { number: 1, boots_left: 2 }));
    banks.commit_trial().unwrap();
    restarted(banks)
}

/// The same box after a power cut.
fn restarted<M: Slots + BootControl>(banks: Banks<M>) -> Banks<M>
where
    M::Error: core::fmt::Debug,
{
    Banks::open(banks.into_medium()).unwrap()
}

fn boots(banks: &Banks<MemoryMedium>) -> Option<(Bank, u64, bool)> {
    banks.bootable().map(|boot| (boot.bank, boot.installed.number, boot.on_trial))
}

#[test]
pub(in crate::slots) fn a_release_is_received_armed_tried_and_committed() {
    let mut banks = installed();
    assert_eq!(banks.settle(), Ok(Settled::AtRest));
    assert_eq!(boots(&banks), Some((Bank::B, 1, false)));
    assert_eq!(receive_all(&mut banks, 2), Ok(306));
    assert_eq!(banks.arm(&release(2)), Ok(true));
    assert_eq!(boots(&banks), Some((Bank::B, 1, false)), "before its boot is counted");
    let mut banks = restarted(banks);
    assert_eq!(banks.settle(), Ok(Settled::OnTrial { number: 2, boots_left: 2 }));
    assert_eq!(boots(&banks), Some((Bank::A, 2, true)));
    assert!(banks.medium().bytes(Place::Slot(Bank::A, Part::Kernel)) == image(2));
    assert_eq!(banks.commit_trial().unwrap().number, 2);
    let mut banks = restarted(banks);
    assert_eq!(banks.settle(), Ok(Settled::AtRest));
    assert_eq!(boots(&banks), Some((Bank::A, 2, false)));
}

#[test]
pub(in crate::slots) fn a_trial_that_is_never_committed_ends_and_what_was_there_before_boots() {
    let mut banks = installed();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    for boots_left in [2, 1, 0] {
        banks = restarted(banks);
        assert_eq!(banks.settle(), Ok(Settled::OnTrial { number: 2, boots_left }));
        assert_eq!(boots(&banks), Some((Bank::A, 2, true)));
    }
    let mut banks = restarted(banks);
    let Ok(Settled::RolledBack(failed)) = banks.settle() else { panic!("not rolled back") };
    assert_eq!((failed.number, failed.trials, failed.is_denied()), (2, 1, false));
    assert_eq!(boots(&banks), Some((Bank::B, 1, false)));

    // Once more: nothing has to be received for it, and then never again.
    let mut banks = restarted(banks);
    assert_eq!(receive_all(&mut banks, 2), Ok(0));
    banks.arm(&release(2)).unwrap();
    assert!(banks.roll_back().unwrap().is_denied());
    assert_eq!(receive_all(&mut banks, 2), Ok(0));
    let denied = BanksError::Arm(ArmError::Denied { number: 2, trials: 2 });
    assert_eq!(banks.arm(&release(2)), Err(denied));
    assert_eq!(restarted(banks).settle(), Ok(Settled::AtRest));
}

#[test]
pub(in crate::slots) fn nothing_is_armed_whose_bytes_are_not_what_was_signed() {
    for part in [Part::Kernel, Part::Splash] {
        let mut banks = installed();
        receive_all(&mut banks, 2).unwrap();
        banks.medium.bytes_mut(Place::Slot(Bank::A, part))[4_999] ^= 1;
        assert_eq!(banks.arm(&release(2)), Err(BanksError::Arm(ArmError::Part { part })));
        assert_eq!(restarted(banks).settle(), Ok(Settled::AtRest));
    }
    let mut banks = installed();
    receive(&mut banks, Part::Kernel, &image(2)).unwrap();
    let missing = BanksError::Arm(ArmError::Part { part: Part::Splash });
    assert_eq!(banks.arm(&release(2)), Err(missing), "one part was never received");
}

#[test]
pub(in crate::slots) fn a_bank_on_trial_is_not_written() {
    let mut banks = installed();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    let before = banks.medium.clone();
    assert_eq!(receive_all(&mut banks, 3), Err(BanksError::OnTrial));
    assert_eq!(banks.begin(Role::Part(Part::Kernel), None), Err(BanksError::OnTrial));
    assert!(banks.write(Area::Slot, 0, &[1]).is_err());
    let slot = Place::Slot(Bank::A, Part::Kernel);
    assert!(banks.medium.bytes(slot) == before.bytes(slot));
}

#[test]
pub(in crate::slots) fn a_restart_goes_on_with_what_the_slot_holds() {
    let mut banks = installed();
    let (bytes, part) = (image(2), Role::Part(Part::Kernel));
    assert_eq!(banks.resume(part, None, &content(&bytes)), Ok(vec![]));
    for symbols in [0..100, 150..160, 200..301] {
        let start = usize::from(SYMBOL) * symbols.start as usize;
        let end = (usize::from(SYMBOL) * symbols.end as usize).min(bytes.len());
        banks.write(Area::Slot, start as u64, &bytes[start..end]).unwrap();
        banks.keep(&[symbols]).unwrap();
    }
    banks.write(Area::Slot, 100_000, &bytes[100_000..110_000]).unwrap();
    let mut banks = restarted(banks);
    let held = banks.resume(part, None, &content(&bytes)).unwrap();
    assert_eq!(held, [0..100, 150..160, 200..301], "and not what nobody kept");

    // One symbol of the second record is not what it was.
    banks.medium.bytes_mut(Place::Slot(Bank::A, Part::Kernel))[155_000] ^= 1;
    let mut banks = restarted(banks);
    assert_eq!(banks.resume(part, None, &content(&bytes)), Ok(vec![0..100, 200..301]));
    assert_eq!(receive(&mut banks, Part::Kernel, &bytes), Ok(100));
    assert_eq!(receive(&mut restarted(banks), Part::Kernel, &bytes), Ok(0));
}

#[test]
pub(in crate::slots) fn records_of_a_journal_stand_alone() {
    let mut banks = installed();
    let bytes = image(2);
    receive(&mut banks, Part::Kernel, &bytes).unwrap();
    let journal = banks.medium.bytes_mut(Place::Journal(Bank::A, Part::Kernel));
    // The last says that it was whole; one is torn, one never reached the flash.
    journal.truncate(journal.len() - 16);
    journal[64 + 5 * 16 + 9] ^= 0x10;
    journal[64 + 7 * 16..][..16].fill(0xff);
    let length = journal.len();
    journal.truncate(length - 3);
    let mut banks = restarted(banks);
    let held = banks.resume(Role::Part(Part::Kernel), None, &content(&bytes)).unwrap();
    assert_eq!(held, [0..5, 6..7, 8..300]);
    assert_eq!(receive(&mut banks, Part::Kernel, &bytes), Ok(3));
    assert_eq!(receive(&mut restarted(banks), Part::Kernel, &bytes), Ok(0));
}

#[test]
pub(in crate::slots) fn what_was_wrong_is_not_held_after_a_restart() {
    let mut banks = installed();
    let (bytes, part) = (image(2), Role::Part(Part::Kernel));
    banks.resume(part, None, &content(&bytes)).unwrap();
    banks.write(Area::Slot, 0, &[0; 100_000]).unwrap();
    banks.keep(&[0..100]).unwrap();
    banks.begin(part, None).unwrap();
    banks.write(Area::Slot, 0, &bytes[..10_000]).unwrap();
    banks.keep(&[0..10]).unwrap();
    let mut banks = restarted(banks);
    assert_eq!(banks.resume(part, None, &content(&bytes)), Ok(vec![0..10]));
}

#[test]
pub(in crate::slots) fn a_slot_of_another_content_holds_nothing_of_this_one() {
    let mut banks = installed();
    receive_all(&mut banks, 2).unwrap();
    assert_eq!(receive_all(&mut banks, 3), Ok(306));
    assert_eq!(receive_all(&mut banks, 2), Ok(306));
}

#[test]
pub(in crate::slots) fn a_part_that_the_active_bank_has_is_copied_from_there() {
    let mut banks = installed();
    assert_eq!(receive(&mut banks, Part::Splash, &image(1)[..5_000]), Ok(0));
    assert_eq!(receive(&mut banks, Part::Kernel, &image(1)), Ok(0));
    let copied = |banks: &Banks<MemoryMedium>| {
        banks.medium.bytes(Place::Slot(Bank::A, Part::Kernel)) == image(1)
    };
    assert!(copied(&banks));

    let mut banks = installed();
    banks.medium.bytes_mut(Place::Slot(Bank::B, Part::Kernel))[77] ^= 1;
    assert_eq!(receive(&mut banks, Part::Kernel, &image(1)), Ok(301), "damaged where it was");
    assert!(copied(&banks));
}

#[test]
pub(in crate::slots) fn a_damaged_image_is_not_booted_where_the_other_bank_is_whole() {
    let mut banks = installed();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    banks.settle().unwrap();
    banks.commit_trial().unwrap();
    let damage = |banks: &mut Banks<MemoryMedium>, bank| {
        banks.medium.bytes_mut(Place::Slot(bank, Part::Kernel))[300_000] ^= 4;
    };
    damage(&mut banks, Bank::A);
    let mut banks = restarted(banks);
    assert_eq!(banks.settle(), Ok(Settled::FellBack { number: 1 }));
    assert_eq!(boots(&banks), Some((Bank::B, 1, false)));
    assert_eq!(banks.state().committed.unwrap().number, 2, "nothing older may be installed");

    // It is the damaged bank that is written; what is whole of it is not received again.
    assert_eq!(receive_all(&mut banks, 2), Ok(1));
    banks.arm(&release(2)).unwrap();
    damage(&mut banks, Bank::B);
    damage(&mut banks, Bank::A);
    let Ok(Settled::RolledBack(_)) = banks.settle() else { panic!("a damaged trial is over") };
    assert_eq!(boots(&banks), None);
    assert_eq!(banks.settle(), Ok(Settled::Nothing));
}

#[test]
pub(in crate::slots) fn one_damaged_copy_of_the_state_takes_nothing_back() {
    for copy in Copy::ALL {
        for damage in [|bytes: &mut Vec<u8>| bytes.clear(), |bytes: &mut Vec<u8>| bytes[700] ^= 1] {
            let mut banks = installed();
            let state = banks.state().clone();
            damage(banks.medium.state_mut(copy));
            let mut banks = restarted(banks);
            assert_eq!(*banks.state(), state);
            assert!(!banks.is_state_lost());
            // The next boot heals it.
            banks.settle().unwrap();
            damage(banks.medium.state_mut(copy.other()));
            let banks = restarted(banks);
            assert_eq!((banks.state().epoch, banks.state().committed), (0, state.committed));
        }
    }
}

#[test]
pub(in crate::slots) fn a_box_whose_state_is_gone_begins_anew_and_says_so() {
    let mut banks = installed();
    for copy in Copy::ALL {
        banks.medium.state_mut(copy)[700] ^= 1;
    }
    let mut banks = restarted(banks);
    assert!(banks.is_state_lost());
    assert_eq!((banks.state().clone(), banks.settle()), (State::default(), Ok(Settled::Nothing)));
    assert_eq!(boots(&banks), None);
    assert_eq!(receive_all(&mut banks, 1), Ok(0), "its bytes are still there");
    assert!(!Banks::open(MemoryMedium::default()).unwrap().is_state_lost());
}

#[test]
pub(in crate::slots) fn what_statements_told_is_known_after_a_restart() {
    let mut banks = installed();
    assert_eq!(banks.root(), None);
    let told =
        |root: Option<&[u8]>, time_floor| Remembered { root: root.map(<[u8]>::to_vec), time_floor };
    banks.remember(&told(Some(b"root 2"), 500)).unwrap();
    banks.remember(&told(None, 400)).unwrap();
    let mut banks = restarted(banks);
    assert_eq!((banks.root(), banks.state().time_floor), (Some(b"root 2".as_slice()), 500));
    let long = vec![1; super::super::ROOT_BYTES_MAX + 1];
    assert!(matches!(
        banks.remember(&told(Some(&long), 0)),
        Err(BanksError::Root { bytes: 1_401 })
    ));
    assert_eq!(banks.root(), Some(b"root 2".as_slice()));
}

#[test]
pub(in crate::slots) fn a_box_stands_by_what_it_committed_where_all_of_that_is_whole() {
    let mut banks = Banks::open(MemoryMedium::default()).unwrap();
    assert_eq!(banks.standing(), Standing::default());
    let mut banks = installed();
    let standing = Standing { installed: Some([1; 32]), number: Some(1), ..Standing::default() };
    assert_eq!(banks.standing(), standing);
    receive_all(&mut banks, 2).unwrap();
    for _ in 0..2 {
        banks.arm(&release(2)).unwrap();
        banks.settle().unwrap();
        assert_eq!(banks.standing(), standing, "what is on trial is not installed");
        banks.roll_back().unwrap();
        receive_all(&mut banks, 2).unwrap();
    }
    let standing = Standing { denied: vec![[2; 32]], ..standing };
    assert_eq!(banks.standing(), standing);
    banks.medium.bytes_mut(Place::Slot(Bank::B, Part::Splash))[0] ^= 1;
    let standing = Standing { installed: None, ..standing };
    assert_eq!(banks.standing(), standing, "its splash is damaged");
}

#[test]
pub(in crate::slots) fn only_parts_have_slots_and_nothing_is_written_before_one_has_begun() {
    let mut banks = installed();
    assert_eq!(banks.begin(Role::Control, None), Err(BanksError::NotAPart));
    assert_eq!(banks.write(Area::Slot, 0, &[1]), Err(BanksError::NotBegun("write")));
    assert_eq!(banks.sync(0), Err(BanksError::NotBegun("sync")));
    assert_eq!(banks.commit(), Err(BanksError::NotBegun("commit")));
    assert_eq!(banks.keep(&[]), Err(BanksError::NotBegun("keep")));
    banks.begin(Role::Part(Part::Kernel), None).unwrap();
    assert_eq!(banks.write(Area::Scratch, 0, &[1]), Err(BanksError::NotAPart));
    let end = crate::limits::PARKING_BYTES as u64;
    banks.write(Area::Parking, end - 1, &[1]).unwrap();
    assert_eq!(banks.write(Area::Parking, end, &[1]), Err(BanksError::Parking));
    let mut bytes = vec![];
    assert_eq!(banks.read(Area::Parking, end - 1, 2, &mut bytes), Err(BanksError::Parking));
    banks.read(Area::Parking, end - 1, 1, &mut bytes).unwrap();
    assert_eq!(bytes, [1]);
}

/// A medium whose state can be read, and written only while it may be.
#[derive(Clone, Debug, Default)]
struct Failing {
    medium: MemoryMedium,
    /// The writes of the state that fail, and whether they are there all the same.
    refuses: bool,
    writes_all_the_same: bool,
    fails_to_sync: bool,
    /// Half of what is written is there, and half is not.
    tears: bool,
    /// The box hangs where it reads a slot.
    hangs: bool,
}

impl Medium for Failing {
    type Error = OutsidePlace;
}

impl Slots for Failing {
    fn erase(&mut self, place: Place, length: u64) -> Result<(), OutsidePlace> {
        self.medium.erase(place, length)
    }
    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> Result<(), OutsidePlace> {
        if self.tears {
            self.medium.write(place, offset, &bytes[..bytes.len() / 2])?;
            return Err(OutsidePlace);
        }
        self.medium.write(place, offset, bytes)
    }
    fn read(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), OutsidePlace> {
        assert!(!self.hangs, "the box hangs");
        self.medium.read(place, offset, length, into)
    }
    fn set_length(&mut self, place: Place, length: u64) -> Result<(), OutsidePlace> {
        self.medium.set_length(place, length)
    }
    fn sync(&mut self, _: Place) -> Result<(), OutsidePlace> {
        if self.fails_to_sync { Err(OutsidePlace) } else { Ok(()) }
    }
}

impl BootControl for Failing {
    fn read_state(&mut self, copy: Copy) -> Result<Vec<u8>, OutsidePlace> {
        self.medium.read_state(copy)
    }
    fn write_state(&mut self, copy: Copy, bytes: &[u8]) -> Result<(), OutsidePlace> {
        if !self.refuses || self.writes_all_the_same {
            self.medium.write_state(copy, bytes)?;
        }
        if self.refuses { Err(OutsidePlace) } else { Ok(()) }
    }
}

fn failing() -> Banks<Failing> {
    let medium = installed().into_medium();
    Banks::open(Failing { medium, ..Failing::default() }).unwrap()
}

#[test]
pub(in crate::slots) fn a_box_that_cannot_write_boots_what_it_booted_and_never_an_uncounted_trial()
{
    let mut banks = failing();
    receive_all(&mut banks, 2).unwrap();
    banks.medium.refuses = true;
    assert_eq!(banks.arm(&release(2)), Err(OutsidePlace.into()));
    assert_eq!(banks.settle(), Ok(Settled::AtRest));
    banks.medium.refuses = false;
    assert_eq!(banks.arm(&release(2)), Ok(true));
    banks.medium.refuses = true;
    let mut banks = restarted(banks);
    assert_eq!(banks.settle(), Err(OutsidePlace.into()));
    let booted = banks.bootable().unwrap();
    assert_eq!((booted.installed.number, booted.on_trial), (1, false));
    assert_eq!(banks.commit_trial(), Err(BanksError::Trial(TrialError::NotBooted)));
    assert_eq!(banks.roll_back(), Err(OutsidePlace.into()));
}

#[test]
pub(in crate::slots) fn a_bank_that_may_be_armed_after_all_is_not_written_before_that_is_taken_back()
 {
    let mut banks = failing();
    receive_all(&mut banks, 2).unwrap();
    (banks.medium.refuses, banks.medium.writes_all_the_same) = (true, true);
    assert_eq!(banks.arm(&release(2)), Err(OutsidePlace.into()));
    assert!(restarted(Banks::open(banks.medium.clone()).unwrap()).state().trial.is_some());

    // Nothing is written as long as it cannot be taken back.
    banks.medium.writes_all_the_same = false;
    let before = banks.medium.medium.clone();
    assert_eq!(receive_all(&mut banks, 3), Err(OutsidePlace.into()));
    let slot = Place::Slot(Bank::A, Part::Kernel);
    assert!(banks.medium.medium.bytes(slot) == before.bytes(slot));
    banks.medium.refuses = false;
    receive(&mut banks, Part::Kernel, &image(3)).unwrap();
    let mut banks = restarted(banks);
    assert_eq!((banks.state().trial, banks.settle()), (None, Ok(Settled::AtRest)));
}

#[test]
fn nothing_is_armed_before_a_root_that_could_not_be_stored_is() {
    let mut banks = failing();
    receive_all(&mut banks, 2).unwrap();
    banks.medium.refuses = true;
    let root = Remembered { root: Some(vec![7; 300]), time_floor: 5 };
    assert_eq!(banks.remember(&root), Err(OutsidePlace.into()));
    let time = Remembered { root: None, time_floor: 6 };
    assert_eq!(banks.remember(&time), Err(OutsidePlace.into()));
    assert_eq!(banks.arm(&release(2)), Err(OutsidePlace.into()));
    banks.medium.refuses = false;
    assert_eq!(banks.arm(&release(2)), Ok(true));
    let banks = restarted(banks);
    assert_eq!((banks.root(), banks.state().time_floor), (Some(&[7; 300][..]), 6));
}

#[test]
pub(in crate::slots) fn an_object_whose_bytes_could_not_be_made_durable_is_not_gone_on_with() {
    let mut banks = failing();
    banks.resume(Role::Part(Part::Kernel), None, &content(&image(2))).unwrap();
    banks.medium.fails_to_sync = true;
    banks.write(Area::Slot, 0, &[1]).unwrap();
    assert_eq!(banks.keep(&[0..1]), Err(OutsidePlace.into()));
    banks.medium.fails_to_sync = false;
    assert_eq!(banks.write(Area::Slot, 0, &[1]), Err(BanksError::NotBegun("write")));
    assert_eq!(banks.sync(1), Err(BanksError::NotBegun("sync")));
}

#[test]
pub(in crate::slots) fn what_a_failed_write_left_is_not_kept() {
    let mut banks = failing();
    let (bytes, part) = (image(2), Role::Part(Part::Kernel));
    banks.resume(part, None, &content(&bytes)).unwrap();
    banks.write(Area::Slot, 0, &bytes[..9_000]).unwrap();
    banks.keep(&[0..9]).unwrap();
    banks.medium.tears = true;
    assert_eq!(banks.write(Area::Slot, 9_000, &bytes[9_000..10_000]), Err(OutsidePlace.into()));
    banks.medium.tears = false;
    assert_eq!(banks.keep(&[9..10]), Err(BanksError::NotBegun("keep")));
    assert_eq!(restarted(banks).resume(part, None, &content(&bytes)), Ok(vec![0..9]));
}

#[test]
pub(in crate::slots) fn a_release_of_which_any_part_is_damaged_is_not_tried() {
    for part in [Part::Kernel, Part::Splash] {
        let mut banks = installed();
        receive_all(&mut banks, 2).unwrap();
        banks.arm(&release(2)).unwrap();
        banks.medium.bytes_mut(Place::Slot(Bank::A, part))[1_000] ^= 1;
        let settled = banks.settle();
        assert!(matches!(settled, Ok(Settled::RolledBack(_))), "{part:?}: {settled:?}");
        assert_eq!(boots(&banks), Some((Bank::B, 1, false)));
    }
}

/// Boots eight times without a commit: each must have something to boot. What the boots made of it.
fn crashes(mut banks: Banks<MemoryMedium>) -> (Vec<Settled>, Banks<MemoryMedium>) {
    let mut all = vec![];
    for boot in 1..=8 {
        banks = restarted(banks);
        let settled = banks.settle().unwrap();
        assert!(banks.bootable().is_some(), "boot {boot}: {settled:?}, and a whole image is there");
        all.push(settled);
    }
    (all, banks)
}

#[test]
pub(in crate::slots) fn a_box_that_has_nothing_else_boots_what_is_on_trial_rather_than_nothing() {
    let mut banks = Banks::open(MemoryMedium::default()).unwrap();
    receive_all(&mut banks, 1).unwrap();
    banks.arm(&release(1)).unwrap();
    let (all, mut banks) = crashes(banks);
    let failed = |number, trials| Failed { release: [number; 32], number: number.into(), trials };
    assert_eq!(
        all[2..5],
        [
            Settled::OnTrial { number: 1, boots_left: 0 },
            Settled::NothingElse(failed(1, 1)),
            Settled::AtRest
        ]
    );
    assert_eq!((boots(&banks), banks.state().committed), (Some((Bank::B, 1, false)), None));
    assert_eq!(banks.standing(), Standing::default(), "it never proved itself");

    // It gets another chance, from what is there, and is not lost with it either.
    assert_eq!(receive_all(&mut banks, 1), Ok(0));
    banks.arm(&release(1)).unwrap();
    let (all, mut banks) = crashes(banks);
    assert_eq!(all[3], Settled::RolledBack(failed(1, 2)));
    assert_eq!(boots(&banks), Some((Bank::B, 1, false)));

    // Something better comes in beside it.
    assert_eq!(receive_all(&mut banks, 2), Ok(306));
    banks.arm(&release(2)).unwrap();
    banks.settle().unwrap();
    assert_eq!(banks.commit_trial().unwrap().number, 2);
}

#[test]
pub(in crate::slots) fn a_trial_is_not_ended_where_what_was_there_before_is_damaged() {
    let mut banks = installed();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    banks.medium.bytes_mut(Place::Slot(Bank::B, Part::Kernel))[77] ^= 1;
    let (all, mut banks) = crashes(banks);
    assert!(matches!(all[3], Settled::NothingElse(Failed { number: 2, .. })), "{all:?}");
    assert_eq!(boots(&banks), Some((Bank::A, 2, false)));
    assert_eq!(banks.state().committed.unwrap().number, 1, "no counter rose");
    // What was committed comes again.
    assert_eq!(receive(&mut banks, Part::Kernel, &image(1)), Ok(1));
    assert_eq!(receive_all(&mut banks, 1), Ok(0));
    assert_eq!(banks.arm(&release(1)), Ok(true));
}

#[test]
pub(in crate::slots) fn what_is_on_trial_is_not_rolled_back_where_nothing_else_boots() {
    let mut banks = Banks::open(MemoryMedium::default()).unwrap();
    receive_all(&mut banks, 1).unwrap();
    banks.arm(&release(1)).unwrap();
    banks.settle().unwrap();
    assert_eq!(banks.roll_back(), Err(BanksError::Trial(TrialError::NothingElse)));
    assert_eq!(restarted(banks).settle(), Ok(Settled::OnTrial { number: 1, boots_left: 1 }));
}

#[test]
pub(in crate::slots) fn a_trial_that_cannot_be_counted_is_booted_where_nothing_else_is_there() {
    let mut banks = failing();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    banks.medium.medium.bytes_mut(Place::Slot(Bank::B, Part::Kernel))[77] ^= 1;
    banks.medium.refuses = true;
    let mut banks = restarted(banks);
    assert_eq!(banks.settle(), Err(OutsidePlace.into()));
    let booted = banks.bootable().unwrap();
    assert_eq!((booted.installed.number, booted.on_trial), (2, true));
}

#[test]
pub(in crate::slots) fn a_boot_is_counted_even_where_the_box_hangs_on_the_image() {
    let mut banks = failing();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    banks.medium.hangs = true;
    let mut banks = restarted(banks);
    let hung = catch_unwind(AssertUnwindSafe(|| banks.settle()));
    assert!(hung.is_err());
    assert_eq!(restarted(banks).state().on_trial().unwrap().1.boots_left, 2);
}

#[test]
pub(in crate::slots) fn what_was_received_is_kept_where_the_active_bank_has_the_part_damaged() {
    let mut banks = installed();
    banks.medium.bytes_mut(Place::Slot(Bank::B, Part::Kernel))[77] ^= 1;
    let (bytes, part) = (image(1), Role::Part(Part::Kernel));
    assert_eq!(banks.resume(part, None, &content(&bytes)), Ok(vec![]));
    banks.write(Area::Slot, 0, &bytes[..250_000]).unwrap();
    banks.keep(&[0..250]).unwrap();
    let mut banks = restarted(banks);
    assert_eq!(banks.resume(part, None, &content(&bytes)), Ok(vec![0..250]));
}

#[test]
pub(in crate::slots) fn five_releases_that_failed_are_not_tried_in_turn_for_ever() {
    let mut banks = installed();
    for number in [6, 5, 4, 3, 2] {
        for _ in 0..2 {
            receive_all(&mut banks, number).unwrap();
            if banks.arm(&release(number)).is_ok() {
                banks.roll_back().unwrap();
            }
        }
    }
    let mut banks = restarted(banks);
    let standing = banks.standing();
    assert_eq!((standing.denied_up_to, standing.denied.len()), (Some(3), 4));
    for number in 2..=6 {
        receive_all(&mut banks, number).unwrap();
        let armed = banks.arm(&release(number));
        let is_denied = matches!(
            armed,
            Err(BanksError::Arm(ArmError::Denied { .. } | ArmError::DeniedUpTo { .. }))
        );
        assert!(is_denied, "{number}: {armed:?}");
    }
    receive_all(&mut banks, 7).unwrap();
    assert_eq!(banks.arm(&release(7)), Ok(true));
}

#[test]
pub(in crate::slots) fn what_the_standing_lets_in_may_be_armed() {
    let mut banks = installed();
    let again = Installation { number: 1, ..release(2) };
    receive_all(&mut banks, 2).unwrap();
    let number = BanksError::Arm(ArmError::Number { number: 1, committed: 1 });
    assert_eq!(banks.arm(&again), Err(number));
    banks.medium.bytes_mut(Place::Slot(Bank::B, Part::Splash))[77] ^= 1;
    // `Trust::judge` installs any release with the number committed where nothing whole is left.
    assert_eq!((banks.standing().installed, banks.standing().number), (None, Some(1)));
    assert_eq!(banks.arm(&again), Ok(true));
}
