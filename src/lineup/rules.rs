//! The rules both kinds of file share: drafts in, a checked line-up out.

use std::collections::HashMap;
use std::path::Path;

use stbcast_object::Group;

use super::dune::{DuneDraft, Named};
use super::mag::MagDraft;
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
use super::{Finding, LineUp, ObjectId};

mod across;
mod channel;
mod objects;

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
    rules.mag_windows(&checked, &schedules);
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
}
