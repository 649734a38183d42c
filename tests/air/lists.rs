//! What boxes of MAG and Dune are told over HTTP: the real headend, and the questions of these boxes.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};
use stbcast_bootcast::dune::{CheckerFile, FirmwareList, Variant};
use stbcast_bootcast::mag::UpdateList;

use super::asking::{answering, ask, get};
use super::control::tell;
use super::harness::{Site, free_group, headend, noise, run};

const LIST: &str = "/mag/MAG254/update_list.txt";

/// An image with a header and nothing that could be installed.
fn image(version: u32, date: &str) -> Vec<u8> {
    let header = format!(
        "STB Model:MAG254\nDate:{date}\nImage Version:{version}\nImage Description:2.{version}.02\n\
         Kernel size:200000\nStart data...\n"
    );
    [header.into_bytes(), noise(version.into(), 200_263)].concat()
}

/// A MAG channel with an image, its list, and a product of Dune; the group of the channel.
fn site(more: &str) -> (Site, String) {
    let mut site = Site::new();
    let group = free_group();
    site.add(&format!(
        "[[channel]]\nname = \"mag254\"\ncarousel = \"mag\"\ngroup = \"{group}\"\nbit_rate_kbps = 8000\n{more}\
         [[channel.object]]\nname = \"imageupdate\"\nsource = \"imageupdate\"\n\
         [[update_list]]\nmodel = \"MAG254\"\n\
         [[update_list.entry]]\nobject = \"imageupdate\"\n\
         [[update_list.entry]]\nname = \"2.18.19\"\nurl = \"http://192.0.2.1/218/imageupdate\"\n\
         date = \"15 Jun 2017 12:00:00 GMT+0300\"\n\
         [[dune]]\nproduct = \"customer__tv102\"\nprefix = \"/upgrade/dunehd/\"\nlists = \"v2\"\n\
         checker = \"130222_1831_b5\"\nbootstrap = \"130222_1831_b5\"\n\
         [[dune.firmware]]\nversion = \"130222_1831_b5\"\nobject = \"imageupdate\"\n\
         url = \"http://192.0.2.1/{{name}}.dff.gz\"\nsize = 177\n\
         [[dune.firmware]]\nversion = \"130221_1050_b4\"\nsize = 139\n"
    ));
    site.file("imageupdate", &image(219, "Fri Nov 10 20:05:35 EET 2017"));
    (site, group)
}

fn names(text: &str) -> Vec<String> {
    let list = UpdateList::lint(text);
    assert!(list.is_strict(), "{text}");
    list.list.unwrap().entries.into_iter().map(|entry| entry.name).collect()
}

#[test]
fn each_family_is_answered_at_the_paths_its_boxes_ask() {
    let (site, group) = site("");
    let (_headend, address) = answering(&site, &[]);
    let asked = format!("{LIST}?mac=00:1A:79:00:00:01&x=%zz");
    let headers = "X-CurrentVersion: 2.18.19\r\nX-MacAddress: 00:1A:79:00:00:01\r\n";
    let answer = ask(address, "GET", &asked, headers);
    assert_eq!((answer.status, answer.value("Cache-Control")), (200, Some("no-store")));
    assert_eq!(answer.value("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(names(&answer.text()), ["2.18.19", "2.219.02"]);
    // As strict as JavaScript is.
    let json: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(json[1]["url"], format!("igmp://{group}"));
    assert_eq!(json[1]["date"], "10 Nov 2017 20:05:35 GMT+0200");
    let etag = answer.value("ETag").unwrap();
    let again = ask(address, "GET", LIST, &format!("If-None-Match: {etag}\r\n"));
    assert_eq!(again.status, 304);
    let head = ask(address, "HEAD", "/mag/mag254/update_list.txt", "");
    let length = answer.body.len().to_string();
    assert_eq!((head.status, head.value("Content-Length")), (200, Some(length.as_str())));
    let list = get(address, "/upgrade/dunehd/v2_customer__tv102.txt");
    let list = FirmwareList::parse(&list.text(), Variant::V2).unwrap();
    assert_eq!(list.firmwares[0].url.as_deref(), Some("http://192.0.2.1/imageupdate.dff.gz"));
    assert_eq!(list.firmwares[1].url, None);
    for path in [
        "/upgrade/dunehd/customer__tv102",
        "/upgrade/dunehdcustomer__tv102",
        "/dunehd/firmware/customer__tv102",
        "/dunehd/firmwarecustomer__tv102",
    ] {
        let answer = get(address, path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(CheckerFile::parse(&answer.text()).unwrap().version, "130222_1831_b5");
    }
    for path in ["/mag/MAG250/update_list.txt", "/upgrade/dunehd/customer__tv102.txt", "/upgrade"] {
        assert_eq!(get(address, path).status, 404, "{path}");
    }
    assert_eq!(ask(address, "POST", LIST, "Content-Length: 0\r\n").status, 405);
}

#[test]
fn a_new_image_is_listed_when_it_is_on_air_and_a_version_that_goes_is_told() {
    let (mut site, _) = site("");
    let (mut headend, address) = answering(&site, &[]);
    site.file("imageupdate", &image(220, "Thu Feb 21 00:43:44 EET 2019"));
    site.replace("[[dune.firmware]]\nversion = \"130221_1050_b4\"\nsize = 139\n", "");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("version 130221_1050_b4 was listed before");
    headend.wait_for("line-up 2 is on air");
    let text = get(address, LIST).text();
    assert_eq!(names(&text), ["2.18.19", "2.220.02"]);
    assert!(text.contains("21 Feb 2019 00:43:44 GMT+0200"), "{text}");
    // Another model's image is refused, and what is on air stays.
    let other = String::from_utf8_lossy(&image(221, "Thu Feb 21 00:43:44 EET 2019"))
        .replacen("MAG254", "MAG250", 1);
    site.file("imageupdate", other.as_bytes());
    headend.signal(Signal::HUP);
    headend.wait_for("the image is for MAG250");
    headend.wait_for("the old line-up stays on air");
    assert_eq!(names(&get(address, LIST).text()), ["2.18.19", "2.220.02"]);
}

#[test]
fn a_killed_image_is_offered_to_no_box_of_either_family() {
    let (site, _) = site("");
    let (_headend, address) = answering(&site, &[]);
    let bytes = std::fs::read(site.path("imageupdate")).unwrap();
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let (code, _, told) = tell(&site, &["kill", "image", &hex[..12]]);
    assert_eq!((code, told.as_str()), (0, ""));
    let end = Instant::now() + Duration::from_secs(1);
    while names(&get(address, LIST).text()).len() > 1 {
        assert!(Instant::now() < end, "it is offered still");
    }
    assert_eq!(names(&get(address, LIST).text()), ["2.18.19"]);
    let list = get(address, "/upgrade/dunehd/v2_customer__tv102.txt").text();
    assert_eq!(list, "130222_1831_b5 - stable 177\n130221_1050_b4 - stable 139\n");
    assert_eq!(get(address, "/dunehd/firmware/customer__tv102").status, 404);
    let (code, ..) = tell(&site, &["unkill", "image", &hex]);
    assert_eq!(code, 0);
    let end = Instant::now() + Duration::from_secs(20);
    while names(&get(address, LIST).text()).len() < 2 {
        assert!(Instant::now() < end, "it is not offered again");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_off_the_air_by_its_schedule_is_not_listed() {
    let (mut site, _) = site("schedule = \"once\"\n");
    site.add(
        "[[schedule]]\nname = \"once\"\ntimezone = \"UTC\"\n[[schedule.window]]\n\
         from = \"2020-01-01T01:00\"\nto = \"2020-01-01T02:00\"\n",
    );
    let (_headend, address) = answering(&site, &[]);
    assert_eq!(names(&get(address, LIST).text()), ["2.18.19"]);
    assert_eq!(get(address, "/upgrade/dunehd/customer__tv102").status, 404);
}

#[test]
fn a_headend_that_answers_nobody_says_that_its_lists_are_not_heard_of() {
    let (site, _) = site("");
    let mut headend = site.start(&site.write(), &[]);
    headend.wait_for("nobody hears of them without --http");
}

fn offer(site: &Site, more: &[&str]) -> (i32, String) {
    let output = run(headend().arg("offer").arg(site.write()).args(more));
    let told = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned() + &told)
}

#[test]
fn offer_tells_what_a_mag_box_would_do_and_why() {
    let (site, group) = site("");
    let mag = ["--family", "mag", "--model", "MAG254"];
    let old = ["--image-version", "218", "--image-date", "Thu Jun 15 12:00:00 EEST 2017"];
    let (code, text) = offer(&site, &[&mag[..], &old].concat());
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("portal: takes 2.219.02: installs it: its header is later, too"),
        "{text}"
    );
    assert!(
        text.contains("entry `2.18.19`, release, 15 Jun 2017 12:00:00 GMT+0300: it is not later"),
        "{text}"
    );
    assert!(text.contains(&format!("Bootstrap at igmp://{group}: installs the image")), "{text}");
    assert!(text.contains("DHCP: nothing"), "{text}");
    let announced = ["--dhcp-version", "219", "--dhcp-url", "igmp://239.255.50.51:9001"];
    let json = [&mag[..], &old, &announced, &["--json"]].concat();
    let (_, text) = offer(&site, &json);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["ways"][0]["takes"]["version"], "2.219.02");
    assert_eq!(told["ways"][1]["takes"]["url"], "igmp://239.255.50.51:9001");
    assert_eq!(told["ways"][2]["takes"]["version"], "219");
    let new = ["--image-version", "219", "--image-date", "Fri Nov 10 20:05:35 EET 2017"];
    let (code, text) = offer(&site, &[&mag[..], &new].concat());
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("portal: nothing") && text.contains("refuses the image: not newer"),
        "{text}"
    );
    let (code, text) = offer(&site, &[&mag[..], &new, &["--ver-forced"]].concat());
    assert!(code == 0 && text.contains("219 is offered, 219 runs, Ver_Forced is Yes"), "{text}");
    let other = ["--family", "mag", "--model", "MAG250", "--image-version", "1"];
    let (code, text) = offer(&site, &other);
    assert!(code == 1 && text.contains("status 2, wrong model"), "{text}");
    assert_eq!(offer(&site, &["--family", "mag"]).0, 2);
}

#[test]
fn offer_tells_what_a_dune_box_would_do_and_why() {
    let (site, _) = site("");
    let dune = |more: &[&str]| {
        let fixed = ["--family", "dune", "--product", "customer__tv102"];
        offer(&site, &[&fixed[..], more].concat())
    };
    let (code, text) = dune(&["--installed", "130221_1050_b4", "--chip", "SMP8672"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("native UI, v2 list: suggests 130222_1831_b5"), "{text}");
    assert!(
        text.contains("upgrade checker: installs 130222_1831_b5 by url without a question"),
        "{text}"
    );
    assert!(
        text.contains("bootstrap checker: installs 130222_1831_b5 by url")
            && text.contains("to_custom")
    );
    let (_, text) = dune(&["--installed", "130101_0000", "--chip", "SMP8672"]);
    assert!(text.contains("native UI, v1 list: nothing"), "{text}");
    let (_, text) = dune(&["--installed", "130101_0000", "--list", "v2"]);
    assert!(text.contains("never anything: the version that runs is not listed"), "{text}");
    let (code, text) = dune(&["--installed", "130222_1831_b5"]);
    assert!(code == 1 && text.contains("what it finds by url is what runs"), "{text}");
    let told = ["--dhcp-version", "140101_0000", "--dhcp-url", "igmp://239.255.1.1:5000", "--json"];
    let (_, text) = dune(&[&["--installed", "130222_1831_b5"], &told[..]].concat());
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["ways"][2]["takes"]["version"], "140101_0000");
}

#[test]
fn offer_tells_a_box_of_kreatv_what_target_tells() {
    let (mut site, _) = site("");
    site.add("[[target]]\nname = \"all\"\nredirect = { to = \"http://192.0.2.1/x\" }\n");
    let (code, text) = offer(&site, &["--family", "kreatv", "--product", "vip"]);
    assert_eq!(code, 0);
    let target = run(headend().arg("target").arg(site.write()).args(["--product", "vip"]));
    assert_eq!(text, String::from_utf8_lossy(&target.stdout));
}

#[test]
fn check_shows_the_lists_and_what_is_wrong_with_them() {
    let (mut site, group) = site("");
    let old = site.write();
    let output = run(headend().arg("check").arg(&old));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        text.contains("GET /mag/MAG254/update_list.txt: update_list of MAG254, 2 entries"),
        "{text}"
    );
    assert!(text.contains(&format!("\"url\":\"igmp://{group}\"")), "{text}");
    assert!(
        text.contains("GET /dunehd/firmware/customer__tv102: for the bootstrap checker"),
        "{text}"
    );
    let old = site.file("old.toml", &std::fs::read(&old).unwrap());
    site.replace("[[dune.firmware]]\nversion = \"130221_1050_b4\"\nsize = 139\n", "");
    site.replace("\"MAG254\"", "\"MAG255\"");
    let output = run(headend().arg("check").arg(site.write()).arg("--against").arg(old));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("version 130221_1050_b4 was listed before"), "{told}");
    assert!(told.contains("the image is for MAG254: boxes refuse it"), "{told}");
}

#[test]
fn files_of_both_families_are_checked_and_a_list_is_mended() {
    let site = Site::new();
    let lint = |verb: &str, file: &str, bytes: &str, more: &[&str]| {
        let path = site.file(file, bytes.as_bytes());
        let output = run(headend().args([verb, "lint"]).arg(path).args(more));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let entry = "{\"name\":\"a\", \"url\":\"http://192.0.2.1/a\", \"type\":\"release\", \
                 \"date\":\"10 Nov 2017 20:05:35 GMT+0200\", \"descr\":\"\"}";
    let (code, _, told) = lint("update-list", "update_list.txt", &format!("{entry},\n"), &[]);
    assert!(
        code == 1 && told.contains("line 1, column 1: the list must stand in `[` and `]`"),
        "{told}"
    );
    let (code, mended, _) =
        lint("update-list", "update_list.txt", &format!("{entry},\n"), &["--mended"]);
    assert_eq!((code, mended.as_str()), (1, format!("[\n{entry}\n]\n").as_str()));
    let (code, told, _) = lint("update-list", "update_list.txt", &mended, &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["fit"], &told["count"]), (0, &true.into(), &1.into()));
    let v2 = "130222_1831_b5 http://192.0.2.1/b5.dff.gz stable 177\n130221_1050_b4 - stable 139\n";
    assert_eq!(lint("dune", "v2_tv102.txt", v2, &[]).0, 0);
    let old = site.file("old.txt", v2.as_bytes());
    let against = ["--against", old.to_str().unwrap()];
    let (code, _, told) = lint("dune", "v2_tv102.txt", v2.lines().next().unwrap(), &against);
    assert!(code == 1 && told.contains("130221_1050_b4 was listed before"), "{told}");
    let (code, _, told) = lint("dune", "tv102.txt", v2, &[]);
    assert!(code == 1 && told.contains("line 2, column 1: `-` instead of a URL"), "{told}");
    assert_eq!(lint("dune", "tv102", "130222_1831_b5 igmp://239.255.1.1:5000\n", &[]).0, 0);
    let (code, _, told) = lint("dune", "checker.properties", "check_methods = url\n", &[]);
    assert!(code == 1 && told.contains("`url_prefix` is missing: method `url` needs it"), "{told}");
}
