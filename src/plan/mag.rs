//! The plan of a MAG channel.

use stbcast_mag::{Carousel, PACKETS_MAX, PACKETS_TOLD_APART};

use super::repaired::{Largest, tell_empty};
use super::{ChannelPlan, MagPlan, ObjectPlan, OverlapPlan, RepairPlan, object_plan};
use crate::companion::CompanionPlan;
use crate::contents::Contents;
use crate::lineup::{Channel, Finding, ObjectId, Unicast};
use crate::mag;

pub(super) fn channel_plan(
    contents: &Contents,
    (place, channel): (usize, &Channel),
    (companion, unicast): (Option<&CompanionPlan>, Option<&Unicast>),
    findings: &mut Vec<Finding>,
) -> Result<ChannelPlan, String> {
    let Some(object) = channel.objects.first() else { return Ok(ChannelPlan::of(channel)) };
    let length = contents.length(ObjectId { channel: place, object: 0 });
    let carousel = mag::channel::expected(channel, length)?;
    let plan = carousel.plan(channel.bit_rate_bps, channel.group.ip_udp_bytes());
    let cycle = plan.cycle.after(channel.burst_delay);
    if carousel.stream().wraps() {
        findings.push(wraps(channel, &carousel));
    }
    if carousel.stream().slices.count() > PACKETS_MAX {
        findings.push(too_many(channel, &carousel));
    }
    tell_empty(channel, companion, findings);
    let symbols = companion.and_then(|plan| plan.objects.first());
    let objects = vec![ObjectPlan {
        object_type: "-".to_owned(),
        precoding: "-".to_owned(),
        slices: carousel.stream().slices.count(),
        ..object_plan(object, length, cycle, symbols)
    }];
    let Largest { completion, unicast } =
        Largest::of(&objects, channel, (companion, unicast), cycle);
    let repair = channel.repair.as_ref().zip(companion);
    Ok(ChannelPlan {
        completion,
        overlap: OverlapPlan::of(channel, companion, cycle, findings),
        unicast,
        datagrams: plan.packets + plan.descriptions,
        ip_bytes: plan.ip_bytes,
        cycle_seconds: cycle.as_secs_f64(),
        repair: repair.map(|(repair, plan)| RepairPlan::of(repair, plan)),
        mag: channel.mag.as_ref().map(|mag| MagPlan {
            role: mag.role.word(),
            serial: mag.serial,
            description: carousel.stream().description.text().to_owned(),
            descriptions: plan.descriptions,
        }),
        objects,
        ..ChannelPlan::of(channel)
    })
}

/// An image of more packets than their index tells apart.
fn wraps(channel: &Channel, carousel: &Carousel) -> Finding {
    let slices = carousel.stream().slices;
    let told_apart = u64::from(PACKETS_TOLD_APART) * u64::from(slices.slice_bytes().get());
    Finding::warning(format!(
        "channel `{}`: {} bytes are {} packets, and their 16-bit index begins at 0 again behind {} of \
         them ({told_apart} bytes). Receivers of ours go by offset and length; whether boxes of the field \
         do is not known",
        channel.name,
        slices.length(),
        slices.count(),
        PACKETS_TOLD_APART
    ))
}

/// An image of more packets than the receiver of this project takes.
fn too_many(channel: &Channel, carousel: &Carousel) -> Finding {
    Finding::warning(format!(
        "channel `{}`: {} packets are more than the {PACKETS_MAX} that receivers of ours take of an image",
        channel.name,
        carousel.stream().slices.count(),
    ))
}
