//! MAG channels in line-ups.

use std::path::Path;

use super::*;
use crate::lineup::{Reading, parse};

const MAG: &str = r#"announce = "239.255.2.3:22223"

[[channel]]
carousel = "mag"
group = "239.255.50.51:9001"
bit_rate_kbps = 8000

[[channel.object]]
name = "imageupdate"
source = "imageupdate"
"#;

fn read(text: &str) -> Reading {
    parse(text, Path::new("/srv"))
}

fn channel(text: &str) -> Channel {
    let reading = read(text);
    let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
    reading.line_up.unwrap_or_else(|| panic!("{errors:?}")).channels.remove(0)
}

fn error(text: &str) -> String {
    read(text).errors().next().expect("an error").to_string()
}

/// With these keys of the channel, in front of its object.
fn with(keys: &str) -> String {
    MAG.replace("\n[[channel.object]]", &format!("{keys}\n[[channel.object]]"))
}

#[test]
fn a_mag_channel_is_sent_as_the_vendor_does_where_nothing_else_is_written() {
    let channel = channel(MAG);
    assert_eq!(
        (channel.protocol, channel.slice_bytes.get(), channel.ttl),
        (Protocol::Mag, 1_456, 1)
    );
    assert_eq!(channel.burst_delay, Micros::from_millis(100));
    let mag = channel.mag.unwrap();
    assert_eq!((mag.serial, mag.description, mag.role), (None, None, Role::Image));
    assert_eq!((mag.description_repeat, mag.force), (Micros::from_secs(1), false));
    let bare = MAG.replace("239.255.50.51:9001", "239.255.50.50");
    assert_eq!(self::channel(&bare).group.port(), 9_000);
}

#[test]
fn what_is_written_of_the_image_is_taken() {
    let text = with(
        "[channel.mag]\nserial = 7\ndescription = \"MAG254 219\"\ndescription_repeat_ms = 0\n\
         role = \"bootstrap\"\nmodel = \"MAG254\"\nkey = \"operator.asc\"\nforce = true\n",
    );
    let mag = channel(&text).mag.unwrap();
    assert_eq!((mag.serial, mag.role, mag.force), (Some(7), Role::Bootstrap, true));
    assert_eq!(mag.description.unwrap().text(), "MAG254 219");
    assert_eq!(mag.description_repeat, Micros::ZERO);
    assert_eq!(mag.model.as_deref(), Some("MAG254"));
    assert_eq!(mag.key.as_deref(), Some(Path::new("/srv/operator.asc")));
}

#[test]
fn an_object_that_is_called_bootstrap_is_one() {
    let bootstrap = MAG.replace("name = \"imageupdate\"", "name = \"bootstrap\"");
    assert_eq!(channel(&bootstrap).mag.unwrap().role, Role::Bootstrap);
}

#[test]
fn what_mag_boxes_cannot_take_is_refused_with_the_reason() {
    let second = "\n[[channel.object]]\nname = \"b\"\nsource = \"b\"\n";
    let long = format!("[channel.mag]\ndescription = \"{}\"\n", "x".repeat(256));
    for (text, says) in [
        (format!("{MAG}{second}"), "boxes take one file from a group and port"),
        (format!("{MAG}precoding = \"crc32\"\n"), "precoding has no place"),
        (
            MAG.replace("source = \"imageupdate\"", "source = { kind = \"time\" }"),
            "no file has no place",
        ),
        (MAG.replace("8000", "11.5"), "less than one datagram each second"),
        (with("slice_bytes = 1457\n"), "1 to 1456"),
        (MAG.replace("239.255.50.51", "[ff15::1]"), "1 to 1436"),
        (with("[channel.mag]\nserial = 65536\n"), "serial 65536 is not in 0 to 65535"),
        (with(&long), "a description of 256 bytes"),
        (with("[channel.mag]\nrole = \"boot\"\n"), "legal are bootstrap, image"),
        (with("[channel.mag]\nserials = 7\n"), "did you mean `serial`?"),
        (with("overlap = {}\n"), "`overlap` needs `repair`"),
        (with("repair = {}\n"), "`repair` needs `group`"),
        (MAG.replace("\"mag\"", "\"map\""), "did you mean `mag`?"),
    ] {
        let message = error(&text);
        assert!(message.contains(says), "{says}: {message}");
    }
}

#[test]
fn a_group_and_port_carry_one_image_and_nothing_else() {
    let more = MAG.split_once("\n\n").unwrap().1.replace("carousel", "name = \"b\"\ncarousel");
    let both = format!("{MAG}\n{more}");
    assert!(error(&both).contains("MAG boxes take one file from it"));
    let infocast = more.replace("\"mag\"", "\"infocast\"\nslice_bytes = 1000");
    assert!(error(&format!("{MAG}\n{infocast}")).contains("MAG boxes take one file from it"));
    let between = more.replace(":9001", ":9002").replace("\"b\"", "\"c\"");
    let message = error(&format!("{MAG}\n{between}\n{more}"));
    assert!(message.contains("MAG boxes take one file from it"), "also with another port between");
    let elsewhere = more.replace(":9001", ":9002");
    let reading = read(&format!("{MAG}\n{elsewhere}"));
    assert!(reading.line_up.is_some() && reading.warnings().count() == 1);
}

#[test]
fn keys_of_mag_have_no_place_elsewhere_and_others_need_their_slices() {
    let infocast =
        with("slice_bytes = 1000\n[channel.mag]\nserial = 7\n").replace("\"mag\"", "\"infocast\"");
    assert!(error(&infocast).contains("`mag` has no place on an Infocast channel"));
    let none = MAG.replace("\"mag\"", "\"flute\"");
    assert!(error(&none).contains("missing field `slice_bytes`"));
}

#[test]
fn boxes_of_another_family_are_not_sent_to_a_mag_channel() {
    let bootcast = "\n[[channel]]\ncarousel = \"infocast\"\ngroup = \"239.255.2.2\"\nbit_rate_kbps = 64\n\
        slice_bytes = 1000\n[[channel.object]]\nname = \"boot\"\n\
        source = { kind = \"bootcast\", image = \"imageupdate\" }\n";
    let message = error(&format!("{MAG}{bootcast}"));
    assert!(
        message.contains("is on a MAG channel: boxes that read a bootcast information"),
        "{message}"
    );
}

#[test]
fn a_key_or_model_that_nothing_is_held_against_is_refused_and_not_passed_over() {
    // By its role, and by what its object is called.
    let written = with("[channel.mag]\nrole = \"bootstrap\"\nkey = \"operator.asc\"\n");
    let called = with("[channel.mag]\nmodel = \"MAG254\"\n");
    let called = called.replace("name = \"imageupdate\"", "name = \"bootstrap\"");
    assert!(error(&written).contains("`key` cannot be held against a Bootstrap"));
    assert!(error(&called).contains("`model` cannot be held against a Bootstrap"));
    let image = called.replace("[channel.mag]", "[channel.mag]\nrole = \"image\"");
    assert_eq!(read(&image).findings, []);
    let forced = written.replace("[channel.mag]", "[channel.mag]\nforce = true");
    let reading = read(&forced);
    assert!(reading.line_up.is_some(), "{:?}", reading.findings);
    assert!(reading.findings.iter().any(|it| it.to_string().contains("`key` cannot be held")));
}

#[test]
fn a_window_slows_no_channel_below_a_datagram_a_second() {
    let scheduled = |kbps| {
        with("schedule = \"night\"\n")
            + &format!(
                "[[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\n[[schedule.window]]\nfrom = \"01:00\"\n\
                 to = \"02:00\"\nbit_rate_kbps = {kbps}\n"
            )
    };
    assert!(error(&scheduled(11)).contains("11000 bit/s are less than one datagram each second"));
    assert_eq!(read(&scheduled(12)).findings, []);
}
