//! The connections of the client: how long they may take, and that they end when they are not
//! wanted any more.
//!
//! `ureq` has limits for a whole answer and for one read. Neither fits an image: a large one may
//! take an hour, and a server that gives a byte just before each limit would hold a box for ever.
//! So the time is kept here, as patience that bytes earn: there is one time-out of it, waiting
//! spends it, each byte gives a little of it back. A line that is slower than the least rate
//! ([`limits::UNICAST_BYTES_PER_S`]) runs out of it, and so does one that falls silent.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use crate::io::unicast::{Cancel, ResolveError, Waited, resolve};
use crate::limits;

/// Bytes taken from the kernel at a time.
const INPUT_BYTES: usize = 128 * 1024;

/// Bytes of a request at most.
const OUTPUT_BYTES: usize = 8 * 1024;

/// What holds for the exchange under way, for all connections of a client.
#[derive(Debug)]
pub(super) struct Exchange {
    cancel: Option<Arc<Cancel>>,
    timeout: Duration,
    patience: Duration,
    /// When the header must be there.
    header_until: Option<Instant>,
}

/// The same, as everybody has it. Only the thread of the client ever locks it.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Exchange>>);

impl Shared {
    pub(super) fn new() -> Self {
        let (timeout, patience) = (Duration::ZERO, Duration::ZERO);
        Self(Arc::new(Mutex::new(Exchange { cancel: None, timeout, patience, header_until: None })))
    }

    /// A request begins.
    pub(super) fn begin(&self, cancel: &Arc<Cancel>, timeout: Duration) {
        self.with(|exchange| {
            let cancel = Some(Arc::clone(cancel));
            *exchange = Exchange { cancel, timeout, patience: timeout, header_until: None };
        });
    }

    /// The header is there: the body may take as long as bytes come.
    pub(super) fn header_done(&self) {
        self.with(|exchange| exchange.header_until = None);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the request under way has left of its patience, and how it is cancelled.
    fn left(&self) -> Result<(Arc<Cancel>, Duration), Error> {
        let (cancel, patience, until) = self
            .with(|exchange| (exchange.cancel.clone(), exchange.patience, exchange.header_until));
        let cancel = cancel.ok_or_else(cancelled)?;
        let left =
            until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        Ok((cancel, patience.min(left)))
    }

    /// Waits for a socket.
    fn wait(&self, stream: &TcpStream, flags: PollFlags) -> Result<(), Error> {
        let (cancel, patience) = self.left()?;
        let began = Instant::now();
        let waited = cancel.wait(stream.as_fd(), flags, patience)?;
        let spent = began.elapsed();
        self.with(|exchange| exchange.patience = exchange.patience.saturating_sub(spent));
        match waited {
            Waited::Ready => Ok(()),
            Waited::TimedOut => Err(Error::Timeout(Timeout::PerRead)),
            Waited::Cancelled => Err(cancelled()),
        }
    }

    /// Bytes came.
    fn earn(&self, bytes: usize) {
        let micros = (bytes as u64).saturating_mul(1_000_000) / limits::UNICAST_BYTES_PER_S;
        self.with(|exchange| {
            let patience = exchange.patience.saturating_add(Duration::from_micros(micros));
            exchange.patience = patience.min(exchange.timeout);
        });
    }
}

fn cancelled() -> Error {
    io::Error::other("cancelled").into()
}

/// Finds hosts, in the time of the request under way.
#[derive(Debug)]
pub(super) struct Names(pub(super) Shared);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (cancel, patience) = self.0.left()?;
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(stbcast_bootcast::HttpUrl::PORT);
        let found = resolve(host, port, patience, &cancel).map_err(|error| match error {
            ResolveError::TimedOut { .. } => Error::Timeout(Timeout::Resolve),
            error => Error::Other(error.into()),
        })?;
        let mut addresses = self.empty();
        found.into_iter().for_each(|address| addresses.push(address));
        Ok(addresses)
    }
}

/// Opens connections.
#[derive(Debug)]
pub(super) struct Dialler(pub(super) Shared);

impl Connector for Dialler {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Wire>, Error> {
        let mut last = Error::ConnectionFailed;
        let addresses = u32::try_from(details.addrs.len()).unwrap_or(1).max(1);
        // Each address has its share, so that one that is silent does not take the others' time.
        let share = self.0.left()?.1 / addresses;
        for address in details.addrs.iter() {
            match self.open(*address, share) {
                Ok(stream) => {
                    let buffers = LazyBuffers::new(INPUT_BYTES, OUTPUT_BYTES);
                    return Ok(Some(Wire { stream, buffers, shared: self.0.clone() }));
                }
                Err(error) => last = error,
            }
            if self.0.left()?.0.is_cancelled() {
                break;
            }
        }
        Err(last)
    }
}

impl Dialler {
    fn open(&self, address: SocketAddr, patience: Duration) -> Result<TcpStream, Error> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            socket_with(family, SocketType::STREAM, flags, None).map_err(io::Error::from)?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => return Err(refused(errno)),
        }
        match self.0.left()?.0.wait(socket.as_fd(), PollFlags::OUT, patience)? {
            Waited::Ready => {}
            Waited::TimedOut => return Err(Error::Timeout(Timeout::Connect)),
            Waited::Cancelled => return Err(cancelled()),
        }
        sockopt::socket_error(&socket).map_err(io::Error::from)?.map_err(refused)?;
        let _ = sockopt::set_tcp_nodelay(&socket, true);
        Ok(socket.into())
    }
}

/// Nobody answers at an address. The kind of the error keeps it apart from a connection that broke.
fn refused(errno: Errno) -> Error {
    Error::Other(Box::new(Refused(errno)))
}

/// A connection that did not come about.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect: {0}")]
pub(super) struct Refused(Errno);

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    buffers: LazyBuffers,
    shared: Shared,
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut rest = self.buffers.output().get(..amount).unwrap_or_default();
        while !rest.is_empty() {
            match (&self.stream).write(rest) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.shared.wait(&self.stream, PollFlags::OUT)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        // From here on the server has one time-out for the whole header.
        self.shared.with(|exchange| {
            exchange.header_until = Instant::now().checked_add(exchange.timeout);
        });
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        loop {
            let room = self.buffers.input_append_buf();
            if room.is_empty() {
                // More than fits belongs together: no server of good will sends such a thing.
                return Ok(false);
            }
            match (&self.stream).read(room) {
                Ok(bytes) => {
                    self.buffers.input_appended(bytes);
                    self.shared.earn(bytes);
                    return Ok(bytes > 0);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.shared.wait(&self.stream, PollFlags::IN)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // `ureq` takes a reset for the end of a body that has no other end. It is none.
                Err(error) => return Err(Error::Other(Box::new(error))),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        let waiting = (&self.stream).read(&mut [0]);
        matches!(waiting, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}
