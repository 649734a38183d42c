//! A TFTP server, written from the RFCs (1350, 2347 to 2349) and not from the client, whose network
//! does what the test says.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Whether it knows options at all.
    pub options: bool,
    /// Largest block it agrees to.
    pub block_max: usize,
    /// The number behind block 65,535.
    pub rolls_over_to: u16,
    /// Length it tells instead of the right one.
    pub told: Option<u64>,
    /// Appended to the acknowledgement of options.
    pub extra: &'static [u8],
    /// Whether it answers a doubled acknowledgement with the block once more, as the sorcerer's
    /// apprentice did (RFC 1123 §4.2.3.1).
    pub apprentice: bool,
    /// Silence after which it sends again.
    pub resend: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            options: true,
            block_max: 65_464,
            rolls_over_to: 0,
            told: None,
            extra: b"",
            apprentice: false,
            resend: Duration::from_millis(100),
        }
    }
}

/// One file on its way.
pub struct Sending {
    manners: Manners,
    file: Vec<u8>,
    block_bytes: usize,
    /// Blocks acknowledged; `None` while options are not.
    acknowledged: Option<usize>,
    last: Vec<u8>,
}

pub fn error(code: u16, text: &str) -> Vec<u8> {
    [&[0, 5][..], &code.to_be_bytes(), text.as_bytes(), &[0]].concat()
}

impl Sending {
    /// The answer to a request: a file on its way, or an error.
    pub fn begin(
        request: &[u8],
        files: &BTreeMap<String, Vec<u8>>,
        manners: Manners,
    ) -> Result<Self, Vec<u8>> {
        let body = request.strip_prefix(&[0, 1]).ok_or_else(|| error(4, "not a request"))?;
        let body = body.strip_suffix(&[0]).ok_or_else(|| error(4, "no zero at its end"))?;
        let mut texts =
            body.split(|byte| *byte == 0).map(|text| std::str::from_utf8(text).unwrap());
        let name = texts.next().unwrap();
        if !texts.next().is_some_and(|mode| mode.eq_ignore_ascii_case("octet")) {
            return Err(error(0, "octet only"));
        }
        let file = files.get(name).ok_or_else(|| error(1, "no such\nfile"))?.clone();
        let mut block_bytes = 512;
        let mut agreed = Vec::new();
        while let (Some(option), Some(value)) = (texts.next(), texts.next()) {
            let value = match option.to_ascii_lowercase().as_str() {
                "blksize" => {
                    block_bytes = value.parse::<usize>().unwrap().min(manners.block_max);
                    block_bytes.to_string()
                }
                "tsize" => manners.told.unwrap_or(file.len() as u64).to_string(),
                "timeout" => value.to_owned(),
                _ => continue,
            };
            agreed.extend_from_slice(format!("{option}\0{value}\0").as_bytes());
        }
        agreed.extend_from_slice(manners.extra);
        let asked = manners.options && !agreed.is_empty();
        let block_bytes = if asked { block_bytes } else { 512 };
        let mut sending = Self { manners, file, block_bytes, acknowledged: None, last: Vec::new() };
        if asked {
            sending.last = [&[0, 6][..], &agreed].concat();
        } else {
            sending.acknowledged = Some(0);
            sending.last = sending.block(1);
        }
        Ok(sending)
    }

    fn number(&self, block: usize) -> u16 {
        match block.checked_sub(65_536) {
            None => block as u16,
            Some(behind) => {
                let lap = 65_536 - usize::from(self.manners.rolls_over_to);
                (behind % lap) as u16 + self.manners.rolls_over_to
            }
        }
    }

    /// The packet of a block, from 1.
    fn block(&self, block: usize) -> Vec<u8> {
        let start = (block - 1) * self.block_bytes;
        let end = self.file.len().min(start + self.block_bytes);
        [&[0, 3][..], &self.number(block).to_be_bytes(), &self.file[start..end]].concat()
    }

    /// Blocks in all: the last one is always short, and may be empty.
    fn blocks(&self) -> usize {
        self.file.len() / self.block_bytes + 1
    }

    /// What was sent last.
    pub fn last(&self) -> &[u8] {
        &self.last
    }

    pub fn is_done(&self) -> bool {
        self.acknowledged == Some(self.blocks())
    }

    /// Takes what the client sent; what to send now. An error ends it.
    pub fn hear(&mut self, packet: &[u8]) -> Result<Option<&[u8]>, String> {
        let number = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        match packet.get(..2) {
            Some([0, 5]) => {
                return Err(format!("{} {}", number(packet), packet[4..].escape_ascii()));
            }
            Some([0, 4]) if packet.len() == 4 => {}
            _ => panic!("a client sent {}", packet.escape_ascii()),
        }
        let acknowledged = number(packet);
        let next = match self.acknowledged {
            None if acknowledged == 0 => 0,
            Some(done) if acknowledged == self.number(done + 1) => done + 1,
            Some(done) if self.manners.apprentice && acknowledged == self.number(done) => {
                return Ok(Some(&self.last));
            }
            _ => return Ok(None),
        };
        self.acknowledged = Some(next);
        if self.is_done() {
            return Ok(None);
        }
        self.last = self.block(next + 1);
        Ok(Some(&self.last))
    }
}

/// What the network does with a packet of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrive,
    Lose,
    Double,
    /// Arrives behind the next one.
    Late,
    /// Another server sends something first.
    Stranger,
}

/// The fate of a packet, by its number from 0.
pub type Network = dyn Fn(usize) -> Fate + Send + Sync;

pub struct TftpServer {
    address: SocketAddr,
    shop: Arc<Shop>,
    listening: Option<JoinHandle<()>>,
}

struct Shop {
    files: BTreeMap<String, Vec<u8>>,
    manners: Manners,
    network: Box<Network>,
    stop: AtomicBool,
    requests: Mutex<Vec<Vec<u8>>>,
    /// Errors that clients sent.
    errors: Mutex<Vec<String>>,
}

impl TftpServer {
    pub fn start(
        files: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
        manners: Manners,
        network: impl Fn(usize) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let shop = Arc::new(Shop {
            files: files.into_iter().map(|(name, file)| (name.to_owned(), file)).collect(),
            manners,
            network: Box::new(network),
            stop: AtomicBool::new(false),
            requests: Mutex::default(),
            errors: Mutex::default(),
        });
        let serving = Arc::clone(&shop);
        let listening = Some(std::thread::spawn(move || listen(&socket, &serving)));
        Self { address, shop, listening }
    }

    pub fn url(&self, path: &str) -> String {
        format!("tftp://{}/{path}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests that came.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.shop.requests.lock().unwrap().clone()
    }

    /// The errors that clients told it, as code and text.
    pub fn errors(&self) -> Vec<String> {
        self.shop.errors.lock().unwrap().clone()
    }
}

impl Drop for TftpServer {
    fn drop(&mut self) {
        self.shop.stop.store(true, Ordering::Relaxed);
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

const STEP: Duration = Duration::from_millis(10);

fn listen(socket: &UdpSocket, shop: &Arc<Shop>) {
    socket.set_read_timeout(Some(STEP)).unwrap();
    let (mut request, mut sending) = ([0; 1024], Vec::new());
    while !shop.stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut request) else { continue };
        let request = request[..length].to_vec();
        shop.requests.lock().unwrap().push(request.clone());
        let shop = Arc::clone(shop);
        sending.push(std::thread::spawn(move || send(&request, from, &shop)));
    }
    sending.into_iter().for_each(|thread| thread.join().unwrap());
}

/// One transfer, on a port of its own.
fn send(request: &[u8], client: SocketAddr, shop: &Shop) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(STEP)).unwrap();
    let mut sending = match Sending::begin(request, &shop.files, shop.manners) {
        Ok(sending) => sending,
        Err(error) => return drop(socket.send_to(&error, client)),
    };
    let (mut number, mut late) = (0, None);
    let mut play = |packet: &[u8]| {
        let fate = (shop.network)(number);
        number += 1;
        let send = |packet: &[u8]| drop(socket.send_to(packet, client));
        match fate {
            Fate::Arrive => send(packet),
            Fate::Lose => {}
            Fate::Double => [packet, packet].map(send).into_iter().collect(),
            Fate::Late => return late = Some(packet.to_vec()),
            Fate::Stranger => {
                drop(stranger.send_to(&[0, 3, 0, 1, 9, 9, 9], client));
                send(packet);
            }
        }
        late.take().as_deref().map(send).unwrap_or_default();
    };
    play(sending.last());
    let (mut packet, mut sent) = ([0; 1024], Instant::now());
    let began = Instant::now();
    while !(sending.is_done() || shop.stop.load(Ordering::Relaxed)) {
        match socket.recv_from(&mut packet) {
            Ok((length, from)) => {
                assert_eq!(from, client);
                match sending.hear(&packet[..length]) {
                    Ok(Some(next)) => {
                        play(next);
                        sent = Instant::now();
                    }
                    Ok(None) => {}
                    Err(error) => return shop.errors.lock().unwrap().push(error),
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // The client has gone.
            Err(_) => return,
        }
        if sent.elapsed() >= shop.manners.resend {
            play(sending.last());
            sent = Instant::now();
        }
        if began.elapsed() > Duration::from_secs(120) {
            return;
        }
    }
}
