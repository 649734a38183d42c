//! How long to let datagrams gather before the next receive call.
//!
//! Being woken costs a box some 25 microseconds, and a sender on the same machine pays for waking
//! it. So a box does not wait for each datagram: it sleeps while they gather in the receive
//! buffer, at most until an eighth of that is full at the rate measured last. As long as no rate
//! is known, it does not sleep.

use stbcast_object::Micros;

/// The first nap after silence.
const SHORTEST: Micros = Micros(250);

/// The longest: what a person, a time-out or the stop flag do not notice.
const LONGEST: Micros = Micros::from_millis(20);

/// A nap shorter than this costs more than it saves.
const WORTHWHILE: Micros = Micros(50);

/// Datagrams further apart than this came behind silence, which says nothing about their rate.
const STREAM: Micros = Micros::from_millis(1);

/// Share of the receive buffer that a nap may fill.
const SHARE: u64 = 8;

/// What the kernel counts for a datagram of usual size, its own records included.
const DATAGRAM_BYTES: u64 = 1_444;
const DATAGRAM_MEMORY_BYTES: u64 = 2_304;

/// What a receive call took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) datagrams: u64,
    /// UDP payload.
    pub(super) bytes: u64,
    /// Whether the socket was empty when the call was made.
    pub(super) waited: bool,
    /// Whether the call left the socket empty.
    pub(super) emptied: bool,
}

impl Taken {
    /// What the kernel counted for it. Small datagrams lie in buffers made for large ones.
    fn memory_bytes(&self) -> u64 {
        let by_bytes = self.bytes.saturating_mul(DATAGRAM_MEMORY_BYTES) / DATAGRAM_BYTES;
        self.datagrams.saturating_mul(DATAGRAM_MEMORY_BYTES).max(by_bytes)
    }
}

/// Decides on naps from what the calls took. Pure: the caller sleeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nap {
    /// Bytes the kernel lets wait, its own records included.
    buffer_bytes: u64,
    previous: Micros,
    /// When the socket was empty last, and what has filled it since.
    empty_at: Option<Micros>,
    filled: u64,
    /// Time in which the share of the buffer fills at the rate measured last.
    share_fills: Option<Micros>,
}

impl Nap {
    /// Naps for a receive buffer of so many bytes, counted as the kernel counts.
    pub(super) const fn new(buffer_bytes: u64) -> Self {
        let (empty_at, share_fills) = (None, None);
        Self { buffer_bytes, previous: Micros::ZERO, empty_at, filled: 0, share_fills }
    }

    /// How long to sleep before the next call, after one that ended at `now`.
    pub(super) fn after(&mut self, now: Micros, taken: Taken) -> Micros {
        self.filled = self.filled.saturating_add(taken.memory_bytes());
        if !taken.emptied {
            return Micros::ZERO;
        }
        let span = self.empty_at.map(|empty_at| now.since(empty_at));
        if let Some(span) = span.filter(|span| !taken.waited || *span <= STREAM) {
            self.share_fills = Some(self.time_to_fill(span));
        }
        if taken.waited {
            self.previous = Micros::ZERO;
        }
        (self.empty_at, self.filled) = (Some(now), 0);
        let limit = self.share_fills.unwrap_or(Micros::ZERO);
        self.previous = self.previous.times(2).max(SHORTEST).min(LONGEST).min(limit);
        if self.previous < WORTHWHILE { Micros::ZERO } else { self.previous }
    }

    /// Time in which the share of the buffer fills, if it goes on as in the last `span`.
    fn time_to_fill(&self, span: Micros) -> Micros {
        let time = u128::from(span.0) * u128::from(self.buffer_bytes / SHARE);
        let time = time / u128::from(self.filled.max(1));
        u64::try_from(time).map_or(Micros::NEVER, Micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUFFER: u64 = 8 << 20;

    fn taken(datagrams: u64) -> Taken {
        Taken { datagrams, bytes: datagrams * 1_444, waited: false, emptied: true }
    }

    fn waited(datagrams: u64) -> Taken {
        Taken { waited: true, ..taken(datagrams) }
    }

    /// Naps of a box on a channel of `rate` datagrams a second, with a second of silence before
    /// the first call and every `silence` others; what waited most at the end of one.
    fn naps(buffer: u64, rate: u64, count: usize, silence: usize) -> (Vec<u64>, u64) {
        let (mut nap, mut now, mut air, mut most) = (Nap::new(buffer), Micros::ZERO, 0, 0);
        let sent = |air: u64| rate * air / 1_000_000;
        let mut last = Micros::ZERO;
        let naps = (0..count).map(|call| {
            let silent = call % silence == 0;
            let before = sent(air);
            air += last.0;
            let arrived = sent(air) - before;
            most = most.max(arrived);
            now = now.after(last);
            last = if arrived > 0 && !silent {
                nap.after(now, taken(arrived))
            } else {
                // A message that was waited for may hold several datagrams too.
                let wait = 20_000_000 / rate;
                air += wait;
                let silence = if silent { Micros::from_secs(1) } else { Micros::ZERO };
                now = now.after(silence).after(Micros(wait));
                nap.after(now, waited(arrived + 20))
            };
            last.0
        });
        (naps.collect(), most)
    }

    #[test]
    fn naps_double_up_to_the_longest_once_a_rate_is_known() {
        let mut nap = Nap::new(BUFFER);
        assert_eq!(nap.after(Micros::ZERO, waited(1)), Micros::ZERO);
        assert_eq!(nap.after(Micros(231), waited(1)), SHORTEST);
        let mut now = Micros(231).after(SHORTEST);
        for expected in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000] {
            let next = nap.after(now, taken(1));
            assert_eq!(next, Micros(expected));
            now = now.after(next);
        }
    }

    #[test]
    fn a_nap_fills_an_eighth_of_the_buffer_at_most_however_often_silence_comes_between() {
        // 300 Mbit/s, 1 and 8 Gbit/s into what a system grants by default; 8 Gbit/s into ours.
        for (buffer, rate) in
            [(425_984, 25_970), (425_984, 86_565), (425_984, 692_520), (BUFFER, 692_520)]
        {
            for silence in [1_000, 7, 3, 2] {
                let (naps, most) = naps(buffer, rate, 70, silence);
                let eighth = buffer / 8 / DATAGRAM_MEMORY_BYTES;
                assert!(most <= eighth + 2, "{rate}: {most} waited, an eighth is {eighth}");
                let worthwhile = eighth * 1_000_000 / rate >= WORTHWHILE.0;
                assert_eq!(naps[69] > 0, worthwhile, "{rate}: {naps:?}");
            }
        }
    }

    #[test]
    fn what_is_left_in_the_socket_is_taken_without_a_nap_and_counts_for_the_rate() {
        let mut nap = Nap::new(BUFFER);
        nap.after(Micros::ZERO, waited(1));
        let full = Taken { emptied: false, ..taken(300) };
        for at in 1..4 {
            assert_eq!(nap.after(Micros(300 * at), full), Micros::ZERO);
        }
        // 1,000 datagrams in 1,200 us: an eighth of the buffer fills in 546.
        assert_eq!(nap.after(Micros(1_200), taken(100)), Micros(250));
        assert_eq!(nap.after(Micros(2_400), taken(1_000)), Micros(500));
        assert_eq!(nap.after(Micros(3_600), taken(1_000)), Micros(546));
    }

    #[test]
    fn silence_starts_over() {
        let mut nap = Nap::new(BUFFER);
        for at in 0..10 {
            nap.after(Micros::from_millis(20 * at), taken(10));
        }
        let late = Micros::from_secs(9);
        assert_eq!(nap.after(late, waited(1)), SHORTEST);
        assert_eq!(nap.after(late.after(SHORTEST), taken(1)), Micros(500));
    }

    #[test]
    fn a_nap_that_is_not_worth_it_is_not_taken() {
        let mut nap = Nap::new(4_608);
        nap.after(Micros::ZERO, waited(1));
        assert_eq!(nap.after(Micros(1_000), taken(100)), Micros::ZERO);
    }

    #[test]
    fn small_datagrams_fill_the_buffer_too() {
        let small = Taken { bytes: 50, ..taken(1) };
        assert_eq!(small.memory_bytes(), taken(1).memory_bytes());
        assert_eq!(Taken { bytes: 5_000, ..small }.memory_bytes(), 7_977);
    }
}
