//! The repair symbols of a channel in figures: which objects have some, and at which rate they go.

use stbcast_fec::{Choice, Geometry, GeometryError};
use stbcast_flute::fdt::File;
use stbcast_flute::{
    COMPANION_OVERHEAD_BYTES, DEFAULT_TSI, FdtSender, FdtSettings, Fti, SOURCE_HEAD_BYTES,
};
use stbcast_object::limits::IP_PACKET_BYTES_MAX;
use stbcast_object::{Group, Micros};

use crate::announced::{expected, source_url};
use crate::contents::Contents;
use crate::lineup::{Channel, LineUp, Object, ObjectId, Protocol, Repair, Source};
use crate::mag;
use crate::repair::per_block;

/// Lowest rate of a channel in bits per second.
const BIT_RATE_MIN: u64 = 1_000;

/// Why an object has no repair symbols.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRepair {
    /// Its bytes are not known before they are sent.
    #[error("its bytes are made at send time")]
    SendTime,
    /// A text of a few hundred bytes.
    #[error("it is a short text")]
    Text,
    /// The code cannot take it.
    #[error("{0}")]
    Geometry(#[from] GeometryError),
    /// Not one for each sender.
    #[error("its blocks have {symbols} repair symbols, and {senders} senders need one each")]
    Senders {
        /// Repair symbols of each block.
        symbols: u32,
        /// Senders that share them.
        senders: u32,
    },
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
    /// Bits of IP per second of the companion, its description included; 0 where no object has
    /// repair symbols and nothing is sent.
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
        Source::Bootcast { .. } | Source::StbConfig(_) | Source::Reboot(_) => {
            return Err(NoRepair::Text);
        }
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
    enough_for(repair, Geometry::plan(repair.choice, length, channel.slice_bytes.get(), most)?)
}

/// The geometry, where each sender has repair symbols of its own.
pub(crate) fn enough_for(repair: &Repair, geometry: Geometry) -> Result<Geometry, NoRepair> {
    let (symbols, senders) = (per_block(&geometry), repair.senders);
    if senders > symbols { Err(NoRepair::Senders { symbols, senders }) } else { Ok(geometry) }
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
    let Some((repair, group)) = repair_of(channel) else { return Ok(None) };
    let id = |object| ObjectId { channel: place, object };
    let objects = channel.objects.iter().enumerate();
    let objects: Vec<_> = objects
        .map(|(at, object)| geometry(channel, object, (repair, group), contents.length(id(at))))
        .collect();
    let of_fdt = fdt_bps(line_up, contents, place, &objects, group);
    let overhead = channel.group.ip_udp_bytes();
    if channel.protocol == Protocol::Mag {
        let carousel = mag::channel::expected(channel, contents.length(id(0)))?;
        let cycle = |bit_rate_bps| Ok(carousel.plan(bit_rate_bps, overhead).cycle);
        return plan_of(channel, objects, of_fdt, cycle);
    }
    let cycle = |bit_rate_bps| {
        let own = Channel { bit_rate_bps, ..channel.clone() };
        Ok(contents.carousel(place, &own)?.plan(bit_rate_bps, overhead).cycle)
    };
    plan_of(channel, objects, of_fdt, cycle)
}

/// The repair symbols that a channel has in a companion, and its group.
fn repair_of(channel: &Channel) -> Option<(&Repair, Group)> {
    let repair = channel.repair.as_ref()?;
    Some((repair, repair.group?))
}

/// The same of a channel whose objects have these geometries. `cycle` is the time of a cycle at a rate,
/// the pause behind it left aside, and the companion describes its objects at `of_fdt` bits of IP per
/// second.
///
/// # Errors
/// As [`plan`].
pub(crate) fn plan_of(
    channel: &Channel,
    objects: Vec<Result<Geometry, NoRepair>>,
    of_fdt: u64,
    cycle: impl Fn(u64) -> Result<Micros, String>,
) -> Result<Option<CompanionPlan>, String> {
    let Some((repair, group)) = repair_of(channel) else { return Ok(None) };
    let load = Load::of(&objects, repair.ratio, group);
    if objects.iter().all(Result::is_err) {
        let source_bps = channel.bit_rate_bps;
        let (companion_bps, symbols_per_1000_s) = (0, 0);
        return Ok(Some(CompanionPlan {
            group,
            objects,
            source_bps,
            companion_bps,
            symbols_per_1000_s,
        }));
    }
    let span = |source_bps| -> Result<f64, String> {
        Ok(span_seconds(channel, &objects, cycle(source_bps)?))
    };
    let companion_bps = |source_bps| -> Result<u64, String> {
        Ok((whole(load.bits / span(source_bps)?) + of_fdt).max(BIT_RATE_MIN))
    };
    let source_bps =
        if repair.keep_total { source_bps(channel, companion_bps)? } else { channel.bit_rate_bps };
    let (companion_bps, span) = (companion_bps(source_bps)?, span(source_bps)?);
    let symbols_per_1000_s = whole(load.symbols / span * 1_000.0);
    Ok(Some(CompanionPlan { group, objects, source_bps, companion_bps, symbols_per_1000_s }))
}

/// What the companion sends while its channel sends every object once.
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
}

/// The highest rate of a channel that makes up no more than the rate that is written together with
/// its companion, to a millionth. What the companion takes follows from the time of a cycle, and so
/// does, by pauses and by how often small objects pass, not simply from the channel's rate.
fn source_bps(
    channel: &Channel,
    companion_bps: impl Fn(u64) -> Result<u64, String>,
) -> Result<u64, String> {
    let written = channel.bit_rate_bps;
    let fits = |source: u64| -> Result<bool, String> {
        Ok(source.saturating_add(companion_bps(source)?) <= written)
    };
    let (mut low, mut high) = (BIT_RATE_MIN, written);
    if !fits(low)? {
        return Err(format!(
            "channel `{}`: {written} bit/s are too few for the channel and its repair symbols",
            channel.name
        ));
    }
    while high - low > written / 1_000_000 + 1 {
        let middle = low.midpoint(high);
        if fits(middle)? { low = middle } else { high = middle }
    }
    Ok(low)
}

/// Seconds from one pass of the channel's objects with repair symbols to the next, where a cycle takes
/// `cycle`. Where their delays differ the shortest counts, so that none has fewer symbols than it should.
fn span_seconds(channel: &Channel, objects: &[Result<Geometry, NoRepair>], cycle: Micros) -> f64 {
    let repaired = channel.objects.iter().zip(objects).filter(|(_, geometry)| geometry.is_ok());
    let delay = repaired.map(|(object, _)| object.delay).min().unwrap_or_default();
    cycle.after(channel.burst_delay).max(delay).as_secs_f64().max(1e-6)
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
        described(line_up, contents, ObjectId { channel: place, object }, geometry)
    };
    described_bps(objects.iter().enumerate().filter_map(file).collect(), group)
}

/// An object as its companion describes it; `None` where it has no repair symbols.
pub(crate) fn described(
    line_up: &LineUp,
    contents: &Contents,
    id: ObjectId,
    geometry: &Result<Geometry, NoRepair>,
) -> Option<File> {
    let fti = Fti::of_geometry(geometry.as_ref().ok().copied()?);
    expected(line_up, contents, id, Some(fti)).ok().flatten()
}

/// Bits of IP per second that describe these objects to `group`.
pub(crate) fn described_bps(files: Vec<File>, group: Group) -> u64 {
    let sender = FdtSender::new(FdtSettings::new(DEFAULT_TSI), files, Micros::ZERO);
    sender.map_or(0, |sender| sender.bits_per_second(group.ip_udp_bytes()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and counts are not negative, and saturate"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests;
