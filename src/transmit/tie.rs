//! What the sending thread and the watch of interfaces tell each other about one socket.
//!
//! ```text
//!  sending thread: Transmitter ── note: sends, or fails and how ──> Tie ──> watch (control thread)
//!                               <── another socket, or none ───────
//! ```
//!
//! Neither waits for the other: the thread that sends looks at one flag in front of a batch.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use socket2::Socket;

use super::{Opened, TransmitError, TransmitPath, Transmitter, open};
use crate::lineup::Channel;

/// What a socket keeps from when it was opened: it sends from this address on this interface, whatever
/// becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footing {
    /// Source address of its datagrams.
    pub(crate) source: Option<IpAddr>,
    /// Number of its interface; an interface that is made again has another one.
    pub(crate) index: Option<u32>,
}

/// One socket of a channel.
#[derive(Debug)]
pub(crate) struct Tie {
    /// As the socket is opened; without objects.
    channel: Channel,
    /// Name of the interface; the routing table decides where `None`.
    interface: Option<String>,
    /// None while its interface is not there. The watch's alone.
    footing: Mutex<Option<Footing>>,
    /// What to go on with, where `is_fresh`.
    fresh: Mutex<Option<Socket>>,
    is_fresh: AtomicBool,
    /// The error of the last batch; 0 is none.
    errno: AtomicI32,
}

/// An error without a number of the system.
const NUMBERLESS: i32 = -1;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tie {
    fn new(channel: &Channel, interface: Option<String>, footing: Option<Footing>) -> Arc<Self> {
        let channel = Channel { objects: Vec::new(), ..channel.clone() };
        let (footing, fresh) = (Mutex::new(footing), Mutex::new(None));
        let (is_fresh, errno) = (AtomicBool::new(false), AtomicI32::new(0));
        Arc::new(Self { channel, interface, footing, fresh, is_fresh, errno })
    }

    /// Name of the channel.
    pub(super) fn channel(&self) -> &str {
        &self.channel.name
    }

    pub(super) fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// How the channel is to be opened.
    pub(crate) const fn spec(&self) -> &Channel {
        &self.channel
    }

    /// The interface in the log.
    pub(crate) fn shown(&self) -> &str {
        self.interface.as_deref().unwrap_or("chosen by the routing table")
    }

    /// What its socket hangs on; none while it has none.
    pub(crate) fn footing(&self) -> Option<Footing> {
        *locked(&self.footing)
    }

    /// The sending thread goes on with this socket.
    pub(crate) fn renew(&self, opened: Opened) {
        *locked(&self.footing) = Some(opened.footing);
        self.hand(Some(opened.socket));
    }

    /// The sending thread closes its socket, since the interface is gone.
    pub(crate) fn unplug(&self) {
        *locked(&self.footing) = None;
        self.hand(None);
    }

    fn hand(&self, socket: Option<Socket>) {
        *locked(&self.fresh) = socket;
        self.is_fresh.store(true, Ordering::Release);
    }

    /// For the sending thread: what to go on with, where that changed.
    pub(super) fn renewed(&self) -> Option<Option<Socket>> {
        let is_fresh = self.is_fresh.load(Ordering::Relaxed);
        // A lock that is held is free the next time.
        let mut fresh = is_fresh.then(|| self.fresh.try_lock().ok()).flatten()?;
        self.is_fresh.store(false, Ordering::Relaxed);
        Some(fresh.take())
    }

    /// For the sending thread: how its last batch fared.
    pub(super) fn note(&self, outcome: &io::Result<usize>) {
        let errno = match outcome {
            Ok(_) => 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => error.raw_os_error().unwrap_or(NUMBERLESS),
        };
        if self.errno.load(Ordering::Relaxed) != errno {
            self.errno.store(errno, Ordering::Relaxed);
        }
    }

    /// Why the last batch could not be sent; none where it could.
    pub(crate) fn failing(&self) -> Option<io::Error> {
        match self.errno.load(Ordering::Relaxed) {
            0 => None,
            NUMBERLESS => Some(io::Error::other("no system call failed")),
            errno => Some(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Opens the sockets of channels, and knows all that are open.
#[derive(Clone, Debug)]
pub struct Sockets {
    path: TransmitPath,
    ties: Arc<Mutex<Vec<Weak<Tie>>>>,
    /// Whether interfaces that have never been there are waited for.
    waits: bool,
}

impl Sockets {
    /// None open yet; all of them will send by `path`.
    pub fn new(path: TransmitPath) -> Self {
        Self { path, ties: Arc::default(), waits: false }
    }

    /// The same, which wait for an interface that has never been there, where they are to.
    pub(crate) fn patient(&self, waits: bool) -> Self {
        Self { waits, ..self.clone() }
    }

    /// Opens the socket of a channel. Where its interface is not there any more that other channels
    /// were opened on, it waits for it as they do.
    ///
    /// # Errors
    /// When the interface has never been there or the system refuses.
    pub(crate) fn open(&self, channel: &Channel) -> Result<Transmitter, TransmitError> {
        let (tie, socket) = match open(channel) {
            Ok(Opened { socket, interface, footing }) => {
                (Tie::new(channel, interface, Some(footing)), Some(socket))
            }
            Err(error) => {
                let is_it = |tie: &Arc<Tie>| tie.spec().interface == channel.interface;
                let known = self.ties().into_iter().find(|tie| is_away(&error) && is_it(tie));
                let interface = match known {
                    Some(tie) => tie.interface.clone(),
                    None if self.waits && is_away(&error) => channel.interface.clone(),
                    None => return Err(error),
                };
                (Tie::new(channel, interface, None), None)
            }
        };
        locked(&self.ties).push(Arc::downgrade(&tie));
        Ok(Transmitter { socket, tie, path: self.path, best: self.path, segment: 0 })
    }

    /// Those of all sockets that are open, or will be.
    pub(crate) fn ties(&self) -> Vec<Arc<Tie>> {
        let mut ties = locked(&self.ties);
        ties.retain(|tie| tie.strong_count() > 0);
        ties.iter().filter_map(Weak::upgrade).collect()
    }
}

/// Whether it is the interface that is gone or down, not the system that is short of something.
fn is_away(error: &TransmitError) -> bool {
    use rustix::io::Errno;
    let away = [Errno::NETUNREACH, Errno::NETDOWN, Errno::NODEV, Errno::ADDRNOTAVAIL];
    match error {
        TransmitError::Interface(_) => true,
        TransmitError::Socket { error, .. } => {
            Errno::from_io_error(error).is_some_and(|errno| away.contains(&errno))
        }
        TransmitError::Thread(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Wire as _;
    use super::*;
    use crate::onair::tests::channel;

    fn batch() -> [super::super::Parts<'static>; 1] {
        [[io::IoSlice::new(b"datagram"), io::IoSlice::new(b""), io::IoSlice::new(b"")]]
    }

    #[test]
    fn a_socket_without_its_interface_loses_what_is_sent_until_it_is_given_another() {
        let sockets = Sockets::new(TransmitPath::Sendmmsg);
        let mut transmitter = sockets.open(&channel("images", 1_000_000)).unwrap();
        assert_eq!(transmitter.send(&batch()).unwrap(), 1);
        let [tie] = &sockets.ties()[..] else { panic!("one socket, one tie") };
        assert!(tie.failing().is_none());
        tie.unplug();
        assert!(transmitter.send(&batch()).is_err());
        assert!(tie.failing().is_some() && tie.footing().is_none());
        tie.renew(open(tie.spec()).unwrap());
        assert_eq!(transmitter.send(&batch()).unwrap(), 1);
        assert!(tie.failing().is_none() && tie.footing().is_some());
    }

    #[test]
    fn an_interface_that_was_never_there_is_an_error_and_one_that_was_is_waited_for() {
        let sockets = Sockets::new(TransmitPath::Send);
        let lost =
            Channel { interface: Some("203.0.113.1".to_owned()), ..channel("images", 1_000_000) };
        assert!(matches!(sockets.open(&lost), Err(TransmitError::Interface(_))));
        let tie = Tie::new(&lost, Some("eth7".to_owned()), None);
        locked(&sockets.ties).push(Arc::downgrade(&tie));
        let mut transmitter = sockets.open(&lost).unwrap();
        assert_eq!(transmitter.interface(), Some("eth7"));
        assert!(transmitter.send(&batch()).is_err());
    }

    #[test]
    fn sockets_that_are_closed_are_forgotten() {
        let sockets = Sockets::new(TransmitPath::Send);
        for _ in 0..100 {
            drop(sockets.open(&channel("images", 1_000_000)).unwrap());
            assert_eq!(sockets.ties().len(), 0);
        }
        assert!(locked(&sockets.ties).is_empty());
    }
}
