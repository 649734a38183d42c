//! The figures of the reference simulation, and a small simulation for what it left out.

use super::*;

/// 64 MiB in slices of 1,400.
const SLICES: u32 = 47_935;

#[test]
fn ideal_cycles_are_those_of_the_reference_table() {
    let ratios = [0.02, 0.05, 0.10, 0.15, 0.25, 0.50];
    let table = [
        (0.001, [1.001, 1.001, 1.001, 1.001, 1.001, 1.001]),
        (0.01, [1.010, 1.010, 1.010, 1.010, 1.010, 1.010]),
        (0.02, [1.030, 1.020, 1.020, 1.020, 1.020, 1.020]),
        (0.05, [1.495, 1.078, 1.053, 1.053, 1.053, 1.053]),
        (0.10, [1.794, 1.478, 1.161, 1.111, 1.111, 1.111]),
        (0.20, [2.210, 1.890, 1.650, 1.479, 1.250, 1.250]),
        (0.30, [2.861, 2.314, 2.004, 1.862, 1.656, 1.429]),
    ];
    for (loss, row) in table {
        for (ratio, expected) in ratios.into_iter().zip(row) {
            let cycles = ideal_cycles(loss, ratio);
            assert!((cycles - expected).abs() <= 0.000_6, "{loss} {ratio}: {cycles} {expected}");
        }
    }
}

#[test]
fn the_ratio_for_a_loss_is_the_least_one_without_a_penalty() {
    for (loss, percent) in
        [(0.001, 0.1), (0.01, 1.0), (0.05, 5.3), (0.1, 11.1), (0.2, 25.0), (0.3, 42.9)]
    {
        let ratio = ratio_for(loss);
        assert!((ratio * 100.0 - percent).abs() < 0.06, "{loss}: {ratio}");
        let best = 1.0 / (1.0 - loss);
        assert!((ideal_cycles(loss, ratio * 1.000_1) - best).abs() < 1e-3);
        assert!(ideal_cycles(loss, ratio * 0.98) > best + 1e-3);
    }
}

#[test]
fn boxes_without_repair_take_as_long_as_simulated() {
    let simulated =
        [(0.001, 1.99, 2.99), (0.01, 2.864, 3.991), (0.05, 3.929, 5.978), (0.2, 6.976, 10.927)];
    for (loss, p50, p999) in simulated {
        let times = Times::of(|share| plain_cycles(loss, SLICES, share));
        assert!((times.p50 / p50 - 1.0).abs() < 0.01, "{loss}: {times:?}");
        assert!((times.p999 / p999 - 1.0).abs() < 0.01, "{loss}: {times:?}");
    }
    // 1 GiB, 400 boxes.
    for (loss, p50) in [(0.01, 3.103), (0.05, 4.903), (0.2, 8.783)] {
        let cycles = plain_cycles(loss, 766_959, 0.5);
        assert!((cycles / p50 - 1.0).abs() < 0.02, "{loss}: {cycles}");
    }
}

#[test]
fn one_cycle_does_where_nothing_is_lost_and_is_needed_at_least() {
    assert_eq!(plain_cycles(0.0, SLICES, 0.999), 1.0);
    assert_eq!(plain_cycles(0.2, 1, 0.5), 1.0);
    assert_eq!(plain_cycles(0.01, 10, 0.5), 1.0);
    for scheme in [Scheme::Rs8, Scheme::Rs16] {
        let companion = companion(scheme, SLICES, 200, 55, 0.1);
        assert_eq!(coded_cycles(0.0, &companion, 0.999), 1.0);
    }
}

fn companion(
    scheme: Scheme,
    slices: u32,
    block_symbols: u32,
    per_block: u32,
    ratio: f64,
) -> Companion {
    let geometry = Geometry::new(scheme, u64::from(slices), 1, block_symbols).unwrap();
    Companion { geometry, per_block, ratio, keep_total: true }
}

/// K, M, ratio, loss, p50 and p99.9 of 10,000 simulated boxes, from the annex of the reference.
const SIMULATED: [(Scheme, u32, u32, f64, f64, f64, f64); 20] = [
    (Scheme::Rs8, 200, 55, 0.10, 0.01, 1.033, 1.054),
    (Scheme::Rs8, 200, 55, 0.10, 0.05, 1.114, 1.355),
    (Scheme::Rs8, 200, 55, 0.10, 0.20, 1.933, 2.107),
    (Scheme::Rs8, 200, 55, 0.25, 0.01, 1.033, 1.055),
    (Scheme::Rs8, 200, 55, 0.25, 0.05, 1.102, 1.142),
    (Scheme::Rs8, 200, 55, 0.25, 0.20, 1.640, 1.887),
    (Scheme::Rs8, 128, 127, 0.05, 0.05, 1.597, 1.835),
    (Scheme::Rs8, 128, 127, 0.10, 0.05, 1.219, 1.477),
    (Scheme::Rs8, 128, 127, 0.25, 0.20, 1.630, 1.844),
    (Scheme::Rs16, 1_024, 32_768, 0.05, 0.05, 1.234, 1.374),
    (Scheme::Rs16, 1_024, 32_768, 0.10, 0.05, 1.069, 1.085),
    (Scheme::Rs16, 1_024, 32_768, 0.25, 0.20, 1.354, 1.443),
    (Scheme::Rs16, 4_096, 32_768, 0.10, 0.05, 1.059, 1.067),
    (Scheme::Rs16, 4_096, 32_768, 0.10, 0.20, 1.690, 1.746),
    (Scheme::Rs16, 23_968, 8_192, 0.05, 0.05, 1.086, 1.128),
    (Scheme::Rs16, 23_968, 8_192, 0.05, 0.20, 1.895, 1.921),
    (Scheme::Rs16, 23_968, 8_192, 0.10, 0.01, 1.010, 1.012),
    (Scheme::Rs16, 23_968, 8_192, 0.10, 0.05, 1.053, 1.058),
    (Scheme::Rs16, 23_968, 8_192, 0.10, 0.20, 1.656, 1.683),
    (Scheme::Rs16, 23_968, 8_192, 0.25, 0.20, 1.255, 1.283),
];

#[test]
fn boxes_with_repair_take_as_long_as_simulated() {
    for (scheme, block_symbols, per_block, ratio, loss, p50, p999) in SIMULATED {
        let companion = companion(scheme, SLICES, block_symbols, per_block, ratio);
        let times = Times::of(|share| coded_cycles(loss, &companion, share));
        let case = format!("{scheme} {block_symbols} {ratio} {loss}: {times:?}, {p50} {p999}");
        assert!((times.p50 / p50 - 1.0).abs() < 0.015, "{case}");
        assert!((times.p999 / p999 - 1.0).abs() < 0.03, "{case}");
    }
}

/// Xorshift; a seed replays a run.
struct Dice(u64);

impl Dice {
    fn part(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Image-cycles that a box takes: source symbols in order from where it joins, repair symbols evenly
/// between them, block after block in turn.
fn simulate(companion: &Companion, loss: f64, dice: &mut Dice) -> f64 {
    let Companion { geometry, per_block, ratio, .. } = *companion;
    let slices = u64::from(geometry.symbols());
    let mut source = (dice.part() * slices as f64) as u64;
    let mut counter = (dice.part() * 1e9) as u64;
    let mut seen = std::collections::HashSet::new();
    let extra = overhead(&geometry) as u32;
    let mut lacking: Vec<u32> =
        (0..geometry.blocks()).map(|block| geometry.source_symbols(block) + extra).collect();
    let (mut open, mut due) = (lacking.len(), dice.part());
    for sent in 1.. {
        due += ratio / (1.0 + ratio);
        let (block, symbol) = if due >= 1.0 {
            due -= 1.0;
            counter += 1;
            let blocks = u64::from(geometry.blocks());
            ((counter % blocks) as u32, slices + counter / blocks % u64::from(per_block))
        } else {
            source = (source + 1) % slices;
            (geometry.place(source as u32).unwrap().block, source)
        };
        if dice.part() < loss || !seen.insert((block, symbol)) {
            continue;
        }
        let lacking = &mut lacking[block as usize];
        *lacking = lacking.saturating_sub(1);
        open -= usize::from(*lacking == 0 && seen.insert((block, u64::MAX)));
        if open == 0 {
            return f64::from(sent) / slices as f64;
        }
    }
    unreachable!()
}

fn simulated_median(companion: &Companion, loss: f64) -> f64 {
    let mut dice = Dice(0x5eed);
    let mut times: Vec<f64> = (0..21).map(|_| simulate(companion, loss, &mut dice)).collect();
    times.sort_by(f64::total_cmp);
    times[10]
}

#[test]
fn contiguous_blocks_wait_for_their_turn() {
    let geometry = Geometry::raptorq(6_000, 1, 12).unwrap();
    for (ratio, loss) in [(0.10, 0.0), (0.10, 0.01), (0.10, 0.05), (0.25, 0.10), (0.10, 0.20)] {
        let companion = Companion { geometry, per_block: 625, ratio, keep_total: true };
        let simulated = simulated_median(&companion, loss);
        let predicted = coded_cycles(loss, &companion, 0.5);
        assert!((predicted / simulated - 1.0).abs() < 0.05, "{loss} {predicted} {simulated}");
    }
}

#[test]
fn repair_symbols_that_come_round_again_are_counted_once() {
    // Half as many repair as source symbols, but only an eighth of them different.
    let few = companion(Scheme::Rs16, 8_192, 4_096, 512, 0.50);
    let simulated = simulated_median(&few, 0.30);
    let predicted = coded_cycles(0.30, &few, 0.5);
    assert!((predicted / simulated - 1.0).abs() < 0.03, "{predicted} {simulated}");
    assert!(predicted > 1.2 * ideal_cycles(0.30, 0.50));
}

#[test]
fn legacy_boxes_pay_for_a_companion_only_where_the_total_is_kept() {
    let kept = companion(Scheme::Rs16, SLICES, 23_968, 8_192, 0.10);
    let own = Companion { keep_total: false, ..kept };
    let [without, with, beside] =
        [None, Some(&kept), Some(&own)].map(|companion| predict(SLICES, 100.0, companion));
    for ((without, with), beside) in without.iter().zip(&with).zip(&beside) {
        assert!((with.legacy.p50 / without.legacy.p50 - 1.1).abs() < 1e-9);
        assert_eq!(
            (beside.legacy, beside.legacy_seconds),
            (without.legacy, without.legacy_seconds)
        );
        assert_eq!(without.repaired, None);
        let (with, beside) = (with.repaired_seconds.unwrap(), beside.repaired_seconds.unwrap());
        assert!((with.p999 / beside.p999 - 1.1).abs() < 1e-9, "more datagrams in a second");
    }
    // fec.md: r = 10 %, 5 % lost.
    assert!((with[2].legacy.p50 - 4.32).abs() < 0.01 && (with[2].legacy.p999 - 6.58).abs() < 0.01);
}

#[test]
fn nothing_takes_for_ever_and_nobody_is_faster_than_the_object_is_long() {
    for loss in [0.0, 1e-9, 0.5, 0.99] {
        for ratio in [1e-6, 0.1, 10.0] {
            for slices in [1, 7, 201] {
                for scheme in [Scheme::Rs8, Scheme::Raptorq] {
                    let companion = companion(scheme, slices, slices.min(3), 4, ratio);
                    for share in SHARES {
                        let cycles = coded_cycles(loss, &companion, share);
                        assert!((1.0..=CYCLES_MAX * 11.0).contains(&cycles), "{cycles}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_deviate_is_that_of_the_tables() {
    for (tail, z) in [(0.5, 0.0), (0.158_655, 1.0), (0.001, 3.0902), (1e-6, 4.7534), (0.9, -1.2816)]
    {
        assert!((normal_deviate(tail) - z).abs() < 5e-4, "{tail}");
    }
}

#[test]
fn predictions_are_json_with_words_of_their_own() {
    let prediction = predict(10, 30.0, None)[0];
    let json = serde_json::to_value(prediction).unwrap();
    assert_eq!(json["loss_percent"], 0.1);
    assert_eq!(json["legacy"]["p99_9"], prediction.legacy.p999);
    assert_eq!(json["legacy_seconds"]["p50"], 30.0);
    assert!(json["repaired"].is_null() && json["repaired_seconds"].is_null());
}
