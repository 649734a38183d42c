//! What does not wait for the end of a cycle.

use super::*;

const SECOND: Micros = Micros::from_secs(1);

impl Bench {
    /// Tells something at `now`, and goes on until `end`.
    fn go_on(&mut self, now: Micros, command: Command, end: Micros) {
        self.tell.send(command).unwrap();
        self.on_air.obey(now);
        let mut now = now;
        while now < end {
            self.now.store(now.0, Ordering::Relaxed);
            now = self.on_air.advance(now).unwrap_or(now);
        }
    }
}

fn silence(generation: u64) -> Command {
    Command::Silence { channel: "a".to_owned(), generation }
}

#[test]
fn a_silenced_channel_sends_nothing_more_in_the_middle_of_its_cycle() {
    let mut bench = Bench::new();
    let record = bench.put(programme("a", 10_000_000, 100_000), 0);
    let other = bench.put(programme("b", 10_000_000, 100_000), 0);
    bench.run(SECOND, |_| Micros::ZERO);
    let before = taken(&record).len();
    assert!(before > 800 && before < 1_000, "not near the end of its cycle: {before}");
    drop(taken(&other));
    bench.go_on(SECOND, silence(7), SECOND.times(2));
    assert_eq!(taken(&record), []);
    let kept = taken(&other).len();
    assert!((848..=850).contains(&kept), "the other one keeps its pace: {kept}");
    assert_eq!(bench.told(), ["on air 1", "on air 1", "retired 7"]);
    bench.go_on(SECOND.times(2), silence(8), SECOND.times(2));
    assert_eq!(bench.told(), ["retired 8"], "one that is gone is answered for, too");
}

#[test]
fn what_is_put_on_air_behind_a_silence_begins_anew() {
    let mut bench = Bench::new();
    let record = bench.put(programme("a", 10_000_000, 100_000), 0);
    bench.run(SECOND, |_| Micros::ZERO);
    drop(taken(&record));
    bench.go_on(SECOND, silence(1), SECOND);
    let record = bench.put(programme("a", 10_000_000, 50), 0);
    bench.run(SECOND, |_| Micros::ZERO);
    let numbers: Vec<_> = taken(&record).into_iter().map(|(_, number)| number).take(51).collect();
    assert_eq!(numbers, (1..=50).chain([1]).collect::<Vec<_>>());
}

#[test]
fn another_rate_applies_at_once_and_nothing_is_lost_or_made_up_for() {
    for (before, after) in [(64_000, 50_000_000), (50_000_000, 640_000)] {
        let mut bench = Bench::new();
        let record = bench.put(programme("a", before, 100_000), 0);
        bench.run(SECOND, |_| Micros::ZERO);
        let mut sent = taken(&record);
        let rate = Command::Rate { channel: "a".to_owned(), bit_rate_bps: after };
        bench.go_on(SECOND, rate, SECOND.times(2));
        let then = taken(&record);
        let ideal = after / (IP_BYTES * 8);
        // The time of the last datagram at the old rate has to pass.
        let least =
            after * (1_000_000 - IP_BYTES * 8_000_000 / before) / 1_000_000 / (IP_BYTES * 8);
        let legal = least as usize - 1..=ideal as usize + 1;
        assert!(legal.contains(&then.len()), "{} is not in {legal:?}", then.len());
        let times: Vec<_> = then.iter().map(|(at, _)| *at).collect();
        let in_10_ms = ideal as usize / 100 + 4;
        assert!(most_within(&times, 10_000) <= in_10_ms, "{}", most_within(&times, 10_000));
        sent.extend(then);
        let numbers: Vec<_> = sent.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
    }
}
