//! What one look at a socket took: many datagrams in one buffer, which is used again.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use stbcast_object::Micros;

use super::clock::Reading;

/// Room for one message of the kernel: the largest datagram, or as many as it joined.
pub(super) const MESSAGE_BYTES: usize = 64 * 1024;

/// Bytes of a batch. Small enough to stay in a processor's cache until they are stored.
pub(super) const BATCH_BYTES: usize = 8 * MESSAGE_BYTES;

/// Bytes of a buffer for which there is one message, however short it is: 512 in a batch.
const MESSAGE_BYTES_MIN: usize = 1_024;

/// The datagrams that waited in a socket, as [`Receiver::recv`](super::Receiver::recv) took them.
#[derive(Debug)]
pub struct Batch {
    bytes: Box<[u8]>,
    lane: Lane,
}

/// One datagram of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// When it arrived.
    pub at: Micros,
    /// Where it lies in [`Batch::bytes`].
    pub range: Range<usize>,
}

/// What the kernel handed over as one: a datagram, or several of one sender joined to one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) from: SocketAddr,
    /// When the kernel received it, on the wall clock.
    pub(super) stamp: Option<Duration>,
    /// The same on the clock of the run.
    pub(super) at: Micros,
    pub(super) start: usize,
    pub(super) bytes: usize,
    /// Bytes of each datagram in it but the last, which may be shorter.
    pub(super) segment_bytes: usize,
}

impl Message {
    /// A message that is one datagram, until more is known.
    pub(super) fn new(from: Option<SocketAddr>, start: usize, bytes: usize) -> Self {
        let from = from.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
        Self { from, stamp: None, at: Micros::ZERO, start, bytes, segment_bytes: bytes }
    }

    /// How many datagrams it is, at least 1.
    fn count(&self) -> usize {
        self.bytes.div_ceil(self.segment_bytes.max(1)).max(1)
    }

    /// The datagram `offset` bytes from its begin; 0 for the first.
    pub(super) fn datagram(&self, offset: usize) -> Datagram {
        let end = self.start + self.bytes;
        let start = self.start + offset;
        let range = start..(start + self.segment_bytes).min(end);
        Datagram { from: self.from, at: self.at, range }
    }

    fn datagrams(&self) -> impl Iterator<Item = Datagram> + '_ {
        (0..self.count()).map(|number| self.datagram(number * self.segment_bytes))
    }
}

/// What one socket gave, in its part of a buffer: `room`.
#[derive(Debug)]
pub(super) struct Lane {
    room: Range<usize>,
    /// How much of the room is used at most.
    most: usize,
    used: usize,
    messages: Vec<Message>,
    /// When the last datagram of this batch or an earlier one arrived.
    last_at: Micros,
    /// Whether the socket was empty behind them.
    pub(super) emptied: bool,
}

impl Lane {
    /// A lane without messages.
    pub(super) fn new(room: Range<usize>) -> Self {
        let messages = Vec::with_capacity(room.len() / MESSAGE_BYTES_MIN);
        let (used, last_at) = (room.start, Micros::ZERO);
        Self { most: room.len(), room, used, messages, last_at, emptied: true }
    }

    pub(super) fn clear(&mut self) {
        self.used = self.room.start;
        self.messages.clear();
    }

    /// From here on no more than so many bytes of the room are used.
    pub(super) fn use_at_most(&mut self, bytes: usize) {
        self.most = bytes.min(self.room.len());
    }

    const fn end(&self) -> usize {
        self.room.start + self.most
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Whether another message may not fit.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= self.room.len() / MESSAGE_BYTES_MIN
            || self.end().saturating_sub(self.used) < MESSAGE_BYTES
    }

    /// Where the free room begins, and the room, in the buffer `bytes`.
    pub(super) fn free<'b>(&self, bytes: &'b mut [u8]) -> (usize, &'b mut [u8]) {
        (self.used, bytes.get_mut(self.used..self.end()).unwrap_or_default())
    }

    /// Takes note of a message that lies behind the others.
    pub(super) fn push(&mut self, message: Message) {
        self.used = message.start + message.bytes;
        self.messages.push(message);
    }

    /// Tells when each arrived, from what the kernel stamped on it.
    pub(super) fn set_times(&mut self, reading: &Reading) {
        let mut previous = self.last_at;
        for message in &mut self.messages {
            previous = reading.arrival(previous, message.stamp);
            message.at = previous;
        }
        self.last_at = previous;
    }

    /// How many datagrams the messages are.
    pub(super) fn datagrams(&self) -> usize {
        self.messages.iter().map(Message::count).sum()
    }

    /// UDP payload of all of them.
    pub(super) fn payload_bytes(&self) -> u64 {
        self.messages.iter().map(|message| message.bytes as u64).sum()
    }
}

impl Default for Batch {
    /// An empty batch with all the room it will ever need.
    fn default() -> Self {
        Self { bytes: vec![0; BATCH_BYTES].into_boxed_slice(), lane: Lane::new(0..BATCH_BYTES) }
    }
}

impl Batch {
    /// The datagrams, in the order in which they arrived.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram> + '_ {
        self.lane.messages.iter().flat_map(Message::datagrams)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.lane.datagrams()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lane.messages.is_empty()
    }

    /// The bytes of all of them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole buffer, and the lane in it.
    pub(super) fn parts(&mut self) -> (&mut [u8], &mut Lane) {
        (&mut self.bytes, &mut self.lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: usize, segment_bytes: usize) -> Vec<(usize, usize)> {
        let mut batch = Batch::default();
        batch.lane.push(Message { segment_bytes, ..Message::new(None, 10, bytes) });
        let ranges: Vec<_> =
            batch.datagrams().map(|one| (one.range.start, one.range.end)).collect();
        assert_eq!(ranges.len(), batch.len());
        ranges
    }

    #[test]
    fn a_message_is_split_where_its_datagrams_were_joined() {
        assert_eq!(split(1_444, 1_444), [(10, 1_454)]);
        assert_eq!(split(300, 100), [(10, 110), (110, 210), (210, 310)]);
        assert_eq!(split(201, 100), [(10, 110), (110, 210), (210, 211)]);
        assert_eq!(split(99, 100), [(10, 109)]);
        assert_eq!(split(0, 0), [(10, 10)], "a datagram without a byte is one");
        assert_eq!(split(0, 100), [(10, 10)]);
    }

    #[test]
    fn a_lane_has_room_for_a_message_until_it_is_full() {
        let mut bytes = vec![0; 2 * BATCH_BYTES];
        let mut lane = Lane::new(BATCH_BYTES..2 * BATCH_BYTES);
        let mut messages = 0;
        while !lane.is_full() {
            let (start, room) = lane.free(&mut bytes);
            assert!(start >= BATCH_BYTES && room.len() >= MESSAGE_BYTES);
            lane.push(Message::new(None, start, MESSAGE_BYTES - 1));
            messages += 1;
        }
        assert_eq!(messages, 8);
        lane.clear();
        assert!(lane.messages().is_empty() && !lane.is_full());
        while !lane.is_full() {
            lane.push(Message::new(None, BATCH_BYTES, 0));
        }
        assert_eq!(lane.datagrams(), 512);
    }
}
