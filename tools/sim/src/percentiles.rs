//! Percentiles by the nearest rank: each is a value that some box really had.

/// Some figures of many boxes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// Half of the boxes have at most this.
    pub p50: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Percentiles {
    /// Of `values`; all NaN where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |per_mille: usize| {
            let rank = (sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1);
            sorted.get(rank).copied().unwrap_or(f64::NAN)
        };
        Self { p50: at(500), p99: at(990), p999: at(999), max: at(1_000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_the_second_largest_is_p999() {
        let of = Percentiles::of((1..=1_000).rev().map(f64::from));
        assert_eq!(of, Percentiles { p50: 500.0, p99: 990.0, p999: 999.0, max: 1_000.0 });
    }

    #[test]
    fn few_values_are_taken_as_they_are() {
        let of = Percentiles::of([3.0, 1.0, 2.0]);
        assert_eq!(of, Percentiles { p50: 2.0, p99: 3.0, p999: 3.0, max: 3.0 });
        assert!(Percentiles::of([]).p50.is_nan());
    }
}
