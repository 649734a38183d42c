//! Whom a box may ask for what it misses: what its operator says, not what is announced.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use stbcast_bootcast::{Host, HttpUrl, UrlError};
use stbcast_object::Micros;

use crate::limits;

/// How a fetch may ask servers for what it misses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnicastOptions {
    /// What the box is called: it alone decides when within the window it is the box's turn.
    pub serial: String,
    /// Whom it may ask.
    pub hosts: Hosts,
    /// Longest wait for its turn while nothing comes by multicast; where the turn is later, the
    /// fetch fails at once, as it would without servers.
    pub patience: Micros,
}

impl UnicastOptions {
    /// A box called `serial` that may ask `hosts`, however late its turn is.
    pub const fn new(serial: String, hosts: Hosts) -> Self {
        Self { serial, hosts, patience: limits::UNICAST_PATIENCE }
    }
}

/// Whom a box may ask. Announcements are not signed: who asked anybody that is announced could be
/// sent against any server of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Whoever is announced.
    Any,
    /// These alone.
    Listed(Vec<AllowedHost>),
}

impl Hosts {
    /// Whether a server may be asked.
    pub fn allow(&self, url: &HttpUrl) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(hosts) => hosts.iter().any(|allowed| allowed.allows(url)),
        }
    }
}

/// A server that may be asked: `HOST` on every port, or `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host,
    port: Option<u16>,
}

impl AllowedHost {
    /// The host and port of a URL that its operator wrote.
    pub fn of(url: &HttpUrl) -> Self {
        Self { host: url.host().clone(), port: Some(url.port()) }
    }

    fn allows(&self, url: &HttpUrl) -> bool {
        self.host == *url.host() && self.port.is_none_or(|port| port == url.port())
    }
}

impl FromStr for AllowedHost {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (host, port) = Host::with_port(text)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn allows(allowed: &str, url: &str) -> bool {
        let allowed = allowed.parse().unwrap();
        Hosts::Listed([allowed].into()).allow(&HttpUrl::parse(url).unwrap())
    }

    #[test]
    fn a_host_is_allowed_with_every_port_or_with_one() {
        assert!(allows("boot.example", "http://boot.example/x"));
        assert!(allows("boot.example", "http://BOOT.example:8080/x"));
        assert!(allows("boot.example:8080", "http://boot.example:8080/x"));
        assert!(!allows("boot.example:8080", "http://boot.example/x"));
        assert!(allows("boot.example:80", "http://boot.example/x"));
        assert!(allows("[2001:db8::1]", "http://[2001:db8::1]:1/x"));
        assert!(allows("[2001:db8::1]:1", "http://[2001:db8::1]:1/x"));
        for other in ["http://192.0.2.1/", "http://oot.example/", "http://a.boot.example/"] {
            assert!(!allows("boot.example", other), "{other}");
        }
        assert!(!Hosts::Listed(Vec::new()).allow(&HttpUrl::parse("http://a/").unwrap()));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "a b", "a:0", "a:65536", "a:+1", "a:", "http://a", "[::1", "u@a"] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
        for text in ["a", "a:1", "[::1]:1", "192.0.2.1"] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
    }
}
