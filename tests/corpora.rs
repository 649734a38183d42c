//! Every input that fuzzing found worth keeping, through the same body, on stable.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends there")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

#[path = "../tools/fuzz/src/bodies/mod.rs"]
mod bodies;

macro_rules! targets {
    ($($target:ident),*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), bodies::$target);
            }
        )*
    };
}

targets!(
    infocast_packet,
    infocast_learner,
    mag_packet,
    bootcast_info,
    stbconfig,
    reboot,
    update_list,
    update_date,
    dune,
    source_url,
    boot_query,
    group,
    lineup,
    mag_image,
    flute_session,
    flute_fdt,
    fec_geometry,
    census_ops,
    fetch_ops,
    mag_ops,
    described_ops,
    boot_ops,
    tftp_packet,
    tftp_transfer,
    download_ops,
    statement,
    slots_ops
);

fn fuzz_dir(part: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tools/fuzz").join(part)
}

/// What is in a directory, by path.
fn listed(directory: &str) -> Vec<PathBuf> {
    let path = fuzz_dir(directory);
    let entries = fs::read_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn replay(target: &str, body: fn(&[u8])) {
    let inputs = listed(&format!("corpus/{target}"));
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    for input in inputs {
        let data = fs::read(&input).expect("an input");
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&data)));
        assert!(outcome.is_ok(), "{} breaks a property", input.display());
    }
}

#[test]
fn targets_corpora_and_tests_are_the_same_set() {
    let stems = |directory: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| path.file_stem().map(|s| s.to_string_lossy().into_owned());
        listed(directory).into_iter().filter_map(stem).collect()
    };
    let tested: BTreeSet<String> = TARGETS.iter().map(ToString::to_string).collect();
    assert_eq!(stems("corpus"), tested, "directories of tools/fuzz/corpus");
    assert_eq!(stems("fuzz_targets"), tested, "files of tools/fuzz/fuzz_targets");
}
