//! Documents that mean harm: refused soon, and with little memory.

use alloc::vec;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

extern crate std;

/// Longest time a refusal may take, and the most memory it may need at any moment.
const TIME_MAX: Duration = Duration::from_millis(5);
const MEMORY_MAX: u64 = 1 << 20;

fn around(inner: &str) -> String {
    OLD.replace("<BootParams>", &["<BootParams>", inner].concat())
}

fn utf_16(text: &str, mark: &[u8], order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.iter().copied().chain(text.encode_utf16().flat_map(order)).collect()
}

/// Name, document, and what the refusal says.
fn attacks() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let bomb = "<!DOCTYPE StbConfig [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]>";
    let attributes: String = (0..80_000).map(|n| format!(" a{n}=''")).collect();
    let few: String = (0..17).map(|n| format!(" a{n}=''")).collect();
    let spaces: String = (0..17).map(|n| format!(" xmlns:a{n}='u{n}'")).collect();
    let inside = "the document type defines something itself";
    vec![
        (
            "billion laughs",
            OLD.replace("<!DOCTYPE StbConfig SYSTEM \"stbconfig.dtd\">", bomb).into(),
            inside,
        ),
        (
            "external entity",
            OLD.replace("\"stbconfig.dtd\"", "\"a\" [<!ENTITY x SYSTEM \"file:///etc/passwd\">]")
                .into(),
            inside,
        ),
        ("entity of nobody", around("<NfsRootPath>&x;</NfsRootPath>").into(), "unknown entity"),
        ("80,000 attributes", around(&format!("<a{attributes}/>")).into(), "at most 65536"),
        (
            "attributes within the size",
            around(&format!("<a{few}/>")).into(),
            "more than 16 attributes",
        ),
        ("name spaces", around(&format!("<a{spaces}/>")).into(), "more than 16 attributes"),
        ("10,000 levels", "<a>".repeat(10_000).into(), "deeper than 8"),
        ("10,000 levels in a document", around(&"<a>".repeat(10_000)).into(), "deeper than 8"),
        ("10 MB of text", around(&"x".repeat(10 << 20)).into(), "at most 65536"),
        ("10 MB that never end", vec![b'<'; 10 << 20], "at most 65536"),
        (
            "a long value",
            around(&format!("<NfsRootPath>{}</NfsRootPath>", "x".repeat(60_000))).into(),
            "legal is 1 to 1024",
        ),
        (
            "a value in pieces",
            around(&format!("<NfsRootPath>{}</NfsRootPath>", "<![CDATA[x]]>".repeat(4_000))).into(),
            "legal is 1 to 1024",
        ),
        (
            "a value of references",
            around(&format!("<NfsRootPath>{}</NfsRootPath>", "&#120;".repeat(9_000))).into(),
            "legal is 1 to 1024",
        ),
        ("elements", around(&"<a/>".repeat(4_000)).into(), "more than 512 elements"),
        (
            "signs that look like tags",
            around(&format!("<!--{}-->", "<".repeat(60_000))).into(),
            "more than 4096 signs `<`",
        ),
        (
            "signs that look like attributes",
            around(&"=".repeat(60_000)).into(),
            "more than 4096 signs `=`",
        ),
        ("comments", around(&"<!---->".repeat(4_000)).into(), "nodes limit"),
        ("instructions", around(&"<?a?>".repeat(4_000)).into(), "nodes limit"),
        ("UTF-16", utf_16(OLD, &[0xff, 0xfe], u16::to_le_bytes), "UTF-16"),
        ("UTF-16, big end first", utf_16(OLD, &[0xfe, 0xff], u16::to_be_bytes), "UTF-16"),
        ("UTF-16 without a mark", utf_16(OLD, &[], u16::to_le_bytes), "UTF-16"),
        ("NUL", OLD.replace("1.0<", "1.0\0<").into(), "line 6, column 19: a NUL byte"),
        ("NUL by number", OLD.replace("1.0<", "1.0&#0;<").into(), "not well-formed"),
        ("NUL at the end", [OLD, "\0"].concat().into(), "a NUL byte"),
        (
            "not UTF-8",
            OLD.replace("1.0<", "1.0\u{1}<")
                .bytes()
                .map(|b| if b == 1 { 0xe4 } else { b })
                .collect(),
            "line 6, column 19: not UTF-8",
        ),
        ("two roots", [OLD, "<a/>"].concat().into(), "not well-formed"),
        ("nothing", Vec::new(), "not well-formed"),
        (
            "duplicates",
            around("<KernelUrl>local://</KernelUrl>").into(),
            "stands there before, in line 4",
        ),
        (
            "a document type late",
            OLD.replace("</StbConfig>", "<!DOCTYPE a></StbConfig>").into(),
            "not well-formed",
        ),
    ]
}

#[test]
fn attacks_are_refused_within_five_milliseconds_and_a_mebibyte() {
    for (name, document, reason) in attacks() {
        let mut best = Duration::MAX;
        let mut refusal = None;
        let memory = allocation_counter::measure(|| {
            let begin = Instant::now();
            refusal = StbConfig::parse(&document).err();
            best = begin.elapsed();
        });
        let message = refusal.unwrap_or_else(|| panic!("{name} is taken")).to_string();
        assert!(message.contains(reason), "{name}: {message}");
        assert!(message.len() < 500, "{name}: {} bytes", message.len());
        assert!(memory.bytes_max < MEMORY_MAX, "{name}: {} bytes", memory.bytes_max);
        // A loaded machine may stop any single try.
        for _ in 0..200 {
            if best < TIME_MAX {
                break;
            }
            let begin = Instant::now();
            assert!(StbConfig::parse(&document).is_err());
            best = best.min(begin.elapsed());
        }
        assert!(best < TIME_MAX, "{name}: {best:?}");
        assert!(!lint(&document, None).is_fit(), "{name}");
    }
}

#[test]
fn a_message_that_quotes_the_document_cannot_steer_a_terminal() {
    let message = refused("<StbConfig\u{1b}[2J></StbConfig>");
    assert!(message.contains("not well-formed") && !message.contains(char::is_control));
}

#[test]
fn a_dtd_is_passed_over_wherever_it_is_said_to_be() {
    for elsewhere in ["SYSTEM \"http://192.0.2.1/a.dtd\"", "PUBLIC 'a>b' 'file:///dev/zero'", ""] {
        parse(&OLD.replace("SYSTEM \"stbconfig.dtd\"", elsewhere));
    }
    parse(&["\u{feff}", OLD].concat());
    parse(&OLD.replace('\n', "\r\n"));
    let data = OLD.replace(">1.0<", "><![CDATA[1]]>.<!-- x --><![CDATA[0]]><");
    assert_eq!(parse(&data), parse(OLD));
}

#[test]
fn findings_are_as_many_as_a_document_can_hold() {
    let odd: String = (0..400).map(|n| format!("x<a{n} b='' c=''/>")).collect();
    let document = around(&odd);
    assert!(lint(document.as_bytes(), None).findings.len() <= 3 * 400);
    parse(&document);
}

proptest! {
    #[test]
    fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = StbConfig::parse(&bytes);
        let _ = lint(&bytes, Some(Generation::Old));
    }

    #[test]
    fn any_damage_never_panics_and_a_box_takes_what_lint_takes(
        place in 0usize..3_000, value in any::<char>(), cut in 0usize..4_000,
    ) {
        let damaged: String = EVERY_ELEMENT
            .chars()
            .enumerate()
            .take(cut.max(place))
            .map(|(at, old)| if at == place { value } else { old })
            .collect();
        let parsed = StbConfig::parse(damaged.as_bytes()).ok();
        prop_assert_eq!(lint(damaged.as_bytes(), None).config, parsed);
    }
}
