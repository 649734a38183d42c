//! FLUTE channels: how their objects are coded, and the carousel of one. Plan and programme both come
//! here, so that what is checked is what is sent.

use std::sync::Arc;

use stbcast_fec::{Choice, Geometry};
use stbcast_flute::{Carousel, CarouselSettings, DEFAULT_TSI, Entry, Fti, Repair, Scheme, Share};
use stbcast_object::Micros;

use crate::companion::{NoRepair, enough_for};
use crate::lineup::{self, Channel};
use crate::repair::per_block;

/// Source symbols of a block without a code.
const NO_CODE_BLOCK_SYMBOLS: u32 = 1_024;

/// How an object is coded.
#[derive(Clone, Debug)]
pub(crate) struct Coding {
    /// Its FEC parameters.
    pub(crate) fti: Fti,
    /// The geometry of its repair symbols, or why it has none; nothing where none are asked for.
    pub(crate) symbols: Option<Result<Geometry, NoRepair>>,
}

impl Coding {
    /// The coding of an object of `length` bytes.
    ///
    /// # Errors
    /// When it cannot be sent so.
    pub(crate) fn of(channel: &Channel, length: u64) -> Result<Self, String> {
        let symbols = channel.repair.as_ref().map(|repair| geometry(channel, repair, length));
        let fti = match &symbols {
            Some(Ok(geometry)) => Fti::of_geometry(*geometry),
            // There is nothing that could be repaired.
            Some(Err(error)) if length > 0 => return Err(error.to_string()),
            _ => {
                let scheme = Scheme::NoCode { block_symbols: NO_CODE_BLOCK_SYMBOLS };
                let fti = Fti::new(scheme, length, channel.slice_bytes.get());
                fti.map_err(|error| error.to_string())?
            }
        };
        Ok(Self { fti, symbols })
    }

    /// The geometry of its repair symbols.
    pub(crate) fn geometry(&self) -> Option<&Geometry> {
        self.symbols.as_ref()?.as_ref().ok()
    }

    /// Its repair symbols as the carousel sends them, from the payload `store`.
    pub(crate) fn repair(&self, channel: &Channel, store: usize) -> Option<Repair> {
        let (geometry, repair) = (self.geometry()?, channel.repair.as_ref()?);
        let per_block = per_block(geometry);
        let per_cycle = per_cycle(geometry, repair.ratio).clamp(1, per_block);
        // RaptorQ symbols are sent without CRC.
        Some(Repair { store, per_block, per_cycle, crcs: Arc::default() })
    }
}

fn geometry(channel: &Channel, repair: &lineup::Repair, length: u64) -> Result<Geometry, NoRepair> {
    let symbol_bytes = channel.slice_bytes.get();
    let geometry = Geometry::plan(Choice::Raptorq, length, symbol_bytes, symbol_bytes)?;
    enough_for(repair, geometry)
}

/// Repair symbols of each block in a cycle.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a ratio of at most 2 and blocks of at most 1,024 symbols"
)]
fn per_cycle(geometry: &Geometry, ratio: f64) -> u32 {
    (f64::from(geometry.block_symbols()) * ratio).ceil() as u32
}

/// The carousel of a channel with these entries.
///
/// # Errors
/// When an entry cannot be sent, or the description takes more than half of the channel.
pub(crate) fn carousel(
    channel: &Channel,
    entries: Vec<Entry>,
    wall: Micros,
) -> Result<Carousel, String> {
    let (ip_udp_bytes, bit_rate_bps) = (channel.group.ip_udp_bytes(), channel.bit_rate_bps);
    let settings = CarouselSettings {
        ip_udp_bytes,
        share: channel.repair.as_ref().map_or(Share::ALL, share),
        ..CarouselSettings::new(DEFAULT_TSI, bit_rate_bps)
    };
    let name = &channel.name;
    let carousel = Carousel::new(settings, entries, wall);
    let carousel = carousel.map_err(|error| format!("channel `{name}`: {error}"))?;
    let described = carousel.fdt().bits_per_second(ip_udp_bytes);
    if described.saturating_mul(2) > bit_rate_bps {
        return Err(format!(
            "channel `{name}`: {bit_rate_bps} bit/s are too few: to describe its objects each second \
             takes {described} bit/s, and at most half of a channel's rate goes into that"
        ));
    }
    Ok(carousel)
}

/// Which repair symbols this headend sends.
pub(crate) const fn share(repair: &lineup::Repair) -> Share {
    Share { senders: repair.senders, index: repair.sender_index }
}
