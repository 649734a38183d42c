//! The hard cap of an interface: what all its channels send together.

use stbcast_object::Micros;

use super::{BYTES_MAX, Meter, RATE_MAX, nanos};

/// Bytes of IP by which sending may be behind the cap and still make up for it: the machine wakes late,
/// and what every late wake loses would sum up.
const HEADROOM_BYTES: usize = 16 << 10;

/// Keeps what goes out of an interface to a rate. In any span of time no more goes than the cap allows,
/// 16 KiB, and what a single channel sends at once.
///
/// Like a pacer it asks for no clock and never sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    line: Meter,
    /// The headroom in nanoseconds of the cap.
    headroom: u64,
}

impl Cap {
    /// A cap of so many bits of IP per second, at least 1, on a line that is free.
    pub fn new(bit_rate_bps: u64) -> Self {
        let rate = bit_rate_bps.clamp(1, RATE_MAX);
        let headroom = Meter::new(rate, 0).add(HEADROOM_BYTES);
        Self { line: Meter::new(rate, 0), headroom }
    }

    /// When the line is free again.
    pub const fn next_at(&self) -> Micros {
        Micros(self.line.at().div_ceil(super::NANOS))
    }

    /// Notes what was sent at `now`, in bytes of IP.
    pub const fn sent(&mut self, now: Micros, ip_bytes: usize) {
        self.line.not_before(nanos(now).saturating_sub(self.headroom));
        let mut left = ip_bytes;
        while left > 0 {
            let part = if (left as u64) < BYTES_MAX { left } else { BYTES_MAX as usize };
            self.line.add(part);
            left -= part;
        }
    }

    /// Goes on with another cap; the line is free when it would have been.
    #[must_use]
    pub fn at(self, bit_rate_bps: u64) -> Self {
        let new = Self::new(bit_rate_bps);
        Self { line: Meter::new(new.line.bits_per_second, self.line.at()), ..new }
    }
}
