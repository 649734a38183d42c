//! Programs of other people as peers: an Infocast sender and receiver written from the public facts
//! alone (`tests/peer/infocast_peer.py`), tshark, a real kernel image, real interfaces. A program
//! that is missing is a failure: `.ci/run` installs them all.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::end_to_end::{json, sha256};
use super::harness::{Program, Site, free_group, noise, receiver, run};

fn peer(verb: &str, group: &str) -> Command {
    let (address, port) = group.split_once(':').unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/infocast_peer.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(verb).args([
        "--group",
        address,
        "--port",
        port,
        "--interface",
        "127.0.0.1",
    ]);
    command
}

#[test]
fn the_peer_computes_every_check_of_the_catalogue() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/infocast_peer.py");
    assert!(run(Command::new("python3").arg(script).arg("self-test")).status.success());
}

#[test]
fn the_peer_receives_what_our_headend_sends_with_every_precoding() {
    let image = noise(1, 300_000);
    // Precoding, our check, the peer's words for it.
    let table = [
        ("\"none\"", "", None),
        ("0", "", None),
        ("\"crc16\"", "", Some(("xmodem", "payload", "big"))),
        (
            "2",
            "crc = { algorithm = \"crc16-sun\", coverage = \"header\" }",
            Some(("sun", "header", "big")),
        ),
        ("\"crc32\"", "", Some(("iso-hdlc", "payload", "big"))),
        (
            "4",
            "crc = { algorithm = \"crc32-mpeg-2\", coverage = \"object\" }",
            Some(("mpeg-2", "object", "big")),
        ),
        ("0x4000", "crc = { byte_order = \"little\" }", Some(("iso-hdlc", "payload", "little"))),
    ];
    for (precoding, crc, words) in table {
        let mut site = Site::new();
        let group = site.channel("images", 20_000, 1_400);
        site.object("boot", "boot.img", &format!("precoding = {precoding}\n{crc}\ntype = 5"));
        site.file("boot.img", &image);
        let _headend = site.serve(&[]);
        let mut command = peer("receive", &group);
        command.args(["--name", "boot", "--output"]).arg(site.path("out"));
        if let Some((algorithm, coverage, order)) = words {
            command.args([
                "--crc-algorithm",
                algorithm,
                "--crc-coverage",
                coverage,
                "--crc-order",
                order,
            ]);
        }
        let (code, stdout) = Program::start(&mut command).finish();
        let summary = json(&stdout);
        assert_eq!(code, 0, "{precoding} {crc}: {summary}");
        assert_eq!(summary["sha256"], sha256(&image));
        assert_eq!(summary["header_violations"], serde_json::json!([]), "{precoding}");
        assert_eq!(
            (summary["type"].as_u64(), summary["dynamic_info"].as_u64()),
            (Some(5), Some(0))
        );
        assert_eq!(words.is_some(), summary["trailer_checked"].as_u64().unwrap() > 0);
    }
}

fn fetch_from_peer(arguments: &[&str], bytes: &[u8]) -> serde_json::Value {
    let site = Site::new();
    let group = free_group();
    let source = site.file("source", bytes);
    let object = format!("image={}", source.display());
    let mut sender = Program::start(
        peer("send", &group)
            .args(["--object", &object, "--gap-us", "100", "--seconds", "50"])
            .args(arguments),
    );
    sender.wait_for("ready");
    let fetched = run(receiver()
        .args([
            "fetch",
            &format!("infocast://{group}/image"),
            "--interface",
            "127.0.0.1",
            "--json",
            "--output",
        ])
        .arg(site.path("out")));
    let summary = json(&String::from_utf8(fetched.stdout).unwrap());
    assert_eq!(fetched.status.code(), Some(0), "{arguments:?}: {summary}");
    assert!(std::fs::read(site.path("out")).unwrap() == bytes, "{arguments:?}: the bytes differ");
    summary
}

#[test]
fn our_box_receives_what_the_peer_sends_with_every_precoding_and_extension() {
    let image = noise(2, 120_000);
    for precoding in ["0", "1", "2", "3", "4", "0x4000"] {
        for extension in ["0", "1", "2", "3"] {
            let summary = fetch_from_peer(
                &["--precoding", precoding, "--extension", extension, "--low-bits", "77"],
                &image,
            );
            let checked = summary["check"].as_str().is_some_and(|check| check.starts_with("crc"));
            assert_eq!(
                checked,
                matches!(precoding, "2" | "4" | "0x4000"),
                "{precoding}: {summary}"
            );
        }
    }
}

#[test]
fn our_box_learns_every_check_the_peer_can_make() {
    let image = noise(3, 60_000);
    let table = [
        ("2", "sun"),
        ("2", "kermit"),
        ("2", "umts"),
        ("4", "jamcrc"),
        ("4", "bzip2"),
        ("0x4000", "mpeg-2"),
    ];
    for (precoding, algorithm) in table {
        for (coverage, order) in [("payload", "little"), ("header", "big"), ("object", "little")] {
            let summary = fetch_from_peer(
                &[
                    "--precoding",
                    precoding,
                    "--crc-algorithm",
                    algorithm,
                    "--crc-coverage",
                    coverage,
                    "--crc-order",
                    order,
                ],
                &image,
            );
            let check = summary["check"].as_str().unwrap_or_default();
            assert!(check.contains(algorithm), "{algorithm} {coverage} {order}: {summary}");
        }
    }
}

#[test]
fn our_box_takes_unequal_slices_losses_and_objects_of_any_length() {
    for length in [0, 1, 1_024, 100_000] {
        let bytes = noise(4, length);
        fetch_from_peer(&["--unequal", "--extension", "1"], &bytes);
        fetch_from_peer(&["--drop-every", "7", "--precoding", "4"], &bytes);
    }
}

#[test]
fn the_peer_boots_our_box() {
    let site = Site::new();
    let [metadata, images] = [free_group(), free_group()];
    let text =
        format!("bc_kernel_addr {images}\r\nbc_kernel_name software\r\nbc_kernel_version 7\r\n");
    let control = site.file("control", text.as_bytes());
    let image = noise(5, 200_000);
    let source = site.file("image", &image);
    let start = |group: &str, object: String, more: &[&str]| {
        let mut sender = Program::start(
            peer("send", group).args(["--object", &object, "--seconds", "50"]).args(more),
        );
        sender.wait_for("ready");
        sender
    };
    let _metadata = start(
        &metadata,
        format!("some-model={}", control.display()),
        &["--type", "4", "--slice-bytes", "32"],
    );
    let _images = start(
        &images,
        format!("software={}", source.display()),
        &["--type", "5", "--precoding", "2"],
    );
    let booted = run(receiver()
        .args([
            "boot",
            "--bootcast-id",
            "some-model",
            "--metadata",
            &metadata,
            "--interface",
            "127.0.0.1",
            "--json",
            "--store",
        ])
        .arg(site.path("store")));
    let summary = json(&String::from_utf8(booted.stdout).unwrap());
    assert_eq!(summary["booted"]["sha256"], sha256(&image), "{summary}");
    assert_eq!(summary["booted"]["version"], "7");
}

#[test]
fn a_recording_opens_in_tshark() {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(6, 50_000));
    let _headend = site.serve(&[]);
    let recording = site.path("recording.pcap");
    let listened = run(receiver()
        .args([
            "listen",
            &group,
            "--interface",
            "127.0.0.1",
            "--seconds",
            "1",
            "--json",
            "--record",
        ])
        .arg(&recording));
    let summary = json(&String::from_utf8(listened.stdout).unwrap());
    let read = run(Command::new("tshark").arg("-r").arg(&recording).args([
        "-T",
        "fields",
        "-e",
        "ip.dst",
        "-e",
        "udp.dstport",
        "-e",
        "udp.length",
        "-e",
        "_ws.malformed",
    ]));
    let text = String::from_utf8(read.stdout).unwrap();
    let (address, port) = group.split_once(':').unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len() as u64, summary["datagrams"].as_u64().unwrap());
    let expected = format!("{address}\t{port}\t{}\t", 8 + 44 + 1_000);
    assert!(lines.iter().all(|line| *line == expected), "{}", lines[0]);
}

/// A real boot image: `.ci/run` takes it out of a Debian package.
fn kernel() -> (PathBuf, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/vmlinuz");
    let bytes = std::fs::read(&path);
    let bytes = bytes
        .unwrap_or_else(|error| panic!("{}: {error}; `.ci/run peers` fetches it", path.display()));
    (path, bytes)
}

#[test]
fn a_real_kernel_boots_a_box_from_a_vendor_directory() {
    let (_, kernel) = kernel();
    let (summary, listened) = super::end_to_end::vendor_directory(&kernel, 60_000);
    assert_eq!(summary["booted"]["sha256"], sha256(&kernel), "{summary}");
    let sizes: Vec<_> =
        listened.iter().map(|channel| channel["objects"][0]["bytes"].as_u64().unwrap()).collect();
    assert_eq!(sizes[1], kernel.len() as u64);
}
