//! Sending datagrams: the one file of the headend that knows sockets. `socket2` opens them, `nix`
//! has the option for segmentation, `rustix` has `sendmmsg`; none of the three has all.
//!
//! A batch goes to the kernel gathered from where its parts lie, by the best [`TransmitPath`] there
//! is. A socket is opened anew when what it hangs on has changed: it keeps the address of its interface,
//! and the interface's number, from when it was opened (`Sockets`). Segmentation offload is set on the socket (udp(7) `UDP_SEGMENT`): one write of several
//! datagrams' bytes leaves as datagrams of that size, the last one shorter where it is.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;
use std::sync::Arc;

use arrayvec::ArrayVec;
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use stbcast_object::Group;

use crate::interface::{self, NotFound};
use crate::lineup::Channel;

mod tie;
pub(crate) use tie::{Footing, Sockets, Tie};

/// Most datagrams of one system call: `UDP_MAX_SEGMENTS` of older kernels.
pub(crate) const BATCH_MAX: usize = 64;

/// Most bytes of UDP payload in one write: the length field of IPv4 also counts its header.
pub(crate) const WRITE_BYTES_MAX: usize = 65_535 - 20 - 8;

/// Time at the channel's rate that the socket may hold, where the system's default holds less.
const BUFFERED_MILLIS: u64 = 5;

/// Most bytes of send buffer asked for.
const SEND_BUFFER_BYTES_MAX: u64 = 4 << 20;

/// How datagrams go to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransmitPath {
    /// Batches of equal datagrams in one write that the kernel or the card segments.
    Gso,
    /// Batches of any datagrams in one system call.
    Sendmmsg,
    /// One system call for each datagram.
    Send,
}

impl TransmitPath {
    /// Its name in log and command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gso => "gso",
            Self::Sendmmsg => "sendmmsg",
            Self::Send => "send",
        }
    }

    /// The best path of this kernel. Nothing is sent.
    pub fn probe() -> Self {
        let Ok(socket) = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)) else {
            return Self::Send;
        };
        if setsockopt(&socket, UdpGsoSegment, &1_400).is_ok() {
            Self::Gso
        } else if sendmmsg(&socket, &mut [], SendFlags::empty()).is_ok() {
            Self::Sendmmsg
        } else {
            Self::Send
        }
    }

    /// What is left when the system refuses this one.
    const fn fallback(self) -> Option<Self> {
        match self {
            Self::Gso => Some(Self::Sendmmsg),
            Self::Sendmmsg => Some(Self::Send),
            Self::Send => None,
        }
    }
}

/// A datagram in three parts, gathered by the kernel.
pub(crate) type Parts<'a> = [IoSlice<'a>; 3];

fn bytes(parts: &Parts<'_>) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// Where the batches of one channel go: a socket, or a test's record of them.
pub(crate) trait Wire: Send {
    /// Sends the first datagrams of a batch of at most [`BATCH_MAX`] in one system call; how many.
    ///
    /// # Errors
    /// As the system says; `WouldBlock` when its buffer is full. None was sent then.
    fn send(&mut self, batch: &[Parts<'_>]) -> io::Result<usize>;
    /// How it sends now.
    fn path(&self) -> TransmitPath;
    /// Name of the interface; `None` where the routing table decides.
    fn interface(&self) -> Option<&str>;
}

/// A socket that sends to one group.
#[derive(Debug)]
pub(crate) struct Transmitter {
    /// None while the interface it belongs on is not there.
    socket: Option<Socket>,
    /// Who gives it another one.
    tie: Arc<Tie>,
    path: TransmitPath,
    /// The path it began with, and begins again with on another socket.
    best: TransmitPath,
    /// Segment size the socket is set to; 0 is none.
    segment: usize,
}

/// A socket as it was opened, and what it hangs on.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    /// Name of the interface; the routing table decides where `None`.
    pub(crate) interface: Option<String>,
    pub(crate) footing: Footing,
}

/// Why a channel cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TransmitError {
    /// No such interface, or one that cannot carry the group.
    #[error("{0}")]
    Interface(String),
    /// The system has no thread to give.
    #[error("cannot start a sending thread: {0}")]
    Thread(io::Error),
    /// The system refused.
    #[error("cannot {doing} for {group}: {error}{hint}")]
    Socket {
        /// What was being done.
        doing: &'static str,
        /// The group.
        group: Group,
        /// What the system said.
        error: io::Error,
        /// What the operator can do about it.
        hint: &'static str,
    },
}

/// Opens the socket of a channel: interface, TTL and DSCP as it says. Nothing is sent yet.
///
/// # Errors
/// When the interface is not there or the system refuses.
pub(crate) fn open(channel: &Channel) -> Result<Opened, TransmitError> {
    let group = channel.group;
    let failed = |doing| move |error| TransmitError::Socket { doing, group, error, hint: "" };
    let interface = channel.interface.as_deref().map(interface::find).transpose();
    let interface = interface.map_err(|error| match error {
        NotFound::Absent(message) => TransmitError::Interface(message),
        NotFound::Unlisted(error) => failed("list the interfaces")(error),
    })?;
    let domain = if group.address().is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket =
        Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).map_err(failed("open a socket"))?;
    let index = match group.address() {
        IpAddr::V4(_) => {
            if let Some(interface) = &interface {
                let address = interface.ipv4.ok_or_else(|| no_ipv4(channel))?;
                socket.set_multicast_if_v4(&address).map_err(failed("choose the interface"))?;
            }
            let ttl = u32::from(channel.ttl);
            socket.set_multicast_ttl_v4(ttl).map_err(failed("set the TTL"))?;
            let tos = u32::from(channel.dscp) << 2;
            socket.set_tos_v4(tos).map_err(failed("set the DSCP"))?;
            0
        }
        IpAddr::V6(_) => {
            let index = interface.as_ref().and_then(|interface| interface.index).unwrap_or(0);
            socket.set_multicast_if_v6(index).map_err(failed("choose the interface"))?;
            let hops = u32::from(channel.ttl);
            socket.set_multicast_hops_v6(hops).map_err(failed("set the hop limit"))?;
            let class = u32::from(channel.dscp) << 2;
            socket.set_tclass_v6(class).map_err(failed("set the DSCP"))?;
            index
        }
    };
    socket.set_nonblocking(true).map_err(failed("set up the socket"))?;
    enlarge_buffer(&socket, channel.bit_rate_bps);
    let hint = "; choose an interface with --interface";
    socket.connect(&destination(group, index)).map_err(|error| TransmitError::Socket {
        doing: "find a route",
        group,
        error,
        hint,
    })?;
    let source = socket.local_addr().map_err(failed("find the address"))?;
    let source = source.as_socket().map(|address| address.ip());
    let index = interface.as_ref().and_then(|interface| interface.index);
    let interface = interface.map(|interface| interface.name);
    Ok(Opened { socket, interface, footing: Footing { source, index } })
}

/// No socket, since the interface is not there: what is sent counts as lost.
fn absent() -> io::Error {
    rustix::io::Errno::NODEV.into()
}

impl Transmitter {
    fn socket(&self) -> io::Result<&Socket> {
        self.socket.as_ref().ok_or_else(absent)
    }

    /// Goes on with the socket it was given, if it was.
    fn renew(&mut self) {
        if let Some(socket) = self.tie.renewed() {
            (self.socket, self.path, self.segment) = (socket, self.best, 0);
        }
    }

    /// Whether it was the path that failed: a single datagram goes the same way on each of them,
    /// unless the socket is set to segments larger than the interface takes.
    fn is_refused(&self, batch: &[Parts<'_>], error: &io::Error) -> bool {
        (batch.len() > 1 || self.segment > 0) && is_refusal(error)
    }

    /// As many datagrams from the front as make one write.
    fn send_segmented(&mut self, batch: &[Parts<'_>]) -> io::Result<usize> {
        let run = run_of_equals(batch);
        let size = batch.first().map_or(0, bytes);
        if run > 1 || size > self.segment {
            self.set_segment(if run > 1 { size } else { 0 })?;
        }
        let parts = batch.get(..run).unwrap_or(batch);
        self.socket()?.send_vectored(parts.as_flattened())?;
        Ok(run)
    }

    fn send_messages(&self, batch: &[Parts<'_>]) -> io::Result<usize> {
        let mut controls: ArrayVec<_, BATCH_MAX> =
            batch.iter().take(BATCH_MAX).map(|_| SendAncillaryBuffer::default()).collect();
        let messages = batch.iter().zip(&mut controls);
        let mut messages: ArrayVec<_, BATCH_MAX> =
            messages.map(|(parts, control)| MMsgHdr::new(parts, control)).collect();
        Ok(sendmmsg(self.socket()?.as_fd(), &mut messages, SendFlags::empty())?)
    }

    fn send_one(&self, batch: &[Parts<'_>]) -> io::Result<usize> {
        let Some(parts) = batch.first() else { return Ok(0) };
        self.socket()?.send_vectored(parts).map(|_| 1)
    }

    fn set_segment(&mut self, size: usize) -> io::Result<()> {
        if self.segment != size {
            let option = i32::try_from(size).unwrap_or(0);
            setsockopt(self.socket()?, UdpGsoSegment, &option)?;
            self.segment = size;
        }
        Ok(())
    }
}

impl Wire for Transmitter {
    /// Where the system refuses the path, the next best is used from then on.
    fn send(&mut self, batch: &[Parts<'_>]) -> io::Result<usize> {
        self.renew();
        loop {
            let outcome = match self.path {
                TransmitPath::Gso => self.send_segmented(batch),
                TransmitPath::Sendmmsg => self.send_messages(batch),
                TransmitPath::Send => self.send_one(batch),
            };
            match (outcome, self.path.fallback()) {
                (Err(error), Some(fallback)) if self.is_refused(batch, &error) => {
                    let channel = self.tie.channel();
                    let (now, better) = (fallback.word(), self.path.word());
                    tracing::info!(
                        "channel {channel}: transmit path {now}: the system refused {better}: {error}"
                    );
                    self.set_segment(0)?;
                    self.path = fallback;
                }
                (outcome, _) => {
                    self.tie.note(&outcome);
                    return outcome;
                }
            }
        }
    }

    fn path(&self) -> TransmitPath {
        self.path
    }

    fn interface(&self) -> Option<&str> {
        self.tie.interface()
    }
}

/// Datagrams from the front that one write can carry: all of one size, the last may be shorter.
fn run_of_equals(batch: &[Parts<'_>]) -> usize {
    let size = batch.first().map_or(0, bytes);
    let most = WRITE_BYTES_MAX.checked_div(size).unwrap_or(1).clamp(1, BATCH_MAX);
    let equal = batch.iter().take(most).take_while(|parts| bytes(parts) == size).count();
    let next = batch.get(equal).filter(|_| equal < most).map_or(0, bytes);
    equal + usize::from((1..size).contains(&next))
}

/// Whether the system cannot do it this way: no such call, no offload on this interface, datagrams
/// that have to be fragmented.
fn is_refusal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let refusals = [
        Errno::INVAL,
        Errno::IO,
        Errno::NOSYS,
        Errno::OPNOTSUPP,
        Errno::NOPROTOOPT,
        Errno::MSGSIZE,
    ];
    Errno::from_io_error(error).is_some_and(|errno| refusals.contains(&errno))
}

/// Best effort: a short buffer only makes a fast channel less even.
fn enlarge_buffer(socket: &Socket, bit_rate_bps: u64) {
    let wanted = (bit_rate_bps / 8_000).saturating_mul(BUFFERED_MILLIS).min(SEND_BUFFER_BYTES_MAX);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if socket.send_buffer_size().is_ok_and(|granted| granted < wanted)
        && let Err(error) = socket.set_send_buffer_size(wanted)
    {
        tracing::debug!("the send buffer stays as it is: {error}");
    }
}

fn destination(group: Group, index: u32) -> SockAddr {
    match group.socket_addr() {
        SocketAddr::V6(address) => {
            SocketAddrV6::new(*address.ip(), address.port(), 0, index).into()
        }
        address @ SocketAddr::V4(_) => address.into(),
    }
}

fn no_ipv4(channel: &Channel) -> TransmitError {
    let interface = channel.interface.as_deref().unwrap_or_default();
    TransmitError::Interface(format!(
        "interface `{interface}` has no IPv4 address for {}",
        channel.group
    ))
}
