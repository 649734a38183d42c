//! How much memory a fetch with repair and a boot that trusts take, whatever the object's length.

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
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use air::headend::{Headend, Weather};
use air::image::{Groups, Image};
use stbcast_fec::{Choice, Scheme};
use stbcast_flute::Statement;
use stbcast_flute::fdt::File;
use stbcast_release::{
    Code, Companion, KeyRole, Layout, Object, ObjectKind, Release, Root, SigningKey,
};

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

/// What the program is asked to do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    Fetch,
    BootTrusting,
}

/// What the operator signs of an image, and the root document of the boxes.
fn signed(image: &Image, groups: &Groups) -> (Vec<u8>, Statement) {
    let key = |seed: u8| SigningKey::from_seed(&[seed; 32]);
    let role = |seed| KeyRole::new(1, [key(seed).public().unwrap()]);
    let operator = || "example-tv".to_owned();
    let root = Root {
        number: 1,
        operator: operator(),
        epoch: 0,
        expiry: u64::from(u32::MAX),
        root: role(1),
        release: role(2),
        channel: role(3),
    };
    let file = image.file(groups);
    let geometry = image.geometry().unwrap();
    let block_symbols = NonZeroU32::new(geometry.block_symbols()).unwrap();
    let code = match geometry.scheme() {
        Scheme::Rs8 => Code::Rs8 { block_symbols },
        _ => Code::Rs16 { block_symbols },
    };
    let companion = file.announced.companion.unwrap();
    let object = Object {
        kind: ObjectKind::Image,
        name: image.name.to_owned(),
        length: image.bytes.len() as u64,
        sha256: file.sha256.unwrap(),
        slice_bytes: NonZeroU16::new(image.slice_bytes).unwrap(),
        url: image.url(groups),
        companion: Some(Companion { group: companion.group, tsi: companion.tsi }),
        layout: Some(Layout {
            symbol_bytes: NonZeroU16::new(geometry.symbol_bytes()).unwrap(),
            code,
        }),
        http: Vec::new(),
        http_after: Object::HTTP_AFTER_DEFAULT,
        http_window_s: Object::HTTP_WINDOW_S_DEFAULT,
    };
    let release = Release {
        number: 42,
        epoch: 0,
        operator: operator(),
        models: vec!["model".to_owned()],
        hardware: 0..=9,
        not_before: 0,
        expiry: u64::from(u32::MAX),
        objects: vec![object],
    };
    let file = File::new("release:42", 42).unwrap();
    let bytes = release.sign(&key(2)).unwrap();
    (root.sign(&[&key(1)]).unwrap(), Statement::new(file, bytes.into()).unwrap())
}

/// Runs the program with so much loss; the most memory it had, in KiB.
fn peak_kib(errand: Errand, length: u64, fec: Choice, loss_per_mille: u32) -> u64 {
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
    let (root, statement) = signed(&image, &groups);
    let _air = Headend::play_signed(groups, &image, vec![statement], weather);
    let directory = directory();
    let output = directory.path().join("image");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"));
    match errand {
        Errand::Fetch => {
            command.args(["fetch", &image.url(&groups), "--output"]).arg(&output);
        }
        Errand::BootTrusting => {
            let path = directory.path().join("root.cose");
            fs::write(&path, root).unwrap();
            command.args(["boot", "--bootcast-id", "model", "--hardware", "1", "--trust"]);
            command.arg(path).arg("--store").arg(directory.path().join("store"));
        }
    }
    command.args(["--interface", "127.0.0.1", "--json", "--memory", "16"]);
    command.args(["--announce", &groups.announce.to_string()]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
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
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let installed = match errand {
        Errand::Fetch => output,
        Errand::BootTrusting => answer["booted"]["file"].as_str().unwrap().into(),
    };
    assert!(fs::read(&installed).unwrap() == image.bytes);
    if errand == Errand::Fetch {
        assert!(answer["recovered_symbols"].as_u64().unwrap() > 0, "{answer}");
    }
    println!("{errand:?}, {} MiB, {fec}: {peak} KiB at most; {answer}", length / MIB);
    peak
}

#[test]
fn a_small_object_is_fetched_with_repair_in_the_memory_that_is_allowed() {
    let peak = peak_kib(Errand::Fetch, 3 * MIB + 1, Choice::Rs16, 50);
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
        let peak = peak_kib(Errand::Fetch, length, fec, loss);
        assert!(peak <= 16 * KIB, "{length} bytes, {fec}: {peak} KiB");
    }
}

#[test]
fn a_small_release_is_installed_in_the_memory_that_is_allowed() {
    let peak = peak_kib(Errand::BootTrusting, 3 * MIB + 1, Choice::Rs16, 50);
    assert!(peak <= 16 * KIB, "{peak} KiB");
}

#[test]
#[ignore = "two minutes in a release build: cargo test --release -p stbcast-receiver --test memory_io -- --ignored --nocapture"]
fn a_release_of_a_gibibyte_is_installed_in_the_memory_that_is_allowed() {
    for (fec, loss) in [(Choice::Rs16, 50), (Choice::Rs8, 50)] {
        let peak = peak_kib(Errand::BootTrusting, 1_024 * MIB, fec, loss);
        assert!(peak <= 16 * KIB, "{fec}: {peak} KiB");
    }
}
