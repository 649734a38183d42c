//! The plan of an Infocast channel.

use stbcast_infocast::{BOX_PATIENCE, ObjectType};
use stbcast_object::Micros;

use super::repaired::{Largest, tell_empty};
use super::{ChannelPlan, ObjectPlan, OverlapPlan, RepairPlan, object_plan};
use crate::companion::CompanionPlan;
use crate::contents::Contents;
use crate::lineup::{Channel, Finding, Object, ObjectId, Unicast};

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
    tell_empty(channel, companion, findings);
    let repair = channel.repair.as_ref().zip(companion);
    let Largest { completion, unicast } =
        Largest::of(&objects, channel, (companion, unicast), cycle);
    let overlap = OverlapPlan::of(channel, companion, cycle, findings);
    Ok(ChannelPlan {
        completion,
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
