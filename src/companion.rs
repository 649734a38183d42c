//! The repair symbols of a channel in figures: which objects have some, and at which rate they go.

use stbcast_fec::{Choice, Geometry, GeometryError};
use stbcast_flute::{
    COMPANION_OVERHEAD_BYTES, DEFAULT_TSI, FdtSender, FdtSettings, Fti, SOURCE_HEAD_BYTES,
};
use stbcast_object::limits::IP_PACKET_BYTES_MAX;
use stbcast_object::{Group, Micros};

use crate::announced::{Facts, describe, source_url};
use crate::contents::Contents;
use crate::lineup::{Channel, LineUp, Object, ObjectId, Repair, Source};
use crate::spool::Digest;

/// Lowest rate of a channel in bits per second.
const BIT_RATE_MIN: u64 = 1_000;

/// Why an object has no repair symbols.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRepair {
    /// Its bytes are not known before they are sent.
    #[error("its bytes are made at send time")]
    SendTime,
    /// A text of a few hundred bytes.
    #[error("it is a short text made from the line-up")]
    Text,
    /// The code cannot take it.
    #[error("{0}")]
    Geometry(#[from] GeometryError),
    /// Its name cannot stand in a description.
    #[error("its URL cannot be announced: {0}")]
    Url(String),
}

/// What the companion of a channel carries, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct CompanionPlan {
    /// Where it is sent.
    pub group: Group,
    /// Geometry of each object's symbols, by its place on the channel.
    pub objects: Vec<Result<Geometry, NoRepair>>,
    /// Bits of IP per second of the channel itself.
    pub source_bps: u64,
    /// Bits of IP per second of the companion, its description included.
    pub companion_bps: u64,
    /// Repair symbols in a thousand seconds.
    pub symbols_per_1000_s: u64,
}

impl CompanionPlan {
    /// The geometries there are.
    pub fn geometries(&self) -> impl Iterator<Item = &Geometry> {
        self.objects.iter().flatten()
    }
}

/// The geometry of an object's repair symbols in datagrams to `group`.
///
/// # Errors
/// Why it has none.
pub fn geometry(
    channel: &Channel,
    object: &Object,
    (repair, group): (&Repair, Group),
    length: u64,
) -> Result<Geometry, NoRepair> {
    match object.source {
        Source::Time => return Err(NoRepair::SendTime),
        Source::Bootcast { .. } => return Err(NoRepair::Text),
        Source::File(_) => {}
    }
    if let Err(error) = stbcast_flute::fdt::Location::new(&source_url(channel, object)) {
        return Err(NoRepair::Url(error.to_string()));
    }
    let overhead = match repair.choice {
        Choice::Raptorq => SOURCE_HEAD_BYTES,
        _ => COMPANION_OVERHEAD_BYTES,
    };
    let most = IP_PACKET_BYTES_MAX - group.ip_udp_bytes() - overhead;
    let most = u16::try_from(most).unwrap_or(u16::MAX);
    Ok(Geometry::plan(repair.choice, length, channel.slice_bytes.get(), most)?)
}

/// The plan of a channel's companion; `None` where it has none.
///
/// # Errors
/// When an object of the channel cannot be sent, or the channel's rate is too low for both.
pub fn plan(
    line_up: &LineUp,
    contents: &Contents,
    place: usize,
) -> Result<Option<CompanionPlan>, String> {
    let Some(channel) = line_up.channels.get(place) else { return Ok(None) };
    let Some(repair) = &channel.repair else { return Ok(None) };
    let Some(group) = repair.group else { return Ok(None) };
    let id = |object| ObjectId { channel: place, object };
    let objects = channel.objects.iter().enumerate();
    let objects: Vec<_> = objects
        .map(|(at, object)| geometry(channel, object, (repair, group), contents.length(id(at))))
        .collect();
    let of_fdt = fdt_bps(line_up, contents, place, &objects, group);
    let load = Load::of(&objects, repair.ratio, group);
    let source_bps = if repair.keep_total {
        load.source_bps(contents, place, channel, of_fdt)?
    } else {
        channel.bit_rate_bps
    };
    let cycle = cycle_seconds(contents, place, channel, source_bps)?;
    let symbols_per_s = load.symbols / cycle;
    let companion_bps = whole(load.bits / cycle) + of_fdt;
    Ok(Some(CompanionPlan {
        group,
        objects,
        source_bps,
        companion_bps: companion_bps.max(BIT_RATE_MIN),
        symbols_per_1000_s: whole(symbols_per_s * 1_000.0),
    }))
}

/// What the companion sends in a cycle of its channel.
struct Load {
    symbols: f64,
    /// Bits of IP.
    bits: f64,
}

impl Load {
    #[expect(clippy::cast_precision_loss, reason = "datagrams of at most 1,500 bytes")]
    fn of(objects: &[Result<Geometry, NoRepair>], ratio: f64, group: Group) -> Self {
        let mut load = Self { symbols: 0.0, bits: 0.0 };
        for geometry in objects.iter().flatten() {
            let fti = Fti::of_geometry(*geometry);
            let overhead = stbcast_flute::head_bytes(&fti) + stbcast_flute::tail_bytes(&fti);
            let datagram = geometry.repair_bytes() + overhead + group.ip_udp_bytes();
            let symbols = f64::from(geometry.symbols()) * ratio;
            load.symbols += symbols;
            load.bits += symbols * datagram as f64 * 8.0;
        }
        load
    }

    /// The channel's rate such that it and its companion make up the rate that is written.
    fn source_bps(
        &self,
        contents: &Contents,
        place: usize,
        channel: &Channel,
        of_fdt: u64,
    ) -> Result<u64, String> {
        let written = channel.bit_rate_bps;
        let both = written.saturating_sub(of_fdt);
        // A cycle at one bit per second has as many seconds as bits.
        let cycle_bits = contents.carousel(place, channel)?;
        let cycle_bits = cycle_bits.plan(written, channel.group.ip_udp_bytes()).ip_bytes * 8;
        let source = whole(precise(both) / (1.0 + self.bits / precise(cycle_bits.max(1))));
        if source < BIT_RATE_MIN {
            return Err(format!(
                "channel `{}`: {written} bit/s are too few for the channel and its repair symbols",
                channel.name
            ));
        }
        Ok(source)
    }
}

/// Seconds from one cycle of the channel to the next at a rate.
fn cycle_seconds(
    contents: &Contents,
    place: usize,
    channel: &Channel,
    source_bps: u64,
) -> Result<f64, String> {
    let channel = Channel { bit_rate_bps: source_bps, ..channel.clone() };
    let carousel = contents.carousel(place, &channel)?;
    let plan = carousel.plan(source_bps, channel.group.ip_udp_bytes());
    Ok(plan.cycle.after(channel.burst_delay).as_secs_f64().max(1e-6))
}

/// Bits of IP per second of a companion's own description.
fn fdt_bps(
    line_up: &LineUp,
    contents: &Contents,
    place: usize,
    objects: &[Result<Geometry, NoRepair>],
    group: Group,
) -> u64 {
    let file = |(object, geometry): (usize, &Result<Geometry, NoRepair>)| {
        let id = ObjectId { channel: place, object };
        // Digests and numbers are not known here; all are about as long as these.
        let toi = u32::MAX - u32::try_from(object).unwrap_or_default();
        let fti = Some(Fti::of_geometry((*geometry).as_ref().ok().copied()?));
        let facts = Facts { toi, digest: Some(Digest::of(&[])), length: contents.length(id), fti };
        describe(line_up, contents, id, facts).ok().flatten()
    };
    let files = objects.iter().enumerate().filter_map(file).collect();
    let sender = FdtSender::new(FdtSettings::new(DEFAULT_TSI), files, Micros::ZERO);
    sender.map_or(0, |sender| sender.ip_bytes(group.ip_udp_bytes()) * 8)
}

#[expect(clippy::cast_precision_loss, reason = "rates are no more precise")]
fn precise(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and counts are not negative, and saturate"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
