//! `stbcast serve --http`: what boxes are answered.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};
use stbcast_bootcast::StbConfig;

use super::asking::{Connection, answering, ask, get};
use super::harness::{Program, Site, headend, hear, join, metrics, noise, run};

const BOOT_BYTES: usize = 3_000_000;

/// One channel with an image, and a rule that sends every box elsewhere.
fn site() -> (Site, Vec<u8>) {
    let mut site = Site::new();
    site.channel("images", 50_000, 1_400);
    site.object("boot", "boot.img", "");
    let image = noise(1, BOOT_BYTES);
    site.file("boot.img", &image);
    site.add("[[target]]\nname = \"all\"\nredirect = { to = \"http://192.0.2.1/x\" }\n");
    (site, image)
}

pub(crate) fn by_digest(image: &[u8]) -> String {
    let hex: String = Sha256::digest(image).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/images/{hex}")
}

#[test]
fn an_image_on_air_is_answered_by_digest_and_by_name() {
    let (site, image) = site();
    let (_headend, address) = answering(&site, &[]);
    let uri = by_digest(&image);
    let whole = get(address, &format!("{uri}?product=arris-vip1113&serial=1931690851"));
    assert_eq!(whole.status, 200);
    assert!(whole.body == image);
    let hex = uri.rsplit('/').next().unwrap();
    assert_eq!(whole.value("ETag"), Some(&*format!("\"{hex}\"")));
    assert_eq!(whole.value("Accept-Ranges"), Some("bytes"));
    assert_eq!(whole.value("Content-Type"), Some("application/octet-stream"));
    assert_eq!(whole.value("Transfer-Encoding"), None);
    let digest = whole.value("Repr-Digest").unwrap();
    assert!(digest.starts_with("sha-256=:") && digest.len() == "sha-256=::".len() + 44, "{digest}");
    for uri in [&uri.to_uppercase().replace("/IMAGES", "/images"), "/images/images/boot"] {
        let head = ask(address, "HEAD", uri, "");
        assert_eq!((head.status, head.value("ETag")), (200, whole.value("ETag")), "{uri}");
        assert_eq!(head.value("Content-Length"), Some("3000000"));
    }
    for uri in [&uri[..uri.len() - 1], &by_digest(b"other"), "/images/images/bot", "/images/x/boot"]
    {
        assert_eq!(get(address, uri).status, 404, "{uri}");
    }
}

#[test]
fn ranges_are_answered_one_and_several() {
    let (site, image) = site();
    let (_headend, address) = answering(&site, &[]);
    let uri = by_digest(&image);
    let range = |range: &str| ask(address, "GET", &uri, &format!("Range: bytes={range}\r\n"));
    for (text, start, end) in [
        ("0-0", 0, 1),
        ("1000-1999", 1_000, 2_000),
        ("2999990-", BOOT_BYTES - 10, BOOT_BYTES),
        ("-10", BOOT_BYTES - 10, BOOT_BYTES),
        ("10-18446744073709551615", 10, BOOT_BYTES),
        ("0-9,10-19", 0, 20),
    ] {
        let part = range(text);
        assert_eq!(part.status, 206, "{text}");
        assert!(part.body == image[start..end], "{text}");
        let expected = format!("bytes {start}-{}/{BOOT_BYTES}", end - 1);
        assert_eq!(part.value("Content-Range"), Some(&*expected), "{text}");
    }
    for text in ["3000000-", "9999999999-99999999999", "4000000-,5000000-6000000"] {
        let nothing = range(text);
        assert_eq!(nothing.status, 416, "{text}");
        assert_eq!(nothing.value("Content-Range"), Some("bytes */3000000"));
    }
    for text in ["9-5", "x", "-0"] {
        assert_eq!(range(text).status, 200, "{text}");
    }
    let several = range("100-199,2000000-2000099");
    assert_eq!(several.status, 206);
    let kind = several.value("Content-Type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for start in [100, 2_000_000] {
        write!(
            expected,
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes \
             {start}-{}/{BOOT_BYTES}\r\n\r\n",
            start + 99
        )
        .unwrap();
        expected.extend_from_slice(&image[start..start + 100]);
    }
    write!(expected, "\r\n--{boundary}--\r\n").unwrap();
    assert!(several.body == expected, "{}", several.text());
    let many: Vec<_> = (0..65).map(|n| format!("{}-{}", n * 10, n * 10)).collect();
    assert_eq!(range(&many.join(",")).status, 416);
}

#[test]
fn validators_decide_whether_anything_is_sent() {
    let (site, image) = site();
    let (_headend, address) = answering(&site, &[]);
    let uri = by_digest(&image);
    let tag = format!("\"{}\"", uri.rsplit('/').next().unwrap());
    let table = [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: \"x\", W/{tag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        (format!("If-Match: {tag}"), 200),
        ("If-Match: \"x\"".to_owned(), 412),
        (format!("Range: bytes=0-9\r\nIf-Range: {tag}"), 206),
        (format!("Range: bytes=0-9\r\nIf-Range: W/{tag}"), 200),
        ("Range: bytes=0-9\r\nIf-Range: \"x\"".to_owned(), 200),
        ("Range: bytes=0-9\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 200),
    ];
    for (lines, status) in table {
        let answer = ask(address, "HEAD", &uri, &format!("{lines}\r\n"));
        // Ranges are for GET.
        assert_eq!(answer.status, if status == 206 { 200 } else { status }, "HEAD {lines}");
        let mut connection = Connection::open(address);
        connection.request("GET", &uri, &format!("{lines}\r\n"));
        assert_eq!(connection.header().unwrap().status, status, "{lines}");
    }
}

/// A StbConfig for testers and one for all others; the image takes two seconds a cycle.
fn site_of_stbconfigs() -> (Site, String) {
    let mut site = Site::new();
    let group = site.channel("images", 4_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 1_000_000));
    let serials: String = (0..100_000).map(|serial| format!("{}\n", 1_000_000 + serial)).collect();
    site.file("testers.txt", serials.as_bytes());
    site.add(
        "[[stbconfig]]\nname = \"vip\"\nimage = \"boot\"\n\
         [[stbconfig]]\nname = \"test\"\nimage = { url = \"http://192.0.2.1/test\", version = \"9\" }\n\
         [[target]]\nname = \"testers\"\nserials_file = \"testers.txt\"\nstbconfig = \"test\"\n\
         [[target]]\nname = \"all\"\nstbconfig = \"vip\"\n",
    );
    (site, group)
}

#[test]
fn each_box_gets_the_stbconfig_of_the_rule_that_matches_it() {
    let (site, group) = site_of_stbconfigs();
    let (_headend, address) = answering(&site, &[]);
    let all = get(address, "/arris-vip1113?product=arris-vip1113&serial=17&fw_version=6.3");
    assert_eq!((all.status, all.value("Content-Type")), (200, Some("text/xml")));
    assert_eq!(all.value("Transfer-Encoding"), None);
    assert_eq!(all.value("Cache-Control"), Some("no-store"));
    let config = StbConfig::parse(&all.body).unwrap();
    assert_eq!(config.boot.kernel.url.to_string(), format!("infocast://{group}/boot"));
    let version = config.boot.kernel.version.unwrap();
    assert!(by_digest(&noise(1, 1_000_000)).contains(&version), "{version}");
    let tester = get(address, "/arris-vip1113?serial=1099999");
    let config = StbConfig::parse(&tester.body).unwrap();
    assert_eq!(config.boot.kernel.url.to_string(), "http://192.0.2.1/test");
    let head = ask(address, "HEAD", "/arris-vip1113?serial=17", "");
    assert_eq!((head.status, head.value("Content-Length")), (200, all.value("Content-Length")));
    let tag = all.value("ETag").unwrap();
    assert!(tag.starts_with('"') && Some(tag) != tester.value("ETag"), "{tag}");
    let again = format!("If-None-Match: {tag}\r\n");
    assert_eq!(ask(address, "GET", "/arris-vip1113?serial=17", &again).status, 304);
    assert_eq!(ask(address, "GET", "/arris-vip1113?serial=1099999", &again).status, 200);
}

#[test]
fn a_stbconfig_never_names_an_image_before_multicast_carries_it() {
    let (site, group) = site_of_stbconfigs();
    let (mut headend, address) = answering(&site, &[]);
    let socket = join(&group);
    let version = || {
        let answer = get(address, "/vip?serial=17");
        StbConfig::parse(&answer.body).unwrap().boot.kernel.version.unwrap()
    };
    let old = version();
    hear(&socket, 5);
    site.file("boot.img", &noise(2, 2_000_000));
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 1 channels change");
    assert_eq!(version(), old, "the old image is still on air");
    let end = Instant::now() + Duration::from_secs(20);
    while version() == old {
        assert!(Instant::now() < end, "the new one never came");
    }
    let slices = 2_000_000_u32.div_ceil(1_400);
    // What was sent before is still in the socket.
    let heard = hear(&socket, 1_500);
    assert!(heard.iter().any(|datagram| datagram[8..12] == slices.to_be_bytes()));
}

#[test]
fn a_redirect_takes_what_the_box_tells_along() {
    let mut site = Site::new();
    site.channel("images", 1_000, 1_400);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 1_000));
    for (name, status, to) in [
        ("moved", 301, "http://192.0.2.1:8080/x"),
        ("found", 302, "http://192.0.2.1/x?own=1"),
        ("other", 303, "http://boot.example/"),
    ] {
        site.add(&format!(
            "[[target]]\nname = \"{name}\"\nproduct = \"{name}\"\n\
             redirect = {{ to = \"{to}\", status = {status} }}\n"
        ));
    }
    let (_headend, address) = answering(&site, &[]);
    let table = [
        ("/moved?serial=1&x=%20y", 301, "http://192.0.2.1:8080/x?serial=1&x=%20y"),
        ("/anything?product=found&serial=1", 302, "http://192.0.2.1/x?own=1"),
        ("/other", 303, "http://boot.example/"),
    ];
    for (uri, status, location) in table {
        let answer = get(address, uri);
        assert_eq!((answer.status, answer.value("Location")), (status, Some(location)), "{uri}");
        assert_eq!(answer.value("Content-Length"), Some("0"));
    }
    let nobody = get(address, "/unknown");
    assert_eq!(nobody.status, 404);
    assert!(nobody.text().contains("no rule of the line-up matches"), "{}", nobody.text());
    assert_eq!(get(address, "/").status, 404);
}

#[test]
fn a_replaced_image_is_answered_until_its_channel_has_changed() {
    let mut site = Site::new();
    // Four seconds a cycle.
    site.channel("images", 4_000, 1_400);
    site.object("boot", "boot.img", "");
    let (old, new) = (noise(1, 2_000_000), noise(2, 2_000_000));
    site.file("boot.img", &old);
    let (mut headend, address) = answering(&site, &[]);
    let mut slow = Connection::open(address);
    slow.request("GET", &by_digest(&old), "");
    assert_eq!(slow.header().unwrap().status, 200);
    let first = slow.bytes(1_000);
    site.file("boot.img", &new);
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 1 channels change");
    // The old one is still on air, and the new one is about to be.
    await_status(address, &by_digest(&new), 200);
    assert_eq!(ask(address, "HEAD", &by_digest(&old), "").status, 200);
    let named = ask(address, "HEAD", "/images/images/boot", "");
    assert!(by_digest(&old).contains(named.value("ETag").unwrap().trim_matches('"')));
    headend.wait_for("line-up 2 is on air");
    let named = ask(address, "HEAD", "/images/images/boot", "");
    assert!(by_digest(&new).contains(named.value("ETag").unwrap().trim_matches('"')));
    assert_eq!(ask(address, "HEAD", &by_digest(&new), "").status, 200);
    // Who is in the middle of it gets it whole.
    let rest = slow.bytes(old.len() - 1_000);
    assert!([first, rest].concat() == old);
    await_status(address, &by_digest(&old), 404);
}

/// Waits until an image is answered, or is not any more.
#[track_caller]
fn await_status(address: std::net::SocketAddr, uri: &str, status: u16) {
    let end = Instant::now() + Duration::from_secs(20);
    while ask(address, "HEAD", uri, "").status != status {
        assert!(Instant::now() < end, "{uri} is not answered {status}");
        std::thread::yield_now();
    }
}

#[test]
fn a_bad_line_up_leaves_the_answers_as_they_were() {
    let (mut site, image) = site();
    let (mut headend, address) = answering(&site, &[]);
    site.add("[[target]]\nname = \"late\"\nredirect = { to = \"http://192.0.2.2/\" }\n");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("target `late` can never match");
    headend.wait_for("the old line-up stays on air");
    assert_eq!(get(address, "/vip").value("Location"), Some("http://192.0.2.1/x"));
    assert_eq!(ask(address, "HEAD", &by_digest(&image), "").status, 200);
    site.replace("192.0.2.1/x", "192.0.2.3/y");
    site.replace("name = \"late\"", "name = \"late\"\nproduct = \"z\"");
    site.replace("name = \"all\"", "name = \"all\"\nproduct = \"vip\"");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    assert_eq!(get(address, "/vip").value("Location"), Some("http://192.0.2.3/y"));
}

#[test]
fn who_finds_no_room_for_a_download_is_told_when_to_come_back() {
    let mut site = Site::new();
    site.channel("images", 50_000, 1_400);
    site.object("boot", "boot.img", "");
    // More than the buffers of the system hold.
    let image = noise(1, 32 << 20);
    site.file("boot.img", &image);
    site.add("[[target]]\nname = \"all\"\nredirect = { to = \"http://192.0.2.1/x\" }\n");
    let (_headend, address) = answering(&site, &["--http-downloads", "1"]);
    let uri = by_digest(&image);
    let mut first = Connection::open(address);
    first.request("GET", &uri, "");
    assert_eq!(first.header().unwrap().status, 200);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let busy = ask(address, "GET", &uri, "Range: bytes=0-9\r\n");
        assert_eq!(busy.status, 503, "{}", busy.header);
        waits.push(busy.value("Retry-After").unwrap().parse::<u32>().unwrap());
    }
    assert!(waits[0] >= 30 && waits[1] >= 60 && waits[2] >= 90, "one behind the other: {waits:?}");
    // What costs nothing goes on.
    assert_eq!(ask(address, "HEAD", &uri, "").status, 200);
    assert_eq!(get(address, "/vip").status, 302);
    assert!(first.bytes(image.len()) == image);
    let end = Instant::now() + Duration::from_secs(20);
    while ask(address, "GET", &uri, "Range: bytes=0-9\r\n").status != 206 {
        assert!(Instant::now() < end, "the place never became free");
    }
}

#[test]
fn the_access_log_has_a_line_for_each_request_and_is_opened_again_on_sighup() {
    let (site, image) = site();
    let log = site.path("access.log");
    let (mut headend, address) = answering(&site, &["--http-log", log.to_str().unwrap()]);
    get(address, "/vip?product=vip&serial=7%0a%22&mac=00:02:9b:00:01:02");
    ask(address, "GET", &by_digest(&image), "Range: bytes=0-99\r\nUser-Agent: box\r\n");
    ask(address, "GET", &by_digest(&image), "");
    let lines = lines_of(&log, 3);
    let start = "127.0.0.1 - - [";
    assert!(lines.iter().all(|line| line.starts_with(start)), "{lines:?}");
    let uri = "/vip?product=vip&serial=7%0a%22&mac=00:02:9b:00:01:02";
    assert!(lines[0].contains(&format!("] \"GET {uri} HTTP/1.1\" 302 0 \"-\" \"-\" rule=\"all\"")));
    assert!(
        lines[0].contains(r#"product="vip" serial="7\x0A\"" mac="00:02:9b:00:01:02" seconds="#)
    );
    assert!(lines[1].contains("HTTP/1.1\" 206 100 \"-\" \"box\" rule=\"-\""), "{lines:?}");
    assert!(lines[2].contains("HTTP/1.1\" 200 3000000 "), "{lines:?}");
    std::fs::rename(&log, site.path("access.log.1")).unwrap();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    get(address, "/vip");
    assert!(lines_of(&log, 1)[0].contains("\"GET /vip HTTP/1.1\" 302"));
    get(address, "/last");
    headend.signal(Signal::TERM);
    assert_eq!(headend.finish().0, 0);
    assert!(lines_of(&log, 2)[1].contains("\"GET /last HTTP/1.1\""), "nothing is lost at the end");
}

/// Waits until a log has so many lines.
#[track_caller]
fn lines_of(path: &std::path::Path, count: usize) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(Instant::now() < end, "{count} lines never came: {text}");
        std::thread::yield_now();
    }
}

#[test]
fn without_a_file_requests_are_told_among_the_messages_but_no_flood_of_them() {
    let (site, _) = site();
    let (mut headend, address) = answering(&site, &[]);
    let mut connection = Connection::open(address);
    for number in 0..300 {
        connection.request("GET", &format!("/vip?serial={number}"), "");
        assert_eq!(connection.answer().status, 302);
    }
    headend.wait_for("\"GET /vip?serial=0 HTTP/1.1\" 302 0");
    headend.wait_for("more requests; --http-log FILE shows all");
}

#[test]
fn metrics_count_requests_and_bytes() {
    let (site, _) = site();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_headend, address) = answering(&site, &["--metrics", &port.to_string()]);
    get(address, "/vip?serial=1931690851");
    get(address, "/images/images/boot");
    get(address, "/images/images/other");
    let text = metrics(port);
    for line in [
        "stbcast_http_requests_total{kind=\"stbconfig\",status=\"302\"} 1",
        "stbcast_http_requests_total{kind=\"image\",status=\"200\"} 1",
        "stbcast_http_requests_total{kind=\"image\",status=\"404\"} 1",
        "stbcast_http_downloads 0",
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    assert!(text.contains("stbcast_http_bytes_total{kind=\"image\"} 30000"), "{text}");
    assert!(!text.contains("1931690851"), "no serial numbers in metrics");
}

#[test]
fn an_address_that_is_taken_is_told_at_once() {
    let (site, _) = site();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let headend = site.start(&site.write(), &["--http", &address]);
    let (code, log) = finished(headend);
    assert_eq!(code, 1);
    assert!(log.contains(&format!("cannot listen for HTTP on {address}: ")), "{log}");
    let nowhere = site.path("no/access.log");
    let more = ["--http", "127.0.0.1:0", "--http-log", nowhere.to_str().unwrap()];
    let (code, log) = finished(site.start(&site.write(), &more));
    assert_eq!(code, 1);
    assert!(log.contains("cannot write the access log"), "{log}");
}

/// The code and the log of a program that ends by itself.
fn finished(mut program: Program) -> (i32, String) {
    program.wait_for("error: ");
    let log = program.log.join("\n");
    (program.finish().0, log)
}

fn target(site: &Site, more: &[&str]) -> (i32, String, String) {
    let output = run(headend().arg("target").arg(site.write()).args(more));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn target_tells_the_rule_and_why_none_before_it() {
    let mut site = Site::new();
    site.channel("images", 1_000, 1_400);
    site.object("boot", "no-such.img", "");
    site.file("testers.txt", b"17\n18\n");
    site.add(
        "[[target]]\nname = \"testers\"\nserials_file = \"testers.txt\"\n\
         redirect = { to = \"http://192.0.2.1/t\", status = 303 }\n\
         [[target]]\nname = \"vip\"\nproduct = \"vip\"\nredirect = { to = \"http://192.0.2.1/v\" }\n",
    );
    let (code, stdout, _) = target(&site, &["--product", "vip", "--serial", "19"]);
    assert_eq!(code, 0);
    assert_eq!(
        stdout,
        "product=vip&serial=19\n  no   testers  serial `19` is not one of the 2 listed\n  \
         yes  vip      product is `vip`\nanswer: 302 to http://192.0.2.1/v\n"
    );
    let checked = run(headend().arg("check").arg(site.path("lineup.toml")));
    let plan = String::from_utf8(checked.stdout).unwrap();
    assert!(plan.contains(" testers   2 serials       303 to http://192.0.2.1/t"), "{plan}");
    assert!(plan.contains(" vip       product `vip`   302 to http://192.0.2.1/v"), "{plan}");
    let log = r#"192.0.2.7 - - [06/Nov/2026:08:49:37 +0000] "GET /vip?serial=17 HTTP/1.1" 200 512"#;
    let (code, stdout, _) = target(&site, &["--json", "--url", log]);
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["rule"], &told["status"]), (0, &"testers".into(), &303.into()));
    assert_eq!(told["query"], "product=vip&serial=17");
    let (code, stdout, _) = target(&site, &["--product", "other"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("answer: 404, because no rule matches"), "{stdout}");
    let (code, _, stderr) = target(&site, &[]);
    assert!(code == 2 && stderr.contains("--serial"), "{code}: {stderr}");
    let (code, _, stderr) = target(&site, &["--url", "/../x"]);
    assert!(code == 2 && stderr.contains("not a bootcast id"), "{code}: {stderr}");
    site.add("[[target]]\nname = \"vip\"\n");
    let (code, _, stderr) = target(&site, &["--product", "vip"]);
    assert!(code == 1 && stderr.contains("has no answer"), "{code}: {stderr}");
}
