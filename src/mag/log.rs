//! Reports of MAG boxes: what Bootstrap sends to `ip_log` and `port_log` of DHCP while it updates a box. Free text
//! over TCP, whose form is not public; what is recognised of it is counted, and all of it has a bound.
//!
//! ```text
//!  listener ─> connection: so many, so long, so many bytes ─> reader (pure): model, version, outcome ─> log, metrics
//! ```

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

mod count;
mod reader;

use crate::{clock, telemetry};
use count::Counts;
use reader::{Outcome, Reader, Report};

/// Most connections at once; others wait to be accepted.
const CONNECTIONS_MAX: usize = 512;

/// Most of one address: a box has one, some networks hide boxes behind one address.
const OF_ONE_MAX: usize = 64;

/// Most bytes of a report.
const BYTES_MAX: usize = 1 << 20;

/// A box that says nothing for so long has said all.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// An update does not take longer.
const REPORT_MAX: Duration = Duration::from_secs(30 * 60);

/// Connections that wait to be accepted.
const BACKLOG: i32 = 512;

/// The listener. It ends, with all its connections, when this is dropped.
pub(crate) struct MagLog {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl MagLog {
    /// Takes reports from now on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(crate) fn start(address: SocketAddr) -> Result<Self, String> {
        let problem = |error| format!("cannot listen for reports of boxes on {address}: {error}");
        let listener = listen(address).map_err(problem)?;
        let address = listener.local_addr().map_err(problem)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("mag-log")
            .on_thread_start(clock::stand_back)
            .enable_io()
            .enable_time()
            .build()
            .map_err(problem)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(problem)?
        };
        runtime.spawn(accept(listener, Arc::new(Limits::default())));
        Ok(Self { runtime: Some(runtime), address })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MagLog {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How long and how much is listened to.
#[derive(Clone, Copy)]
struct Limits {
    bytes: usize,
    silence: Duration,
    report: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: BYTES_MAX, silence: SILENCE_MAX, report: REPORT_MAX }
    }
}

async fn accept(listener: TcpListener, limits: Arc<Limits>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (guests, counts) = (Arc::new(Guests::default()), Arc::new(Counts::default()));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, client)) => {
                let client = client.ip().to_canonical();
                let Some(guest) = Guests::enter(&guests, client) else {
                    telemetry::mag_report_lost("crowd");
                    continue;
                };
                let (limits, counts) = (Arc::clone(&limits), Arc::clone(&counts));
                tokio::spawn(async move {
                    take(stream, client, &limits, &counts).await;
                    drop((guest, slot));
                });
            }
            Err(error) => {
                tracing::debug!("a box that reports was not accepted: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Connections by address.
#[derive(Default)]
struct Guests(Mutex<HashMap<IpAddr, usize>>);

/// One of them, until it is dropped.
struct Guest(Arc<Guests>, IpAddr);

impl Guests {
    fn enter(guests: &Arc<Self>, client: IpAddr) -> Option<Guest> {
        let mut all = guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(client).or_default();
        if *count >= OF_ONE_MAX {
            return None;
        }
        *count += 1;
        Some(Guest(Arc::clone(guests), client))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.1);
            }
        }
    }
}

/// Listens to a box until it has said all, or enough.
async fn take(stream: TcpStream, client: IpAddr, limits: &Limits, counts: &Counts) {
    let (report, bytes, end) = hear(stream, limits).await;
    if let Some(what) = end {
        telemetry::mag_report_lost(what);
    }
    if bytes > 0 {
        counts.note(client, &report);
    }
}

/// What is said, how many bytes it has, and why it was not heard to the end.
async fn hear(
    mut stream: impl tokio::io::AsyncRead + Unpin,
    limits: &Limits,
) -> (Report, usize, Option<&'static str>) {
    let (mut reader, mut buffer, mut bytes) = (Reader::default(), [0; 4_096], 0);
    let end = Instant::now() + limits.report;
    let why = loop {
        let read = timeout(limits.silence, stream.read(&mut buffer));
        match timeout_at(end, read).await {
            Ok(Ok(Ok(0))) if bytes == 0 => break Some("empty"),
            Ok(Ok(Ok(0))) => break None,
            Ok(Ok(Ok(count))) => {
                let count = count.min(limits.bytes - bytes);
                reader.take(buffer.get(..count).unwrap_or_default());
                bytes += count;
                if bytes >= limits.bytes {
                    break Some("bytes");
                }
            }
            // Boxes restart without a word.
            Ok(Ok(Err(_))) => break Some("connection"),
            Ok(Err(_)) => break Some("silence"),
            Err(_) => break Some("time"),
        }
    };
    (reader.finish(), bytes, why)
}

#[cfg(test)]
mod tests;
