//! Constant bit rate: when the next datagram may go.
//!
//! Two rules, both exact to the nanosecond:
//!
//! * The **schedule** is the ideal: datagram i is due when the i-1 before it have been on the wire
//!   at the channel's rate. Nothing is ever sent before it is due, so no burst can be early.
//! * The **governor** bounds catching up after a stall: the channel then runs at most 1.1 times as
//!   fast, in bursts of at most [`BURST`] of its own rate. Where a datagram takes longer than that,
//!   they go one by one and no gap is shorter than half the even one.
//!
//! A pacer asks for no clock and never sleeps.

use stbcast_object::Micros;

/// A burst lasts at most this long at the channel's rate.
pub const BURST: Micros = Micros(250);

/// A stall longer than this is forgiven: the rest of it is never made up.
pub const LAG_MAX: Micros = Micros::from_secs(1);

/// Catching up runs at 11/10 of the rate.
const CATCH_UP: (u64, u64) = (11, 10);

/// A machine wakes late, and what a late datagram lost the next gap must give back, or the rate
/// would sink: by this part of it, which leaves more than half of an even gap.
const LATE_WAKE: (u64, u64) = (2, 5);

const NANOS: u64 = 1_000;

/// Paces one channel.
#[derive(Clone, Debug)]
pub struct Pacer {
    schedule: Meter,
    governor: Meter,
    /// Span the governor may run ahead, in nanoseconds.
    tolerance: u64,
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

    fn add(&mut self, bytes: usize) -> u64 {
        let scaled = u128::from(bytes as u64) * 8 * 1_000_000_000 + u128::from(self.rest);
        let rate = u128::from(self.bits_per_second);
        let cost = u64::try_from(scaled / rate).unwrap_or(u64::MAX);
        self.rest = u64::try_from(scaled % rate).unwrap_or(0);
        self.nanos = self.nanos.saturating_add(cost);
        cost
    }

    /// The point in whole nanoseconds, never earlier than it is.
    const fn at(&self) -> u64 {
        self.nanos.saturating_add((self.rest > 0) as u64)
    }

    fn not_before(&mut self, nanos: u64) {
        if self.nanos < nanos {
            *self = Self::new(self.bits_per_second, nanos);
        }
    }
}

const fn nanos(at: Micros) -> u64 {
    at.0.saturating_mul(NANOS)
}

impl Pacer {
    /// A pacer of `bit_rate_bps` bits of IP per second (at least 1) whose first datagram is due at
    /// `start`.
    pub fn new(bit_rate_bps: u64, start: Micros) -> Self {
        let rate = bit_rate_bps.max(1);
        let fast = rate.saturating_mul(CATCH_UP.0) / CATCH_UP.1;
        let at = nanos(start);
        Self { schedule: Meter::new(rate, at), governor: Meter::new(fast.max(1), at), tolerance: 0 }
    }

    /// When the next datagram may go; now, where that is not later than now.
    pub const fn next_at(&self) -> Micros {
        let governed = self.governor.at().saturating_sub(self.tolerance);
        let scheduled = self.schedule.at();
        let at = if scheduled > governed { scheduled } else { governed };
        Micros(at.div_ceil(NANOS))
    }

    /// How late the next datagram is.
    pub const fn lag(&self, now: Micros) -> Micros {
        Micros(nanos(now).saturating_sub(self.schedule.nanos) / NANOS)
    }

    /// Notes a datagram of `ip_bytes` that was sent at `now`.
    pub fn sent(&mut self, now: Micros, ip_bytes: usize) {
        let now = nanos(now);
        self.schedule.not_before(now.saturating_sub(nanos(LAG_MAX)));
        self.schedule.add(ip_bytes);
        self.governor.not_before(now);
        let cost = self.governor.add(ip_bytes);
        let (amount, of) = LATE_WAKE;
        self.tolerance = nanos(BURST).saturating_sub(cost).max(cost / of * amount);
    }

    /// Nothing was to be sent until `at`: that time is not made up.
    pub fn idle_until(&mut self, at: Micros) {
        self.schedule.not_before(nanos(at));
    }

    /// Goes on at another rate.
    pub fn set_bit_rate(&mut self, bit_rate_bps: u64) {
        let at = Micros(self.schedule.nanos.div_ceil(NANOS));
        *self = Self::new(bit_rate_bps, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sends whatever may go at each of the given instants; (time, bytes) of each datagram.
    fn run(bit_rate_bps: u64, instants: &[u64], sizes: &[usize]) -> Vec<(u64, u64)> {
        let mut pacer = Pacer::new(bit_rate_bps, Micros::ZERO);
        let mut sizes = sizes.iter().copied().cycle();
        let mut sent = Vec::new();
        for &instant in instants {
            while pacer.next_at() <= Micros(instant) && sent.len() < 5_000 {
                let bytes = sizes.next().unwrap_or(100);
                pacer.sent(Micros(instant), bytes);
                sent.push((instant, bytes as u64));
            }
        }
        sent
    }

    #[test]
    fn a_punctual_caller_gets_even_gaps_and_the_exact_rate() {
        let mut pacer = Pacer::new(20_000_000, Micros::ZERO);
        let mut times = Vec::new();
        for _ in 0..10_000 {
            let at = pacer.next_at();
            times.push(at.0);
            pacer.sent(at, 1_472);
        }
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (588..=590).contains(gap)));
        assert_eq!(*times.last().unwrap(), (9_999 * 1_472 * 8u64).div_ceil(20));
    }

    #[test]
    fn a_stall_is_made_up_at_eleven_tenths_of_the_rate_and_never_in_a_burst() {
        let mut pacer = Pacer::new(20_000_000, Micros::ZERO);
        pacer.sent(Micros::ZERO, 1_250);
        let mut now = Micros::from_millis(100);
        let mut previous = None;
        while pacer.lag(now) > Micros(1_000) {
            if let Some(previous) = previous {
                let gap = now.since(previous).0;
                assert!((272..=500).contains(&gap), "{gap} us is less than half of 500 us");
            }
            previous = Some(now);
            pacer.sent(now, 1_250);
            now = now.max(pacer.next_at());
        }
        let made_up = now.since(Micros::from_millis(100));
        assert!((Micros::from_millis(900)..Micros::from_millis(1_100)).contains(&made_up));
    }

    #[test]
    fn a_machine_that_always_wakes_late_still_keeps_the_rate() {
        let mut pacer = Pacer::new(20_000_000, Micros::ZERO);
        let mut now = Micros::ZERO;
        let mut previous = Micros::ZERO;
        for n in 0u64..10_000 {
            now = now.max(pacer.next_at()).after(Micros(n * 7_919 % 170));
            assert!(n == 0 || now.since(previous) >= Micros(250), "a burst");
            previous = now;
            pacer.sent(now, 1_250);
        }
        let ideal = 9_999 * 500;
        assert!(now.0 < ideal + 1_000, "{} instead of {ideal} us", now.0);
    }

    #[test]
    fn what_is_beyond_the_longest_lag_is_forgiven() {
        let mut pacer = Pacer::new(8_000_000, Micros::ZERO);
        pacer.sent(Micros::from_secs(100), 1_000);
        assert!(pacer.lag(Micros::from_secs(100)) <= LAG_MAX);
    }

    #[test]
    fn an_idle_channel_owes_nothing() {
        let mut pacer = Pacer::new(8_000_000, Micros::ZERO);
        pacer.idle_until(Micros::from_secs(5));
        assert_eq!(pacer.next_at(), Micros::from_secs(5));
        assert_eq!(pacer.lag(Micros::from_secs(5)), Micros::ZERO);
    }

    proptest! {
        /// For any pattern of calls: never more than rate x t and one datagram since the start, and
        /// in any window never more than 1.1 x rate x t and a burst.
        #[test]
        fn never_more_than_the_rate_and_a_burst(
            bit_rate_bps in 1_000u64..2_000_000_000,
            gaps in proptest::collection::vec(prop_oneof![0u64..50, 0u64..5_000, 0u64..3_000_000], 1..60),
            sizes in proptest::collection::vec(72usize..1_500, 1..10),
        ) {
            let mut now = 0;
            let instants: Vec<_> = gaps.iter().map(|gap| { now += gap; now }).collect();
            let sent = run(bit_rate_bps, &instants, &sizes);
            let bits = |span: u64| u128::from(span) * u128::from(bit_rate_bps) / 1_000_000;
            let (mut total, largest) = (0u128, *sizes.iter().max().unwrap() as u128);
            for &(at, bytes) in &sent {
                prop_assert!(total * 8 <= bits(at), "early by {} bits", total * 8 - bits(at));
                total += u128::from(bytes);
            }
            let burst = (bits(BURST.0) * 11 / 10 / 8).max(largest) + largest * 7 / 5;
            for (i, &(from, _)) in sent.iter().enumerate() {
                let mut window = 0u128;
                for &(to, bytes) in &sent[i..] {
                    window += u128::from(bytes);
                    prop_assert!(window * 8 <= bits(to - from) * 11 / 10 + burst * 8 + 16);
                }
            }
        }

        /// A caller that comes often enough gets the whole rate.
        #[test]
        fn a_frequent_caller_gets_the_whole_rate(
            bit_rate_bps in 100_000u64..100_000_000,
            gaps in proptest::collection::vec(1u64..100, 500..1_000),
        ) {
            let mut now = 0;
            let instants: Vec<_> = gaps.iter().map(|gap| { now += gap; now }).collect();
            let sent = run(bit_rate_bps, &instants, &[1_000]);
            let total: u64 = sent.iter().map(|(_, bytes)| bytes * 8).sum();
            let due = u128::from(now) * u128::from(bit_rate_bps) / 1_000_000;
            prop_assert!(sent.len() == 5_000 || u128::from(total) + 8_000 * 4 + due / 20 >= due);
        }
    }
}
