//! The plan of a FLUTE channel.

use stbcast_flute::Entry;
use stbcast_object::Micros;

use super::prediction::Companion;
use super::{ChannelPlan, RepairPlan, UnicastNeeds, object_plan};
use crate::announced::expected;
use crate::contents::Contents;
use crate::flute_channel::{Coding, carousel};
use crate::lineup::{Channel, LineUp, ObjectId};
use crate::repair::per_block;

pub(super) fn channel_plan(
    line_up: &LineUp,
    contents: &Contents,
    (place, channel): (usize, &Channel),
) -> Result<ChannelPlan, String> {
    let (mut entries, mut codings) = (Vec::new(), Vec::new());
    for (object, spec) in channel.objects.iter().enumerate() {
        let id = ObjectId { channel: place, object };
        let refused =
            |error: String| format!("channel `{}`, object `{}`: {error}", channel.name, spec.name);
        let length = contents.length(id);
        let coding = Coding::of(channel, length).map_err(refused)?;
        let file = expected(line_up, contents, id, Some(coding.fti));
        let file = file.map_err(|error| refused(error.to_string()))?;
        let repair = coding.repair(channel, 0);
        entries.extend(file.map(|file| Entry { file, object, repair }));
        codings.push((spec, length, coding));
    }
    let carousel = carousel(channel, entries, Micros::ZERO)?;
    let cycle = carousel.cycle_span();
    let largest = codings.iter().max_by_key(|(_, _, coding)| coding.fti.symbols());
    let companion = largest.and_then(|(.., coding)| coded(channel, coding));
    let objects = codings.iter().map(|(spec, length, coding)| {
        let plan = object_plan(spec, *length, cycle, coding.symbols.as_ref());
        super::ObjectPlan {
            object_type: "-".to_owned(),
            precoding: "-".to_owned(),
            slices: coding.fti.symbols(),
            ..plan
        }
    });
    let objects: Vec<_> = objects.collect();
    let unicast = line_up.unicast.as_ref().zip(objects.iter().max_by_key(|it| it.slices));
    let unicast =
        unicast.and_then(|(unicast, object)| UnicastNeeds::of(unicast, object, companion.as_ref()));
    Ok(ChannelPlan {
        unicast,
        datagrams: carousel.cycle_datagrams(),
        ip_bytes: carousel.cycle_ip_bytes(),
        cycle_seconds: cycle.as_secs_f64(),
        repair: channel.repair.as_ref().map(RepairPlan::within),
        objects,
        ..ChannelPlan::of(channel)
    })
}

/// The repair symbols that an object's own channel carries.
fn coded(channel: &Channel, coding: &Coding) -> Option<Companion> {
    let (geometry, repair) = (*coding.geometry()?, channel.repair.as_ref()?);
    Some(Companion {
        geometry,
        per_block: per_block(&geometry),
        ratio: repair.ratio,
        keep_total: true,
    })
}
