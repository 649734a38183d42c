//! A line-up with its bytes, and the programmes made of it: which part of it is on air changes with
//! the clock and by the operator's word, and must not wait for files that are read again.

use std::collections::HashMap;
use std::sync::Arc;

use stbcast_flute::Fti;
use stbcast_object::Micros;

use super::absence::{Absence, Whole};
use super::prepared::{Prepared, PreparedChannel, Repaired, Sent};
use super::statements::Said;
use super::{Payload, Programme, flute};
use crate::announced::{self, Facts, Numbers, describe, source_url};
use crate::clock;
use crate::companion;
use crate::contents::{
    Contents, VERSION_DIGITS, bootcast_text, objects, reboot_text, stbconfig_text,
};
use crate::dates;
use crate::flute_channel::Coding;
use crate::killed::Killed;
use crate::lineup::{Channel, Finding, LineUp, Object, ObjectId, Protocol, Source, StbConfig};
use crate::lists::{Headers, ImageFacts, Known};
use crate::mag_channel;
use crate::mag_image;
use crate::repair::{RepairSymbols, per_block};
use crate::roster::Roster;
use crate::schedule::{Budget, Timetable};
use crate::spool::{Digest, Revision, Spool};

/// All that a line-up could put on air, ready in memory and in the spool.
pub struct Stock {
    line_up: LineUp,
    contents: Contents,
    channels: Vec<PreparedChannel>,
    said: Said,
    stbconfigs: HashMap<String, Arc<[u8]>>,
    headers: Headers,
    timetable: Timetable,
}

impl Stock {
    /// Copies every source into the spool and computes repair symbols.
    ///
    /// `numbers` are those that objects had until now.
    ///
    /// # Errors
    /// Findings when something cannot be sent; nothing has changed on air then, nor in `numbers`.
    pub fn load(
        line_up: &LineUp,
        spool: &mut Spool,
        numbers: &mut Numbers,
    ) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut contents = Contents::survey(line_up, &mut findings);
        findings.retain(Finding::is_error);
        if !findings.is_empty() {
            return Err(findings);
        }
        let revisions = spool_sources(line_up, spool)?;
        admit(line_up, &revisions)?;
        for (id, revision) in &revisions {
            contents.set_length(*id, revision.bytes.len() as u64);
        }
        let (wall, mut next) = (clock::wall(), numbers.clone());
        next.begin(wall);
        let stbconfigs = stbconfigs(line_up, &revisions)?;
        let headers = headers(line_up, &revisions)?;
        let mut loader = Loader {
            line_up,
            contents: &contents,
            spool,
            wall,
            revisions,
            stbconfigs,
            numbers: next,
        };
        let refused = |message| vec![Finding::error(message)];
        let places = 0..line_up.channels.len();
        let channels: Result<Vec<_>, _> = places.map(|place| loader.channel(place)).collect();
        let channels = channels.map_err(refused)?;
        let said = loader.statements(line_up.trust.as_ref())?;
        let (numbered, stbconfigs) = (loader.numbers, loader.stbconfigs);
        let timetable = Timetable::of(line_up);
        let line_up = line_up.clone();
        let mut stock = Self { line_up, contents, channels, said, stbconfigs, headers, timetable };
        let all = stock.programme(&Roster::all(&stock.line_up), &Killed::default())?;
        let announced = flute::announced_bps(&stock.line_up, &all, wall).map_err(refused)?;
        let budget = Budget::of(&stock.line_up, &stock.contents, announced).map_err(refused)?;
        stock.timetable = Timetable::within(&stock.line_up, budget);
        let now_s = i64::try_from(dates::now()).unwrap_or(0);
        let mut over = stock.timetable.over_budget(&stock.line_up, now_s);
        over.retain(Finding::is_error);
        if !over.is_empty() {
            return Err(over);
        }
        *numbers = numbered;
        Ok(stock)
    }

    /// Who of it is on air when.
    pub const fn timetable(&self) -> &Timetable {
        &self.timetable
    }

    /// The line-up.
    pub const fn line_up(&self) -> &LineUp {
        &self.line_up
    }

    /// Digest of the object at `id`; `None` where its bytes are made at send time.
    pub fn digest(&self, id: ObjectId) -> Option<Digest> {
        self.channels.get(id.channel)?.objects.get(id.object)?.digest
    }

    /// Comes after another line-up, whose releases can still be killed: their images may be on air for
    /// a while.
    pub fn follow(&mut self, before: &Self) {
        self.said.follow(&before.said);
    }

    /// What of it is on air by `roster`, without what was killed. Bootcast informations, StbConfigs and
    /// releases are left out together with what they name: boxes would look for it in vain at each boot.
    ///
    /// # Errors
    /// When a channel cannot be sent at the rate it is given.
    pub fn programme(&self, roster: &Roster, killed: &Killed) -> Result<Programme, Vec<Finding>> {
        let refused = |message| vec![Finding::error(message)];
        let Self { line_up, contents, channels, said, stbconfigs, headers, .. } = self;
        let absence = Absence::of(Whole { line_up, contents, channels, said }, roster, killed);
        let wall = clock::wall();
        let mut on_air = Vec::new();
        for (place, channel) in channels.iter().enumerate() {
            let rate = absence.rate(place);
            let kept = |object: &usize| absence.has(ObjectId { channel: place, object: *object });
            let channel = rate.map(|rate| channel.programme(rate, kept, wall)).transpose();
            on_air.extend(channel.map_err(refused)?.flatten());
        }
        let (mut statements, statements_expire) = absence.statements(said);
        let kills = said.kills.iter();
        statements.extend(kills.flat_map(|kills| kills.statements(killed, wall.0 / 1_000_000)));
        let announce = flute::announce(line_up, &on_air, &statements, wall).map_err(refused)?;
        let is_whole =
            |name: &str| contents.named_by_stbconfig(name).iter().all(|id| absence.has(*id));
        let stbconfigs = stbconfigs.iter().filter(|(name, _)| is_whole(name));
        let known = Known {
            line_up,
            headers,
            digest: &|id| self.digest(id),
            has: &|id| absence.has(id),
            runs: &|place| {
                let sender = line_up.vendor_senders.get(place);
                roster.vendor_senders.get(place) == Some(&true)
                    && sender.is_some_and(|sender| !killed.is_channel(&sender.name))
            },
        };
        let pages = known.pages();
        Ok(Programme {
            channels: on_air,
            announce,
            statements,
            statements_expire,
            targets: line_up.targets.clone(),
            stbconfigs: stbconfigs.map(|(name, text)| (name.clone(), Arc::clone(text))).collect(),
            pages,
            absent: absence.absent,
        })
    }
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

/// What the lists need of the images that they name.
fn headers(
    line_up: &LineUp,
    revisions: &HashMap<ObjectId, Revision>,
) -> Result<Headers, Vec<Finding>> {
    let headers = Headers::of(line_up, |id| {
        let revision = revisions.get(&id).ok_or("it is no file")?;
        ImageFacts::parse(&revision.bytes)
    });
    let digest = |id| revisions.get(&id).map(|revision| revision.digest);
    let (has, runs) = (&|_| true, &|_| true);
    let known = Known { line_up, headers: &headers, digest: &digest, has, runs };
    let mut findings = known.findings();
    findings.retain(Finding::is_error);
    if findings.is_empty() { Ok(headers) } else { Err(findings) }
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

/// Images of another model or key than the line-up says do not go on the air.
fn admit(line_up: &LineUp, revisions: &HashMap<ObjectId, Revision>) -> Result<(), Vec<Finding>> {
    let mut refused = Vec::new();
    for (channel, object, id) in objects(line_up) {
        let Some(Revision { bytes, .. }) = revisions.get(&id) else { continue };
        let finding = mag_image::admit((channel, object), bytes.len() as u64, &bytes[..]);
        match finding {
            Some(finding) if finding.is_error() => refused.push(finding),
            Some(finding) => tracing::warn!("{}", finding.message),
            None => {}
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

/// What every channel of a line-up is made with.
pub(super) struct Loader<'a> {
    pub(super) line_up: &'a LineUp,
    contents: &'a Contents,
    spool: &'a mut Spool,
    pub(super) wall: Micros,
    revisions: HashMap<ObjectId, Revision>,
    stbconfigs: HashMap<String, Arc<[u8]>>,
    pub(super) numbers: Numbers,
}

impl Loader<'_> {
    pub(super) fn payload(&self, id: ObjectId, object: &Object) -> Payload {
        if let Some(revision) = self.revisions.get(&id) {
            return Payload::Mapped(revision.clone());
        }
        let text = match &object.source {
            Source::StbConfig(name) => self.stbconfigs.get(name).cloned(),
            Source::Reboot(name) => {
                let text = self.line_up.reboot(name).map(reboot_text);
                text.and_then(Result::ok).map(Into::into)
            }
            source => {
                let text = bootcast_text(self.line_up, source, |id| version(&self.revisions, id));
                text.map(|text| text.into_bytes().into())
            }
        };
        text.map_or(Payload::None, Payload::Text)
    }

    fn channel(&mut self, place: usize) -> Result<PreparedChannel, String> {
        let Some(channel) = self.line_up.channels.get(place) else {
            return Err("no such channel".to_owned());
        };
        let mut objects = Vec::new();
        for (object, spec) in channel.objects.iter().enumerate() {
            let id = ObjectId { channel: place, object };
            objects.push(match channel.protocol {
                Protocol::Infocast => self.infocast(id, (channel, spec))?,
                Protocol::Flute => self.flute(id, (channel, spec))?,
                Protocol::Mag => self.mag(id, (channel, spec))?,
            });
        }
        Ok(PreparedChannel { channel: channel.unscheduled(), objects })
    }

    fn infocast(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Result<Prepared, String> {
        let payload = self.payload(id, object);
        let bytes = payload.bytes();
        let entry = self.contents.entry(id, channel, object, bytes.len() as u64)?;
        let entry = entry.with_trailers_over(bytes);
        self.prepared(id, (channel, object), payload, Sent::Infocast(Box::new(entry)))
    }

    fn mag(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Result<Prepared, String> {
        let payload = self.payload(id, object);
        let length = payload.bytes().len() as u64;
        let digest = payload.digest().unwrap_or_else(|| Digest::of(&[]));
        let written = channel.mag.as_ref().and_then(|mag| mag.serial);
        let serial = self.numbers.serial(&source_url(channel, object), digest, written);
        let described = mag_channel::description(channel, object, payload.bytes());
        let stream = mag_channel::stream(channel, length, (serial, described));
        let stream = stream.map_err(|error| format!("object `{}`: {error}", object.name))?;
        self.prepared(id, (channel, object), payload, Sent::Mag(Box::new(stream)))
    }

    /// An object of a channel that has its repair symbols in a companion, if any.
    fn prepared(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
        payload: Payload,
        sent: Sent,
    ) -> Result<Prepared, String> {
        let companion = channel.repair.as_ref().and_then(|repair| Some((repair, repair.group?)));
        let geometry = companion.map(|companion| {
            companion::geometry(channel, object, companion, self.contents.length(id))
        });
        let symbols =
            self.symbols(object, &payload, geometry.as_ref().and_then(|it| it.as_ref().ok()))?;
        let repaired = geometry.map(|geometry| Repaired {
            expected: companion::described(self.line_up, self.contents, id, &geometry),
            geometry,
        });
        let fti = symbols.as_ref().map(|it| Fti::of_geometry(it.geometry));
        let facts = self.facts(id, &payload, fti);
        // None where its name cannot stand in a URL.
        let describe = |facts| describe(self.line_up, self.contents, id, facts).ok().flatten();
        let file = facts.and_then(describe);
        Ok(Prepared { digest: payload.digest(), payload, file, symbols, repaired, sent })
    }

    /// The repair symbols of an object.
    fn symbols(
        &mut self,
        object: &Object,
        payload: &Payload,
        geometry: Option<&stbcast_fec::Geometry>,
    ) -> Result<Option<RepairSymbols>, String> {
        let (Payload::Mapped(revision), Some(geometry)) = (payload, geometry) else {
            return Ok(None);
        };
        let made = self.spool.repair(revision, *geometry, per_block(geometry));
        made.map(Some).map_err(|error| format!("object `{}`: {error}", object.name))
    }

    fn flute(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Result<Prepared, String> {
        let refused = |error: String| format!("object `{}`: {error}", object.name);
        let payload = self.payload(id, object);
        let digest = payload.digest();
        let Payload::Mapped(revision) = payload.clone() else {
            return Ok(Prepared {
                digest,
                payload,
                file: None,
                symbols: None,
                repaired: None,
                sent: Sent::Not,
            });
        };
        let coding = Coding::of(channel, revision.bytes.len() as u64).map_err(refused)?;
        let facts = self.facts(id, &payload, Some(coding.fti));
        let described = facts.map(|facts| describe(self.line_up, self.contents, id, facts));
        let file = described.transpose().map_err(|error| refused(error.to_string()))?.flatten();
        let Some(mut file) = file else {
            return Ok(Prepared {
                digest,
                payload,
                file,
                symbols: None,
                repaired: None,
                sent: Sent::Not,
            });
        };
        file.md5 = Some(flute::md5(&revision.bytes));
        let symbols = self.symbols(object, &payload, coding.geometry())?;
        let sent = Sent::Flute(Box::new(coding));
        Ok(Prepared { digest, payload, file: Some(file), symbols, repaired: None, sent })
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
