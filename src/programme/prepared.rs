//! One channel whose objects are ready: trailers, repair symbols and descriptions made.

use stbcast_fec::Geometry;
use stbcast_flute::fdt::File;
use stbcast_infocast::Entry;
use stbcast_mag::Stream;
use stbcast_object::Micros;

use super::{ChannelProgramme, Payload, flute};
use crate::carousel::Carousel;
use crate::companion::{self, NoRepair};
use crate::contents::carousel;
use crate::flute_channel::Coding;
use crate::lineup::{Channel, Protocol};
use crate::mag;
use crate::repair::RepairSymbols;
use crate::spool::Digest;

/// A channel with all objects that it could send.
pub(super) struct PreparedChannel {
    /// As the line-up has it.
    pub(super) channel: Channel,
    /// Its objects, in that order.
    pub(super) objects: Vec<Prepared>,
}

/// An object that is ready to be sent.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Its bytes.
    pub(super) payload: Payload,
    /// Their digest; `None` where they are made at send time.
    pub(super) digest: Option<Digest>,
    /// How it is described to boxes; `None` where its name cannot stand in a URL.
    pub(super) file: Option<File>,
    /// Its repair symbols.
    pub(super) symbols: Option<RepairSymbols>,
    /// Its part in the companion of its channel, where there is one.
    pub(super) repaired: Option<Repaired>,
    /// How it is sent.
    pub(super) sent: Sent,
}

/// The part of an object in a companion.
#[derive(Clone)]
pub(super) struct Repaired {
    /// The geometry of its repair symbols, or why it has none.
    pub(super) geometry: Result<Geometry, NoRepair>,
    /// How long its description there is, by one of that length.
    pub(super) expected: Option<File>,
}

/// What depends on the protocol.
#[derive(Clone)]
pub(super) enum Sent {
    /// As an entry of an object carousel, with its trailers.
    Infocast(Box<Entry>),
    /// As the one image of a MAG carousel.
    Mag(Box<Stream>),
    /// As a file of a FLUTE session.
    Flute(Box<Coding>),
    /// Not at all.
    Not,
}

impl PreparedChannel {
    /// The channel at `bit_rate_bps` with the objects at those places that are `kept`; `None` without
    /// any.
    ///
    /// # Errors
    /// When it cannot be sent so.
    pub(super) fn programme(
        &self,
        bit_rate_bps: u64,
        kept: impl Fn(&usize) -> bool,
        wall: Micros,
    ) -> Result<Option<ChannelProgramme>, String> {
        let places = || (0..self.objects.len()).filter(&kept);
        let specs = places().filter_map(|place| self.channel.objects.get(place)).cloned();
        let objects: Vec<&Prepared> =
            places().filter_map(|place| self.objects.get(place)).collect();
        if objects.is_empty() && !self.objects.is_empty() {
            return Ok(None);
        }
        let channel = Channel { bit_rate_bps, objects: specs.collect(), ..self.channel.clone() };
        let programme = match channel.protocol {
            Protocol::Infocast => infocast(channel, &objects, wall),
            Protocol::Flute => flute::channel(channel, &objects, wall),
            Protocol::Mag => mag(channel, &objects, wall),
        };
        programme.map(Some)
    }
}

fn infocast(
    channel: Channel,
    objects: &[&Prepared],
    wall: Micros,
) -> Result<ChannelProgramme, String> {
    let entry = |object: &&Prepared| match &object.sent {
        Sent::Infocast(entry) => Some((**entry).clone()),
        _ => None,
    };
    let entries: Vec<_> = objects.iter().filter_map(entry).collect();
    let overhead = channel.group.ip_udp_bytes();
    let cycle = |bit_rate_bps| {
        let carousel = carousel(&Channel { bit_rate_bps, ..channel.clone() }, entries.clone());
        Ok(carousel.plan(bit_rate_bps, overhead).cycle)
    };
    let with = with_companion(&channel, objects, cycle, wall)?;
    let own = with.channel(channel);
    let carousel = Carousel::Infocast(Box::new(carousel(&own, entries.clone())));
    Ok(with.programme(own, objects, carousel))
}

fn mag(channel: Channel, objects: &[&Prepared], wall: Micros) -> Result<ChannelProgramme, String> {
    let stream = objects.iter().find_map(|object| match &object.sent {
        Sent::Mag(stream) => Some((**stream).clone()),
        _ => None,
    });
    let stream = stream.ok_or_else(|| format!("channel `{}` has no image", channel.name))?;
    let carousel = mag::channel::carousel(&channel, stream)?;
    let overhead = channel.group.ip_udp_bytes();
    let cycle = |bit_rate_bps| Ok(carousel.plan(bit_rate_bps, overhead).cycle);
    let with = with_companion(&channel, objects, cycle, wall)?;
    let own = with.channel(channel);
    Ok(with.programme(own, objects, Carousel::Mag(Box::new(carousel))))
}

/// A channel's own rate beside its companion, and that.
struct WithCompanion {
    source_bps: u64,
    companion: Option<ChannelProgramme>,
}

/// Makes the companion of a channel whose cycle takes `cycle` at a rate.
fn with_companion(
    channel: &Channel,
    objects: &[&Prepared],
    cycle: impl Fn(u64) -> Result<Micros, String>,
    wall: Micros,
) -> Result<WithCompanion, String> {
    let repaired = || objects.iter().filter_map(|object| object.repaired.as_ref());
    let expected = repaired().filter_map(|it| it.expected.clone()).collect();
    let geometries = repaired().map(|it| it.geometry.clone()).collect();
    let group = channel.repair.as_ref().and_then(|repair| repair.group);
    let of_fdt = group.map_or(0, |group| companion::described_bps(expected, group));
    let plan = companion::plan_of(channel, geometries, of_fdt, cycle)?;
    let companion = match &plan {
        Some(plan) => flute::companion(channel, plan, objects, wall)?,
        None => None,
    };
    let source_bps = plan.map_or(channel.bit_rate_bps, |plan| plan.source_bps);
    Ok(WithCompanion { source_bps, companion })
}

impl WithCompanion {
    /// The channel as it is sent itself. It does not change with its repair symbols.
    fn channel(&self, channel: Channel) -> Channel {
        Channel { bit_rate_bps: self.source_bps, repair: None, ..channel }
    }

    fn programme(
        self,
        channel: Channel,
        objects: &[&Prepared],
        carousel: Carousel,
    ) -> ChannelProgramme {
        ChannelProgramme {
            channel,
            carousel,
            digests: objects.iter().map(|object| object.digest).collect(),
            payloads: objects.iter().map(|object| object.payload.clone()).collect(),
            files: objects.iter().filter_map(|object| object.file.clone()).collect(),
            companion: self.companion.map(Box::new),
        }
    }
}
