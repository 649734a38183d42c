//! Boxes that are on are told to reboot: those of KreaTV by an object, ours by a signed action.

use std::time::Duration;

use serde_json::Value;
use stbcast_bootcast::reboot::{RebootRequests, Wanted};
use stbcast_release::{Action, Order, When, digest};

use super::control::tell;
use super::harness::{Program, Site, alone, headend, hear, join, noise, receiver, run};
use super::operator::{self, CHANNEL, MODEL, OPERATOR};
use super::schedule::{hear_until, now, schedule};
use super::trust_boot::{Station, Stranger, answer, datagram};

/// The name of an object in its header.
const NAME: std::ops::Range<usize> = 12..42;

const TONIGHT: &str = "[[reboot]]\nname = \"tonight\"\n[[reboot.request]]\nimage = \"boot\"\n\
     model = \"VIP1113\"\nseverity = 1\ntimeout = 60\n\
     notification = { text = \"Reboot & upgrade?\", accept = \"Now\", postpone = \"Later\" }\n";

/// A metadata channel with the object, which follows the schedule `soon`; its group.
fn telling(wanted: &str) -> (Site, String) {
    let mut site = Site::new();
    let metadata = site.channel("metadata", 200, 1_024);
    site.object("info", "{ kind = \"bootcast\", image = \"boot\" }", "");
    let source = "{ kind = \"reboot\", reboot = \"tonight\" }";
    site.object("cmd.reboot", source, "schedule = \"soon\"");
    site.channel("images", 4_000, 1_400);
    site.object("boot", "boot.img", "version = \"5.1.1\"");
    site.file("boot.img", &noise(1, 50_000));
    site.add(&TONIGHT.replace("image = \"boot\"", wanted));
    (site, metadata)
}

#[test]
fn the_object_is_on_air_inside_its_window_alone_and_boxes_read_what_was_meant() {
    let _alone = alone();
    let (mut site, metadata) = telling("image = \"boot\"");
    let socket = join(&metadata);
    let opens = now() as i64 + 5;
    let closes = opens + 6;
    site.add(&schedule("soon", &[(opens, closes, "")]));
    let heard = hear_until(socket, closes as f64 + 3.0);
    let _headend = site.serve(&[]);
    // A box fetches it, once it is there, and finds its CRC right.
    let url = format!("infocast://{metadata}/cmd.reboot");
    let target = site.path("cmd.reboot.xml");
    let mut fetch = receiver();
    fetch.args(["fetch", &url, "--interface", "127.0.0.1", "--timeout", "15", "--output"]);
    let output = run(fetch.arg(&target));
    assert!(output.status.success(), "{output:?}");
    let document = std::fs::read(&target).unwrap();
    let requests = RebootRequests::parse(&document).unwrap();
    assert_eq!(requests.write().unwrap().as_bytes(), document, "byte for byte");
    let [request] = requests.requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request.wanted, Wanted::Version("5.1.1".to_owned()));
    assert_eq!(request.notification.as_ref().unwrap().text, "Reboot & upgrade?");
    read_by_others(&document);
    let heard = heard.join().unwrap();
    let is_it = |datagram: &[u8]| datagram[NAME].starts_with(b"cmd.reboot\0");
    let times: Vec<f64> = heard.iter().filter(|(_, it)| is_it(it)).map(|(at, _)| *at).collect();
    let (first, last) = (times[0], times[times.len() - 1]);
    let (opens, closes) = (opens as f64, closes as f64);
    assert!((opens..opens + 2.5).contains(&first), "{} s after", first - opens);
    assert!((closes - 2.5..closes + 1.5).contains(&last), "{} s after", last - closes);
    assert!(heard.iter().any(|(at, it)| *at > closes + 1.5 && !is_it(it)), "others go on");
}

/// A reader of another language finds the same.
#[cfg(feature = "peers")]
fn read_by_others(document: &[u8]) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let script = "import sys, xml.etree.ElementTree as e\n\
        r = e.fromstring(sys.stdin.buffer.read().split(b'dtd\">')[1])\n\
        assert [c.tag for c in r] == ['RemoteRebootRequest'], r\n\
        q = r[0]\n\
        assert [c.tag for c in q] == ['SoftwareVersion', 'Model', 'Severity', 'Timeout', 'Notification']\n\
        assert q.findtext('SoftwareVersion') == '5.1.1' and q.findtext('Model') == 'VIP1113'\n\
        n = q.find('Notification')\n\
        assert n.findtext('Text') == 'Reboot & upgrade?'\n\
        assert [(b.findtext('Text'), b.findtext('Action')) for b in n.findall('Button')] == [('Now', 'Yes'), ('Later', 'No')]\n";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3");
    python.stdin.take().unwrap().write_all(document).unwrap();
    assert!(python.wait().unwrap().success());
}

#[cfg(not(feature = "peers"))]
fn read_by_others(_: &[u8]) {}

#[test]
fn a_request_that_no_box_can_meet_does_not_go_on_air() {
    let (mut site, _) = telling("version = \"5.1.2\"");
    let at = now() as i64;
    site.add(&schedule("soon", &[(at, at + 3_600, "")]));
    let line_up = site.write();
    let output = run(headend().arg("check").arg(&line_up));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("they reboot for ever"), "{told}");
    let document = "<RemoteRebootRequests><RemoteRebootRequest><SoftwareVersion>5</SoftwareVersion>\
         </RemoteRebootRequest></RemoteRebootRequests>";
    let file = site.file("wrong.xml", document.as_bytes());
    let output = run(headend().args(["reboot", "lint"]).arg(&file));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("`Severity` is missing"), "{told}");
}

fn reboot(release: u64, jitter_s: u32) -> Action {
    Action {
        number: operator::now(),
        operator: OPERATOR.to_owned(),
        models: vec![MODEL.to_owned()],
        serials: Vec::new(),
        hardware: 0..=9,
        not_before: operator::now() - 60,
        expiry: operator::now() + 3_600,
        order: Order::Reboot { release, jitter_s, when: When::Now },
    }
}

fn sign(action: &Action) -> Vec<u8> {
    action.sign(&operator::key(CHANNEL)).unwrap()
}

/// A box of this store that is on.
fn watch(station: &Station, store: &str, more: &[&str]) -> Program {
    let mut command = receiver();
    command.args(["watch", "--interface", "127.0.0.1", "--announce", &station.announce]);
    command.args(["--model", MODEL, "--serial", "1931690851", "--hardware", "3", "--timeout", "5"]);
    command.arg("--store").arg(station.site.path(store));
    Program::start(command.arg("--trust").arg(station.site.path("1.root.cose")).args(more))
}

/// What it would do now: its code and its answer.
fn look(station: &Station, store: &str) -> (i32, Value) {
    let (code, stdout) = watch(station, store, &["--once"]).finish();
    (code, answer(&stdout))
}

/// A station on air with release 41, which the box of store `box` has committed.
fn committed(image: u64, kbps: u32) -> (Station, Program) {
    let mut station = Station::new(image, kbps);
    station.sign(41);
    let headend = station.site.serve(&[]);
    let (code, told) = station.boot("box", &[]);
    assert_eq!(code, 0, "{told}");
    station.verb("commit", "box");
    (station, headend)
}

#[test]
fn a_box_that_is_on_reboots_once_installs_the_release_and_stays_on() {
    let (mut station, mut headend) = committed(31, 20_000);
    let mut on = watch(&station, "box", &[]);
    on.wait_for("release 41 is signed");
    assert_eq!(look(&station, "box").1["reason"], "nothing");
    let action = reboot(42, 3);
    station.site.file("reboot.cose", &sign(&action));
    station.upgrade(32, 42);
    station.announce(
        "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]\nactions = [\"reboot.cose\"]",
    );
    station.reload(&mut headend, 2);
    let (code, stdout) = on.finish();
    let told = answer(&stdout);
    assert_eq!((code, &told["reason"]), (0, &"reboot".into()), "{told}");
    assert_eq!((&told["action"], &told["release"]), (&action.number.into(), &42.into()), "{told}");
    assert_eq!((&told["when"], &told["in_s"]), (&"now".into(), &0.into()), "{told}");
    // Whoever starts it again without a reboot is not told to reboot again.
    let (code, told) = look(&station, "box");
    assert_eq!((code, &told["reason"]), (1, &"nothing".into()), "{told}");
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"]), (0, &"armed".into()), "{told}");
    station.assert_boots("box", 42, true, 32);
    assert_eq!(look(&station, "box").1["reason"], "nothing", "it is on trial of it");
    station.verb("commit", "box");
    // A later action for what it has.
    let later = Action { number: action.number + 5, ..action };
    station.site.file("reboot.cose", &sign(&later));
    station.reload(&mut headend, 3);
    assert_eq!(look(&station, "box").1["reason"], "nothing", "it has that release");
    // Another box, which has nothing, is told.
    let (code, told) = look(&station, "new");
    assert_eq!((code, &told["reason"]), (0, &"reboot".into()), "{told}");
}

#[test]
fn an_action_that_is_forged_expired_or_for_others_does_nothing() {
    let (station, _headend) = committed(33, 20_000);
    let of = |change: fn(&mut Action)| {
        let mut action = reboot(42, 0);
        change(&mut action);
        sign(&action)
    };
    let mut bent = of(|_| {});
    *bent.last_mut().unwrap() ^= 1;
    let statements = [
        bent,
        reboot(42, 0).sign(&operator::key(100)).unwrap(),
        reboot(42, 0).sign(&operator::key(66)).unwrap(),
        of(|it| {
            it.expiry = it.not_before + 30;
            it.number = 1;
        }),
        of(|it| it.not_before += 3_000),
        of(|it| it.operator = "other-tv".to_owned()),
        of(|it| it.models = vec!["vip1853".to_owned()]),
        of(|it| it.hardware = 4..=9),
        of(|it| it.serials = vec![stbcast_release::Serials::one("1931690852")]),
        of(|it| it.order = Order::Reboot { release: 41, jitter_s: 0, when: When::Now }),
    ];
    let datagrams = statements.iter().zip(0x1000..).map(|(it, toi)| datagram(it, toi)).collect();
    let stranger = Stranger::sends(&station.announce, datagrams, Duration::from_millis(100));
    let (code, told) = look(&station, "box");
    assert_eq!((code, &told["reason"]), (1, &"nothing".into()), "{told}");
    drop(stranger);
    // The same by the right key, for this box: whoever sends it.
    let genuine = vec![datagram(&of(|_| {}), 0x2000)];
    let _stranger = Stranger::sends(&station.announce, genuine, Duration::from_millis(100));
    let (code, told) = look(&station, "box");
    assert_eq!((code, &told["reason"]), (0, &"reboot".into()), "{told}");
}

#[test]
fn a_release_that_is_killed_in_mid_download_leaves_the_box_with_the_old_one_for_good() {
    // About four seconds for a cycle.
    let (mut station, mut headend) = committed(35, 900);
    let killed = station.upgrade(36, 42);
    station.reload(&mut headend, 2);
    let images = join(&station.group);
    let mut program = station.start("box", &[]);
    program.wait_for("release 42, security epoch");
    hear(&images, 60);
    let order = Order::Kill { number: 42, release: digest(&killed) };
    let kill = Action { models: Vec::new(), order, ..reboot(42, 0) };
    station.site.file("kill.cose", &sign(&kill));
    station.announce("roots = [\"1.root.cose\"]\nactions = [\"kill.cose\"]");
    station.reload(&mut headend, 3);
    let (code, stdout) = program.finish();
    assert_eq!((code, &answer(&stdout)["outcome"]), (0, &"nothing_usable".into()), "{stdout}");
    station.assert_boots("box", 41, false, 35);
    // It is announced again, by mistake, and nobody says any more that it was killed.
    station.announce("roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]");
    station.reload(&mut headend, 4);
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"]), (0, &"nothing_usable".into()), "{told}");
    station.assert_boots("box", 41, false, 35);
    // A higher one is taken.
    station.upgrade(37, 43);
    station.reload(&mut headend, 5);
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"]), (0, &"armed".into()), "{told}");
    station.assert_boots("box", 43, true, 37);
}

#[test]
fn the_kill_of_an_operator_reaches_a_box_in_the_middle_of_its_download() {
    // About four seconds for a cycle.
    let mut station = Station::new(38, 900);
    station.sign(42);
    let key = station.site.path("channel.key");
    stbcast::keys::create(&key).unwrap();
    // The root lists the key that the headend holds.
    let public = stbcast::keys::read_private(&key).unwrap().public().unwrap();
    station.site.file("1.root.cose", &operator::root_with_channel(public));
    station.announce(
        "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]\nchannel_key = \"channel.key\"",
    );
    let _headend = station.site.serve(&[]);
    let images = join(&station.group);
    let mut program = station.start("box", &[]);
    program.wait_for("release 42, security epoch");
    hear(&images, 60);
    let (code, text, told) = tell(&station.site, &["kill", "release", "42", "--reason", "bad"]);
    assert_eq!((code, told.as_str()), (0, ""), "{text}");
    program.wait_for("release 42 was killed");
    let (code, stdout) = program.finish();
    assert_eq!((code, &answer(&stdout)["outcome"]), (1, &"nothing_usable".into()), "{stdout}");
    // It goes on air again, and this box has learned.
    let (code, _, told) = tell(&station.site, &["unkill", "release", "42"]);
    assert_eq!((code, told.as_str()), (0, ""));
    let (code, told) = station.boot("box", &[]);
    assert_eq!((code, &told["outcome"]), (1, &"nothing_usable".into()), "{told}");
}
