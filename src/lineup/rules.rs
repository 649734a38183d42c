//! The rules both kinds of file share: drafts in, a checked line-up out.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;
use std::path::Path;

use stbcast_infocast::{DEFAULT_PORT, HEADER_BYTES};
use stbcast_mag::DEFAULT_PACKET_BYTES;
use stbcast_object::limits::IP_PACKET_BYTES_MAX;
use stbcast_object::{Group, Micros};

use super::dune::{DuneDraft, Named};
use super::mag::{self, MagDraft};
use super::names::did_you_mean;
use super::overlap::OverlapDraft;
use super::reboot::RebootDraft;
use super::repair::{AnnounceDraft, RepairDraft};
use super::schedule::{InterfaceDraft, ScheduleDraft};
use super::sources::Sources;
use super::stbconfig::StbConfigDraft;
use super::target::TargetDraft;
use super::trust::TrustDraft;
use super::unicast::UnicastDraft;
use super::update_list::{Paths, UpdateListDraft};
use super::vendor_sender::{Beside, VendorSenderDraft};
use super::{Channel, DEFAULT_TTL, Finding, LineUp, Object, ObjectId, Protocol};
use crate::pacer::BURST;

mod across;
mod objects;

/// Longer batches would fill the buffers of switches and boxes for nothing.
const BURST_US_MAX: i64 = 10_000;

/// A value as somebody wrote it, with the byte offset where it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) offset: usize,
}

/// A line-up as somebody wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct LineUpDraft {
    pub(super) announce: Option<At<AnnounceDraft>>,
    pub(super) unicast: Option<At<UnicastDraft>>,
    pub(super) trust: Option<At<TrustDraft>>,
    pub(super) channels: Vec<ChannelDraft>,
    pub(super) stbconfigs: Vec<StbConfigDraft>,
    pub(super) reboots: Vec<RebootDraft>,
    pub(super) targets: Vec<TargetDraft>,
    pub(super) schedules: Vec<ScheduleDraft>,
    pub(super) interfaces: Vec<InterfaceDraft>,
    pub(super) vendor_senders: Vec<VendorSenderDraft>,
    pub(super) update_lists: Vec<UpdateListDraft>,
    pub(super) dunes: Vec<DuneDraft>,
}

/// A channel as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct ChannelDraft {
    pub(super) offset: usize,
    pub(super) name: Option<At<String>>,
    pub(super) carousel: Option<At<String>>,
    pub(super) group: At<String>,
    pub(super) bit_rate_kbps: At<f64>,
    pub(super) slice_bytes: Option<At<i64>>,
    pub(super) ttl: Option<At<i64>>,
    pub(super) dscp: Option<At<i64>>,
    pub(super) interface: Option<String>,
    pub(super) schedule: Option<At<String>>,
    pub(super) burst_us: Option<At<i64>>,
    pub(super) burst_delay_ms: Option<At<i64>>,
    pub(super) mag: Option<At<MagDraft>>,
    pub(super) repair: Option<At<RepairDraft>>,
    pub(super) overlap: Option<At<OverlapDraft>>,
    pub(super) objects: Vec<ObjectDraft>,
}

/// An object as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct ObjectDraft {
    pub(super) name: At<String>,
    pub(super) object_type: Option<At<String>>,
    pub(super) precoding: Option<At<String>>,
    pub(super) crc: Option<At<CrcDraft>>,
    pub(super) delay_ms: Option<At<i64>>,
    pub(super) version: Option<At<String>>,
    pub(super) source: At<SourceDraft>,
    pub(super) schedule: Option<At<String>>,
}

/// How trailers are made, as somebody wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct CrcDraft {
    pub(super) algorithm: Option<String>,
    pub(super) coverage: Option<String>,
    pub(super) byte_order: Option<String>,
}

/// A source as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) enum SourceDraft {
    File(String),
    Time,
    Bootcast { image: String, splash: Option<String>, diagnostic: Option<String> },
    StbConfig(String),
    Reboot(String),
}

/// Checks drafts. The result is whole only when no error was found.
pub(super) fn check(
    draft: LineUpDraft,
    sources: &Sources,
    directory: &Path,
    findings: &mut Vec<Finding>,
) -> LineUp {
    let LineUpDraft { announce, unicast, trust, channels: drafts, .. } = draft;
    let LineUpDraft { stbconfigs, reboots, targets, schedules, interfaces, .. } = draft;
    let LineUpDraft { vendor_senders, update_lists, dunes, .. } = draft;
    let known: Vec<_> = stbconfigs.iter().map(|draft| draft.name.value.as_str()).collect();
    let rebooting: Vec<_> = reboots.iter().map(|draft| draft.name.value.as_str()).collect();
    let named: Vec<_> = schedules.iter().map(|draft| draft.name.value.as_str()).collect();
    let objects = HashMap::new();
    let has_announce = announce.is_some();
    let (stbconfigs_known, schedules_known) = (&known[..], &named[..]);
    let mut rules = Rules {
        sources,
        directory,
        findings,
        objects,
        stbconfigs: stbconfigs_known,
        reboots: &rebooting,
        schedules: schedules_known,
        has_announce,
    };
    if drafts.is_empty() {
        rules.findings.push(Finding::error("the line-up has no channel"));
    }
    rules.index_objects(&drafts);
    let checked = drafts.iter().filter_map(|draft| Some((rules.channel(draft)?, draft)));
    let checked: Vec<_> = checked.collect();
    rules.across_channels(&checked);
    let first = checked.first().map(|(channel, _)| channel);
    let announced = announce.as_ref().and_then(|draft| rules.announce(draft, first));
    rules.across_groups(&checked, announced.as_ref().zip(announce.as_ref()));
    let stbconfigs = rules.stbconfigs(&stbconfigs, &checked);
    let reboots = rules.reboots(&reboots, &checked);
    let unicast = unicast.as_ref();
    let unicast = unicast.and_then(|draft| rules.unicast(draft, &checked, announce.is_some()));
    let trust = trust.as_ref().and_then(|draft| rules.trust(draft, announce.is_some()));
    let targets = rules.targets(&targets, &known);
    let interfaces = rules.interfaces(&interfaces, &checked, announced.as_ref());
    let (announce, has_budgets) = (announced.as_ref(), !interfaces.is_empty());
    let beside = Beside { channels: &checked, announce, has_budgets };
    let vendor_senders = rules.vendor_senders(&vendor_senders, &beside);
    let mut paths = Paths::new();
    let update_lists = rules.update_lists(&update_lists, &checked, &mut paths);
    let named = Named { channels: &checked, senders: &vendor_senders };
    let dunes = rules.dunes(&dunes, named, &mut paths);
    let schedules = rules.schedules(&schedules);
    let channels = checked.into_iter().map(|(channel, _)| channel).collect();
    LineUp {
        announce: announced,
        unicast,
        trust,
        channels,
        stbconfigs,
        reboots,
        targets,
        schedules,
        interfaces,
        vendor_senders,
        update_lists,
        dunes,
    }
}

pub(super) struct Rules<'a> {
    sources: &'a Sources,
    pub(super) directory: &'a Path,
    findings: &'a mut Vec<Finding>,
    /// Every place an object name stands at.
    objects: HashMap<String, Vec<ObjectId>>,
    /// Names of the StbConfigs.
    stbconfigs: &'a [&'a str],
    /// Names of the requests to reboot.
    reboots: &'a [&'a str],
    /// Names of the schedules.
    pub(super) schedules: &'a [&'a str],
    /// Whether the line-up has an announce session.
    has_announce: bool,
}

impl Rules<'_> {
    pub(super) fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.findings.push(self.sources.locate(Finding::error(message), offset));
    }

    pub(super) fn warn(&mut self, offset: usize, message: impl Into<String>) {
        self.findings.push(self.sources.locate(Finding::warning(message), offset));
    }

    fn index_objects(&mut self, drafts: &[ChannelDraft]) {
        for (channel, draft) in drafts.iter().enumerate() {
            for (object, draft) in draft.objects.iter().enumerate() {
                let id = ObjectId { channel, object };
                self.objects.entry(draft.name.value.clone()).or_default().push(id);
            }
        }
    }

    /// The value within a range, or an error that names the range.
    pub(super) fn within(
        &mut self,
        value: &At<i64>,
        what: &str,
        legal: std::ops::RangeInclusive<i64>,
    ) -> i64 {
        if !legal.contains(&value.value) {
            let (from, to) = (legal.start(), legal.end());
            self.error(value.offset, format!("{what} {} is not in {from} to {to}", value.value));
        }
        value.value.clamp(*legal.start(), *legal.end())
    }

    fn channel(&mut self, draft: &ChannelDraft) -> Option<Channel> {
        let protocol = self.protocol(draft);
        let (own_ttl, own_pause) = match protocol {
            Protocol::Mag => (mag::TTL, mag::BURST_DELAY_MS),
            Protocol::Infocast | Protocol::Flute => (DEFAULT_TTL.into(), 0),
        };
        let ttl = draft.ttl.as_ref().map_or(own_ttl, |t| self.within(t, "ttl", 0..=255));
        if let (0, Some(written)) = (ttl, &draft.ttl) {
            self.warn(written.offset, "ttl 0: the channel never leaves this machine");
        }
        let dscp = draft.dscp.as_ref().map_or(0, |d| self.within(d, "dscp", 0..=63));
        let burst = draft.burst_us.as_ref();
        let burst = burst.map(|b| self.within(b, "burst_us", 0..=BURST_US_MAX));
        let pause = draft.burst_delay_ms.as_ref();
        let pause = pause.map_or(own_pause, |p| self.within(p, "burst_delay_ms", 0..=86_400_000));
        let bit_rate_bps = self.bit_rate(&draft.bit_rate_kbps);
        let schedule = self.followed(draft.schedule.as_ref());
        let group = self.group_of(&draft.group, default_port(protocol));
        let objects: Vec<_> = draft.objects.iter().map(|object| self.object(object)).collect();
        let objects: Option<Vec<_>> = objects.into_iter().collect();
        let repair = draft.repair.as_ref().map(|repair| self.repair(repair, protocol));
        let overlap = draft.overlap.as_ref();
        let with = (protocol, draft.repair.as_ref());
        let overlap = overlap.map(|overlap| self.overlap(overlap, with, self.has_announce));
        let (group, objects) = (group?, objects?);
        if objects.is_empty() {
            self.error(draft.offset, format!("channel {group} has no object"));
        }
        self.unique_names(draft);
        if protocol != Protocol::Infocast {
            self.no_infocast_keys(draft, protocol);
        }
        let mag = self.mag(draft, protocol);
        let slice_bytes = self.slice_bytes(draft, protocol, &group, &objects)?;
        let name = draft.name.as_ref().map_or_else(|| group.to_string(), |name| name.value.clone());
        let channel = Channel {
            name,
            protocol,
            group,
            bit_rate_bps,
            slice_bytes,
            ttl: u8::try_from(ttl).unwrap_or(DEFAULT_TTL),
            dscp: u8::try_from(dscp).unwrap_or(0),
            interface: draft.interface.clone(),
            burst: burst.and_then(|us| u64::try_from(us).ok()).map_or(BURST, Micros),
            burst_delay: Micros::from_millis(u64::try_from(pause).unwrap_or(0)),
            mag,
            repair: match repair {
                Some(checked) => Some(checked?),
                None => None,
            },
            overlap: match overlap {
                Some(checked) => Some(checked?),
                None => None,
            },
            schedule,
            objects,
        };
        if protocol == Protocol::Mag {
            self.mag_rate(draft, &channel);
        }
        Some(channel)
    }

    fn protocol(&mut self, draft: &ChannelDraft) -> Protocol {
        const LEGAL: [Protocol; 3] = [Protocol::Infocast, Protocol::Flute, Protocol::Mag];
        let Some(written) = &draft.carousel else { return Protocol::Infocast };
        let known = LEGAL.into_iter().find(|protocol| protocol.word() == written.value);
        known.unwrap_or_else(|| {
            let near = did_you_mean(&written.value, LEGAL.map(Protocol::word));
            let message = format!(
                "carousel `{}` is unknown: legal are infocast, flute, mag{near}",
                written.value
            );
            self.error(written.offset, message);
            Protocol::Infocast
        })
    }

    /// Objects of FLUTE and MAG channels have neither type nor trailer, and those of FLUTE no pause.
    fn no_infocast_keys(&mut self, draft: &ChannelDraft, protocol: Protocol) {
        let mut wrong: Vec<(usize, &str)> = Vec::new();
        let pause = draft.burst_delay_ms.as_ref().filter(|_| protocol == Protocol::Flute);
        wrong.extend(pause.map(|at| (at.offset, "burst_delay_ms")));
        for object in &draft.objects {
            wrong.extend(object.object_type.as_ref().map(|at| (at.offset, "type")));
            wrong.extend(object.precoding.as_ref().map(|at| (at.offset, "precoding")));
            wrong.extend(object.crc.as_ref().map(|at| (at.offset, "crc")));
            wrong.extend(object.delay_ms.as_ref().map(|at| (at.offset, "delay_ms")));
            if !matches!(object.source.value, SourceDraft::File(_)) {
                wrong.push((object.source.offset, "a source that is no file"));
            }
        }
        for (offset, what) in wrong {
            self.error(offset, format!("{what} has no place on {} channel", protocol.title()));
        }
    }

    pub(super) fn group_of(&mut self, written: &At<String>, port: u16) -> Option<Group> {
        Group::parse(&written.value, Some(port))
            .map_err(|error| self.error(written.offset, error.to_string()))
            .ok()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked")]
    pub(super) fn bit_rate(&mut self, written: &At<f64>) -> u64 {
        if !(1.0..=100_000_000.0).contains(&written.value) {
            let message = format!("bit rate {} kbit/s is not in 1 to 100000000", written.value);
            self.error(written.offset, message);
            return 1_000;
        }
        (written.value * 1_000.0) as u64
    }

    /// The slice size, when its datagrams fit an IP packet.
    fn slice_bytes(
        &mut self,
        draft: &ChannelDraft,
        protocol: Protocol,
        group: &Group,
        objects: &[Object],
    ) -> Option<NonZeroU16> {
        let own = At { value: DEFAULT_PACKET_BYTES.into(), offset: draft.group.offset };
        let written = match (&draft.slice_bytes, protocol) {
            (Some(written), _) => written,
            (None, Protocol::Mag) => &own,
            (None, Protocol::Infocast | Protocol::Flute) => {
                self.error(draft.offset, "missing field `slice_bytes`");
                return None;
            }
        };
        let trailer = objects.iter().map(|o| o.precoding.trailer_bytes()).max().unwrap_or(0);
        let header = match protocol {
            Protocol::Infocast => HEADER_BYTES,
            Protocol::Flute => stbcast_flute::SOURCE_HEAD_BYTES,
            Protocol::Mag => stbcast_mag::HEADER_BYTES,
        };
        let overhead = group.ip_udp_bytes() + header + trailer;
        let most = IP_PACKET_BYTES_MAX - overhead;
        let fitting = u16::try_from(written.value).ok().and_then(NonZeroU16::new);
        let fitting = fitting.filter(|bytes| usize::from(bytes.get()) <= most);
        if fitting.is_none() {
            let message = format!(
                "slice size {} is not in 1 to {most}: with {overhead} bytes of headers and trailer \
                 an IP packet has at most {IP_PACKET_BYTES_MAX}",
                written.value
            );
            self.error(written.offset, message);
        }
        fitting
    }

    fn unique_names(&mut self, draft: &ChannelDraft) {
        let mut seen = BTreeMap::new();
        for object in &draft.objects {
            if seen.insert(&object.name.value, ()).is_some() {
                let message =
                    format!("object `{}` stands twice on this channel", object.name.value);
                self.error(object.name.offset, message);
            }
        }
    }
}

/// The port of a group where none is written.
const fn default_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Infocast | Protocol::Flute => DEFAULT_PORT,
        Protocol::Mag => stbcast_mag::DEFAULT_PORT,
    }
}
