use std::path::Path;

use super::*;
use crate::lineup::parse;

const OLD: &str = r#"
announce = "239.255.7.9:22223"
[[channel]]
name = "movies"
carousel = "infocast"
group = "239.255.7.1:5000"
bit_rate_kbps = 4000
slice_bytes = 1000
[[channel.object]]
name = "boot"
source = "old.img"
version = "1"
[[channel.object]]
name = "clock"
source = { kind = "time" }
[[channel]]
name = "lab"
carousel = "infocast"
group = "239.255.7.2:5000"
bit_rate_kbps = 16
slice_bytes = 256
[[channel.object]]
name = "boot"
source = "lab.img"
"#;

/// Lines of the difference; the content of an object is the text of `bytes` for its channel.
fn between(old: &str, new: &str, bytes: [&str; 2]) -> Vec<String> {
    let read = |text: &str| {
        let reading = parse(text, Path::new("/site"));
        reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings))
    };
    let (old, new) = (read(old), read(new));
    let [before, after] = bytes.map(|bytes| Digest::of(bytes.as_bytes()));
    let difference = Difference::between(
        Side { line_up: &old, digest: &|_| Some(before) },
        Side { line_up: &new, digest: &|_| Some(after) },
    );
    difference.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn the_same_line_up_changes_nothing() {
    assert_eq!(between(OLD, OLD, ["a", "a"]), ["nothing changes"]);
}

#[test]
fn a_changed_channel_is_told_field_by_field_with_units() {
    let new = OLD
        .replace("bit_rate_kbps = 4000", "bit_rate_kbps = 5000.5\nttl = 3\ninterface = \"eth1\"");
    assert_eq!(
        between(OLD, &new, ["a", "a"]),
        [
            "~ announce session: ttl 5 -> 3, interface none -> eth1",
            "~ channel movies: bit rate 4000 kbit/s -> 5000.500 kbit/s, ttl 5 -> 3, interface none -> eth1"
        ]
    );
}

#[test]
fn new_content_and_a_new_version_of_an_object_are_told() {
    let new = OLD.replace("version = \"1\"", "version = \"2\"");
    let lines = between(OLD, &new, ["a", "b"]);
    let [old, new] = ["a", "b"].map(|bytes| Digest::of(bytes.as_bytes()).hex()[..12].to_owned());
    assert_eq!(
        lines,
        [
            format!("~ channel movies, object boot: content {old} -> {new}, version 1 -> 2"),
            format!("~ channel lab, object boot: content {old} -> {new}"),
        ]
    );
}

#[test]
fn what_comes_is_told_before_what_leaves() {
    let new = OLD
        .replace("name = \"lab\"", "name = \"field\"")
        .replace("announce = \"239.255.7.9:22223\"", "");
    let lines = between(OLD, &new, ["a", "a"]);
    let heads: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        heads,
        [
            "+ channel field",
            "+ channel field, object boot",
            "- announce session",
            "- channel lab",
            "- channel lab, object boot"
        ]
    );
    assert!(lines[0].contains("group 239.255.7.2:5000, bit rate 16 kbit/s"), "{}", lines[0]);
}

#[test]
fn channels_in_another_order_are_the_same_channels() {
    let (head, channels) = OLD.split_at(OLD.find("[[channel]]").unwrap());
    let (first, second) = channels.split_at(channels.rfind("[[channel]]").unwrap());
    let lines = between(OLD, &[head, second, first].concat(), ["a", "a"]);
    assert_eq!(lines, ["~ the order of the line-up, or what is not shown here"]);
}

#[test]
fn schedules_and_what_an_interface_may_carry_are_told() {
    let schedule = "[[interface]]\nname = \"eth1\"\nbit_rate_kbps = 100000\n[[schedule]]\nname = \"night\"\n\
        timezone = \"Europe/Stockholm\"\nblack_out = [\"2026-12-24\"]\n[[schedule.window]]\n\
        cron = \"0 1 * * mon-fri\"\nminutes = 240\nbit_rate_kbps = 20000\n[[schedule.window]]\n\
        from = \"23:00\"\nto = \"01:00\"\ndays = [\"sat\", \"sun\"]\npriority = 2\n";
    let followed = OLD.replace("slice_bytes = 256", "slice_bytes = 256\nschedule = \"night\"");
    let new = [&followed, schedule].concat();
    let on_eth1 = |text: &str| text.replace("slice_bytes", "interface = \"eth1\"\nslice_bytes");
    let new = on_eth1(&new);
    let lines = between(&on_eth1(OLD), &new, ["a", "a"]);
    assert_eq!(
        lines,
        [
            "~ channel lab: schedule none -> night",
            "+ schedule night: time zone Europe/Stockholm, black-out 2026-12-24, windows [cron `0 1 * * \
             mon-fri` for 240 min at 20000 kbit/s; 23:00:00 to 01:00:00 on sat sun, priority 2]",
            "+ interface eth1: at most 100000 kbit/s",
        ]
    );
    let lines = between(&new, &new.replace("minutes = 240", "minutes = 60"), ["a", "a"]);
    assert!(lines[0].starts_with("~ schedule night: windows [cron "), "{lines:?}");
}
