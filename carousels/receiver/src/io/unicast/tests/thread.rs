//! The thread: what is not wanted any more ends, soon and for good.

use super::*;

/// Servers at which a request hangs in different places.
fn tarpits() -> Vec<(&'static str, HttpServer)> {
    let begun = answer("200 OK", &["Content-Length: 10000000"], b"begun");
    let flood = Act::Endless(vec![7; 1 << 20], Duration::ZERO);
    vec![
        ("in front of the header", always(vec![Act::Silence])),
        ("in the body", always(vec![Act::Send(begun.clone()), Act::Silence])),
        ("at a loop that takes nothing", always(vec![Act::Send(begun), flood])),
    ]
}

#[test]
fn a_request_that_is_dropped_ends_its_thread_at_once_wherever_it_hangs() {
    for (place, server) in tarpits() {
        let mut unicast = Unicast::default();
        unicast.start(request(1, &server.url("/")));
        while server.asked().is_empty() {
            std::thread::yield_now();
        }
        let began = Instant::now();
        drop(unicast);
        assert!(began.elapsed() < Duration::from_secs(2), "{place}: {:?}", began.elapsed());
    }
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("tftp://{}/image", silent.local_addr().unwrap());
    let mut unicast = Unicast::default();
    unicast.start(request(1, &url));
    silent.recv_from(&mut [0; 600]).unwrap();
    let began = Instant::now();
    drop(unicast);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn nothing_of_a_cancelled_request_is_ever_told() {
    let pits = tarpits();
    let good = HttpServer::of_object(object(1_000), ETAG);
    let mut stb = Box::default();
    for round in 0..30 {
        let (_, pit) = &pits[round % pits.len()];
        let before = pit.asked().len();
        stb.ids += 1;
        let id = stb.ids;
        stb.unicast.start(request(id, &pit.url("/")));
        // Its first piece may be waiting, or it may not even have begun.
        let began = Instant::now();
        while round % 2 == 0 && pit.asked().len() == before {
            assert!(began.elapsed() < DEADLINE);
            std::thread::yield_now();
        }
        // Another one's number means nothing.
        stb.unicast.cancel(id + 1);
        assert!(stb.unicast.is_under_way());
        stb.unicast.cancel(id);
        assert!(!stb.unicast.is_under_way());
        assert!(stb.unicast.next().is_none() && stb.unicast.bell().is_none());
        let came = stb.get(&good.url("/"), 0, None);
        assert!(came.answer == done(1_000) && came.bytes == object(1_000));
    }
}

#[test]
fn a_request_in_place_of_another_gives_that_up() {
    let pit = always(vec![Act::Silence]);
    let good = HttpServer::of_object(object(1_000), ETAG);
    let mut stb = Box::default();
    stb.unicast.start(request(7, &pit.url("/")));
    let came = stb.carry_out(request(8, &good.url("/")));
    assert_eq!(came.answer, done(1_000));
}

#[test]
fn an_answer_is_the_last_thing_told_even_when_the_thread_has_died() {
    let mut stb = Box::default();
    let (news, heard) = sync_channel(1);
    stb.unicast.current = Some(Current { id: 3, news: heard, cancel: None });
    stb.unicast.rung = true;
    drop::<SyncSender<News>>(news);
    let (id, news) = stb.unicast.next().unwrap();
    assert!(matches!(news, News::Answer(Answer::Failed(UnicastError::Protocol))));
    assert!(id == 3 && !stb.unicast.is_under_way());
}
