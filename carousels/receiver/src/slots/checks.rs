//! Each check of the slots is taken out, and a test must notice.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stbcast_release::{Check, Place, without};

use super::banks::tests as banks;
use super::journal::tests as journal;
use super::record::tests as record;
use super::state::tests as state;

/// The test that notices when a check is missing.
const NOTICED_BY: &[(Check, fn())] = &[
    (Check::JournalCrc, journal::a_bit_that_flipped_anywhere_makes_it_no_record),
    (Check::JournalData, banks::a_restart_goes_on_with_what_the_slot_holds),
    (Check::SlotTrial, banks::a_bank_on_trial_is_not_written),
    (
        Check::SlotUnsure,
        banks::a_bank_that_may_be_armed_after_all_is_not_written_before_that_is_taken_back,
    ),
    (Check::SlotDenied, state::the_same_release_is_tried_twice_and_a_higher_one_is_tried),
    (
        Check::SlotEpoch,
        state::what_is_committed_is_not_gone_behind_without_a_permit_and_never_behind_its_epoch,
    ),
    (
        Check::SlotNumber,
        state::what_is_committed_is_not_gone_behind_without_a_permit_and_never_behind_its_epoch,
    ),
    (Check::SlotImage, state::a_release_without_a_boot_image_is_not_armed),
    (Check::SlotDigest, banks::nothing_is_armed_whose_bytes_are_not_what_was_signed),
    (Check::StateCrc, record::a_bit_that_flipped_anywhere_makes_it_no_record),
    (Check::TrialKilled, banks::a_release_that_is_killed_on_trial_is_rolled_back),
    (Check::TrialBoots, state::a_trial_without_boots_left_has_failed),
    (Check::BootDigest, banks::a_damaged_image_is_not_booted_where_the_other_bank_is_whole),
    (
        Check::BootEpoch,
        state::what_is_committed_is_not_gone_behind_without_a_permit_and_never_behind_its_epoch,
    ),
    (Check::CommitBooted, state::an_armed_release_is_booted_before_it_is_committed),
    (
        Check::CommitCounters,
        state::a_release_on_trial_is_committed_or_rolled_back_and_counters_rise_only_then,
    ),
    (Check::CommitEpoch, state::an_epoch_does_not_fall_even_where_a_lower_one_was_armed),
    (Check::TimeFloor, state::a_commit_proves_the_time_of_its_release_and_time_never_falls),
];

#[test]
fn no_check_of_the_slots_can_go_missing_unnoticed() {
    let checked: Vec<_> = NOTICED_BY.iter().map(|(check, _)| *check).collect();
    let all: Vec<_> = Check::ALL.iter().copied().filter(|c| c.place() == Place::Slot).collect();
    assert_eq!(checked, all);
    for (check, test) in NOTICED_BY {
        let noticed = without(*check, || catch_unwind(AssertUnwindSafe(test))).is_err();
        assert!(noticed, "nobody noticed that {} was missing", check.word());
    }
}
