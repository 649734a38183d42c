use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn version(version: &str) -> RebootRequest {
    RebootRequest {
        wanted: Wanted::Version(version.into()),
        serials: None,
        model: None,
        severity: "1".into(),
        timeout: None,
        delayed: None,
        notification: None,
    }
}

/// A request with everything.
fn full() -> RebootRequest {
    RebootRequest {
        wanted: Wanted::Date { date: "20261122".into(), time: "235959".into() },
        serials: Some(("1000000000".into(), "1999999999".into())),
        model: Some("VIP1113".into()),
        severity: "high".into(),
        timeout: Some("60".into()),
        delayed: Some("true".into()),
        notification: Some(Notification {
            text: "New software & more: reboot <now>?".into(),
            buttons: [
                Button { text: "Accept".into(), action: ACCEPT.into() },
                Button { text: "Postpone".into(), action: POSTPONE.into() },
            ],
        }),
    }
}

fn document(requests: impl Into<Vec<RebootRequest>>) -> RebootRequests {
    RebootRequests { requests: requests.into() }
}

fn told(document: &str) -> Vec<String> {
    lint(document.as_bytes()).findings.iter().map(ToString::to_string).collect()
}

/// A document with one request of these elements.
fn of(elements: &str) -> String {
    format!(
        "<RemoteRebootRequests>\n<RemoteRebootRequest>{elements}</RemoteRebootRequest>\n\
         </RemoteRebootRequests>"
    )
}

#[test]
fn what_is_written_is_read_again_and_nothing_is_wrong_with_it() {
    let other = RebootRequest { model: Some("VIP1853".into()), ..version("5.1.1") };
    for document in [document([version("5.1.1")]), document([full(), other])] {
        let text = document.write().unwrap();
        assert_eq!(RebootRequests::parse(text.as_bytes()).unwrap(), document);
        assert!(told(&text).is_empty(), "{:?}", told(&text));
        assert!(lint(text.as_bytes()).is_fit());
    }
}

#[test]
fn elements_stand_in_the_order_of_the_dtd() {
    let text = document([full()]).write().unwrap();
    let order = [
        "SoftwareDate",
        "SoftwareTime",
        "SerialIntervalStart",
        "SerialIntervalEnd",
        "Model",
        "Severity",
        "Timeout",
        "DelayedReboot",
        "Notification",
        "Button",
    ];
    let places: Vec<_> =
        order.iter().map(|name| text.find(&format!("<{name}>")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("&amp; more: reboot &lt;now"), "{text}");
}

#[test]
fn a_box_passes_over_what_it_does_not_know_and_any_order() {
    let odd = of("<Severity> 1 </Severity><Later/><SoftwareVersion>5.1</SoftwareVersion>");
    assert_eq!(RebootRequests::parse(odd.as_bytes()).unwrap(), document([version("5.1")]));
    let told = told(&odd);
    assert!(told.iter().any(|it| it.contains("`Later` is unknown")), "{told:?}");
    assert!(told.iter().any(|it| it.contains("`SoftwareVersion` stands behind")), "{told:?}");
}

#[test]
fn what_boxes_refuse_is_told_with_its_line() {
    let severity = "<Severity>1</Severity>";
    let version = "<SoftwareVersion>5</SoftwareVersion>";
    let button = "<Button><Text>a</Text><Action>Yes</Action></Button>";
    for (text, part) in [
        ("<a/>".to_owned(), "the document is a `a`"),
        ("<RemoteRebootRequests/>".to_owned(), "there is no RemoteRebootRequest"),
        ("no xml".to_owned(), "no XML"),
        (of(version), "`Severity` is missing"),
        (of(severity), "`SoftwareVersion` is missing"),
        (of(&format!("{version}{version}{severity}")), "`SoftwareVersion` stands more than once"),
        (
            of(&format!("<SoftwareDate>20261122</SoftwareDate>{severity}")),
            "`SoftwareDate` without `SoftwareTime`",
        ),
        (
            of(&format!(
                "<SoftwareDate>20261122</SoftwareDate><SoftwareTime>010203</SoftwareTime>\
                 {version}{severity}"
            )),
            "both a SoftwareVersion and a SoftwareDate",
        ),
        (
            of(&format!(
                "<SoftwareDate>20260229</SoftwareDate><SoftwareTime>010203</SoftwareTime>{severity}"
            )),
            "`SoftwareDate` is \"20260229\"",
        ),
        (
            of(&format!(
                "<SoftwareDate>20260228</SoftwareDate><SoftwareTime>240000</SoftwareTime>{severity}"
            )),
            "`SoftwareTime` is \"240000\"",
        ),
        (
            of(&format!("{version}<SerialIntervalEnd>5</SerialIntervalEnd>{severity}")),
            "`SerialIntervalEnd` without `SerialIntervalStart`",
        ),
        (of(&format!("{version}<Severity> </Severity>")), "`Severity` is \"\""),
        (of(&format!("{version}{severity}<Timeout>soon</Timeout>")), "`Timeout` is \"soon\""),
        (
            of(&format!("{version}{severity}<Notification><Text>a</Text>{button}</Notification>")),
            "a notification with 1 buttons",
        ),
        (
            of(&format!("{version}{severity}<Notification>{button}{button}</Notification>")),
            "`Text` is missing in `Notification`",
        ),
    ] {
        let told = told(&text);
        assert!(told.iter().any(|it| it.contains(part)), "`{part}` is not in {told:?}");
        assert!(RebootRequests::parse(text.as_bytes()).is_err(), "{text}");
        assert!(told.iter().all(|it| it.starts_with("line ")), "{told:?}");
    }
}

#[test]
fn what_an_operator_does_wrong_is_told() {
    let range = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
    let both = |one, other| document([one, other]);
    let of_model =
        |model: &str, wanted: &str| RebootRequest { model: Some(model.into()), ..version(wanted) };
    let of_range =
        |first, last, wanted| RebootRequest { serials: range(first, last), ..version(wanted) };
    let mut same = full();
    let notification = same.notification.as_mut().unwrap();
    notification.buttons[1].action = ACCEPT.into();
    let mut odd = full();
    odd.notification.as_mut().unwrap().buttons[1].action = "Never".into();
    for (document, part) in [
        (document([of_range("20", "10", "5")]), "no serial lies from 20 to 10"),
        (document([of_range("9", "10", "5"), of_range("11", "12", "6")]), ""),
        (both(version("5"), version("6")), "which wants version 5: it can never have both"),
        (both(version("5"), version("5")), "request 1 says the same"),
        (both(of_model("a", "5"), of_model("b", "6")), ""),
        (both(of_model("a", "5"), version("6")), "it can never have both"),
        (both(of_range("9", "11", "5"), of_range("10", "20", "6")), "it can never have both"),
        (document([same]), "both buttons do \"Yes\""),
        (document([odd]), "`Action` is \"Never\": known are Yes, No"),
        (
            document([RebootRequest { timeout: Some("9".into()), ..version("5") }]),
            "`Timeout` without `Notification`",
        ),
        (
            document([RebootRequest { delayed: Some("later".into()), ..version("5") }]),
            "`DelayedReboot` is \"later\"",
        ),
    ] {
        let told: Vec<_> = document.problems().iter().map(|(_, one)| one.to_string()).collect();
        if part.is_empty() {
            assert!(told.is_empty(), "{told:?}");
            continue;
        }
        assert!(told.iter().any(|it| it.contains(part)), "`{part}` is not in {told:?}");
        // The same is told of the document.
        let linted = self::told(&document.write().unwrap());
        assert!(linted.iter().any(|it| it.contains(part)), "`{part}` is not in {linted:?}");
    }
    assert!(!lint(both(version("5"), version("6")).write().unwrap().as_bytes()).is_fit());
}

#[test]
fn what_would_make_a_parser_work_without_end_is_refused() {
    let many = "<RemoteRebootRequest/>".repeat(3_000);
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]>\
                <RemoteRebootRequests>&c;</RemoteRebootRequests>";
    for text in [
        &format!("<RemoteRebootRequests>{many}</RemoteRebootRequests>"),
        &deep,
        bomb,
        &"x".repeat(REBOOT_BYTES_MAX + 1),
    ] {
        assert!(RebootRequests::parse(text.as_bytes()).is_err());
    }
    let all: Vec<_> =
        (0..65).map(|at| RebootRequest { model: Some(at.to_string()), ..version("5") }).collect();
    assert!(matches!(document(all).write(), Err(RebootProblem::Requests { requests: 65 })));
    assert!(document(vec![]).write().is_err());
}

fn word() -> impl Strategy<Value = String> {
    "[!-~]{1,12}( [!-~]{1,9})?"
}

proptest! {
    #[test]
    fn any_request_is_read_as_it_was_written(
        wanted in word(), severity in word(), model in proptest::option::of(word()),
        serials in proptest::option::of(("[0-9]{1,12}", "[0-9]{1,12}")),
        timeout in proptest::option::of(any::<u32>()), delayed in proptest::option::of(word()),
        notification in proptest::option::of((word(), word(), word(), word(), word())),
    ) {
        let notification = notification.map(|(text, one, a, other, b)| Notification {
            text,
            buttons: [Button { text: one, action: a }, Button { text: other, action: b }],
        });
        let timeout = timeout.map(|timeout| timeout.to_string());
        let wanted = Wanted::Version(wanted);
        let one = RebootRequest { wanted, serials, model, severity, timeout, delayed, notification };
        let document = document([one]);
        let text = document.write().unwrap();
        prop_assert_eq!(RebootRequests::parse(text.as_bytes()).unwrap(), document);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = lint(&bytes);
    }

    #[test]
    fn any_change_of_a_document_is_read_or_refused(
        at in 0usize..900, with in ".{0,6}", cut in 0usize..9,
    ) {
        let text = document([full()]).write().unwrap();
        let (start, end) = (at.min(text.len()), (at + cut).min(text.len()));
        if text.is_char_boundary(start) && text.is_char_boundary(end) {
            let _ = lint(format!("{}{with}{}", &text[..start], &text[end..]).as_bytes());
        }
    }
}
