//! What a pacer promises, for any caller.

use super::*;
use proptest::prelude::*;

fn pacer(bit_rate_bps: u64, datagram_bytes_max: usize) -> Pacer {
    Pacer::new(Pace { bit_rate_bps, datagram_bytes_max, burst: BURST }, Micros::ZERO)
}

/// Sends whatever may go at `now`, datagrams of `bytes`; how many went.
fn send(pacer: &mut Pacer, now: Micros, bytes: usize) -> u64 {
    let mut count = 0;
    while pacer.may_send(now) {
        pacer.sent(now, bytes);
        count += 1;
    }
    count
}

#[test]
fn a_punctual_caller_gets_even_gaps_and_the_exact_rate() {
    let mut pacer = pacer(20_000_000, 1_472);
    let mut times = Vec::new();
    for _ in 0..10_000 {
        let at = pacer.next_at();
        times.push(at.0);
        assert_eq!(send(&mut pacer, at, 1_472), 1);
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (588..=590).contains(gap)));
    assert_eq!(*times.last().unwrap(), (9_999 * 1_472 * 8u64).div_ceil(20));
}

#[test]
fn a_fast_channel_sends_even_batches_of_what_a_burst_holds() {
    // 1,472 bytes take 11.776 us, so 21 of them fit into 250 us.
    let mut pacer = pacer(1_000_000_000, 1_472);
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let at = pacer.next_at();
        times.push(at.0);
        assert_eq!(send(&mut pacer, at, 1_472), 21, "at {at}");
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (247..=248).contains(gap)), "{gaps:?}");
}

#[test]
fn a_stall_is_made_up_at_eleven_tenths_of_the_rate_and_never_in_a_burst() {
    for (bit_rate_bps, batch) in [(20_000_000, 1), (1_000_000_000, 25)] {
        let even = batch * 1_250 * 8 * 1_000_000 / bit_rate_bps;
        let mut pacer = pacer(bit_rate_bps, 1_250);
        let mut now = pacer.next_at();
        send(&mut pacer, now, 1_250);
        now = Micros::from_millis(100);
        let mut previous = None;
        while pacer.lag(now) > Micros(1_000) {
            let sent = send(&mut pacer, now, 1_250);
            assert!(sent <= batch, "{sent} datagrams at once instead of {batch}");
            let next = pacer.next_at();
            let gap = previous.map_or(even, |previous| now.since(previous).0);
            assert!((even * 27 / 50..=even).contains(&gap), "{gap} us instead of {even} us");
            (previous, now) = (Some(now), now.max(next));
        }
        let made_up = now.since(Micros::from_millis(100));
        let about = Micros::from_millis(900)..Micros::from_millis(1_100);
        assert!(about.contains(&made_up), "{made_up}");
    }
}

#[test]
fn a_machine_that_always_wakes_late_still_keeps_the_rate() {
    for (bit_rate_bps, late) in [(20_000_000, 170), (50_000_000, 80), (1_000_000_000, 80)] {
        let mut pacer = pacer(bit_rate_bps, 1_250);
        let (mut now, mut datagrams) = (Micros::ZERO, 0);
        for n in 0u64..20_000 {
            now = now.max(pacer.next_at()).after(Micros(n * 7_919 % late));
            datagrams += send(&mut pacer, now, 1_250);
        }
        let ideal = (datagrams - 1) * 1_250 * 8_000_000 / bit_rate_bps;
        assert!(now.0 < ideal + 1_000, "{} instead of {ideal} us", now.0);
    }
}

#[test]
fn what_is_beyond_the_longest_lag_is_forgiven() {
    let mut pacer = pacer(8_000_000, 1_000);
    pacer.sent(Micros::from_secs(100), 1_000);
    assert!(pacer.lag(Micros::from_secs(100)) <= LAG_MAX);
}

#[test]
fn an_idle_channel_owes_nothing() {
    let mut pacer = pacer(8_000_000, 1_000);
    pacer.idle_until(Micros::from_secs(5));
    assert_eq!(pacer.next_at(), Micros::from_secs(5));
    assert_eq!(pacer.lag(Micros::from_secs(5)), Micros::ZERO);
}

#[test]
fn no_rate_and_no_size_upsets_it() {
    for rate in [0, 1, u64::MAX] {
        let mut pacer = pacer(rate, usize::MAX);
        pacer.sent(Micros::ZERO, usize::MAX);
        assert!(pacer.next_at() > Micros::ZERO);
    }
}

proptest! {
    /// For any pattern of calls: never more than rate x t and one datagram since the start;
    /// at any instant no more than a burst, or one datagram; and in any window never more
    /// than 1.1 x rate x t and one and a half such batches.
    #[test]
    fn never_more_than_the_rate_and_a_burst(
        bit_rate_bps in 1_000u64..2_000_000_000,
        burst in prop_oneof![Just(0), Just(250), 0u64..5_000],
        gaps in proptest::collection::vec(prop_oneof![0u64..50, 0u64..5_000, 0u64..3_000_000], 1..60),
        sizes in proptest::collection::vec(72usize..1_500, 1..10),
    ) {
        let largest = *sizes.iter().max().unwrap();
        let pace = Pace { bit_rate_bps, datagram_bytes_max: largest, burst: Micros(burst) };
        let mut pacer = Pacer::new(pace, Micros::ZERO);
        let (mut now, mut sent) = (Micros::ZERO, Vec::new());
        let mut sizes = sizes.iter().copied().cycle();
        for gap in gaps {
            now = now.after(Micros(gap));
            while pacer.may_send(now) && sent.len() < 5_000 {
                let bytes = sizes.next().unwrap();
                pacer.sent(now, bytes);
                sent.push((now.0, bytes as u128));
            }
        }
        let bits = |span: u64| u128::from(span) * u128::from(bit_rate_bps) / 1_000_000;
        let batch = (bits(burst) / 8).max(largest as u128);
        let mut total = 0;
        for &(at, bytes) in &sent {
            prop_assert!(total * 8 <= bits(at), "early by {} bits", total * 8 - bits(at));
            total += bytes;
        }
        for (i, &(from, _)) in sent.iter().enumerate() {
            let mut window = 0u128;
            for &(to, bytes) in &sent[i..] {
                window += bytes;
                let most = bits(to - from) * 11 / 10 + batch * 8 * 7 / 5 + 16;
                prop_assert!(window * 8 <= most, "{} of {} bits", window * 8, most);
                prop_assert!(to > from || window <= batch, "a burst of {window} bytes");
            }
        }
    }

    /// A caller that comes often enough gets the whole rate.
    #[test]
    fn a_frequent_caller_gets_the_whole_rate(
        bit_rate_bps in 100_000u64..100_000_000,
        gaps in proptest::collection::vec(1u64..100, 500..1_000),
    ) {
        let mut pacer = pacer(bit_rate_bps, 1_000);
        let (mut now, mut sent) = (Micros::ZERO, 0);
        for gap in gaps {
            now = now.after(Micros(gap));
            sent += send(&mut pacer, now, 1_000);
        }
        let due = u128::from(now.0) * u128::from(bit_rate_bps) / 1_000_000;
        prop_assert!(u128::from(sent) * 8_000 + 8_000 * 4 + due / 20 >= due);
    }
}
