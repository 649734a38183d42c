//! The raw ceiling: a minimal sender and receiver that do nothing but their system calls.
//!
//! The sender gathers each datagram from the same three parts as the headend: a header of its own,
//! a slice of the same mapped file of the spool, a trailer computed beforehand. The receiver drops
//! what it reads. Both are children of the bench, so that CPU time is counted as for the programs.

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeValLike;
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};

use super::place::Place;
use super::{HEADER_BYTES, PAYLOAD_BYTES, SLICE_BYTES};

/// Datagrams of one segmented send: 64 KiB of UDP payload hold no more.
const SEGMENTS: usize = 65_507 / PAYLOAD_BYTES;
/// Messages of one `sendmmsg` or `recvmmsg`.
const MESSAGES: usize = 64;
/// Of socket buffer asked for.
const BUFFER_BYTES: usize = 4 << 20;
/// A run ends after this long, whatever happens.
const LIMIT: Duration = Duration::from_secs(30);

/// How the raw sender sends: `send`, `sendmmsg` or `gso`.
pub(crate) fn sender(
    place: &Place,
    how: &str,
    group: SocketAddrV4,
    image: &Path,
    directory: &Path,
    seconds: f64,
) -> Command {
    let mut command = super::again("raw-send");
    command.args([how, &place.send_address.to_string(), &group.to_string()]);
    command.arg(image).arg(directory).arg(seconds.to_string());
    command
}

/// How the raw receiver receives: `recv`, `recvmmsg` or `gro`.
pub(crate) fn receiver(place: &Place, how: &str, group: SocketAddrV4, seconds: f64) -> Command {
    let mut command = super::again("raw-receive");
    command.args([how, &place.receive_address.to_string(), &group.to_string()]);
    command.arg(seconds.to_string());
    command
}

/// What a child has printed, in its last line.
pub(crate) fn told(stdout: &str, key: &str) -> f64 {
    let last = stdout.lines().last().unwrap_or_default();
    let json: Value = serde_json::from_str(last).unwrap_or(Value::Null);
    json.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

pub(crate) fn send_child(arguments: &[String]) {
    let [how, interface, group, image, directory, seconds] = arguments else { panic!("usage") };
    let interface: Ipv4Addr = interface.parse().unwrap();
    let group: SocketAddrV4 = group.parse().unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    let spool = tempfile::tempdir_in(directory).unwrap();
    let mut spool = stbcast::spool::Spool::open(spool.path(), u64::MAX).unwrap();
    let revision = spool.add(Path::new(image)).unwrap();
    let mut source = Source::new(&revision.bytes);
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_multicast_if_v4(&interface).unwrap();
    socket.set_multicast_ttl_v4(u32::from(!interface.is_loopback())).unwrap();
    // As the headend asks for: else a full buffer would hold the ceiling down.
    socket.set_send_buffer_size(BUFFER_BYTES).unwrap();
    socket.connect(&group.into()).unwrap();
    if how == "gso" {
        setsockopt(&socket, sockopt::UdpGsoSegment, &(PAYLOAD_BYTES as i32)).unwrap();
    }
    let limit = Duration::from_secs_f64(seconds).min(LIMIT);
    let (begin, before) = (Instant::now(), own_seconds());
    let (mut datagrams, mut calls) = (0, 0);
    while begin.elapsed() < limit {
        calls += 1;
        datagrams += match how.as_str() {
            "gso" => source.send_segmented(&socket),
            "sendmmsg" => source.send_many(&socket),
            _ => source.send_one(&socket),
        };
    }
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), own_seconds() - before);
    let bytes = datagrams * SLICE_BYTES;
    println!("{}", json!({ "bytes": bytes, "calls": calls, "seconds": seconds, "cpu": cpu }));
}

/// An image as datagrams in parts.
struct Source<'a> {
    slices: Vec<&'a [u8]>,
    headers: Vec<[u8; HEADER_BYTES]>,
    trailers: Vec<[u8; 4]>,
    next: usize,
}

impl<'a> Source<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let slices: Vec<&[u8]> = bytes.chunks_exact(SLICE_BYTES).collect();
        let trailers = slices.iter().map(|slice| crc32fast::hash(slice).to_be_bytes()).collect();
        Self { slices, trailers, headers: vec![[0; HEADER_BYTES]; MESSAGES], next: 0 }
    }

    /// The parts of the next `count` datagrams, headers patched.
    fn parts(&mut self, count: usize) -> impl Iterator<Item = [IoSlice<'_>; 3]> {
        let first = if self.next + count > self.slices.len() { 0 } else { self.next };
        self.next = first + count;
        for (header, number) in self.headers[..count].iter_mut().zip(first as u32..) {
            header[4..8].copy_from_slice(&number.to_be_bytes());
        }
        let bodies = self.slices[first..].iter().zip(&self.trailers[first..]);
        self.headers[..count].iter().zip(bodies).map(|(header, (slice, trailer))| {
            [IoSlice::new(header), IoSlice::new(slice), IoSlice::new(trailer)]
        })
    }

    fn send_one(&mut self, socket: &Socket) -> usize {
        let parts = self.parts(1).next().unwrap();
        usize::from(socket.send_vectored(&parts).is_ok())
    }

    fn send_segmented(&mut self, socket: &Socket) -> usize {
        let parts: Vec<IoSlice<'_>> = self.parts(SEGMENTS).flatten().collect();
        let sent = socket.send_vectored(&parts);
        if sent.is_ok() { SEGMENTS } else { 0 }
    }

    fn send_many(&mut self, socket: &Socket) -> usize {
        let parts: Vec<[IoSlice<'_>; 3]> = self.parts(MESSAGES).collect();
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(MESSAGES, None);
        let (to, flags) = ([None; MESSAGES], MsgFlags::empty());
        let sent = sendmmsg(socket.as_raw_fd(), &mut headers, &parts, to, [], flags);
        sent.map_or(0, Iterator::count)
    }
}

pub(crate) fn receive_child(arguments: &[String]) {
    let [how, interface, group, seconds] = arguments else { panic!("usage") };
    let interface: Ipv4Addr = interface.parse().unwrap();
    let group: SocketAddrV4 = group.parse().unwrap();
    let span = Duration::from_secs_f64(seconds.parse::<f64>().unwrap()).min(LIMIT);
    let socket = listen(interface, group, how == "gro");
    let mut buffers = vec![vec![0; if how == "gro" { 65_536 } else { 2_048 }]; MESSAGES];
    let end = Instant::now() + LIMIT;
    let (mut bytes, mut calls, mut begin, mut before) = (0, 0, None, 0.0);
    while Instant::now() < end {
        let count = match how.as_str() {
            "recvmmsg" => receive_many(&socket, &mut buffers),
            _ => rustix::io::read(&socket, &mut buffers[0]).unwrap_or(0),
        };
        match begin {
            None if count > 0 => (begin, before) = (Some(Instant::now()), own_seconds()),
            Some(begin) if Instant::elapsed(&begin) > span => break,
            _ => {}
        }
        bytes += count;
        calls += usize::from(count > 0);
    }
    let seconds = begin.map_or(f64::NAN, |begin| begin.elapsed().as_secs_f64());
    let (cpu, bytes) = (own_seconds() - before, bytes / PAYLOAD_BYTES * SLICE_BYTES);
    println!("{}", json!({ "bytes": bytes, "calls": calls, "seconds": seconds, "cpu": cpu }));
}

fn listen(interface: Ipv4Addr, group: SocketAddrV4, offload: bool) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_recv_buffer_size(BUFFER_BYTES).unwrap();
    socket.bind(&group.into()).unwrap();
    socket.join_multicast_v4(group.ip(), &interface).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    if offload {
        setsockopt(&socket, sockopt::UdpGroSegment, &true).unwrap();
    }
    socket
}

/// Bytes of all datagrams of one `recvmmsg`.
fn receive_many(socket: &Socket, buffers: &mut [Vec<u8>]) -> usize {
    let mut parts: Vec<[IoSliceMut<'_>; 1]> =
        buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(MESSAGES, None);
    let flags = MsgFlags::MSG_WAITFORONE;
    recvmmsg(socket.as_raw_fd(), &mut headers, &mut parts, flags, None)
        .map_or(0, |messages| messages.map(|message| message.bytes).sum())
}

/// CPU seconds of this process.
fn own_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}
