//! A switch that loses: it stands between the headend and its boxes, sends a datagram on to every
//! box whose group membership asks for it, and drops what that box's seeded loss says.
//!
//! ```text
//!  headend ─ vA ── u0 ┐        ┌ d0 ── vB  box 0
//!                     ├ relay ─┼ d1 ── vB  box 1      each box is a namespace with a line of its own
//!                     ┘        └ ...                  <── IGMPv3 reports;  unicast is routed, unharmed
//! ```
//!
//! Datagrams keep group, port, sender and payload. Memberships are taken from the boxes' own IGMP
//! reports, as a snooping switch does: so it is known to the datagram when a box joined and left.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};
use stbcast_sim::chance::Chance;
use stbcast_sim::loss::{Line, Loss};

use super::lines::{Lines, UPLINK, far_end, line};
use super::record::{Change, Kind, Passed, Record};

const BUFFER_BYTES: usize = 64 << 20;
/// How long the relay looks for something to do before it looks whether it is to stop.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Datagrams taken from one socket in a row.
const TURN: usize = 64;
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// A relay at work.
pub(crate) struct Relay {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Record>,
}

impl Relay {
    /// Sends on what comes for `groups`. `kind` tells what a datagram carries, by group and payload.
    pub(crate) fn start(
        lines: &Lines,
        groups: &[SocketAddrV4],
        (loss, seed): (Loss, u64),
        kind: impl Fn(Ipv4Addr, &[u8]) -> Kind + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let boxes = lines.boxes;
        // The thread stays inside the namespace; it is detached from the one that enters it.
        let thread = lines.relay.inside(|| {
            // A socket joins at most so many groups, and each line is one.
            let _ = std::fs::write("/proc/sys/net/ipv4/igmp_max_memberships", "1000");
            let switch = Switch::new(groups, boxes, (loss, seed), Box::new(kind));
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || switch.run(&stop))
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Record {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// What a datagram of a group carries, by its payload.
type KindOf = Box<dyn Fn(Ipv4Addr, &[u8]) -> Kind + Send>;

struct Switch {
    /// One for each port, so that groups of one port keep their order.
    uplinks: Vec<(u16, Socket)>,
    reports: Socket,
    lines: Vec<BoxLine>,
    kind: KindOf,
    record: Record,
}

struct BoxLine {
    socket: Socket,
    line: Line,
    joined: Vec<Ipv4Addr>,
}

impl Switch {
    fn new(groups: &[SocketAddrV4], boxes: usize, (loss, seed): (Loss, u64), kind: KindOf) -> Self {
        let mut ports: Vec<u16> = groups.iter().map(SocketAddrV4::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let of_port = |port: u16| {
            let groups = groups.iter().filter(|group| group.port() == port);
            (port, uplink(port, groups.map(|group| *group.ip())))
        };
        let box_line = |number: usize| BoxLine {
            socket: raw_socket(line(number)),
            line: Line::new(loss, 1, Chance::branch(seed, number as u64)),
            joined: Vec::new(),
        };
        Self {
            uplinks: ports.into_iter().map(of_port).collect(),
            reports: report_socket(boxes),
            lines: (0..boxes).map(box_line).collect(),
            kind,
            record: Record {
                reached: vec![Vec::new(); boxes],
                sent: vec![0; boxes],
                dropped: vec![0; boxes],
                ..Record::default()
            },
        }
    }

    fn run(mut self, stop: &AtomicBool) -> Record {
        let before = super::counts::receive_buffer_errors();
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        while !stop.load(Ordering::Relaxed) {
            let fds = self.uplinks.iter().map(|(_, socket)| socket.as_fd());
            let fds: Vec<BorrowedFd<'_>> = fds.chain([self.reports.as_fd()]).collect();
            let mut polled: Vec<PollFd<'_>> =
                fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
            let _ = poll(&mut polled, Some(&LOOK));
            self.take_reports(&mut buffer);
            for uplink in 0..self.uplinks.len() {
                for _ in 0..TURN {
                    if !self.pass(uplink, &mut buffer) {
                        break;
                    }
                }
            }
        }
        self.record.missed = super::counts::receive_buffer_errors() - before;
        self.record
    }

    /// Passes one datagram on; whether there was one.
    fn pass(&mut self, uplink: usize, buffer: &mut [u8]) -> bool {
        let (port, socket) = &self.uplinks[uplink];
        let Some((from, group, length)) = receive(socket, buffer) else { return false };
        let payload = &buffer[..length];
        let kind = (self.kind)(group, payload);
        let place = self.record.passed.len() as u32;
        self.record.passed.push(Passed { at: Instant::now(), kind, bytes: length as u32 });
        let to = SocketAddrV4::new(group, *port);
        let head = headers(from, to, length);
        let address = SocketAddr::V4(to).into();
        for (number, line) in self.lines.iter_mut().enumerate() {
            // A burst on a line lasts its time, whether the box hears or not.
            let lost = line.line.loses(None);
            if !line.joined.contains(&group) {
                continue;
            }
            if lost {
                self.record.dropped[number] += 1;
                continue;
            }
            let parts = [IoSlice::new(&head), IoSlice::new(payload)];
            line.socket.send_to_vectored(&parts, &address).expect("the relay sends");
            self.record.sent[number] += 1;
            if kind != Kind::Other {
                self.record.reached[number].push(place);
            }
        }
        true
    }

    fn take_reports(&mut self, buffer: &mut [u8]) {
        while let Some((from, _, length)) = receive(&self.reports, buffer) {
            let number = usize::from(from.ip().octets()[2]);
            if from.ip().octets()[..2] != [10, 78] || *from.ip() != far_end(number) {
                continue;
            }
            let at = Instant::now();
            for (group, joined) in memberships(&buffer[..length]) {
                let line = &mut self.lines[number];
                if line.joined.contains(&group) == joined {
                    continue;
                }
                line.joined.retain(|&known| known != group);
                line.joined.extend(joined.then_some(group));
                let place = self.record.passed.len();
                self.record.changes.push(Change { place, at, number, group, joined });
            }
        }
    }
}

fn uplink(port: u16, groups: impl Iterator<Item = Ipv4Addr>) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_multicast_all_v4(false).unwrap();
    prepare(&socket);
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).unwrap();
    for group in groups {
        socket.join_multicast_v4(&group, &UPLINK).unwrap();
    }
    socket
}

/// A socket that takes whole IP packets and sends them out where this address is.
fn raw_socket(line: Ipv4Addr) -> Socket {
    const IPPROTO_RAW: i32 = 255;
    let protocol = Protocol::from(IPPROTO_RAW);
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol)).unwrap();
    socket.set_multicast_if_v4(&line).unwrap();
    socket.set_multicast_loop_v4(false).unwrap();
    let _ = setsockopt(&socket, sockopt::SndBuf, &(4 << 20));
    socket
}

/// Hears the boxes' IGMPv3 reports.
fn report_socket(boxes: usize) -> Socket {
    const IPPROTO_IGMP: i32 = 2;
    let protocol = Protocol::from(IPPROTO_IGMP);
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol)).unwrap();
    prepare(&socket);
    for number in 0..boxes {
        socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 22), &line(number)).unwrap();
    }
    socket
}

fn prepare(socket: &Socket) {
    if setsockopt(socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(BUFFER_BYTES).unwrap();
    }
    setsockopt(socket, sockopt::Ipv4PacketInfo, &true).unwrap();
    socket.set_nonblocking(true).unwrap();
}

/// Sender, destination and length of the next datagram.
fn receive(socket: &Socket, buffer: &mut [u8]) -> Option<(SocketAddrV4, Ipv4Addr, usize)> {
    // An `in_pktinfo`.
    let mut control = nix::cmsg_space!([u32; 3]);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::empty();
    let received =
        match recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
            Ok(received) => received,
            Err(error) if std::io::Error::from(error).kind() == ErrorKind::WouldBlock => {
                return None;
            }
            Err(error) => panic!("the relay: {error}"),
        };
    let to = received.cmsgs().unwrap().find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)))
        }
        _ => None,
    });
    let from = received.address.unwrap();
    Some((SocketAddrV4::new(from.ip(), from.port()), to?, received.bytes))
}

/// IPv4 and UDP header of a datagram. The kernel adds the checksum of IP; UDP goes without.
fn headers(from: SocketAddrV4, to: SocketAddrV4, length: usize) -> [u8; 28] {
    const UDP: u8 = 17;
    let mut head = [0; 28];
    let total = (length + head.len()) as u16;
    head[0] = 0x45;
    head[2..4].copy_from_slice(&total.to_be_bytes());
    head[8] = 1;
    head[9] = UDP;
    head[12..16].copy_from_slice(&from.ip().octets());
    head[16..20].copy_from_slice(&to.ip().octets());
    head[20..22].copy_from_slice(&from.port().to_be_bytes());
    head[22..24].copy_from_slice(&to.port().to_be_bytes());
    head[24..26].copy_from_slice(&(total - 20).to_be_bytes());
    head
}

/// What an IGMPv3 report in an IP packet says: groups joined and left.
fn memberships(packet: &[u8]) -> Vec<(Ipv4Addr, bool)> {
    const REPORT: u8 = 0x22;
    let header = usize::from(packet[0] & 15) * 4;
    let Some(report) = packet.get(header..).filter(|report| report.first() == Some(&REPORT)) else {
        return Vec::new();
    };
    let count = usize::from(u16::from_be_bytes([report[6], report[7]]));
    let (mut changes, mut at) = (Vec::new(), 8);
    for _ in 0..count {
        let Some(record) = report.get(at..at + 8) else { break };
        let sources = usize::from(u16::from_be_bytes([record[2], record[3]]));
        at += 8 + sources * 4 + usize::from(record[1]) * 4;
        let group = Ipv4Addr::new(record[4], record[5], record[6], record[7]);
        // Modes and changes of mode: to include nobody is to leave, all else is to hear somebody.
        match record[0] {
            1 | 3 => changes.push((group, sources > 0)),
            2 | 4 | 5 => changes.push((group, true)),
            _ => {}
        }
    }
    changes
}
