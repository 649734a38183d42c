//! Where a headend and its boxes meet: a veth pair of namespaces, loopback, or a star.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::counts::Device;
use super::namespace::{Namespace, allowed};

/// Two ends and how they are reached.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    sender: Option<Namespace>,
    /// None where sender and receivers share a namespace.
    receivers: Vec<Namespace>,
    /// Interface of the sender, by name.
    pub(crate) send_interface: &'static str,
    pub(crate) send_address: Ipv4Addr,
    /// Interface of each receiver, by name.
    pub(crate) receive_interface: &'static str,
    pub(crate) receive_address: Ipv4Addr,
    pub(crate) ttl: u8,
}

impl Place {
    /// Two namespaces joined by a veth pair, offloads as the kernel has them.
    pub(crate) fn veth() -> Option<Self> {
        allowed().then(|| {
            let (sender, receiver) = (Namespace::new(), Namespace::new());
            super::namespace::ip(&format!(
                "link add vA netns {} type veth peer name vB netns {}",
                sender.name, receiver.name
            ));
            configure(&sender, "vA", "10.77.0.1/16");
            configure(&receiver, "vB", "10.77.1.1/16");
            Self {
                name: "veth",
                sender: Some(sender),
                receivers: vec![receiver],
                send_interface: "vA",
                send_address: Ipv4Addr::new(10, 77, 0, 1),
                receive_interface: "vB",
                receive_address: Ipv4Addr::new(10, 77, 1, 1),
                ttl: 1,
            }
        })
    }

    /// A namespace for the sender and one for each of `boxes` receivers, behind a bridge.
    pub(crate) fn star(boxes: usize) -> Option<Self> {
        allowed().then(|| {
            let sender = Namespace::new();
            sender.ip("link add vA type bridge");
            configure(&sender, "vA", "10.77.0.1/16");
            let receivers = (0..boxes).map(|number| {
                let receiver = Namespace::new();
                receiver.ip(&format!(
                    "link add vB type veth peer name p{number} netns {}",
                    sender.name
                ));
                sender.ip(&format!("link set p{number} master vA up"));
                let address = format!("10.77.{}.{}/16", 1 + number / 250, 1 + number % 250);
                configure(&receiver, "vB", &address);
                receiver
            });
            Self {
                name: "star",
                receivers: receivers.collect(),
                sender: Some(sender),
                send_interface: "vA",
                send_address: Ipv4Addr::new(10, 77, 0, 1),
                receive_interface: "vB",
                receive_address: Ipv4Addr::new(10, 77, 1, 1),
                ttl: 1,
            }
        })
    }

    /// Namespaces that somebody else has joined: `vA` at the sender, `vB` at each receiver.
    pub(crate) const fn of_lines(sender: Namespace, receivers: Vec<Namespace>) -> Self {
        Self {
            name: "lines",
            sender: Some(sender),
            receivers,
            send_interface: "vA",
            send_address: Ipv4Addr::new(10, 77, 0, 1),
            receive_interface: "vB",
            receive_address: Ipv4Addr::new(10, 78, 0, 2),
            ttl: 1,
        }
    }

    /// Loopback: of a namespace of its own where that is allowed, else of the machine with TTL 0.
    pub(crate) fn loopback() -> Self {
        let sender = allowed().then(|| {
            let namespace = Namespace::new();
            namespace.ip("route add 224.0.0.0/4 dev lo");
            namespace
        });
        Self {
            name: "lo",
            sender,
            receivers: Vec::new(),
            send_interface: "127.0.0.1",
            send_address: Ipv4Addr::LOCALHOST,
            receive_interface: "127.0.0.1",
            receive_address: Ipv4Addr::LOCALHOST,
            ttl: 0,
        }
    }

    /// The veth pair, or loopback where that is not allowed.
    pub(crate) fn best() -> Self {
        Self::veth().unwrap_or_else(Self::loopback)
    }

    /// Acts on the sender's side.
    pub(crate) fn at_sender<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        match &self.sender {
            Some(namespace) => namespace.inside(act),
            None => act(),
        }
    }

    /// Acts at receiver `number`; where they share a namespace, there.
    pub(crate) fn at_receiver<T: Send>(&self, number: usize, act: impl FnOnce() -> T + Send) -> T {
        match self.receivers.get(number % self.receivers.len().max(1)) {
            Some(namespace) => namespace.inside(act),
            None => self.at_sender(act),
        }
    }

    pub(crate) fn spawn_at_sender(&self, command: &mut Command) -> std::io::Result<Child> {
        self.at_sender(|| command.spawn())
    }

    /// Whether a tap can be put here: it needs a namespace of ours.
    pub(crate) const fn has_tap(&self) -> bool {
        self.sender.is_some()
    }

    /// The device everything arrives at.
    pub(crate) const fn device(&self) -> &'static str {
        if self.receivers.is_empty() { "lo" } else { self.receive_interface }
    }

    /// Counters of the receiving device.
    pub(crate) fn received(&self) -> Device {
        self.at_receiver(0, || Device::read(self.device()))
    }

    /// Datagrams the sockets at receiver 0 had no room for, so far.
    pub(crate) fn kernel_drops(&self) -> u64 {
        self.at_receiver(0, super::counts::receive_buffer_errors)
    }

    /// Waits until `group` is joined `count` times at receiver `number`; whether it was.
    pub(crate) fn wait_joined(&self, number: usize, group: Ipv4Addr, count: u64) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if self.at_receiver(number, || super::counts::joined(group)) >= count {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }
}

fn configure(namespace: &Namespace, device: &str, address: &str) {
    namespace.ip(&format!("addr add {address} dev {device}"));
    namespace.ip(&format!("link set {device} up"));
    namespace.ip(&format!("route add 224.0.0.0/4 dev {device}"));
}

/// A group and port this process has not used yet.
pub(crate) fn group() -> SocketAddrV4 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 32;
    let octets = [(next / 250 % 250) as u8, (1 + next % 250) as u8];
    let port = 20_000 + (next % 20_000) as u16;
    SocketAddrV4::new(Ipv4Addr::new(239, 254, octets[0], octets[1]), port)
}
