//! `fetch` of an object that a server has, over real sockets on the loopback interface.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use air::{DEADLINE, assert_code, files, json, program, sha256, stderr, stdout};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use servers::http::{Act, HttpServer, answer, good};
use servers::object;
use servers::tftp::{Fate, Manners, TftpServer};
use sha2::Digest;

const ETAG: &str = "\"one\"";

/// A directory with an older object in it.
struct Slot(tempfile::TempDir);

impl Slot {
    fn new() -> Self {
        let slot = Self(tempfile::tempdir().unwrap());
        fs::write(slot.path(), "an older object").unwrap();
        slot
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("object")
    }

    fn fetch(&self, url: &str, more: &[&str]) -> Output {
        let path = self.path();
        program(&[&["fetch", url, "--output", path.to_str().unwrap()], more].concat())
    }

    #[track_caller]
    fn assert_holds(&self, bytes: &[u8]) {
        assert!(fs::read(self.path()).unwrap() == bytes);
        self.assert_nothing_else();
    }

    #[track_caller]
    fn assert_untouched(&self) {
        self.assert_holds(b"an older object");
    }

    #[track_caller]
    fn assert_nothing_else(&self) {
        assert_eq!(files(self.0.path()), ["object"]);
    }
}

fn digest_field(bytes: &[u8]) -> String {
    let digest = BASE64_STANDARD.encode(sha2::Sha256::digest(bytes));
    format!("Repr-Digest: sha-256=:{digest}:")
}

#[test]
fn an_object_of_a_web_server_is_put_in_place_and_its_figures_are_told() {
    let (slot, image) = (Slot::new(), object(1_000_000));
    let server = HttpServer::of_object(image.clone(), ETAG);
    let done = slot.fetch(&server.url("/image"), &[]);
    assert_code(&done, 0);
    slot.assert_holds(&image);
    let text = stdout(&done);
    for wanted in [
        &format!("{} is in ", server.url("/image")),
        "bytes     1000000\n",
        &sha256(&image),
        "attempts  1\n",
        "unverified: no digest is announced",
        "servers   1000000 bytes in 1 request\n",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    assert!(!text.contains("received") && !text.contains("cycles"), "{text}");
}

#[test]
fn an_object_that_is_cut_goes_on_and_its_digest_is_proven() {
    let (slot, image) = (Slot::new(), object(500_000));
    let server = HttpServer::start({
        let image = image.clone();
        move |asked| {
            let mut all = good(asked, &image, ETAG);
            let end = all.windows(2).position(|line| line == b"\r\n").unwrap();
            all.splice(end..end, format!("\r\n{}", digest_field(&image)).into_bytes());
            match asked.number {
                0 => vec![Act::Send(all[..200_000].to_vec()), Act::Close],
                _ => vec![Act::Send(all)],
            }
        }
    });
    let done = slot.fetch(&server.url("/image"), &["--json", "--timeout", "5"]);
    assert_code(&done, 0);
    slot.assert_holds(&image);
    let told = json(&done);
    assert_eq!(told["check"], "SHA-256 as announced");
    assert_eq!((&told["bytes"], &told["http_bytes"]), (&500_000.into(), &500_000.into()));
    assert_eq!((&told["requests"], &told["attempts"]), (&2.into(), &2.into()));
    assert_eq!(told["tftp_bytes"], 0);
    let told = stderr(&done);
    assert!(told.contains("asked again in 1.") && told.contains(" s, from byte 199"), "{told}");
    let asked = server.asked();
    let first = asked[1].range().unwrap().0;
    assert!((199_000..200_000).contains(&first), "{first}");
    assert_eq!(asked[1].field("if-range"), Some(ETAG));
}

#[test]
fn an_object_that_changes_while_it_is_fetched_is_fetched_anew() {
    let (slot, old, new) = (Slot::new(), object(500_000), object(400_000));
    let server = HttpServer::start({
        let new = new.clone();
        move |asked| match asked.number {
            0 => vec![Act::Send(good(asked, &old, ETAG)[..200_000].to_vec()), Act::Close],
            _ => vec![Act::Send(good(asked, &new, "\"two\""))],
        }
    });
    let digest = sha256(&new);
    let done = slot.fetch(&server.url("/image"), &["--sha256", &digest]);
    assert_code(&done, 0);
    slot.assert_holds(&new);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_server_without_time_is_asked_again_when_it_says() {
    let (slot, image) = (Slot::new(), object(10_000));
    let server = HttpServer::start({
        let image = image.clone();
        move |asked| {
            let busy = ["Retry-After: 2", "Content-Length: 0"];
            vec![Act::Send(match asked.number {
                0 => answer("503 Service Unavailable", &busy, b""),
                _ => good(asked, &image, ETAG),
            })]
        }
    });
    let began = Instant::now();
    let done = slot.fetch(&server.url("/"), &["--attempts", "1"]);
    assert_code(&done, 0);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    slot.assert_holds(&image);
    assert!(stderr(&done).contains("the server is busy for 2 s; asked again in 2.000 s"));

    let server = HttpServer::start(|_| {
        let busy = ["Retry-After: 2", "Content-Length: 0"];
        vec![Act::Send(answer("503 Service Unavailable", &busy, b""))]
    });
    let done = Slot::new().fetch(&server.url("/"), &["--busy", "1", "--json"]);
    assert_code(&done, 1);
    assert!(json(&done)["error"].as_str().unwrap().contains("wants to be asked again in 2.000 s"));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_cannot_be_had_leaves_the_old_object_and_says_why() {
    let server = HttpServer::start(|asked| {
        let none = ["Content-Length: 0"];
        vec![Act::Send(match asked.path() {
            "/loop" => answer("302 Found", &["Location: /loop", none[0]], b""),
            "/empty" => answer("200 OK", &none, b""),
            _ => answer("404 Not Found", &none, b""),
        })]
    });
    let other = "0".repeat(64);
    for (path, more, why) in [
        ("/none", &[][..], "the server answered with status 404"),
        ("/loop", &[], "more than 3 redirects"),
        ("/empty", &["--sha256", &other, "--attempts", "1"], "never what is announced"),
    ] {
        let slot = Slot::new();
        let failed = slot.fetch(&server.url(path), &[more, &["--json"]].concat());
        assert_code(&failed, 1);
        slot.assert_untouched();
        let told = json(&failed);
        let error = told["error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
        assert_eq!(told["requests"], told["attempts"]);
    }
}

#[test]
fn what_has_no_meaning_for_a_server_is_a_wrong_question() {
    let url = "http://127.0.0.1:1/image";
    let digest = "0".repeat(64);
    for arguments in [
        &[url, "--announce", "239.255.1.1"][..],
        &[url, "--repair", "239.255.1.1"],
        &[url, "--source", "127.0.0.1"],
        &["infocast://239.255.1.1/image", "--sha256", &digest],
        &[url, "--sha256", "abc"],
        &[url, "--sha256", &"g".repeat(64)],
        &[url, "--busy", "86401"],
        &["tftp://127.0.0.1/image", "--tftp-block", "7"],
        &["https://127.0.0.1/image"],
        &["http://user:secret@127.0.0.1/image"],
        &["tftp://127.0.0.1/"],
    ] {
        let refused = program(&[&["fetch", "--output", "/nonexistent/object"], arguments].concat());
        assert_code(&refused, 2);
        assert!(stdout(&refused).is_empty());
    }
}

#[test]
fn the_environment_has_no_say() {
    let (slot, image) = (Slot::new(), object(1_000));
    let server = HttpServer::of_object(image.clone(), ETAG);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"));
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let path = slot.path();
    command.args(["fetch", &server.url("/"), "--output", path.to_str().unwrap()]);
    let done = command.output().unwrap();
    assert_code(&done, 0);
    slot.assert_holds(&image);
}

#[test]
fn a_file_of_a_tftp_server_is_put_in_place_over_a_network_that_loses() {
    let (slot, image) = (Slot::new(), object(300_000));
    let network = |number| if number % 100 == 9 { Fate::Lose } else { Fate::Arrive };
    let server = TftpServer::start([("pub/image", image.clone())], Manners::default(), network);
    let digest = sha256(&image);
    let done = slot.fetch(&server.url("pub/image"), &["--json", "--sha256", &digest]);
    assert_code(&done, 0);
    slot.assert_holds(&image);
    let told = json(&done);
    assert_eq!(told["check"], "SHA-256 as announced");
    assert_eq!((&told["tftp_bytes"], &told["http_bytes"]), (&300_000.into(), &0.into()));

    let none = slot.fetch(&server.url("none"), &["--tftp-block", "512"]);
    assert_code(&none, 1);
    assert!(stderr(&none).contains("error 1: \"no such\\nfile\""), "{}", stderr(&none));
    slot.assert_holds(&image);
    assert!(!String::from_utf8_lossy(&server.requests()[1]).contains("blksize"));
}

/// Ends a program that a failed test leaves running.
struct Guard(std::process::Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program, waits until the server was asked, and interrupts it; how long it took then.
fn interrupt(url: &str, output: &Path, asked: impl Fn() -> bool) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"));
    command.args(["fetch", url, "--output", output.to_str().unwrap()]);
    let mut child = Guard(command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    while !asked() {
        assert!(began.elapsed() < DEADLINE, "it is never asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupted = Instant::now();
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    interrupted.elapsed()
}

#[test]
fn an_interrupt_ends_a_request_wherever_it_hangs() {
    let begun = answer("200 OK", &["Content-Length: 10000000"], b"begun");
    let flood = Act::Endless(vec![7; 1 << 16], Duration::from_millis(1));
    for acts in [
        vec![Act::Silence],
        vec![Act::Send(begun.clone()), Act::Silence],
        vec![Act::Send(answer("200 OK", &[], b"")), flood],
    ] {
        let slot = Slot::new();
        let server = HttpServer::start(move |_| acts.clone());
        let took = interrupt(&server.url("/"), &slot.path(), || !server.asked().is_empty());
        assert!(took < Duration::from_secs(5), "{took:?}");
        slot.assert_untouched();
    }
}
