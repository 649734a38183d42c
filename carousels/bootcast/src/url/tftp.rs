//! A file of a TFTP server.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use super::host::Port;
use super::{Host, URL_BYTES_MAX, UrlError, check, check_path};

/// A file of a TFTP server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TftpUrl {
    host: Host,
    port: u16,
    path: String,
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
