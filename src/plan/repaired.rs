//! What a companion does for the largest object of its channel, whatever the channel's carousel.

use stbcast_object::Micros;

use super::prediction::{Companion, Prediction, predict};
use super::{ObjectPlan, UnicastNeeds};
use crate::companion::CompanionPlan;
use crate::lineup::{Channel, Finding, Unicast};
use crate::repair::per_block;

/// How long boxes take for the largest object of a channel, and what they ask servers for.
#[derive(Default)]
pub(super) struct Largest {
    pub(super) completion: Vec<Prediction>,
    pub(super) unicast: Option<UnicastNeeds>,
}

impl Largest {
    /// Of these objects, where a cycle takes `cycle`.
    pub(super) fn of(
        objects: &[ObjectPlan],
        channel: &Channel,
        (companion, unicast): (Option<&CompanionPlan>, Option<&Unicast>),
        cycle: Micros,
    ) -> Self {
        let largest = objects.iter().enumerate().max_by_key(|(_, object)| object.slices);
        let Some((place, object)) = largest else { return Self::default() };
        let coded = coded(place, channel, companion);
        let completion = completion(object, cycle, coded.as_ref());
        let unicast = unicast.and_then(|unicast| UnicastNeeds::of(unicast, object, coded.as_ref()));
        Self { completion, unicast }
    }
}

/// A companion that has nothing to carry is told of.
pub(super) fn tell_empty(
    channel: &Channel,
    companion: Option<&CompanionPlan>,
    findings: &mut Vec<Finding>,
) {
    if companion.is_some_and(|plan| plan.geometries().next().is_none()) {
        let message = format!("channel `{}`: no object of it has repair symbols", channel.name);
        findings.push(Finding::warning(message));
    }
}

/// The repair symbols of an object.
fn coded(place: usize, channel: &Channel, plan: Option<&CompanionPlan>) -> Option<Companion> {
    let geometry = plan.and_then(|plan| plan.objects.get(place)?.as_ref().ok());
    channel.repair.as_ref().zip(geometry).map(|(repair, geometry)| Companion {
        geometry: *geometry,
        per_block: per_block(geometry) / repair.senders,
        ratio: repair.ratio,
        keep_total: repair.keep_total,
    })
}

/// How long boxes take for the largest object of a channel.
fn completion(
    object: &ObjectPlan,
    cycle: Micros,
    companion: Option<&Companion>,
) -> Vec<Prediction> {
    // A companion that takes its part of the rate has made the cycle longer.
    let stretch = companion.filter(|it| it.keep_total).map_or(1.0, |it| 1.0 + it.ratio);
    predict(object.slices, cycle.as_secs_f64() / stretch, companion)
}
