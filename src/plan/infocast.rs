//! The plan of an Infocast channel.

use stbcast_infocast::{BOX_PATIENCE, ObjectType};
use stbcast_object::Micros;

use super::prediction::{Companion, Prediction, predict};
use super::{ChannelPlan, ObjectPlan, OverlapPlan, RepairPlan, UnicastNeeds, object_plan};
use crate::companion::CompanionPlan;
use crate::contents::Contents;
use crate::lineup::{Channel, Finding, Object, ObjectId, Unicast};
use crate::repair::per_block;

pub(super) fn channel_plan(
    contents: &Contents,
    (place, channel): (usize, &Channel),
    (companion, unicast): (Option<&CompanionPlan>, Option<&Unicast>),
    findings: &mut Vec<Finding>,
) -> Result<ChannelPlan, String> {
    let carousel = contents.carousel(place, channel)?;
    let plan = carousel.plan(channel.bit_rate_bps, channel.group.ip_udp_bytes());
    let cycle = plan.cycle.after(channel.burst_delay);
    let mut objects = Vec::new();
    for (object, (spec, entry)) in channel.objects.iter().zip(carousel.entries()).enumerate() {
        let id = ObjectId { channel: place, object };
        let passes = plan.passes.get(object).copied().unwrap_or(1);
        let pause = if passes > 1 { Micros::ZERO } else { channel.burst_delay };
        let interval = plan.interval(object).after(pause).max(spec.delay);
        let object_type = contents.object_type(id, spec);
        let control = object_type == ObjectType::BOOTCAST_INFO || spec.is_control();
        if control && interval > BOX_PATIENCE {
            findings.push(impatient(channel, spec, interval));
        }
        let symbols = companion.and_then(|plan| plan.objects.get(object));
        objects.push(ObjectPlan {
            object_type: object_type.to_string(),
            precoding: spec.precoding.to_string(),
            slices: entry.packets(),
            passes,
            ..object_plan(spec, contents.length(id), interval, symbols)
        });
    }
    if companion.is_some_and(|plan| plan.geometries().next().is_none()) {
        let message = format!("channel `{}`: no object of it has repair symbols", channel.name);
        findings.push(Finding::warning(message));
    }
    let repair = channel.repair.as_ref().zip(companion);
    let largest = objects.iter().enumerate().max_by_key(|(_, object)| object.slices);
    let coded = largest.and_then(|(place, _)| coded(place, channel, companion));
    let completion = largest.map(|(_, object)| completion(object, cycle, coded.as_ref()));
    let overlap = OverlapPlan::of(channel, companion, cycle, findings);
    let unicast = unicast.zip(largest);
    let unicast = unicast
        .and_then(|(unicast, (_, object))| UnicastNeeds::of(unicast, object, coded.as_ref()));
    Ok(ChannelPlan {
        completion: completion.unwrap_or_default(),
        overlap,
        unicast,
        datagrams: plan.datagrams,
        ip_bytes: plan.ip_bytes,
        cycle_seconds: cycle.as_secs_f64(),
        repair: repair.map(|(repair, plan)| RepairPlan::of(repair, plan)),
        objects,
        ..ChannelPlan::of(channel)
    })
}

fn impatient(channel: &Channel, object: &Object, interval: Micros) -> Finding {
    Finding::warning(format!(
        "channel `{}`: control object `{}` passes every {:.1} s, but a box waits 10 s: raise the bit \
         rate or move long objects to another channel",
        channel.name,
        object.name,
        interval.as_secs_f64()
    ))
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
