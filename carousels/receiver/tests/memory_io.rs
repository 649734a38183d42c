//! How much memory a fetch with repair takes, whatever the object's length.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use air::headend::{Headend, Weather};
use air::image::{Groups, Image};
use stbcast_fec::Choice;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Longest that a fetch of the longest object takes here.
const PATIENCE: Duration = Duration::from_secs(240);

/// What the process has that is not a file's, in KiB.
fn memory_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    Some(value("RssAnon:")? + value("RssShmem:")?)
}

/// Memory files do not count as memory of the process, and are not slower than the sender.
fn directory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap()
}

/// Fetches with the program and so much loss; the most memory it had, in KiB.
fn peak_kib(length: u64, fec: Choice, loss_per_mille: u32) -> u64 {
    let groups = Groups::free();
    // The same megabyte again and again would do for no digest: each begins with its number.
    let mut bytes = common::noise(length, MIB as usize).repeat(length.div_ceil(MIB) as usize);
    for (number, part) in bytes.chunks_mut(MIB as usize).enumerate() {
        part[..8].copy_from_slice(&number.to_be_bytes());
    }
    bytes.truncate(length as usize);
    let image = Image::new(bytes, fec);
    let ratio = 2 * loss_per_mille;
    let weather = Weather { ratio, burst: 6, ..Weather::lossy(loss_per_mille) };
    let _air = Headend::play(groups, &image, weather);
    let directory = directory();
    let output = directory.path().join("image");
    let mut child = Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"))
        .args(["fetch", &image.url(&groups), "--interface", "127.0.0.1", "--json"])
        .args(["--announce", &groups.announce.to_string(), "--memory", "16"])
        .arg("--output")
        .arg(&output)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut peak, began) = (0, Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        peak = memory_kib(child.id()).unwrap_or_default().max(peak);
        std::thread::sleep(Duration::from_millis(2));
    };
    let answer = child.wait_with_output().unwrap().stdout;
    let answer = String::from_utf8(answer).unwrap();
    assert!(status.success(), "{answer}");
    assert!(fs::read(&output).unwrap() == image.bytes);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert!(answer["recovered_symbols"].as_u64().unwrap() > 0, "{answer}");
    println!("{} MiB, {fec}: {peak} KiB at most; {answer}", length / MIB);
    peak
}

#[test]
fn a_small_object_is_fetched_with_repair_in_the_memory_that_is_allowed() {
    let peak = peak_kib(3 * MIB + 1, Choice::Rs16, 50);
    assert!(peak <= 16 * KIB, "{peak} KiB");
}

#[test]
#[ignore = "four minutes in a release build: cargo test --release -p stbcast-receiver --test memory_io -- --ignored --nocapture"]
fn an_object_of_a_gibibyte_is_fetched_with_repair_in_the_memory_that_is_allowed() {
    // At 15 % more repair symbols would help than are kept.
    for (length, fec, loss) in [
        (256 * MIB, Choice::Rs16, 50),
        (1_024 * MIB, Choice::Rs16, 50),
        (1_024 * MIB, Choice::Rs16, 150),
        (1_024 * MIB, Choice::Rs8, 50),
    ] {
        let peak = peak_kib(length, fec, loss);
        assert!(peak <= 16 * KIB, "{length} bytes, {fec}: {peak} KiB");
    }
}
