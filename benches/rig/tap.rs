//! What arrives in the receiving namespace, with the kernel's time stamps.
//!
//! The tap is a packet socket: it sees every packet of the namespace once, joined or not. It is
//! emptied every few milliseconds rather than woken for each packet, so that it does not disturb
//! what it measures. A segmented batch passes it as one packet and counts as its datagrams, all at
//! one instant. Where packet sockets are not allowed, a joined UDP socket takes its place.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::place::Place;

/// Datagrams that arrived at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Nanoseconds of the wall clock, by the kernel.
    pub(crate) at: u64,
    pub(crate) group: SocketAddrV4,
    pub(crate) datagrams: u32,
    /// Bytes of IP in all of them.
    pub(crate) ip_bytes: u32,
}

/// A running tap.
pub(crate) struct Tap {
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<Arrival>>>,
    thread: JoinHandle<()>,
}

/// A larger buffer than the system likes to give, for a socket that is only emptied now and then.
const BUFFER_BYTES: usize = 256 << 20;
const EMPTY_EVERY: Duration = Duration::from_millis(5);
const PACKETS_MAX: usize = 20_000_000;
/// Number of UDP in IP headers.
const UDP: u8 = 17;

impl Tap {
    /// Begins to record multicast datagrams; batches are counted by `payload_bytes`. `group` alone
    /// where packet sockets are not allowed.
    pub(crate) fn start(place: &Place, group: SocketAddrV4, payload_bytes: usize) -> Self {
        let is_packet = place.has_tap();
        let address = place.receive_address;
        let socket = place.at_receiver(0, || {
            if is_packet { packet_socket() } else { joined_socket(group, address) }
        });
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(Vec::with_capacity(1 << 20)));
        let read = Reader { socket, group: (!is_packet).then_some(group), payload_bytes };
        let thread = std::thread::spawn({
            let (stop, heard) = (Arc::clone(&stop), Arc::clone(&heard));
            move || read.run(&stop, &heard)
        });
        Self { stop, heard, thread }
    }

    /// What has arrived since this was last asked.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// What arrived until now.
    pub(crate) fn stop(self) -> Vec<Arrival> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

/// A socket that gets UDP datagrams: other traffic would only cost time.
fn packet_socket() -> Socket {
    const ETH_P_IP: u16 = 0x0800;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let protocol = Protocol::from(i32::from(ETH_P_IP.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).unwrap();
    let is_udp = [
        SockFilter::new(LOAD_BYTE, 0, 0, 9),
        SockFilter::new(JUMP_EQUAL, 0, 1, u32::from(UDP)),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ];
    socket.attach_filter(&is_udp).unwrap();
    prepare(&socket);
    socket
}

fn joined_socket(group: SocketAddrV4, address: Ipv4Addr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_multicast_all_v4(false).unwrap();
    prepare(&socket);
    socket.bind(&group.into()).unwrap();
    socket.join_multicast_v4(group.ip(), &address).unwrap();
    socket
}

fn prepare(socket: &Socket) {
    if setsockopt(socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(BUFFER_BYTES).unwrap();
    }
    setsockopt(socket, sockopt::ReceiveTimestampns, &true).unwrap();
    socket.set_nonblocking(true).unwrap();
}

struct Reader {
    socket: Socket,
    /// None where packets tell their group themselves.
    group: Option<SocketAddrV4>,
    payload_bytes: usize,
}

impl Reader {
    fn run(&self, stop: &AtomicBool, heard: &Mutex<Vec<Arrival>>) {
        loop {
            let is_last = stop.load(Ordering::Relaxed);
            let mut arrivals = heard.lock().unwrap();
            while let Some((at, head, length)) = self.next() {
                if arrivals.len() < PACKETS_MAX {
                    arrivals.extend(self.arrival(at, &head, length));
                }
            }
            drop(arrivals);
            if is_last {
                return;
            }
            std::thread::sleep(EMPTY_EVERY);
        }
    }

    /// Time stamp, first bytes and whole length of the next packet.
    fn next(&self) -> Option<(u64, [u8; 64], usize)> {
        let mut head = [0; 64];
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut parts = [IoSliceMut::new(&mut head)];
        let flags = MsgFlags::MSG_TRUNC;
        let received =
            match recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Ok(received) => received,
                Err(error) if std::io::Error::from(error).kind() == ErrorKind::WouldBlock => {
                    return None;
                }
                Err(error) => panic!("the tap: {error}"),
            };
        let stamp = received.cmsgs().unwrap().find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        });
        let at = stamp.expect("the kernel stamps packets");
        let length = received.bytes;
        Some((at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64, head, length))
    }

    fn arrival(&self, at: u64, head: &[u8; 64], length: usize) -> Option<Arrival> {
        let (group, payload) = match self.group {
            Some(group) => (group, length),
            None => datagram(head, length)?,
        };
        let datagrams = payload.div_ceil(self.payload_bytes).max(1);
        let ip_bytes = (payload + datagrams * 28) as u32;
        Some(Arrival { at, group, datagrams: datagrams as u32, ip_bytes })
    }
}

/// Group and payload bytes of an IPv4 packet that is a multicast UDP datagram or a batch of them.
fn datagram(packet: &[u8; 64], length: usize) -> Option<(SocketAddrV4, usize)> {
    let header = usize::from(packet[0] & 15) * 4;
    let group = Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]);
    let is_it = packet[0] >> 4 == 4 && packet[9] == UDP && group.is_multicast();
    let port = u16::from_be_bytes([packet[header + 2], packet[header + 3]]);
    is_it.then(|| (SocketAddrV4::new(group, port), length.saturating_sub(header + 8)))
}
