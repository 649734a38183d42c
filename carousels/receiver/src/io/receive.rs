//! The socket that hears one group: every system call on it. The crate `nix` is named in this
//! file alone, `socket2` in its part that joins.
//!
//! Where the kernel joins datagrams of one sender (UDP GRO), each message it hands over holds up
//! to 64 KiB of them. The messages are taken one by one, packed into the batch's buffer: `nix`
//! hands a header of `recvmmsg` back to the kernel with as little room for control messages as
//! the last message there needed, so the size of the datagrams would be lost behind one that came
//! alone. Where the kernel joins nothing, `recvmmsg` takes the datagrams, many in one call.
//!
//! A message whose control messages were cut counts as one datagram without a stamp. One that held
//! more bytes than a packet may have is refused as too long by whoever reads it.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, recvmsg,
    setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use serde::Serialize;
use stbcast_object::Group;

use super::batch::{BATCH_BYTES, Batch, Lane, Message};
use super::clock::Reading;
use super::nap::{Nap, Taken};
use super::{Clock, Interface};

mod join;

pub use join::{JoinError, ReceiveBuffer};

/// How long [`Receiver::recv`] waits. Time-outs and the stop flag are looked at this often.
pub const WAIT: Duration = Duration::from_millis(100);

/// Datagrams of one `recvmmsg` at most, each with an equal share of a batch's buffer. A share is larger
/// than the largest packet, so that a longer datagram is seen to be longer although it is cut.
const SLOTS: usize = 64;
const SLOT_BYTES: usize = BATCH_BYTES / SLOTS;
const _: () = assert!(SLOT_BYTES > stbcast_infocast::Packet::BYTES_MAX);

/// A group that is joined, and left when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    socket: UdpSocket,
    buffer: ReceiveBuffer,
    /// Room for the control messages of one message.
    control: Vec<u8>,
    /// Headers for `recvmmsg`; `None` where the kernel joins datagrams.
    headers: Option<MultiHeaders<SockaddrStorage>>,
    nap: Nap,
    /// Before the next call.
    sleep: Duration,
    /// An error behind messages that were taken, told by the next call.
    held: Option<Errno>,
    calls: u64,
    drops: Drops,
}

/// How datagrams are taken from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceivePath {
    /// Joined to messages of many datagrams.
    Gro,
    /// One by one, many in one system call.
    Recvmmsg,
}

impl Receiver {
    /// Joins `group` on `interface`, or where the system's routes say. IPv4 with a `source` is a
    /// source-specific join (RFC 4607); for IPv6 whoever reads the datagrams compares the sender.
    ///
    /// # Errors
    /// When the system refuses a step.
    pub fn join(
        group: Group,
        source: Option<IpAddr>,
        interface: Option<&Interface>,
    ) -> Result<Self, JoinError> {
        Self::join_by(ReceivePath::Gro, group, source, interface)
    }

    /// The same, with the path that is tried first.
    pub(super) fn join_by(
        path: ReceivePath,
        group: Group,
        source: Option<IpAddr>,
        interface: Option<&Interface>,
    ) -> Result<Self, JoinError> {
        let fail = |doing| move |error| JoinError { group, doing, error };
        let socket = join::open(group).map_err(fail("open the socket"))?;
        let buffer = join::enlarge_buffer(&socket).map_err(fail("set the receive buffer"))?;
        // Before it is bound: no datagram may wait that the options came too late for.
        let gro = set_options(&socket, path);
        let gro = gro.map_err(|errno| fail("have datagrams stamped")(errno.into()))?;
        join::bind(&socket, group, interface).map_err(fail("bind"))?;
        join::join(&socket, group, source, interface).map_err(fail("join"))?;
        socket.set_read_timeout(Some(WAIT)).map_err(fail("set the time-out"))?;
        Ok(Self::on(socket.into(), buffer, gro))
    }

    /// A receiver on a socket that is bound and has its options.
    fn on(socket: UdpSocket, buffer: ReceiveBuffer, gro: bool) -> Self {
        Self {
            socket,
            buffer,
            control: control(),
            headers: (!gro).then(headers),
            nap: Nap::new(buffer.kernel_bytes()),
            sleep: Duration::ZERO,
            held: None,
            calls: 0,
            drops: Drops::default(),
        }
    }

    /// Takes what waits in the socket, or waits at most [`WAIT`] for something to come; then the
    /// batch may be empty. Where datagrams come in a stream, it sleeps a little before it looks,
    /// so that they can gather.
    ///
    /// # Errors
    /// When the socket fails for another reason than silence or a signal. What was taken before
    /// that comes first.
    pub fn recv(&mut self, batch: &mut Batch, clock: &Clock) -> io::Result<()> {
        let (bytes, lane) = batch.parts();
        self.recv_lane(bytes, lane, clock)
    }

    /// The same into a lane of the buffer `bytes`.
    pub(super) fn recv_lane(
        &mut self,
        bytes: &mut [u8],
        lane: &mut Lane,
        clock: &Clock,
    ) -> io::Result<()> {
        let sleep = std::mem::take(&mut self.sleep);
        if !sleep.is_zero() {
            std::thread::sleep(sleep);
        }
        self.look(bytes, lane)?;
        let waited = lane.messages().is_empty();
        if waited {
            lane.emptied = self.take(bytes, lane, Patience::ForOne)?;
        }
        if let Some(sleep) = self.date(lane, &clock.read(), waited) {
            self.sleep = sleep;
        }
        Ok(())
    }

    /// Takes what waits in the socket in place of what the lane holds, and waits for nothing.
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    pub(super) fn look(&mut self, bytes: &mut [u8], lane: &mut Lane) -> io::Result<()> {
        lane.clear();
        if let Some(errno) = self.held.take() {
            return Err(errno.into());
        }
        lane.emptied = self.take(bytes, lane, Patience::None)?;
        Ok(())
    }

    /// Tells when what was taken into the lane arrived; how long to sleep before the next look,
    /// where anything was taken. `waited` says that all sockets had been empty before.
    pub(super) fn date(
        &mut self,
        lane: &mut Lane,
        reading: &Reading,
        waited: bool,
    ) -> Option<Duration> {
        if lane.messages().is_empty() {
            return None;
        }
        lane.set_times(reading);
        let (datagrams, bytes) = (lane.datagrams() as u64, lane.payload_bytes());
        let taken = Taken { datagrams, bytes, waited, emptied: lane.emptied };
        Some(self.nap.after(reading.now, taken).into())
    }

    /// Fills the lane; whether that left the socket empty.
    fn take(&mut self, bytes: &mut [u8], lane: &mut Lane, patience: Patience) -> io::Result<bool> {
        let taken = if self.headers.is_some() {
            self.take_many(bytes, lane, patience)
        } else {
            self.take_joined(bytes, lane, patience)
        };
        Ok(self.settle(lane, taken)?)
    }

    /// What a failed call means for a lane that it left as it was.
    fn settle(&mut self, lane: &Lane, taken: nix::Result<bool>) -> nix::Result<bool> {
        match taken {
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(true),
            Err(errno) if !lane.messages().is_empty() => {
                self.held = Some(errno);
                Ok(false)
            }
            other => other,
        }
    }

    /// Messages that may hold several datagrams, one system call each.
    fn take_joined(
        &mut self,
        bytes: &mut [u8],
        lane: &mut Lane,
        patience: Patience,
    ) -> nix::Result<bool> {
        let flags = match patience {
            Patience::None => MsgFlags::MSG_DONTWAIT,
            Patience::ForOne => MsgFlags::empty(),
        };
        while !lane.is_full() {
            let (start, room) = lane.free(bytes);
            self.calls += 1;
            let mut room = [IoSliceMut::new(room)];
            let control = Some(self.control.as_mut_slice());
            let received = recvmsg(self.socket.as_raw_fd(), &mut room, control, flags)?;
            let (message, _) = message(&received, start, &mut self.drops);
            lane.push(message);
            if patience == Patience::ForOne {
                // It had to be waited for: what follows gathers while the box sleeps.
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Messages of one datagram each, all in one system call.
    fn take_many(
        &mut self,
        bytes: &mut [u8],
        lane: &mut Lane,
        patience: Patience,
    ) -> nix::Result<bool> {
        let Some(known) = &mut self.headers else { return Ok(true) };
        let flags = match patience {
            Patience::None => MsgFlags::MSG_DONTWAIT,
            Patience::ForOne => MsgFlags::MSG_WAITFORONE,
        };
        self.calls += 1;
        let (begin, room) = lane.free(bytes);
        let mut chunks = room.chunks_exact_mut(SLOT_BYTES);
        let count = chunks.len().min(SLOTS);
        let mut slots: [[IoSliceMut<'_>; 1]; SLOTS] =
            std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        let slots = slots.iter_mut().take(count);
        let received = recvmmsg(self.socket.as_raw_fd(), known, slots, flags, None)?;
        let mut any_cut = false;
        for (slot, received) in received.enumerate() {
            let start = begin + slot * SLOT_BYTES;
            let (message, cut) = message(&received, start, &mut self.drops);
            lane.push(message);
            any_cut |= cut;
        }
        let emptied = lane.messages().len() < count;
        if any_cut {
            // The first drop makes control messages longer than they ever were; see above.
            *known = headers();
        }
        Ok(emptied)
    }

    /// The socket, to wait for several of them.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What the system grants for datagrams that wait.
    pub const fn buffer(&self) -> ReceiveBuffer {
        self.buffer
    }

    /// How datagrams are taken.
    pub const fn path(&self) -> ReceivePath {
        if self.headers.is_some() { ReceivePath::Recvmmsg } else { ReceivePath::Gro }
    }

    /// Receive system calls made so far.
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// Messages the kernel dropped because the receive buffer was full, as far as what was
    /// received since tells. One that joined several datagrams counts once.
    pub const fn kernel_drops(&self) -> u64 {
        self.drops.total
    }
}

/// What a receive call waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    /// The first message, [`WAIT`] at most.
    ForOne,
}

/// The kernel's counter of drops, which wraps.
#[derive(Clone, Copy, Debug, Default)]
struct Drops {
    last: u32,
    total: u64,
}

impl Drops {
    fn note(&mut self, counter: u32) {
        self.total += u64::from(counter.wrapping_sub(self.last));
        self.last = counter;
    }
}

/// Asks for all there is to know of a message; whether the kernel joins datagrams.
fn set_options(socket: &impl AsFd, path: ReceivePath) -> nix::Result<bool> {
    setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(socket, sockopt::RxqOvfl, &1)?;
    let wanted = path == ReceivePath::Gro;
    // Kernels before 5.0 refuse.
    Ok(wanted && setsockopt(socket, sockopt::UdpGroSegment, &true).is_ok())
}

/// Room for every control message that was asked for.
fn control() -> Vec<u8> {
    cmsg_space!(TimeSpec, u32, i32)
}

fn headers() -> MultiHeaders<SockaddrStorage> {
    MultiHeaders::preallocate(SLOTS, Some(control()))
}

/// What is known of a message that was received at `start` of the batch's buffer, and whether
/// its control messages were cut.
fn message(
    received: &RecvMsg<'_, '_, SockaddrStorage>,
    start: usize,
    drops: &mut Drops,
) -> (Message, bool) {
    let mut message = Message::new(sender(received), start, received.bytes);
    let Ok(controls) = received.cmsgs() else { return (message, true) };
    for control in controls {
        match control {
            ControlMessageOwned::ScmTimestampns(stamp) => message.stamp = Some(stamp.into()),
            ControlMessageOwned::RxqOvfl(counter) => drops.note(counter),
            ControlMessageOwned::UdpGroSegments(bytes) => {
                message.segment_bytes = usize::try_from(bytes).unwrap_or_default().max(1);
            }
            _ => {}
        }
    }
    (message, false)
}

fn sender(received: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<SocketAddr> {
    let address = received.address.as_ref()?;
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}

#[cfg(test)]
mod tests;
