//! Constant bit rate: when the next datagrams may go, and how many.
//!
//! Three rules, all exact to the nanosecond:
//!
//! * The **schedule** is the ideal: datagram i is due when the i-1 before it have been on the wire
//!   at the channel's rate. Nothing is ever sent before it is due, so no burst can be early.
//! * The **batch**: what goes out in one turn lasts at most the channel's burst at its own rate, and
//!   a fast channel waits until so much is due. Where a datagram takes longer they go one by one.
//! * The **governor** bounds catching up after a stall: the channel then runs at most 1.1 times as
//!   fast, batch by batch, and no gap between two is shorter than half the even one.
//!
//! A pacer asks for no clock and never sleeps.

use stbcast_object::Micros;

/// The longest batch where a line-up says nothing, at the channel's rate.
pub const BURST: Micros = Micros(250);

/// A stall longer than this is forgiven: the rest of it is never made up.
pub const LAG_MAX: Micros = Micros::from_secs(1);

/// Catching up runs at 11/10 of the rate.
const CATCH_UP: (u64, u64) = (11, 10);

/// A machine wakes late, and what a late batch lost the next gap must give back, or the rate
/// would sink: by this part of it, which leaves more than half of an even gap.
const LATE_WAKE: (u64, u64) = (2, 5);

const NANOS: u64 = 1_000;

/// More bytes than any datagram has; up to here costs are computed without overflow.
const BYTES_MAX: u64 = 1 << 20;

/// What a pacer keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bits of IP per second, at least 1.
    pub bit_rate_bps: u64,
    /// IP bytes of the largest datagram.
    pub datagram_bytes_max: usize,
    /// The longest batch, at the channel's rate.
    pub burst: Micros,
}

impl Pace {
    /// Time the largest datagram takes.
    pub fn datagram_span(&self) -> Micros {
        let mut one = Meter::new(self.bit_rate_bps.clamp(1, RATE_MAX), 0);
        one.add(self.datagram_bytes_max);
        Micros(one.at().div_ceil(NANOS))
    }
}

/// Paces one channel.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    schedule: Meter,
    governor: Meter,
    /// Longest batch, in nanoseconds of the rate.
    burst: u64,
    /// The largest datagram, in nanoseconds of the rate.
    largest: u64,
    /// By how much the first datagram of a batch waits for the others, in nanoseconds.
    hold: u64,
    batch: Batch,
}

/// What goes out in one turn.
#[derive(Clone, Copy, Debug)]
struct Batch {
    at: Micros,
    /// Sent so far, in nanoseconds of the rate.
    spent: u64,
    /// The same in nanoseconds of the governor's.
    governed: u64,
}

/// A point in time that moves on by what has been sent at a rate, without rounding away anything.
#[derive(Clone, Copy, Debug)]
struct Meter {
    bits_per_second: u64,
    nanos: u64,
    /// What is left of a nanosecond, in 1/bits_per_second of it.
    rest: u64,
}

impl Meter {
    const fn new(bits_per_second: u64, nanos: u64) -> Self {
        Self { bits_per_second, nanos, rest: 0 }
    }

    const fn add(&mut self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        let bytes = if bytes < BYTES_MAX { bytes } else { BYTES_MAX };
        // Below 2^53 + 2^63: a rate is at most `RATE_MAX`.
        let scaled = bytes * 8 * 1_000_000_000 + self.rest;
        let cost = scaled / self.bits_per_second;
        self.rest = scaled % self.bits_per_second;
        self.nanos = self.nanos.saturating_add(cost);
        cost
    }

    /// The point in whole nanoseconds, never earlier than it is.
    const fn at(&self) -> u64 {
        self.nanos.saturating_add((self.rest > 0) as u64)
    }

    const fn not_before(&mut self, nanos: u64) {
        if self.nanos < nanos {
            *self = Self::new(self.bits_per_second, nanos);
        }
    }
}

/// Rates above this (in bits per second) are taken as this.
const RATE_MAX: u64 = 1 << 62;

const fn nanos(at: Micros) -> u64 {
    at.0.saturating_mul(NANOS)
}

impl Pacer {
    /// A pacer whose first datagram is due at `start`.
    pub fn new(pace: Pace, start: Micros) -> Self {
        let rate = pace.bit_rate_bps.clamp(1, RATE_MAX);
        let fast = u128::from(rate) * u128::from(CATCH_UP.0) / u128::from(CATCH_UP.1);
        let fast = u64::try_from(fast).unwrap_or(RATE_MAX).clamp(1, RATE_MAX);
        let at = nanos(start);
        let burst = nanos(pace.burst);
        let mut one = Meter::new(rate, 0);
        one.add(pace.datagram_bytes_max);
        let largest = one.at().max(1);
        let hold = largest.saturating_mul((burst / largest).saturating_sub(1));
        let batch = Batch { at: Micros::NEVER, spent: 0, governed: 0 };
        let (schedule, governor) = (Meter::new(rate, at), Meter::new(fast, at));
        Self { schedule, governor, burst, largest, hold, batch }
    }

    /// When the next batch may go; now, where that is not later than now.
    pub const fn next_at(&self) -> Micros {
        let (part, of) = LATE_WAKE;
        let governed = self.governor.at().saturating_sub(self.batch.governed / of * part);
        let scheduled = self.schedule.at().saturating_add(self.hold);
        let at = if scheduled > governed { scheduled } else { governed };
        Micros(at.div_ceil(NANOS))
    }

    /// Whether one more datagram may go at `now`: as the first of a batch, or with those that went
    /// at the same `now`.
    pub const fn may_send(&self, now: Micros) -> bool {
        if self.batch.at.0 != now.0 {
            return self.next_at().0 <= now.0;
        }
        let fits = self.batch.spent.saturating_add(self.largest) <= self.burst;
        fits && self.schedule.at() <= nanos(now)
    }

    /// How late the next datagram is.
    pub const fn lag(&self, now: Micros) -> Micros {
        Micros(nanos(now).saturating_sub(self.schedule.nanos.saturating_add(self.hold)) / NANOS)
    }

    /// Notes a datagram of `ip_bytes` that was sent at `now`.
    pub fn sent(&mut self, now: Micros, ip_bytes: usize) {
        let at = nanos(now);
        if self.batch.at != now {
            self.batch = Batch { at: now, spent: 0, governed: 0 };
            self.schedule.not_before(at.saturating_sub(nanos(LAG_MAX)));
            self.governor.not_before(at);
        }
        self.batch.spent += self.schedule.add(ip_bytes);
        self.batch.governed += self.governor.add(ip_bytes);
    }

    /// Nothing was to be sent until `at`: that time is not made up.
    pub const fn idle_until(&mut self, at: Micros) {
        self.schedule.not_before(nanos(at));
    }

    /// Goes on at another pace.
    pub fn set_pace(&mut self, pace: Pace) {
        let at = Micros(self.schedule.nanos.div_ceil(NANOS));
        *self = Self::new(pace, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pacer(bit_rate_bps: u64, datagram_bytes_max: usize) -> Pacer {
        Pacer::new(Pace { bit_rate_bps, datagram_bytes_max, burst: BURST }, Micros::ZERO)
    }

    /// Sends whatever may go at `now`, datagrams of `bytes`; how many went.
    fn send(pacer: &mut Pacer, now: Micros, bytes: usize) -> u64 {
        let mut count = 0;
        while pacer.may_send(now) {
            pacer.sent(now, bytes);
            count += 1;
        }
        count
    }

    #[test]
    fn a_punctual_caller_gets_even_gaps_and_the_exact_rate() {
        let mut pacer = pacer(20_000_000, 1_472);
        let mut times = Vec::new();
        for _ in 0..10_000 {
            let at = pacer.next_at();
            times.push(at.0);
            assert_eq!(send(&mut pacer, at, 1_472), 1);
        }
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (588..=590).contains(gap)));
        assert_eq!(*times.last().unwrap(), (9_999 * 1_472 * 8u64).div_ceil(20));
    }

    #[test]
    fn a_fast_channel_sends_even_batches_of_what_a_burst_holds() {
        // 1,472 bytes take 11.776 us, so 21 of them fit into 250 us.
        let mut pacer = pacer(1_000_000_000, 1_472);
        let mut times = Vec::new();
        for _ in 0..1_000 {
            let at = pacer.next_at();
            times.push(at.0);
            assert_eq!(send(&mut pacer, at, 1_472), 21, "at {at}");
        }
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (247..=248).contains(gap)), "{gaps:?}");
    }

    #[test]
    fn a_stall_is_made_up_at_eleven_tenths_of_the_rate_and_never_in_a_burst() {
        for (bit_rate_bps, batch) in [(20_000_000, 1), (1_000_000_000, 25)] {
            let even = batch * 1_250 * 8 * 1_000_000 / bit_rate_bps;
            let mut pacer = pacer(bit_rate_bps, 1_250);
            let mut now = pacer.next_at();
            send(&mut pacer, now, 1_250);
            now = Micros::from_millis(100);
            let mut previous = None;
            while pacer.lag(now) > Micros(1_000) {
                let sent = send(&mut pacer, now, 1_250);
                assert!(sent <= batch, "{sent} datagrams at once instead of {batch}");
                let next = pacer.next_at();
                let gap = previous.map_or(even, |previous| now.since(previous).0);
                assert!((even * 27 / 50..=even).contains(&gap), "{gap} us instead of {even} us");
                (previous, now) = (Some(now), now.max(next));
            }
            let made_up = now.since(Micros::from_millis(100));
            let about = Micros::from_millis(900)..Micros::from_millis(1_100);
            assert!(about.contains(&made_up), "{made_up}");
        }
    }

    #[test]
    fn a_machine_that_always_wakes_late_still_keeps_the_rate() {
        for (bit_rate_bps, late) in [(20_000_000, 170), (50_000_000, 80), (1_000_000_000, 80)] {
            let mut pacer = pacer(bit_rate_bps, 1_250);
            let (mut now, mut datagrams) = (Micros::ZERO, 0);
            for n in 0u64..20_000 {
                now = now.max(pacer.next_at()).after(Micros(n * 7_919 % late));
                datagrams += send(&mut pacer, now, 1_250);
            }
            let ideal = (datagrams - 1) * 1_250 * 8_000_000 / bit_rate_bps;
            assert!(now.0 < ideal + 1_000, "{} instead of {ideal} us", now.0);
        }
    }

    #[test]
    fn what_is_beyond_the_longest_lag_is_forgiven() {
        let mut pacer = pacer(8_000_000, 1_000);
        pacer.sent(Micros::from_secs(100), 1_000);
        assert!(pacer.lag(Micros::from_secs(100)) <= LAG_MAX);
    }

    #[test]
    fn an_idle_channel_owes_nothing() {
        let mut pacer = pacer(8_000_000, 1_000);
        pacer.idle_until(Micros::from_secs(5));
        assert_eq!(pacer.next_at(), Micros::from_secs(5));
        assert_eq!(pacer.lag(Micros::from_secs(5)), Micros::ZERO);
    }

    #[test]
    fn no_rate_and_no_size_upsets_it() {
        for rate in [0, 1, u64::MAX] {
            let mut pacer = pacer(rate, usize::MAX);
            pacer.sent(Micros::ZERO, usize::MAX);
            assert!(pacer.next_at() > Micros::ZERO);
        }
    }

    proptest! {
        /// For any pattern of calls: never more than rate x t and one datagram since the start;
        /// at any instant no more than a burst, or one datagram; and in any window never more
        /// than 1.1 x rate x t and one and a half such batches.
        #[test]
        fn never_more_than_the_rate_and_a_burst(
            bit_rate_bps in 1_000u64..2_000_000_000,
            burst in prop_oneof![Just(0), Just(250), 0u64..5_000],
            gaps in proptest::collection::vec(prop_oneof![0u64..50, 0u64..5_000, 0u64..3_000_000], 1..60),
            sizes in proptest::collection::vec(72usize..1_500, 1..10),
        ) {
            let largest = *sizes.iter().max().unwrap();
            let pace = Pace { bit_rate_bps, datagram_bytes_max: largest, burst: Micros(burst) };
            let mut pacer = Pacer::new(pace, Micros::ZERO);
            let (mut now, mut sent) = (Micros::ZERO, Vec::new());
            let mut sizes = sizes.iter().copied().cycle();
            for gap in gaps {
                now = now.after(Micros(gap));
                while pacer.may_send(now) && sent.len() < 5_000 {
                    let bytes = sizes.next().unwrap();
                    pacer.sent(now, bytes);
                    sent.push((now.0, bytes as u128));
                }
            }
            let bits = |span: u64| u128::from(span) * u128::from(bit_rate_bps) / 1_000_000;
            let batch = (bits(burst) / 8).max(largest as u128);
            let mut total = 0;
            for &(at, bytes) in &sent {
                prop_assert!(total * 8 <= bits(at), "early by {} bits", total * 8 - bits(at));
                total += bytes;
            }
            for (i, &(from, _)) in sent.iter().enumerate() {
                let mut window = 0u128;
                for &(to, bytes) in &sent[i..] {
                    window += bytes;
                    let most = bits(to - from) * 11 / 10 + batch * 8 * 7 / 5 + 16;
                    prop_assert!(window * 8 <= most, "{} of {} bits", window * 8, most);
                    prop_assert!(to > from || window <= batch, "a burst of {window} bytes");
                }
            }
        }

        /// A caller that comes often enough gets the whole rate.
        #[test]
        fn a_frequent_caller_gets_the_whole_rate(
            bit_rate_bps in 100_000u64..100_000_000,
            gaps in proptest::collection::vec(1u64..100, 500..1_000),
        ) {
            let mut pacer = pacer(bit_rate_bps, 1_000);
            let (mut now, mut sent) = (Micros::ZERO, 0);
            for gap in gaps {
                now = now.after(Micros(gap));
                sent += send(&mut pacer, now, 1_000);
            }
            let due = u128::from(now.0) * u128::from(bit_rate_bps) / 1_000_000;
            prop_assert!(u128::from(sent) * 8_000 + 8_000 * 4 + due / 20 >= due);
        }
    }
}
