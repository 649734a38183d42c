//! Web servers, good and bad.

use super::*;

#[test]
fn an_object_comes_whole_with_its_digest() {
    let body = object(300_000);
    let digest = "Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    let server = answers("200 OK", &["Content-Length: 300000", digest], &body);
    let came = get(&server.url("/image"));
    assert_eq!(came.answer, Answer::Done { length: 300_000, sha256: Some([0; 32]) });
    assert_eq!(came.length, Some(300_000));
    assert!(came.bytes == body);
    let asked = &server.asked()[0];
    assert_eq!(asked.path(), "/image");
    assert_eq!(asked.field("host"), Some(&*server.address().to_string()));
    assert_eq!(asked.field("accept-encoding"), Some("identity"));
    assert!(asked.field("user-agent").unwrap().starts_with("stbcast-receiver/"));
    assert_eq!((asked.field("range"), asked.field("if-range")), (None, None));
}

#[test]
fn bodies_of_every_kind_come_whole() {
    let body = object(100_000);
    let mut chunked = answer("200 OK", &["Transfer-Encoding: chunked"], b"");
    for chunk in body.chunks(7_001) {
        chunked.extend_from_slice(format!("{:x};ext=1\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
    let until_close = answer("200 OK", &[], &body);
    let mut old = until_close.clone();
    old[7] = b'0';
    for acts in [
        vec![Act::Send(chunked)],
        vec![Act::Send(until_close), Act::Close],
        vec![Act::Send(old), Act::Close],
    ] {
        let came = get(&always(acts).url("/"));
        assert_eq!(came.answer, done(100_000));
        assert!(came.bytes == body);
    }
    for fields in [&["Content-Length: 0"][..], &["Transfer-Encoding: chunked"]] {
        let end: &[u8] = if fields[0].contains("chunked") { b"0\r\n\r\n" } else { b"" };
        let came = get(&answers("200 OK", fields, end).url("/"));
        assert_eq!((came.answer, came.bytes.len()), (done(0), 0));
    }
}

#[test]
fn ranges_share_a_connection_and_are_of_one_representation() {
    let body = object(200_000);
    let server = HttpServer::of_object(body.clone(), ETAG);
    let (url, mut stb) = (server.url("/image"), Box::default());
    for (from, to) in [(0, 10), (100_000, 180_000), (5, 6), (199_990, 300_000)] {
        let came = stb.get(&url, from, Some(to));
        assert_eq!((came.answer, came.length), (done(200_000), Some(200_000)));
        assert!(came.bytes == body[from as usize..200_000.min(to as usize)]);
    }
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.connection == 0), "a connection each");
    assert_eq!(asked[0].field("range"), Some("bytes=0-9"));
    assert_eq!(asked[0].field("if-range"), None);
    assert!(asked[1..].iter().all(|asked| asked.field("if-range") == Some(ETAG)));
}

#[test]
fn an_object_that_was_cut_goes_on_where_its_validator_holds() {
    let body = object(100_000);
    let server = HttpServer::start({
        let body = body.clone();
        move |asked| {
            let all = good(asked, &body, ETAG);
            match asked.number {
                0 => vec![Act::Send(all[..50_000].to_vec()), Act::Close],
                _ => vec![Act::Send(all)],
            }
        }
    });
    let (url, mut stb) = (server.url("/image"), Box::default());
    let first = stb.get(&url, 0, None);
    let Answer::Failed(UnicastError::Cut { bytes }) = first.answer else { panic!("{first:?}") };
    assert_eq!(bytes, first.bytes.len() as u64);
    let rest = stb.get(&url, bytes, None);
    assert_eq!(rest.answer, done(100_000));
    assert!([first.bytes, rest.bytes].concat() == body);
    // Cut exactly at its end: nothing more is to come.
    assert_eq!(stb.get(&url, 100_000, None).answer, done(100_000));
    let beyond = stb.get(&url, 100_001, None);
    assert_eq!(beyond.answer, Answer::Failed(UnicastError::Range));
}

#[test]
fn without_a_strong_validator_nothing_goes_on() {
    for fields in [&["Content-Length: 4"][..], &["Content-Length: 4", "ETag: W/\"weak\""]] {
        let server = answers("200 OK", fields, b"1234");
        let mut stb = Box::default();
        assert_eq!(stb.get(&server.url("/"), 0, None).answer, done(4));
        let rest = stb.get(&server.url("/"), 2, None);
        assert_eq!(rest.answer, Answer::Failed(UnicastError::Changed));
        assert_eq!(server.asked().len(), 1, "it was asked although nothing can come of it");
    }
}

#[test]
fn an_object_that_changed_is_told_and_then_begun_anew() {
    let server = HttpServer::start(|asked| {
        let etag = if asked.number == 0 { ETAG } else { "\"two\"" };
        vec![Act::Send(good(asked, &object(1_000), etag))]
    });
    for from in [0, 500] {
        let (url, mut stb) = (server.url("/"), Box::default());
        stb.get(&url, 0, Some(100));
        if server.asked().len() == 1 {
            let came = stb.get(&url, from, Some(600));
            assert_eq!(came.answer, Answer::Failed(UnicastError::Changed));
            assert!(came.bytes.is_empty());
        }
        assert_eq!(stb.get(&url, from, Some(600)).answer, done(1_000));
    }
}

#[test]
fn a_server_that_gives_another_part_than_was_asked_for_is_refused() {
    let part = |range: &str, body: &[u8]| {
        let (length, range) =
            (format!("Content-Length: {}", body.len()), format!("Content-Range: {range}"));
        let fields = [&*length, &*range];
        answers("206 Partial Content", &fields, body)
    };
    let body = object(100);
    for server in [
        part("bytes 0-9/100", &body[..10]),
        part("bytes 11-20/100", &body[..10]),
        part("bytes 10-18/100", &body[..9]),
        part("bytes 10-29/100", &body[..20]),
        part("bytes 10-19/*", &body[..10]),
        part("bytes 10-19/100", &body[..9]),
        part("bytes */100", b""),
        part("octets 10-19/100", &body[..10]),
        answers("206 Partial Content", &["Content-Length: 10"], &body[..10]),
        answers("200 OK", &["Content-Length: 100"], &body),
        answers("416 Range Not Satisfiable", &["Content-Length: 0"], b""),
        answers(
            "206 Partial Content",
            &["Content-Type: multipart/byteranges; boundary=x", "Content-Length: 0"],
            b"",
        ),
    ] {
        let came = Box::default().get(&server.url("/"), 10, Some(20));
        assert_eq!(came.answer, Answer::Failed(UnicastError::Range));
        assert!(came.bytes.is_empty());
    }
    let unasked = part("bytes 0-99/100", &body);
    assert_eq!(get(&unasked.url("/")).answer, Answer::Failed(UnicastError::Protocol));
}

#[test]
fn the_beginning_may_come_from_a_server_that_knows_no_ranges() {
    let body = object(500_000);
    let server = answers("200 OK", &["Content-Length: 500000"], &body);
    let mut stb = Box::default();
    let came = stb.get(&server.url("/"), 0, Some(10));
    assert_eq!((came.answer, &*came.bytes), (done(500_000), &body[..10]));
    // The rest of that answer is never read: the next request has a connection of its own.
    stb.get(&server.url("/"), 0, Some(10));
    assert_eq!(server.asked().last().unwrap().connection, 1);
}

#[test]
fn redirects_are_followed_three_times_and_to_http_only() {
    let server = HttpServer::start(|asked| {
        let (status, to) = match asked.path() {
            "/301" => ("301 Moved Permanently", "/302"),
            "/302" => ("302 Found", "/303"),
            "/303" => ("303 See Other", "/end?serial=7"),
            "/four" => ("302 Found", "/301"),
            "/loop" => ("302 Found", "/loop"),
            "/307" => ("307 Temporary Redirect", "/end"),
            "/308" => ("308 Permanent Redirect", "/end"),
            "/300" => ("300 Multiple Choices", "/end"),
            "/https" => ("302 Found", "https://127.0.0.1/"),
            "/file" => ("302 Found", "file:///etc/passwd"),
            "/empty" => ("302 Found", ""),
            path => {
                let body = path.as_bytes();
                let length = format!("Content-Length: {}", body.len());
                return vec![Act::Send(answer("200 OK", &[&length], body))];
            }
        };
        let to = format!("Location: {to}");
        vec![Act::Send(answer(status, &[&to, "Content-Length: 5"], b"moved"))]
    });
    assert_eq!(get(&server.url("/301")).bytes, b"/end?serial=7");
    for (path, status, asked) in [
        ("/four", 303, 4),
        ("/loop", 302, 4),
        ("/307", 307, 1),
        ("/308", 308, 1),
        ("/300", 300, 1),
        ("/https", 302, 1),
        ("/file", 302, 1),
        ("/empty", 302, 1),
    ] {
        let before = server.asked().len();
        let came = get(&server.url(path));
        assert_eq!(came.answer, Answer::Failed(UnicastError::Redirect { status }), "{path}");
        assert_eq!(server.asked().len() - before, asked, "{path}");
    }
    let nowhere = answers("302 Found", &["Content-Length: 0"], b"");
    let refused = Answer::Failed(UnicastError::Redirect { status: 302 });
    assert_eq!(get(&nowhere.url("/")).answer, refused);
}

#[test]
fn a_redirect_to_another_server_keeps_range_and_validator() {
    let images = HttpServer::of_object(object(1_000), ETAG);
    let to = format!("Location: {}", images.url("/image"));
    let door = answers("302 Found", &[&to, "Content-Length: 0"], b"");
    let mut stb = Box::default();
    for from in [0, 500] {
        let came = stb.get(&door.url("/"), from, Some(from + 100));
        assert!(came.bytes == object(1_000)[from as usize..from as usize + 100]);
    }
    assert_eq!(images.asked()[1].field("if-range"), Some(ETAG));
    assert_eq!(images.asked()[0].field("host"), Some(&*images.address().to_string()));
}

#[test]
fn a_server_without_time_says_when_to_come_again() {
    let seconds = |seconds| Some(Micros::from_secs(seconds));
    for (status, fields, retry_after) in [
        ("503 Service Unavailable", &["Retry-After: 120"][..], seconds(120)),
        ("429 Too Many Requests", &["Retry-After: 7"], seconds(7)),
        ("503 Service Unavailable", &[], None),
        ("503 Service Unavailable", &["Retry-After: soon"], None),
        (
            "503 Service Unavailable",
            &["Date: Sun, 06 Nov 1994 08:49:00 GMT", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"],
            seconds(37),
        ),
    ] {
        let fields = [fields, &["Content-Length: 4"]].concat();
        let server = answers(status, &fields, b"busy");
        let came = get(&server.url("/"));
        assert_eq!(came.answer, Answer::Busy { retry_after });
        assert!(came.bytes.is_empty());
    }
}

#[test]
fn other_answers_are_no_object() {
    for (line, status) in
        [("404 Not Found", 404), ("500 Oh No", 500), ("204 No Content", 204), ("401 No", 401)]
    {
        let came = get(&answers(line, &["Content-Length: 0"], b"").url("/"));
        assert_eq!(came.answer, Answer::Failed(UnicastError::Status { status }));
    }
}

#[test]
fn a_body_that_ends_early_is_told_and_never_counts_as_whole() {
    let whole = answer("200 OK", &["Content-Length: 1000"], &object(999));
    let chunked = answer("200 OK", &["Transfer-Encoding: chunked"], b"3e7\r\n");
    let chunked = [&chunked[..], &object(999)[..]].concat();
    let until_close = answer("200 OK", &[], &object(999));
    for acts in [
        vec![Act::Send(whole), Act::Close],
        vec![Act::Send(chunked), Act::Close],
        // A connection that breaks is no end, even where a body has no other.
        vec![Act::Send(until_close), Act::Reset],
    ] {
        let came = get(&always(acts).url("/"));
        let Answer::Failed(UnicastError::Cut { bytes }) = came.answer else { panic!("{came:?}") };
        assert_eq!(bytes, came.bytes.len() as u64);
    }
    for acts in
        [vec![Act::Close], vec![Act::Reset], vec![Act::Send(b"HTTP/1.1 2".to_vec()), Act::Close]]
    {
        let came = get(&always(acts).url("/"));
        assert_eq!(came.answer, Answer::Failed(UnicastError::Cut { bytes: 0 }));
    }
}

#[test]
fn what_comes_behind_the_body_is_not_taken_and_ends_the_connection() {
    let server = answers("200 OK", &["Content-Length: 4"], b"1234HTTP/1.1 200 OK\r\n\r\nforged");
    let mut stb = Box::default();
    for connection in 0..2 {
        let came = stb.get(&server.url("/"), 0, None);
        assert_eq!((came.answer, &*came.bytes), (done(4), &b"1234"[..]));
        assert_eq!(server.asked().last().unwrap().connection, connection);
    }
}

#[test]
fn an_object_that_is_too_long_is_not_taken() {
    let too_long = |answer| matches!(answer, Answer::Failed(UnicastError::TooLong { .. }));
    let told = answers("200 OK", &["Content-Length: 16777217"], b"");
    let came = get(&told.url("/"));
    assert!(too_long(came.answer) && came.bytes.is_empty());
    let part = ["Content-Length: 10", "Content-Range: bytes 0-9/16777217"];
    let came =
        Box::default().get(&answers("206 Partial Content", &part, &[0; 10]).url("/"), 0, Some(10));
    assert!(too_long(came.answer) && came.bytes.is_empty());
    let endless = always(vec![
        Act::Send(answer("200 OK", &[], b"")),
        Act::Endless(vec![7; 1 << 20], Duration::ZERO),
    ]);
    let came = get(&endless.url("/"));
    assert!(too_long(came.answer) && came.bytes.len() as u64 <= LENGTH_MAX, "{:?}", came.answer);
}

#[test]
fn headers_without_end_and_strange_answers_break_the_protocol() {
    let pause = Duration::ZERO;
    for acts in [
        vec![
            Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Act::Endless(b"X-Field: value\r\n".repeat(100), pause),
        ],
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Act::Endless(vec![b'a'; 4096], pause)],
        vec![Act::Send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())],
        vec![Act::Send(answer("200 OK", &["Content-Length: 1", "Content-Length: 2"], b"12"))],
        vec![Act::Send(answer("200 OK", &["Content-Length: -1"], b""))],
        vec![Act::Send(answer("200 OK", &["Content-Encoding: gzip", "Content-Length: 1"], b"1"))],
        vec![Act::Send(answer("200 OK", &["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"))],
        vec![Act::Send(answer("200 OK", &["Transfer-Encoding: chunked"], b"nonsense\r\n"))],
        vec![
            Act::Send(answer("200 OK", &["Transfer-Encoding: chunked"], b"5;")),
            Act::Endless(vec![b'a'; 4096], pause),
        ],
    ] {
        let came = get(&always(acts.clone()).url("/"));
        let refused = Answer::Failed(UnicastError::Protocol);
        assert_eq!((came.answer, came.bytes.len()), (refused, 0), "{:?}", acts.first());
        assert!(came.took < Duration::from_secs(10), "{:?}", came.took);
    }
}

#[test]
fn a_server_that_falls_silent_or_drips_is_given_up_in_time() {
    let pause = Duration::from_millis(20);
    let begun = answer("200 OK", &["Content-Length: 1000000"], b"begun");
    for acts in [
        vec![Act::Silence],
        // Each byte comes in time; the header as a whole does not.
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Act::Endless(b"a".to_vec(), pause)],
        vec![Act::Endless(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), pause)],
        vec![Act::Send(begun.clone()), Act::Silence],
        // So does each byte of the body, but never enough of them.
        vec![Act::Send(begun), Act::Endless(b"a".to_vec(), pause)],
    ] {
        let server = always(acts);
        let mut stb = Box::default();
        let came = stb.get_within(&server.url("/"), 0, None, Micros::from_millis(500));
        assert_eq!(came.answer, Answer::Failed(UnicastError::Silent), "{:?}", stb.troubles);
        let took = came.took;
        assert!((Duration::from_millis(400)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_slow_server_that_keeps_up_is_waited_for() {
    // 4 kB a second for three time-outs.
    let body = object(6_000);
    let pause = Act::Pause(Duration::from_millis(50));
    let pieces = body.chunks(200).flat_map(|piece| [pause.clone(), Act::Send(piece.to_vec())]);
    let head = Act::Send(answer("200 OK", &["Content-Length: 6000"], b""));
    let server = always(std::iter::once(head).chain(pieces).collect());
    let came = Box::default().get_within(&server.url("/"), 0, None, Micros::from_millis(500));
    assert!(came.answer == done(6_000) && came.bytes == body, "{:?}", came.answer);
    assert!(came.took > Duration::from_secs(1));
}

#[test]
fn nobody_at_the_address_is_told_as_such() {
    let address = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap()
    };
    for url in [format!("http://{address}/"), "http://no-such-host.invalid/".to_owned()] {
        let mut stb = Box::default();
        let came = stb.get(&url, 0, None);
        assert_eq!(came.answer, Answer::Failed(UnicastError::Unreachable));
        assert!(stb.troubles[0].starts_with(&url), "{:?}", stb.troubles);
    }
}

#[test]
fn an_empty_or_impossible_part_is_never_asked_for() {
    let server = HttpServer::of_object(object(10), ETAG);
    for (from, to) in [(0, 0), (5, 5), (6, 5)] {
        let came = Box::default().get(&server.url("/"), from, Some(to));
        assert_eq!(came.answer, Answer::Failed(UnicastError::Range));
    }
    assert!(server.asked().is_empty());
}

#[test]
fn urls_are_asked_for_as_they_are_written() {
    let server = answers("200 OK", &["Content-Length: 0"], b"");
    for path in ["/", "/?a", "/a/b%20c?serial=1&mac=00:02:9b:00:01:02", "/~x/(y)!$&'*+,;=:@[z]"] {
        let url = HttpUrl::parse(&server.url(path)).unwrap();
        let came = get(&url.to_string());
        assert_eq!(came.answer, done(0), "{path}");
        assert_eq!(server.asked().last().unwrap().path(), path);
    }
}
