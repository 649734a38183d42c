//! The rules both kinds of file share: drafts in, a checked line-up out.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;
use std::path::Path;

use stbcast_infocast::{
    Algorithm, ByteOrder, Check, Coverage, DEFAULT_PORT, HEADER_BYTES, Name, ObjectType, Precoding,
};
use stbcast_object::limits::IP_PACKET_BYTES_MAX;
use stbcast_object::{Group, Micros};

use super::names::did_you_mean;
use super::repair::{AnnounceDraft, RepairDraft};
use super::{
    ANNOUNCE_NAME, Announce, Channel, DEFAULT_TTL, Finding, LineUp, Object, ObjectId, Protocol,
    Source,
};
use crate::pacer::BURST;

/// Longer batches would fill the buffers of switches and boxes for nothing.
const BURST_US_MAX: i64 = 10_000;

/// A value as somebody wrote it, with the byte offset where it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) offset: usize,
}

/// A line-up as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct LineUpDraft {
    pub(super) announce: Option<At<AnnounceDraft>>,
    pub(super) channels: Vec<ChannelDraft>,
}

/// A channel as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct ChannelDraft {
    pub(super) offset: usize,
    pub(super) name: Option<At<String>>,
    pub(super) carousel: Option<At<String>>,
    pub(super) group: At<String>,
    pub(super) bit_rate_kbps: At<f64>,
    pub(super) slice_bytes: At<i64>,
    pub(super) ttl: Option<At<i64>>,
    pub(super) dscp: Option<At<i64>>,
    pub(super) interface: Option<String>,
    pub(super) burst_us: Option<At<i64>>,
    pub(super) burst_delay_ms: Option<At<i64>>,
    pub(super) repair: Option<At<RepairDraft>>,
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
}

/// Checks drafts. The result is whole only when no error was found.
pub(super) fn check(
    draft: LineUpDraft,
    text: &str,
    directory: &Path,
    findings: &mut Vec<Finding>,
) -> LineUp {
    let mut rules = Rules { text, directory, findings, objects: HashMap::new() };
    let LineUpDraft { announce, channels: drafts } = draft;
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
    let channels = checked.into_iter().map(|(channel, _)| channel).collect();
    LineUp { announce: announced, channels }
}

pub(super) struct Rules<'a> {
    text: &'a str,
    directory: &'a Path,
    findings: &'a mut Vec<Finding>,
    /// Every place an object name stands at.
    objects: HashMap<String, Vec<ObjectId>>,
}

impl Rules<'_> {
    pub(super) fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.findings.push(Finding::error(message).at(self.text, offset));
    }

    fn warn(&mut self, offset: usize, message: impl Into<String>) {
        self.findings.push(Finding::warning(message).at(self.text, offset));
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
        let ttl =
            draft.ttl.as_ref().map_or(i64::from(DEFAULT_TTL), |t| self.within(t, "ttl", 0..=255));
        if let (0, Some(written)) = (ttl, &draft.ttl) {
            self.warn(written.offset, "ttl 0: the channel never leaves this machine");
        }
        let dscp = draft.dscp.as_ref().map_or(0, |d| self.within(d, "dscp", 0..=63));
        let burst = draft.burst_us.as_ref();
        let burst = burst.map(|b| self.within(b, "burst_us", 0..=BURST_US_MAX));
        let pause = draft.burst_delay_ms.as_ref();
        let pause = pause.map_or(0, |p| self.within(p, "burst_delay_ms", 0..=86_400_000));
        let bit_rate_bps = self.bit_rate(&draft.bit_rate_kbps);
        let group = self.group(&draft.group);
        let objects: Vec<_> = draft.objects.iter().map(|object| self.object(object)).collect();
        let objects: Option<Vec<_>> = objects.into_iter().collect();
        let repair = draft.repair.as_ref().map(|repair| self.repair(repair, protocol));
        let (group, objects) = (group?, objects?);
        if objects.is_empty() {
            self.error(draft.offset, format!("channel {group} has no object"));
        }
        self.unique_names(draft);
        if protocol == Protocol::Flute {
            self.no_infocast_keys(draft);
        }
        let slice_bytes = self.slice_bytes(&draft.slice_bytes, protocol, &group, &objects)?;
        let name = draft.name.as_ref().map_or_else(|| group.to_string(), |name| name.value.clone());
        Some(Channel {
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
            repair: match repair {
                Some(checked) => Some(checked?),
                None => None,
            },
            objects,
        })
    }

    fn protocol(&mut self, draft: &ChannelDraft) -> Protocol {
        const LEGAL: [Protocol; 2] = [Protocol::Infocast, Protocol::Flute];
        let Some(written) = &draft.carousel else { return Protocol::Infocast };
        let known = LEGAL.into_iter().find(|protocol| protocol.word() == written.value);
        known.unwrap_or_else(|| {
            let near = did_you_mean(&written.value, LEGAL.map(Protocol::word));
            let message =
                format!("carousel `{}` is unknown: legal are infocast, flute{near}", written.value);
            self.error(written.offset, message);
            Protocol::Infocast
        })
    }

    /// A FLUTE object has neither type nor trailer, and no pause.
    fn no_infocast_keys(&mut self, draft: &ChannelDraft) {
        let mut wrong: Vec<(usize, &str)> = Vec::new();
        wrong.extend(draft.burst_delay_ms.as_ref().map(|at| (at.offset, "burst_delay_ms")));
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
            self.error(offset, format!("{what} has no place on a FLUTE channel"));
        }
    }

    fn group(&mut self, written: &At<String>) -> Option<Group> {
        self.group_of(written, DEFAULT_PORT)
    }

    pub(super) fn group_of(&mut self, written: &At<String>, port: u16) -> Option<Group> {
        Group::parse(&written.value, Some(port))
            .map_err(|error| self.error(written.offset, error.to_string()))
            .ok()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked")]
    fn bit_rate(&mut self, written: &At<f64>) -> u64 {
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
        written: &At<i64>,
        protocol: Protocol,
        group: &Group,
        objects: &[Object],
    ) -> Option<NonZeroU16> {
        let trailer = objects.iter().map(|o| o.precoding.trailer_bytes()).max().unwrap_or(0);
        let header = match protocol {
            Protocol::Infocast => HEADER_BYTES,
            Protocol::Flute => stbcast_flute::SOURCE_HEAD_BYTES,
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

    fn object(&mut self, draft: &ObjectDraft) -> Option<Object> {
        let name = Name::new(&draft.name.value);
        if let Err(error) = name {
            self.error(draft.name.offset, format!("object `{}`: {error}", draft.name.value));
        } else if draft.name.value.len() == stbcast_infocast::NAME_BYTES {
            let message = format!(
                "object `{}` fills the name field of 30 bytes without a NUL: some boxes may not \
                 take it",
                draft.name.value
            );
            self.warn(draft.name.offset, message);
        }
        let source = self.source(&draft.source);
        let object_type = draft.object_type.as_ref().map(|written| self.object_type(written));
        let precoding = self.precoding(draft);
        let check = precoding.and_then(|precoding| self.crc(draft, precoding));
        if let Some(version) = &draft.version {
            self.version(version);
        }
        let delay =
            draft.delay_ms.as_ref().map_or(0, |d| self.within(d, "delay_ms", 0..=86_400_000));
        Some(Object {
            name: name.ok()?,
            object_type: match object_type {
                Some(parsed) => Some(parsed?),
                None => None,
            },
            precoding: precoding?,
            check,
            delay: Micros::from_millis(u64::try_from(delay).unwrap_or(0)),
            version: draft.version.as_ref().map(|version| version.value.clone()),
            source: source?,
        })
    }

    fn version(&mut self, version: &At<String>) {
        let fine = !version.value.is_empty()
            && version.value.len() <= 255
            && version.value.bytes().all(|byte| byte.is_ascii_graphic());
        if !fine {
            let message = format!(
                "version {:?} is not a version: legal are 1 to 255 printable ASCII characters \
                 without space",
                version.value
            );
            self.error(version.offset, message);
        }
    }

    fn object_type(&mut self, written: &At<String>) -> Option<ObjectType> {
        let error = |error| format!("object type `{}`: {error}", written.value);
        written.value.parse().map_err(|e| self.error(written.offset, error(e))).ok()
    }

    fn precoding(&mut self, draft: &ObjectDraft) -> Option<Precoding> {
        let Some(written) = &draft.precoding else { return Some(Precoding::NONE) };
        match written.value.parse::<Precoding>() {
            Ok(code) if code.can_be_sent() => Some(code),
            Ok(code) => {
                let message = format!(
                    "precoding {code} is never sent: legal are none, crc16, crc32 and the numbers \
                     0, 1, 2, 4, 0x4000"
                );
                self.error(written.offset, message);
                None
            }
            Err(error) => {
                self.error(written.offset, format!("precoding `{}`: {error}", written.value));
                None
            }
        }
    }

    fn crc(&mut self, draft: &ObjectDraft, precoding: Precoding) -> Option<Check> {
        let At { value: crc, offset } = draft.crc.as_ref()?;
        let Some(default) = Check::default_for(precoding.trailer_bytes()) else {
            let message = format!("`crc` has no place here: precoding {precoding} has no trailer");
            self.error(*offset, message);
            return None;
        };
        let algorithm = crc.algorithm.as_deref().map_or(Some(default.algorithm), |word| {
            let legal = Algorithm::ALL.iter().filter(|(a, _)| a.bytes() == precoding.trailer_bytes());
            let legal: Vec<_> = legal.map(|(_, word)| *word).collect();
            let known = Algorithm::from_word(word).filter(|_| legal.contains(&word));
            if known.is_none() {
                let near = did_you_mean(word, legal.iter().copied());
                let legal = legal.join(", ");
                let message =
                    format!("crc algorithm `{word}` is not for precoding {precoding}: legal are {legal}{near}");
                self.error(*offset, message);
            }
            known
        });
        let coverage = match crc.coverage.as_deref() {
            None => Some(default.coverage),
            Some("payload") => Some(Coverage::Payload),
            Some("header") => Some(Coverage::Header),
            Some("object") => Some(Coverage::Object),
            Some(other) => {
                let legal = "payload, header, object";
                self.error(*offset, format!("crc coverage `{other}`: legal are {legal}"));
                None
            }
        };
        let order = match crc.byte_order.as_deref() {
            None => Some(default.order),
            Some("big") => Some(ByteOrder::Big),
            Some("little") => Some(ByteOrder::Little),
            Some(other) => {
                self.error(*offset, format!("crc byte order `{other}`: legal are big, little"));
                None
            }
        };
        Some(Check { algorithm: algorithm?, coverage: coverage?, order: order? })
    }

    fn source(&mut self, draft: &At<SourceDraft>) -> Option<Source> {
        match &draft.value {
            SourceDraft::File(path) => Some(Source::File(self.directory.join(path))),
            SourceDraft::Time => Some(Source::Time),
            SourceDraft::Bootcast { image, splash, diagnostic } => {
                let image = self.find(draft.offset, image);
                let splash = splash.as_ref().map(|name| self.find(draft.offset, name));
                let diagnostic = diagnostic.as_ref().map(|name| self.find(draft.offset, name));
                Some(Source::Bootcast {
                    image: image?,
                    splash: splash.flatten(),
                    diagnostic: diagnostic.flatten(),
                })
            }
        }
    }

    /// The one object of that name in the line-up.
    fn find(&mut self, offset: usize, name: &str) -> Option<ObjectId> {
        match self.objects.get(name).map(Vec::as_slice) {
            Some([id]) => return Some(*id),
            Some(_) => {
                let message =
                    format!("object `{name}` stands on several channels: which is meant?");
                self.error(offset, message);
            }
            None => {
                let near = did_you_mean(name, self.objects.keys().map(String::as_str));
                self.error(offset, format!("no object `{name}` in this line-up{near}"));
            }
        }
        None
    }

    fn across_channels(&mut self, checked: &[(Channel, &ChannelDraft)]) {
        let mut names = HashMap::new();
        for (channel, draft) in checked {
            let companion = channel.repair.as_ref().and_then(|repair| repair.group);
            let own = [Some(channel.name.clone()), companion.map(|_| channel.companion_name())];
            for name in own.into_iter().flatten() {
                if name == ANNOUNCE_NAME || names.insert(name.clone(), ()).is_some() {
                    let offset = draft.name.as_ref().map_or(draft.offset, |name| name.offset);
                    self.error(offset, format!("channel `{name}` stands twice"));
                }
            }
            let flute = |id: ObjectId| {
                let named = checked.get(id.channel)?;
                let object = named.0.objects.get(id.object)?;
                (named.0.protocol == Protocol::Flute).then_some(object.name)
            };
            for (object, draft) in channel.objects.iter().zip(&draft.objects) {
                for name in object.source.named().filter_map(flute) {
                    let message = format!(
                        "object `{name}` is on a FLUTE channel: boxes that read a bootcast \
                         information know Infocast alone"
                    );
                    self.error(draft.source.offset, message);
                }
            }
        }
    }

    /// A box that joins an address receives all that is sent there, whatever the port.
    fn across_groups(
        &mut self,
        checked: &[(Channel, &ChannelDraft)],
        announce: Option<(&Announce, &At<AnnounceDraft>)>,
    ) {
        let mut groups: HashMap<_, &Channel> = HashMap::new();
        for (channel, draft) in checked {
            if let Some(other) = groups.insert(channel.group.address(), channel) {
                let message = format!(
                    "channels `{}` and `{}` share the group address {}: a box that joins one \
                     receives both, whatever the port",
                    other.name,
                    channel.name,
                    channel.group.address()
                );
                self.warn(draft.group.offset, message);
            }
        }
        let mut ours = HashMap::new();
        let companions = checked.iter().filter_map(|(channel, draft)| {
            let group = channel.repair.as_ref()?.group?;
            Some((
                group,
                format!("the repair symbols of `{}`", channel.name),
                draft.repair.as_ref()?.offset,
            ))
        });
        let announced = announce.map(|(announce, draft)| {
            (announce.group, "the announce session".to_owned(), draft.offset)
        });
        for (group, what, offset) in companions.chain(announced) {
            let address = group.address();
            if let Some(legacy) = groups.get(&address) {
                let message = format!(
                    "{what} and channel `{}` share the group address {address}: boxes that know \
                     nothing of it would receive it, whatever the port. Give it an address of its own",
                    legacy.name
                );
                self.error(offset, message);
            } else if let Some(other) = ours.insert(address, what.clone()) {
                let message = format!(
                    "{what} and {other} share the group address {address}: a box that joins one \
                     receives both, whatever the port"
                );
                self.warn(offset, message);
            }
        }
        if announce.is_none() {
            for (channel, draft) in checked {
                let (Some(repair), Some(written)) = (&channel.repair, &draft.repair) else {
                    continue;
                };
                let Some(group) = repair.group else { continue };
                let message = format!(
                    "channel `{}` has repair symbols, but the line-up has no `announce`: boxes must \
                     be told of them by hand (--repair {group})",
                    channel.name
                );
                self.warn(written.offset, message);
            }
        }
    }
}
