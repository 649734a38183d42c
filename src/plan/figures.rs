//! Channels and objects in figures.

use stbcast_fec::Geometry;
use stbcast_infocast::BOX_PATIENCE;
use stbcast_object::Micros;

use super::prediction::Prediction;
use super::{OverlapPlan, UnicastNeeds};
use crate::companion::{CompanionPlan, NoRepair};
use crate::lineup::{Channel, Object, Repair, Source};

/// One channel in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ChannelPlan {
    /// Its name.
    pub name: String,
    /// Protocol.
    pub carousel: &'static str,
    /// Group and port.
    pub group: String,
    /// Bit rate in kbit/s of IP.
    pub bit_rate_kbps: f64,
    /// Bytes of an object in one datagram.
    pub slice_bytes: u16,
    /// Time to live.
    pub ttl: u8,
    /// Datagrams of a cycle.
    pub datagrams: u64,
    /// IP bytes of a cycle.
    pub ip_bytes: u64,
    /// Time of a cycle in seconds, with its pause.
    pub cycle_seconds: f64,
    /// Its repair symbols.
    pub repair: Option<RepairPlan>,
    /// How the old revision of an object overlaps with a new one.
    pub overlap: Option<OverlapPlan>,
    /// How long boxes take for its largest object, by loss; nothing where that is not known.
    pub completion: Vec<Prediction>,
    /// What boxes ask servers for; none where no server is named.
    pub unicast: Option<UnicastNeeds>,
    /// What is told of the image of a MAG channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mag: Option<MagPlan>,
    /// Its objects.
    pub objects: Vec<ObjectPlan>,
}

/// What is told of the image of a MAG channel.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MagPlan {
    /// What it is to a box, in a word.
    pub role: &'static str,
    /// Its serial number; from its bytes where `None`.
    pub serial: Option<u16>,
    /// What it is, for people.
    pub description: String,
    /// How often that is told in a cycle.
    pub descriptions: u64,
}

/// One object in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ObjectPlan {
    /// Its name.
    pub name: String,
    /// Type, as a word where there is one.
    #[serde(rename = "type")]
    pub object_type: String,
    /// Precoding, as a word where there is one.
    pub precoding: String,
    /// Where its bytes come from.
    pub source: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Slices of a pass.
    pub slices: u32,
    /// Passes in a cycle.
    pub passes: u64,
    /// Seconds from one pass to the next.
    pub interval_seconds: f64,
    /// Passes in ten seconds, the patience of a box.
    pub passes_in_10_s: f64,
    /// How its repair symbols are made.
    pub repair: Option<SymbolsPlan>,
    /// Why it has none, where its channel has some.
    pub no_repair: Option<String>,
}

/// The repair symbols of a channel in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RepairPlan {
    /// Group and port of the companion; `None` where the channel carries them itself.
    pub group: Option<String>,
    /// Repair symbols for each source symbol.
    pub ratio: f64,
    /// Bit rate of the companion in kbit/s of IP.
    pub bit_rate_kbps: f64,
    /// Whether that is taken out of the channel's.
    pub keep_total: bool,
}

impl RepairPlan {
    /// Of a channel with a companion.
    pub(super) fn of(repair: &Repair, plan: &CompanionPlan) -> Self {
        let (group, bit_rate_kbps) = (Some(plan.group.to_string()), kilo(plan.companion_bps));
        Self { group, bit_rate_kbps, ..Self::within(repair) }
    }

    /// Of a channel that carries its repair symbols itself.
    pub(super) const fn within(repair: &Repair) -> Self {
        let Repair { ratio, keep_total, .. } = *repair;
        Self { group: None, ratio, bit_rate_kbps: 0.0, keep_total }
    }
}

/// The repair symbols of an object in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SymbolsPlan {
    /// The code.
    pub fec: &'static str,
    /// Blocks.
    pub blocks: u32,
    /// Source symbols in a block.
    pub block_symbols: u32,
    /// Bytes of a source symbol.
    pub symbol_bytes: u16,
}

impl From<&Geometry> for SymbolsPlan {
    fn from(geometry: &Geometry) -> Self {
        Self {
            fec: geometry.scheme().name(),
            blocks: geometry.blocks(),
            block_symbols: geometry.block_symbols(),
            symbol_bytes: geometry.symbol_bytes(),
        }
    }
}

/// What is the same for objects of every protocol; the rest is to be filled in.
pub(super) fn object_plan(
    object: &Object,
    bytes: u64,
    interval: Micros,
    symbols: Option<&Result<Geometry, NoRepair>>,
) -> ObjectPlan {
    ObjectPlan {
        name: object.name.to_string(),
        object_type: String::new(),
        precoding: String::new(),
        source: source_text(&object.source),
        bytes,
        slices: 0,
        passes: 1,
        interval_seconds: interval.as_secs_f64(),
        passes_in_10_s: BOX_PATIENCE.as_secs_f64() / interval.as_secs_f64().max(1e-6),
        repair: symbols.and_then(|it| it.as_ref().ok()).map(SymbolsPlan::from),
        no_repair: symbols.and_then(|it| it.as_ref().err()).map(ToString::to_string),
    }
}

impl ChannelPlan {
    /// What the line-up says of it; the rest is to be filled in.
    pub(super) fn of(channel: &Channel) -> Self {
        Self {
            name: channel.name.clone(),
            carousel: channel.protocol.word(),
            group: channel.group.to_string(),
            bit_rate_kbps: kilo(channel.bit_rate_bps),
            slice_bytes: channel.slice_bytes.get(),
            ttl: channel.ttl,
            datagrams: 0,
            ip_bytes: 0,
            cycle_seconds: 0.0,
            repair: None,
            overlap: None,
            completion: Vec::new(),
            unicast: None,
            mag: None,
            objects: Vec::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn kilo(bits: u64) -> f64 {
    bits as f64 / 1_000.0
}

fn source_text(source: &Source) -> String {
    match source {
        Source::File(path) => path.display().to_string(),
        Source::Time => "made at send time".to_owned(),
        Source::Bootcast { .. } => "made from the line-up".to_owned(),
        Source::StbConfig(name) => format!("stbconfig {name}"),
        Source::Reboot(name) => format!("reboot {name}"),
    }
}
