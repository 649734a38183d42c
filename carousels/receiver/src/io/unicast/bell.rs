//! Threads that wait for each other and for sockets at once: event descriptors, and `poll`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// A descriptor that is readable from a ring to the next hush.
#[derive(Debug)]
pub(in crate::io) struct Bell(OwnedFd);

impl Bell {
    pub(in crate::io) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Makes it readable. It cannot fail but when it is readable anyway.
    pub(in crate::io) fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Whether it was rung since the last time.
    pub(in crate::io) fn hush(&self) -> bool {
        rustix::io::read(&self.0, &mut [0; 8]).is_ok()
    }

    pub(in crate::io) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether a request is still wanted.
#[derive(Debug)]
pub(in crate::io) struct Cancel(Bell);

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) enum Waited {
    /// The socket can go on.
    Ready,
    /// The time is over.
    TimedOut,
    /// The request is not wanted any more.
    Cancelled,
}

impl Cancel {
    pub(in crate::io) fn new() -> io::Result<Self> {
        Bell::new().map(Self)
    }

    /// For good.
    pub(in crate::io) fn cancel(&self) {
        self.0.ring();
    }

    /// Waits until the socket can be read or written, as `flags` say.
    pub(in crate::io) fn wait(
        &self,
        socket: BorrowedFd<'_>,
        flags: PollFlags,
        patience: Duration,
    ) -> io::Result<Waited> {
        let began = Instant::now();
        loop {
            let left = patience.saturating_sub(began.elapsed());
            let mut polled = [
                PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(socket, flags),
            ];
            match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
                Ok(0) if left.is_zero() => return Ok(Waited::TimedOut),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => {
                    let [cancel, _] = &polled;
                    let cancelled = !cancel.revents().is_empty();
                    return Ok(if cancelled { Waited::Cancelled } else { Waited::Ready });
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Whether it was cancelled.
    pub(in crate::io) fn is_cancelled(&self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        matches!(poll(&mut polled, Some(&Timespec::default())), Ok(1..))
    }
}
