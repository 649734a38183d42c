//! What arrives at a host, with the kernel's time stamps.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::super::network::inside;

/// A socket that has joined a group.
pub(super) struct Ear(Socket);

/// A datagram.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Nanoseconds of the wall clock, by the kernel.
    pub(super) at: u64,
    pub(super) from: IpAddr,
    pub(super) bytes: Vec<u8>,
}

impl Heard {
    /// Bytes of IP.
    pub(super) fn ip_bytes(&self) -> usize {
        self.bytes.len() + if self.from.is_ipv4() { 28 } else { 48 }
    }
}

/// Nanoseconds of the wall clock.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

impl Ear {
    /// Joins a group at an interface of a host.
    pub(super) fn join(host: &str, group: &str, interface: &str) -> Self {
        let group: SocketAddr = group.parse().unwrap();
        inside(host, || {
            let index = nix::net::if_::if_nametoindex(interface).unwrap();
            let domain = Domain::for_address(group);
            let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).unwrap();
            socket.set_reuse_address(true).unwrap();
            setsockopt(&socket, sockopt::RcvBufForce, &(64 << 20)).unwrap();
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true).unwrap();
            match group.ip() {
                IpAddr::V4(address) => {
                    let at = socket2::InterfaceIndexOrAddress::Index(index);
                    socket.join_multicast_v4_n(&address, &at).unwrap();
                    socket.bind(&group.into()).unwrap();
                }
                IpAddr::V6(address) => {
                    socket.join_multicast_v6(&address, index).unwrap();
                    let any = SocketAddr::from(([0_u16; 8], group.port()));
                    socket.bind(&any.into()).unwrap();
                }
            }
            Self(socket)
        })
    }

    /// The next datagram within so long.
    pub(super) fn next(&self, within: Duration) -> Option<Heard> {
        self.0.set_read_timeout(Some(within)).unwrap();
        self.receive(MsgFlags::empty())
    }

    fn receive(&self, flags: MsgFlags) -> Option<Heard> {
        let mut buffer = [0; 2_048];
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let descriptor = self.0.as_raw_fd();
        let received =
            recvmsg::<SockaddrStorage>(descriptor, &mut parts, Some(&mut control), flags);
        let received = received.ok()?;
        let stamp = received.cmsgs().unwrap().find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        });
        let at = stamp.unwrap();
        let from = received.address.unwrap();
        let from = match (from.as_sockaddr_in(), from.as_sockaddr_in6()) {
            (Some(from), _) => IpAddr::V4(from.ip()),
            (_, Some(from)) => IpAddr::V6(from.ip()),
            _ => panic!("no address"),
        };
        let length = received.bytes;
        let at = at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64;
        Some(Heard { at, from, bytes: buffer[..length].to_vec() })
    }

    /// What comes until `is_it` says so of a datagram, that one among them; within so long.
    #[track_caller]
    pub(super) fn until(
        &self,
        within: Duration,
        mut is_it: impl FnMut(&Heard) -> bool,
    ) -> Vec<Heard> {
        let end = now() + within.as_nanos() as u64;
        let mut all = Vec::new();
        while now() < end {
            let Some(heard) = self.next(Duration::from_millis(100)) else { continue };
            let found = is_it(&heard);
            all.push(heard);
            if found {
                return all;
            }
        }
        panic!("not within {within:?}: {} datagrams, the last {:?}", all.len(), all.last());
    }

    /// What has arrived and not been looked at.
    pub(super) fn drain(&self) -> Vec<Heard> {
        std::iter::from_fn(|| self.receive(MsgFlags::MSG_DONTWAIT)).collect()
    }

    /// What arrives in the next so long.
    pub(super) fn hear_for(&self, span: Duration) -> Vec<Heard> {
        let end = now() + span.as_nanos() as u64;
        let mut all = Vec::new();
        while now() < end {
            all.extend(self.next(Duration::from_millis(50)));
        }
        all
    }
}

/// Bits of IP per second, from the first datagram to the last.
pub(super) fn rate(heard: &[Heard]) -> f64 {
    let (first, last) = (&heard[0], &heard[heard.len() - 1]);
    let bytes: usize = heard[..heard.len() - 1].iter().map(Heard::ip_bytes).sum();
    bytes as f64 * 8e9 / (last.at - first.at) as f64
}

/// The most bits of IP in any window of so long, as a rate.
pub(super) fn worst(heard: &[Heard], window: Duration) -> f64 {
    let nanos = window.as_nanos() as u64;
    let (mut first, mut bytes, mut most) = (0, 0, 0);
    for one in heard {
        bytes += one.ip_bytes();
        while heard[first].at + nanos <= one.at {
            bytes -= heard[first].ip_bytes();
            first += 1;
        }
        most = most.max(bytes);
    }
    most as f64 * 8.0 / window.as_secs_f64()
}
