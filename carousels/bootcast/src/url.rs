//! The four kinds of URL that a StbConfig can name an object by (vendor document 002, "Types of
//! URLs in StbConfig").
//!
//! ```text
//! infocast://GROUP[:PORT]/NAME     tftp://SERVER[:PORT]/PATH
//! local://                         http://SERVER[:PORT]/PATH
//! ```
//!
//! All of them come from the network. A URL that is held here has a legal host and port, no user
//! name or password, no fragment, and a path without the steps `.` and `..`.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use stbcast_object::{Group, GroupError};

use crate::BootQuery;

/// Longest URL taken, in bytes.
pub const URL_BYTES_MAX: usize = 512;

/// Longest URL asked for: one that was taken, and a query.
const ASKED_BYTES_MAX: usize = URL_BYTES_MAX + crate::query::QUERY_BYTES_MAX + 1;

/// Port of an Infocast channel where none is written (vendor's default, Infocast notes §8.2).
const INFOCAST_PORT: u16 = 22222;

/// Longest name of an Infocast object in bytes (Infocast notes §2).
const NAME_BYTES_MAX: usize = 30;

/// Longest host name (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Where an object can be had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SourceUrl {
    /// `infocast://GROUP[:PORT]/NAME`: on an Infocast channel.
    Infocast {
        /// The channel.
        group: Group,
        /// The object's name there, 1 to 30 printable ASCII characters.
        name: String,
    },
    /// `tftp://SERVER[:PORT]/PATH`: from a TFTP server.
    Tftp(TftpUrl),
    /// `local://`: what the box holds already.
    Local,
    /// `http://SERVER[:PORT]/PATH`: from a web server.
    Http(HttpUrl),
}

/// A file of a TFTP server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TftpUrl {
    host: Host,
    port: u16,
    path: String,
}

/// A page of a web server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    host: Host,
    port: u16,
    path: String,
}

/// Name or address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

/// Why a text is not a URL of these kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// More bytes than are taken.
    #[error("a URL of {bytes} bytes: at most {max} are taken")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes that are legal.
        max: usize,
    },
    /// Another scheme, or none.
    #[error(
        "`{text}` is none of infocast://GROUP[:PORT]/NAME, tftp://SERVER[:PORT]/PATH, local:// \
         and http://SERVER[:PORT]/PATH"
    )]
    Scheme {
        /// The text, at most its first 64 bytes.
        text: String,
    },
    /// A character that must be escaped, or never stands in a URL.
    #[error("character {character:?} must not stand in a URL{hint}")]
    Character {
        /// The character.
        character: char,
        /// What to write, where that is known.
        hint: &'static str,
    },
    /// A percent sign without two hexadecimal digits, or one that hides a separator.
    #[error("`%` must stand in front of two hexadecimal digits and hide no separator")]
    Percent,
    /// A user name or password.
    #[error("user names and passwords are not taken in a URL")]
    Credentials,
    /// The server is none.
    #[error("`{host}` is neither an address nor a host name")]
    Host {
        /// The text, at most its first 64 bytes.
        host: String,
    },
    /// The port is none.
    #[error("`{port}` is not a port: 1 to 65535 are legal")]
    Port {
        /// The text, at most its first 64 bytes.
        port: String,
    },
    /// The group is none.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// Nothing behind the server or group.
    #[error("the {what} is missing behind the address")]
    NoPath {
        /// What is missing.
        what: &'static str,
    },
    /// The name of an Infocast object.
    #[error("the object's name has {bytes} bytes: 1 to 30 without `/` are legal")]
    Name {
        /// Bytes of the name.
        bytes: usize,
    },
    /// A step of a path that leads elsewhere.
    #[error("`.` and `..` are not taken as steps of a path")]
    Step,
    /// Something behind `local://`.
    #[error("nothing may stand behind local://")]
    Local,
}

impl FromStr for SourceUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        check(text, URL_BYTES_MAX)?;
        let scheme = || UrlError::Scheme { text: shown(text) };
        let (name, rest) = text.split_once("://").ok_or_else(scheme)?;
        match name.to_ascii_lowercase().as_str() {
            "infocast" => infocast(rest),
            "tftp" => {
                let (host, port, path) = server(rest, TftpUrl::PORT)?;
                TftpUrl::new(host, port, path).map(Self::Tftp)
            }
            "local" if matches!(rest, "" | "/") => Ok(Self::Local),
            "local" => Err(UrlError::Local),
            "http" => HttpUrl::of_rest(rest).map(Self::Http),
            _ => Err(scheme()),
        }
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infocast { group, name } => write!(f, "infocast://{group}/{name}"),
            Self::Tftp(url) => url.fmt(f),
            Self::Local => f.write_str("local://"),
            Self::Http(url) => url.fmt(f),
        }
    }
}

impl TftpUrl {
    /// The port of TFTP servers (RFC 1350).
    pub const PORT: u16 = 69;

    /// A file of a server.
    ///
    /// # Errors
    /// When the path is empty, or cannot stand in a URL.
    pub fn new(host: Host, port: u16, path: &str) -> Result<Self, UrlError> {
        check(path, URL_BYTES_MAX)?;
        let path = path.strip_prefix('/').unwrap_or(path);
        check_path(path)?;
        match (path, port) {
            ("", _) => Err(UrlError::NoPath { what: "path" }),
            (_, 0) => Err(UrlError::Port { port: "0".to_owned() }),
            _ => Ok(Self { host, port, path: path.to_owned() }),
        }
    }

    /// The server.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// UDP port of the server, 1 to 65535.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The file as the server is asked for it: without the first `/` of the URL.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for TftpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tftp://{}{}/{}", self.host, Port(self.port, Self::PORT), self.path)
    }
}

impl HttpUrl {
    /// The port of web servers (RFC 9110 §4.2.1).
    pub const PORT: u16 = 80;

    /// Reads `http://SERVER[:PORT][/PATH][?QUERY]`; the path is `/` where none is written.
    ///
    /// # Errors
    /// As [`UrlError`] says.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match text.parse()? {
            SourceUrl::Http(url) => Ok(url),
            _ => Err(UrlError::Scheme { text: shown(text) }),
        }
    }

    /// A page of a server.
    ///
    /// # Errors
    /// When port or path are not legal.
    pub fn new(host: Host, port: u16, path: &str) -> Result<Self, UrlError> {
        check(path, URL_BYTES_MAX)?;
        check_path(path)?;
        if port == 0 {
            return Err(UrlError::Port { port: "0".to_owned() });
        }
        let root = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host, port, path: [root, path].concat() })
    }

    fn of_rest(rest: &str) -> Result<Self, UrlError> {
        let (host, port, path) = server(rest, Self::PORT)?;
        Self::new(host, port, path)
    }

    /// The server.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// TCP port of the server, 1 to 65535.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, from the first `/`: what a request line asks for.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The page called `name` below this one.
    ///
    /// # Errors
    /// When that cannot stand in a URL.
    pub fn below(&self, name: &str) -> Result<Self, UrlError> {
        let front = self.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        Self::new(self.host.clone(), self.port, &[front, "/", name].concat())
    }

    /// The same page with the parameters of a boot behind it.
    #[must_use]
    pub fn with_query(&self, query: &BootQuery) -> Self {
        let query = query.to_string();
        let mark = match (query.is_empty(), self.path.contains('?')) {
            (true, _) => "",
            (_, true) => "&",
            (_, false) => "?",
        };
        Self { path: [&self.path, mark, &query].concat(), ..self.clone() }
    }

    /// Where a redirect from this page leads: a whole URL, or a path on the same server. Another
    /// scheme than http is not followed.
    ///
    /// # Errors
    /// When the location is not legal.
    pub fn redirected(&self, location: &str) -> Result<Self, UrlError> {
        check(location, ASKED_BYTES_MAX)?;
        let (host, port, path) = match location.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
                server(rest, Self::PORT)?
            }
            None if location.starts_with('/') && !location.starts_with("//") => {
                (self.host.clone(), self.port, location)
            }
            _ => return Err(UrlError::Scheme { text: shown(location) }),
        };
        check_path(path)?;
        let root = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host, port, path: [root, path].concat() })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}{}", self.host, Port(self.port, Self::PORT), self.path)
    }
}

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
struct Port(u16, u16);

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

fn infocast(rest: &str) -> Result<SourceUrl, UrlError> {
    let (group, name) = rest.split_once('/').ok_or(UrlError::NoPath { what: "object's name" })?;
    let group = Group::parse(group, Some(INFOCAST_PORT))?;
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.contains('/') {
        return Err(UrlError::Name { bytes: name.len() });
    }
    Ok(SourceUrl::Infocast { group, name: name.to_owned() })
}

/// Host, port and what stands behind them, from the first `/` or `?`.
fn server(rest: &str, usual_port: u16) -> Result<(Host, u16, &str), UrlError> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let number = |port: &str| {
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        let number = port.parse().ok().filter(|&port| digits && port != 0);
        number.ok_or_else(|| UrlError::Port { port: shown(port) })
    };
    let port = port.map_or(Ok(usual_port), number)?;
    Ok((Host::new(host)?, port, path))
}

/// Length and characters of a whole URL (RFC 3986 §2).
fn check(text: &str, max: usize) -> Result<(), UrlError> {
    if text.len() > max {
        return Err(UrlError::TooLong { bytes: text.len(), max });
    }
    let illegal = |c: &char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(*c);
    match text.chars().find(illegal) {
        None => Ok(()),
        Some('#') => Err(UrlError::Character { character: '#', hint: ": boxes know no fragments" }),
        Some(' ') => Err(UrlError::Character { character: ' ', hint: ": write %20" }),
        Some(character) => Err(UrlError::Character { character, hint: "" }),
    }
}

fn check_path(path: &str) -> Result<(), UrlError> {
    let mut rest = path;
    while let Some((_, tail)) = rest.split_once('%') {
        let hex = tail.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let signed = tail.starts_with(['+', '-']);
        match hex {
            Some(byte) if !signed && !matches!(byte, 0 | b'/' | b'\\') => {}
            _ => return Err(UrlError::Percent),
        }
        rest = tail;
    }
    let folders = path.split('?').next().unwrap_or_default();
    let is_step = |part: &str| {
        let plain = part.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    };
    if folders.split('/').any(is_step) { Err(UrlError::Step) } else { Ok(()) }
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<SourceUrl, UrlError> {
        text.parse()
    }

    #[test]
    fn the_four_kinds_are_read_and_written() {
        for text in [
            "infocast://239.255.2.11:22222/boot-1113",
            "infocast://[ff15::1]:5/boot",
            "tftp://192.0.2.1/pub/kernel.bin",
            "tftp://192.0.2.1:6969/kernel",
            "local://",
            "http://www.example.com/bootimage",
            "http://[2001:db8::1]:8080/a?b=c&d",
            "http://boot.example/a%20b",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        for (text, whole) in [
            ("INFOCAST://239.255.2.11/boot", "infocast://239.255.2.11:22222/boot"),
            ("http://Example.COM", "http://example.com/"),
            ("http://example.com:80?a=b", "http://example.com/?a=b"),
            ("local:///", "local://"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), whole);
        }
    }

    #[test]
    fn hostile_urls_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is none of"),
            ("https://example.com/", "is none of"),
            ("file:///etc/passwd", "is none of"),
            ("http://user:secret@example.com/", "passwords"),
            ("http://example.com:0/", "not a port"),
            ("http://example.com:65536/", "not a port"),
            ("http://example.com:+8/", "not a port"),
            ("http:///a", "host name"),
            ("http://1.2.3/a", "host name"),
            ("http://-a.example/", "host name"),
            ("http://[::1/", "host name"),
            ("http://a/..", "steps"),
            ("http://a/b/%2e%2E/c", "steps"),
            ("http://a/%2fetc", "hide no separator"),
            ("http://a/%", "two hexadecimal digits"),
            ("http://a/%+1", "two hexadecimal digits"),
            ("http://a/#x", "fragments"),
            ("http://a/b c", "write %20"),
            ("http://a/\u{e4}", "must not stand"),
            ("http://a/\r\nHost: b", "must not stand"),
            ("tftp://a/", "path is missing"),
            ("tftp://a", "path is missing"),
            ("infocast://239.1.1.1:5", "name is missing"),
            ("infocast://239.1.1.1:5/", "1 to 30"),
            ("infocast://239.1.1.1:5/a/b", "1 to 30"),
            ("infocast://10.1.1.1:5/a", "not a multicast group"),
            ("local://x", "nothing may stand"),
            (&["http://a/", &"a".repeat(512)].concat(), "at most 512"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn redirects_stay_with_http() {
        let page = HttpUrl::parse("http://a.example:8080/vip?serial=1").unwrap();
        let to = |location| page.redirected(location).map(|url| url.to_string());
        assert_eq!(to("http://b.example/x").unwrap(), "http://b.example/x");
        assert_eq!(to("/cgi/x?y=1").unwrap(), "http://a.example:8080/cgi/x?y=1");
        for location in ["https://a.example/", "//b.example/", "x", "", "ftp://a/", "/../x"] {
            assert!(to(location).is_err(), "{location}");
        }
    }

    #[test]
    fn a_query_is_added_to_page_and_query() {
        let query = BootQuery { serial: Some("7".into()), ..BootQuery::default() };
        let with = |text| HttpUrl::parse(text).unwrap().with_query(&query).to_string();
        assert_eq!(with("http://a/b"), "http://a/b?serial=7");
        assert_eq!(with("http://a/b?c=d"), "http://a/b?c=d&serial=7");
        let base = HttpUrl::parse("http://a/boot/").unwrap();
        assert_eq!(base.below("vip").unwrap().to_string(), "http://a/boot/vip");
        assert_eq!(base.with_query(&BootQuery::default()), base);
    }

    proptest! {
        #[test]
        fn any_text_in_never_panics(text in "\\PC{0,80}") {
            let _ = parse(&text);
            let _ = parse(&["http://", &text].concat());
            let _ = HttpUrl::parse("http://a/").unwrap().redirected(&text);
        }

        #[test]
        fn what_is_taken_is_written_and_read_again(text in "(http|tftp|infocast)://[a-z0-9.:\\[\\]/?%-]{1,30}") {
            if let Ok(url) = parse(&text) {
                prop_assert_eq!(parse(&url.to_string()).unwrap(), url);
            }
        }
    }
}
