//! What boxes still miss when they may ask a server for it.

use serde::Serialize;
use stbcast_fec::Scheme;

use super::{Companion, Held, LOSS_RATES, overhead};

/// A population of boxes as networks have them: parts of all boxes, and what each loses.
const POPULATION: [(f64, f64); 4] = [(0.9, 0.0001), (0.09, 0.005), (0.009, 0.03), (0.001, 0.10)];

/// Part of the boxes whose multicast does not work, and who ask for everything.
pub const FALLBACK_SHARE: f64 = 0.01;

/// How far below its capacity a server is to be loaded.
const LOAD: f64 = 0.7;

/// What boxes ask for that hear so many cycles first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Missing {
    /// Part of the boxes that miss anything, in percent.
    pub boxes_percent: f64,
    /// What they miss, as the mean over all boxes, in bytes.
    pub bytes_per_box: f64,
}

/// What to expect at one loss rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UnicastCost {
    /// Lost datagrams in percent.
    pub loss_percent: f64,
    /// Of boxes that hear the channel alone.
    pub legacy: Missing,
    /// Of boxes that hear the companion too; none where there is no repair.
    pub repaired: Option<Missing>,
}

/// What boxes miss after `cycles` cycles of an object of `bytes` bytes in `slices` slices, for each
/// of [`LOSS_RATES`].
pub fn costs(
    (bytes, slices): (u64, u32),
    cycles: u8,
    companion: Option<&Companion>,
) -> Vec<UnicastCost> {
    let one = |loss: f64| UnicastCost {
        loss_percent: loss * 100.0,
        legacy: plain(loss, (bytes, slices), cycles),
        repaired: companion.map(|it| coded(loss, bytes, it, cycles)),
    };
    LOSS_RATES.into_iter().map(one).collect()
}

/// What a box asks for on average, in bytes: a population with little loss, and some boxes that hear
/// nothing at all.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn bytes_per_box(object: (u64, u32), cycles: u8, companion: Option<&Companion>) -> f64 {
    let missing = |loss| match companion {
        Some(companion) => coded(loss, object.0, companion, cycles),
        None => plain(loss, object, cycles),
    };
    let lossy = POPULATION.map(|(part, loss)| part * missing(loss).bytes_per_box);
    FALLBACK_SHARE * object.0 as f64 + (1.0 - FALLBACK_SHARE) * lossy.iter().sum::<f64>()
}

/// Seconds over which `boxes` boxes that ask for `bytes_per_box` on average must be spread where
/// servers send `capacity_bps` bits per second together.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn window_seconds(boxes: u64, bytes_per_box: f64, capacity_bps: u64) -> f64 {
    8.0 * boxes as f64 * bytes_per_box / (LOAD * capacity_bps as f64)
}

/// Without a code each slice that is lost every time is missing.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn plain(loss: f64, (bytes, slices): (u64, u32), cycles: u8) -> Missing {
    let missing = loss.powi(i32::from(cycles));
    Missing {
        boxes_percent: 100.0 * -(f64::from(slices) * (-missing).ln_1p()).exp_m1(),
        bytes_per_box: bytes as f64 * missing,
    }
}

/// With a code a block misses what its repair symbols do not make up for. What it holds is taken as
/// nearly normally distributed.
fn coded(loss: f64, bytes: u64, companion: &Companion, cycles: u8) -> Missing {
    let Companion { geometry, per_block, ratio, .. } = companion;
    let (blocks, source) = (f64::from(geometry.blocks()), f64::from(geometry.block_symbols()));
    let (stored, cycles) = (f64::from(*per_block), f64::from(cycles));
    let repair = Held::passed(loss, stored, cycles * ratio * source / stored);
    let held = repair.and(Held::passed(loss, source, cycles));
    // RaptorQ needs a little more, but nothing where no source symbol is missing.
    let wanted = match geometry.scheme() {
        Scheme::Raptorq => source + overhead(geometry),
        Scheme::Rs8 | Scheme::Rs16 => source,
    };
    let shortfall = held.shortfall(wanted);
    let symbol = f64::from(geometry.symbol_bytes());
    let Missing { bytes_per_box: most, .. } = plain(loss, (bytes, 1), cycles_of(cycles));
    Missing {
        boxes_percent: 100.0 * -(blocks * (-shortfall.chance).ln_1p()).exp_m1(),
        bytes_per_box: (blocks * shortfall.mean * symbol).min(most),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was one of those")]
fn cycles_of(cycles: f64) -> u8 {
    cycles as u8
}

/// How far a sum falls short of what is wanted.
#[derive(Clone, Copy, Debug)]
struct Shortfall {
    /// That it does.
    chance: f64,
    /// By how much, on average over all, those with enough included.
    mean: f64,
}

impl Held {
    fn shortfall(&self, wanted: f64) -> Shortfall {
        let deviation = self.variance.sqrt();
        if deviation == 0.0 {
            let mean = (wanted - self.mean).max(0.0);
            return Shortfall { chance: f64::from(u8::from(mean > 0.0)), mean };
        }
        // Counts are whole: at least one symbol is missing.
        let d = (wanted - 0.5 - self.mean) / deviation;
        let density = (-d * d / 2.0).exp() / (2.0 * core::f64::consts::PI).sqrt();
        // The first term of Edgeworth's series: what is lost is few and far between, so the tail is
        // longer than a normal one.
        let skew = self.third / self.variance.powf(1.5) / 6.0;
        let chance = (below(d) - density * skew * (d * d - 1.0)).clamp(0.0, 1.0);
        let mean = deviation * (density + d * below(d) + skew * d * density) + 0.5 * chance;
        Shortfall { chance, mean: mean.max(0.0) }
    }
}

/// The probability that a standard normal value lies below `z` (Abramowitz and Stegun 26.2.17, off
/// by less than 7.5e-8).
fn below(z: f64) -> f64 {
    if z > 0.0 {
        return 1.0 - below(-z);
    }
    let t = 1.0 / (1.0 - 0.231_641_9 * z);
    let sum = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    (-z * z / 2.0).exp() / (2.0 * core::f64::consts::PI).sqrt() * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use stbcast_fec::Geometry;

    const IMAGE: u64 = 128 << 20;

    /// 128 MiB in symbols of 1,372 bytes, as the figures that follow are computed for.
    fn slices() -> u32 {
        u32::try_from(IMAGE.div_ceil(1_372)).unwrap()
    }

    fn rs(block: u32, ratio: f64) -> Companion {
        let geometry = Geometry::new(Scheme::Rs8, IMAGE, 1_372, block).unwrap();
        Companion { geometry, per_block: 255 - block, ratio, keep_total: false }
    }

    fn about(value: f64, expected: f64, within: f64) -> bool {
        (value - expected).abs() <= expected * within
    }

    #[test]
    fn the_normal_distribution_is_close() {
        for (z, p) in [(0.0, 0.5), (-1.0, 0.158_655_3), (1.0, 0.841_344_7), (-3.0, 0.001_349_9)] {
            assert!((below(z) - p).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn repair_leaves_what_others_have_computed() {
        // Loss, cycles, percent of boxes, bytes: RS(220, 200).
        for (loss, cycles, percent, bytes) in [
            (0.01, 1, 0.0, 0.0),
            (0.05, 1, 84.0, 4_800.0),
            (0.10, 1, 100.0, 2.0e6),
            (0.05, 2, 0.0, 0.0),
        ] {
            let missing = coded(loss, IMAGE, &rs(200, 0.1), cycles);
            let context = format!("{loss}, {cycles}: {missing:?}");
            assert!((missing.boxes_percent - percent).abs() < 6.0, "{context}");
            assert!(
                about(missing.bytes_per_box, bytes, 0.35) || missing.bytes_per_box < 1.0,
                "{context}"
            );
            assert!(bytes == 0.0 || missing.bytes_per_box > 1.0, "{context}");
        }
    }

    #[test]
    fn without_repair_a_population_misses_what_others_have_computed() {
        // 1,000,000 boxes: 122 GB after one cycle, 2.7 GB after two, 0.17 GB after three.
        for (cycles, bytes) in [(1, 122e9), (2, 2.7e9), (3, 0.17e9)] {
            let object = (IMAGE, slices());
            let per_box =
                POPULATION.map(|(part, loss)| part * plain(loss, object, cycles).bytes_per_box);
            let all = 1e6 * per_box.iter().sum::<f64>();
            assert!(about(all, bytes, 0.03), "{cycles}: {all}");
        }
        let after_two =
            POPULATION.map(|(part, loss)| part * plain(loss, (IMAGE, slices()), 2).boxes_percent);
        assert!((after_two.iter().sum::<f64>() - 9.3).abs() < 0.2, "{after_two:?}");
    }

    #[test]
    fn repair_never_leaves_more_than_would_be_missing_without() {
        for cycles in 1..5 {
            for cost in costs((IMAGE, slices()), cycles, Some(&rs(100, 0.02))) {
                let repaired = cost.repaired.unwrap();
                assert!(repaired.bytes_per_box <= cost.legacy.bytes_per_box, "{cost:?}");
            }
        }
    }

    #[test]
    fn the_window_is_as_long_as_the_formula_says() {
        // One box of a hundred asks for all of 128 MiB at 2 Gbit/s.
        let seconds = window_seconds(1_000_000, 0.01 * IMAGE as f64, 2_000_000_000);
        assert!((seconds - 7_670.0).abs() < 1.0, "{seconds}");
        // With repair symbols boxes without multicast are nearly all there is.
        let bytes = bytes_per_box((IMAGE, slices()), 2, Some(&rs(200, 0.1)));
        assert!(about(bytes, 0.01 * IMAGE as f64, 0.001), "{bytes}");
    }
}
