//! A web server whose answers are written by the test, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a server does with one request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, with a pause between, until the client has enough.
    Endless(Vec<u8>, Duration),
    /// Takes its time.
    Pause(Duration),
    /// Says nothing until the client has enough.
    Silence,
    /// Closes the connection.
    Close,
    /// Breaks it.
    Reset,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which connection, from 0.
    pub connection: usize,
    /// Which request of all, from 0.
    pub number: usize,
    /// Its header.
    pub head: String,
}

impl Asked {
    /// The path of the request line.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// A header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// First and last byte of `Range: bytes=first-last`.
    pub fn range(&self) -> Option<(usize, Option<usize>)> {
        let (first, last) = self.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()))
    }
}

/// Answers a request.
pub type Answer = dyn Fn(&Asked) -> Vec<Act> + Send + Sync;

pub struct HttpServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

struct Shop {
    answer: Box<Answer>,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
}

impl HttpServer {
    pub fn start(answer: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::default(), Arc::default());
        let (answer, shop_asked) = (Box::new(answer), Arc::clone(&asked));
        let shop = Arc::new(Shop { answer, asked: shop_asked, stop: Arc::clone(&stop) });
        let accepting = Some(std::thread::spawn(move || accept(&listener, &shop)));
        Self { address, asked, stop, accepting }
    }

    /// One that gives `object` as a good server does, with ranges, under this validator.
    pub fn of_object(object: Vec<u8>, etag: &'static str) -> Self {
        Self::start(move |asked| vec![Act::Send(good(asked, &object, etag))])
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

fn accept(listener: &TcpListener, shop: &Arc<Shop>) {
    let mut serving = Vec::new();
    for (connection, stream) in listener.incoming().enumerate() {
        if shop.stop.load(Ordering::Relaxed) {
            break;
        }
        let (stream, shop) = (stream.unwrap(), Arc::clone(shop));
        serving.push(std::thread::spawn(move || serve(stream, connection, &shop)));
    }
    serving.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Serves one connection until either side has enough.
fn serve(mut stream: TcpStream, connection: usize, shop: &Shop) {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut waiting = Vec::new();
    while let Some(head) = request(&mut stream, &mut waiting, shop) {
        let mut all = shop.asked.lock().unwrap();
        let asked = Asked { connection, number: all.len(), head };
        all.push(asked.clone());
        drop(all);
        for act in (shop.answer)(&asked) {
            let goes_on = match act {
                Act::Send(bytes) => stream.write_all(&bytes).is_ok(),
                Act::Endless(bytes, pause) => {
                    while !is_over(&mut stream, shop) && stream.write_all(&bytes).is_ok() {
                        std::thread::sleep(pause);
                    }
                    false
                }
                Act::Pause(pause) => {
                    std::thread::sleep(pause);
                    true
                }
                Act::Silence => {
                    while !is_over(&mut stream, shop) {}
                    false
                }
                Act::Close => false,
                Act::Reset => {
                    let linger = Some(Duration::ZERO);
                    socket2::SockRef::from(&stream).set_linger(linger).unwrap();
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// Whether the client has gone, or the test has ended; waits a little to see.
fn is_over(stream: &mut TcpStream, shop: &Shop) -> bool {
    let read = stream.read(&mut [0]);
    let waits = matches!(
        &read,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    );
    !waits || shop.stop.load(Ordering::Relaxed)
}

/// The header of the next request.
fn request(stream: &mut TcpStream, waiting: &mut Vec<u8>, shop: &Shop) -> Option<String> {
    loop {
        if let Some(end) = waiting.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = waiting.drain(..end + 4).collect();
            return Some(String::from_utf8(head).unwrap());
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) => return None,
            Ok(length) => waiting.extend_from_slice(&bytes[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if shop.stop.load(Ordering::Relaxed) {
                    return None;
                }
            }
            Err(_) => return None,
        }
    }
}

/// An answer of a status line's end, header fields and a body.
pub fn answer(status: &str, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for field in fields {
        answer.extend_from_slice(format!("{field}\r\n").as_bytes());
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(body);
    answer
}

/// What a good server answers.
pub fn good(asked: &Asked, object: &[u8], etag: &str) -> Vec<u8> {
    let etag_field = format!("ETag: {etag}");
    let held = asked.field("if-range").is_none_or(|known| known == etag);
    let Some((first, last)) = asked.range().filter(|_| held) else {
        let length = format!("Content-Length: {}", object.len());
        return answer("200 OK", &[&length, &etag_field], object);
    };
    if first >= object.len() {
        let range = format!("Content-Range: bytes */{}", object.len());
        let fields = [&*range, "Content-Length: 0"];
        return answer("416 Range Not Satisfiable", &fields, b"");
    }
    let behind = last.map_or(object.len(), |last| object.len().min(last + 1));
    let range = format!("Content-Range: bytes {first}-{}/{}", behind - 1, object.len());
    let length = format!("Content-Length: {}", behind - first);
    answer("206 Partial Content", &[&range, &length, &etag_field], &object[first..behind])
}
