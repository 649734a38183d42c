//! Sending datagrams: the one file of the headend that knows sockets.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use stbcast_object::Group;

use crate::interface;
use crate::lineup::Channel;

/// A socket that sends to one group.
#[derive(Debug)]
pub(crate) struct Transmitter {
    socket: Socket,
}

/// Why a channel cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TransmitError {
    /// No such interface, or one that cannot carry the group.
    #[error("{0}")]
    Interface(String),
    /// The system refused.
    #[error("cannot {doing} for {group}: {error}{hint}")]
    Socket {
        /// What was being done.
        doing: &'static str,
        /// The group.
        group: Group,
        /// What the system said.
        error: io::Error,
        /// What the operator can do about it.
        hint: &'static str,
    },
}

impl Transmitter {
    /// Opens the socket of a channel: interface, TTL and DSCP as it says. Nothing is sent yet.
    ///
    /// # Errors
    /// When the interface is not there or the system refuses.
    pub(crate) fn open(channel: &Channel) -> Result<Self, TransmitError> {
        let group = channel.group;
        let failed = |doing| move |error| TransmitError::Socket { doing, group, error, hint: "" };
        let interface = channel.interface.as_deref().map(interface::find).transpose();
        let interface = interface.map_err(TransmitError::Interface)?;
        let domain = if group.address().is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed("open a socket"))?;
        let index = match group.address() {
            IpAddr::V4(_) => {
                if let Some(interface) = interface {
                    let address = interface.ipv4.ok_or_else(|| no_ipv4(channel))?;
                    socket.set_multicast_if_v4(&address).map_err(failed("choose the interface"))?;
                }
                let ttl = u32::from(channel.ttl);
                socket.set_multicast_ttl_v4(ttl).map_err(failed("set the TTL"))?;
                let tos = u32::from(channel.dscp) << 2;
                socket.set_tos_v4(tos).map_err(failed("set the DSCP"))?;
                0
            }
            IpAddr::V6(_) => {
                let index = interface.and_then(|interface| interface.index).unwrap_or(0);
                socket.set_multicast_if_v6(index).map_err(failed("choose the interface"))?;
                let hops = u32::from(channel.ttl);
                socket.set_multicast_hops_v6(hops).map_err(failed("set the hop limit"))?;
                let class = u32::from(channel.dscp) << 2;
                socket.set_tclass_v6(class).map_err(failed("set the DSCP"))?;
                index
            }
        };
        socket.set_nonblocking(true).map_err(failed("set up the socket"))?;
        let hint = "; choose an interface with --interface";
        socket.connect(&destination(group, index)).map_err(|error| TransmitError::Socket {
            doing: "find a route",
            group,
            error,
            hint,
        })?;
        Ok(Self { socket })
    }

    /// Sends one datagram gathered from its parts.
    ///
    /// # Errors
    /// As the system says; `WouldBlock` when its buffer is full.
    pub(crate) fn send(&self, head: &[u8], body: &[u8], tail: &[u8]) -> io::Result<()> {
        let parts = [IoSlice::new(head), IoSlice::new(body), IoSlice::new(tail)];
        self.socket.send_vectored(&parts).map(drop)
    }
}

fn destination(group: Group, index: u32) -> SockAddr {
    match group.socket_addr() {
        SocketAddr::V6(address) => {
            SocketAddrV6::new(*address.ip(), address.port(), 0, index).into()
        }
        address @ SocketAddr::V4(_) => address.into(),
    }
}

fn no_ipv4(channel: &Channel) -> TransmitError {
    let interface = channel.interface.as_deref().unwrap_or_default();
    TransmitError::Interface(format!(
        "interface `{interface}` has no IPv4 address for {}",
        channel.group
    ))
}
