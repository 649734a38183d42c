//! What an access line does to the datagrams that cross it.

use crate::chance::{Chance, likelihood};

/// A model of loss. It meets the datagrams of all groups in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Nothing is lost.
    None,
    /// Each datagram is lost with this probability, whatever happened before.
    Independent {
        /// 0 to 1.
        probability: f64,
    },
    /// Gilbert-Elliott: in the bad state everything is lost, in the good one nothing.
    Bursts {
        /// Part of all datagrams that is lost, 0 to 1.
        probability: f64,
        /// Datagrams in a row that are lost on average, at least 1.
        mean_datagrams: f64,
    },
    /// A box that is deaf again and again, in step with the carousel: from slices at even distances
    /// on, for a few slices.
    Stalls {
        /// Times a cycle.
        count: u32,
        /// Slices it misses each time.
        slices: u32,
    },
}

impl Loss {
    /// Part of the datagrams that is lost in the long run, 0 to 1; for [`Loss::Stalls`] of an object of `slices`.
    pub fn share(&self, slices: u32) -> f64 {
        match *self {
            Self::None => 0.0,
            Self::Independent { probability } | Self::Bursts { probability, .. } => probability,
            Self::Stalls { count, slices: missed } => {
                f64::from(count) * f64::from(missed) / f64::from(slices.max(1))
            }
        }
    }
}

/// One box's line.
#[derive(Clone, Debug)]
pub struct Line {
    chance: Chance,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Fair,
    Independent { lost: u64 },
    Bursts { is_bad: bool, worsens: u64, recovers: u64 },
    Stalls { distance: u32, slices: u32, at: u32 },
}

impl Line {
    /// A line with this loss, for an object of `slices`.
    pub fn new(loss: Loss, slices: u32, mut chance: Chance) -> Self {
        let state = match loss {
            Loss::None => State::Fair,
            Loss::Independent { probability } => {
                State::Independent { lost: likelihood(probability) }
            }
            Loss::Bursts { probability, mean_datagrams } => State::Bursts {
                is_bad: chance.happens(likelihood(probability)),
                worsens: likelihood(probability / (1.0 - probability) / mean_datagrams),
                recovers: likelihood(1.0 / mean_datagrams),
            },
            Loss::Stalls { count, slices: missed } => {
                State::Stalls { distance: (slices / count.max(1)).max(1), slices: missed, at: 0 }
            }
        };
        Self { chance, state }
    }

    /// Whether the next datagram is lost; `slice` is the index of the slice that it carries, if any.
    pub fn loses(&mut self, slice: Option<u32>) -> bool {
        match &mut self.state {
            State::Fair => false,
            State::Independent { lost } => self.chance.happens(*lost),
            State::Bursts { is_bad, worsens, recovers } => {
                let lost = *is_bad;
                let turns = if lost { *recovers } else { *worsens };
                *is_bad ^= self.chance.happens(turns);
                lost
            }
            State::Stalls { distance, slices, at } => {
                *at = slice.unwrap_or(*at);
                *at % *distance < *slices
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(loss: Loss, seed: u64) -> Vec<bool> {
        let mut line = Line::new(loss, 1_000, Chance::new(seed));
        (0..2_000_000).map(|n| line.loses(Some(n % 1_000))).collect()
    }

    fn share(losses: &[bool]) -> f64 {
        losses.iter().filter(|lost| **lost).count() as f64 / losses.len() as f64
    }

    /// Lengths of the runs of lost datagrams.
    fn bursts(losses: &[bool]) -> Vec<usize> {
        losses.split(|lost| !lost).map(<[bool]>::len).filter(|length| *length > 0).collect()
    }

    #[test]
    fn independent_loss_has_its_share_and_hardly_any_bursts() {
        let losses = losses(Loss::Independent { probability: 0.05 }, 1);
        assert!((share(&losses) - 0.05).abs() < 0.001, "{}", share(&losses));
        let bursts = bursts(&losses);
        let mean = bursts.iter().sum::<usize>() as f64 / bursts.len() as f64;
        assert!((mean - 1.0 / 0.95).abs() < 0.01, "{mean}");
    }

    #[test]
    fn bursts_have_their_share_and_their_length() {
        for mean_datagrams in [20.0, 200.0] {
            let losses = losses(Loss::Bursts { probability: 0.05, mean_datagrams }, 2);
            assert!((share(&losses) - 0.05).abs() < 0.01, "{}", share(&losses));
            let bursts = bursts(&losses);
            let mean = bursts.iter().sum::<usize>() as f64 / bursts.len() as f64;
            assert!((mean / mean_datagrams - 1.0).abs() < 0.1, "{mean}");
        }
    }

    #[test]
    fn stalls_hit_the_same_slices_in_each_cycle() {
        let losses = losses(Loss::Stalls { count: 4, slices: 5 }, 3);
        assert_eq!(bursts(&losses)[..4], [5; 4]);
        assert_eq!(losses[..1_000], losses[1_000..2_000]);
        assert_eq!(share(&losses), Loss::Stalls { count: 4, slices: 5 }.share(1_000));
    }

    #[test]
    fn another_seed_is_another_line_and_the_same_seed_the_same() {
        let one = |seed| losses(Loss::Independent { probability: 0.01 }, seed);
        assert_eq!(one(5), one(5));
        assert_ne!(one(5), one(6));
    }
}
