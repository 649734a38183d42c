//! No check of the session is there for nothing: without it the test fails that `PROTOCOL.md` names.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stbcast_release::{Check, Place, without};

use super::{followed, hostile, killed, resumed, watched};

const PROTOCOL: &str = include_str!("../../../PROTOCOL.md");

type Case = (Check, &'static str, fn());

macro_rules! cases {
    ($($check:ident: $module:ident::$test:ident,)*) => {
        &[$((Check::$check, stringify!($test), $module::$test),)*]
    };
}

const CASES: &[Case] = cases! {
    CheckRate: hostile::a_flood_of_forged_statements_is_looked_at_at_a_bounded_rate_and_the_boot_completes,
    RootStored: followed::the_next_root_is_taken_stored_first_and_its_keys_count,
    TrialSilent: followed::on_trial_nothing_is_joined_and_nothing_received,
    SignedDescription: hostile::forged_descriptions_do_not_stop_a_signed_release,
    SignedServers: resumed::servers_are_those_that_are_signed_and_an_announcement_can_only_slow_them_down,
    ObjectLength: hostile::an_object_that_no_slot_has_room_for_is_not_begun,
    ObjectDigest: resumed::an_object_of_another_release_in_its_place_is_never_committed,
    ResumedDigest: resumed::what_was_held_and_is_wrong_is_dropped_first_and_received_again,
    AllOrNone: followed::a_release_of_which_a_part_cannot_be_had_is_not_armed,
    Killed: killed::a_release_that_is_killed_in_mid_download_is_not_armed_and_stays_denied,
    ActionOnce: watched::a_box_reboots_once_for_an_action_and_for_none_below_it,
    ActionRelease: watched::a_box_that_has_the_release_stays_on,
    ActionJitter: watched::a_box_reboots_when_its_turn_within_the_jitter_is,
    ActionOnAir: watched::an_action_that_was_taken_off_the_air_is_not_obeyed_any_more,
};

#[test]
fn without_any_one_check_of_the_session_its_test_fails() {
    let all: Vec<_> = Check::ALL.iter().filter(|it| it.place() == Place::Session).collect();
    assert_eq!(CASES.iter().map(|(check, ..)| check).collect::<Vec<_>>(), all);
    for (check, name, test) in CASES {
        let row =
            PROTOCOL.lines().find(|line| line.starts_with(&format!("| `{}` |", check.word())));
        let row = row.unwrap_or_else(|| panic!("PROTOCOL.md has no row for {}", check.word()));
        assert!(row.contains(&format!("`{name}`")), "{row}");
        let noticed = without(*check, || catch_unwind(AssertUnwindSafe(test))).is_err();
        assert!(noticed, "nobody noticed that {} was missing", check.word());
    }
}
