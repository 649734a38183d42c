//! The groups a run hears: joined and left as the session says, counted over all of them.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use arrayvec::ArrayVec;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use stbcast_object::Group;

use super::heard::{Heard, LANES};
use super::{Clock, Interface, Observer, ReceiveFigures, Receiver, Trouble, WAIT};
use crate::Listen;

/// A socket for each group, and what all of them have counted.
pub(super) struct Ears<'a> {
    interface: Option<&'a Interface>,
    ears: [Option<Ear>; LANES],
    /// Sockets opened so far.
    opened: u32,
    /// Before the next look at several sockets.
    sleep: Duration,
    told_of_buffer: bool,
    /// Without what the sockets that are open have counted.
    pub(super) figures: ReceiveFigures,
    pub(super) clock: Clock,
}

/// One group.
struct Ear {
    group: Group,
    /// Which socket it is, from 1.
    number: u32,
    receiver: Receiver,
}

/// Which lane a group gets, where that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// The object itself, at the full rate of a channel: the largest lane.
    Main,
    /// What comes beside it.
    Side,
}

impl Stream {
    /// What a group is that is heard for this.
    pub(super) const fn of(listen: &Listen) -> Self {
        match listen {
            Listen::Slices | Listen::Mag => Self::Main,
            Listen::Flute { .. } => Self::Side,
        }
    }
}

impl<'a> Ears<'a> {
    pub(super) fn new(interface: Option<&'a Interface>) -> Self {
        let (figures, clock) = (ReceiveFigures::default(), Clock::start());
        let (ears, sleep) = (Default::default(), Duration::ZERO);
        Self { interface, ears, opened: 0, sleep, told_of_buffer: false, figures, clock }
    }

    /// Joins a group in a lane that is free; that lane.
    pub(super) fn join(
        &mut self,
        group: Group,
        source: Option<IpAddr>,
        stream: Stream,
        observer: &mut dyn Observer,
    ) -> Option<usize> {
        // A socket on the group goes first: a box may be allowed few memberships.
        self.leave(group);
        let mut lanes = self.ears.iter_mut().enumerate().filter(|(_, ear)| ear.is_none());
        let free = match stream {
            Stream::Main => lanes.next(),
            Stream::Side => lanes.next_back(),
        };
        let Some((lane, ear)) = free else {
            let trouble = format!("cannot join {group}: {LANES} groups are joined already");
            observer.trouble(&Trouble::Network(trouble));
            return None;
        };
        match Receiver::join(group, source, self.interface) {
            Ok(receiver) => {
                let buffer = receiver.buffer();
                self.opened += 1;
                *ear = Some(Ear { group, number: self.opened, receiver });
                if buffer.is_short() && !self.told_of_buffer {
                    self.told_of_buffer = true;
                    observer.trouble(&Trouble::ReceiveBuffer(buffer));
                }
                Some(lane)
            }
            Err(error) => {
                observer.trouble(&Trouble::Network(error.to_string()));
                None
            }
        }
    }

    pub(super) fn leave(&mut self, group: Group) {
        for ear in &mut self.ears {
            if let Some(left) = ear.take_if(|ear| ear.group == group) {
                self.figures.add(&left.receiver);
            }
        }
    }

    pub(super) fn leave_all(&mut self) {
        for left in self.ears.iter_mut().filter_map(Option::take) {
            self.figures.add(&left.receiver);
        }
    }

    /// Which socket each lane belongs to; 0 for none.
    pub(super) fn owners(&self) -> [u32; LANES] {
        self.ears.each_ref().map(|ear| ear.as_ref().map_or(0, |ear| ear.number))
    }

    /// What waits on the groups; nothing after `patience`, [`WAIT`] at most, or when `bell` becomes
    /// readable. A group that cannot be heard is closed until the session joins it again, else a
    /// broken socket would spin here.
    pub(super) fn recv(
        &mut self,
        heard: &mut Heard,
        patience: Duration,
        bell: Option<BorrowedFd<'_>>,
        observer: &mut dyn Observer,
    ) {
        let mut joined = self.ears.iter_mut().enumerate().filter(|(_, ear)| ear.is_some());
        match (joined.next(), joined.next(), bell) {
            (None, _, None) => std::thread::park_timeout(patience),
            (None, _, bell) => self.wait(patience, bell),
            (Some((lane, _)), None, None) if patience >= WAIT && heard.is_empty() => {
                self.recv_one(lane, heard, observer);
            }
            _ => self.recv_all(heard, patience, bell, observer),
        }
    }

    /// The one socket there is waits by itself.
    fn recv_one(&mut self, index: usize, heard: &mut Heard, observer: &mut dyn Observer) {
        let Some(Some(ear)) = self.ears.get_mut(index) else { return };
        let Some((bytes, lane)) = heard.refill(index) else { return };
        if let Err(error) = ear.receiver.recv_lane(bytes, lane, &self.clock) {
            self.close(index, heard, &error, observer);
        }
    }

    /// Looks at all sockets whose lane is spent; where they have nothing, waits for any of them.
    fn recv_all(
        &mut self,
        heard: &mut Heard,
        patience: Duration,
        bell: Option<BorrowedFd<'_>>,
        observer: &mut dyn Observer,
    ) {
        let idle = heard.is_empty();
        let sleep = std::mem::take(&mut self.sleep);
        if idle && !sleep.is_zero() {
            // A block that was recovered ends it early.
            std::thread::park_timeout(sleep);
        }
        let spent: [bool; LANES] = std::array::from_fn(|lane| heard.is_spent(lane));
        self.look(spent, heard, observer);
        let waited = idle && heard.is_empty();
        if waited {
            self.wait(patience, bell);
            self.look(spent, heard, observer);
        }
        let reading = self.clock.read();
        let mut sleep: Option<Duration> = None;
        for (index, ear) in self.ears.iter_mut().enumerate() {
            let (Some(ear), Some(lane)) = (ear, heard.lane(index)) else { continue };
            if spent.get(index) == Some(&true)
                && let Some(nap) = ear.receiver.date(lane, &reading, waited)
            {
                sleep = Some(sleep.map_or(nap, |sleep| sleep.min(nap)));
            }
        }
        // Nobody may sleep longer than the fastest group allows.
        self.sleep = sleep.unwrap_or_default();
    }

    /// Looks at the sockets of these lanes, the main one last: so it has all that came before what
    /// the others have.
    fn look(&mut self, lanes: [bool; LANES], heard: &mut Heard, observer: &mut dyn Observer) {
        for (index, _) in lanes.into_iter().enumerate().rev().filter(|(_, look)| *look) {
            let Some(Some(ear)) = self.ears.get_mut(index) else { continue };
            let Some((bytes, lane)) = heard.refill_shared(index) else { continue };
            if let Err(error) = ear.receiver.look(bytes, lane) {
                self.close(index, heard, &error, observer);
            }
        }
    }

    /// Waits until any socket has something, or the bell.
    fn wait(&self, patience: Duration, bell: Option<BorrowedFd<'_>>) {
        let sockets = self.ears.iter().flatten().map(|ear| ear.receiver.as_fd()).chain(bell);
        let mut sockets: ArrayVec<PollFd<'_>, { LANES + 1 }> =
            sockets.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(patience).ok();
        match poll(&mut sockets, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // Nobody can wait here any more; the look that follows may tell why.
            Err(_) => std::thread::sleep(patience),
        }
    }

    fn close(
        &mut self,
        index: usize,
        heard: &mut Heard,
        error: &std::io::Error,
        observer: &mut dyn Observer,
    ) {
        if let Some(closed) = self.ears.get_mut(index).and_then(Option::take) {
            self.figures.add(&closed.receiver);
            let trouble = format!("cannot receive from {}: {error}", closed.group);
            observer.trouble(&Trouble::Network(trouble));
        }
        heard.refill(index);
    }
}

#[cfg(test)]
mod tests;
