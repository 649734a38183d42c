//! TFTP servers, and networks that lose things.

use super::*;

fn arrive(_: usize) -> Fate {
    Fate::Arrive
}

fn fetch(server: &TftpServer, path: &str, options: TftpOptions) -> Came {
    let url = server.url(path);
    let SourceUrl::Tftp(url) = url.parse().unwrap() else { panic!("{url}") };
    Box::default().carry_out(Request {
        server: Server::Tftp { url, options },
        ..request(1, &server.url(path))
    })
}

#[test]
fn a_file_comes_whole_whatever_the_network_does_now_and_then() {
    let file = object(100_000);
    for (nth, fate) in [
        (1, Fate::Arrive),
        (7, Fate::Lose),
        (3, Fate::Double),
        (5, Fate::Late),
        (4, Fate::Stranger),
    ] {
        let network = move |number| if number % nth == nth - 1 { fate } else { Fate::Arrive };
        let server = TftpServer::start([("pub/image", file.clone())], Manners::default(), network);
        let options = TftpOptions { block_bytes: 1_428, ..TftpOptions::default() };
        let came = fetch(&server, "pub/image", options);
        assert_eq!(came.answer, done(100_000), "{fate:?}");
        assert!(came.bytes == file);
        assert_eq!(server.errors(), [""; 0]);
    }
}

#[test]
fn blocks_of_every_size_are_gathered_to_pieces() {
    let file = object(300_000);
    for block_bytes in [8, 512, 1_428, 65_464] {
        let server = TftpServer::start([("image", file.clone())], Manners::default(), arrive);
        let came = fetch(&server, "image", TftpOptions { block_bytes, ..TftpOptions::default() });
        assert_eq!((came.answer, came.length), (done(300_000), Some(300_000)));
        assert!(came.bytes == file);
    }
}

#[test]
fn a_server_without_options_will_do() {
    let manners = Manners { options: false, ..Manners::default() };
    let server = TftpServer::start([("image", object(10_000))], manners, arrive);
    let came = fetch(&server, "image", TftpOptions::default());
    assert!(came.answer == done(10_000) && came.bytes == object(10_000));
}

#[test]
fn an_empty_file_is_a_file() {
    let server = TftpServer::start([("image", Vec::new())], Manners::default(), arrive);
    let came = fetch(&server, "image", TftpOptions::default());
    assert_eq!((came.answer, came.bytes.len()), (done(0), 0));
}

#[test]
fn escapes_of_the_url_are_not_the_servers_business() {
    let server = TftpServer::start([("a b%", object(10))], Manners::default(), arrive);
    assert_eq!(fetch(&server, "a%20b%25", TftpOptions::default()).answer, done(10));
}

#[test]
fn what_the_server_refuses_is_told_with_its_words() {
    let server = TftpServer::start([], Manners::default(), arrive);
    let mut stb = Box::default();
    let came = stb.get(&server.url("none"), 0, None);
    assert_eq!(came.answer, Answer::Failed(UnicastError::Tftp { code: 1 }));
    assert!(stb.troubles[0].contains("error 1: \"no such\\nfile\""), "{:?}", stb.troubles);
}

#[test]
fn parts_are_refused_without_a_datagram() {
    let server = TftpServer::start([("image", object(10))], Manners::default(), arrive);
    for (from, to) in [(1, None), (0, Some(5)), (2, Some(5))] {
        let came = Box::default().get(&server.url("image"), from, to);
        assert_eq!(came.answer, Answer::Failed(UnicastError::Range));
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_file_that_is_too_long_is_not_taken() {
    let told = Some(LENGTH_MAX + 1);
    let manners = Manners { told, ..Manners::default() };
    let server = TftpServer::start([("image", object(10))], manners, arrive);
    let came = Box::default().get(&server.url("image"), 0, None);
    assert_eq!(came.answer, Answer::Failed(UnicastError::TooLong { length: LENGTH_MAX + 1 }));
}

#[test]
fn silence_is_told_after_the_time_outs() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("tftp://{}/image", nobody.local_addr().unwrap());
    let SourceUrl::Tftp(to) = url.parse().unwrap() else { panic!("{url}") };
    let options = TftpOptions { request_timeout_s: 1, ..TftpOptions::default() };
    let server = Server::Tftp { url: to, options };
    let came = Box::default().carry_out(Request { server, ..request(1, &url) });
    assert_eq!(came.answer, Answer::Failed(UnicastError::Unreachable));
    assert!((Duration::from_millis(900)..Duration::from_secs(10)).contains(&came.took));

    let network = |number| if number < 5 { Fate::Arrive } else { Fate::Lose };
    let server = TftpServer::start([("image", object(10_000))], Manners::default(), network);
    let came = Box::default().get_within(&server.url("image"), 0, None, Micros::from_millis(500));
    assert_eq!(came.answer, Answer::Failed(UnicastError::Silent));
}
