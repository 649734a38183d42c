//! `stbcast serve --http` and clients that mean no good: it goes on answering, and holds little.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::asking::{Connection, answering, ask, get};
use super::harness::{Program, Site, metrics, noise};
use super::http::by_digest;

/// A headend with an image and a redirect for every box.
fn start(more: &[&str]) -> (Site, Program, SocketAddr, Vec<u8>) {
    let mut site = Site::new();
    site.channel("images", 10_000, 1_400);
    site.object("boot", "boot.img", "");
    let image = noise(1, 1_000_000);
    site.file("boot.img", &image);
    site.add("[[target]]\nname = \"all\"\nredirect = { to = \"http://192.0.2.1/x\" }\n");
    let (headend, address) = answering(&site, more);
    (site, headend, address, image)
}

#[track_caller]
fn still_answers(address: SocketAddr) {
    assert_eq!(get(address, "/vip").status, 302);
}

/// Resident memory of a process in MiB.
fn resident_mib(program: &Program) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1_024
}

#[test]
fn headers_without_end_are_refused_within_bounds() {
    let (_site, headend, address, _) = start(&[]);
    let before = resident_mib(&headend);
    for _ in 0..20 {
        let mut connection = Connection::open(address);
        connection.say(b"GET /vip HTTP/1.1\r\nHost: x\r\nX: ");
        // A megabyte, or as much as is taken.
        let taken = (0..16).all(|_| connection.say(&[b'a'; 65_536]));
        let answered = connection.header().map(|answer| answer.status);
        assert!(answered == Some(431) || !taken || answered.is_none(), "{answered:?}");
    }
    let mut many = Connection::open(address);
    let lines: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    many.request("GET", "/vip", &lines);
    assert_eq!(many.header().map(|answer| answer.status), Some(431));
    still_answers(address);
    let grown = resident_mib(&headend).saturating_sub(before);
    assert!(grown < 16, "{grown} MiB more");
}

#[test]
fn who_sends_a_header_drop_by_drop_is_given_up_and_others_are_answered() {
    let (_site, _headend, address, _) = start(&[]);
    let start = Instant::now();
    let mut slow: Vec<_> = (0..50).map(|_| Connection::open(address)).collect();
    for connection in &mut slow {
        assert!(connection.say(b"GET /vip HTTP/1.1\r\nHost: x\r\n"));
    }
    let mut idle = Connection::open(address);
    idle.request("GET", "/vip", "");
    assert_eq!(idle.answer().status, 302);
    while start.elapsed() < Duration::from_secs(8) {
        for connection in &mut slow {
            let _ = connection.say(b"X: y\r\n");
        }
        still_answers(address);
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(slow.iter_mut().all(Connection::ends), "drops do not keep a connection");
    assert!(idle.ends(), "nor does silence");
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(9) && waited < Duration::from_secs(30), "{waited:?}");
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let (_site, _headend, address, image) = start(&[]);
    let mut connection = Connection::open(address);
    let uri = by_digest(&image);
    let requests = format!(
        "GET /vip HTTP/1.1\r\nHost: x\r\n\r\nGET {uri} HTTP/1.1\r\nHost: x\r\nRange: bytes=5-9\r\n\r\n\
         HEAD {uri} HTTP/1.1\r\nHost: x\r\n\r\nGET /%ff HTTP/1.1\r\nHost: x\r\n\r\n"
    );
    assert!(connection.say(requests.as_bytes()));
    assert_eq!(connection.answer().status, 302);
    let part = connection.answer();
    assert_eq!((part.status, &part.body[..]), (206, &image[5..10]));
    assert_eq!(connection.header().unwrap().status, 200);
    assert_eq!(connection.answer().status, 400);
}

#[test]
fn old_and_odd_requests_are_answered_or_refused_in_words() {
    let (_site, _headend, address, image) = start(&[]);
    let status = |request: &str| {
        let mut connection = Connection::open(address);
        connection.say(request.as_bytes());
        connection.header().map(|answer| answer.status)
    };
    let uri = by_digest(&image);
    let long = "x".repeat(5_000);
    let table = [
        ("GET /vip HTTP/1.0\r\n\r\n".to_owned(), Some(302)),
        (format!("GET {uri} HTTP/1.0\r\nRange: bytes=0-9\r\n\r\n"), Some(206)),
        ("GET http://headend/vip HTTP/1.1\r\nHost: headend\r\n\r\n".to_owned(), Some(302)),
        ("GET /vip HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_owned(), Some(302)),
        (
            "GET /vip HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n".to_owned(),
            Some(302),
        ),
        ("POST /vip HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_owned(), Some(405)),
        (format!("DELETE {uri} HTTP/1.1\r\nHost: x\r\n\r\n"), Some(405)),
        ("TRACE /vip HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(405)),
        ("CONNECT headend:80 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(405)),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(405)),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), Some(414)),
        ("GET /vip?serial=%zz&mac=%ff HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(302)),
        ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(302)),
        ("GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(400)),
        ("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(400)),
        ("GET /images/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(400)),
        ("GET /images/../lineup.toml HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(404)),
        ("GET /images/%2e%2e/%2e%2e%2fetc HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(404)),
        ("GET /images/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(404)),
        ("GET /images/%ff HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(400)),
        ("GET /vip HTTP/1.1\r\nHost: x\r\nX y\r\n\r\n".to_owned(), Some(400)),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), Some(400)),
    ];
    for (request, expected) in table {
        assert_eq!(status(&request), expected, "{request}");
    }
    let mut second_version = Connection::open(address);
    second_version.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert!(second_version.ends(), "HTTP/2 is not spoken here");
    still_answers(address);
}

#[test]
fn many_small_ranges_cost_no_more_than_the_image() {
    let (_site, headend, address, image) = start(&[]);
    let before = resident_mib(&headend);
    let (uri, overlapping) = (by_digest(&image), vec!["0-"; 1_300].join(","));
    for _ in 0..50 {
        let answer = ask(address, "GET", &uri, &format!("Range: bytes={overlapping}\r\n"));
        assert_eq!(answer.status, 416);
        let answer = ask(address, "GET", &uri, "Range: bytes=500-,0-999\r\n");
        assert!(answer.status == 200 && answer.body.len() == image.len());
    }
    let grown = resident_mib(&headend).saturating_sub(before);
    assert!(grown < 16, "{grown} MiB more");
}

#[test]
fn connections_beyond_the_bound_wait_for_a_place() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_site, _headend, address, _) =
        start(&["--http-connections", "2", "--metrics", &port.to_string()]);
    let mut first = Connection::open(address);
    let mut second = Connection::open(address);
    for connection in [&mut first, &mut second] {
        connection.say(b"GET /vip HTTP/1.1\r\n");
    }
    let mut third = Connection::open(address);
    third.request("GET", "/vip", "");
    let end = Instant::now() + Duration::from_secs(20);
    while !metrics(port).contains("stbcast_http_connections 2") {
        assert!(Instant::now() < end, "two connections");
    }
    drop(first);
    assert_eq!(third.answer().status, 302, "the first one's place");
    assert!(second.say(b"Host: x\r\n\r\n"));
    assert_eq!(second.answer().status, 302);
}
