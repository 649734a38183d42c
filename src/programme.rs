//! A line-up with its bytes: everything the senders need, made before anything changes on air.

use std::collections::HashMap;
use std::sync::Arc;

use stbcast_flute::fdt::File;
use stbcast_flute::{Fti, Statement};
use stbcast_infocast::Entry;
use stbcast_object::Micros;

use crate::announced::{self, Facts, Numbers, describe, source_url};
use crate::carousel::Carousel;
use crate::clock;
use crate::companion::{self, CompanionPlan};
use crate::contents::{Contents, VERSION_DIGITS, bootcast_text, carousel, objects, stbconfig_text};
use crate::lineup::{
    Channel, Finding, LineUp, Object, ObjectId, Protocol, Source, StbConfig, Target,
};
use crate::repair::{RepairSymbols, per_block};
use crate::spool::{Digest, Revision, Spool};

mod flute;
mod statements;
pub(crate) use flute::announce_bps;
pub(crate) use statements::statement;

/// The bytes of an object.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A mapped copy of a file.
    Mapped(Revision),
    /// A text made from the line-up.
    Text(Arc<[u8]>),
    /// The repair symbols of an object.
    Repair(RepairSymbols),
    /// Made at send time.
    None,
}

impl Payload {
    /// The bytes held; none where they are made at send time.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(revision) => &revision.bytes,
            Self::Text(text) => text,
            Self::Repair(symbols) => &symbols.bytes,
            Self::None => &[],
        }
    }

    /// The digest of an object; `None` where the bytes are made at send time.
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::None | Self::Repair(_) => None,
            Self::Text(text) => Some(Digest::of(text)),
            Self::Mapped(revision) => Some(revision.digest),
        }
    }
}

/// One channel, or one session of ours, ready for the air.
#[derive(Clone, Debug)]
pub struct ChannelProgramme {
    /// The channel as the line-up has it, at the rate it is really sent with. Companions and the
    /// announce session are sent like channels without objects.
    pub channel: Channel,
    /// Its carousel, trailers computed.
    pub carousel: Carousel,
    /// The bytes of each object, by its place; repair symbols behind them.
    pub payloads: Vec<Payload>,
    /// Digest of each object; `None` where the bytes are made at send time.
    pub digests: Vec<Option<Digest>>,
    /// How its objects are described to boxes.
    pub files: Vec<File>,
    /// The session of its repair symbols.
    pub companion: Option<Box<Self>>,
}

impl ChannelProgramme {
    /// Whether this puts the same datagrams on the same group at the same rate as `other`,
    /// companions left aside.
    pub fn is_same_as(&self, other: &Self) -> bool {
        // What an object is sent as may depend on other channels of the line-up.
        let types = |programme: &Self| -> Vec<_> {
            match &programme.carousel {
                Carousel::Infocast(carousel) => {
                    carousel.entries().iter().map(Entry::object_type).collect()
                }
                _ => Vec::new(),
            }
        };
        self.channel == other.channel
            && self.digests == other.digests
            && types(self) == types(other)
            && (self.carousel.is_infocast() || self.files == other.files)
    }

    /// Whether boxes find images by objects of this channel.
    pub fn has_control(&self) -> bool {
        self.channel.objects.iter().any(Object::is_control)
    }
}

/// Everything on air.
#[derive(Clone, Debug)]
pub struct Programme {
    /// The channels in the order of the line-up.
    pub channels: Vec<ChannelProgramme>,
    /// The announce session.
    pub announce: Option<ChannelProgramme>,
    /// What the operator signed, to be announced when all that it names is on air.
    pub statements: Vec<Statement>,
    /// Unix seconds at which the first of them expires; older roots do not count.
    pub statements_expire: Option<u64>,
    /// Which box gets which StbConfig over HTTP.
    pub targets: Vec<Target>,
    /// The StbConfigs by their names.
    pub stbconfigs: HashMap<String, Arc<[u8]>>,
}

/// Copies every source into the spool, computes repair symbols and makes the programme.
///
/// `numbers` are those that objects had until now.
///
/// # Errors
/// Findings when something cannot be sent; nothing has changed on air then, nor in `numbers`.
pub fn load(
    line_up: &LineUp,
    spool: &mut Spool,
    numbers: &mut Numbers,
) -> Result<Programme, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut contents = Contents::survey(line_up, &mut findings);
    findings.retain(Finding::is_error);
    if !findings.is_empty() {
        return Err(findings);
    }
    let revisions = spool_sources(line_up, spool)?;
    for (id, revision) in &revisions {
        contents.set_length(*id, revision.bytes.len() as u64);
    }
    let (wall, mut next) = (clock::wall(), numbers.clone());
    next.begin(wall);
    let stbconfigs = stbconfigs(line_up, &revisions)?;
    let mut loader =
        Loader { line_up, contents: &contents, spool, wall, revisions, stbconfigs, numbers: next };
    let refused = |message| vec![Finding::error(message)];
    let places = 0..line_up.channels.len();
    let channels: Result<Vec<_>, _> = places.map(|place| loader.channel(place)).collect();
    let channels = channels.map_err(refused)?;
    let (statements, statements_expire) = loader.statements(line_up.trust.as_ref())?;
    let announce = flute::announce(line_up, &channels, &statements, wall).map_err(refused)?;
    *numbers = loader.numbers;
    let (targets, stbconfigs) = (line_up.targets.clone(), loader.stbconfigs);
    Ok(Programme { channels, announce, statements, statements_expire, targets, stbconfigs })
}

/// The version that stands for the revision of an object where none is written.
fn version(revisions: &HashMap<ObjectId, Revision>, id: ObjectId) -> Option<String> {
    let hex = revisions.get(&id)?.digest.hex();
    hex.get(..VERSION_DIGITS).map(str::to_owned)
}

fn stbconfigs(
    line_up: &LineUp,
    revisions: &HashMap<ObjectId, Revision>,
) -> Result<HashMap<String, Arc<[u8]>>, Vec<Finding>> {
    let text = |stbconfig: &StbConfig| {
        let text = stbconfig_text(line_up, stbconfig, |id| version(revisions, id))?;
        Ok((stbconfig.name.clone(), text.into()))
    };
    let refused = |message: String| vec![Finding::error(message)];
    line_up.stbconfigs.iter().map(text).collect::<Result<_, _>>().map_err(refused)
}

fn spool_sources(
    line_up: &LineUp,
    spool: &mut Spool,
) -> Result<HashMap<ObjectId, Revision>, Vec<Finding>> {
    let mut revisions = HashMap::new();
    let mut findings = Vec::new();
    for (_, object, id) in objects(line_up) {
        let Source::File(path) = &object.source else { continue };
        match spool.add(path) {
            Ok(revision) => drop(revisions.insert(id, revision)),
            Err(error) => {
                findings.push(Finding::error(format!("object `{}`: {error}", object.name)));
            }
        }
    }
    if findings.is_empty() { Ok(revisions) } else { Err(findings) }
}

/// What every channel of a line-up is made with.
struct Loader<'a> {
    line_up: &'a LineUp,
    contents: &'a Contents,
    spool: &'a mut Spool,
    wall: Micros,
    revisions: HashMap<ObjectId, Revision>,
    stbconfigs: HashMap<String, Arc<[u8]>>,
    numbers: Numbers,
}

impl Loader<'_> {
    fn payload(&self, id: ObjectId, object: &Object) -> Payload {
        if let Some(revision) = self.revisions.get(&id) {
            return Payload::Mapped(revision.clone());
        }
        let text = match &object.source {
            Source::StbConfig(name) => self.stbconfigs.get(name).cloned(),
            source => {
                let text = bootcast_text(self.line_up, source, |id| version(&self.revisions, id));
                text.map(|text| text.into_bytes().into())
            }
        };
        text.map_or(Payload::None, Payload::Text)
    }

    fn channel(&mut self, place: usize) -> Result<ChannelProgramme, String> {
        let Some(channel) = self.line_up.channels.get(place) else {
            return Err("no such channel".to_owned());
        };
        let payload = |(object, spec)| self.payload(ObjectId { channel: place, object }, spec);
        let payloads: Vec<_> = channel.objects.iter().enumerate().map(payload).collect();
        match channel.protocol {
            Protocol::Infocast => self.infocast(place, channel, payloads),
            Protocol::Flute => self.flute(place, channel, payloads),
        }
    }

    fn infocast(
        &mut self,
        place: usize,
        channel: &Channel,
        payloads: Vec<Payload>,
    ) -> Result<ChannelProgramme, String> {
        let mut entries = Vec::new();
        for (object, (spec, payload)) in channel.objects.iter().zip(&payloads).enumerate() {
            let id = ObjectId { channel: place, object };
            let bytes = payload.bytes();
            let entry = self.contents.entry(id, channel, spec, bytes.len() as u64)?;
            entries.push(entry.with_trailers_over(bytes));
        }
        let plan = companion::plan(self.line_up, self.contents, place)?;
        let repaired = self.repaired(channel, &payloads, plan.as_ref())?;
        let files = self.files(place, &payloads, &repaired);
        let bit_rate_bps = plan.as_ref().map_or(channel.bit_rate_bps, |plan| plan.source_bps);
        // The carousel does not change with its repair symbols.
        let own = Channel { bit_rate_bps, repair: None, ..channel.unscheduled() };
        let companion = match &plan {
            Some(plan) => flute::companion(channel, plan, (&files, &repaired), self.wall)?,
            None => None,
        };
        Ok(ChannelProgramme {
            carousel: Carousel::Infocast(Box::new(carousel(&own, entries))),
            channel: own,
            digests: payloads.iter().map(Payload::digest).collect(),
            payloads,
            files: files.into_iter().flatten().collect(),
            companion: companion.map(Box::new),
        })
    }

    /// The repair symbols of each object that has some.
    fn repaired(
        &mut self,
        channel: &Channel,
        payloads: &[Payload],
        plan: Option<&CompanionPlan>,
    ) -> Result<Vec<Option<RepairSymbols>>, String> {
        let mut repaired = vec![None; payloads.len()];
        let geometries = plan.map_or(&[][..], |plan| &plan.objects);
        let objects = channel.objects.iter().zip(payloads).zip(geometries).zip(&mut repaired);
        for (((object, payload), geometry), symbols) in objects {
            let (Payload::Mapped(revision), Ok(geometry)) = (payload, geometry) else { continue };
            let made = self.spool.repair(revision, *geometry, per_block(geometry));
            let refused = |error| format!("object `{}`: {error}", object.name);
            *symbols = Some(made.map_err(refused)?);
        }
        Ok(repaired)
    }

    /// The description of each object; none where its name cannot stand in a URL.
    fn files(
        &mut self,
        place: usize,
        payloads: &[Payload],
        repaired: &[Option<RepairSymbols>],
    ) -> Vec<Option<File>> {
        let file = |(object, (payload, symbols)): (usize, (&Payload, &Option<RepairSymbols>))| {
            let id = ObjectId { channel: place, object };
            let fti = symbols.as_ref().map(|it| Fti::of_geometry(it.geometry));
            let facts = self.facts(id, payload, fti)?;
            describe(self.line_up, self.contents, id, facts).ok().flatten()
        };
        payloads.iter().zip(repaired).enumerate().map(file).collect()
    }

    /// What is known of an object, with its TOI.
    fn facts(&mut self, id: ObjectId, payload: &Payload, fti: Option<Fti>) -> Option<Facts> {
        let (channel, object) = self.line_up.object(id)?;
        let (url, slice_bytes) = (source_url(channel, object), channel.slice_bytes);
        let (own, length) = (payload.digest(), payload.bytes().len() as u64);
        let digest = own.unwrap_or_else(|| Digest::of(url.as_bytes()));
        let toi = self.numbers.of(announced::Revision { url, digest, slice_bytes, fti });
        Some(Facts { toi, digest: own, length, fti })
    }
}
