//! What a push can cost over unicast.

use super::prediction::{Companion, UnicastCost, bytes_per_box, costs, window_seconds};
use super::{ChannelPlan, ObjectPlan, UnicastPlan};
use crate::lineup::{Finding, Unicast};

/// What boxes ask for of the largest object of a channel.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct UnicastNeeds {
    /// The object.
    pub object: String,
    /// Its length: what a box asks for that hears nothing.
    pub bytes: u64,
    /// By loss.
    pub costs: Vec<UnicastCost>,
    /// What a box asks for on average.
    pub bytes_per_box: f64,
}

impl UnicastNeeds {
    /// Of `object`, which has these repair symbols.
    pub(super) fn of(
        unicast: &Unicast,
        object: &ObjectPlan,
        companion: Option<&Companion>,
    ) -> Option<Self> {
        let sizes = (object.bytes, object.slices);
        let cycles = unicast.after_cycles.get();
        (object.bytes > 0 && object.slices > 0).then(|| Self {
            object: object.name.clone(),
            bytes: object.bytes,
            costs: costs(sizes, cycles, companion),
            bytes_per_box: bytes_per_box(sizes, cycles, companion),
        })
    }
}

pub(super) fn plan(
    unicast: &Unicast,
    channels: &[ChannelPlan],
    findings: &mut Vec<Finding>,
) -> UnicastPlan {
    let needs = channels.iter().filter_map(|channel| channel.unicast.as_ref());
    let bytes_per_box = needs.map(|needs| needs.bytes_per_box).fold(0.0, f64::max);
    let said = unicast.boxes.zip(unicast.capacity_bps);
    let wanted = said.map(|(boxes, capacity)| window_seconds(boxes, bytes_per_box, capacity));
    if let Some(wanted) = wanted.filter(|wanted| *wanted > f64::from(unicast.window_s)) {
        findings.push(too_short(unicast, wanted));
    }
    UnicastPlan {
        urls: unicast.urls.clone(),
        after_cycles: unicast.after_cycles.get(),
        window_s: unicast.window_s,
        bytes_per_box,
        window_s_wanted: wanted,
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn too_short(unicast: &Unicast, wanted: f64) -> Finding {
    let Unicast { window_s, boxes, capacity_bps, .. } = unicast;
    let mbps = capacity_bps.unwrap_or_default() as f64 / 1e6;
    let boxes = boxes.unwrap_or_default();
    Finding::warning(format!(
        "the window of unicast repair is too short: {boxes} boxes that ask within {window_s} s can \
         overload {mbps} Mbit/s. Write window_s = {:.0} or more, or give them more to hear: repair \
         symbols, or a larger after_cycles",
        wanted.ceil()
    ))
}
