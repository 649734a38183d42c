//! What a slot holds after a restart.

use super::*;

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
