#![allow(clippy::single_range_in_vec_init, reason = "ranges of symbols, one of them")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};

use stbcast_bootcast::Part;

use super::*;
use crate::slots::medium::{Medium, Place};
use crate::slots::{ArmError, Bank, Failed, MemoryMedium, OutsidePlace, Settled, TrialError};
use crate::{Area, Content, Installation, Killed, Role, Storage};

mod failing;
mod held;
mod last;

pub(in crate::slots) use self::{failing::*, held::*};

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
pub(in crate::slots) fn a_release_that_is_killed_on_trial_is_rolled_back() {
    let killed = |number| Remembered {
        killed: vec![Killed { release: [number as u8; 32], number }],
        ..Remembered::default()
    };
    let mut banks = installed();
    receive_all(&mut banks, 2).unwrap();
    banks.arm(&release(2)).unwrap();
    assert_eq!(banks.settle(), Ok(Settled::OnTrial { number: 2, boots_left: 2 }));
    banks.remember(&killed(3)).unwrap();
    let mut banks = restarted(banks);
    assert_eq!(banks.settle(), Ok(Settled::OnTrial { number: 2, boots_left: 1 }));
    banks.remember(&killed(2)).unwrap();
    let mut banks = restarted(banks);
    let settled = banks.settle().unwrap();
    assert!(matches!(settled, Settled::RolledBack(Failed { number: 2, .. })), "{settled:?}");
    assert_eq!(boots(&banks), Some((Bank::B, 1, false)));
    receive_all(&mut banks, 2).unwrap();
    assert!(matches!(
        banks.arm(&release(2)),
        Err(BanksError::Arm(ArmError::Denied { number: 2, .. }))
    ));
    // A higher one that is committed ends it.
    receive_all(&mut banks, 4).unwrap();
    banks.arm(&release(4)).unwrap();
    banks.settle().unwrap();
    banks.commit_trial().unwrap();
    assert!(banks.state().failed.is_empty());
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
    let told = |root: Option<&[u8]>, time_floor| Remembered {
        root: root.map(<[u8]>::to_vec),
        time_floor,
        killed: Vec::new(),
    };
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
