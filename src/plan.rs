//! The plan of a line-up: what would be on air, in figures, without sending anything.

use stbcast_infocast::{BOX_PATIENCE, ObjectType};
use stbcast_object::Micros;

use crate::contents::Contents;
use crate::lineup::{Channel, Finding, LineUp, ObjectId, Severity, Source};

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Plan {
    /// The channels in the order of the file.
    pub channels: Vec<ChannelPlan>,
    /// Sum of all bit rates in kbit/s of IP.
    pub bit_rate_kbps_total: f64,
    /// What is wrong; with any of these nothing goes on air.
    pub errors: Vec<Finding>,
    /// What the operator should know.
    pub warnings: Vec<Finding>,
}

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
    /// Its objects.
    pub objects: Vec<ObjectPlan>,
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
}

impl Plan {
    /// Whether nothing keeps the line-up off the air.
    pub fn is_fit(&self) -> bool {
        self.errors.is_empty()
    }

    /// A plan that is nothing but findings.
    pub fn of_findings(findings: Vec<Finding>) -> Self {
        let (errors, warnings) = findings.into_iter().partition(|f| f.severity == Severity::Error);
        Self { errors, warnings, ..Self::default() }
    }
}

/// Plans a line-up whose file gave `findings` already.
pub fn plan(line_up: &LineUp, mut findings: Vec<Finding>) -> Plan {
    let contents = Contents::survey(line_up, &mut findings);
    let mut channels = Vec::new();
    for (place, channel) in line_up.channels.iter().enumerate() {
        match channel_plan(&contents, place, channel, &mut findings) {
            Ok(plan) => channels.push(plan),
            Err(message) => findings.push(Finding::error(message)),
        }
    }
    let bit_rate_kbps_total = channels.iter().map(|channel| channel.bit_rate_kbps).sum();
    Plan { channels, bit_rate_kbps_total, ..Plan::of_findings(findings) }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn channel_plan(
    contents: &Contents,
    place: usize,
    channel: &Channel,
    findings: &mut Vec<Finding>,
) -> Result<ChannelPlan, String> {
    let carousel = contents.carousel(place, channel)?;
    let plan = carousel.plan(channel.bit_rate_bps, channel.group.ip_udp_bytes());
    let cycle = plan.cycle.after(channel.burst_delay);
    let mut objects = Vec::new();
    for (object, (spec, entry)) in channel.objects.iter().zip(carousel.entries()).enumerate() {
        let id = ObjectId { channel: place, object };
        let passes = plan.passes.get(object).copied().unwrap_or(1);
        let pause = if passes > 1 { Micros::ZERO } else { channel.burst_delay };
        let interval = plan.interval(object).after(pause).max(spec.delay);
        let object_type = contents.object_type(id, spec);
        if object_type == ObjectType::BOOTCAST_INFO && interval > BOX_PATIENCE {
            findings.push(Finding::warning(format!(
                "channel `{}`: control object `{}` passes every {:.1} s, but a box waits 10 s: \
                 raise the bit rate or move long objects to another channel",
                channel.name,
                spec.name,
                interval.as_secs_f64()
            )));
        }
        objects.push(ObjectPlan {
            name: spec.name.to_string(),
            object_type: object_type.to_string(),
            precoding: spec.precoding.to_string(),
            source: source_text(&spec.source),
            bytes: contents.length(id),
            slices: entry.packets(),
            passes,
            interval_seconds: interval.as_secs_f64(),
            passes_in_10_s: BOX_PATIENCE.as_secs_f64() / interval.as_secs_f64().max(1e-6),
        });
    }
    Ok(ChannelPlan {
        name: channel.name.clone(),
        carousel: "infocast",
        group: channel.group.to_string(),
        bit_rate_kbps: channel.bit_rate_bps as f64 / 1_000.0,
        slice_bytes: channel.slice_bytes.get(),
        ttl: channel.ttl,
        datagrams: plan.datagrams,
        ip_bytes: plan.ip_bytes,
        cycle_seconds: cycle.as_secs_f64(),
        objects,
    })
}

fn source_text(source: &Source) -> String {
    match source {
        Source::File(path) => path.display().to_string(),
        Source::Time => "made at send time".to_owned(),
        Source::Bootcast { .. } => "made from the line-up".to_owned(),
    }
}
