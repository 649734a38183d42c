//! Configuration files of the vendor's sender.

use std::path::{Path, PathBuf};

use stbcast_object::Micros;

use crate::lineup::{Protocol, Reading, Role, Source, parse, read};

const INI: &str = include_str!("../../../carousels/lineups/vendor/mcsend.ini");

fn reading(text: &str) -> Reading {
    parse(text, Path::new("/srv"))
}

fn messages<'a>(findings: impl Iterator<Item = &'a crate::lineup::Finding>) -> Vec<String> {
    findings.map(ToString::to_string).collect()
}

#[test]
fn a_vendors_file_is_a_line_up_as_it_stands() {
    let reading = reading(INI);
    let line_up = reading.line_up.clone().expect("a line-up");
    let [bootstrap, image] = &line_up.channels[..] else { panic!("{:?}", line_up.channels) };
    let told = |channel: &crate::lineup::Channel| {
        let mag = channel.mag.clone().unwrap();
        (
            channel.name.clone(),
            channel.group.to_string(),
            channel.bit_rate_bps,
            mag.serial,
            mag.role,
        )
    };
    let wanted = ("Bootstrap", "224.10.0.50:9000", 4_000_000, Some(1), Role::Bootstrap);
    assert_eq!(told(bootstrap), (wanted.0.into(), wanted.1.into(), wanted.2, wanted.3, wanted.4));
    let wanted = ("imageupdate", "224.10.0.51:9001", 8_000_000, Some(0x1170), Role::Image);
    assert_eq!(told(image), (wanted.0.into(), wanted.1.into(), wanted.2, wanted.3, wanted.4));
    for channel in &line_up.channels {
        assert_eq!((channel.protocol, channel.ttl), (Protocol::Mag, 1));
        assert_eq!(channel.slice_bytes.get(), 1_456);
        assert_eq!(channel.burst_delay, Micros::from_millis(100));
    }
    let mag = image.mag.clone().unwrap();
    assert_eq!(mag.description.unwrap().text(), "Image of the test bench");
    assert_eq!(mag.description_repeat, Micros::ZERO);
    assert_eq!(image.objects[0].source, Source::File(PathBuf::from("/srv/imageupdate")));
    let warnings = messages(reading.warnings());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("byte/s of IP"), "{warnings:?}");
    assert!(warnings[0].contains("4000 kbit/s, 8000 kbit/s"), "{warnings:?}");
}

#[test]
fn names_of_keys_are_read_in_any_case_and_line_ends_of_windows_too() {
    let text = "[SERVER]\r\n[One]\r\nmulticastipaddress = 239.255.50.51\r\nimagename = \"C:\\mc\\my image\"\r\n\
                datarate = 20000 ; a comment\r\n";
    let line_up = reading(text).line_up.expect("a line-up");
    let channel = &line_up.channels[0];
    assert_eq!(
        (channel.group.to_string().as_str(), channel.bit_rate_bps),
        ("239.255.50.51:9000", 160_000)
    );
    assert_eq!(channel.objects[0].source, Source::File(PathBuf::from("/srv/C:/mc/my image")));
}

#[test]
fn what_cannot_be_sent_is_told_with_its_line() {
    for (old, new, says) in [
        (
            "MulticastIPAddress=224.10.0.50\n",
            "",
            "line 7, column 1: [Bootstrap] has no `MulticastIPAddress`",
        ),
        ("224.10.0.50", "10.0.0.1", "line 8, column 1: 10.0.0.1 is not a multicast group"),
        ("FileName=Bootstrap\n", "", "line 7, column 1: [Bootstrap] has no `FileName`"),
        (
            "DataRate=500000",
            "DataRate=fast",
            "line 5, column 1: `DataRate` \"fast\" is not a whole number",
        ),
        ("DataRate=500000\n", "", "neither [Bootstrap] nor [Server] has a `DataRate`"),
        ("DataRate=500000", "DataRate=1499", "less than one datagram each second"),
        (
            "MulticastTTL=1",
            "MulticastTTL",
            "line 3, column 1: legal are [section], Key=value and ; comment",
        ),
        ("MulticastUDPPort=9000", "MulticastUDPPort=70000", "is not a group"),
        ("Bootstrap of the test bench", &"x".repeat(256), "a description of 256 bytes"),
        ("224.10.0.51\nMulticastUDPPort=9001", "224.10.0.50", "MAG boxes take one file from it"),
    ] {
        let text = INI.replacen(old, new, 1);
        let errors = messages(reading(&text).errors());
        assert!(errors.iter().any(|error| error.contains(says)), "{says}: {errors:?}");
    }
}

#[test]
fn keys_nobody_knows_are_warned_about_and_unused_ones_are_not() {
    let text = INI.replace("SerialNumber=1\n", "SerialNumbr=1\n");
    let warnings = messages(reading(&text).warnings());
    assert!(warnings.iter().any(|it| it.contains("did you mean `SerialNumber`?")), "{warnings:?}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn a_file_of_another_code_page_is_read_and_its_description_told() {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("mcsend.ini");
    let mut bytes = INI.replace("the test bench", "X").into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'X').unwrap();
    bytes[at] = 0xcf;
    std::fs::write(&path, bytes).unwrap();
    let reading = read(&path);
    let warnings = messages(reading.warnings());
    assert!(reading.line_up.is_some(), "{:?}", reading.findings);
    assert!(
        warnings.iter().any(|it| it.contains("`Description` is sent as UTF-8")),
        "{warnings:?}"
    );
}

#[test]
fn our_own_files_are_not_taken_for_one() {
    let toml = "[[channel]]\ncarousel = \"mag\"\ngroup = \"239.255.50.51:9001\"\nbit_rate_kbps = 8000\n\
                [[channel.object]]\nname = \"a\"\nsource = \"[Server]\"\n";
    assert!(reading(toml).line_up.is_some());
}
