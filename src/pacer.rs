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

mod cap;
pub use cap::Cap;

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
        Micros(self.datagram_nanos().div_ceil(NANOS))
    }

    /// The same in nanoseconds, at least 1.
    fn datagram_nanos(&self) -> u64 {
        let mut one = Meter::new(self.rate(), 0);
        one.add(self.datagram_bytes_max);
        one.at().max(1)
    }

    fn rate(&self) -> u64 {
        self.bit_rate_bps.clamp(1, RATE_MAX)
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
        let rate = pace.rate();
        let fast = u128::from(rate) * u128::from(CATCH_UP.0) / u128::from(CATCH_UP.1);
        let fast = u64::try_from(fast).unwrap_or(RATE_MAX).clamp(1, RATE_MAX);
        let at = nanos(start);
        let burst = nanos(pace.burst);
        let largest = pace.datagram_nanos();
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
mod tests;
