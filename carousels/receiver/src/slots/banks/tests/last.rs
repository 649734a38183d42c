//! Releases whose trials fail, and boxes that have nothing else.

use super::*;

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
