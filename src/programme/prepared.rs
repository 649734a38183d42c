//! One channel whose objects are ready: trailers, repair symbols and descriptions made.

use stbcast_fec::Geometry;
use stbcast_flute::fdt::File;
use stbcast_infocast::Entry;
use stbcast_object::Micros;

use super::{ChannelProgramme, Payload, flute};
use crate::carousel::Carousel;
use crate::companion::{self, NoRepair};
use crate::contents::carousel;
use crate::flute_channel::Coding;
use crate::lineup::{Channel, Protocol};
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
    /// How it is sent.
    pub(super) sent: Sent,
}

/// What depends on the protocol.
#[derive(Clone)]
pub(super) enum Sent {
    /// As an entry of an object carousel.
    Infocast {
        /// With its trailers.
        entry: Box<Entry>,
        /// The geometry of its repair symbols, where the channel has a companion.
        geometry: Option<Result<Geometry, NoRepair>>,
        /// How long its description in the companion is, by one of that length.
        expected: Option<Box<File>>,
    },
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
        };
        programme.map(Some)
    }
}

fn infocast(
    channel: Channel,
    objects: &[&Prepared],
    wall: Micros,
) -> Result<ChannelProgramme, String> {
    let (mut entries, mut geometries, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        let Sent::Infocast { entry, geometry, expected: described } = &object.sent else {
            continue;
        };
        entries.push((**entry).clone());
        geometries.extend(geometry.clone());
        expected.extend(described.as_deref().cloned());
    }
    let group = channel.repair.as_ref().and_then(|repair| repair.group);
    let of_fdt = group.map_or(0, |group| companion::described_bps(expected, group));
    let at =
        |bit_rate_bps| Ok(carousel(&Channel { bit_rate_bps, ..channel.clone() }, entries.clone()));
    let plan = companion::plan_of(&channel, geometries, of_fdt, at)?;
    let bit_rate_bps = plan.as_ref().map_or(channel.bit_rate_bps, |plan| plan.source_bps);
    let companion = match &plan {
        Some(plan) => flute::companion(&channel, plan, objects, wall)?,
        None => None,
    };
    // The carousel does not change with its repair symbols.
    let own = Channel { bit_rate_bps, repair: None, ..channel };
    Ok(ChannelProgramme {
        carousel: Carousel::Infocast(Box::new(carousel(&own, entries))),
        channel: own,
        digests: objects.iter().map(|object| object.digest).collect(),
        payloads: objects.iter().map(|object| object.payload.clone()).collect(),
        files: objects.iter().filter_map(|object| object.file.clone()).collect(),
        companion: companion.map(Box::new),
    })
}
