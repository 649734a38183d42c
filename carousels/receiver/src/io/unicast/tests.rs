//! Requests to servers on 127.0.0.1 that a test has written.

use std::time::{Duration, Instant};

use stbcast_bootcast::{HttpUrl, SourceUrl};
use stbcast_object::Micros;

use super::*;
use crate::TftpOptions;
use servers::http::{Act, HttpServer, answer, good};
use servers::object;
use servers::tftp::{Fate, Manners, TftpServer};

#[path = "../../../tests/servers/mod.rs"]
pub(in crate::io) mod servers;

const DEADLINE: Duration = Duration::from_secs(60);
const LENGTH_MAX: u64 = 1 << 24;
const ETAG: &str = "\"one\"";

/// A transport, and all that it told.
#[derive(Default)]
struct Box {
    unicast: Unicast,
    ids: u64,
    troubles: Vec<String>,
}

/// What came of a request.
#[derive(Debug)]
struct Came {
    bytes: Vec<u8>,
    /// What the server told of the whole object.
    length: Option<u64>,
    answer: Answer,
    took: Duration,
}

fn request(id: u64, url: &str) -> Request {
    let server = match url.parse().unwrap() {
        SourceUrl::Http(url) => Server::Http(url),
        SourceUrl::Tftp(url) => Server::Tftp { url, options: TftpOptions::default() },
        other => panic!("{other}"),
    };
    let timeout = Micros::from_secs(20);
    Request { id, server, from: 0, to: None, length_max: LENGTH_MAX, timeout }
}

impl Box {
    /// Waits for the next news as the loop does.
    fn news(&mut self) -> (u64, News) {
        let began = Instant::now();
        loop {
            if let Some(news) = self.unicast.next() {
                return news;
            }
            assert!(began.elapsed() < DEADLINE, "nothing more is told");
            let bell = self.unicast.bell().expect("a request is under way");
            let never = Cancel::new().unwrap();
            never.wait(bell, rustix::event::PollFlags::IN, DEADLINE / 4).unwrap();
        }
    }

    fn carry_out(&mut self, request: Request) -> Came {
        let (from, id, began) = (request.from, request.id, Instant::now());
        self.unicast.start(request);
        let (mut bytes, mut told) = (Vec::new(), None);
        loop {
            let (of, news) = self.news();
            assert_eq!(of, id);
            match news {
                News::Piece(offset, piece) => {
                    assert_eq!(offset, from + bytes.len() as u64);
                    assert!((1..=PIECE_BYTES).contains(&piece.len()));
                    bytes.extend_from_slice(&piece);
                }
                News::Length(length) => {
                    assert!(bytes.is_empty() && told.replace(length).is_none());
                }
                News::Trouble(text) => self.troubles.push(text),
                News::Answer(answer) => {
                    assert!(!self.unicast.is_under_way() && self.unicast.next().is_none());
                    return Came { bytes, length: told, answer, took: began.elapsed() };
                }
            }
        }
    }

    fn get(&mut self, url: &str, from: u64, to: Option<u64>) -> Came {
        self.get_within(url, from, to, Micros::from_secs(20))
    }

    fn get_within(&mut self, url: &str, from: u64, to: Option<u64>, timeout: Micros) -> Came {
        self.ids += 1;
        self.carry_out(Request { from, to, timeout, ..request(self.ids, url) })
    }
}

fn get(url: &str) -> Came {
    Box::default().get(url, 0, None)
}

fn done(length: usize) -> Answer {
    Answer::Done { length: length as u64, sha256: None }
}

/// A server that gives the same answer to everybody.
fn always(acts: Vec<Act>) -> HttpServer {
    HttpServer::start(move |_| acts.clone())
}

fn answers(status: &str, fields: &[&str], body: &[u8]) -> HttpServer {
    always(vec![Act::Send(answer(status, fields, body))])
}

mod http;
mod tftp;
mod thread;
