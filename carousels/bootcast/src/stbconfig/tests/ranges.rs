//! Every element at and beyond the bounds of its range, made from the table of elements.

use alloc::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Values at the bounds of what is legal.
fn legal(kind: Legal) -> Vec<String> {
    let longest = "x".repeat(VALUE_BYTES_MAX);
    let fixed: &[&str] = match kind {
        Legal::Free => &["", "a b", "\u{20ac}", &longest],
        Legal::Text => &["x", "<&>\"'", "\u{20ac}", &longest],
        Legal::Url => &[
            "infocast://239.255.2.11/boot",
            "tftp://192.0.2.1:6969/a/b",
            "local://",
            "http://www.example.com/a?b=c&d",
        ],
        Legal::Words(words) => words,
        Legal::Integer(from, to) => {
            return [from, from + 1, to - 1, to].map(|n| n.to_string()).into();
        }
        Legal::Address => &["192.0.2.1", "0.0.0.0", "223.255.255.255"],
        Legal::Addresses => &["192.0.2.1", "192.0.2.1,192.0.2.2", "192.0.2.1, 192.0.2.2"],
        Legal::Netmask => &["0.0.0.0", "128.0.0.0", "255.255.252.0", "255.255.255.255"],
        Legal::Endpoint => &["192.0.2.1:1", "192.0.2.1:65535"],
        Legal::EndpointAtMac => {
            &["192.0.2.1:1@00:11:22:33:44:55", "192.0.2.1:65535@aA:bB:cC:dD:eE:fF"]
        }
        Legal::Group => &["224.0.0.0:1", "239.255.255.255:65535", "239.255.2.2", "[ff15::1]:5"],
        Legal::GroupOrName => &["224.2.127.254:9875", "224.2.127.254", "sap.example.com"],
        Legal::Server => &["192.0.2.1", "a", "a.example.com", "[2001:db8::1]"],
        Legal::WebServer => &["192.0.2.1", "a.example.com", "http://a.example.com:8080/b"],
        Legal::Order => &["1", "2", "3", "4", "6", "7", "3,1,3", "313", "1234671234671234"],
        Legal::Key => &["0", "0x0", "0X74", "0xffffffff", "FFFFFFFF"],
        Legal::Keys => &["0x74", "0x74:0x58", "74:58:ff"],
        Legal::Colour => &["0,0,0", "255,255,255"],
        Legal::Infrared => &[
            "KREATVIR",
            "RCMM:52,80",
            "KREATVIR;RSTEP:21",
            "SEJIN;RSTEP_KPN;NEC;RC5:0;RCMM:4294967295",
        ],
    };
    fixed.iter().map(ToString::to_string).collect()
}

/// Values just beyond.
fn illegal(kind: Legal) -> Vec<String> {
    let too_long = "x".repeat(VALUE_BYTES_MAX + 1);
    let blanks = format!("x{}", " ".repeat(VALUE_BYTES_MAX));
    let long_url = format!("http://a/{}", "x".repeat(504));
    let seventeen = "3".repeat(17);
    let fixed: &[&str] = match kind {
        Legal::Free => &["a\nb", "a\tb", "a\u{85}b"],
        Legal::Text => &["", "  ", "a\nb"],
        Legal::Url => &[
            "",
            "boot",
            "https://www.example.com/a",
            "ftp://www.example.com/a",
            "infocast://192.0.2.1/boot",
            "infocast://239.255.2.11:0/boot",
            "infocast://239.255.2.11:22222/",
            "infocast://239.255.2.11:22222/a-name-of-more-than-thirty-bytes",
            "tftp://192.0.2.1/",
            "tftp://192.0.2.1:65536/a",
            "http://user:word@www.example.com/a",
            "http://a/../b",
            "http://a/b c",
            "local://x",
            &long_url,
        ],
        Legal::Words(words) => {
            let odd = |word: &&str| [word.to_lowercase(), word.to_uppercase(), format!("{word}x")];
            let known = |word: &String| !words.contains(&word.as_str());
            let odd = words.iter().flat_map(odd).filter(known);
            return odd.chain(["".into(), "1".into(), words.join(" ")]).collect();
        }
        Legal::Integer(from, to) => {
            let beyond = [from - 1, to + 1, i64::MIN, i64::MAX].map(|number| number.to_string());
            let odd = ["", "+1", "1.5", "0x1", "01", "one", "1 2", "-0", "99999999999999999999"];
            return beyond.into_iter().chain(odd.map(Into::into)).collect();
        }
        Legal::Address => &[
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "224.0.0.1",
            "255.255.255.255",
            "a.example",
            "::1",
        ],
        Legal::Addresses => {
            &["", ",", "192.0.2.1,", "192.0.2.1,,192.0.2.2", "192.0.2.1;192.0.2.2", "224.0.0.1"]
        }
        Legal::Netmask => &["", "255.0.255.0", "0.0.0.1", "24", "255.255.255.256"],
        Legal::Endpoint => {
            &["", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "224.0.0.1:5", "a.example:5"]
        }
        Legal::EndpointAtMac => &[
            "",
            "192.0.2.1:1",
            "192.0.2.1:1@",
            "192.0.2.1:1@00:11:22:33:44",
            "192.0.2.1:1@00:11:22:33:44:55:66",
            "192.0.2.1:1@00:11:22:33:44:5g",
            "192.0.2.1:1@00-11-22-33-44-55",
            "192.0.2.1:0@00:11:22:33:44:55",
        ],
        Legal::Group => &[
            "",
            "223.255.255.255:5",
            "240.0.0.0:5",
            "239.1.1.1:0",
            "239.1.1.1:65536",
            "a.example:5",
        ],
        Legal::GroupOrName => &["", "192.0.2.1", "192.0.2.1:9875", "239.1.1.1:0", "-a", "a b"],
        Legal::Server => &["", "a b", "-a", "192.0.2.256", "http://a/", "a:80", "a/b", "::1"],
        Legal::WebServer => &["", "a b", "https://a/", "a:80", "http://a:0/", "http://u@a/"],
        Legal::Order => {
            &["", "0", "5", "8", "9", "3,5", "3,,1", ",3", "3,", "3;1", "x", &seventeen]
        }
        Legal::Key => &["", "0x", "g", "0x74:0x58", "0x123456789", "-1"],
        Legal::Keys => &["", "0x74:", ":0x74", "0x74,0x58", "0x74::0x58", "0xg"],
        Legal::Colour => &["", "0,0", "0,0,0,0", "256,0,0", "0,-1,0", "0,0,x", "#ffffff", "0,0,"],
        Legal::Infrared => &[
            "",
            "RC6",
            "kreatvir",
            "RCMM:",
            "RCMM:x",
            "RCMM:1,",
            "RCMM;",
            ";RCMM",
            "RCMM:-1",
            "RC5:4294967296",
        ],
    };
    fixed.iter().copied().chain([too_long.as_str(), &blanks]).map(ToString::to_string).collect()
}

/// The document with every element, one of them with another value.
fn with(element: &Element, value: &str) -> String {
    let [open, close] = [format!("<{}>", element.name), format!("</{}>", element.name)];
    let (front, rest) = EVERY_ELEMENT.split_once(&open).expect("every element");
    let (_, back) = rest.split_once(&close).expect("an end");
    let escaped = value.replace('&', "&amp;").replace('<', "&lt;");
    [front, &open, &escaped, &close, back].concat()
}

fn elements() -> impl Iterator<Item = &'static Element> {
    BOOT_ELEMENTS.iter().chain(&PERMANENT_ELEMENTS)
}

#[test]
fn every_value_beyond_its_range_is_refused_with_element_value_and_what_is_legal() {
    let mut tried = 0;
    for element in elements() {
        for value in illegal(element.legal) {
            let text = with(element, &value);
            let error = StbConfig::parse(text.as_bytes()).expect_err(&text);
            let message = error.to_string();
            let line = text.lines().position(|line| line.contains(&format!("<{}>", element.name)));
            assert_eq!(error.place.line, line.unwrap() + 1, "{message}");
            assert!(message.contains(&format!("`{}` \"", element.name)), "{message}");
            assert_eq!(error.problem.element(), Some(element.name));
            assert_eq!(error.problem.legal(), Some(element.legal));
            let linted = lint(text.as_bytes(), None);
            assert!(linted.findings.contains(&error) && linted.config.is_none());
            tried += 1;
        }
    }
    assert!(tried > 700, "{tried}");
}

#[test]
fn every_value_at_the_bounds_of_its_range_is_taken_and_written_again() {
    for element in elements() {
        for value in legal(element.legal) {
            let config = parse(&with(element, &value));
            let written = config.write(Generation::New).unwrap();
            assert_eq!(parse(&written), config, "{} {value}", element.name);
            if element.legal != Legal::Url {
                let escaped = written.replace("&lt;", "<").replace("&gt;", ">");
                let plain = escaped.replace("&quot;", "\"").replace("&amp;", "&");
                let expected = format!("<{0}>{value}</{0}>", element.name);
                assert!(plain.contains(&expected), "{expected} is not in {plain}");
            }
        }
    }
}

#[test]
fn every_element_out_of_its_place_is_told_and_read_all_the_same() {
    let lines: Vec<_> = EVERY_ELEMENT.lines().collect();
    let whole = parse(EVERY_ELEMENT);
    let sections = [&BOOT_ELEMENTS[..], &PERMANENT_ELEMENTS[..]];
    for pair in sections.iter().flat_map(|table| table.windows(2)) {
        let second =
            lines.iter().position(|it| it.contains(&format!("<{}>", pair[1].name))).unwrap();
        let mut swapped = lines.clone();
        swapped.swap(second - 1, second);
        let text = swapped.join("\n");
        assert_eq!(parse(&text), whole);
        let wanted = Problem::OutOfOrder { element: pair[0].name, before: pair[1].name };
        let linted = lint(text.as_bytes(), None);
        assert!(linted.findings.iter().any(|it| it.problem == wanted), "{wanted}");
    }
}

#[test]
fn the_table_knows_no_element_twice_and_says_what_is_legal_in_each() {
    let names: BTreeSet<_> = elements().map(|element| element.name).collect();
    assert_eq!(names.len(), BOOT_ELEMENTS.len() + PERMANENT_ELEMENTS.len());
    assert_eq!(names.len(), 90);
    assert_eq!(Legal::Words(&["a", "b", "c"]).to_string(), "a, b or c");
    assert!(elements().all(|element| element.legal.to_string().len() > 4));
}

fn value(kind: Legal) -> BoxedStrategy<String> {
    match kind {
        Legal::Free => "[ -~]{0,20}".prop_map(|text| text.trim().to_string()).boxed(),
        Legal::Text => "[!-~][ -~]{0,20}[!-~\u{e4}\u{20ac}]".boxed(),
        Legal::Url => prop_oneof![
            "http://[a-z]{1,9}(:8080)?/[a-z0-9/&=?;'-]{0,20}",
            "tftp://192\\.0\\.2\\.[1-9]/[a-z]{1,9}",
            "infocast://239\\.255\\.2\\.[1-9]:[1-9]{1,4}/[a-z0-9.-]{1,30}",
            Just("local://".to_string()),
        ]
        .boxed(),
        Legal::Integer(from, to) => (from..=to).prop_map(|number| number.to_string()).boxed(),
        other => proptest::sample::select(legal(other)).boxed(),
    }
}

fn optional(kind: Legal) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(value(kind))
}

fn some_image() -> impl Strategy<Value = BootImage> {
    let url = value(Legal::Url).prop_filter_map("a URL", |text| text.parse().ok());
    (url, optional(Legal::Text)).prop_map(|(url, version)| BootImage { url, version })
}

fn some_config() -> impl Strategy<Value = StbConfig> {
    let images =
        (some_image(), proptest::option::of(some_image()), proptest::option::of(some_image()));
    let parameters: Vec<_> = PERMANENT_ELEMENTS.iter().map(|it| optional(it.legal)).collect();
    let nfs = (optional(Legal::Server), optional(Legal::Text));
    (images, nfs, parameters).prop_map(|(images, (nfs_server, nfs_root), parameters)| {
        let (kernel, splash, diagnostic) = images;
        let boot = BootParams { kernel, splash, diagnostic, nfs_server, nfs_root };
        let mut permanent = PermanentParams::default();
        for (element, value) in PERMANENT_ELEMENTS.iter().zip(parameters) {
            if let Some(value) = value {
                permanent.set(element.name, &value).unwrap();
            }
        }
        StbConfig { boot, permanent }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read_and_nothing_is_wrong_with_it(config in some_config()) {
        let written = config.write(Generation::New).unwrap();
        prop_assert_eq!(&parse(&written), &config);
        let linted = lint(written.as_bytes(), None);
        prop_assert!(linted.is_fit(), "{:?}", linted.findings);
        prop_assert_eq!(linted.config, Some(config));
    }
}
