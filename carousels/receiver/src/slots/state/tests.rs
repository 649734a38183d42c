use stbcast_bootcast::Part;

use super::*;
use crate::Content;
use crate::slots::Stored;

fn content(number: u64) -> Content {
    Content { sha256: [number as u8; 32], length: number * 1_000, symbol_bytes: 1_400 }
}

/// A release whose epoch is its tens.
fn release(number: u64) -> Installation {
    Installation {
        release: [number as u8; 32],
        number,
        epoch: number as u32 / 10,
        time_floor: number * 100,
        permitted_from: None,
        parts: vec![(Part::Kernel, content(number)), (Part::Splash, content(number))],
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Boot,
    Arm(u64),
    Permit { number: u64, from: u64 },
    Commit,
    RollBack,
    Empty,
    FallBack,
}

/// What happens, and what it says: nothing where nothing is to be said.
fn does(state: &mut State, what: What) -> String {
    let arm = |state: &mut State, installation: &Installation| {
        let has_whole = state.has_committed();
        state
            .arm(installation, has_whole)
            .map_or_else(|error| error.to_string(), |()| String::new())
    };
    match what {
        What::Boot if state.count_boot() || state.trial.is_none() => String::new(),
        What::Arm(number) => arm(state, &release(number)),
        What::Permit { number, from } => {
            arm(state, &Installation { permitted_from: Some(from), ..release(number) })
        }
        What::Commit => state.commit().err().map_or(String::new(), |error| error.to_string()),
        What::Boot | What::RollBack => match state.roll_back() {
            Ok(failed) => format!("{} failed", failed.number),
            Err(error) => error.to_string(),
        },
        What::Empty => if state.emptied() { "" } else { "refused" }.to_owned(),
        What::FallBack => if state.fall_back() { "" } else { "refused" }.to_owned(),
    }
}

/// `[11] 12? 3 e1 #11 x12:1`: bank A, active, holds 11, and bank B 12, which is on trial with three
/// boots left; epoch 1, 11 is committed, one trial of 12 has failed.
fn shown(state: &State) -> String {
    let banks = Bank::ALL.map(|bank| {
        let number = state.bank(bank).map_or("-".to_owned(), |held| held.number.to_string());
        match (bank == state.active, state.trial) {
            (true, _) => format!("[{number}]"),
            (false, Some(trial)) => format!("{number}? {}", trial.boots_left),
            (false, None) => number,
        }
    });
    let mut text = banks.join(" ");
    if state.epoch > 0 {
        text += &format!(" e{}", state.epoch);
    }
    if let Some(committed) = state.committed {
        text += &format!(" #{}", committed.number);
    }
    for failed in &state.failed {
        text += &format!(" x{}:{}", failed.number, failed.trials);
    }
    if let Some(number) = state.denied_up_to() {
        text += &format!(" up to {number}");
    }
    text
}

/// The state that these events lead to.
fn after(events: &[What]) -> State {
    let mut state = State::default();
    for event in events {
        does(&mut state, *event);
    }
    state
}

use What::{Arm, Boot, Commit, Empty, FallBack, Permit, RollBack};

const INSTALLED: [What; 3] = [Arm(11), Boot, Commit];

/// From a state, what each event makes of it and says.
#[track_caller]
fn table(events: &[What], is: &str, rows: &[(What, &str, &str)]) {
    let state = after(events);
    assert_eq!(shown(&state), is, "{events:?}");
    for (event, becomes, says) in rows {
        let mut next = state.clone();
        let said = does(&mut next, *event);
        assert_eq!((shown(&next).as_str(), said.as_str()), (*becomes, *says), "{is}: {event:?}");
        if !says.is_empty() && !says.ends_with("failed") {
            assert_eq!(next, state, "{is}: {event:?} is refused and must change nothing");
        }
        // Whatever happens, what protects the box never falls.
        assert!(next.epoch >= state.epoch && next.time_floor >= state.time_floor);
        let number = |state: &State| state.committed.map(|committed| committed.number);
        assert!(number(&next) >= number(&state), "{is}: {event:?}");
    }
}

#[test]
pub(in crate::slots) fn a_new_box_has_nothing_to_boot_and_arms_any_release() {
    table(
        &[],
        "[-] -",
        &[
            (Boot, "[-] -", ""),
            (Arm(11), "[-] 11? 3", ""),
            (Permit { number: 11, from: 9 }, "[-] 11? 3", ""),
            (Commit, "[-] -", "no release is on trial"),
            (RollBack, "[-] -", "no release is on trial"),
            (Empty, "[-] -", ""),
            (FallBack, "[-] -", "refused"),
        ],
    );
}

#[test]
pub(in crate::slots) fn an_armed_release_is_booted_before_it_is_committed() {
    table(
        &[Arm(11)],
        "[-] 11? 3",
        &[
            (Boot, "[-] 11? 2", ""),
            (Arm(12), "[-] 11? 3", "release 11 is on trial: commit it or roll it back first"),
            (Commit, "[-] 11? 3", "the release on trial has not been booted yet"),
            (RollBack, "[-] - x11:1", "11 failed"),
            (Empty, "[-] 11? 3", "refused"),
            (FallBack, "[-] 11? 3", "refused"),
        ],
    );
}

#[test]
pub(in crate::slots) fn a_release_on_trial_is_committed_or_rolled_back_and_counters_rise_only_then()
{
    let events = [&INSTALLED[..], &[Arm(22), Boot]].concat();
    table(
        &events,
        "22? 2 [11] e1 #11",
        &[
            (Boot, "22? 1 [11] e1 #11", ""),
            (
                Arm(23),
                "22? 2 [11] e1 #11",
                "release 22 is on trial: commit it or roll it back first",
            ),
            (Commit, "[22] 11 e2 #22", ""),
            (RollBack, "- [11] e1 #11 x22:1", "22 failed"),
            (Empty, "22? 2 [11] e1 #11", "refused"),
            (FallBack, "22? 2 [11] e1 #11", "refused"),
        ],
    );
}

#[test]
pub(in crate::slots) fn a_trial_without_boots_left_has_failed() {
    let events = [&INSTALLED[..], &[Arm(22), Boot, Boot, Boot]].concat();
    table(
        &events,
        "22? 0 [11] e1 #11",
        &[
            (Boot, "- [11] e1 #11 x22:1", "22 failed"),
            (Commit, "[22] 11 e2 #22", ""),
            (RollBack, "- [11] e1 #11 x22:1", "22 failed"),
            (Empty, "22? 0 [11] e1 #11", "refused"),
        ],
    );
}

#[test]
pub(in crate::slots) fn what_is_committed_is_not_gone_behind_without_a_permit_and_never_behind_its_epoch()
 {
    let events = [&INSTALLED[..], &[Arm(22), Boot, Commit]].concat();
    let low = "security epoch 1 is too low: the box accepts 2 and above";
    table(
        &events,
        "[22] 11 e2 #22",
        &[
            (Boot, "[22] 11 e2 #22", ""),
            (Arm(23), "[22] 23? 3 e2 #22", ""),
            (Arm(22), "[22] 22? 3 e2 #22", ""),
            (Arm(21), "[22] 11 e2 #22", "release 21 is not above release 22, which is committed"),
            (Permit { number: 21, from: 22 }, "[22] 21? 3 e2 #22", ""),
            (
                Permit { number: 21, from: 23 },
                "[22] 11 e2 #22",
                "release 21 is not above release 22, which is committed",
            ),
            (Permit { number: 11, from: 22 }, "[22] 11 e2 #22", low),
            (Arm(11), "[22] 11 e2 #22", low),
            (Commit, "[22] 11 e2 #22", "no release is on trial"),
            (RollBack, "[22] 11 e2 #22", "no release is on trial"),
            (Empty, "[22] - e2 #22", ""),
            // Bank B has an epoch that is not legal any more.
            (FallBack, "[22] 11 e2 #22", "refused"),
        ],
    );
}

#[test]
pub(in crate::slots) fn the_other_bank_is_fallen_back_on_where_its_epoch_is_legal_and_counters_stay()
 {
    let events = [&INSTALLED[..], &[Arm(12), Boot, Commit]].concat();
    table(&events, "[12] 11 e1 #12", &[(FallBack, "12 [11] e1 #12", "")]);
    let events = [&events[..], &[FallBack]].concat();
    table(
        &events,
        "12 [11] e1 #12",
        &[
            (Arm(12), "12? 3 [11] e1 #12", ""),
            (Arm(11), "12 [11] e1 #12", "release 11 is not above release 12, which is committed"),
            (FallBack, "[12] 11 e1 #12", ""),
            (Empty, "- [11] e1 #12", ""),
        ],
    );
}

#[test]
pub(in crate::slots) fn the_same_release_is_tried_twice_and_a_higher_one_is_tried() {
    let once = [&INSTALLED[..], &[Arm(22), RollBack]].concat();
    table(&once, "- [11] e1 #11 x22:1", &[(Arm(22), "22? 3 [11] e1 #11 x22:1", "")]);
    let twice = [&once[..], &[Arm(22), Boot, RollBack]].concat();
    table(
        &twice,
        "- [11] e1 #11 x22:2",
        &[
            (Arm(22), "- [11] e1 #11 x22:2", "release 22 is denied: it failed 2 trials"),
            (
                Permit { number: 22, from: 11 },
                "- [11] e1 #11 x22:2",
                "release 22 is denied: it failed 2 trials",
            ),
            (Arm(23), "23? 3 [11] e1 #11 x22:2", ""),
        ],
    );
    let higher = [&twice[..], &[Arm(23), Boot, Commit]].concat();
    table(&higher, "[23] 11 e2 #23", &[]);
    let lower = [&twice[..], &[Arm(21), Boot, Commit]].concat();
    table(&lower, "[21] 11 e2 #21 x22:2", &[]);
}

#[test]
pub(in crate::slots) fn where_more_failed_than_are_remembered_all_up_to_them_are_denied() {
    let failing: Vec<_> = (23..27).rev().flat_map(|number| [Arm(number), RollBack]).collect();
    let four = [&INSTALLED[..], &failing].concat();
    table(
        &four,
        "- [11] e1 #11 x26:1 x25:1 x24:1 x23:1",
        &[(Arm(22), "22? 3 [11] e1 #11 x26:1 x25:1 x24:1 x23:1", "")],
    );
    let low =
        |number| format!("release {number} is denied as all are up to release 23, so many failed");
    // One below all of them, and one above.
    let below = [&four[..], &[Arm(22), RollBack]].concat();
    table(
        &below,
        "- [11] e1 #11 x26:1 x25:1 x24:1 x23:1 up to 23",
        &[
            (Arm(22), "- [11] e1 #11 x26:1 x25:1 x24:1 x23:1 up to 23", &low(22)),
            (Arm(23), "- [11] e1 #11 x26:1 x25:1 x24:1 x23:1 up to 23", &low(23)),
            (Arm(24), "24? 3 [11] e1 #11 x26:1 x25:1 x24:1 x23:1 up to 23", ""),
            (Arm(11), "11? 3 [11] e1 #11 x26:1 x25:1 x24:1 x23:1 up to 23", ""),
        ],
    );
    let above = [&four[..], &[Arm(27), RollBack]].concat();
    table(&above, "- [11] e1 #11 x26:1 x25:1 x24:1 x27:1 up to 24", &[]);
    let higher = [&above[..], &[Arm(25), Boot, Commit]].concat();
    table(&higher, "[25] 11 e2 #25 x26:1 x27:1", &[]);
}

#[test]
pub(in crate::slots) fn a_release_without_a_boot_image_is_not_armed() {
    let mut installation = release(11);
    installation.parts.remove(0);
    let mut state = State::default();
    assert_eq!(state.arm(&installation, false), Err(ArmError::NoImage));
    assert_eq!(state, State::default());
}

#[test]
pub(in crate::slots) fn a_commit_proves_the_time_of_its_release_and_time_never_falls() {
    let mut state = after(&INSTALLED);
    assert_eq!(state.time_floor, 1_100);
    state.note_time(5_000);
    state.note_time(4_000);
    assert_eq!(state.time_floor, 5_000);
    for event in [Arm(12), Boot, Commit] {
        does(&mut state, event);
    }
    assert_eq!(state.time_floor, 5_000);
}

#[test]
pub(in crate::slots) fn a_bank_remembers_each_part_of_its_release() {
    let state = after(&INSTALLED);
    let installed = state.bank(Bank::B).unwrap();
    let stored = Some(Stored { length: 11_000, sha256: [11; 32] });
    assert_eq!(installed.part(Part::Kernel), stored);
    assert_eq!(installed.part(Part::Splash), stored);
    assert_eq!(installed.part(Part::Diagnostic), None);
}

#[test]
pub(in crate::slots) fn an_epoch_does_not_fall_even_where_a_lower_one_was_armed() {
    let mut state = after(&[Arm(11), Boot]);
    // As if a root document had raised it meanwhile.
    state.epoch = 2;
    state.commit().unwrap();
    assert_eq!(state.epoch, 2);
}
