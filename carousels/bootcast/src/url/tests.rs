use super::*;
use crate::BootQuery;
use alloc::string::ToString;
use proptest::prelude::*;

fn parse(text: &str) -> Result<SourceUrl, UrlError> {
    text.parse()
}

#[test]
fn the_four_kinds_are_read_and_written() {
    for text in [
        "infocast://239.255.2.11:22222/boot-1113",
        "infocast://[ff15::1]:5/boot",
        "tftp://192.0.2.1/pub/kernel.bin",
        "tftp://192.0.2.1:6969/kernel",
        "local://",
        "http://www.example.com/bootimage",
        "http://[2001:db8::1]:8080/a?b=c&d",
        "http://boot.example/a%20b",
    ] {
        assert_eq!(parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn what_is_left_out_has_its_usual_value() {
    for (text, whole) in [
        ("INFOCAST://239.255.2.11/boot", "infocast://239.255.2.11:22222/boot"),
        ("http://Example.COM", "http://example.com/"),
        ("http://example.com:80?a=b", "http://example.com/?a=b"),
        ("local:///", "local://"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), whole);
    }
}

#[test]
fn hostile_urls_are_refused_with_the_reason() {
    for (text, reason) in [
        ("", "is none of"),
        ("https://example.com/", "is none of"),
        ("file:///etc/passwd", "is none of"),
        ("http://user:secret@example.com/", "passwords"),
        ("http://example.com:0/", "not a port"),
        ("http://example.com:65536/", "not a port"),
        ("http://example.com:+8/", "not a port"),
        ("http:///a", "host name"),
        ("http://1.2.3/a", "host name"),
        ("http://-a.example/", "host name"),
        ("http://[::1/", "host name"),
        ("http://a/..", "steps"),
        ("http://a/b/%2e%2E/c", "steps"),
        ("http://a/%2fetc", "hide no separator"),
        ("http://a/%", "two hexadecimal digits"),
        ("http://a/%+1", "two hexadecimal digits"),
        ("http://a/#x", "fragments"),
        ("http://a/b c", "write %20"),
        ("http://a/\u{e4}", "must not stand"),
        ("http://a/\r\nHost: b", "must not stand"),
        ("tftp://a/", "path is missing"),
        ("tftp://a", "path is missing"),
        ("infocast://239.1.1.1:5", "name is missing"),
        ("infocast://239.1.1.1:5/", "1 to 30"),
        ("infocast://239.1.1.1:5/a/b", "1 to 30"),
        ("infocast://10.1.1.1:5/a", "not a multicast group"),
        ("local://x", "nothing may stand"),
        (&["http://a/", &"a".repeat(512)].concat(), "at most 512"),
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn redirects_stay_with_http() {
    let page = HttpUrl::parse("http://a.example:8080/vip?serial=1").unwrap();
    let to = |location| page.redirected(location).map(|url| url.to_string());
    assert_eq!(to("http://b.example/x").unwrap(), "http://b.example/x");
    assert_eq!(to("/cgi/x?y=1").unwrap(), "http://a.example:8080/cgi/x?y=1");
    for location in ["https://a.example/", "//b.example/", "x", "", "ftp://a/", "/../x"] {
        assert!(to(location).is_err(), "{location}");
    }
}

#[test]
fn a_query_is_added_to_page_and_query() {
    let query = BootQuery { serial: Some("7".into()), ..BootQuery::default() };
    let with = |text| HttpUrl::parse(text).unwrap().with_query(&query).to_string();
    assert_eq!(with("http://a/b"), "http://a/b?serial=7");
    assert_eq!(with("http://a/b?c=d"), "http://a/b?c=d&serial=7");
    let base = HttpUrl::parse("http://a/boot/").unwrap();
    assert_eq!(base.below("vip").unwrap().to_string(), "http://a/boot/vip");
    assert_eq!(base.with_query(&BootQuery::default()), base);
}

proptest! {
    #[test]
    fn any_text_in_never_panics(text in "\\PC{0,80}") {
        let _ = parse(&text);
        let _ = parse(&["http://", &text].concat());
        let _ = HttpUrl::parse("http://a/").unwrap().redirected(&text);
    }

    #[test]
    fn what_is_taken_is_written_and_read_again(text in "(http|tftp|infocast)://[a-z0-9.:\\[\\]/?%-]{1,30}") {
        if let Ok(url) = parse(&text) {
            prop_assert_eq!(parse(&url.to_string()).unwrap(), url);
        }
    }
}
