//! A page of a web server.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt;

use super::host::{Port, server};
use super::{Host, SourceUrl, URL_BYTES_MAX, UrlError, check, check_path, shown};
use crate::BootQuery;

/// Longest URL asked for: one that was taken, and a query.
const ASKED_BYTES_MAX: usize = URL_BYTES_MAX + crate::query::QUERY_BYTES_MAX + 1;

/// A page of a web server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    host: Host,
    port: u16,
    path: String,
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
        Self::of_parts(host, port, path)
    }

    fn of_parts(host: Host, port: u16, path: &str) -> Result<Self, UrlError> {
        check_path(path)?;
        if port == 0 {
            return Err(UrlError::Port { port: "0".to_owned() });
        }
        let root = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host, port, path: [root, path].concat() })
    }

    pub(super) fn of_rest(rest: &str) -> Result<Self, UrlError> {
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
        Self::of_parts(host, port, path)
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}{}", self.host, Port(self.port, Self::PORT), self.path)
    }
}
