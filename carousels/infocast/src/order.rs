//! The order of a cycle: which objects pass once, and which several times in between.
//!
//! A box waits ten seconds for its control object. Where a channel carries a long object beside
//! small ones, a plain round-robin would show the small ones once per long pass; so a **run** of
//! all small objects is put in between at even distances:
//!
//! ```text
//!  run | long 1..k | run | long k+1..2k | run | ... | long ..n | end of cycle
//! ```

use alloc::vec::Vec;

use stbcast_object::Micros;

/// Small objects come again after about this span where that costs at most half the channel.
const RUN_INTERVAL: Micros = Micros::from_millis(2_500);

/// A run's interval is stretched to at most this span when the small objects are many.
const RUN_INTERVAL_MAX: Micros = Micros::from_secs(5);

/// Nothing above this length in bytes is small: a StbConfig or a channel list is, a splash is not.
const SMALL_OBJECT_BYTES: u64 = 64 * 1024;

/// Small objects are this many times smaller than the next; equals are treated alike.
const SMALL_FACTOR: u64 = 4;

/// What one pass of an object puts on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Length of the object in bytes.
    pub length: u64,
    /// Datagrams of one pass.
    pub datagrams: u64,
    /// IP bytes of one pass.
    pub ip_bytes: u64,
}

/// Which objects are small, and how often they run in a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub(crate) small: Vec<usize>,
    pub(crate) long: Vec<usize>,
    pub(crate) runs: u64,
}

/// One cycle in figures, delays left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Datagrams of a cycle.
    pub datagrams: u64,
    /// IP bytes of a cycle.
    pub ip_bytes: u64,
    /// Time a cycle takes at the channel's bit rate.
    pub cycle: Micros,
    /// Passes of each object in a cycle.
    pub passes: Vec<u64>,
}

impl Plan {
    /// Time between two passes of object `index` begin, delays left aside.
    pub fn interval(&self, index: usize) -> Micros {
        let passes = self.passes.get(index).copied().unwrap_or(1).max(1);
        Micros(self.cycle.0 / passes)
    }
}

fn span(ip_bytes: u64, bit_rate_bps: u64) -> Micros {
    let micros = u128::from(ip_bytes) * 8_000_000 / u128::from(bit_rate_bps.max(1));
    Micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

impl Order {
    /// Decides the order for objects of these `loads` at `bit_rate_bps` bits per second.
    pub fn new(loads: &[Load], bit_rate_bps: u64) -> Self {
        let mut by_size: Vec<usize> = (0..loads.len()).collect();
        let load = |index: usize| loads.get(index).map_or((0, 0), |l| (l.length, l.ip_bytes));
        by_size.sort_by_key(|&index| load(index));
        let total: u64 = loads.iter().map(|l| l.ip_bytes).sum();

        let (mut small_count, mut small_bytes, mut sum) = (0, 0, 0);
        if span(total, bit_rate_bps) > RUN_INTERVAL {
            for (count, pair) in by_size.windows(2).enumerate() {
                let &[this, next] = pair else { continue };
                sum += load(this).1;
                let gap = load(next).1 >= load(this).1.saturating_mul(SMALL_FACTOR);
                let fits = span(sum, bit_rate_bps).times(2) <= RUN_INTERVAL_MAX;
                if gap && fits && load(this).0 <= SMALL_OBJECT_BYTES {
                    (small_count, small_bytes) = (count + 1, sum);
                }
            }
        }

        let mut small: Vec<usize> = by_size.iter().copied().take(small_count).collect();
        small.sort_unstable();
        let long: Vec<usize> = (0..loads.len()).filter(|index| !small.contains(index)).collect();
        let run = span(small_bytes, bit_rate_bps);
        let interval = run.times(2).max(RUN_INTERVAL);
        let runs = if small.is_empty() {
            0
        } else {
            span(total - small_bytes, bit_rate_bps).0.div_ceil(interval.since(run).0.max(1)).max(1)
        };
        Self { small, long, runs }
    }

    /// The cycle in figures for the same `loads` and rate.
    pub fn plan(&self, loads: &[Load], bit_rate_bps: u64) -> Plan {
        let passes = |index| if self.small.contains(&index) { self.runs } else { 1 };
        let passes: Vec<u64> = (0..loads.len()).map(passes).collect();
        let sum = |value: fn(&Load) -> u64| -> u64 {
            loads.iter().zip(&passes).map(|(load, passes)| value(load) * passes).sum()
        };
        let ip_bytes = sum(|load| load.ip_bytes);
        let cycle = span(ip_bytes, bit_rate_bps);
        Plan { datagrams: sum(|load| load.datagrams), ip_bytes, cycle, passes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(length: u64) -> Load {
        let datagrams = length.div_ceil(1_000).max(1);
        Load { length, datagrams, ip_bytes: length + datagrams * 72 }
    }

    fn order(lengths: &[u64], bit_rate_bps: u64) -> (Order, Plan) {
        let loads: Vec<_> = lengths.iter().copied().map(load).collect();
        let order = Order::new(&loads, bit_rate_bps);
        let plan = order.plan(&loads, bit_rate_bps);
        (order, plan)
    }

    #[test]
    fn a_channel_that_is_quick_anyway_is_a_plain_round() {
        let (order, plan) = order(&[300, 300, 5_000, 10], 64_000);
        assert!(order.small.is_empty());
        assert_eq!(plan.passes, [1, 1, 1, 1]);
    }

    #[test]
    fn small_objects_pass_several_times_in_ten_seconds_beside_a_long_one() {
        let (order, plan) = order(&[24 << 20, 300, 300], 8_000_000);
        assert_eq!(order.small, [1, 2]);
        assert!(plan.interval(1) <= Micros::from_millis(2_500), "{:?}", plan.interval(1));
        assert!(plan.cycle < Micros::from_secs(29), "runs are cheap: {:?}", plan.cycle);
    }

    #[test]
    fn equals_are_treated_alike_even_when_they_are_too_many() {
        let (order, plan) = order(&[300; 100], 16_000);
        assert!(order.small.is_empty());
        assert!(plan.cycle > Micros::from_secs(10));
    }

    #[test]
    fn a_slow_metadata_channel_keeps_its_control_objects_below_the_patience_of_a_box() {
        let lengths = [300, 300, 300, 300, 300, 300, 300, 300, 300, 50_000];
        let (order, plan) = order(&lengths, 16_000);
        assert_eq!(order.small.len(), 9);
        assert!(plan.interval(0) <= Micros::from_secs(5), "{:?}", plan.interval(0));
        assert!(plan.cycle <= Micros::from_secs(60), "{:?}", plan.cycle);
    }

    proptest! {
        #[test]
        fn small_objects_never_take_more_than_about_half(
            lengths in proptest::collection::vec(0u64..5_000_000, 1..20),
            bit_rate_kbps in 16u64..100_000,
        ) {
            let (order, plan) = order(&lengths, bit_rate_kbps * 1_000);
            let plain: u64 = lengths.iter().map(|&length| load(length).ip_bytes).sum();
            prop_assert!(plan.ip_bytes <= plain * 2 + plain / 4);
            prop_assert_eq!(order.small.len() + order.long.len(), lengths.len());
        }
    }
}
