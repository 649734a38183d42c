//! From the host of a URL to addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::Cancel;

/// Addresses tried of one host.
const ADDRESSES_MAX: usize = 4;

/// How often a look-up that takes long is left to see whether it is still wanted.
const STEP: Duration = Duration::from_millis(50);

/// Why a host has no address.
#[derive(Debug, thiserror::Error)]
pub(in crate::io) enum ResolveError {
    /// The request is not wanted any more.
    #[error("cancelled")]
    Cancelled,
    /// The system does not know it.
    #[error("cannot find the host {host}: {error}")]
    Unknown {
        /// Which.
        host: String,
        /// The system's reason.
        error: io::Error,
    },
    /// The system takes too long.
    #[error("the name of the host {host} was not found in time")]
    TimedOut {
        /// Which.
        host: String,
    },
}

/// The addresses of a host as it stands in a URL, in the system's order.
///
/// A name is looked up in a thread that nobody can interrupt. Where it takes too long it is left
/// alone, and ends when the system's resolver gives up.
pub(in crate::io) fn resolve(
    host: &str,
    port: u16,
    patience: Duration,
    cancel: &Cancel,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (tell, found) = sync_channel(1);
    let name = host.to_owned();
    let unknown = |error| ResolveError::Unknown { host: host.to_owned(), error };
    std::thread::Builder::new()
        .name("resolve".to_owned())
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            let _ = tell.send(found.map(|found| found.take(ADDRESSES_MAX).collect::<Vec<_>>()));
        })
        .map_err(unknown)?;
    let began = Instant::now();
    loop {
        match found.recv_timeout(STEP) {
            Ok(Ok(found)) if !found.is_empty() => return Ok(found),
            Ok(Ok(_)) => return Err(unknown(io::Error::other("it has no address"))),
            Ok(Err(error)) => return Err(unknown(error)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(unknown(io::Error::other("the look-up ended")));
            }
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(ResolveError::Cancelled);
            }
            Err(RecvTimeoutError::Timeout) if began.elapsed() >= patience => {
                return Err(ResolveError::TimedOut { host: host.to_owned() });
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
