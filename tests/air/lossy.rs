//! A line that loses datagrams, with the boxes behind it on a host of their own.
//!
//! ```text
//!  headend ── 127.0.0.1 of this host ── relay ── 127.0.0.1 of the boxes' host ── boxes
//! ```
//!
//! The relay hears the groups here and sends them on there, without those that a seeded generator
//! takes away. Headend and boxes use the same groups and ports and cannot hear each other but for it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

use super::capture::Dice;
use super::harness::join;
use super::network::{inside, ip};

/// How long the relay waits for datagrams before it looks whether it is to stop.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The line while it works, and the boxes' host.
pub(crate) struct Line {
    host: String,
    stop: Arc<AtomicBool>,
    relay: Option<JoinHandle<Passed>>,
}

/// How many datagrams of each group came to the line, and how many left it.
pub(crate) type Passed = BTreeMap<String, (usize, usize)>;

impl Line {
    /// A line that loses so many datagrams of a thousand of each of these groups.
    pub(crate) fn new(groups: &[&str], lost_of_1000: u64, seed: u64) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let host =
            format!("stbcast-l{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip([format!("netns add {host}"), format!("-n {host} link set lo up")]);
        let stop = Arc::new(AtomicBool::new(false));
        let mut line = Self { host, stop: Arc::clone(&stop), relay: None };
        let wires: Vec<Wire> = groups.iter().map(|group| Wire::new(&line.host, group)).collect();
        let dice = Dice(seed);
        line.relay = Some(std::thread::spawn(move || relay(wires, lost_of_1000, dice, &stop)));
        line
    }

    /// A program on the boxes' host.
    pub(crate) fn behind(&self, program: &Command) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host]).arg(program.get_program());
        command.args(program.get_args());
        command
    }

    /// Ends the line; what it passed.
    pub(crate) fn end(mut self) -> Passed {
        self.stop.store(true, Ordering::Relaxed);
        self.relay.take().unwrap().join().unwrap()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(relay) = self.relay.take() {
            let _ = relay.join();
        }
        let _ = Command::new("ip").args(["netns", "del", &self.host]).status();
    }
}

/// One group: an ear here, a mouth there.
struct Wire {
    group: String,
    ear: UdpSocket,
    mouth: UdpSocket,
    passed: (usize, usize),
}

impl Wire {
    fn new(host: &str, group: &str) -> Self {
        let ear = join(group);
        // Loss is the relay's to decide, not that of a busy machine.
        setsockopt(&ear, sockopt::RcvBufForce, &(64 << 20)).unwrap();
        ear.set_nonblocking(true).unwrap();
        let to: SocketAddrV4 = group.parse().unwrap();
        let mouth = inside(host, || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
            socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
            socket.set_multicast_ttl_v4(0).unwrap();
            socket.connect(&to.into()).unwrap();
            UdpSocket::from(socket)
        });
        mouth.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { group: group.to_owned(), ear, mouth, passed: (0, 0) }
    }
}

fn relay(mut wires: Vec<Wire>, lost_of_1000: u64, mut dice: Dice, stop: &AtomicBool) -> Passed {
    let mut buffer = [0; 9_000];
    while !stop.load(Ordering::Relaxed) {
        let mut polled: Vec<PollFd<'_>> =
            wires.iter().map(|wire| PollFd::new(&wire.ear, PollFlags::IN)).collect();
        let _ = poll(&mut polled, Some(&LOOK));
        for wire in &mut wires {
            while let Ok(length) = wire.ear.recv(&mut buffer) {
                wire.passed.0 += 1;
                if dice.below(1_000) >= lost_of_1000 {
                    wire.mouth.send(&buffer[..length]).expect("the relay sends");
                    wire.passed.1 += 1;
                }
            }
        }
    }
    wires.into_iter().map(|wire| (wire.group, wire.passed)).collect()
}
