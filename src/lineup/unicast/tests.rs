use std::path::Path;

use super::super::{LineUp, ObjectId, Reading, parse};
use super::*;

const CHANNELS: &str = r#"
[[channel]]
name = "vip 1113"
carousel = "infocast"
group = "239.255.2.11:22222"
bit_rate_kbps = 1000
slice_bytes = 1400

[[channel.object]]
name = "boot"
source = "boot.img"

[[channel.object]]
name = "splash"
source = "splash.bmp"

[[channel.object]]
name = "clock"
source = { kind = "time" }
"#;

fn read(unicast: &str) -> Reading {
    parse(&format!("announce = \"239.255.2.3\"\n[unicast]\n{unicast}\n{CHANNELS}"), Path::new("/"))
}

fn line_up(unicast: &str) -> LineUp {
    let reading = read(unicast);
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
}

/// The one error of a text that is wrong in one place.
#[track_caller]
fn error(unicast: &str) -> String {
    let reading = read(unicast);
    let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.concat()
}

fn announced(line_up: &LineUp, object: usize) -> Result<fdt::Unicast, AlternateError> {
    let (channel, object) = line_up.object(ObjectId { channel: 0, object }).unwrap();
    line_up.unicast.as_ref().unwrap().announced(channel, object, &Digest::of(b"x"))
}

#[test]
fn every_key_is_understood_and_has_a_default() {
    let unicast = line_up("url = \"http://192.0.2.10:8080/images/{sha256}\"").unicast.unwrap();
    assert_eq!(unicast.urls, ["http://192.0.2.10:8080/images/{sha256}"]);
    assert_eq!((unicast.after_cycles.get(), unicast.window_s), (2, 3_600));
    assert_eq!((unicast.boxes, unicast.capacity_bps), (None, None));
    let unicast = line_up(
        "url = [\"http://a/{sha256}\", \"http://b/{channel}/{name}\"]\nafter_cycles = 3\n\
         window_s = 0\nboxes = 1_000_000\ncapacity_mbps = 0.5",
    );
    let unicast = unicast.unicast.unwrap();
    assert_eq!(unicast.urls, ["http://a/{sha256}", "http://b/{channel}/{name}"]);
    assert_eq!((unicast.after_cycles.get(), unicast.window_s), (3, 0));
    assert_eq!((unicast.boxes, unicast.capacity_bps), (Some(1_000_000), Some(500_000)));
}

#[test]
fn what_is_announced_has_digest_channel_and_name_in_place() {
    let line_up = line_up("url = [\"http://a/{sha256}\", \"http://b/{channel}/{name}?{name}\"]");
    let unicast = announced(&line_up, 1).unwrap();
    let urls: Vec<_> = unicast.alternates.urls().collect();
    let digest = Digest::of(b"x").hex();
    assert_eq!(
        urls,
        [format!("http://a/{digest}"), "http://b/vip%201113/splash?splash".to_owned()]
    );
}

#[test]
fn what_no_box_could_ask_is_refused_and_said_where() {
    let table = [
        ("url = \"https://a/{sha256}\"", "line 3, column 1"),
        ("url = \"https://a/{sha256}\"", "https://a/"),
        ("url = \"http://a b/{sha256}\"", "must not stand in a URL"),
        (
            "url = \"http://a/{digest}\"",
            "`{digest}` is unknown: legal are {sha256}, {channel} and {name}",
        ),
        ("url = \"http://a/{sha265}\"", "did you mean `sha256`?"),
        ("url = \"http://a/{sha256\"", "`{` is not closed"),
        ("url = []", "0 URLs: boxes read 1 to 4"),
        ("url = \"http://a/x\"", "is the same for 2 objects"),
        ("url = \"http://a/{sha256}\"\nafter_cycles = 0", "after_cycles 0 is not in 1 to 255"),
        ("url = \"http://a/{sha256}\"\nwindow_s = 86401", "window_s 86401 is not in 0 to 86400"),
        ("url = \"http://a/{sha256}\"\nboxes = 0", "boxes 0 is not in 1 to"),
        ("url = \"http://a/{sha256}\"\ncapacity_mbps = 0.0", "capacity_mbps 0 is not in"),
        ("url = \"http://a/{sha256}\"\nwindow = 1", "did you mean `window_s`?"),
        ("after_cycles = 2", "missing field `url`"),
    ];
    for (unicast, part) in table {
        let message = error(unicast);
        let place = part.starts_with("line ") && message.starts_with("line 2, column 1");
        assert!(message.contains(part) || place, "{part} is not in {message}");
    }
    let five: Vec<_> = (0..5).map(|n| format!("\"http://{n}.example/{{sha256}}\"")).collect();
    assert!(error(&format!("url = [{}]", five.join(", "))).contains("5 URLs"));
}

#[test]
fn urls_that_are_too_long_together_are_refused() {
    let host = "h".repeat(60);
    let urls: Vec<_> = (0..4).map(|n| format!("\"http://{n}{host}/{{sha256}}\"")).collect();
    let message = error(&format!("url = [{}]", urls.join(", ")));
    assert!(
        message.contains("object `boot` of channel `vip 1113`: alternate URLs of 5"),
        "{message}"
    );
    assert!(message.contains("1 to 512 are legal"), "{message}");
}

#[test]
fn a_name_that_cannot_stand_in_a_path_is_said() {
    let text = format!(
        "announce = \"239.255.2.3\"\n[unicast]\nurl = \"http://a/{{name}}\"\n{}",
        CHANNELS.replace("name = \"splash\"", "name = \"a/b\"")
    );
    let reading = parse(&text, Path::new("/"));
    let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
    assert!(errors.concat().contains("object `a/b`"), "{errors:?}");
}

#[test]
fn without_an_announce_session_nobody_is_told() {
    let text = format!("[unicast]\nurl = \"http://a/{{sha256}}\"\n{CHANNELS}");
    let reading = parse(&text, Path::new("/"));
    let warnings: Vec<_> = reading.warnings().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["line 1, column 1: `unicast` without `announce`: no box is told where to ask"]
    );
}
