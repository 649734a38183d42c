//! How far the datagrams of a stream are behind their schedule.

use super::tap::Arrival;

/// A datagram and its lag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lag {
    /// Nanoseconds of the wall clock.
    pub(crate) at: u64,
    /// Microseconds behind the earliest datagrams around it.
    pub(crate) micros: f64,
}

/// The lags of a stream of equal datagrams, `gap_nanos` apart by its rate. The schedule is that of
/// the earliest datagrams within about a second on both sides.
pub(crate) fn lags(arrivals: &[Arrival], gap_nanos: f64) -> Vec<Lag> {
    let Some(first) = arrivals.first().map(|arrival| arrival.at) else { return Vec::new() };
    let stamps = arrivals.iter().flat_map(|arrival| (0..arrival.datagrams).map(|_| arrival.at));
    let behind: Vec<(u64, f64)> = stamps
        .enumerate()
        .map(|(number, at)| (at, at.saturating_sub(first) as f64 - number as f64 * gap_nanos))
        .collect();
    let second = (1e9 / gap_nanos).ceil().max(1.0) as usize;
    let least = |part: &[(u64, f64)]| part.iter().map(|&(_, nanos)| nanos).fold(f64::MAX, f64::min);
    let seconds: Vec<f64> = behind.chunks(second).map(least).collect();
    let lag = |(number, &(at, nanos)): (usize, &(u64, f64))| {
        let around = number / second;
        let near = &seconds[around.saturating_sub(1)..(around + 2).min(seconds.len())];
        let base = near.iter().copied().fold(f64::MAX, f64::min);
        Lag { at, micros: (nanos - base) / 1_000.0 }
    };
    behind.iter().enumerate().map(lag).collect()
}
