//! A line-up with its bytes, and the programmes made of it: which part of it is on air changes with
//! the clock and by the operator's word, and must not wait for files that are read again.

use std::collections::HashMap;
use std::sync::Arc;

use super::absence::{Absence, Whole};
use super::load::Loader;
use super::prepared::PreparedChannel;
use super::statements::Said;
use super::{Programme, flute};
use crate::announced::Numbers;
use crate::clock;
use crate::contents::{Contents, VERSION_DIGITS, objects, stbconfig_text};
use crate::dates;
use crate::killed::Killed;
use crate::lineup::{Finding, LineUp, ObjectId, Source, StbConfig};
use crate::lists::{Headers, ImageFacts, Known};
use crate::mag;
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
pub(super) fn version(revisions: &HashMap<ObjectId, Revision>, id: ObjectId) -> Option<String> {
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
        let finding = mag::image::admit((channel, object), bytes.len() as u64, &bytes[..]);
        match finding {
            Some(finding) if finding.is_error() => refused.push(finding),
            Some(finding) => tracing::warn!("{}", finding.message),
            None => {}
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}
