//! The rows of the table to reach.

use stbcast_fec::Choice;
use stbcast_object::Micros;

use crate::air::{Companion, Programme};
use crate::loss::Loss;

/// Bits of IP per second of the carousel's channel. Results are counted in datagrams, so it decides little: how many
/// FDT datagrams come in between.
pub const BIT_RATE_BPS: u64 = 10_000_000;
/// Bytes of a slice.
pub const SLICE_BYTES: u16 = 1_400;
/// Where the virtual wall clock begins: late 2026.
const WALL: Micros = Micros::from_secs(1_796_000_000);

/// One row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// Loss on each box's line.
    pub loss: Loss,
    /// Repair symbols for each slice, and their code; `None` for a plain carousel.
    pub repair: Option<(f64, Choice)>,
    /// What p50 and p99.9 must not exceed.
    pub bars: Option<(f64, f64)>,
    /// p50 and p99.9 of the plain carousel in the study that the bars come from.
    pub studied: Option<(f64, f64)>,
}

const fn independent(probability: f64) -> Loss {
    Loss::Independent { probability }
}

const fn bursts(mean_datagrams: f64) -> Loss {
    Loss::Bursts { probability: 0.05, mean_datagrams }
}

const fn repaired(
    (name, title): (&'static str, &'static str),
    loss: Loss,
    ratio: f64,
    code: Choice,
    bars: (f64, f64),
) -> Scenario {
    Scenario { name, title, loss, repair: Some((ratio, code)), bars: Some(bars), studied: None }
}

const fn plain(
    (name, title): (&'static str, &'static str),
    loss: Loss,
    studied: (f64, f64),
) -> Scenario {
    Scenario { name, title, loss, repair: None, bars: None, studied: Some(studied) }
}

/// All rows, in the order of the table.
pub const ALL: [Scenario; 15] = [
    repaired(("none-5", "none"), Loss::None, 0.05, Choice::Rs16, (1.005, 1.01)),
    repaired(("none-10", "none"), Loss::None, 0.10, Choice::Rs16, (1.005, 1.01)),
    repaired(("none-25", "none"), Loss::None, 0.25, Choice::Rs16, (1.005, 1.01)),
    repaired(("p1", "1 %"), independent(0.01), 0.10, Choice::Rs16, (1.015, 1.02)),
    repaired(("p5", "5 %"), independent(0.05), 0.10, Choice::Rs16, (1.07, 1.08)),
    repaired(("p5-rs8", "5 %"), independent(0.05), 0.10, Choice::Rs8, (1.15, 1.40)),
    repaired(("p20", "20 %"), independent(0.20), 0.25, Choice::Rs16, (1.28, 1.32)),
    repaired(("burst20", "5 %, bursts of 20"), bursts(20.0), 0.10, Choice::Rs16, (1.07, 1.10)),
    repaired(("burst200", "5 %, bursts of 200"), bursts(200.0), 0.25, Choice::Rs16, (1.07, 1.16)),
    plain(("plain-none", "none"), Loss::None, (1.00, 1.00)),
    plain(("plain-p1", "1 %"), independent(0.01), (2.86, 3.99)),
    plain(("plain-p5", "5 %"), independent(0.05), (3.93, 5.98)),
    plain(("plain-p20", "20 %"), independent(0.20), (6.98, 10.93)),
    plain(("plain-burst20", "5 %, bursts of 20"), bursts(20.0), (3.18, 5.80)),
    plain(("plain-burst200", "5 %, bursts of 200"), bursts(200.0), (2.43, 4.98)),
];

impl Scenario {
    /// What is sent for it, with an image of `image_bytes`. What a box has not completed within it
    /// counts as never completed: far more than any box needs.
    pub fn programme(&self, image_bytes: u64) -> Programme {
        let (cycles, companions) = match self.repair {
            Some((ratio, _)) => (8, vec![Companion::alone(ratio)]),
            None => (24, Vec::new()),
        };
        Programme {
            image_bytes,
            slice_bytes: SLICE_BYTES,
            bit_rate_bps: BIT_RATE_BPS,
            cycles,
            wall: WALL,
            code: self.repair.map_or(Choice::Auto, |(_, code)| code),
            companions,
        }
    }
}
