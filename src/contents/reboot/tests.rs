use stbcast_bootcast::reboot::{RebootRequest, RebootRequests};

use super::*;
use crate::contents::Contents;
use crate::lineup::parse;

fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("boot.img"), [1; 5_000]).unwrap();
    site
}

/// What is told of a line-up whose `cmd.reboot` has this source, beside a bootcast information.
fn told(site: &tempfile::TempDir, object: &str, more: &str) -> Vec<(bool, String)> {
    let text = format!(
        "{more}[[schedule]]\nname = \"night\"\ntimezone = \"Europe/Stockholm\"\n\
         [[schedule.window]]\nfrom = \"01:00\"\nto = \"05:00\"\n\
         [[channel]]\ncarousel = \"infocast\"\ngroup = \"239.255.2.2\"\nbit_rate_kbps = 100\n\
         slice_bytes = 256\n[[channel.object]]\nname = \"boot\"\nversion = \"5.1.1\"\n\
         source = \"boot.img\"\n[[channel.object]]\nname = \"info\"\n\
         source = {{ kind = \"bootcast\", image = \"boot\" }}\n\
         [[channel.object]]\nname = \"cmd.reboot\"\n{object}"
    );
    let reading = parse(&text, site.path());
    let line_up = reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings));
    let mut findings = Vec::new();
    Contents::survey(&line_up, &mut findings);
    let about = findings.iter().filter(|it| it.to_string().contains("reboot"));
    about.map(|it| (it.is_error(), it.to_string())).collect()
}

const OURS: &str = "schedule = \"night\"\nsource = { kind = \"reboot\", reboot = \"tonight\" }\n";
const FILE: &str = "schedule = \"night\"\nsource = \"reboot.xml\"\n";

fn table(wanted: &str) -> String {
    format!("[[reboot]]\nname = \"tonight\"\n[[reboot.request]]\nseverity = 1\n{wanted}\n")
}

fn file(site: &tempfile::TempDir, version: &str) {
    let request = RebootRequest {
        wanted: Wanted::Version(version.to_owned()),
        serials: None,
        model: None,
        severity: "1".to_owned(),
        timeout: None,
        delayed: None,
        notification: None,
    };
    let text = RebootRequests { requests: vec![request] }.write().unwrap();
    std::fs::write(site.path().join("reboot.xml"), text).unwrap();
}

#[test]
fn what_boxes_get_when_they_reboot_may_be_wanted() {
    let site = site();
    for wanted in ["image = \"boot\"", "version = \"5.1.1\"", "date = \"2026-11-22T01:00:00\""] {
        let told = told(&site, OURS, &table(wanted));
        assert!(told.is_empty(), "{told:?}");
    }
    file(&site, "5.1.1");
    assert!(told(&site, FILE, "").is_empty());
}

#[test]
fn a_version_that_no_box_can_get_has_them_reboot_for_ever() {
    let site = site();
    let never = "wants version 5.1.2, and boxes that reboot get 5.1.1: they reboot for ever";
    let ours = told(&site, OURS, &table("version = \"5.1.2\""));
    assert!(matches!(ours.as_slice(), [(true, it)] if it.contains(never)), "{ours:?}");
    // What somebody wrote as XML is told, and stays usable.
    file(&site, "5.1.2");
    let file = told(&site, FILE, "");
    assert!(matches!(file.as_slice(), [(false, it)] if it.contains(never)), "{file:?}");
}

#[test]
fn a_document_that_somebody_wrote_is_checked() {
    let site = site();
    std::fs::write(
        site.path().join("reboot.xml"),
        "<RemoteRebootRequests>\n<RemoteRebootRequest>\n<SoftwareVersion>5</SoftwareVersion>\n\
         </RemoteRebootRequest></RemoteRebootRequests>",
    )
    .unwrap();
    let told = told(&site, FILE, "");
    let wanted = "reboot.xml: line 2: `Severity` is missing";
    assert!(told.iter().any(|(_, it)| it.contains(wanted)), "{told:?}");
}

#[test]
fn an_object_outside_any_schedule_or_that_no_box_fetches_is_told() {
    let site = site();
    let always = OURS.replace("schedule = \"night\"\n", "");
    let all_day = told(&site, &always, &table("image = \"boot\""));
    assert!(all_day.iter().any(|(_, it)| it.contains("follows no schedule")), "{all_day:?}");
    let client = "<Infocast><Channel address=\"239.255.2.2\" port=\"22222\"/></Infocast>";
    std::fs::write(site.path().join("client.xml"), client).unwrap();
    let with =
        format!("{OURS}[[channel.object]]\nname = \"cfg.infocast\"\nsource = \"client.xml\"\n");
    let unfetched = told(&site, &with, &table("image = \"boot\""));
    assert!(unfetched.iter().any(|(_, it)| it.contains("fetch=\"Prefetch\"")), "{unfetched:?}");
    let listed =
        client.replace("/>", "><Object name=\"cmd.reboot\" fetch=\"Prefetch\"/></Channel>");
    std::fs::write(site.path().join("client.xml"), listed).unwrap();
    assert!(told(&site, &with, &table("image = \"boot\"")).is_empty());
}
