//! Signed statements as they are on air: where, when, and when not.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use stbcast_flute::{Event, Session};
use stbcast_release::ObjectKind;

use super::harness::{
    Program, Site, free_group, headend, hear, join, metrics, noise, receiver, run,
};
use super::operator::{on_air, permit, release, root, sign, trusting};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The next statement of an announce session, by its name.
pub(crate) struct Ear {
    socket: UdpSocket,
    session: Session,
}

impl Ear {
    pub(crate) fn new(group: &str) -> Self {
        Self { socket: join(group), session: Session::new(None) }
    }

    /// What the next datagram carries: a statement, or nothing of that kind.
    fn next(&mut self) -> Option<(String, Vec<u8>)> {
        let datagram = hear(&self.socket, 1).remove(0);
        let event = self.session.push(HOST, &datagram, None).expect("a sound datagram");
        let Event::Symbol(received) = event else { return None };
        // Who joins in the middle of a pass hears statements before their description.
        let described = self.session.table().get(received.key)?;
        Some((described.file.location.as_str().to_owned(), received.bytes.to_vec()))
    }

    /// Waits for a statement of this name.
    pub(crate) fn wait_for(&mut self, name: &str) -> Vec<u8> {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            match self.next() {
                Some((heard, bytes)) if heard == name => return bytes,
                _ => {}
            }
        }
        panic!("no {name} in 30 s");
    }

    /// Names of the statements that come in the next `span`.
    pub(crate) fn names(&mut self, span: Duration) -> Vec<String> {
        let end = Instant::now() + span;
        let mut names = Vec::new();
        while Instant::now() < end {
            names.extend(self.next().map(|(name, _)| name));
        }
        names
    }
}

/// A line-up with one image of `bytes`, not written yet, and its announce session and channel.
fn site(image: &[u8], kbps: u32) -> (Site, String, String) {
    let mut site = Site::new();
    let announce = site.announce();
    let group = site.channel("images", kbps, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", image);
    (site, announce, group)
}

fn reload(site: &Site, headend: &mut Program, number: u32) {
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for(&format!("line-up {number} is on air"));
}

#[test]
fn statements_come_behind_each_pass_of_the_announce_session_byte_for_byte() {
    let (mut site, announce, _) = site(&noise(1, 50_000), 4_000);
    let signed = trusting(&mut site, 42);
    let mut ear = Ear::new(&announce);
    let mut headend = site.serve(&[]);
    assert!(
        headend.log.iter().any(|line| line.contains("release:42: on air")),
        "{:?}",
        headend.log
    );
    assert_eq!(ear.wait_for("root:1"), root_of(&site));
    assert_eq!(ear.wait_for("release:42"), signed);
    let names = ear.names(Duration::from_millis(3_500));
    assert!((6..=8).contains(&names.len()), "{names:?}");
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "each once a pass");
    }
    // A reload that changes nothing interrupts nothing, and no number changes.
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 0 channels change, 2 stay, 0 leave");
    let names = ear.names(Duration::from_millis(2_500));
    assert!((4..=6).contains(&names.len()), "{names:?}");
    let numbered =
        ear.session.table().iter().filter(|(_, it)| it.file.location.as_str() == "release:42");
    assert_eq!(numbered.count(), 1);
}

fn root_of(site: &Site) -> Vec<u8> {
    std::fs::read(site.path("1.root.cose")).unwrap()
}

/// What boxes of before hear of two cycles on these groups: of the metadata channel, of the images.
fn legacy_cycles(groups: &[String; 2], trusts: bool) -> [Vec<Vec<u8>>; 2] {
    let mut site = Site::new();
    site.announce();
    let metadata = site.channel("metadata", 2_000, 1_024);
    site.object("model", "{ kind = \"bootcast\", image = \"boot\", splash = \"splash\" }", "");
    let images = site.channel("images", 4_000, 1_000);
    site.repair("ratio = 0.2");
    site.object("boot", "boot.img", "precoding = \"crc32\"\nversion = \"5\"");
    site.object("splash", "splash.img", "version = \"6\"");
    site.file("boot.img", &noise(20, 300_000));
    site.file("splash.img", &noise(21, 50_001));
    site.replace(&metadata, &groups[0]);
    site.replace(&images, &groups[1]);
    if trusts {
        trusting(&mut site, 42);
    }
    let sockets = groups.clone().map(|group| join(&group));
    let headend = site.serve(&["--cycles", "2"]);
    assert_eq!(headend.finish().0, 0);
    sockets.map(|socket| {
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut buffer = [0; 2_048];
        let next = || socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec());
        std::iter::from_fn(next).collect()
    })
}

#[test]
fn boxes_of_before_hear_the_same_datagrams_with_and_without_statements() {
    let groups = [free_group(), free_group()];
    let [metadata, images] = legacy_cycles(&groups, false);
    assert!(images.len() == 2 * (300 + 51) && metadata.len() >= 2);
    let [metadata_with, images_with] = legacy_cycles(&groups, true);
    assert!(images_with == images);
    // The metadata channel goes on until the images have passed twice.
    let both = metadata.len().min(metadata_with.len());
    assert!(both >= 2 && metadata_with[..both] == metadata[..both]);
}

#[test]
fn a_box_that_knows_nothing_of_statements_fetches_what_is_announced_beside_them() {
    let image = noise(11, 300_000);
    let (mut site, announce, group) = site(&image, 4_000);
    trusting(&mut site, 42);
    let _headend = site.serve(&[]);
    let output = site.path("fetched");
    let url = format!("infocast://{group}/boot");
    let mut command = receiver();
    command.args(["fetch", &url, "--announce", &announce, "--interface", "127.0.0.1", "--json"]);
    let fetched = run(command.arg("--output").arg(&output));
    let figures: serde_json::Value = serde_json::from_slice(&fetched.stdout).unwrap();
    assert!(fetched.status.success(), "{figures}");
    assert_eq!(figures["check"], "SHA-256 as announced");
    assert!(std::fs::read(&output).unwrap() == image);
}

#[test]
fn a_release_that_is_withdrawn_is_off_the_air_within_a_second() {
    // Long enough that the line-up without it takes longer to be made.
    let (mut site, announce, _) = site(&noise(2, 200_000_000), 100_000);
    site.replace("source = \"boot.img\"\n", "source = \"boot.img\"\nprecoding = \"crc32\"\n");
    trusting(&mut site, 42);
    let mut ear = Ear::new(&announce);
    let mut headend = site.serve(&[]);
    ear.wait_for("release:42");
    site.replace("releases = [\"42.release.cose\"]\n", "");
    site.write();
    let killed = Instant::now();
    headend.signal(Signal::HUP);
    let mut last = None;
    let end = killed + Duration::from_secs(5);
    while Instant::now() < end {
        let heard = ear.next();
        if heard.is_some_and(|(name, _)| name == "release:42") {
            last = Some(killed.elapsed());
        }
    }
    println!("the last one was heard after {last:?}");
    assert!(last.is_none_or(|last| last < Duration::from_secs(1)), "{last:?}");
    headend.wait_for("release:42: withdrawn");
    assert!(ear.names(Duration::from_millis(1_500)).contains(&"root:1".to_owned()));
}

#[test]
fn a_new_release_comes_when_its_image_is_on_air_and_the_old_one_leaves_before_it_changes() {
    let (mut site, announce, group) = site(&noise(3, 100_000), 2_000);
    trusting(&mut site, 42);
    let mut headend = site.serve(&[]);
    let mut ear = Ear::new(&announce);
    ear.wait_for("release:42");
    site.file("boot.img", &noise(4, 120_000));
    let next = sign(&release(43, vec![on_air(&site, "boot", ObjectKind::Image)]));
    site.file("43.release.cose", &next);
    site.replace("\"42.release.cose\"", "\"43.release.cose\"");
    let images = join(&group);
    // When slices of the new image, of 120 slices, were first heard.
    let listen = std::thread::spawn(move || {
        loop {
            let datagram = hear(&images, 1).remove(0);
            if datagram[8..12] == [0, 0, 0, 120] {
                return Instant::now();
            }
        }
    });
    let statements = std::thread::spawn(move || {
        let (mut old, mut roots) = (None, 0);
        loop {
            match ear.next() {
                Some((name, _)) if name == "release:42" => old = Some(Instant::now()),
                Some((name, _)) if name == "root:1" => roots += 1,
                Some((name, bytes)) if name == "release:43" => {
                    return (old, roots, bytes, Instant::now());
                }
                _ => {}
            }
        }
    });
    reload(&site, &mut headend, 2);
    let changed = listen.join().unwrap();
    let (old, roots, bytes, came) = statements.join().unwrap();
    assert_eq!(bytes, next);
    assert!(came > changed, "announced {:?} before its first slice", changed - came);
    assert!(old.is_none_or(|old| old < changed), "the old one is heard behind the change");
    assert!(roots >= 1, "the root stays on air");
}

#[test]
fn an_image_that_is_not_what_was_signed_does_not_go_on_air() {
    let (mut site, announce, _) = site(&noise(5, 50_000), 4_000);
    trusting(&mut site, 42);
    let mut headend = site.serve(&[]);
    site.file("boot.img", &noise(6, 50_000));
    headend.signal(Signal::HUP);
    headend.wait_for("release 42, image `boot`: SHA-256 is signed as");
    assert!(headend.log.last().unwrap().contains("stbcast release build"), "{:?}", headend.log);
    headend.wait_for("the old line-up stays on air");
    let mut ear = Ear::new(&announce);
    ear.wait_for("release:42");
    drop(headend);
    let output = run(super::harness::headend().arg("check").arg(site.path("lineup.toml")));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("SHA-256 is signed as"), "{told}");
    let mut refused = site.start(&site.path("lineup.toml"), &[]);
    refused.wait_for("SHA-256 is signed as");
    assert_eq!(refused.finish().0, 1);
}

#[test]
fn check_prints_what_was_signed_and_what_it_costs() {
    let (mut site, _, _) = site(&noise(7, 50_000), 4_000);
    trusting(&mut site, 42);
    let output = run(headend().arg("check").arg(site.write()));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "1 objects and 2 statements announced on",
        "signed for boxes of `example-tv` under root 1",
        "release:42",
        "image for vip1113",
        "Z ",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let output = run(headend().args(["check", "--json"]).arg(site.write()));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["announce"]["statements"], 2);
    assert_eq!(plan["trust"]["statements"][1]["name"], "release:42");
}

#[test]
fn statements_are_counted() {
    let (mut site, announce, _) = site(&noise(8, 50_000), 4_000);
    trusting(&mut site, 42);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _headend = site.serve(&["--metrics", &port.to_string()]);
    let mut ear = Ear::new(&announce);
    ear.wait_for("release:42");
    ear.wait_for("release:42");
    let text = metrics(port);
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("stbcast_statements_sent_total{channel=\"announce\"}") >= 4.0);
    assert!((value("stbcast_statements ") - 2.0).abs() < 0.1);
    let days = (value("stbcast_statements_expire_timestamp_seconds")
        - super::operator::now() as f64)
        / 86_400.0;
    assert!((89.0..91.0).contains(&days), "{days} days");
}

#[test]
fn a_new_root_and_a_permit_are_on_air_beside_what_was() {
    let (mut site, announce, _) = site(&noise(9, 50_000), 4_000);
    let signed = trusting(&mut site, 42);
    let mut headend = site.serve(&[]);
    let second = root(2);
    site.file("2.root.cose", &second);
    site.replace("[\"1.root.cose\"]", "[\"1.root.cose\", \"2.root.cose\"]");
    let back = permit(43, 42, &signed);
    site.file("back.cose", &back);
    site.add("permits = [\"back.cose\"]\n");
    reload(&site, &mut headend, 2);
    let mut ear = Ear::new(&announce);
    assert_eq!(ear.wait_for("root:2"), second);
    ear.wait_for("root:1");
    let digest: String =
        stbcast_release::digest(&back).iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(ear.wait_for(&format!("permit:{}", &digest[..16])), back);
    ear.wait_for("release:42");
}

#[test]
fn what_a_refused_line_up_withdrew_is_said_again() {
    let (mut site, announce, _) = site(&noise(10, 50_000), 4_000);
    trusting(&mut site, 42);
    let mut headend = site.serve(&[]);
    let mut ear = Ear::new(&announce);
    ear.wait_for("release:42");
    site.replace("releases = [\"42.release.cose\"]\n", "");
    site.write();
    std::fs::remove_file(site.path("boot.img")).unwrap();
    headend.signal(Signal::HUP);
    headend.wait_for("release:42: withdrawn");
    headend.wait_for("release:42: on air");
    headend.wait_for("the old line-up stays on air");
    ear.wait_for("release:42");
}
