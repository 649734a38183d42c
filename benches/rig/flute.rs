//! The crate `flute` as a peer: its sender and its receiver in processes of their own.
//!
//! Both follow the loops of the crate's own programs: token bucket with one sleep a packet,
//! `MultiReceiver` with files and MD5, one packet a system call. Without FEC, 1,400-byte symbols.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use flute::core::{Oti, UDPEndpoint};
use flute::receiver::{MultiReceiver, writer::ObjectWriterFSBuilder};
use flute::sender::{Config, CreateFromFile, Sender, TransferConfig};
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};

use super::place::Place;
use super::{MIB, SLICE_BYTES};

const LIMIT: Duration = Duration::from_secs(60);
const BLOCK: u16 = 64;

pub(crate) fn sender(place: &Place, group: SocketAddrV4, image: &Path, kbps: f64) -> Command {
    let mut command = super::again("flute-send");
    command.args([place.send_address.to_string(), group.to_string()]);
    command.arg(image).arg(kbps.to_string());
    command
}

pub(crate) fn receiver(place: &Place, group: SocketAddrV4, out: &Path, image: &Path) -> Command {
    let mut command = super::again("flute-receive");
    command.args([place.receive_address.to_string(), group.to_string()]);
    command.arg(out).arg(image);
    command
}

pub(crate) fn send_child(arguments: &[String]) {
    let [bind, group, image, kbps] = arguments else { panic!("usage") };
    let group: SocketAddrV4 = group.parse().unwrap();
    let kbps: f64 = kbps.parse().unwrap();
    let endpoint = UDPEndpoint::new(None, group.ip().to_string(), group.port());
    let oti = Oti::new_no_code(SLICE_BYTES as u16, BLOCK);
    let mut sender = Sender::new(endpoint, 1, &oti, &Config::default());
    let object = CreateFromFile::builder()
        .path(image.into())
        .content_type("application/octet-stream".to_owned())
        .cache_in_ram(true)
        .compute_md5(true)
        .config(TransferConfig { max_transfer_count: 1, ..TransferConfig::default() })
        .build();
    sender.add_object(0, object.create().unwrap()).unwrap();
    sender.publish(SystemTime::now()).unwrap();
    let socket = UdpSocket::bind(format!("{bind}:0")).unwrap();
    socket.set_multicast_ttl_v4(1).unwrap();
    socket.connect(group).unwrap();
    let mut bucket = (kbps > 0.0).then(|| Bucket::new(kbps * 1_000.0));
    let end = Instant::now() + LIMIT;
    let mut idle = 0;
    // The end of the object is followed by a few turns with nothing to send.
    while Instant::now() < end && idle < 20 {
        bucket.iter_mut().for_each(Bucket::wait);
        match sender.read(SystemTime::now()) {
            Some(packet) => {
                bucket.iter_mut().for_each(|bucket| bucket.tokens -= packet.len() as f64);
                let _ = socket.send(&packet);
                idle = if packet.len() > SLICE_BYTES { 0 } else { idle };
            }
            None => {
                idle += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Tokens are bytes; a caller without enough sleeps once.
struct Bucket {
    bytes_per_second: f64,
    tokens: f64,
    last: Instant,
}

impl Bucket {
    fn new(bits_per_second: f64) -> Self {
        let bytes_per_second = bits_per_second / 8.0;
        Self { bytes_per_second, tokens: SLICE_BYTES as f64, last: Instant::now() }
    }

    fn wait(&mut self) {
        self.refill();
        let lack = SLICE_BYTES as f64 - self.tokens;
        if lack > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(lack / self.bytes_per_second));
            self.refill();
        }
    }

    fn refill(&mut self) {
        // At most a tenth of a second is made up, as in the crate's program.
        let most = (self.bytes_per_second / 10.0).max(1_500.0);
        let elapsed = self.last.elapsed().as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.bytes_per_second).min(most);
        self.last = Instant::now();
    }
}

/// Receives until the object is complete.
pub(crate) fn receive_child(arguments: &[String]) {
    let [interface, group, out, image] = arguments else { panic!("usage") };
    let interface: Ipv4Addr = interface.parse().unwrap();
    let group: SocketAddrV4 = group.parse().unwrap();
    let bytes = std::fs::metadata(image).unwrap().len();
    let output = Path::new(out).join(Path::new(image).file_name().unwrap());
    let endpoint = UDPEndpoint::new(None, group.ip().to_string(), group.port());
    let writer = Rc::new(ObjectWriterFSBuilder::new(Path::new(out), true).unwrap());
    let mut receiver = MultiReceiver::new(writer, None, false);
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_recv_buffer_size(4 * MIB).unwrap();
    socket.bind(&group.into()).unwrap();
    socket.join_multicast_v4(group.ip(), &interface).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let socket = UdpSocket::from(socket);
    let first = Cell::new(None);
    let (end, mut packets, mut buffer) = (Instant::now() + LIMIT, 0_u64, [0; 2_048]);
    let is_there = || std::fs::metadata(&output).is_ok_and(|data| data.len() == bytes);
    while Instant::now() < end {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        let now = SystemTime::now();
        if length > SLICE_BYTES {
            first.set(first.get().or_else(|| Some(Instant::now())));
            packets += 1;
        }
        let _ = receiver.push(&endpoint, &buffer[..length], now);
        receiver.cleanup(now);
        if packets * SLICE_BYTES as u64 >= bytes - SLICE_BYTES as u64 && is_there() {
            break;
        }
    }
    let seconds = first.get().map_or(f64::NAN, |first| first.elapsed().as_secs_f64());
    println!("{}", json!({ "seconds": seconds, "packets": packets }));
}
