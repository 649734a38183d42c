//! What all sockets of a run gave, in one buffer: handed out in the order in which it arrived.
//!
//! Of two groups it matters what came first: where a channel changes its revision, its companion
//! changes right after it. Each socket has a lane of the buffer; the lanes are merged message by
//! message, by the time that the kernel stamped on them. A lane that ran empty although its socket
//! did not ends the turn: what waits there may have come before what the others hold.

use std::ops::Range;

use stbcast_object::Micros;

use super::batch::{BATCH_BYTES, Datagram, Lane};
use crate::limits;

/// Sockets at most.
pub(super) const LANES: usize = limits::GROUPS_MAX;

/// Where the lanes lie. The first is as large as a batch of its own; the last is that of a FLUTE
/// session that is alone.
const ROOMS: [Range<usize>; LANES] =
    [0..BATCH_BYTES, BATCH_BYTES..BATCH_BYTES * 5 / 4, BATCH_BYTES * 5 / 4..HEARD_BYTES];

/// Bytes of the buffer.
const HEARD_BYTES: usize = BATCH_BYTES * 7 / 4;

/// Bytes of a lane that are used while several groups are heard: together as much as one alone.
const SHARES: [usize; LANES] = [BATCH_BYTES / 2, BATCH_BYTES / 4, BATCH_BYTES / 4];

/// The buffer, and what lies in it.
pub(super) struct Heard {
    pub(super) bytes: Box<[u8]>,
    pub(super) queue: Queue,
}

/// The datagrams that were not handed out yet.
pub(super) struct Queue {
    lanes: [Track; LANES],
    /// The lane of the message that is being handed out.
    current: Option<usize>,
}

/// A lane and how far it has been handed out.
struct Track {
    lane: Lane,
    /// Which socket it belongs to.
    owner: u32,
    message: usize,
    /// Bytes of this message that were handed out.
    offset: usize,
}

impl Track {
    fn arrives(&self) -> Option<Micros> {
        self.lane.messages().get(self.message).map(|message| message.at)
    }

    fn clear(&mut self) {
        self.lane.clear();
        self.lane.emptied = true;
        (self.message, self.offset) = (0, 0);
    }
}

impl Default for Heard {
    /// An empty buffer with all the room it will ever need.
    fn default() -> Self {
        let bytes = vec![0; HEARD_BYTES].into_boxed_slice();
        let track = |room| Track { lane: Lane::new(room), owner: 0, message: 0, offset: 0 };
        Self { bytes, queue: Queue { lanes: ROOMS.map(track), current: None } }
    }
}

impl Heard {
    /// Whether this lane has nothing to hand out.
    pub(super) fn is_spent(&self, lane: usize) -> bool {
        self.queue.lanes.get(lane).is_none_or(|track| track.arrives().is_none())
    }

    /// Whether no lane has.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.lanes.iter().all(|track| track.arrives().is_none())
    }

    /// How many datagrams lie in it, handed out or not.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.lanes.iter().map(|track| track.lane.datagrams()).sum()
    }

    /// The buffer and a lane, to be filled anew with what the only group sent.
    pub(super) fn refill(&mut self, lane: usize) -> Option<(&mut [u8], &mut Lane)> {
        self.refill_with(lane, usize::MAX)
    }

    /// The same for one group of several.
    pub(super) fn refill_shared(&mut self, lane: usize) -> Option<(&mut [u8], &mut Lane)> {
        let share = SHARES.get(lane).copied().unwrap_or_default();
        self.refill_with(lane, share)
    }

    fn refill_with(&mut self, lane: usize, most: usize) -> Option<(&mut [u8], &mut Lane)> {
        let track = self.queue.lanes.get_mut(lane)?;
        track.clear();
        track.lane.use_at_most(most);
        Some((&mut self.bytes, &mut track.lane))
    }

    /// A lane, to be dated.
    pub(super) fn lane(&mut self, lane: usize) -> Option<&mut Lane> {
        self.queue.lanes.get_mut(lane).map(|track| &mut track.lane)
    }
}

impl Queue {
    /// Gives each lane to a socket; what it holds of another one is for nobody any more.
    pub(super) fn give(&mut self, owners: [u32; LANES]) {
        for (index, (track, owner)) in self.lanes.iter_mut().zip(owners).enumerate() {
            if track.owner != owner {
                track.owner = owner;
                track.clear();
                self.current = self.current.filter(|current| *current != index);
            }
        }
    }

    /// The next datagram and its lane.
    pub(super) fn next(&mut self) -> Option<(usize, Datagram)> {
        let index = self.current.or_else(|| self.earliest())?;
        let track = self.lanes.get_mut(index)?;
        let message = track.lane.messages().get(track.message)?;
        let datagram = message.datagram(track.offset);
        track.offset += message.segment_bytes.max(1);
        self.current = if track.offset < message.bytes {
            Some(index)
        } else {
            (track.message, track.offset) = (track.message + 1, 0);
            None
        };
        Some((index, datagram))
    }

    /// Whether [`Queue::next`] has nothing more until sockets were read again.
    pub(super) fn is_done(&self) -> bool {
        self.current.is_none() && self.earliest().is_none()
    }

    /// The lane whose next message came first; of equals the first lane.
    fn earliest(&self) -> Option<usize> {
        let mut earliest: Option<(Micros, usize)> = None;
        for (index, track) in self.lanes.iter().enumerate() {
            match track.arrives() {
                Some(at) if earliest.is_none_or(|(first, _)| at < first) => {
                    earliest = Some((at, index));
                }
                None if !track.lane.emptied => return None,
                _ => {}
            }
        }
        earliest.map(|(_, index)| index)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::batch::Message;
    use super::super::clock;
    use super::*;

    const NOW: Micros = Micros::from_secs(100);
    const WALL: Duration = Duration::from_secs(1_800_000_000);

    /// Fills a lane with messages of so many datagrams of ten bytes, each some milliseconds old.
    fn fill(heard: &mut Heard, lane: usize, messages: &[(u64, usize)], emptied: bool) {
        let (_, lane) = heard.refill(lane).unwrap();
        for &(age_ms, datagrams) in messages {
            let (start, _) = lane.free(&mut []);
            let stamp = Some(WALL - Duration::from_millis(age_ms));
            let message = Message::new(None, start, datagrams * 10);
            lane.push(Message { stamp, segment_bytes: 10, ..message });
        }
        lane.emptied = emptied;
        lane.set_times(&clock::Reading { now: NOW, wall: WALL });
    }

    /// Lane and age in milliseconds of what comes next.
    fn taken(heard: &mut Heard) -> Vec<(usize, u64)> {
        let queue = &mut heard.queue;
        let age = |at: Micros| NOW.since(at).0 / 1_000;
        let taken = std::iter::from_fn(|| queue.next().map(|(lane, one)| (lane, age(one.at))));
        let taken = taken.collect();
        assert!(queue.is_done());
        taken
    }

    #[test]
    fn lanes_are_merged_by_time_and_joined_datagrams_stay_together() {
        let mut heard = Heard::default();
        fill(&mut heard, 0, &[(90, 2), (50, 1), (20, 1)], true);
        fill(&mut heard, 1, &[(70, 1), (60, 3), (20, 1)], true);
        fill(&mut heard, 2, &[(95, 1)], true);
        let order = [95, 90, 90, 70, 60, 60, 60, 50, 20, 20];
        let lanes = [2, 0, 0, 1, 1, 1, 1, 0, 0, 1];
        assert_eq!(taken(&mut heard), lanes.into_iter().zip(order).collect::<Vec<_>>());
        assert!(heard.is_empty());
    }

    #[test]
    fn what_may_have_come_before_is_waited_for() {
        let mut heard = Heard::default();
        fill(&mut heard, 0, &[(90, 1), (80, 1)], false);
        fill(&mut heard, 1, &[(85, 1), (10, 1)], true);
        assert_eq!(taken(&mut heard), [(0, 90), (1, 85), (0, 80)]);
        assert!(heard.is_spent(0) && !heard.is_spent(1) && !heard.is_empty());
        fill(&mut heard, 0, &[(40, 1), (5, 1)], true);
        assert_eq!(taken(&mut heard), [(0, 40), (1, 10), (0, 5)]);
    }

    #[test]
    fn a_lane_that_changes_hands_forgets_what_it_held_and_the_others_do_not() {
        let mut heard = Heard::default();
        heard.queue.give([1, 2, 0]);
        fill(&mut heard, 0, &[(90, 2)], false);
        fill(&mut heard, 1, &[(80, 1)], true);
        assert_eq!(heard.queue.next().map(|(lane, _)| lane), Some(0));
        heard.queue.give([3, 2, 0]);
        assert_eq!(taken(&mut heard), [(1, 80)]);
    }

    #[test]
    fn the_rooms_do_not_overlap_and_fill_the_buffer() {
        let rooms = ROOMS;
        assert!(rooms.iter().zip(SHARES).all(|(room, share)| room.len() >= share));
        assert_eq!(SHARES.iter().sum::<usize>(), BATCH_BYTES);
        assert!(rooms.windows(2).all(|two| two[0].end == two[1].start));
        assert_eq!(rooms[LANES - 1].end, Heard::default().bytes.len());
    }
}
