//! A client of the HTTP endpoint that says exactly what a test wants said.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::harness::{Program, Site};

/// Longest wait for anything of an answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// A connection to the endpoint.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// As they stand on the wire.
    pub(crate) header: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let fields = self.header.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes; whether the other side took them.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Sends a request without a body; `more` is further header lines.
    pub(crate) fn request(&mut self, method: &str, uri: &str, more: &str) {
        let text = format!("{method} {uri} HTTP/1.1\r\nHost: headend\r\n{more}\r\n");
        assert!(self.say(text.as_bytes()), "the connection is closed");
    }

    /// The header of the next answer; nothing, where the connection ends instead.
    pub(crate) fn header(&mut self) -> Option<Answer> {
        let mut header = String::new();
        while !header.ends_with("\r\n\r\n") {
            match self.stream.read_line(&mut header) {
                Ok(1..) => {}
                _ => return None,
            }
        }
        let status = header.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, header, body: Vec::new() })
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next answer, whose length is told.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.header().expect("an answer");
        let length = answer.value("Content-Length").map_or(0, |length| length.parse().unwrap());
        answer.body = self.bytes(length);
        answer
    }

    /// Whether the other side ends the connection within the patience of a test; what it says before
    /// does not matter.
    pub(crate) fn ends(&mut self) -> bool {
        match self.stream.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// A headend that answers over HTTP, on air.
pub(crate) fn answering(site: &Site, more: &[&str]) -> (Program, SocketAddr) {
    let any = ["--http", "127.0.0.1:0"];
    let any = if more.contains(&"--http") { &[][..] } else { &any };
    let mut headend = site.start(&site.write(), &[any, more].concat());
    let line = headend.wait_for("boxes are answered at http://");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
    headend.wait_for("line-up 1 is on air");
    (headend, address)
}

/// One request on a connection of its own.
#[track_caller]
pub(crate) fn ask(address: SocketAddr, method: &str, uri: &str, more: &str) -> Answer {
    let mut connection = Connection::open(address);
    connection.request(method, uri, &format!("Connection: close\r\n{more}"));
    let mut answer = connection.header().expect("an answer");
    connection.stream.read_to_end(&mut answer.body).unwrap();
    if method == "HEAD" || answer.status == 304 {
        assert!(answer.body.is_empty(), "{answer:?}");
    } else {
        let told = answer.value("Content-Length").expect("a length").parse::<usize>().unwrap();
        assert_eq!(answer.body.len(), told, "the length is told: {}", answer.header);
    }
    answer
}

#[track_caller]
pub(crate) fn get(address: SocketAddr, uri: &str) -> Answer {
    ask(address, "GET", uri, "")
}
