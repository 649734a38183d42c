//! Servers: names, addresses and ports.

use alloc::string::String;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{UrlError, shown};

/// Longest host name (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Name or address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// Checks a host name, an IPv4 address, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn new(text: &str) -> Result<Self, UrlError> {
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let legal = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => text.parse::<Ipv4Addr>().is_ok() || is_host_name(text),
        };
        legal.then(|| Self(text.to_ascii_lowercase())).ok_or(UrlError::Host { host: shown(text) })
    }

    /// Reads `HOST` or `HOST:PORT`, with a port from 1 to 65535.
    ///
    /// # Errors
    /// When host or port are not legal.
    pub fn with_port(text: &str) -> Result<(Self, Option<u16>), UrlError> {
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let number = |port: &str| {
            let digits = port.bytes().all(|b| b.is_ascii_digit());
            let number = port.parse().ok().filter(|&port| digits && port != 0);
            number.ok_or_else(|| UrlError::Port { port: shown(port) })
        };
        Ok((Self::new(host)?, port.map(number).transpose()?))
    }

    /// As it stands in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A port, written where it is not the usual one.
pub(super) struct Port(pub(super) u16, pub(super) u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { Ok(()) } else { write!(f, ":{}", self.0) }
    }
}

/// Labels of letters, digits, `-` and `_`; the last one is no number, which would be an address.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(legal)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= HOST_BYTES_MAX
        && text.split('.').all(label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Host, port and what stands behind them, from the first `/` or `?`.
pub(super) fn server(rest: &str, usual_port: u16) -> Result<(Host, u16, &str), UrlError> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    let (host, port) = Host::with_port(authority)?;
    Ok((host, port.unwrap_or(usual_port), path))
}
