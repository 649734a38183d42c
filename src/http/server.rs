//! Listener and connections, on threads of their own.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::door::{Door, router};
use super::patience::Patient;
use super::{HttpOptions, Shared};
use crate::{clock, telemetry};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;

/// From the first moment of a connection, or the end of an answer, to the end of the next request's
/// header.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Largest header block.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// Most lines of a header block.
const HEADERS_MAX: usize = 64;

/// Bytes that wait in the kernel to be sent for the first time, for each connection: enough for any
/// line of a box, and its being slow shows soon.
const UNSENT_BYTES: u32 = 128 << 10;

/// What was sent and is never acknowledged ends a connection.
const ACKNOWLEDGE_PATIENCE: Duration = Duration::from_secs(15);

/// Most threads: answers cost little, and the processors are there to send.
const THREADS_MAX: usize = 4;

/// The listener. It ends, with all its connections, when this is dropped.
pub(super) struct Server {
    runtime: Option<Runtime>,
    address: SocketAddr,
    opened: watch::Sender<bool>,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens, and accepts nobody before [`Server::open`].
    pub(super) fn start(options: &HttpOptions, shared: Arc<Shared>) -> Result<Self, String> {
        let address = options.address;
        let problem = |error| format!("cannot listen for HTTP on {address}: {error}");
        let listener = listen(address).map_err(problem)?;
        let address = listener.local_addr().map_err(problem)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.div_ceil(2).min(THREADS_MAX))
            .thread_name("http")
            .on_thread_start(clock::stand_back)
            .enable_io()
            .enable_time()
            .build()
            .map_err(problem)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(problem)?
        };
        let (opened, mut is_open) = watch::channel(false);
        let slots = Arc::clone(&shared.slots);
        let door = Arc::clone(&shared);
        runtime.spawn(async move {
            if is_open.wait_for(|&open| open).await.is_ok() {
                accept(listener, door, slots).await;
            }
        });
        Ok(Self { runtime: Some(runtime), address, opened, shared })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on.
    pub(super) fn open(&self) {
        self.opened.send_replace(true);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.shared.log.close();
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, slots: Arc<Semaphore>) {
    let router = router(Arc::clone(&shared));
    loop {
        // Those who find no place wait in the backlog of the listener.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, client)) => {
                tune(&stream);
                let client = client.ip().to_canonical();
                tokio::spawn(serve(stream, client, Arc::clone(&shared), router.clone(), slot));
            }
            Err(error) => {
                // No descriptor is left, or the client is gone already.
                tracing::debug!("a connection was not accepted: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// What the system refuses of it is not needed.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
    let _ = socket.set_tcp_user_timeout(Some(ACKNOWLEDGE_PATIENCE));
}

async fn serve(
    stream: TcpStream,
    client: IpAddr,
    shared: Arc<Shared>,
    router: Router,
    _slot: OwnedSemaphorePermit,
) {
    let _counted = Counted::begin(&shared);
    let door = Door { client, shared, router };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        // Names of headers as they were when the boxes were made.
        .title_case_headers(true)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(Patient::new(stream)), door);
    if let Err(error) = connection.await {
        // What clients do wrong is counted, and worth no line.
        telemetry::http_connection_failed(if error.is_parse() {
            "request"
        } else if error.is_timeout() {
            "time"
        } else {
            "connection"
        });
        tracing::debug!("connection of {client}: {error}");
    }
}

/// Counts a connection as long as it lives.
struct Counted(Arc<Shared>);

impl Counted {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.metrics.connections(1.0);
        Self(Arc::clone(shared))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.connections(-1.0);
    }
}
