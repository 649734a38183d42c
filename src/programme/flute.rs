//! The FLUTE sessions of a programme: carousels, companions, the announce session.

use std::num::NonZeroU16;
use std::sync::Arc;

use stbcast_fec::{Choice, Geometry};
use stbcast_flute::fdt::File;
use stbcast_flute::{
    AnnounceSession, CarouselSettings, CompanionSession, CompanionSettings, DEFAULT_TSI, Entry,
    FdtSettings, Fti, Repair, Scheme, Share,
};
use stbcast_object::Micros;

use super::{ChannelProgramme, Loader, Payload};
use crate::announced::describe;
use crate::carousel::Carousel;
use crate::companion::CompanionPlan;
use crate::lineup::{self, ANNOUNCE_NAME, Channel, LineUp, ObjectId, Protocol};
use crate::pacer::BURST;
use crate::repair::{RepairSymbols, per_block};

/// Source symbols of a block without a code.
const NO_CODE_BLOCK_SYMBOLS: u32 = 1_024;

/// Lowest rate of an announce session in bits per second.
const ANNOUNCE_BPS_MIN: u64 = 64_000;

fn share(repair: &lineup::Repair) -> Share {
    Share { senders: repair.senders, index: repair.sender_index }
}

/// The session of a channel's repair symbols; none where no object has any.
pub(super) fn companion(
    channel: &Channel,
    plan: &CompanionPlan,
    (files, repaired): (&[Option<File>], &[Option<RepairSymbols>]),
    wall: Micros,
) -> Result<Option<ChannelProgramme>, String> {
    let Some(repair) = &channel.repair else { return Ok(None) };
    let (mut entries, mut payloads, mut described) = (Vec::new(), Vec::new(), Vec::new());
    for (file, symbols) in files.iter().zip(repaired) {
        let (Some(file), Some(symbols)) = (file, symbols) else { continue };
        let store = Repair {
            store: payloads.len(),
            per_block: symbols.per_block,
            per_cycle: 0,
            crcs: Arc::clone(&symbols.crcs),
        };
        // No source symbol is sent here.
        let object = usize::MAX;
        entries.push(Entry { file: file.clone(), object, repair: Some(store) });
        payloads.push(Payload::Repair(symbols.clone()));
        described.push(file.clone());
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
    wall: Micros,
) -> Result<Option<ChannelProgramme>, String> {
    let Some(announce) = &line_up.announce else { return Ok(None) };
    let files: Vec<File> = channels.iter().flat_map(|channel| channel.files.clone()).collect();
    let settings = FdtSettings::new(DEFAULT_TSI);
    let refused = |error| format!("the announce session: {error}");
    AnnounceSession::new(settings, files, wall).map_err(refused)?;
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
        repair: None,
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

/// A rate at which the description passes in less than a second.
pub(crate) fn announce_bps(session: &AnnounceSession, ip_udp_bytes: usize) -> u64 {
    (session.fdt().ip_bytes(ip_udp_bytes) * 9).max(ANNOUNCE_BPS_MIN)
}

impl Loader<'_> {
    /// A FLUTE carousel of its own.
    pub(super) fn flute(
        &mut self,
        place: usize,
        channel: &Channel,
        mut payloads: Vec<Payload>,
    ) -> Result<ChannelProgramme, String> {
        let (mut entries, mut files) = (Vec::new(), Vec::new());
        let digests = payloads.iter().map(Payload::digest).collect();
        for (object, spec) in channel.objects.iter().enumerate() {
            let id = ObjectId { channel: place, object };
            let refused = |error: String| format!("object `{}`: {error}", spec.name);
            let payload = payloads.get(object).cloned().unwrap_or(Payload::None);
            let (fti, symbols) = self.flute_object(channel, &payload).map_err(refused)?;
            let Some(facts) = self.facts(id, &payload, Some(fti)) else { continue };
            let file = describe(self.line_up, self.contents, id, facts);
            let file = file.map_err(|error| refused(error.to_string()))?;
            let Some(mut file) = file else { continue };
            file.md5 = Some(md5(payload.bytes()));
            let repair = symbols.map(|symbols| {
                let per_cycle = per_cycle(channel, &symbols);
                let store = payloads.len();
                let repair = Repair {
                    store,
                    per_block: symbols.per_block,
                    per_cycle,
                    crcs: Arc::clone(&symbols.crcs),
                };
                payloads.push(Payload::Repair(symbols));
                repair
            });
            files.push(file.clone());
            entries.push(Entry { file, object, repair });
        }
        let settings = CarouselSettings {
            ip_udp_bytes: channel.group.ip_udp_bytes(),
            share: channel.repair.as_ref().map_or(Share::ALL, share),
            ..CarouselSettings::new(DEFAULT_TSI, channel.bit_rate_bps)
        };
        let carousel = stbcast_flute::Carousel::new(settings, entries, self.wall);
        let carousel = carousel.map_err(|error| format!("channel `{}`: {error}", channel.name))?;
        Ok(ChannelProgramme {
            channel: channel.clone(),
            carousel: Carousel::Flute(Box::new(carousel)),
            payloads,
            digests,
            files,
            companion: None,
        })
    }

    /// How an object is coded on a FLUTE channel, and its repair symbols where it has some.
    fn flute_object(
        &mut self,
        channel: &Channel,
        payload: &Payload,
    ) -> Result<(Fti, Option<RepairSymbols>), String> {
        let (length, symbol_bytes) = (payload.bytes().len() as u64, channel.slice_bytes.get());
        if let (Some(_), Payload::Mapped(revision)) = (&channel.repair, payload) {
            let geometry = Geometry::plan(Choice::Raptorq, length, symbol_bytes, symbol_bytes);
            let geometry = geometry.map_err(|error| error.to_string())?;
            let symbols = self.spool.repair(revision, geometry, per_block(&geometry));
            let symbols = symbols.map_err(|error| error.to_string())?;
            return Ok((Fti::of_geometry(geometry), Some(symbols)));
        }
        let scheme = Scheme::NoCode { block_symbols: NO_CODE_BLOCK_SYMBOLS };
        let fti = Fti::new(scheme, length, symbol_bytes).map_err(|error| error.to_string())?;
        Ok((fti, None))
    }
}

/// Repair symbols of each block sent in a cycle.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a ratio of at most 2 and blocks of at most 1,024 symbols"
)]
fn per_cycle(channel: &Channel, symbols: &RepairSymbols) -> u32 {
    let ratio = channel.repair.as_ref().map_or(0.0, |repair| repair.ratio);
    let wanted = (f64::from(symbols.geometry.block_symbols()) * ratio).ceil();
    (wanted as u32).clamp(1, symbols.per_block)
}

/// For receivers that know nothing better.
fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::{Digest as _, Md5};
    Md5::digest(bytes).into()
}
