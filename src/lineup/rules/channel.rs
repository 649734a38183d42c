//! The rules of a single channel.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use stbcast_infocast::{DEFAULT_PORT, HEADER_BYTES};
use stbcast_mag::DEFAULT_PACKET_BYTES;
use stbcast_object::limits::IP_PACKET_BYTES_MAX;
use stbcast_object::{Group, Micros};

use super::super::names::did_you_mean;
use super::super::{Channel, DEFAULT_TTL, Object, Protocol, mag};
use super::{At, ChannelDraft, Rules, SourceDraft};
use crate::pacer::BURST;

/// Longer batches would fill the buffers of switches and boxes for nothing.
const BURST_US_MAX: i64 = 10_000;

/// How the datagrams of a channel leave.
struct Sending {
    ttl: u8,
    dscp: u8,
    burst: Micros,
    burst_delay: Micros,
}

impl Rules<'_> {
    pub(super) fn channel(&mut self, draft: &ChannelDraft) -> Option<Channel> {
        let protocol = self.protocol(draft);
        let Sending { ttl, dscp, burst, burst_delay } = self.sending(draft, protocol);
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
            ttl,
            dscp,
            interface: draft.interface.clone(),
            burst,
            burst_delay,
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

    fn sending(&mut self, draft: &ChannelDraft, protocol: Protocol) -> Sending {
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
        Sending {
            ttl: u8::try_from(ttl).unwrap_or(DEFAULT_TTL),
            dscp: u8::try_from(dscp).unwrap_or(0),
            burst: burst.and_then(|us| u64::try_from(us).ok()).map_or(BURST, Micros),
            burst_delay: Micros::from_millis(u64::try_from(pause).unwrap_or(0)),
        }
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
