//! Files of TFTP servers: the socket of a [`Transfer`].

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;
use stbcast_bootcast::TftpUrl;
use stbcast_object::Micros;

use super::Clock;
use super::unicast::{Cancelled, Delivery, PIECE_BYTES, ResolveError, Waited, resolve};
use crate::tftp::{TftpError, Transfer};
use crate::{Answer, Request, TftpOptions, UnicastError};

/// How long bytes wait to become a whole piece.
const GATHER: Micros = Micros::from_millis(100);

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("{0}")]
    Socket(#[from] std::io::Error),
    #[error(transparent)]
    Transfer(#[from] TftpError),
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Reads the file of a server.
pub(super) fn read(
    url: &TftpUrl,
    options: TftpOptions,
    request: &Request,
    delivery: &mut Delivery,
) -> Answer {
    let read = match (request.from, request.to) {
        (0, None) => transfer(url, options, request, delivery),
        // It gives whole files only.
        (from, _) => Err(TftpError::From { from }.into()),
    };
    match read {
        Ok(length) => Answer::Done { length, sha256: None },
        Err(failure) => {
            delivery.trouble(format!("{url}: {failure}"));
            Answer::Failed(told(&failure))
        }
    }
}

/// What a session is told of a failure.
const fn told(failure: &Failure) -> UnicastError {
    match failure {
        Failure::Resolve(_)
        | Failure::Socket(_)
        | Failure::Cancelled
        | Failure::Transfer(TftpError::Silent { .. }) => UnicastError::Unreachable,
        Failure::Transfer(error) => match error {
            TftpError::Stalled { .. } | TftpError::Slow { .. } => UnicastError::Silent,
            TftpError::Refused { code, .. } => UnicastError::Tftp { code: *code },
            TftpError::TooLarge { length } => UnicastError::TooLong { length: *length },
            TftpError::From { .. } => UnicastError::Range,
            TftpError::Length { received, told } if *received < *told => {
                UnicastError::Cut { bytes: *received }
            }
            _ => UnicastError::Protocol,
        },
    }
}

fn transfer(
    url: &TftpUrl,
    options: TftpOptions,
    request: &Request,
    delivery: &mut Delivery,
) -> Result<u64, Failure> {
    let patience = Duration::from_secs(options.request_timeout_s.max(1).into());
    let servers = resolve(url.host().as_str(), url.port(), patience, &delivery.cancel)?;
    let none = || std::io::Error::other("no address");
    let server = *servers.first().ok_or_else(none)?;
    let socket = match server {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    socket.set_nonblocking(true)?;
    let path = unescaped(url.path());
    let limits = (request.length_max, request.timeout);
    let clock = Clock::start();
    let transfer = Transfer::new(clock.now(), server, &path, options, limits)?;
    let (piece, begun, held) = (Vec::new(), Micros::ZERO, Micros::ZERO);
    Line { socket, clock, transfer, piece, begun, told: false, held }.run(delivery)
}

/// A transfer at work.
struct Line {
    socket: UdpSocket,
    clock: Clock,
    transfer: Transfer,
    /// Blocks that become the next piece.
    piece: Vec<u8>,
    /// When its first block came.
    begun: Micros,
    /// Whether the length of the file was handed on.
    told: bool,
    /// How long the loop was waited for: that is no silence of the server.
    held: Micros,
}

impl Line {
    fn run(mut self, delivery: &mut Delivery) -> Result<u64, Failure> {
        // One byte more than any block, so that one that is too long is seen to be.
        let mut datagram = vec![0; self.transfer.datagram_bytes_max() + 1];
        loop {
            self.send()?;
            if let Some(end) = self.transfer.end() {
                let length = end.clone()?;
                self.deliver(delivery)?;
                return Ok(length);
            }
            match self.socket.recv_from(&mut datagram) {
                Ok((length, from)) => {
                    self.hear(from, datagram.get(..length).unwrap_or_default(), delivery)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.wait(delivery)?;
                }
                // An earlier datagram was refused by somebody's system: silence, to a transfer.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn now(&self) -> Micros {
        self.clock.now().since(self.held)
    }

    fn send(&mut self) -> Result<(), Failure> {
        while let Some((to, packet)) = self.transfer.to_send() {
            match self.socket.send_to(&packet, to) {
                Ok(_) => {}
                // It is sent again when nothing comes.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, delivery: &mut Delivery) -> Result<(), Failure> {
        let before = self.clock.now();
        delivery.piece(std::mem::take(&mut self.piece))?;
        self.held = self.held.after(self.clock.now().since(before));
        Ok(())
    }

    fn hear(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        delivery: &mut Delivery,
    ) -> Result<(), Failure> {
        let now = self.now();
        let taken = self.transfer.handle(now, from, datagram);
        if let Some(length) = self.transfer.length().filter(|_| !self.told) {
            self.told = true;
            delivery.length(length);
        }
        let Some(taken) = taken else { return Ok(()) };
        // The server sends the next block while this one is handed on.
        self.send()?;
        let bytes = datagram.get(taken.payload).unwrap_or_default();
        let full = self.piece.len() + bytes.len() > PIECE_BYTES;
        if full || (!self.piece.is_empty() && now >= self.begun.after(GATHER)) {
            self.deliver(delivery)?;
        }
        if self.piece.is_empty() {
            self.begun = now;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn wait(&mut self, delivery: &Delivery) -> Result<(), Failure> {
        let patience = self.transfer.wake_at().since(self.now());
        match delivery.cancel.wait(self.socket.as_fd(), PollFlags::IN, patience.into())? {
            Waited::Ready => {}
            Waited::TimedOut => self.transfer.wake(self.now()),
            Waited::Cancelled => return Err(Failure::Cancelled),
        }
        Ok(())
    }
}

/// Whether a socket goes on after it.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock,
    };
    matches!(
        error.kind(),
        Interrupted | WouldBlock | ConnectionRefused | HostUnreachable | NetworkUnreachable
    )
}

/// A path as the server knows it: without the percent signs of the URL (RFC 3617 §4).
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
