//! The plan of a line-up: what would be on air, in figures, without sending anything.

use stbcast_flute::{AnnounceSession, DEFAULT_TSI, FdtSettings, Fti, Statement};
use stbcast_object::Micros;

use crate::announced::expected;
use crate::companion::{self};
use crate::contents::{Contents, objects};
use crate::flute_channel::Coding;
use crate::http::targeting::conditions;
use crate::lineup::{Announce, Channel, Finding, LineUp, Protocol, Severity};
use crate::mag::image;
use crate::programme::announce_bps;
use crate::schedule::{Budget, Timetable};

mod figures;
mod flute;
mod infocast;
mod mag;
mod overlap;
pub mod prediction;
mod repaired;
mod schedule;
mod trust;
mod unicast;
mod vendor_sender;

pub use crate::lists::plan::ListPlan;
pub use figures::{ChannelPlan, MagPlan, ObjectPlan, RepairPlan, SymbolsPlan};
use figures::{kilo, object_plan};
pub use overlap::OverlapPlan;
pub use schedule::{FollowerPlan, RunPlan};
pub use trust::{StatementPlan, TrustPlan};
pub use unicast::UnicastNeeds;
pub use vendor_sender::VendorSenderPlan;

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Plan {
    /// The channels in the order of the file.
    pub channels: Vec<ChannelPlan>,
    /// The announce session.
    pub announce: Option<AnnouncePlan>,
    /// What the operator signed.
    pub trust: Option<TrustPlan>,
    /// Where boxes may ask for what they miss.
    pub unicast: Option<UnicastPlan>,
    /// The rules for boxes that ask over HTTP, in the order they are asked.
    pub targets: Vec<TargetPlan>,
    /// Senders of vendors, of which we know what they are told, and not what they send.
    pub vendor_senders: Vec<VendorSenderPlan>,
    /// What boxes of MAG and Dune are told over HTTP.
    pub lists: Vec<ListPlan>,
    /// What follows a schedule, and its next runs.
    pub schedules: Vec<FollowerPlan>,
    /// Sum of all bit rates in kbit/s of IP, those of vendors' senders as they are counted; with schedules, as if all were on air at their own rates.
    pub bit_rate_kbps_total: f64,
    /// What is wrong; with any of these nothing goes on air.
    pub errors: Vec<Finding>,
    /// What the operator should know.
    pub warnings: Vec<Finding>,
}

/// The announce session in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AnnouncePlan {
    /// Group and port.
    pub group: String,
    /// Bit rate in kbit/s of IP.
    pub bit_rate_kbps: f64,
    /// Objects it describes.
    pub objects: usize,
    /// Statements it carries.
    pub statements: usize,
}

/// Unicast repair in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct UnicastPlan {
    /// Where boxes may ask.
    pub urls: Vec<String>,
    /// Cycles that a box hears before it may.
    pub after_cycles: u8,
    /// Seconds over which boxes spread what they ask.
    pub window_s: u32,
    /// What a box asks for on average, in bytes, for the object for which that is most: a
    /// population with little loss, and one box of a hundred that hears nothing at all.
    pub bytes_per_box: f64,
    /// Seconds that the window should have, where the line-up says how many boxes there are and
    /// what servers can send.
    pub window_s_wanted: Option<f64>,
}

/// One rule for boxes that ask over HTTP.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TargetPlan {
    /// Its name.
    pub name: String,
    /// Which boxes it matches, in words.
    pub boxes: String,
    /// What they are answered, in words.
    pub answer: String,
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

/// Plans a line-up whose file gave `findings` already. What releases name is compared with the line-up
/// when its bytes are read, by [`crate::programme::Stock::load`] or [`plan_with_images`].
pub fn plan(line_up: &LineUp, findings: Vec<Finding>) -> Plan {
    planned(line_up, findings, false)
}

/// The same, and reads each image that a release names, to compare their digests, and each that must be of
/// a certain model or key.
pub fn plan_with_images(line_up: &LineUp, findings: Vec<Finding>) -> Plan {
    planned(line_up, findings, true)
}

fn planned(line_up: &LineUp, mut findings: Vec<Finding>, reads_images: bool) -> Plan {
    let contents = Contents::survey(line_up, &mut findings);
    let mut channels = Vec::new();
    for place in 0..line_up.channels.len() {
        match channel_plan(line_up, &contents, place, &mut findings) {
            Ok(plan) => channels.extend(plan),
            Err(message) => findings.push(Finding::error(message)),
        }
    }
    let repair = |channel: &ChannelPlan| channel.repair.as_ref().map_or(0.0, |it| it.bit_rate_kbps);
    let bit_rate = |channel: &ChannelPlan| channel.bit_rate_kbps + repair(channel);
    if reads_images {
        findings.extend(image::findings(line_up));
    }
    let verified = trust::verified(line_up, &mut findings);
    if let (Some(verified), true) = (&verified, reads_images) {
        trust::compare(line_up, &contents, verified, &mut findings);
    }
    let statements = verified.as_ref().map_or_else(Vec::new, trust::statements);
    let vendor_senders = vendor_sender::plan(line_up, &mut findings);
    let announce = line_up.announce.as_ref();
    let announce =
        announce.map(|it| announce_plan(line_up, &contents, (it, statements), &mut findings));
    let (announce, announce_bps) = announce.unzip();
    let facts = schedule::Facts {
        line_up,
        contents: &contents,
        channels: &channels,
        verified: verified.as_ref(),
    };
    let schedules = match Budget::of(line_up, &contents, announce_bps.unwrap_or(0)) {
        Ok(budget) => schedule::plan(&facts, &Timetable::within(line_up, budget), &mut findings),
        Err(message) => {
            findings.push(Finding::error(message));
            Vec::new()
        }
    };
    let announced = announce.as_ref().map_or(0.0, |announce| announce.bit_rate_kbps);
    let counted = vendor_senders.iter().map(|sender| sender.counted_kbps).sum::<f64>();
    let bit_rate_kbps_total = channels.iter().map(bit_rate).sum::<f64>() + announced + counted;
    let unicast = line_up.unicast.as_ref().map(|it| unicast::plan(it, &channels, &mut findings));
    let targets = line_up.targets.iter().map(|target| TargetPlan {
        name: target.name.clone(),
        boxes: conditions(target),
        answer: target.answer.to_string(),
    });
    let targets = targets.collect();
    let lists = crate::lists::plan::plan(line_up, &mut findings);
    let of_findings = Plan::of_findings(findings);
    let trust = verified.map(TrustPlan::from);
    Plan {
        channels,
        announce,
        trust,
        unicast,
        targets,
        vendor_senders,
        lists,
        schedules,
        bit_rate_kbps_total,
        ..of_findings
    }
}

fn channel_plan(
    line_up: &LineUp,
    contents: &Contents,
    place: usize,
    findings: &mut Vec<Finding>,
) -> Result<Option<ChannelPlan>, String> {
    let Some(channel) = line_up.channels.get(place) else { return Ok(None) };
    if channel.protocol == Protocol::Flute {
        return flute::channel_plan(line_up, contents, (place, channel)).map(Some);
    }
    let companion = companion::plan(line_up, contents, place)?;
    let source_bps = companion.as_ref().map_or(channel.bit_rate_bps, |plan| plan.source_bps);
    let own = Channel { bit_rate_bps: source_bps, ..channel.clone() };
    let unicast = line_up.unicast.as_ref();
    let plan = match channel.protocol {
        Protocol::Mag => mag::channel_plan,
        Protocol::Infocast | Protocol::Flute => infocast::channel_plan,
    };
    plan(contents, (place, &own), (companion.as_ref(), unicast), findings).map(Some)
}

/// The announce session in figures, and the bits of IP per second that it is sent with at most.
fn announce_plan(
    line_up: &LineUp,
    contents: &Contents,
    (announce, statements): (&Announce, Vec<Statement>),
    findings: &mut Vec<Finding>,
) -> (AnnouncePlan, u64) {
    let mut files = Vec::new();
    for (channel, object, id) in objects(line_up) {
        let length = contents.length(id);
        let repair = channel.repair.as_ref();
        let fti = match (channel.protocol, repair.and_then(|repair| Some((repair, repair.group?))))
        {
            (Protocol::Flute, _) => Coding::of(channel, length).ok().map(|coding| coding.fti),
            (Protocol::Infocast | Protocol::Mag, Some(companion)) => {
                let geometry = companion::geometry(channel, object, companion, length);
                geometry.ok().map(Fti::of_geometry)
            }
            (Protocol::Infocast | Protocol::Mag, None) => None,
        };
        match expected(line_up, contents, id, fti) {
            Ok(file) => files.extend(file),
            // On a FLUTE channel it is an error, told there.
            Err(error) if channel.protocol != Protocol::Flute => {
                let message = format!("object `{}` cannot be announced: {error}", object.name);
                findings.push(Finding::warning(message));
            }
            Err(_) => {}
        }
    }
    let count = files.len();
    for (place, file) in (1..).zip(&mut files) {
        file.toi = u128::from(u32::MAX) - place;
    }
    let said = statements.len();
    let session = AnnounceSession::new(FdtSettings::new(DEFAULT_TSI), Vec::new(), Micros::ZERO);
    let session = session.and_then(|mut session| {
        session.set(files, statements, Micros::ZERO)?;
        Ok(session)
    });
    let overhead = announce.group.ip_udp_bytes();
    let bits = |it: &AnnounceSession| (it.bits_per_second(overhead), announce_bps(it, overhead));
    let (bits, most) = session.as_ref().map_or((0, 0), bits);
    let (group, bit_rate_kbps) = (announce.group.to_string(), kilo(bits));
    (AnnouncePlan { group, bit_rate_kbps, objects: count, statements: said }, most)
}
