//! Opening a socket and joining a group. The crate `socket2` is named in this file alone.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use stbcast_object::Group;

use crate::io::Interface;

/// Bytes of receive buffer asked for: a quarter of a second at 100 Mbit/s, with the system's
/// overhead for each datagram.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// What the system grants for datagrams that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveBuffer {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes granted.
    pub granted: usize,
}

/// Why a group was not joined.
#[derive(Debug, thiserror::Error)]
#[error("cannot join {group}: {doing}: {error}")]
pub struct JoinError {
    /// The group.
    pub group: Group,
    /// The step that failed.
    pub doing: &'static str,
    /// The system's reason.
    pub error: io::Error,
}

impl ReceiveBuffer {
    /// Whether less was granted than asked for.
    pub const fn is_short(&self) -> bool {
        self.granted < self.asked
    }

    /// The same as the kernel counts it: twice, the other half is for its own records (socket(7)).
    pub(super) const fn kernel_bytes(&self) -> u64 {
        2 * self.granted as u64
    }
}

pub(super) fn open(group: Group) -> io::Result<Socket> {
    let domain = Domain::for_address(group.socket_addr());
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    // Several boxes on one machine may listen to one group.
    socket.set_reuse_address(true)?;
    // Else Linux hands over what any program on the machine has joined.
    if group.address().is_ipv4() {
        socket.set_multicast_all_v4(false)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_multicast_all_v6(false)?;
    }
    Ok(socket)
}

/// A group of link scope or smaller means nothing in IPv6 without its interface (RFC 4007).
fn bound_to(group: Group, interface: Option<&Interface>) -> SocketAddr {
    match group.address() {
        IpAddr::V4(_) => group.socket_addr(),
        IpAddr::V6(address) => {
            let scope = interface.map_or(0, |interface| interface.index);
            SocketAddrV6::new(address, group.port(), 0, scope).into()
        }
    }
}

pub(super) fn enlarge_buffer(socket: &Socket) -> io::Result<ReceiveBuffer> {
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    // Linux tells twice what it granted: the rest is for its own records (socket(7)).
    let granted = socket.recv_buffer_size()? / if cfg!(target_os = "linux") { 2 } else { 1 };
    Ok(ReceiveBuffer { asked: RECEIVE_BUFFER_BYTES, granted })
}

pub(super) fn bind(socket: &Socket, group: Group, interface: Option<&Interface>) -> io::Result<()> {
    // Bound to the group, not to any address: channels on one port stay apart.
    socket.bind(&bound_to(group, interface).into())
}

pub(super) fn join(
    socket: &Socket,
    group: Group,
    source: Option<IpAddr>,
    interface: Option<&Interface>,
) -> io::Result<()> {
    match group.address() {
        IpAddr::V4(address) => join_v4(socket, address, source, interface),
        IpAddr::V6(address) => join_v6(socket, address, interface),
    }
}

fn join_v4(
    socket: &Socket,
    group: Ipv4Addr,
    source: Option<IpAddr>,
    interface: Option<&Interface>,
) -> io::Result<()> {
    let Some(IpAddr::V4(source)) = source else {
        let interface = match interface {
            Some(interface) => InterfaceIndexOrAddress::Index(interface.index),
            None => InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED),
        };
        return socket.join_multicast_v4_n(&group, &interface);
    };
    let address = match interface {
        None => Ipv4Addr::UNSPECIFIED,
        Some(interface) => interface.ipv4.ok_or_else(|| {
            let name = &interface.name;
            io::Error::other(format!("interface {name} has no IPv4 address to join a source with"))
        })?,
    };
    socket.join_ssm_v4(&source, &group, &address)
}

fn join_v6(socket: &Socket, group: Ipv6Addr, interface: Option<&Interface>) -> io::Result<()> {
    socket.join_multicast_v6(&group, interface.map_or(0, |interface| interface.index))
}
