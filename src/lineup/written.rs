//! Our line-up file: TOML, as written.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_spanned::Spanned;

use super::Finding;
use super::dune::DuneWritten;
use super::mag::MagWritten;
use super::names::nearest;
use super::overlap::OverlapWritten;
use super::reboot::RebootWritten;
use super::repair::{AnnounceDraft, RepairDraft};
use super::rules::{At, ChannelDraft, CrcDraft, LineUpDraft, ObjectDraft, SourceDraft};
use super::schedule::{InterfaceWritten, ScheduleWritten};
use super::sources::Sources;
use super::stbconfig::StbConfigWritten;
use super::target::TargetWritten;
use super::trust::TrustWritten;
use super::unicast::UnicastWritten;
use super::update_list::UpdateListWritten;
use super::vendor_sender::VendorSenderWritten;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    announce: Option<Spanned<AnnounceWritten>>,
    unicast: Option<Spanned<UnicastWritten>>,
    trust: Option<Spanned<TrustWritten>>,
    #[serde(default)]
    channel: Vec<Spanned<ChannelWritten>>,
    #[serde(default)]
    stbconfig: Vec<Spanned<StbConfigWritten>>,
    #[serde(default)]
    reboot: Vec<RebootWritten>,
    #[serde(default)]
    target: Vec<Spanned<TargetWritten>>,
    #[serde(default)]
    schedule: Vec<ScheduleWritten>,
    #[serde(default)]
    interface: Vec<InterfaceWritten>,
    #[serde(default)]
    vendor_sender: Vec<VendorSenderWritten>,
    #[serde(default)]
    update_list: Vec<UpdateListWritten>,
    #[serde(default)]
    dune: Vec<DuneWritten>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelWritten {
    name: Option<Spanned<String>>,
    carousel: Spanned<String>,
    group: Spanned<String>,
    bit_rate_kbps: Spanned<f64>,
    slice_bytes: Option<Spanned<i64>>,
    ttl: Option<Spanned<i64>>,
    dscp: Option<Spanned<i64>>,
    interface: Option<String>,
    schedule: Option<Spanned<String>>,
    burst_us: Option<Spanned<i64>>,
    burst_delay_ms: Option<Spanned<i64>>,
    mag: Option<Spanned<MagWritten>>,
    repair: Option<Spanned<RepairWritten>>,
    overlap: Option<Spanned<OverlapWritten>>,
    #[serde(default)]
    object: Vec<ObjectWritten>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepairWritten {
    group: Option<Spanned<String>>,
    ratio: Option<Spanned<f64>>,
    worst_loss: Option<Spanned<f64>>,
    fec: Option<Spanned<String>>,
    keep_total: Option<bool>,
    senders: Option<Spanned<i64>>,
    sender_index: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnnounceTable {
    group: Spanned<String>,
    ttl: Option<Spanned<i64>>,
    dscp: Option<Spanned<i64>>,
    interface: Option<String>,
}

/// A group, or a table that says more.
struct AnnounceWritten(AnnounceDraft);

impl<'de> Deserialize<'de> for AnnounceWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnounceVisitor;
        impl<'de> Visitor<'de> for AnnounceVisitor {
            type Value = AnnounceWritten;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a group and port, or a table like { group = \"239.255.2.3:22223\" }")
            }
            fn visit_str<E>(self, group: &str) -> Result<AnnounceWritten, E> {
                Ok(AnnounceWritten(AnnounceDraft::of_group(group)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AnnounceWritten, A::Error> {
                let table = AnnounceTable::deserialize(MapAccessDeserializer::new(map))?;
                let (ttl, dscp) = (table.ttl.map(at), table.dscp.map(at));
                let (group, interface) = (Some(at(table.group)), table.interface);
                let draft =
                    AnnounceDraft { group, ttl, dscp, interface, ..AnnounceDraft::default() };
                Ok(AnnounceWritten(draft))
            }
        }
        deserializer.deserialize_any(AnnounceVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectWritten {
    name: Spanned<String>,
    source: Spanned<SourceWritten>,
    #[serde(rename = "type")]
    object_type: Option<Spanned<Word>>,
    precoding: Option<Spanned<Word>>,
    crc: Option<Spanned<CrcWritten>>,
    delay_ms: Option<Spanned<i64>>,
    version: Option<Spanned<String>>,
    schedule: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CrcWritten {
    algorithm: Option<String>,
    coverage: Option<String>,
    byte_order: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    kind: String,
    image: Option<String>,
    splash: Option<String>,
    diagnostic: Option<String>,
    stbconfig: Option<String>,
    reboot: Option<String>,
}

/// A word, or a number that stands for one.
pub(super) struct Word(pub(super) String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordVisitor;
        impl Visitor<'_> for WordVisitor {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a number")
            }
            fn visit_str<E>(self, word: &str) -> Result<Word, E> {
                Ok(Word(word.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }
        }
        deserializer.deserialize_any(WordVisitor)
    }
}

/// A path, or a table that says how the bytes are made.
struct SourceWritten(SourceDraft);

impl<'de> Deserialize<'de> for SourceWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;
        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = SourceWritten;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table like { kind = \"time\" }")
            }
            fn visit_str<E>(self, path: &str) -> Result<SourceWritten, E> {
                Ok(SourceWritten(SourceDraft::File(path.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SourceWritten, A::Error> {
                let table = SourceTable::deserialize(MapAccessDeserializer::new(map))?;
                table.into_draft().map(SourceWritten).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(SourceVisitor)
    }
}

impl SourceTable {
    fn into_draft(self) -> Result<SourceDraft, String> {
        let Self { kind, image, splash, diagnostic, stbconfig, reboot } = self;
        if let Some(reboot) = reboot {
            let alone = [&image, &splash, &diagnostic, &stbconfig].iter().all(|it| it.is_none());
            if kind == "reboot" && alone {
                return Ok(SourceDraft::Reboot(reboot));
            }
            return Err("`reboot`, the name of a [[reboot]], is for the source kind `reboot`, which has no \
                        other key"
                .to_owned());
        }
        let parts = image.is_some() || splash.is_some() || diagnostic.is_some();
        match (kind.as_str(), image, stbconfig) {
            ("time", None, None) if !parts => Ok(SourceDraft::Time),
            ("time", ..) => Err("source kind `time` has no other key".to_owned()),
            ("bootcast", Some(image), None) => {
                Ok(SourceDraft::Bootcast { image, splash, diagnostic })
            }
            ("bootcast", None, _) => {
                Err("source kind `bootcast` needs `image`, the name of an object".to_owned())
            }
            ("bootcast", Some(_), Some(_)) => {
                Err("source kind `bootcast` has no key `stbconfig`".to_owned())
            }
            ("stbconfig", None, Some(name)) if !parts => Ok(SourceDraft::StbConfig(name)),
            ("stbconfig", ..) => Err("source kind `stbconfig` needs `stbconfig`, the name of a \
                 [[stbconfig]], and has no other key"
                .to_owned()),
            ("reboot", ..) => {
                Err("source kind `reboot` needs `reboot`, the name of a [[reboot]]".to_owned())
            }
            (other, ..) => Err(format!(
                "source kind `{other}` is unknown: legal are \"time\", \"bootcast\", \
                 \"stbconfig\", \"reboot\", or a path instead of the table"
            )),
        }
    }
}

pub(super) fn at<T>(written: Spanned<T>) -> At<T> {
    let offset = written.span().start;
    At { value: written.into_inner(), offset }
}

pub(super) fn word(written: Spanned<Word>) -> At<String> {
    let At { value: Word(value), offset } = at(written);
    At { value, offset }
}

impl ObjectWritten {
    fn into_draft(self) -> ObjectDraft {
        let source = at(self.source);
        let crc = self.crc.map(|crc| {
            let At { value: CrcWritten { algorithm, coverage, byte_order }, offset } = at(crc);
            At { value: CrcDraft { algorithm, coverage, byte_order }, offset }
        });
        ObjectDraft {
            name: at(self.name),
            object_type: self.object_type.map(word),
            precoding: self.precoding.map(word),
            crc,
            delay_ms: self.delay_ms.map(at),
            version: self.version.map(at),
            source: At { value: source.value.0, offset: source.offset },
            schedule: self.schedule.map(at),
        }
    }
}

fn draft(written: Spanned<ChannelWritten>) -> ChannelDraft {
    let At { value: channel, offset } = at(written);
    ChannelDraft {
        offset,
        name: channel.name.map(at),
        carousel: Some(at(channel.carousel)),
        group: at(channel.group),
        bit_rate_kbps: at(channel.bit_rate_kbps),
        slice_bytes: channel.slice_bytes.map(at),
        ttl: channel.ttl.map(at),
        dscp: channel.dscp.map(at),
        interface: channel.interface,
        schedule: channel.schedule.map(at),
        burst_us: channel.burst_us.map(at),
        burst_delay_ms: channel.burst_delay_ms.map(at),
        mag: channel.mag.map(|written| {
            let At { value, offset } = at(written);
            At { value: value.into_draft(), offset }
        }),
        repair: channel.repair.map(repair),
        overlap: channel.overlap.map(|written| {
            let At { value, offset } = at(written);
            At { value: value.into_draft(), offset }
        }),
        objects: channel.object.into_iter().map(ObjectWritten::into_draft).collect(),
    }
}

fn repair(written: Spanned<RepairWritten>) -> At<RepairDraft> {
    let At { value: repair, offset } = at(written);
    let draft = RepairDraft {
        group: repair.group.map(at),
        ratio: repair.ratio.map(at),
        worst_loss: repair.worst_loss.map(at),
        fec: repair.fec.map(at),
        keep_total: repair.keep_total.unwrap_or(false),
        senders: repair.senders.map(at),
        sender_index: repair.sender_index.map(at),
    };
    At { value: draft, offset }
}

fn announce(written: Spanned<AnnounceWritten>) -> At<AnnounceDraft> {
    let At { value: AnnounceWritten(value), offset } = at(written);
    At { value, offset }
}

/// Reads the TOML; one finding says where it cannot be read.
pub(super) fn parse(
    text: &str,
    sources: &Sources,
    findings: &mut Vec<Finding>,
) -> Option<LineUpDraft> {
    match toml::from_str::<File>(text) {
        Ok(file) => Some(LineUpDraft {
            announce: file.announce.map(announce),
            unicast: file.unicast.map(|written| {
                let At { value, offset } = at(written);
                At { value: value.into_draft(), offset }
            }),
            trust: file.trust.map(|written| {
                let At { value, offset } = at(written);
                At { value: value.into_draft(), offset }
            }),
            channels: file.channel.into_iter().map(draft).collect(),
            stbconfigs: file.stbconfig.into_iter().map(StbConfigWritten::draft).collect(),
            reboots: file.reboot.into_iter().map(RebootWritten::draft).collect(),
            targets: file.target.into_iter().map(TargetWritten::draft).collect(),
            schedules: file.schedule.into_iter().map(ScheduleWritten::into_draft).collect(),
            interfaces: file.interface.into_iter().map(InterfaceWritten::into_draft).collect(),
            vendor_senders: file
                .vendor_sender
                .into_iter()
                .map(VendorSenderWritten::into_draft)
                .collect(),
            update_lists: file.update_list.into_iter().map(UpdateListWritten::into_draft).collect(),
            dunes: file.dune.into_iter().map(DuneWritten::into_draft).collect(),
        }),
        Err(error) => {
            let message = explain(error.message());
            let offset = error.span().map_or(0, |span| span.start);
            findings.push(sources.locate(Finding::error(message), offset));
            None
        }
    }
}

/// Adds the nearest legal key to a message about an unknown one.
fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(unknown)) => {
            let legal: Vec<_> = quoted.collect();
            let near = nearest(unknown, legal.iter().copied());
            let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
            format!("unknown key `{unknown}`{near} Legal here: {}", legal.join(", "))
        }
        _ => message.to_owned(),
    }
}
