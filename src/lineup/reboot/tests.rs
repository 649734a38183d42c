use std::path::Path;

use stbcast_infocast::Precoding;

use super::super::{Reading, Source, parse};
use super::*;

const CHANNEL: &str = "[[channel]]\ncarousel = \"infocast\"\ngroup = \"239.255.2.2\"\n\
     bit_rate_kbps = 16\nslice_bytes = 256\n\
     [[channel.object]]\nname = \"boot\"\nversion = \"5.1.1\"\nsource = \"boot.img\"\n\
     [[channel.object]]\nname = \"bare\"\nsource = \"bare.img\"\n\
     [[channel.object]]\nname = \"cmd.reboot\"\nsource = { kind = \"reboot\", reboot = \"tonight\" }\n";

fn read(requests: &str) -> Reading {
    let text = format!("{CHANNEL}[[reboot]]\nname = \"tonight\"\n{requests}");
    parse(&text, Path::new("/site"))
}

fn told(requests: &str) -> Vec<String> {
    read(requests).findings.iter().map(ToString::to_string).collect()
}

#[test]
fn requests_are_read_with_the_version_of_the_image_on_air() {
    let reading = read(
        "[[reboot.request]]\nimage = \"boot\"\nserials = [1000000000, \"1999999999\"]\nmodel = \"VIP1113\"\n\
         severity = 1\ntimeout = 60\ndelayed = true\n\
         notification = { text = \"Reboot?\", accept = \"Now\", postpone = \"Later\" }\n\
         [[reboot.request]]\ndate = \"2026-11-22T01:30:00\"\nmodel = \"VIP1853\"\nseverity = \"low\"\n",
    );
    assert!(reading.findings.is_empty(), "{:?}", reading.findings);
    let line_up = reading.line_up.unwrap();
    let reboot = line_up.reboot("tonight").unwrap();
    assert_eq!(reboot.images, [Some(ObjectId { channel: 0, object: 0 }), None]);
    let [first, second] = reboot.requests.requests.as_slice() else { panic!("{reboot:?}") };
    assert_eq!(first.wanted, Wanted::Version("5.1.1".into()));
    assert_eq!(first.serials, Some(("1000000000".into(), "1999999999".into())));
    assert_eq!((first.severity.as_str(), first.timeout.as_deref()), ("1", Some("60")));
    assert_eq!(first.notification.as_ref().unwrap().buttons[1].action, POSTPONE);
    let date = Wanted::Date { date: "20261122".into(), time: "013000".into() };
    assert_eq!(second.wanted, date);
    let object = &line_up.channels[0].objects[2];
    assert_eq!(object.source, Source::Reboot("tonight".into()));
    assert_eq!(object.precoding, Precoding::CRC16, "as boxes expect it");
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    for (requests, part) in [
        ("", "there is no RemoteRebootRequest"),
        ("[[reboot.request]]\nseverity = 1\n", "a request wants one of"),
        ("[[reboot.request]]\nseverity = 1\nimage = \"boot\"\nversion = \"5\"\n", "wants one of"),
        ("[[reboot.request]]\nseverity = 1\nimage = \"boat\"\n", "did you mean `boot`?"),
        ("[[reboot.request]]\nseverity = 1\nimage = \"bare\"\n", "has no `version`"),
        ("[[reboot.request]]\nseverity = 1\ndate = \"tonight\"\n", "legal is a date and a time"),
        ("[[reboot.request]]\nseverity = 1\ndate = \"2026-13-22T01:30:00\"\n", "`SoftwareDate` is"),
        ("[[reboot.request]]\nseverity = \"\"\nimage = \"boot\"\n", "`Severity` is"),
        ("[[reboot.request]]\nimage = \"boot\"\n", "missing field `severity`"),
        (
            "[[reboot.request]]\nseverity = 1\nimage = \"boot\"\nserials = [9, 8]\n",
            "no serial lies from 9 to 8",
        ),
        (
            "[[reboot.request]]\nseverity = 1\nimage = \"boot\"\n\
             [[reboot.request]]\nseverity = 1\nversion = \"5.1.2\"\n",
            "it can never have both, and reboots for ever",
        ),
        (
            "[[reboot.request]]\nseverity = 1\nimage = \"boot\"\ntimeout = 3\n",
            "`Timeout` without `Notification`",
        ),
    ] {
        let told = told(requests);
        let found = told.iter().find(|it| it.contains(part));
        let found = found.unwrap_or_else(|| panic!("`{part}` is not in {told:#?}"));
        assert!(found.contains("line "), "{found}");
    }
    let twice = "[[reboot.request]]\nseverity = 1\nimage = \"boot\"\n[[reboot]]\nname = \"tonight\"\n\
                 [[reboot.request]]\nseverity = 1\nimage = \"boot\"\n";
    assert!(told(twice).iter().any(|it| it.contains("reboot `tonight` stands twice")));
    let other = CHANNEL.replace("reboot = \"tonight\"", "reboot = \"tonite\"");
    let text = format!(
        "{other}[[reboot]]\nname = \"tonight\"\n[[reboot.request]]\nseverity = 1\nimage = \"boot\"\n"
    );
    let findings = parse(&text, Path::new("/site")).findings;
    let told: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|it| it.contains("did you mean `tonight`?")), "{told:?}");
}
