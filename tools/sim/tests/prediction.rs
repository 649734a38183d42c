//! What `stbcast check` promises before anything is sent is what boxes then need.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use stbcast::plan::prediction::{self, LOSS_RATES, Prediction};
use stbcast_fec::Choice;
use stbcast_sim::air::{Air, Companion};
use stbcast_sim::crowd;
use stbcast_sim::loss::Loss;
use stbcast_sim::percentiles::Percentiles;
use stbcast_sim::scenario::ALL;

const IMAGE_BYTES: u64 = 2 << 20;
const BOXES: u64 = 250;

/// A channel with a companion of this ratio, or none.
fn air(ratio: Option<f64>, code: Choice) -> Air {
    let mut programme = ALL[0].programme(IMAGE_BYTES);
    programme.code = code;
    programme.cycles = if ratio.is_some() { 8 } else { 24 };
    programme.companions = ratio.into_iter().map(Companion::alone).collect();
    Air::of(&programme).unwrap()
}

fn predicted(air: &Air, ratio: f64) -> Vec<Prediction> {
    let companion = air.geometry.map(|geometry| prediction::Companion {
        geometry,
        per_block: geometry.repair_symbols(0),
        ratio,
        keep_total: false,
    });
    prediction::predict(air.slices.count(), 1.0, companion.as_ref())
}

fn simulated(air: &Air, loss: f64) -> Percentiles {
    crowd::cycles(&crowd::run(air, Loss::Independent { probability: loss }, BOXES, 11))
}

#[test]
fn boxes_with_repair_need_what_is_predicted() {
    for (ratio, code) in [(0.10, Choice::Rs16), (0.10, Choice::Rs8), (0.25, Choice::Rs16)] {
        let air = air(Some(ratio), code);
        for (loss, predicted) in LOSS_RATES.into_iter().zip(predicted(&air, ratio)) {
            let (times, real) = (predicted.repaired.unwrap(), simulated(&air, loss));
            let told = format!("{code}, ratio {ratio}, loss {loss}: {times:?}, {real:?}");
            assert!((real.p50 / times.p50 - 1.0).abs() < 0.02, "{told}");
            assert!(real.p99 <= times.p999 * 1.02 && real.max >= times.p50, "{told}");
        }
    }
}

#[test]
fn boxes_without_repair_need_what_is_predicted() {
    let air = air(None, Choice::Auto);
    for (loss, predicted) in LOSS_RATES.into_iter().zip(predicted(&air, 0.0)) {
        let (times, real) = (predicted.legacy, simulated(&air, loss));
        let told = format!("loss {loss}: {times:?}, {real:?}");
        assert!((real.p50 / times.p50 - 1.0).abs() < 0.05, "{told}");
        assert!(real.p99 <= times.p999 * 1.05 && real.max >= times.p50, "{told}");
    }
}
