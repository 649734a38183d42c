//! Metadata.

use stbcast_bootcast::reboot::{REBOOT_BYTES_MAX, REQUESTS_MAX, RebootProblem, RebootRequests};
use stbcast_bootcast::stbconfig::{Generation, Problem, Severity, WriteError, lint};
use stbcast_bootcast::{
    BootQuery, BootcastInfo, HttpUrl, Part, SourceUrl, StbConfig, TEXT_BYTES_MAX, URL_BYTES_MAX,
    UrlError,
};

/// A bootcast information: what is read is written, and read again the same.
pub fn bootcast_info(data: &[u8]) {
    let Ok(info) = BootcastInfo::parse(data) else { return };
    let text = info.to_string();
    // Writing may lengthen a text by a few bytes, and so beyond what is taken.
    if text.len() <= TEXT_BYTES_MAX {
        assert_eq!(BootcastInfo::parse(text.as_bytes()), Ok(info), "{text}");
    }
}

/// A StbConfig: a box takes what lint takes, findings stand inside the document and are short, and
/// what is read is written and read again the same.
pub fn stbconfig(data: &[u8]) {
    let parsed = StbConfig::parse(data);
    for generation in [None, Some(Generation::New), Some(Generation::Old)] {
        let lint = lint(data, generation);
        for finding in &lint.findings {
            let message = finding.to_string();
            assert!(message.len() < 2_000 && !message.contains(char::is_control), "{message:?}");
            assert_place(data, finding.place.line, finding.place.column);
        }
        assert!(lint.findings.is_sorted_by_key(|finding| finding.place));
        if generation.is_some_and(|generation| generation == Generation::Old) {
            continue;
        }
        assert_eq!(lint.config.as_ref(), parsed.as_ref().ok());
        match &parsed {
            Ok(config) => assert_config(config, lint.fits_old),
            Err(error) => {
                assert_eq!(error.problem.severity(), Severity::Refused);
                assert!(lint.findings.contains(error), "{error} is not in {:?}", lint.findings);
            }
        }
    }
}

/// Line and column lie in the text, or one behind an end.
fn assert_place(data: &[u8], line: usize, column: usize) {
    let text = data.split(|byte| *byte == b'\n').nth(line.wrapping_sub(1));
    let length = text.map(|line| String::from_utf8_lossy(line).chars().count());
    let inside = length.is_some_and(|length| (1..=length + 1).contains(&column));
    assert!(inside, "line {line}, column {column}");
}

fn assert_config(config: &StbConfig, fits_old: bool) {
    let generations = [(Generation::New, true), (Generation::Old, fits_old)];
    for (generation, fits) in generations {
        match config.write(generation) {
            Ok(text) => assert_eq!(StbConfig::parse(text.as_bytes()), Ok(config.clone()), "{text}"),
            // Writing may lengthen a URL or a document by a few bytes, and so beyond what is taken.
            Err(WriteError::Bytes { .. }) => {}
            Err(WriteError::Value(Problem::Url { error: UrlError::TooLong { .. }, .. })) => {}
            Err(error) => assert!(!fits, "{error}"),
        }
    }
    let permanent = &config.permanent;
    assert!(permanent.iter().all(|(element, value)| element.legal.takes(value)));
    for part in Part::ALL {
        let key = ["BootOrder", "SplashOrder", "DiagnosticOrder"]
            [Part::ALL.iter().position(|it| *it == part).expect("a part")];
        assert_eq!(permanent.order(part).is_some(), permanent.get(key).is_some());
    }
    assert_eq!(permanent.bootcast().is_some(), permanent.get("Bootcast").is_some());
    assert_eq!(permanent.http_server().is_some(), permanent.get("HttpServer").is_some());
    assert_eq!(permanent.http_port().is_some(), permanent.get("HttpPort").is_some());
    assert_eq!(permanent.tftp_block_bytes().is_some(), permanent.get("TftpBlockSize").is_some());
    assert_eq!(permanent.bootcast_timeout().is_some(), permanent.get("BootcastTimeout").is_some());
    assert!(permanent.tftp_servers().len() <= 4);
}

/// A URL of a StbConfig, and where redirects lead: nothing in it can do harm, and what is read is
/// written and read again the same.
pub fn source_url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(url) = text.parse::<SourceUrl>() {
        let written = url.to_string();
        assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
        if written.len() <= URL_BYTES_MAX {
            assert_eq!(written.parse(), Ok(url.clone()), "{written}");
        }
        match &url {
            SourceUrl::Infocast { name, .. } => {
                assert!((1..=30).contains(&name.len()) && !name.contains('/'));
            }
            SourceUrl::Tftp(url) => {
                assert!(
                    url.port() != 0 && !url.path().is_empty() && !url.host().as_str().is_empty()
                );
                assert_steps(url.path());
            }
            SourceUrl::Local => {}
            SourceUrl::Http(url) => assert_http(url),
        }
    }
    let page = HttpUrl::parse("http://192.0.2.1:8080/images/x?y=z").expect("a URL");
    if let Ok(url) = page.redirected(text) {
        assert_http(&url);
        let elsewhere = text.contains("://");
        assert!(elsewhere || (url.host(), url.port()) == (page.host(), page.port()));
    }
    if let Ok(url) = page.below(text) {
        assert_http(&url);
        assert_eq!((url.host(), url.port()), (page.host(), page.port()));
        assert!(url.path().starts_with("/images/x/"));
    }
}

fn assert_http(url: &HttpUrl) {
    assert!(url.path().starts_with('/') && url.port() != 0 && !url.host().as_str().is_empty());
    assert!(!url.host().as_str().contains(['@', '/', '?', '#']));
    assert!(url.path().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
    assert_steps(url.path().split('?').next().unwrap_or_default());
    let query = BootQuery { serial: Some("1 2&3".into()), ..BootQuery::default() };
    let asked = url.with_query(&query);
    assert!(asked.path().starts_with(url.path()) && asked.path().ends_with("serial=1%202%263"));
    assert!(asked.path().len() > url.path().len());
}

/// No step of a path leads elsewhere, however it is written.
fn assert_steps(path: &str) {
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/");
    assert!(plain.split(['/', '\\']).all(|step| !matches!(step, "." | "..")), "{path}");
}

/// The parameters of a box: bounded, and what is read is written and read again the same.
pub fn boot_query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = BootQuery::parse(&text);
    for value in query.values().into_iter().flatten() {
        assert!((1..=255).contains(&value.len()), "{value:?}");
    }
    let written = query.to_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
    // Writing escapes a byte with three, and so the last values beyond what is read.
    if written.len() <= 2_048 {
        assert_eq!(BootQuery::parse(&written), query, "{written}");
    }
}

/// Bytes as requests to reboot. What a box reads can be written, and read again the same; the lint
/// reads the same, and tells what is refused.
pub fn reboot(data: &[u8]) {
    let lint = stbcast_bootcast::reboot::lint(data);
    let read = RebootRequests::parse(data);
    assert_eq!(lint.requests.as_ref(), read.as_ref().ok());
    let Ok(requests) = read else {
        return assert!(lint.findings.iter().any(|one| one.problem.is_refused()));
    };
    assert!((1..=REQUESTS_MAX).contains(&requests.requests.len()));
    let written = match requests.write() {
        Ok(written) => written,
        // Longer with every escape.
        Err(RebootProblem::Bytes { bytes }) => return assert!(bytes > REBOOT_BYTES_MAX),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(RebootRequests::parse(written.as_bytes()), Ok(requests));
}
