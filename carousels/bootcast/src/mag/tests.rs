use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The sample of the vendor's page with the brackets that its conversion lost, and URLs, which it lost, too.
const SAMPLE: &str = r#"[
{"name":"0.2.14-r3", "url":"http://192.0.2.1/mag/0.2.14-r3/imageupdate", "type":"release", "date":"26 Nov 2012 23:22:19 GMT+0200", "descr":"Release"},
{"name":"0.2.14-r7", "url":"http://192.0.2.1/mag/0.2.14-r7/imageupdate", "type":"release", "date":"30 Nov 2012 14:43:29 GMT+0200", "descr":"Release"}
]
"#;

/// The same as the page has it now.
const CONVERTED: &str = r#"{"name":"0.2.14-r3", "url":"", "type":"release", "date":"26 Nov 2012 23:22:19 GMT+0200", "descr":"Release"},
{"name":"0.2.14-r7", "url":"", "type":"release", "date":"30 Nov 2012 14:43:29 GMT+0200", "descr":"Release"}
"#;

fn told(text: &str) -> Vec<String> {
    UpdateList::lint(text).findings.iter().map(ToString::to_string).collect()
}

fn entry(name: &str, date: &str) -> UpdateEntry {
    UpdateEntry {
        name: name.to_string(),
        url: "igmp://239.255.50.51:9001".to_string(),
        kind: "release".to_string(),
        date: date.to_string(),
        description: String::new(),
    }
}

#[test]
fn the_sample_of_the_vendor_is_read_and_written_the_same() {
    let lint = UpdateList::lint(SAMPLE);
    assert_eq!(lint.findings, []);
    assert!(lint.is_fit() && lint.is_strict());
    let list = UpdateList::parse(SAMPLE).unwrap();
    assert_eq!(lint.list.as_ref(), Some(&list));
    assert_eq!(list.entries.len(), 2);
    assert_eq!(list.entries[1].date().unwrap().unix_s(), 1_354_279_409);
    assert_eq!(list.to_string(), SAMPLE);
}

#[test]
fn a_list_that_lost_its_brackets_is_read_and_told() {
    let list = UpdateList::parse(CONVERTED).unwrap();
    assert_eq!(list.entries.len(), 2);
    assert_eq!(list.entries[0].name, "0.2.14-r3");
    let lint = UpdateList::lint(CONVERTED);
    assert!(!lint.is_fit() && !lint.is_strict());
    assert_eq!(
        lint.findings[0].to_string(),
        "line 1, column 1: the list must stand in `[` and `]`: boxes read no list at all, and \
         silently update no more"
    );
}

#[test]
fn what_javascript_refuses_is_told_with_its_place() {
    let with = |from: &str, to: &str| told(&SAMPLE.replace(from, to)).join("\n");
    assert!(
        with("\"Release\"}\n]", "\"Release\"},\n]")
            .contains("no comma may stand behind the last entry")
    );
    assert!(with("\n]\n", "\n").contains("the `]` at the end is missing"));
    assert!(with("},\n{", "}\n{").starts_with("line 3, column 1: one comma must stand between"));
    assert!(with("[\n", "").contains("no JSON: an entry in braces is expected here"));
    let broken = with("\"type\":\"release\", \"date\":\"30", "\"type\":\"release\" \"date\":\"30");
    assert!(broken.starts_with("line 3, column 1: no JSON: "), "{broken}");
    assert_eq!(told(""), ["line 1, column 1: no JSON: there is nothing"]);
    assert_eq!(told("[]\n"), ["line 1, column 1: the list has no entry: no box is updated"]);
    assert!(UpdateList::lint("[]").is_fit());
}

#[test]
fn what_boxes_make_of_an_entry_is_told() {
    let with = |from: &str, to: &str| {
        let told = told(&SAMPLE.replacen(from, to, 1));
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    assert_eq!(
        with("26 Nov 2012 23:22:19 GMT+0200", "Mon Nov 26 23:22:19 EET 2012"),
        "line 2, column 1: entry 1: date \"Mon Nov 26 23:22:19 EET 2012\": no boxes read it; write \
         \"26 Nov 2012 23:22:19 GMT+0200\""
    );
    assert!(with("23:22:19 GMT+0200", "23: 22: 19 GMT + 0200").contains("not all boxes read it"));
    assert!(with("26 Nov 2012 23:22:19", "26 Nov 2013 23:22:19").contains("entry 2: it is older"));
    assert!(with("26 Nov 2012 23:22:19", "30 Nov 2012 14:43:29").contains("as old as the entry"));
    assert!(with("0.2.14-r3\", \"url", "0.2.14-r7\", \"url").contains("entry 1 has the same name"));
    assert!(
        with("\"0.2.14-r3\", \"url", "\"0.2.14-r3 and some more\", \"url")
            .contains("has 23 characters: boxes show 20")
    );
    assert!(
        with("http://192.0.2.1/mag/0.2.14-r3/imageupdate", "https://192.0.2.1/")
            .contains("legal are http://")
    );
    assert!(with("\"release\"", "\"Alpha3\"").contains("boxes take it for an alpha"));
    assert!(with("\"release\"", "\"Release\"").contains("boxes take it for a beta"));
    assert!(
        with("\"type\":\"release\", ", "").contains("`type` is missing or no text: boxes take")
    );
    assert!(
        with("\"descr\":\"Release\"", "\"descr\":\"Release\", \"size\":3")
            .contains("`size` is unknown")
    );
    assert!(with("26 Nov 2012", "31 Nov 2012").contains("there is no such day"));
    assert!(UpdateList::lint(&SAMPLE.replace("\"release\"", "\"beta\"")).is_fit());
}

#[test]
fn what_is_no_entry_does_not_pass_for_one() {
    assert!(told("[1]")[0].contains("this is no object"));
    assert!(told("[null]")[0].contains("this is no object"));
    assert!(told("[[]]")[0].contains("this is no object"));
    assert!(told("{}").iter().any(|told| told.contains("must stand in `[` and `]`")));
    let deep = "[".repeat(100_000);
    assert!(!UpdateList::lint(&deep).is_fit());
    let many = format!("[{}{{}}]", "{},".repeat(ENTRIES_MAX));
    assert!(told(&many)[0].contains("more than 1024 entries"));
    assert!(told(&" ".repeat(UPDATE_LIST_BYTES_MAX + 1))[0].contains("at most 262144 are taken"));
}

#[test]
fn what_is_written_is_strict_json_whatever_the_texts_are() {
    let mut hostile = entry("\"}],\n{", "10 Nov 2017 20:05:35 GMT+0200");
    hostile.description = "\u{2028}\\ \u{0}".to_string();
    let list = UpdateList { entries: alloc::vec![hostile] };
    let text = list.to_string();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert_eq!(UpdateList::parse(&text).unwrap(), list);
    let empty = UpdateList::default();
    assert_eq!(UpdateList::parse(&empty.to_string()).unwrap(), empty);
}

/// Noon of a day in UTC, in the form of a list; `?` is what no box reads.
fn noon(day: &str) -> String {
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    match day {
        "?" => "on a Monday".to_string(),
        "unset" => String::new(),
        day => {
            let parts: Vec<_> = day.split('-').collect();
            let month = months[parts[1].parse::<usize>().unwrap() - 1];
            format!("{} {month} {} 12:00:00 GMT+0000", parts[2], parts[0])
        }
    }
}

#[test]
fn the_portal_takes_what_the_table_says() {
    let mut rows = 0;
    for row in include_str!("portal.md").lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, auto, beta, image_date, entries, header, outcome, ..] = cells[..] else {
            panic!("{row}")
        };
        let portal = Portal {
            auto_update: AutoUpdate::read(auto.trim_start_matches("unset")).unwrap(),
            takes_betas: matches!(beta, "1" | "true"),
            image_date: ImageDate::read(&noon(image_date)),
        };
        let entries = entries.split("; ").filter(|it| *it != "-").map(|it| {
            let (kind, day) = it.split_once(' ').unwrap();
            UpdateEntry { kind: kind.to_string(), ..entry(day, &noon(day)) }
        });
        let list = UpdateList { entries: entries.collect() };
        let got = match portal.choose(&list) {
            Choice::Off => "off".to_string(),
            Choice::Nothing => "nothing".to_string(),
            Choice::Entry { entry, asks } => {
                let asks = if asks { "asks, " } else { "" };
                match portal.check_header(&noon(header)) {
                    HeaderCheck::Installs => format!("{asks}installs {}", entry + 1),
                    _ => format!("{asks}takes {}, not installed", entry + 1),
                }
            }
        };
        assert_eq!(got, outcome, "{row}");
        rows += 1;
    }
    assert!(rows > 25, "{rows} rows are read");
}

#[test]
fn each_entry_is_told_why() {
    let list = UpdateList {
        entries: ["1 Jun", "20 Jun", "25 Jun"]
            .map(|day| entry(day, &format!("{day} 2017 12:00:00 GMT+0000")))
            .to_vec(),
    };
    let portal = Portal {
        auto_update: AutoUpdate::Automatic,
        takes_betas: true,
        image_date: ImageDate::read("Thu Jun 15 15:00:00 EEST 2017"),
    };
    let why: Vec<_> = portal.explain(&list).iter().map(|it| (it.entry, it.why)).collect();
    assert_eq!(why, [(2, Why::Taken), (1, Why::Behind), (0, Why::NotLater)]);
}

#[test]
fn a_version_that_dhcp_announces_is_compared_for_equality_alone() {
    let http = Announced { version: "219", url: "http://192.0.2.1/imageupdate" };
    let igmp = Announced { version: "219", url: "igmp://239.255.50.51:9001" };
    let reboots = |checked| AnnouncedDecision::Reboots { checked };
    assert_eq!(http.decide("219", Some("219")), AnnouncedDecision::Same);
    assert_eq!(http.decide("218", Some("219")), reboots(true));
    assert_eq!(http.decide("220", Some("219")), reboots(true), "a lower number, too");
    assert_eq!(http.decide("218", Some("218")), AnnouncedDecision::Contradicted);
    assert_eq!(http.decide("218", None), AnnouncedDecision::Contradicted);
    assert_eq!(igmp.decide("218", None), reboots(false), "nobody looks at the image");
    let other = Announced { version: "219", url: "ftp://192.0.2.1/imageupdate" };
    assert_eq!(other.decide("218", None), AnnouncedDecision::NoUrl);
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in ".{0,200}") {
        let lint = UpdateList::lint(&text);
        prop_assert_eq!(lint.list.is_none(), UpdateList::parse(&text).is_err());
    }

    #[test]
    fn every_list_is_read_as_it_is_written(
        texts in prop::collection::vec(prop::array::uniform5(".{0,30}"), 0..6)
    ) {
        let entries = texts.into_iter().map(|[name, url, kind, date, description]| UpdateEntry {
            name, url, kind, date, description,
        });
        let list = UpdateList { entries: entries.collect() };
        let text = list.to_string();
        prop_assert!(UpdateList::lint(&text).is_strict());
        prop_assert_eq!(UpdateList::parse(&text).unwrap(), list);
    }
}
