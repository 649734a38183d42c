//! Requests to servers, carried out by a thread of their own so that reception goes on.
//!
//! ```text
//!  run loop ── order ──> thread: io::http or io::tftp, blocking
//!     ^                     │ pieces of at most 64 KiB, a few of them waiting,
//!     └──── news, bell ─────┘ then the answer
//! ```
//!
//! The thread is started by the first request and kept, so that ranges of one server share a
//! connection. Each request has a channel of its own: where it is cancelled, the channel is gone,
//! and nothing of it can be handed in any more. Whatever the thread waits for, it also waits for
//! the cancellation, so it ends soon after it is not wanted; the one thing that nobody can
//! interrupt, the system's look-up of a host name, is left to itself (see [`resolve`]).
//!
//! Sockets are not bound to the interface that groups are joined on. Multicast needs to be told an
//! interface, because no route says where a group is sent; for a server the routing table does
//! say, and a web server may well be behind another line than the television.

mod bell;
mod resolve;

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;

pub(super) use self::bell::{Bell, Cancel, Waited};
pub(super) use self::resolve::{ResolveError, resolve};
use super::{http, tftp};
use crate::{Answer, Request, Server, UnicastError};

/// Bytes of a piece at most.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that wait for the loop at most; one more is in the hands of the thread.
const PIECES: usize = 4;

/// What a thread has to tell of a request.
#[derive(Debug)]
pub(super) enum News {
    /// How long the whole object is.
    Length(u64),
    /// The next bytes, and their place in the object.
    Piece(u64, Vec<u8>),
    /// Something went wrong, in words.
    Trouble(String),
    /// How it ended. Nothing comes behind it.
    Answer(Answer),
}

/// The thread, as the loop sees it. Dropped, it gives up what it is doing, and has ended.
#[derive(Debug, Default)]
pub(super) struct Unicast {
    worker: Option<Worker>,
    current: Option<Current>,
    /// Whether something may wait that was not looked at.
    rung: bool,
}

#[derive(Debug)]
struct Worker {
    bell: Arc<Bell>,
    /// `None` once it is to end.
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// The request under way.
#[derive(Debug)]
struct Current {
    id: u64,
    news: Receiver<News>,
    cancel: Option<Arc<Cancel>>,
}

#[derive(Debug)]
struct Order {
    request: Request,
    delivery: Delivery,
}

impl Unicast {
    /// Begins a request; one that is under way is given up.
    pub(super) fn start(&mut self, request: Request) {
        self.give_up();
        let id = request.id;
        let (current, rung) = match self.order(request) {
            Ok(current) => (current, false),
            Err(error) => (failed(id, &error), true),
        };
        (self.current, self.rung) = (Some(current), rung);
    }

    fn order(&mut self, request: Request) -> io::Result<Current> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start()?,
        };
        let Worker { bell, orders, .. } = self.worker.insert(worker);
        let (news, heard) = sync_channel(PIECES);
        let cancel = Arc::new(Cancel::new()?);
        let current = Current { id: request.id, news: heard, cancel: Some(Arc::clone(&cancel)) };
        let delivery = Delivery { news, bell: Arc::clone(bell), cancel, offset: request.from };
        let order = Order { request, delivery };
        let sent = orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        let ended = || io::Error::other("the thread that asks servers has ended");
        sent.then_some(current).ok_or_else(ended)
    }

    /// Gives a request up, if it is the one under way.
    pub(super) fn cancel(&mut self, id: u64) {
        if self.current.as_ref().is_some_and(|current| current.id == id) {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        if let Some(Current { cancel: Some(cancel), .. }) = self.current.take() {
            cancel.cancel();
        }
        self.rung = false;
    }

    /// Whether a request is under way.
    pub(super) const fn is_under_way(&self) -> bool {
        self.current.is_some()
    }

    /// Whether [`Unicast::next`] may have something now.
    pub(super) const fn is_rung(&self) -> bool {
        self.rung
    }

    /// What becomes readable when there is news; `None` while no request is under way.
    pub(super) fn bell(&self) -> Option<BorrowedFd<'_>> {
        let worker = self.worker.as_ref().filter(|_| self.current.is_some());
        worker.map(|worker| worker.bell.as_fd())
    }

    /// The next news of the request under way, with its number.
    pub(super) fn next(&mut self) -> Option<(u64, News)> {
        let current = self.current.as_ref()?;
        if !self.rung {
            let hushed = self.worker.as_ref().is_some_and(|worker| worker.bell.hush());
            if !hushed {
                return None;
            }
            self.rung = true;
        }
        let (id, news) = match current.news.try_recv() {
            Ok(news) => (current.id, news),
            Err(TryRecvError::Empty) => {
                self.rung = false;
                return None;
            }
            // It has ended without an answer: a defect, which must not leave the session waiting.
            Err(TryRecvError::Disconnected) => {
                (current.id, News::Answer(Answer::Failed(UnicastError::Protocol)))
            }
        };
        if matches!(news, News::Answer(_)) {
            (self.current, self.rung) = (None, false);
        }
        Some((id, news))
    }
}

impl Drop for Unicast {
    fn drop(&mut self) {
        self.give_up();
        if let Some(Worker { orders, thread, .. }) = self.worker.take() {
            drop(orders);
            let _ = thread.map(JoinHandle::join);
        }
    }
}

/// A request that could not even begin.
fn failed(id: u64, error: &io::Error) -> Current {
    let (tell, news) = sync_channel(2);
    let _ = tell.send(News::Trouble(format!("cannot ask a server: {error}")));
    let _ = tell.send(News::Answer(Answer::Failed(UnicastError::Unreachable)));
    Current { id, news, cancel: None }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let bell = Arc::new(Bell::new()?);
        let (orders, ordered) = channel();
        let thread =
            std::thread::Builder::new().name("unicast".to_owned()).spawn(move || work(&ordered))?;
        Ok(Self { bell, orders: Some(orders), thread: Some(thread) })
    }
}

fn work(ordered: &Receiver<Order>) {
    let mut client = http::Client::new();
    for Order { request, mut delivery } in ordered {
        let answer = match &request.server {
            Server::Http(url) => client.get(url, &request, &mut delivery),
            Server::Tftp { url, options } => tftp::read(url, *options, &request, &mut delivery),
        };
        delivery.tell(News::Answer(answer));
    }
}

/// The way from the thread to the loop, for one request.
#[derive(Debug)]
pub(super) struct Delivery {
    news: SyncSender<News>,
    bell: Arc<Bell>,
    pub(super) cancel: Arc<Cancel>,
    /// Where the next piece lies in the object.
    offset: u64,
}

/// The request is not wanted any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cancelled;

impl Delivery {
    /// Hands on the next bytes; waits where the loop is behind.
    pub(super) fn piece(&mut self, bytes: Vec<u8>) -> Result<(), Cancelled> {
        let (offset, length) = (self.offset, bytes.len() as u64);
        if length == 0 {
            return Ok(());
        }
        self.offset += length;
        if self.tell(News::Piece(offset, bytes)) { Ok(()) } else { Err(Cancelled) }
    }

    /// Says how long the whole object is.
    pub(super) fn length(&self, length: u64) {
        self.tell(News::Length(length));
    }

    /// Says what went wrong.
    pub(super) fn trouble(&self, text: String) {
        self.tell(News::Trouble(text));
    }

    fn tell(&self, news: News) -> bool {
        let told = self.news.send(news).is_ok();
        if told {
            self.bell.ring();
        }
        told
    }
}

#[cfg(test)]
pub(super) mod tests;
