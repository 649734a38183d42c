//! The plan of a FLUTE channel.

use stbcast_fec::{Choice, Geometry};
use stbcast_object::Micros;

use super::{ChannelPlan, ObjectPlan, RepairPlan, object_plan};
use crate::companion::NoRepair;
use crate::contents::Contents;
use crate::lineup::{Channel, Finding, Object, ObjectId};

/// Bytes of IP of a cycle without descriptions, and its datagrams.
#[derive(Clone, Copy, Default)]
struct Load {
    datagrams: u64,
    ip_bytes: u64,
}

pub(super) fn channel_plan(
    contents: &Contents,
    place: usize,
    channel: &Channel,
    findings: &mut Vec<Finding>,
) -> Result<ChannelPlan, String> {
    let loads = channel.objects.iter().enumerate().map(|(object, spec)| {
        let length = contents.length(ObjectId { channel: place, object });
        let symbols = symbols(channel, length).transpose();
        (
            spec,
            length,
            load(channel, length, symbols.as_ref().and_then(|it| it.as_ref().ok())),
            symbols,
        )
    });
    let loads: Vec<_> = loads.collect();
    let sum = loads.iter().fold(Load::default(), |sum, (_, _, load, _)| Load {
        datagrams: sum.datagrams + load.datagrams,
        ip_bytes: sum.ip_bytes + load.ip_bytes,
    });
    let micros = u128::from(sum.ip_bytes) * 8_000_000 / u128::from(channel.bit_rate_bps.max(1));
    let cycle = Micros(u64::try_from(micros).unwrap_or(u64::MAX));
    let mut objects = Vec::new();
    for (spec, length, _, symbols) in &loads {
        if let Some(Err(error)) = symbols {
            findings.push(refused(channel, spec, error));
        }
        let slices = length.div_ceil(u64::from(channel.slice_bytes.get())).max(1);
        objects.push(ObjectPlan {
            object_type: "-".to_owned(),
            precoding: "-".to_owned(),
            slices: u32::try_from(slices).unwrap_or(u32::MAX),
            ..object_plan(spec, *length, cycle, symbols.as_ref())
        });
    }
    Ok(ChannelPlan {
        datagrams: sum.datagrams,
        ip_bytes: sum.ip_bytes,
        cycle_seconds: cycle.as_secs_f64(),
        repair: channel.repair.as_ref().map(RepairPlan::within),
        objects,
        ..ChannelPlan::of(channel)
    })
}

fn refused(channel: &Channel, object: &Object, error: &NoRepair) -> Finding {
    Finding::error(format!("channel `{}`, object `{}`: {error}", channel.name, object.name))
}

/// The geometry of an object's repair symbols, where the channel has some.
fn symbols(channel: &Channel, length: u64) -> Result<Option<Geometry>, NoRepair> {
    let symbol_bytes = channel.slice_bytes.get();
    let plan = || Geometry::plan(Choice::Raptorq, length, symbol_bytes, symbol_bytes);
    Ok(channel.repair.is_some().then(plan).transpose()?)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a ratio of at most 2 and blocks of at most 1,024 symbols"
)]
fn load(channel: &Channel, length: u64, symbols: Option<&Geometry>) -> Load {
    let overhead = (stbcast_flute::SOURCE_HEAD_BYTES + channel.group.ip_udp_bytes()) as u64;
    let symbol = u64::from(channel.slice_bytes.get());
    let source = length.div_ceil(symbol).max(1);
    let ratio = channel.repair.as_ref().map_or(0.0, |repair| repair.ratio);
    let repair = symbols.map_or(0, |geometry| {
        let per_block = (f64::from(geometry.block_symbols()) * ratio).ceil() as u64;
        u64::from(geometry.blocks()) * per_block
    });
    let bytes = if symbols.is_some() { source * symbol } else { length };
    let datagrams = source + repair;
    Load { datagrams, ip_bytes: bytes + repair * symbol + datagrams * overhead }
}
