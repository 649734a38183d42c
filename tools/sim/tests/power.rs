//! The power is cut after every operation of an install, and the flash fails at every one. Ten
//! thousand boxes: `cargo run --release -p stbcast-sim -- --power --seeds 10000`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use stbcast_release::{Check, without};
use stbcast_sim::power::flash::Fault;
use stbcast_sim::power::life::World;
use stbcast_sim::power::seeds::{self, REFETCHED_MAX};

#[test]
fn a_cut_at_any_change_of_an_install_leaves_the_old_release_or_the_new_one() {
    let world = World::new().unwrap();
    assert!(world.changes > 200, "{}", world.changes);
    for change in 0..world.changes {
        for seed in 0..3 {
            let refetched = seeds::cut_at(&world, change, seed).unwrap_or_else(|error| {
                panic!("change {change} of {}, seed {seed}: {error}", world.changes)
            });
            assert!(refetched < REFETCHED_MAX, "change {change}, seed {seed}: {refetched}");
        }
    }
}

#[test]
fn a_flash_that_fails_at_any_operation_is_told_of_and_the_old_release_boots() {
    let world = World::new().unwrap();
    for fault in [Fault::Once, Fault::Dead, Fault::Full, Fault::ReadOnly] {
        let mut told = 0;
        for operation in 0..world.operations {
            let said = seeds::fault_at(&world, fault, operation, 1).unwrap_or_else(|error| {
                panic!("{fault:?} at {operation} of {}: {error}", world.operations)
            });
            told += u64::from(said.is_some_and(|why| !why.is_empty()));
        }
        assert!(told > world.operations / 4, "{fault:?}: told of {told} times");
    }
}

#[test]
fn up_to_three_cuts_and_trials_that_fail_leave_a_box_that_boots() {
    let world = World::new().unwrap();
    let tally = seeds::run(&world, 0, 300);
    assert_eq!(tally.broken, []);
    assert!(tally.refetched < REFETCHED_MAX, "{tally:?}");
    assert!(tally.cuts > 300 && tally.denied > 0, "{tally:?}");
    assert_eq!(seeds::run(&world, 0, 300), tally, "a seed replays its box");
}

#[test]
fn a_flash_that_lies_about_what_is_durable_is_found_out_before_a_commit() {
    let world = World::new().unwrap();
    for seed in 0..200 {
        seeds::lied_to(&world, seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// A simulation that finds nothing where something is missing would prove nothing.
#[test]
fn a_box_without_one_of_its_checks_is_found_out() {
    let world = World::new().unwrap();
    let lied_to = |seed| seeds::lied_to(&world, seed).is_err();
    let lives = |seed| !seeds::one(&world, seed).broken.is_empty();
    let breaks: [(Check, &dyn Fn(u64) -> bool); 3] = [
        (Check::JournalData, &lied_to),
        (Check::BootDigest, &lied_to),
        (Check::CommitCounters, &lives),
    ];
    for (check, is_broken) in breaks {
        let found = without(check, || (0..50).find(|seed| is_broken(*seed)));
        assert!(found.is_some(), "nobody noticed that {} was missing", check.word());
    }
}
