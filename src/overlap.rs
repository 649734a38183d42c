//! What an overlap of two revisions takes, in figures.
//!
//! ```text
//!  rate   | channel, old revision | new revision, (1 - share) of it  | new revision
//!         | companion, old        | new, (1 - share) of it ; old     | new
//!                                 |<------------ overlap ----------->|
//! ```
//!
//! The old revision has its share of what channel and companion have together, which stays what it was to
//! the bit.

use stbcast_fec::{Geometry, Scheme};
use stbcast_flute::Fti;
use stbcast_object::{Group, Micros};

use crate::companion::CompanionPlan;
use crate::lineup::{Overlap, OverlapSpan};
use crate::repair::per_block;

/// Loss of a box that still completes the old revision, when it is said what that needs.
pub const LOSS: f64 = 0.1;

/// Rates in an overlap, in bits of IP per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of the channel, which carries the new revision alone.
    pub source_bps: u64,
    /// Of the companion, with symbols of both.
    pub companion_bps: u64,
    /// Of the old revision's symbols in the companion.
    pub superseded_bps: u64,
}

impl Rates {
    /// Of a channel and its companion that have these rates otherwise, in bits of IP per second.
    pub fn of(overlap: &Overlap, source_bps: u64, companion_bps: u64) -> Self {
        let total = source_bps.saturating_add(companion_bps);
        let source = part(source_bps, 1.0 - overlap.share).clamp(1, source_bps.max(1));
        let superseded_bps = part(total, overlap.share);
        Self {
            source_bps: source,
            companion_bps: total.saturating_sub(source),
            superseded_bps: superseded_bps.min(total.saturating_sub(source)),
        }
    }

    /// How many of a million datagrams of the companion are of the old revision, where those of both have
    /// this many bytes of IP.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a million"
    )]
    pub fn superseded_ppm(&self, (old_bytes, new_bytes): (usize, usize)) -> u32 {
        let old = self.superseded_bps as f64 / old_bytes.max(1) as f64;
        let new = self.companion_bps.saturating_sub(self.superseded_bps) as f64;
        let new = new / new_bytes.max(1) as f64;
        let ppm = old / (old + new).max(f64::MIN_POSITIVE) * 1_000_000.0;
        (ppm as u32).min(999_999)
    }
}

/// How long an overlap lasts, where a cycle of the channel takes `cycle` at the full rate.
pub fn span(overlap: &Overlap, cycle: Micros) -> Micros {
    let span = match overlap.span {
        OverlapSpan::Time(span) => span,
        OverlapSpan::Cycles(cycles) => {
            let slower = cycle.as_secs_f64() / (1.0 - overlap.share) * f64::from(cycles);
            Micros(micros(slower))
        }
    };
    // What is announced: 1 s to a day.
    span.clamp(Micros::from_secs(1), Micros::from_secs(86_400))
}

/// Symbols of a block that a box lacks at most when it completes the old revision.
pub fn lacking(overlap: &Overlap, geometry: &Geometry) -> u32 {
    let lack = u64::from(1_000u16.saturating_sub(overlap.finish_past_permille));
    let lack = (lack * u64::from(geometry.block_symbols())).div_ceil(1_000);
    u32::try_from(lack).unwrap_or(u32::MAX)
}

/// What is wrong with the overlap of an object whose old revision has this geometry too.
#[derive(Clone, Debug, PartialEq)]
pub enum Concern {
    /// Boxes that only just hold enough can never complete it.
    TooFewSymbols {
        /// Symbols that a block may lack.
        lacking: u32,
        /// Symbols that are stored of it for one sender.
        stored: u32,
    },
    /// There is nothing to spare for what they lose.
    NoSpare {
        /// Symbols that a block may lack.
        lacking: u32,
        /// Symbols that are stored of it for one sender.
        stored: u32,
    },
    /// It takes longer than the overlap lasts.
    TooShort {
        /// Seconds that it takes with a loss of [`LOSS`].
        seconds: f64,
        /// Seconds of the overlap.
        overlap: f64,
    },
    /// Blocks pass one after the other, so a box may lack whole ones.
    Contiguous {
        /// Blocks.
        blocks: u32,
    },
}

/// Seconds until a box that only just holds enough has completed the old revision with a loss of [`LOSS`].
pub fn finish_seconds(
    overlap: &Overlap,
    (plan, group): (&CompanionPlan, Group),
    geometry: &Geometry,
) -> f64 {
    let rates = Rates::of(overlap, plan.source_bps, plan.companion_bps);
    let symbols = f64::from(lacking(overlap, geometry)) * f64::from(geometry.blocks());
    symbols * bits(geometry, group) / (1.0 - LOSS) / number(rates.superseded_bps.max(1))
}

/// Bits of IP of a datagram with a repair symbol.
fn bits(geometry: &Geometry, group: Group) -> f64 {
    number(datagram_bytes(geometry, group) as u64) * 8.0
}

/// Bytes of IP of the same.
pub fn datagram_bytes(geometry: &Geometry, group: Group) -> usize {
    let fti = Fti::of_geometry(*geometry);
    let overhead = stbcast_flute::head_bytes(&fti) + stbcast_flute::tail_bytes(&fti);
    geometry.repair_bytes() + overhead + group.ip_udp_bytes()
}

/// What an operator should know of the overlap of an object, where a cycle of its channel takes `cycle`.
pub fn concerns(
    overlap: &Overlap,
    (plan, group, senders): (&CompanionPlan, Group, u32),
    geometry: &Geometry,
    cycle: Micros,
) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let (lacking, stored) = (lacking(overlap, geometry), per_block(geometry) / senders.max(1));
    if stored < lacking {
        concerns.push(Concern::TooFewSymbols { lacking, stored });
    } else if f64::from(stored) * (1.0 - LOSS) < f64::from(lacking) {
        concerns.push(Concern::NoSpare { lacking, stored });
    }
    let seconds = finish_seconds(overlap, (plan, group), geometry);
    let lasts = span(overlap, cycle).as_secs_f64();
    if seconds > lasts {
        concerns.push(Concern::TooShort { seconds, overlap: lasts });
    }
    let blocks = geometry.blocks();
    if geometry.scheme() == Scheme::Raptorq && blocks > 1 {
        concerns.push(Concern::Contiguous { blocks });
    }
    concerns
}

#[expect(clippy::cast_precision_loss, reason = "rates and sizes")]
const fn number(whole: u64) -> f64 {
    whole as f64
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a rate"
)]
const fn part(whole: u64, part: f64) -> u64 {
    (whole as f64 * part) as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time is not negative, and saturates"
)]
const fn micros(seconds: f64) -> u64 {
    (seconds * 1_000_000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlap(share: f64) -> Overlap {
        Overlap { share, span: OverlapSpan::Cycles(2), finish_past_permille: 700 }
    }

    proptest! {
        #[test]
        fn the_sum_of_both_rates_stays_what_it_was(
            source in 1_000u64..2_000_000_000, companion in 1_000u64..1_000_000_000,
            share in 0.01f64..0.9,
        ) {
            let rates = Rates::of(&overlap(share), source, companion);
            prop_assert_eq!(rates.source_bps + rates.companion_bps, source + companion);
            prop_assert!(rates.source_bps <= source && rates.superseded_bps <= rates.companion_bps);
            prop_assert!(rates.superseded_ppm((1_472, 1_472)) < 1_000_000);
        }
    }

    #[test]
    fn cycles_are_counted_at_the_rate_that_the_channel_has_meanwhile() {
        assert_eq!(span(&overlap(0.5), Micros::from_secs(10)), Micros::from_secs(40));
        let minutes = Overlap { span: OverlapSpan::Time(Micros::from_secs(60)), ..overlap(0.5) };
        assert_eq!(span(&minutes, Micros::from_secs(10)), Micros::from_secs(60));
        assert_eq!(span(&overlap(0.5), Micros::from_secs(80_000)), Micros::from_secs(86_400));
    }

    fn plan(geometry: Geometry) -> CompanionPlan {
        CompanionPlan {
            group: Group::parse("239.255.2.12:22222", None).unwrap(),
            objects: vec![Ok(geometry)],
            source_bps: 2_000_000,
            companion_bps: 200_000,
            symbols_per_1000_s: 1,
        }
    }

    fn concerns_of(overlap: &Overlap, geometry: Geometry, cycle_s: u64) -> Vec<Concern> {
        let (plan, cycle) = (plan(geometry), Micros::from_secs(cycle_s));
        concerns(overlap, (&plan, plan.group, 1), &geometry, cycle)
    }

    #[test]
    fn codes_with_too_few_symbols_and_overlaps_that_are_too_short_are_told() {
        let rs16 = Geometry::new(Scheme::Rs16, 2 << 20, 1_000, 2_098).unwrap();
        assert_eq!(concerns_of(&overlap(0.3), rs16, 9), []);
        let rs8 = Geometry::new(Scheme::Rs8, 2 << 20, 1_000, 200).unwrap();
        let few = Concern::TooFewSymbols { lacking: 60, stored: 55 };
        assert_eq!(concerns_of(&overlap(0.3), rs8, 60), [few]);
        let later = Overlap { finish_past_permille: 750, ..overlap(0.3) };
        let spare = Concern::NoSpare { lacking: 50, stored: 55 };
        assert_eq!(concerns_of(&later, rs8, 60), [spare]);
        // 630 symbols of 1,072 bytes of IP at 660 kbit/s take 8.2 s, and a tenth more where it is lost.
        let short = concerns_of(&overlap(0.3), rs16, 3);
        let [Concern::TooShort { seconds, overlap: lasts }] = short[..] else {
            panic!("{short:?}")
        };
        assert!((9.0..9.2).contains(&seconds) && (8.5..8.6).contains(&lasts), "{short:?}");
        let raptorq = Geometry::raptorq(2 << 20, 1_000, 3).unwrap();
        let one_by_one = Concern::Contiguous { blocks: 3 };
        assert_eq!(concerns_of(&overlap(0.3), raptorq, 9), [one_by_one]);
    }
}
