//! Boxes that trust: the real headend, the real box, and a stranger between them.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use stbcast_release::{Object, ObjectKind};

use super::harness::{DEADLINE, Program, Site, hear, join, noise, receiver, run};
use super::operator::{self, MODEL, on_air, permit, release, root, root_with, sign};
use super::signing::Desk;

const IMAGE_BYTES: usize = 400_000;

/// A headend with one image on a channel with repair symbols, and what its operator signed.
pub(super) struct Station {
    pub(super) site: Site,
    pub(super) announce: String,
    pub(super) group: String,
    statements: String,
}

impl Station {
    pub(super) fn new(image: u64, kbps: u32) -> Self {
        let mut site = Site::new();
        let announce = site.announce();
        let group = site.channel("images", kbps, 1_400);
        site.repair("ratio = 0.2");
        site.object("boot", "boot.img", "");
        site.file("boot.img", &noise(image, IMAGE_BYTES));
        site.file("1.root.cose", &root(1));
        let statements = "[trust]\nroots = [\"1.root.cose\"]\n".to_owned();
        site.add(&statements);
        Self { site, announce, group, statements }
    }

    pub(super) fn objects(&self) -> Vec<Object> {
        vec![on_air(&self.site, "boot", ObjectKind::Image)]
    }

    /// Signs what is on air as release `number` and puts it into the line-up.
    pub(super) fn sign(&mut self, number: u64) -> Vec<u8> {
        let bytes = sign(&release(number, self.objects()));
        let name = format!("{number}.release.cose");
        self.site.file(&name, &bytes);
        self.announce(&format!("roots = [\"1.root.cose\"]\nreleases = [\"{name}\"]"));
        bytes
    }

    /// Another image on air, and release `number` of it.
    pub(super) fn upgrade(&mut self, image: u64, number: u64) -> Vec<u8> {
        self.site.file("boot.img", &noise(image, IMAGE_BYTES));
        self.sign(number)
    }

    /// What is announced from the next line-up on.
    pub(super) fn announce(&mut self, trust: &str) {
        let statements = format!("[trust]\n{trust}\n");
        self.site.replace(&self.statements, &statements);
        self.statements = statements;
        self.site.write();
    }

    pub(super) fn reload(&self, headend: &mut Program, number: u32) {
        headend.signal(Signal::HUP);
        headend.wait_for(&format!("line-up {number} is on air"));
    }

    /// A box of this store with what `more` says, begun.
    pub(super) fn start(&self, store: &str, more: &[&str]) -> Program {
        let mut command = receiver();
        command.args(["boot", "--interface", "127.0.0.1", "--json", "--announce", &self.announce]);
        command.args(["--bootcast-id", MODEL, "--serial", "1931690851", "--timeout", "2"]);
        command.args(["--attempts", "1", "--hardware", "3", "--store"]).arg(self.site.path(store));
        command.arg("--trust").arg(self.site.path("1.root.cose")).args(more);
        Program::start(&mut command)
    }

    /// The same to its end: its code and its answer.
    pub(super) fn boot(&self, store: &str, more: &[&str]) -> (i32, Value) {
        let (code, stdout) = self.start(store, more).finish();
        (code, answer(&stdout))
    }

    /// What a verb of the box's program answers.
    pub(super) fn verb(&self, verb: &str, store: &str) -> Value {
        let output = run(receiver().args([verb, "--json", "--store"]).arg(self.site.path(store)));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{verb}: {stdout}");
        answer(&stdout)
    }

    /// What is booted next: the release, whether it is on trial, and its image.
    #[track_caller]
    pub(super) fn assert_boots(&self, store: &str, number: u64, on_trial: bool, image: u64) {
        let slots = self.verb("slots", store);
        let boots = &slots["boots"];
        assert_eq!(
            (&boots["number"], &boots["on_trial"]),
            (&number.into(), &on_trial.into()),
            "{slots}"
        );
        let held = std::fs::read(boots["file"].as_str().unwrap()).unwrap();
        assert!(held == noise(image, IMAGE_BYTES), "the bytes differ");
    }

    #[track_caller]
    fn assert_nothing_installed(&self, store: &str) {
        let slots = self.verb("slots", store);
        assert_eq!(slots["boots"], Value::Null, "{slots}");
        assert!(slots["trial"].is_null() && slots["committed"].is_null(), "{slots}");
    }
}

/// How many statements were refused for a reason.
fn refused(told: &Value, reason: &str) -> u64 {
    let all = told["refused"].as_array().unwrap();
    let one = all.iter().find(|it| it["reason"] == reason);
    one.map_or(0, |it| it["count"].as_u64().unwrap())
}

pub(super) fn answer(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error} in {stdout}"))
}

#[test]
fn what_the_operator_signed_is_booted_on_trial_committed_and_not_fetched_again() {
    let mut station = Station::new(1, 20_000);
    station.sign(42);
    let mut headend = station.site.serve(&[]);
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told["outcome"], "armed");
    station.assert_boots("box", 42, true, 1);
    assert_eq!(station.verb("commit", "box")["committed"], 42);
    station.assert_boots("box", 42, false, 1);
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"], &told["fetched_bytes"]), (0, &"held".into(), &0.into()));
    station.assert_boots("box", 42, false, 1);
    // The next one goes into the other bank.
    station.upgrade(2, 43);
    station.reload(&mut headend, 2);
    let before = station.verb("slots", "box")["active"].clone();
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    station.assert_boots("box", 43, true, 2);
    station.verb("commit", "box");
    assert_ne!(station.verb("slots", "box")["active"], before);
    // Without a headend it boots what it has.
    drop(headend);
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"]), (0, &"silent".into()), "{told}");
    station.assert_boots("box", 43, false, 2);
}

#[test]
fn all_of_it_is_done_with_the_programs_alone() {
    let mut desk = Desk::new();
    let release = desk.build(7, &["--splash", "splash-1113"]);
    let trust = format!("[trust]\nroots = [\"1.root.cose\"]\nreleases = [\"{release}\"]\n");
    desk.site.add(&trust);
    let line_up = desk.site.write();
    let shown = desk.fine(&["check", "lineup.toml"]);
    assert!(shown.contains("signed for boxes of `example` under root 1"), "{shown}");
    let _headend = desk.site.serve_file(&line_up, &[]);
    let text = std::fs::read_to_string(&line_up).unwrap();
    let announce = text.lines().find_map(|line| line.strip_prefix("announce = ")).unwrap();
    let mut command = receiver();
    command.args(["boot", "--bootcast-id", "arris-vip1113", "--hardware", "1", "--json"]);
    command.args(["--interface", "127.0.0.1", "--announce", announce.trim_matches('"')]);
    command.arg("--trust").arg(desk.site.path("1.root.cose"));
    let output = run(command.arg("--store").arg(desk.site.path("box")));
    assert!(output.status.success(), "{output:?}");
    let slots = run(receiver().args(["slots", "--json", "--store"]).arg(desk.site.path("box")));
    let slots = answer(&String::from_utf8(slots.stdout).unwrap());
    assert_eq!((&slots["boots"]["number"], &slots["boots"]["on_trial"]), (&7.into(), &true.into()));
    let bank = &slots[slots["boots"]["bank"].as_str().unwrap().to_lowercase()];
    let parts = bank["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2, "image and splash: {slots}");
    for part in parts {
        let name = if part["part"] == "image" { "image.bin" } else { "splash.bin" };
        let held = std::fs::read(part["file"].as_str().unwrap()).unwrap();
        assert!(held == std::fs::read(desk.site.path(name)).unwrap(), "{part}");
    }
}

#[test]
fn a_box_of_another_operator_installs_nothing() {
    let mut station = Station::new(3, 20_000);
    station.sign(42);
    let _headend = station.site.serve(&[]);
    let theirs = operator::root_of("other-tv", 7);
    station.site.file("other.root.cose", &theirs);
    let mut command = receiver();
    command.args(["boot", "--interface", "127.0.0.1", "--json", "--announce", &station.announce]);
    command.args(["--bootcast-id", MODEL, "--timeout", "2", "--attempts", "1", "--hardware", "3"]);
    command.arg("--store").arg(station.site.path("box"));
    let output = run(command.arg("--trust").arg(station.site.path("other.root.cose")));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = answer(&String::from_utf8(output.stdout).unwrap());
    assert!(told["outcome"] == "nothing_usable" && refused(&told, "unknown_key") == 1, "{told}");
    station.assert_nothing_installed("box");
}

#[test]
fn a_box_of_another_model_or_hardware_installs_nothing() {
    let mut station = Station::new(4, 20_000);
    station.sign(42);
    let _headend = station.site.serve(&[]);
    for more in [["--bootcast-id", "vip4302"], ["--hardware", "10"]] {
        let mut command = receiver();
        command.args([
            "boot",
            "--interface",
            "127.0.0.1",
            "--json",
            "--announce",
            &station.announce,
        ]);
        command.args(["--timeout", "2", "--attempts", "1"]);
        if more[0] == "--hardware" {
            command.args(["--bootcast-id", MODEL]);
        } else {
            command.args(["--hardware", "3"]);
        }
        command.args(more).arg("--store").arg(station.site.path("box"));
        let output = run(command.arg("--trust").arg(station.site.path("1.root.cose")));
        assert_eq!(output.status.code(), Some(1), "{more:?}: {output:?}");
        let told = answer(&String::from_utf8(output.stdout).unwrap());
        let reason = if more[0] == "--hardware" { "hardware" } else { "model" };
        assert!(refused(&told, reason) == 1, "{told}");
        station.assert_nothing_installed("box");
    }
}

/// Somebody on the network who sends these datagrams to a group, again and again, until dropped.
pub(super) struct Stranger {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    pub(super) fn sends(group: &str, datagrams: Vec<Vec<u8>>, each: Duration) -> Self {
        let group: SocketAddrV4 = group.parse().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        socket.set_multicast_ttl_v4(0).unwrap();
        let (socket, stop) = (UdpSocket::from(socket), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let end = Instant::now() + DEADLINE;
            while !told.load(Ordering::Relaxed) && Instant::now() < end {
                for datagram in &datagrams {
                    let _ = socket.send_to(datagram, group);
                }
                std::thread::sleep(each);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The datagram of a statement as a headend would send it, under another number.
pub(super) fn datagram(statement: &[u8], toi: u32) -> Vec<u8> {
    use stbcast_flute::fdt::File;
    use stbcast_flute::{AnnounceSession, DEFAULT_TSI, FdtSettings, Statement, Step};
    use stbcast_object::Micros;
    let wall = Micros::from_secs(operator::now());
    let statement =
        Statement::new(File::new("release:99", toi).unwrap(), statement.into()).unwrap();
    let settings = FdtSettings::new(DEFAULT_TSI);
    let mut session = AnnounceSession::new(settings, Vec::new(), wall).unwrap();
    session.set(Vec::new(), vec![statement], wall).unwrap();
    let mut last = Vec::new();
    while let Step::Fdt(bytes) = session.next(Micros::ZERO, wall) {
        last = bytes;
    }
    last
}

#[test]
fn statements_of_a_stranger_beside_the_true_ones_change_nothing() {
    let mut station = Station::new(5, 20_000);
    let signed = station.sign(42);
    let headend = station.site.serve(&[]);
    let mut forged = Vec::new();
    // A higher one by a key of his own.
    let higher = release(99, station.objects()).sign(&operator::key(66)).unwrap();
    forged.push(datagram(&higher, 0x1001));
    // The true one with each of a few bytes changed, and cut.
    for (number, place) in (0..8).zip((0..signed.len()).step_by(signed.len() / 8)) {
        let mut bytes = signed.clone();
        bytes[place] ^= 1;
        forged.push(datagram(&bytes, 0x2000 + number));
    }
    forged.push(datagram(&signed[..signed.len() - 1], 0x3000));
    let _stranger = Stranger::sends(&station.announce, forged, Duration::from_millis(20));
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    station.assert_boots("box", 42, true, 5);
    // One by a key of his own, one whose signature has a changed byte, one cut, and the others.
    assert!(refused(&told, "unknown_key") >= 1 && refused(&told, "signature") >= 1, "{told}");
    let all = told["refused"].as_array().unwrap().iter().map(|it| it["count"].as_u64().unwrap());
    assert_eq!(all.sum::<u64>(), 10, "{told}");
    drop(headend);
}

#[test]
fn an_image_that_is_not_the_signed_one_is_not_installed_whoever_sends_it() {
    let mut station = Station::new(6, 20_000);
    let signed = station.sign(42);
    // The true statement, heard once and sent on by a stranger, and another image where it says.
    let statement = datagram(&signed, 0x1001);
    let mut forger = Site::new();
    forger.channel("images", 20_000, 1_400);
    let (line, group) = (station.group.clone(), forger_group(&forger));
    forger.replace(&group, &line);
    forger.object("boot", "boot.img", "");
    forger.file("boot.img", &noise(66, IMAGE_BYTES));
    let _forger = forger.serve(&[]);
    let _stranger = Stranger::sends(&station.announce, vec![statement], Duration::from_millis(200));
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"], &told["release"]), (1, &"failed".into(), &42.into()));
    assert!(told["why"].as_str().unwrap().contains("image: "), "{told}");
    station.assert_nothing_installed("box");
    // The true image comes, too late for that boot.
    drop(_forger);
    let _headend = station.site.serve(&[]);
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    station.assert_boots("box", 42, true, 6);
}

fn forger_group(site: &Site) -> String {
    let text = std::fs::read_to_string(site.write()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("group = \"")).unwrap();
    line.trim_end_matches('"').to_owned()
}

#[test]
fn a_higher_release_that_comes_in_the_middle_of_a_download_is_the_one_that_is_installed() {
    // About four seconds for a cycle.
    let mut station = Station::new(7, 900);
    station.sign(42);
    let mut headend = station.site.serve(&[]);
    let images = join(&station.group);
    let mut program = station.start("box", &[]);
    program.wait_for("42");
    hear(&images, 60);
    station.upgrade(8, 43);
    station.reload(&mut headend, 2);
    let (code, stdout) = program.finish();
    assert_eq!(code, 0, "{stdout}");
    station.assert_boots("box", 43, true, 8);
}

#[test]
fn keys_are_changed_on_air() {
    let mut station = Station::new(9, 20_000);
    // The second root has another root key and another release key.
    station.site.file("2.root.cose", &root_with(2, 120));
    let bytes = release(42, station.objects()).sign(&operator::key(120)).unwrap();
    station.site.file("42.release.cose", &bytes);
    station
        .announce("roots = [\"1.root.cose\", \"2.root.cose\"]\nreleases = [\"42.release.cose\"]");
    let mut headend = station.site.serve(&[]);
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    station.assert_boots("box", 42, true, 9);
    station.verb("commit", "box");
    // It remembers the second root: what the first one's release key signs is nothing any more.
    station.site.file("boot.img", &noise(10, IMAGE_BYTES));
    let old_key = sign(&release(43, station.objects()));
    station.site.file("43.release.cose", &old_key);
    station.announce("roots = [\"1.root.cose\"]\nreleases = [\"43.release.cose\"]");
    station.reload(&mut headend, 2);
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["root"]), (0, &2.into()), "it boots what it has: {told}");
    assert_eq!(refused(&told, "unknown_key"), 1, "{told}");
    station.assert_boots("box", 42, false, 9);
}

#[test]
fn a_box_goes_back_with_a_permit_alone() {
    let mut station = Station::new(11, 20_000);
    let old = station.sign(42);
    let mut headend = station.site.serve(&[]);
    station.boot("box", &[]);
    station.verb("commit", "box");
    station.upgrade(12, 43);
    station.reload(&mut headend, 2);
    station.boot("box", &[]);
    station.verb("commit", "box");
    station.assert_boots("box", 43, false, 12);
    // The old one on air alone.
    station.site.file("boot.img", &noise(11, IMAGE_BYTES));
    station.announce("roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]");
    station.reload(&mut headend, 3);
    let (code, told) = station.boot("box", &[]);
    assert!(code == 0 && refused(&told, "rollback") == 1, "{told}");
    station.assert_boots("box", 43, false, 12);
    station.site.file("back.cose", &permit(43, 42, &old));
    station.announce(
        "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]\npermits = [\"back.cose\"]",
    );
    station.reload(&mut headend, 4);
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    station.assert_boots("box", 42, true, 11);
    assert_eq!(station.verb("commit", "box")["committed"], 42);
}

#[test]
fn a_release_whose_trial_fails_twice_is_not_installed_a_third_time() {
    let mut station = Station::new(13, 20_000);
    station.sign(42);
    let mut headend = station.site.serve(&[]);
    station.boot("box", &[]);
    station.verb("commit", "box");
    station.upgrade(14, 43);
    station.reload(&mut headend, 2);
    for _ in 0..2 {
        let (code, told) = station.boot("box", &[]);
        assert_eq!(code, 0, "{told}");
        station.assert_boots("box", 43, true, 14);
        station.verb("rollback", "box");
        station.assert_boots("box", 42, false, 13);
    }
    let (code, told) = station.boot("box", &[]);
    assert!(code == 0 && refused(&told, "denied") == 1, "{told}");
    station.assert_boots("box", 42, false, 13);
}
