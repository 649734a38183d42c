//! Sizes of the network below us, each with where it comes from.

use core::net::IpAddr;

/// Largest IP packet in bytes that every access network passes unfragmented (Ethernet payload).
pub const IP_PACKET_BYTES_MAX: usize = 1_500;

/// Bytes of an IPv4 header without options (RFC 791) and a UDP header (RFC 768).
pub const IPV4_UDP_BYTES: usize = 20 + 8;

/// Bytes of an IPv6 header (RFC 8200) and a UDP header.
pub const IPV6_UDP_BYTES: usize = 40 + 8;

/// Bytes of IP and UDP header in front of each datagram to `address`.
pub const fn ip_udp_bytes(address: &IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => IPV4_UDP_BYTES,
        IpAddr::V6(_) => IPV6_UDP_BYTES,
    }
}
