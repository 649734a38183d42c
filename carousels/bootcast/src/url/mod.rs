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

mod host;
mod http;
mod tftp;

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use stbcast_object::{Group, GroupError};

pub use self::host::Host;
use self::host::server;
pub use self::http::HttpUrl;
pub use self::tftp::TftpUrl;

/// Longest URL taken, in bytes.
pub const URL_BYTES_MAX: usize = 512;

/// Port of an Infocast channel where none is written (vendor's default, Infocast notes §8.2).
const INFOCAST_PORT: u16 = 22222;

/// Longest name of an Infocast object in bytes (Infocast notes §2).
const NAME_BYTES_MAX: usize = 30;

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

fn infocast(rest: &str) -> Result<SourceUrl, UrlError> {
    let (group, name) = rest.split_once('/').ok_or(UrlError::NoPath { what: "object's name" })?;
    let group = Group::parse(group, Some(INFOCAST_PORT))?;
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.contains('/') {
        return Err(UrlError::Name { bytes: name.len() });
    }
    Ok(SourceUrl::Infocast { group, name: name.to_owned() })
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
mod tests;
