//! How long boxes take where datagrams are lost, before anything is sent.
//!
//! The unit is the *image-cycle*: as many datagrams with symbols sent, source and repair together,
//! as the object has source symbols. Losses are independent of each other; bursts are kinder to
//! boxes without repair and harder on those with it.
//!
//! A box joins at any moment and hears a carousel in a fixed order, so after `c + x` cycles of
//! source symbols (`x < 1`) a part `x` of them has passed `c + 1` times and the others `c` times. A
//! symbol that passed `n` times has arrived with probability `1 - p^n`. The same goes for the stored
//! repair symbols, whose cycles are longer. That is all there is; the rest is who needs how many:
//!
//! * a box without repair needs every source symbol ([`plain_cycles`], exact);
//! * a box with repair needs as many symbols of a block as it has source symbols, in every block
//!   ([`coded_cycles`], close), and with blocks without end as many as are sent on average
//!   ([`ideal_cycles`], exact).

mod missing;

pub use missing::{FALLBACK_SHARE, Missing, UnicastCost, bytes_per_box, costs, window_seconds};

use serde::Serialize;
use stbcast_fec::{Geometry, RAPTORQ_OVERHEAD, Scheme};

/// Loss rates that plans show, as parts of 1.
pub const LOSS_RATES: [f64; 5] = [0.001, 0.01, 0.05, 0.10, 0.20];

/// Parts of the boxes that have completed: half of them, and 999 of 1,000.
const SHARES: [f64; 2] = [0.5, 0.999];

/// Bisections of a time; the last one is some 1e-9 of a cycle.
const BISECTIONS: u32 = 40;

/// No prediction is longer than this, in image-cycles.
const CYCLES_MAX: f64 = 10_000.0;

/// Least repair symbols for each source symbol, as a part of 1, with which boxes that lose
/// `worst_loss` (0 to below 1) of all datagrams complete as fast as any code allows: p / (1 - p).
pub fn ratio_for(worst_loss: f64) -> f64 {
    worst_loss / (1.0 - worst_loss)
}

/// When half of the boxes have completed, and when 999 of 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Times {
    /// Half of them.
    pub p50: f64,
    /// All but one of 1,000.
    #[serde(rename = "p99_9")]
    pub p999: f64,
}

impl Times {
    fn of(mut time: impl FnMut(f64) -> f64) -> Self {
        let [p50, p999] = SHARES.map(&mut time);
        Self { p50, p999 }
    }

    fn times(self, factor: f64) -> Self {
        Self { p50: self.p50 * factor, p999: self.p999 * factor }
    }
}

/// What to expect at one loss rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Lost datagrams in percent.
    pub loss_percent: f64,
    /// Image-cycles of boxes that hear the channel alone.
    pub legacy: Times,
    /// The same in seconds.
    pub legacy_seconds: Times,
    /// Image-cycles of boxes that hear the companion too; none where there is no repair.
    pub repaired: Option<Times>,
    /// The same in seconds.
    pub repaired_seconds: Option<Times>,
}

/// The companion of an object, as far as time depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Companion {
    /// Blocks and their symbols.
    pub geometry: Geometry,
    /// Different repair symbols of each block that this sender sends.
    pub per_block: u32,
    /// Repair symbols for each source symbol sent, more than 0.
    pub ratio: f64,
    /// Whether the companion's rate is taken out of the channel's.
    pub keep_total: bool,
}

/// Predicts each of [`LOSS_RATES`] for an object of `slices` slices, 1 or more. `image_seconds` is
/// one cycle of its channel at the bit rate the operator granted, before a companion takes its part.
pub fn predict(slices: u32, image_seconds: f64, companion: Option<&Companion>) -> Vec<Prediction> {
    let one = |loss: f64| {
        // On its own bit rate a companion costs legacy boxes nothing and gives others more to hear.
        let (stretch, gain) = match companion {
            Some(companion) if companion.keep_total => (1.0 + companion.ratio, 1.0),
            Some(companion) => (1.0, 1.0 + companion.ratio),
            None => (1.0, 1.0),
        };
        let legacy = Times::of(|share| plain_cycles(loss, slices, share)).times(stretch);
        let repaired = companion.map(|it| Times::of(|share| coded_cycles(loss, it, share)));
        Prediction {
            loss_percent: loss * 100.0,
            legacy,
            legacy_seconds: legacy.times(image_seconds),
            repaired,
            repaired_seconds: repaired.map(|times| times.times(image_seconds / gain)),
        }
    };
    LOSS_RATES.into_iter().map(one).collect()
}

/// Cycles after which a part `share` (above 0, below 1) of the boxes has all `slices` slices of a
/// carousel without repair, where a part `loss` (0 to below 1) is lost.
///
/// Exact: all have arrived after `c + x` cycles with probability
/// `(1 - p^(c+1))^(xN) (1 - p^c)^((1-x)N)`, and its logarithm is linear in `x`.
pub fn plain_cycles(loss: f64, slices: u32, share: f64) -> f64 {
    let wanted = share.ln() / f64::from(slices.max(1));
    // Nothing is complete before every slice has passed once.
    let (mut cycles, mut arrived) = (1.0, (-loss).ln_1p());
    while arrived < wanted && cycles < CYCLES_MAX {
        let next = (-loss.powf(cycles + 1.0)).ln_1p();
        if next >= wanted {
            return cycles + (wanted - arrived) / (next - arrived);
        }
        (cycles, arrived) = (cycles + 1.0, next);
    }
    cycles
}

/// Image-cycles with a code of one block without end and without a repair symbol sent twice:
/// `1 / (1 - p)` where `(1 - p)(1 + ratio) >= 1`, more where source symbols must come round again.
/// A part `loss` (0 to below 1) is lost; `ratio` is more than 0.
pub fn ideal_cycles(loss: f64, ratio: f64) -> f64 {
    let missing = |cycles: f64| {
        let (whole, part) = split(cycles / (1.0 + ratio));
        let seen = loss.powf(whole);
        seen - part * seen * (1.0 - loss) - cycles / (1.0 + ratio) * ratio * (1.0 - loss)
    };
    earliest(|cycles| missing(cycles) <= 0.0)
}

/// Image-cycles after which a part `share` (above 0, below 1) of the boxes that hear the companion
/// too is complete, where a part `loss` (0 to below 1) is lost.
///
/// What a block holds is a sum of many independent symbols; its quantile is taken from mean,
/// variance and skewness (Cornish-Fisher), that all blocks are complete from their independence.
/// Within 3 % of simulations for blocks of 128 symbols and more, within 10 % for 64. In smaller
/// blocks it is an estimate.
pub fn coded_cycles(loss: f64, companion: &Companion, share: f64) -> f64 {
    let geometry = &companion.geometry;
    let cycles = earliest(|cycles| is_complete(loss, companion, share, cycles));
    // No box is complete with fewer symbols than there are, and none without the code is faster.
    let alone = plain_cycles(loss, geometry.symbols(), share) * (1.0 + companion.ratio);
    cycles.min(alone).max(1.0)
}

/// The earliest time that `is_late_enough`, in image-cycles; every later one is late enough too.
fn earliest(is_late_enough: impl Fn(f64) -> bool) -> f64 {
    let (mut early, mut late) = (0.0, 1.0);
    while !is_late_enough(late) && late < CYCLES_MAX {
        (early, late) = (late, late * 2.0);
    }
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(early, late);
        if is_late_enough(middle) { late = middle } else { early = middle }
    }
    late
}

fn is_complete(loss: f64, companion: &Companion, share: f64, cycles: f64) -> bool {
    let Companion { geometry, per_block, ratio, .. } = companion;
    let (blocks, source) = (f64::from(geometry.blocks()), f64::from(geometry.block_symbols()));
    let stored = f64::from(*per_block);
    let source_cycles = cycles / (1.0 + ratio);
    let (whole, part) = split(source_cycles);
    let repair = || Held::passed(loss, stored, source_cycles * ratio * source / stored);
    if geometry.scheme() != Scheme::Raptorq || geometry.blocks() == 1 {
        let held = repair().and(Held::passed(loss, source, source_cycles));
        return held.suffices(source + overhead(geometry), blocks, share);
    }
    // Blocks of RaptorQ pass one after the other: a part of them as a whole once more.
    [(whole, 1.0 - part), (whole + 1.0, part)].into_iter().all(|(passes, of)| {
        let held = repair().and(Held::passed(loss, source, passes));
        held.suffices(source + overhead(geometry), blocks * of, share)
    })
}

fn overhead(geometry: &Geometry) -> f64 {
    match geometry.scheme() {
        Scheme::Rs8 | Scheme::Rs16 => 0.0,
        Scheme::Raptorq => f64::from(RAPTORQ_OVERHEAD),
    }
}

/// Whole and broken part.
fn split(cycles: f64) -> (f64, f64) {
    (cycles.trunc(), cycles.fract())
}

/// How many symbols of a block a box holds: the first three cumulants of a sum.
#[derive(Clone, Copy, Debug)]
struct Held {
    mean: f64,
    variance: f64,
    third: f64,
}

impl Held {
    /// Of `symbols` that have passed `cycles` times.
    fn passed(loss: f64, symbols: f64, cycles: f64) -> Self {
        let (whole, part) = split(cycles);
        let once_more = Self::of(symbols * part, 1.0 - loss.powf(whole + 1.0));
        Self::of(symbols * (1.0 - part), 1.0 - loss.powf(whole)).and(once_more)
    }

    /// Of `symbols` each of which has arrived with this probability.
    fn of(symbols: f64, arrived: f64) -> Self {
        let variance = symbols * arrived * (1.0 - arrived);
        Self { mean: symbols * arrived, variance, third: variance * (1.0 - 2.0 * arrived) }
    }

    fn and(self, other: Self) -> Self {
        Self {
            mean: self.mean + other.mean,
            variance: self.variance + other.variance,
            third: self.third + other.third,
        }
    }

    /// Whether a part `share` of the boxes holds `wanted` symbols in each of `blocks` blocks.
    fn suffices(&self, wanted: f64, blocks: f64, share: f64) -> bool {
        // A hundredth of a block is none.
        if blocks < 0.01 {
            return true;
        }
        let least = if self.variance > 0.0 {
            let z = normal_deviate(-(share.ln() / blocks).exp_m1());
            let skew = self.third / self.variance * (z * z - 1.0) / 6.0;
            self.mean - z * self.variance.sqrt() + skew
        } else {
            self.mean
        };
        // Counts are whole: half a symbol is the usual correction.
        least >= wanted - 0.5
    }
}

/// The z beyond which a standard normal value lies with probability `tail`, above 0 and below 1
/// (Abramowitz and Stegun 26.2.23, off by less than 4.5e-4).
fn normal_deviate(tail: f64) -> f64 {
    if tail > 0.5 {
        return -normal_deviate(1.0 - tail);
    }
    let t = (-2.0 * tail.max(f64::MIN_POSITIVE).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - above / below
}

#[cfg(test)]
mod tests;
