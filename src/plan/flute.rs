//! The plan of a FLUTE channel.

use stbcast_flute::Entry;
use stbcast_object::Micros;

use super::{ChannelPlan, RepairPlan, object_plan};
use crate::announced::expected;
use crate::contents::Contents;
use crate::flute_channel::{Coding, carousel};
use crate::lineup::{Channel, LineUp, ObjectId};

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
    let objects = codings.iter().map(|(spec, length, coding)| {
        let plan = object_plan(spec, *length, cycle, coding.symbols.as_ref());
        super::ObjectPlan {
            object_type: "-".to_owned(),
            precoding: "-".to_owned(),
            slices: coding.fti.symbols(),
            ..plan
        }
    });
    Ok(ChannelPlan {
        datagrams: carousel.cycle_datagrams(),
        ip_bytes: carousel.cycle_ip_bytes(),
        cycle_seconds: cycle.as_secs_f64(),
        repair: channel.repair.as_ref().map(RepairPlan::within),
        objects: objects.collect(),
        ..ChannelPlan::of(channel)
    })
}
