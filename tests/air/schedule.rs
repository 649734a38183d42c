//! Windows that open and close while the real program runs.

use std::net::UdpSocket;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::end_to_end::json;
use super::harness::{Site, alone, headend, join, noise, run};
use super::operator::trusting;
use super::trust::Ear;

/// Bytes of IP and UDP headers.
const HEADERS: usize = 28;

pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A time on the clock in UTC.
fn clock(unix_s: i64) -> String {
    let at = jiff::Timestamp::from_second(unix_s).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

pub(super) fn schedule(name: &str, windows: &[(i64, i64, &str)]) -> String {
    let mut text = format!("[[schedule]]\nname = \"{name}\"\ntimezone = \"UTC\"\n");
    for (from, to, more) in windows {
        let (from, to) = (clock(*from), clock(*to));
        text += &format!("[[schedule.window]]\nfrom = \"{from}\"\nto = \"{to}\"\n{more}\n");
    }
    text
}

/// When a datagram arrived, and its bytes.
pub(super) type Heard = Vec<(f64, Vec<u8>)>;

/// Hears all that comes until a moment.
pub(super) fn hear_until(socket: UdpSocket, until: f64) -> JoinHandle<Heard> {
    std::thread::spawn(move || {
        let (mut heard, mut buffer) = (Vec::new(), [0; 2_048]);
        loop {
            let left = until - now();
            if left <= 0.0 {
                return heard;
            }
            socket.set_read_timeout(Some(Duration::from_secs_f64(left.max(0.001)))).unwrap();
            if let Ok(length) = socket.recv(&mut buffer) {
                heard.push((now(), buffer[..length].to_vec()));
            }
        }
    })
}

/// Kilobits of IP per second between two moments.
fn kbps(heard: &Heard, from: f64, to: f64) -> f64 {
    let within = heard.iter().filter(|(at, _)| (from..to).contains(at));
    let bytes: usize = within.map(|(_, datagram)| datagram.len() + HEADERS).sum();
    bytes as f64 * 8.0 / 1_000.0 / (to - from)
}

#[test]
fn a_channel_and_its_companion_are_on_air_within_their_windows_alone_at_the_rates_of_those() {
    let _alone = alone();
    let mut site = Site::new();
    site.announce();
    let always = site.channel("always", 64, 1_000);
    site.object("note", "note.txt", "");
    let group = site.channel("images", 500, 1_000);
    let companion = site.repair("ratio = 0.5");
    site.replace("bit_rate_kbps = 500\n", "bit_rate_kbps = 500\nschedule = \"soon\"\n");
    site.object("boot", "boot.img", "");
    site.file("note.txt", b"a note");
    // A cycle of 20 seconds and more: to wait for its end would be seen.
    site.file("boot.img", &noise(1, 5_000_000));
    let sockets = [join(&always), join(&group), join(&companion)];
    let opens = now() as i64 + 6;
    let (changes, closes) = (opens + 4, opens + 8);
    site.add(&schedule(
        "soon",
        &[
            (opens, changes, "bit_rate_kbps = 2000"),
            (changes, closes, "bit_rate_kbps = 6000"),
            (closes + 3_600, closes + 7_200, ""),
        ],
    ));
    let end = closes as f64 + 2.5;
    let heard = sockets.map(|socket| hear_until(socket, end));
    let mut headend = site.serve(&[]);
    assert!(now() < opens as f64, "the machine took too long for this test to mean anything");
    headend.wait_for("channel images: off the air");
    let [always, images, companion] = heard.map(|thread| thread.join().unwrap());
    let (opens, changes, closes) = (opens as f64, changes as f64, closes as f64);
    for (what, heard) in [("images", &images), ("companion", &companion)] {
        let (first, last) = (heard.first().unwrap().0, heard.last().unwrap().0);
        assert!((opens..opens + 2.0).contains(&first), "{what}: {} s after", first - opens);
        assert!((closes - 1.0..closes + 1.5).contains(&last), "{what}: {} s after", last - closes);
    }
    // Boxes are told of it a second before.
    let slow = kbps(&images, images.first().unwrap().0, changes);
    assert!((1_800.0..2_200.0).contains(&slow), "{slow} kbit/s");
    let fast = kbps(&images, changes + 1.0, closes);
    assert!((5_400.0..6_600.0).contains(&fast), "{fast} kbit/s");
    let ratio = kbps(&companion, changes + 1.0, closes) / fast;
    assert!((0.45..0.62).contains(&ratio), "{ratio} of the channel's rate");
    assert!(kbps(&always, opens - 1.0, end) > 50.0, "others stay on air");
    let slices =
        images.last().map(|(_, datagram)| u32::from_be_bytes(datagram[4..8].try_into().unwrap()));
    assert!(slices.unwrap() < 4_900, "it stopped in the middle of its cycle");
}

#[test]
fn an_object_is_part_of_its_channel_within_its_windows_alone() {
    let _alone = alone();
    let mut site = Site::new();
    let group = site.channel("images", 800, 1_000);
    site.object("first", "first.img", "");
    site.object("second", "second.img", "schedule = \"soon\"");
    site.file("first.img", &noise(2, 20_000));
    site.file("second.img", &noise(3, 30_000));
    let socket = join(&group);
    let opens = now() as i64 + 5;
    let closes = opens + 4;
    site.add(&schedule("soon", &[(opens, closes, "")]));
    let end = closes as f64 + 4.0;
    let heard = hear_until(socket, end);
    let _headend = site.serve(&[]);
    let heard = heard.join().unwrap();
    let second = |(_, datagram): &&(f64, Vec<u8>)| datagram[8..12] == [0, 0, 0, 30];
    let (opens, closes) = (opens as f64, closes as f64);
    let first = heard.iter().find(second).expect("it is on air").0;
    let last = heard.iter().rfind(second).unwrap().0;
    // A channel changes when its cycle is complete: half a second.
    assert!((opens..opens + 2.5).contains(&first), "{} s after", first - opens);
    assert!((closes - 1.5..closes + 2.5).contains(&last), "{} s after", last - closes);
    let others = heard.iter().filter(|it| !second(it));
    assert!(others.clone().any(|(at, _)| *at < opens) && others.clone().any(|(at, _)| *at > last));
}

#[test]
fn a_line_up_that_begins_in_a_window_is_on_air_and_one_that_begins_outside_is_ready() {
    let mut site = Site::new();
    let group = site.channel("images", 1_000, 1_000);
    site.replace("slice_bytes = 1000\n", "slice_bytes = 1000\nschedule = \"night\"\n");
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(4, 20_000));
    let today = now() as i64;
    let open = schedule("night", &[(today - 3_600, today + 3_600, "")]);
    let shut = schedule("night", &[(today - 3_600, today - 1_800, "")]);
    site.add(&open);
    let socket = join(&group);
    let mut headend = site.serve(&[]);
    assert!(!hear_until(socket.try_clone().unwrap(), now() + 2.0).join().unwrap().is_empty());
    site.replace(&open, &shut);
    site.write();
    headend.signal(rustix::process::Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    hear_until(socket.try_clone().unwrap(), now() + 1.0).join().unwrap();
    let silent = hear_until(socket, now() + 1.5).join().unwrap();
    assert!(silent.is_empty(), "{} datagrams", silent.len());
}

#[test]
fn a_release_is_said_within_its_windows_alone_and_its_root_always() {
    let _alone = alone();
    let mut site = Site::new();
    let announce = site.announce();
    site.channel("images", 1_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(7, 20_000));
    trusting(&mut site, 42);
    site.replace("[\"42.release.cose\"]", "[{ file = \"42.release.cose\", schedule = \"soon\" }]");
    let opens = now() as i64 + 6;
    let closes = opens + 4;
    site.add(&schedule("soon", &[(opens, closes, "")]));
    let mut ear = Ear::new(&announce);
    let _headend = site.serve(&[]);
    let (opens, closes) = (opens as f64, closes as f64);
    let mut heard = |until: f64| ear.names(Duration::from_secs_f64((until - now()).max(0.0)));
    let says = |names: &[String], name: &str| names.iter().any(|it| it == name);
    let before = heard(opens - 0.1);
    assert!(says(&before, "root:1") && !says(&before, "release:42"), "{before:?}");
    let within = heard(closes - 0.5);
    assert!(says(&within, "root:1") && says(&within, "release:42"), "{within:?}");
    heard(closes + 1.5);
    let after = heard(closes + 4.0);
    assert!(says(&after, "root:1") && !says(&after, "release:42"), "{after:?}");
}

/// A site with a night of two channels on an interface.
fn nights(more: [&str; 2], kbps: u32) -> Site {
    let mut site = Site::new();
    site.add(&format!("[[interface]]\nname = \"lo\"\nbit_rate_kbps = {kbps}\n"));
    for (name, more) in ["night", "late"].into_iter().zip(more) {
        site.add(&format!(
            "[[schedule]]\nname = \"{name}\"\ntimezone = \"Europe/Stockholm\"\n[[schedule.window]]\n\
             from = \"01:00\"\nto = \"05:00\"\n{more}\n"
        ));
    }
    for name in ["night", "late"] {
        site.channel(name, 1_000, 1_000);
        site.add(&format!("interface = \"127.0.0.1\"\nschedule = \"{name}\"\n"));
        site.object("boot", "boot.img", "");
    }
    site.file("boot.img", &noise(5, 20_000));
    site
}

#[test]
fn check_tells_the_next_runs_with_offset_length_and_rate() {
    let site = nights(["bit_rate_kbps = 2000", ""], 10_000);
    let line_up = site.write();
    let checked = run(headend().arg("check").arg(&line_up).arg("--json"));
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{text}");
    let plan = json(&text);
    let follower = &plan["schedules"][0];
    assert_eq!((&follower["kind"], &follower["name"]), (&"channel".into(), &"night".into()));
    assert_eq!(follower["timezone"], "Europe/Stockholm");
    let runs = follower["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 10);
    assert_eq!(runs[0]["bit_rate_kbps"], 2_000.0);
    let start: jiff::Timestamp = runs[1]["start"].as_str().unwrap().parse().unwrap();
    assert_eq!(start.as_second(), runs[1]["start_unix_s"].as_i64().unwrap());
    assert!(runs.iter().all(|run| run["start"].as_str().unwrap().contains("T01:00:00+0")));
    let usual = runs.iter().filter(|run| run["seconds"] == 14_400 && run["notes"][0].is_null());
    assert!(usual.count() >= 9, "but on a night on which the clock is changed");
    let shown = run(headend().arg("check").arg(&line_up));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("channel late follows schedule late, Europe/Stockholm"), "{shown}");
    assert!(shown.contains("T05:00:00+0") && shown.contains(" 4 h "), "{shown}");
}

#[test]
fn who_does_not_fit_waits_where_priorities_tell_and_is_refused_where_nobody_does() {
    let site = nights(["priority = 1", ""], 1_500);
    let checked = run(headend().arg("check").arg(site.write()));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "{said}");
    assert!(
        said.contains("may carry 1500 kbit/s, and with channel `late` that would be 500"),
        "{said}"
    );
    let shown = String::from_utf8(checked.stdout).unwrap();
    assert!(shown.contains("channel late follows schedule late"), "{shown}");
    assert!(shown.contains("not on air in the next 400 days"), "it has no room at all: {shown}");
    let site = nights(["", ""], 1_500);
    let line_up = site.write();
    let refused = run(headend().arg("check").arg(&line_up));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("error:") && said.contains("nobody says who goes first"), "{said}");
    let mut served = site.start(&line_up, &[]);
    served.wait_for("nobody says who goes first");
    assert_ne!(served.finish().0, 0);
}

#[test]
fn check_warns_of_what_an_operator_wants_to_know_before_the_night() {
    let mut site = Site::new();
    site.channel("metadata", 64, 1_000);
    site.add("schedule = \"day\"\n");
    site.object("model", "{ kind = \"bootcast\", image = \"boot\" }", "");
    site.channel("images", 100, 1_000);
    site.add("schedule = \"short\"\n");
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(6, 2_000_000));
    let schedule = |name, from, to| {
        format!(
            "[[schedule]]\nname = \"{name}\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
             from = \"{from}\"\nto = \"{to}\"\n"
        )
    };
    site.add(&schedule("day", "08:00", "20:00"));
    site.add(&schedule("short", "01:00", "01:02"));
    site.add(&schedule("unused", "01:00", "02:00"));
    site.channel("past", 100, 1_000);
    site.add("schedule = \"past\"\n");
    site.object("other", "boot.img", "");
    site.add(&schedule("past", "2020-01-01T00:00", "2020-01-02T00:00"));
    site.add("[[interface]]\nname = \"lo\"\nbit_rate_kbps = 5000\n[[interface]]\nname = \"eth9\"\nbit_rate_kbps = 1\n");
    site.replace("slice_bytes = 1000\n", "slice_bytes = 1000\ninterface = \"lo\"\n");
    let checked = run(headend().arg("check").arg(site.write()));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "{said}");
    for expected in [
        "nothing is sent on interface `eth9`",
        "nothing follows schedule `unused`",
        "schedule `past` lets nothing on air until",
        "channel `images`: 400 of 400 runs are shorter than a cycle",
        "it lasts 2 min, a cycle 1",
        "`model` on channel `metadata` names `boot` on channel `images`, which is off the air at times",
        "`boot` on channel `images` is on air at times while `model` on channel `metadata`",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn a_rate_that_is_too_low_for_a_window_is_refused_before_the_night() {
    let mut site = Site::new();
    site.add(
        "[[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\n[[schedule.window]]\nfrom = \"01:00\"\n\
         to = \"02:00\"\nbit_rate_kbps = 5\n",
    );
    site.channel("standard", 5_000, 1_000);
    site.replace("infocast", "flute");
    site.add("schedule = \"night\"\n");
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(9, 20_000));
    let refused = run(headend().arg("check").arg(site.write()));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error:") && said.contains("at the 5 kbit/s of schedule `night`"),
        "{said}"
    );
}
