//! The hard cap of an interface, on the loop's own clock.

use super::*;

/// Bytes of IP by which a span may go beyond the cap: the headroom, and one batch.
const BEYOND: u64 = (16 << 10) + 2 * IP_BYTES;

fn times(records: &[Record]) -> Vec<u64> {
    let mut times: Vec<_> = records.iter().flat_map(|it| it.lock().unwrap().clone()).collect();
    times.sort_unstable();
    times.into_iter().map(|(at, _)| at).collect()
}

#[track_caller]
fn keeps_to(times: &[u64], cap_bps: u64) {
    for window in [100_000, 137_000, 250_000, 1_000_000] {
        let within =
            |last: usize| last + 1 - times.partition_point(|at| at + window <= times[last]);
        let most = (0..times.len()).map(within).max().unwrap_or(0);
        let bytes = most as u64 * IP_BYTES;
        let allowed = cap_bps * window / 8_000_000 + BEYOND;
        assert!(bytes <= allowed, "{bytes} bytes in {window} us, {allowed} are allowed");
    }
}

fn capped(cap_bps: u64, rates: &[u64]) -> (Bench, Vec<Record>) {
    let mut bench = Bench::new();
    bench.tell(Command::Cap(Some(cap_bps)));
    let put =
        |(place, rate): (usize, &u64)| bench.put(programme(&place.to_string(), *rate, 500), 0);
    let records = rates.iter().enumerate().map(put).collect();
    (bench, records)
}

#[test]
fn channels_that_are_too_much_share_what_the_interface_may_carry_and_no_more() {
    let cap = 50_000_000;
    let (mut bench, records) = capped(cap, &[20_000_000; 4]);
    bench.run(Micros::from_secs(5), rough());
    keeps_to(&times(&records), cap);
    let sent: Vec<_> = records.iter().map(|it| it.lock().unwrap().len() as u64).collect();
    let all = sent.iter().sum::<u64>() * IP_BYTES * 8 / 5;
    assert!(all > cap * 96 / 100, "{all} bit/s of {cap}");
    let even = sent.iter().sum::<u64>() / 4;
    assert!(sent.iter().all(|it| it.abs_diff(even) * 20 < even), "{sent:?}");
}

#[test]
fn a_small_channel_does_not_starve_beside_a_large_one() {
    let cap = 50_000_000;
    let rates: Vec<_> = std::iter::once(80_000_000).chain([1_000_000; 20]).collect();
    let (mut bench, records) = capped(cap, &rates);
    bench.run(Micros::from_secs(5), rough());
    keeps_to(&times(&records), cap);
    let bps = |record: &Record| record.lock().unwrap().len() as u64 * IP_BYTES * 8 / 5;
    assert!(records[1..].iter().all(|small| bps(small) > 900_000), "a small one starves");
    let large = bps(&records[0]);
    assert!(large > cap / 2, "{large} bit/s of the large one");
}

#[test]
fn what_a_stall_held_up_is_made_up_within_the_cap() {
    let cap = 50_000_000;
    let (mut bench, records) = capped(cap, &[24_000_000, 24_000_000]);
    let mut stalled = false;
    bench.run(Micros::from_secs(20), |at| {
        let stalls = at >= Micros::from_secs(1) && !std::mem::replace(&mut stalled, true);
        Micros(if stalls { 300_000 } else { 0 })
    });
    let times = times(&records);
    keeps_to(&times, cap);
    let owed = (20 * 48_000_000 / (IP_BYTES * 8)).abs_diff(times.len() as u64);
    assert!(owed <= 4, "{owed} datagrams are still owed");
}

#[test]
fn a_cap_that_is_not_reached_changes_nothing() {
    let run = |cap| {
        let mut bench = Bench::new();
        bench.tell(Command::Cap(cap));
        let put = |mbit: u64| bench.put(programme(&mbit.to_string(), mbit * 1_000_000, 100), 0);
        let records = [3, 7].map(put);
        bench.run(Micros::from_secs(2), |_| Micros::ZERO);
        times(&records)
    };
    let (with, without) = (run(Some(1_000_000_000)), run(None));
    let late = with.iter().zip(&without).map(|(with, without)| with.saturating_sub(*without));
    assert!(with.len() == without.len() && late.max().unwrap() < 50, "somebody waits");
}

#[test]
fn a_cap_changes_while_channels_are_on_air_and_may_go() {
    let (mut bench, records) = capped(10_000_000, &[40_000_000]);
    bench.run(Micros::from_secs(1), |_| Micros::ZERO);
    let sent = times(&records).len() as u64 * IP_BYTES * 8;
    assert!(sent < 10_300_000, "{sent} bits in the first second");
    bench.tell(Command::Cap(None));
    let records_before = taken(&records[0]).len();
    assert!(records_before > 0);
    let mut now = Micros::from_secs(1);
    while now < Micros::from_secs(3) {
        bench.now.store(now.0, Ordering::Relaxed);
        now = bench.on_air.advance(now).unwrap_or(now);
    }
    let bps = times(&records).len() as u64 * IP_BYTES * 8 / 2;
    assert!(bps > 40_000_000, "{bps} bit/s without a cap");
}
