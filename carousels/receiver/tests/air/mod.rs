//! Real multicast on the loopback interface, and the real program.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]
#![allow(dead_code, reason = "each test binary uses a part")]

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use stbcast_object::Group;

use crate::common::Sent;

pub mod carousels;
mod channel;
pub mod headend;
pub mod image;

/// No wait in a test is longer.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Nothing is longer on air.
const AIR_TIME: Duration = Duration::from_secs(300);

/// A group and port that no other test uses.
pub fn free_group() -> Group {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::Relaxed) as u8;
    let last = process[2].wrapping_mul(31).wrapping_add(number);
    let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = probe.local_addr().unwrap().port();
    Group::new([239, 255, process[3], last].into(), port).unwrap()
}

/// A carousel on air until it is dropped.
pub struct Air {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Air {
    /// Repeats datagrams, each to its group, at some thousand a second.
    pub fn play(datagrams: Vec<(Group, Vec<u8>)>) -> Self {
        Self::play_from(Ipv4Addr::LOCALHOST, datagrams)
    }

    pub fn play_from(source: Ipv4Addr, datagrams: Vec<(Group, Vec<u8>)>) -> Self {
        let mut at = 0;
        Self::bursts_from(source, 1, move || {
            let next = datagrams.get(at).cloned();
            at = (at + 1) % datagrams.len().max(1);
            next
        })
    }

    /// Sends what `next` gives, some thousand times a second; nothing where it gives nothing.
    pub fn steps(next: impl FnMut() -> Option<(Group, Vec<u8>)> + Send + 'static) -> Self {
        Self::bursts(1, next)
    }

    /// The same with so many at a time.
    pub fn bursts(
        burst: u32,
        next: impl FnMut() -> Option<(Group, Vec<u8>)> + Send + 'static,
    ) -> Self {
        Self::bursts_from(Ipv4Addr::LOCALHOST, burst, next)
    }

    fn bursts_from(
        source: Ipv4Addr,
        burst: u32,
        mut next: impl FnMut() -> Option<(Group, Vec<u8>)> + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let socket = sender(source);
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !told.load(Ordering::Relaxed) && began.elapsed() < AIR_TIME {
                for (group, datagram) in (0..burst).filter_map(|_| next()) {
                    socket.send_to(&datagram, group.socket_addr()).unwrap();
                }
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Repeats whole objects on one group.
    pub fn objects(group: Group, objects: &[Sent]) -> Self {
        Self::play(on(group, objects))
    }
}

impl Drop for Air {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The datagrams of objects on a group.
pub fn on(group: Group, objects: &[Sent]) -> Vec<(Group, Vec<u8>)> {
    objects.iter().flat_map(Sent::pass).map(|datagram| (group, datagram)).collect()
}

/// A socket whose datagrams never leave this machine.
fn sender(source: Ipv4Addr) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket.set_multicast_ttl_v4(0).unwrap();
    socket.bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into()).unwrap();
    socket.into()
}

/// Runs the program to its end.
pub fn program(arguments: &[&str]) -> Output {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"));
    command.args(arguments).timeout(DEADLINE).output().unwrap()
}

#[track_caller]
pub fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", stdout(output), stderr(output));
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stdout(output)))
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names of the files in a directory, in order.
pub fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
