//! Where a channel is sent: a multicast group and a UDP port.

use alloc::string::{String, ToString};
use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crate::limits::ip_udp_bytes;

/// A multicast group and port. Holding one proves that the address is multicast (RFC 5771,
/// RFC 4291 §2.7) and the port is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    address: IpAddr,
    port: u16,
}

/// Why an address and port do not make a [`Group`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The text is not `ADDRESS:PORT` (or `ADDRESS` where a default port is known).
    #[error("`{text}` is not a group: write ADDRESS:PORT, for IPv6 [ADDRESS]:PORT")]
    Syntax {
        /// The text as given.
        text: String,
    },
    /// The address is a host, not a group.
    #[error(
        "{address} is not a multicast group: legal are 224.0.0.0 to 239.255.255.255 and ff00::/8"
    )]
    NotMulticast {
        /// The address as given.
        address: IpAddr,
    },
    /// Port zero cannot be sent to.
    #[error("port 0 is not legal: use 1 to 65535")]
    PortZero,
}

impl Group {
    /// A group from its parts.
    ///
    /// # Errors
    /// When the address is not multicast or the port is zero.
    pub fn new(address: IpAddr, port: u16) -> Result<Self, GroupError> {
        if !address.is_multicast() {
            return Err(GroupError::NotMulticast { address });
        }
        if port == 0 {
            return Err(GroupError::PortZero);
        }
        Ok(Self { address, port })
    }

    /// Reads `ADDRESS:PORT` or `[ADDRESS]:PORT`; with a `default_port` the port may be left out.
    ///
    /// # Errors
    /// When the text has another form, or as [`Group::new`].
    pub fn parse(text: &str, default_port: Option<u16>) -> Result<Self, GroupError> {
        if let Ok(whole) = text.parse::<SocketAddr>() {
            return Self::new(whole.ip(), whole.port());
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match (bare.parse::<IpAddr>(), default_port) {
            (Ok(address), Some(port)) => Self::new(address, port),
            _ => Err(GroupError::Syntax { text: text.to_string() }),
        }
    }

    /// The multicast address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The UDP port, 1 to 65535.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Both together, as sockets want them.
    pub const fn socket_addr(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// Bytes of IP and UDP header that each datagram to this group carries.
    pub const fn ip_udp_bytes(&self) -> usize {
        ip_udp_bytes(&self.address)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket_addr().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_group_are_the_same_thing() {
        for text in ["239.255.2.2:22222", "224.2.2.2:1", "[ff15::1:2]:65535"] {
            assert_eq!(Group::parse(text, None).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_default_port_fills_in_only_where_none_is_written() {
        let port = |text| Group::parse(text, Some(22222)).unwrap().port();
        assert_eq!(port("239.1.1.1"), 22222);
        assert_eq!(port("ff15::1"), 22222);
        assert_eq!(port("[ff15::1]"), 22222);
        assert_eq!(port("239.1.1.1:7"), 7);
    }

    #[test]
    fn what_is_not_a_group_is_refused_with_the_reason() {
        assert!(matches!(
            Group::parse("10.0.0.1:22222", None),
            Err(GroupError::NotMulticast { .. })
        ));
        assert_eq!(Group::parse("239.1.1.1:0", None), Err(GroupError::PortZero));
        for text in ["", "239.1.1.1", "239.1.1:5", "239.1.1.1:70000", "host:5", ":5"] {
            assert!(matches!(Group::parse(text, None), Err(GroupError::Syntax { .. })), "{text}");
        }
    }
}
