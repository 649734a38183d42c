use std::path::Path;

use super::*;
use crate::lineup;

const HEADER: &str = "STB Model:MAG254\nDate:Fri Nov 10 20:05:35 EET 2017\nImage Version:219\n\
                      Image Description:2.19.02-release\nKernel size:264\n\
                      Start data...\n";

fn line_up_of(text: &str, directory: &Path) -> (Option<LineUp>, Vec<String>) {
    let reading = lineup::parse(text, directory);
    let mut findings = reading.findings;
    if let Some(line_up) = &reading.line_up {
        plan::plan(line_up, &mut findings);
    }
    (reading.line_up, findings.iter().map(ToString::to_string).collect())
}

/// A site with an image, `more` behind its channel.
fn site(more: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("imageupdate"), HEADER).unwrap();
    let text = format!(
        "[[channel]]\nname = \"mag254\"\ncarousel = \"infocast\"\ngroup = \"239.255.50.51:9001\"\n\
         bit_rate_kbps = 8000\nslice_bytes = 1400\n[[channel.object]]\nname = \"imageupdate\"\n\
         source = \"imageupdate\"\n{more}"
    );
    (directory, text)
}

fn planned(more: &str) -> (Vec<plan::ListPlan>, Vec<String>) {
    let (directory, text) = site(more);
    let mut findings = Vec::new();
    let reading = lineup::parse(&text, directory.path());
    findings.extend(reading.findings);
    let line_up = reading.line_up.unwrap_or_else(|| panic!("{findings:?}"));
    let lists = plan::plan(&line_up, &mut findings);
    (lists, findings.iter().map(ToString::to_string).collect())
}

const BY_HAND: &str = "[[update_list.entry]]\nname = \"2.18.19\"\nurl = \"http://192.0.2.1/219\"\n\
                       date = \"Thu Jun 15 12:00:00 EEST 2017\"\n";

#[test]
fn an_entry_is_read_from_the_header_of_its_image_and_the_oldest_comes_first() {
    let list = "[[update_list]]\nmodel = \"MAG254\"\n[[update_list.entry]]\nobject = \"imageupdate\"\n\
                url = \"http://192.0.2.1/images/{channel}/{name}\"\n";
    let (lists, findings) = planned(&format!("{list}{BY_HAND}"));
    assert_eq!(findings, [""; 0]);
    let [list] = &lists[..] else { panic!("{lists:?}") };
    assert_eq!(list.path, "/mag/MAG254/update_list.txt");
    assert_eq!(list.what, "update_list of MAG254, 2 entries");
    assert_eq!(
        list.text,
        "[\n{\"name\":\"2.18.19\", \"url\":\"http://192.0.2.1/219\", \"type\":\"release\", \
         \"date\":\"15 Jun 2017 12:00:00 GMT+0300\", \"descr\":\"\"},\n\
         {\"name\":\"2.19.02-release\", \"url\":\"http://192.0.2.1/images/mag254/imageupdate\", \
         \"type\":\"release\", \"date\":\"10 Nov 2017 20:05:35 GMT+0200\", \"descr\":\"Image Version 219\"}\n]\n"
    );
}

#[test]
fn the_url_of_an_object_is_that_of_unicast_where_none_is_written() {
    let list =
        "[[update_list]]\nmodel = \"mag254\"\n[[update_list.entry]]\nobject = \"imageupdate\"\n";
    let (_, findings) = planned(list);
    assert!(
        findings[0].contains("is on no MAG channel: write its `url`, or `[unicast]`"),
        "{findings:?}"
    );
    let unicast = "[unicast]\nurl = \"http://192.0.2.9/images/{channel}/{name}\"\n";
    let (lists, _) = planned(&format!("{unicast}{list}"));
    assert!(lists[0].text.contains("\"url\":\"http://192.0.2.9/images/mag254/imageupdate\""));
}

#[test]
fn an_entry_that_boxes_would_refuse_keeps_the_line_up_off_the_air() {
    let list = |model: &str, more: &str| {
        let text = format!(
            "[[update_list]]\nmodel = \"{model}\"\n[[update_list.entry]]\nobject = \"imageupdate\"\n\
             url = \"http://192.0.2.1/x\"\n{more}"
        );
        planned(&text).1.join("\n")
    };
    assert!(list("MAG250", "").contains("the image is for MAG254: boxes refuse it (status 2)"));
    let other = list("MAG254", "date = \"11 Nov 2017 20:05:35 GMT+0200\"\n");
    assert!(other.contains("is not the one of the image's header"), "{other}");
    assert_eq!(list("MAG254", "date = \"10 Nov 2017 18:05:35 GMT+0000\"\n"), "");
    assert!(list("MAG254", "name = \"more than twenty characters\"\n").contains("boxes show 20"));
}

#[test]
fn what_is_written_wrong_is_told_with_its_place() {
    let told = |more: &str| {
        let (directory, text) = site(more);
        line_up_of(&text, directory.path()).1.join("\n")
    };
    let list = "[[update_list]]\nmodel = \"MAG254\"\n";
    assert!(told(list).contains("0 entries: legal are 1 to 1024"));
    assert!(
        told(&format!("{list}[[update_list.entry]]\nname = \"x\"\n"))
            .contains("line 12, column 1: an entry without `object`")
    );
    assert!(told(&format!("{list}path = \"/images/x\"\n{BY_HAND}")).contains("not below /images"));
    let twice = format!("{list}{BY_HAND}[[update_list]]\nmodel = \"mag254\"\n{BY_HAND}");
    assert!(told(&twice).contains("is that of the update_list of MAG254 already"));
    let wrong = BY_HAND.replace("EEST", "IST");
    assert!(told(&format!("{list}{wrong}")).contains("time zone `IST` is unknown"));
    let kind = format!("{list}{BY_HAND}type = \"Release\"\n");
    assert!(told(&kind).contains("legal are release, beta, alpha; did you mean `release`?"));
}

const DUNE: &str = "[[dune]]\nproduct = \"tv102\"\nchecker = \"130222_1831_b5\"\nbootstrap = \"130222_1831_b5\"\n\
                    [[dune.firmware]]\nversion = \"130222_1831_b5\"\nobject = \"imageupdate\"\n\
                    url = \"http://192.0.2.1/{name}.dff.gz\"\nsize = 177\n\
                    [[dune.firmware]]\nversion = \"130221_1050_b4\"\nsize = 139\n";

#[test]
fn a_product_of_dune_has_its_lists_and_files() {
    let (lists, findings) = planned(&DUNE.replace("checker =", "lists = \"v2\"\nchecker ="));
    assert_eq!(findings, [""; 0]);
    let paths: Vec<_> = lists.iter().map(|list| list.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/dunehd/v2_tv102.txt",
            "/dunehd/tv102",
            "/dunehdtv102",
            "/dunehd/firmware/tv102",
            "/dunehd/firmwaretv102"
        ]
    );
    assert_eq!(
        lists[0].text,
        "130222_1831_b5 http://192.0.2.1/imageupdate.dff.gz stable 177\n130221_1050_b4 - stable 139\n"
    );
    assert_eq!(lists[4].text, "130222_1831_b5 http://192.0.2.1/imageupdate.dff.gz\n");
    let at_root = DUNE.replace("checker =", "prefix = \"/\"\nlists = []\nchecker =");
    let (lists, _) = planned(&at_root);
    assert_eq!(
        (lists[0].path.as_str(), lists[1].path.as_str()),
        ("/tv102", "/dunehd/firmware/tv102")
    );
    let (_, findings) = planned(DUNE);
    assert!(
        findings[0].contains("v1 list of tv102, 130221_1050_b4: `-` instead of a URL"),
        "{findings:?}"
    );
}

#[test]
fn what_a_vendors_sender_sends_is_offered_by_its_group_and_version() {
    let sender = "[[vendor_sender]]\nname = \"dune\"\nprogram = \"imageupdate\"\ngroup = \"239.255.60.1:5000\"\n\
                  file = \"imageupdate\"\nversion = \"140101_0000\"\n";
    let dune = "[[dune]]\nproduct = \"tv102\"\n[[dune.firmware]]\nsender = \"dune\"\n";
    let (lists, _) = planned(&format!("{sender}{dune}"));
    assert_eq!(lists[0].path, "/dunehd/tv102.txt");
    assert_eq!(lists[0].text, "140101_0000 igmp://239.255.60.1:5000 stable 0\n");
}

#[test]
fn what_is_off_the_air_is_offered_to_nobody_but_stays_listed() {
    let (directory, text) = site(DUNE);
    let text = text
        + "[[update_list]]\nmodel = \"MAG254\"\n[[update_list.entry]]\nobject = \"imageupdate\"\n\
                       url = \"http://192.0.2.1/x\"\n";
    let line_up = lineup::parse(&text, directory.path()).line_up.unwrap();
    let headers = Headers::of_files(&line_up);
    let known = Known {
        line_up: &line_up,
        headers: &headers,
        digest: &|_| None,
        has: &|_| false,
        runs: &|_| true,
    };
    let pages = known.pages();
    let texts: Vec<_> =
        pages.iter().map(|it| (it.path.as_str(), str::from_utf8(&it.text).unwrap())).collect();
    assert_eq!(
        texts,
        [
            ("/mag/MAG254/update_list.txt", "[\n]\n"),
            ("/dunehd/tv102.txt", "130221_1050_b4 - stable 139\n"),
            ("/dunehd/v2_tv102.txt", "130222_1831_b5 - stable 177\n130221_1050_b4 - stable 139\n"),
        ]
    );
}

#[test]
fn a_version_that_leaves_a_list_is_told() {
    let (directory, text) = site(DUNE);
    let old = lineup::parse(&text, directory.path()).line_up.unwrap();
    let last = "[[dune.firmware]]\nversion = \"130221_1050_b4\"\nsize = 139\n";
    let new = lineup::parse(&text.replace(last, ""), directory.path()).line_up.unwrap();
    let told: Vec<_> = gone(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("dune tv102: version 130221_1050_b4 was listed before"),
        "{told:?}"
    );
    assert_eq!(gone(&new, &old), []);
}

#[test]
fn what_a_table_of_dune_names_must_be_there() {
    let told = |from: &str, to: &str| {
        let (directory, text) = site(&DUNE.replacen(from, to, 1));
        line_up_of(&text, directory.path()).1.join("\n")
    };
    assert!(
        told("checker = \"130222_1831_b5\"", "checker = \"130222_1831_b6\"")
            .contains("is no firmware of this product; did you mean `130222_1831_b5`?")
    );
    assert!(
        told("checker = \"130222_1831_b5\"", "checker = \"130221_1050_b4\"")
            .contains("has no URL: there is nothing to install")
    );
    assert!(told("object = \"imageupdate\"", "object = \"image\"").contains("no object `image`"));
    assert!(
        told(
            "object = \"imageupdate\"\nurl = \"http://192.0.2.1/{name}.dff.gz\"",
            "sender = \"dune\""
        )
        .contains("no [[vendor_sender]] `dune`")
    );
    assert!(
        told("url = \"http://192.0.2.1/{name}.dff.gz\"\n", "")
            .contains("needs a `url`, or `[unicast]`")
    );
}
