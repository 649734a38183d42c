//! The FLUTE sessions of a programme: carousels, companions, the announce session.

use std::num::NonZeroU16;
use std::sync::Arc;

use stbcast_flute::fdt::File;
use stbcast_flute::{
    AnnounceSession, CompanionSession, CompanionSettings, DEFAULT_TSI, Entry, FdtSettings, Repair,
    Statement,
};
use stbcast_object::Micros;

use super::prepared::{Prepared, Sent};
use super::{ChannelProgramme, Payload, Programme};
use crate::carousel::Carousel;
use crate::companion::CompanionPlan;
use crate::flute_channel::{self, share};
use crate::lineup::{ANNOUNCE_NAME, Channel, LineUp, Protocol};
use crate::pacer::BURST;

/// Lowest rate of an announce session in bits per second.
const ANNOUNCE_BPS_MIN: u64 = 64_000;

/// The session of a channel's repair symbols; none where no object has any.
pub(super) fn companion(
    channel: &Channel,
    plan: &CompanionPlan,
    objects: &[&Prepared],
    wall: Micros,
) -> Result<Option<ChannelProgramme>, String> {
    let Some(repair) = &channel.repair else { return Ok(None) };
    let (mut entries, mut payloads, mut described) = (Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        let (Some(file), Some(symbols)) = (&object.file, &object.symbols) else { continue };
        let store = Repair {
            store: payloads.len(),
            per_block: symbols.per_block,
            per_cycle: 0,
            crcs: Arc::clone(&symbols.crcs),
        };
        // Boxes are told by the announce session alone whom they may ask.
        let mut file = file.clone();
        file.announced.unicast = None;
        // No source symbol is sent here.
        let object = usize::MAX;
        entries.push(Entry { file: file.clone(), object, repair: Some(store) });
        payloads.push(Payload::Repair(symbols.clone()));
        described.push(file);
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let settings = CompanionSettings {
        fdt: FdtSettings::new(DEFAULT_TSI),
        symbols_per_1000_s: plan.symbols_per_1000_s,
        share: share(repair),
    };
    let session = CompanionSession::new(settings, entries, wall);
    let session =
        session.map_err(|error| format!("channel `{}`: repair: {error}", channel.name))?;
    let own = Channel {
        name: channel.companion_name(),
        group: plan.group,
        bit_rate_bps: plan.companion_bps,
        protocol: Protocol::Flute,
        mag: None,
        objects: Vec::new(),
        ..channel.clone()
    };
    Ok(Some(ChannelProgramme {
        channel: own,
        carousel: Carousel::Companion(Box::new(session)),
        payloads,
        digests: Vec::new(),
        files: described,
        companion: None,
    }))
}

/// The announce session of all that is on air.
pub(super) fn announce(
    line_up: &LineUp,
    channels: &[ChannelProgramme],
    statements: &[Statement],
    wall: Micros,
) -> Result<Option<ChannelProgramme>, String> {
    let Some(announce) = &line_up.announce else { return Ok(None) };
    let files: Vec<File> = channels.iter().flat_map(|channel| channel.files.clone()).collect();
    let settings = FdtSettings::new(DEFAULT_TSI);
    let refused = |error| format!("the announce session: {error}");
    let mut all = AnnounceSession::new(settings, Vec::new(), wall).map_err(refused)?;
    all.set(files, statements.to_vec(), wall).map_err(refused)?;
    // The publisher says what is described, and when.
    let session = AnnounceSession::new(settings, Vec::new(), wall).map_err(refused)?;
    let channel = Channel {
        name: ANNOUNCE_NAME.to_owned(),
        protocol: Protocol::Flute,
        group: announce.group,
        bit_rate_bps: announce_bps(&session, announce.group.ip_udp_bytes()),
        slice_bytes: NonZeroU16::MIN,
        ttl: announce.ttl,
        dscp: announce.dscp,
        interface: announce.interface.clone(),
        burst: BURST,
        burst_delay: Micros::ZERO,
        mag: None,
        repair: None,
        overlap: None,
        schedule: None,
        objects: Vec::new(),
    };
    Ok(Some(ChannelProgramme {
        channel,
        carousel: Carousel::Announce(Box::new(session)),
        payloads: Vec::new(),
        digests: Vec::new(),
        files: Vec::new(),
        companion: None,
    }))
}

/// Bits of IP per second that the announce session of a programme takes when all of it is announced.
pub(super) fn announced_bps(
    line_up: &LineUp,
    programme: &Programme,
    wall: Micros,
) -> Result<u64, String> {
    let Some(announce) = &line_up.announce else { return Ok(0) };
    let files = programme.channels.iter().flat_map(|channel| channel.files.clone()).collect();
    let session = AnnounceSession::new(FdtSettings::new(DEFAULT_TSI), Vec::new(), wall);
    let session = session.and_then(|mut session| {
        session.set(files, programme.statements.clone(), wall)?;
        Ok(session)
    });
    let session = session.map_err(|error| format!("the announce session: {error}"))?;
    Ok(announce_bps(&session, announce.group.ip_udp_bytes()))
}

/// A rate at which the description passes in less than a second.
pub(crate) fn announce_bps(session: &AnnounceSession, ip_udp_bytes: usize) -> u64 {
    (session.ip_bytes(ip_udp_bytes) * 9).max(ANNOUNCE_BPS_MIN)
}

/// A FLUTE carousel of its own.
pub(super) fn channel(
    channel: Channel,
    objects: &[&Prepared],
    wall: Micros,
) -> Result<ChannelProgramme, String> {
    let (mut entries, mut files) = (Vec::new(), Vec::new());
    let mut payloads: Vec<_> = objects.iter().map(|object| object.payload.clone()).collect();
    for (object, prepared) in objects.iter().enumerate() {
        let Prepared { file: Some(file), sent: Sent::Flute(coding), symbols, .. } = prepared else {
            continue;
        };
        let repair = coding.repair(&channel, payloads.len());
        payloads.extend(symbols.clone().map(Payload::Repair));
        files.push(file.clone());
        entries.push(Entry { file: file.clone(), object, repair });
    }
    let carousel = flute_channel::carousel(&channel, entries, wall)?;
    Ok(ChannelProgramme {
        carousel: Carousel::Flute(Box::new(carousel)),
        payloads,
        digests: objects.iter().map(|object| object.digest).collect(),
        files,
        channel,
        companion: None,
    })
}

/// For receivers that know nothing better.
pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::{Digest as _, Md5};
    Md5::digest(bytes).into()
}
