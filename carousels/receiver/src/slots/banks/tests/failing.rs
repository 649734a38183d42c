//! Writes that fail.

use super::*;

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
    let root = Remembered { root: Some(vec![7; 300]), time_floor: 5, killed: Vec::new() };
    assert_eq!(banks.remember(&root), Err(OutsidePlace.into()));
    let time = Remembered { root: None, time_floor: 6, killed: Vec::new() };
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
