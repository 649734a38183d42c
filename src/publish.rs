//! Changing what is on air in an order no box trips over.
//!
//! A control object names images, so the images are published first: a box that read the new
//! control object finds the new image, never the old one under the new version. What is gone from
//! the line-up leaves last. Each channel finishes its cycle before it changes.
//!
//! Where there is an announce session, it goes first, and a new revision is described there a second
//! before its first slice: near the end of the old one's last cycle, so that boxes do not wait for
//! it. The repair symbols follow their channel, never the other way round: a box that hears the first
//! one of a new revision knows that slices are of it, too.
//!
//! What the operator signed names objects, so a statement goes on air when all that changes has
//! changed, and one that is withdrawn leaves before anything else does.
//!
//! ```text
//!  channel    | old cycle ........ Ending |................|new cycle ...
//!  announce   | old ..............| new ...  (a second at least)
//!  companion  | old ............................|new ...
//!  statements | old |...................................|new ...
//! ```
//!
//! Where the line-up has an overlap, the companion goes on with the old revision for a while (`overlaps`).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stbcast_flute::Statement;

use crate::interface;
use crate::lineup::{ANNOUNCE_NAME, Finding, InterfaceBudget};
use crate::onair::{Beats, Drivers, Launch, Report};
use crate::programme::{ChannelProgramme, Programme};
use crate::transmit::{Sockets, TransmitError};

mod airing;
mod announcer;
mod draft;
mod overlaps;
mod silence;
mod stages;
mod statements;
use airing::Airing;
use announcer::{Announcer, Ripe};
use draft::Draft;
use overlaps::Overlaps;

/// A revision is announced this long before its first slice; a second, and what the sending thread
/// takes to hear of it.
const LEAD: Duration = Duration::from_millis(1_200);

/// Brings programmes on air.
pub struct Publisher {
    drivers: Drivers,
    sockets: Sockets,
    /// What each channel was last told to be.
    told: HashMap<String, ChannelProgramme>,
    /// Channels that are to leave and have not told yet that they did.
    leaving: HashSet<String>,
    generation: u64,
    stages: VecDeque<Stage>,
    waiting: HashSet<String>,
    /// Companions that wait for their channels, by the channel's name.
    followers: HashMap<String, Launch>,
    announcer: Option<Announcer>,
    overlaps: Overlaps,
    airing: Airing,
    /// Whether channels wait for interfaces that are not there.
    waits: bool,
    /// What the operator signed, to be said when all changes are on air.
    statements: Vec<Statement>,
    /// The documents of a line-up that is being made: no other one is said meanwhile.
    coming: Option<Vec<Arc<[u8]>>>,
}

#[derive(Default)]
struct Stage {
    launches: Vec<Launch>,
    /// Whether statements may be said from now on.
    signs: bool,
    retirements: Vec<String>,
}

/// What a publication changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Channels that go on air or change.
    pub changed: usize,
    /// Channels that stay as they are.
    pub unchanged: usize,
    /// Channels that leave.
    pub retired: usize,
}

impl Publisher {
    /// A publisher with nothing on air, whose channels send by `sockets`.
    pub fn new(drivers: Drivers, sockets: Sockets) -> Self {
        let (told, stages, followers) = (HashMap::new(), VecDeque::new(), HashMap::new());
        let (leaving, waiting, announcer) = (HashSet::new(), HashSet::new(), None);
        let (generation, statements, coming) = (0, Vec::new(), None);
        Self {
            drivers,
            sockets,
            told,
            leaving,
            generation,
            stages,
            waiting,
            followers,
            announcer,
            overlaps: Overlaps::default(),
            airing: Airing::default(),
            waits: false,
            statements,
            coming,
        }
    }

    /// What interfaces may carry from now on, whatever is published. One that is named by its address is
    /// looked up now.
    pub fn cap(&mut self, budgets: &[InterfaceBudget]) {
        let caps = budgets.iter().map(|it| (interface::canonical(&it.name), it.bit_rate_bps));
        self.drivers.cap(caps.collect());
    }

    /// Publications so far.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// What each channel and session was last told to be, in no order.
    pub fn told(&self) -> impl Iterator<Item = &ChannelProgramme> {
        self.told.values()
    }

    /// Names of channels and companions that are to leave, and may still complete their cycle.
    pub fn leaving(&self) -> impl Iterator<Item = &str> {
        self.leaving.iter().map(String::as_str)
    }

    /// Whether a channel has not come to what it was told to be.
    pub fn is_pending(&self, name: &str) -> bool {
        self.waiting.contains(name) || self.is_staged(name)
    }

    /// The beats of the sending threads.
    pub fn beats(&self) -> Beats {
        self.drivers.beats()
    }

    /// Whether the last publication is on air whole.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.stages.is_empty()
    }

    /// Publishes a programme. One that is still being published is overtaken.
    ///
    /// # Errors
    /// When a channel's socket cannot be opened; everything stays as it was. When the system has no
    /// thread to give.
    pub fn publish(&mut self, mut programme: Programme) -> Result<Changes, TransmitError> {
        self.overlaps.kill(&programme.absent.dead);
        self.overlaps.apply(&mut programme, self.generation + 1, Instant::now());
        let silent = self.airing.absent(&programme.absent);
        let mut draft = Draft::new(silent);
        for mut channel in programme.channels {
            let companion = channel.companion.take();
            let name = channel.channel.name.clone();
            let moves = self.add(&mut draft, channel, None)?;
            if let Some(companion) = companion {
                // What changes together with its channel waits for it.
                self.add(&mut draft, *companion, moves.then_some(name))?;
            }
        }
        let announces = programme.announce.is_some();
        if let Some(announce) = programme.announce {
            self.add(&mut draft, announce, None)?;
        }
        self.silence(&draft.silent, &programme.statements);
        // A publication that is overtaken may not have come to its retirements yet.
        self.leaving.extend(self.told.keys().cloned());
        self.leaving.retain(|name| !draft.told.contains_key(name));
        let retirements = self.leaving.iter().cloned().collect();
        let leaving = Stage { retirements, ..Stage::default() };
        let Draft { announce, images, control, followers, told, unchanged, paced, .. } = draft;
        let changed = announce.launches.len()
            + images.launches.len()
            + control.launches.len()
            + followers.len()
            + paced.len();
        let retired = leaving.retirements.len();
        (self.generation, self.told, self.followers) = (self.generation + 1, told, followers);
        match (&mut self.announcer, announces) {
            (Some(announcer), true) => announcer.overtake(),
            (announcer, true) => *announcer = Some(Announcer::default()),
            (announcer, false) => *announcer = None,
        }
        self.statements = programme.statements;
        let signed = Stage { signs: true, ..Stage::default() };
        self.stages = VecDeque::from([announce, images, control, signed, leaving]);
        self.waiting.clear();
        let paced_names = paced.iter().map(|launch| launch.name().to_owned());
        self.announce_ahead(&unchanged.iter().cloned().chain(paced_names).collect());
        for launch in paced {
            self.drivers.rate(launch.name().to_owned(), launch.bit_rate_bps());
            // The order of its objects follows from the rate, and changes between two cycles.
            self.put(launch)?;
        }
        self.next_stage()?;
        Ok(Changes { changed, unchanged: unchanged.len(), retired })
    }

    fn launch(&self, programme: &ChannelProgramme) -> Result<Launch, TransmitError> {
        let sockets = self.sockets.patient(self.waits);
        Launch::new(programme.clone(), self.generation + 1, &sockets)
    }

    /// What stays on air is described at once, and so is what is not on air yet. What changes is
    /// described when its time comes.
    fn announce_ahead(&mut self, unchanged: &HashSet<String>) {
        let Some(announcer) = &mut self.announcer else { return };
        for (name, programme) in &self.told {
            if unchanged.contains(name) {
                announcer.note_on_air(name);
            }
            let ahead = unchanged.contains(name) || !announcer.is_on_air(name);
            if ahead && programme.carousel.has_cycles() {
                announcer.describe(name, &programme.files);
            }
        }
    }

    /// Adds a channel to what is to be published, `behind` another one where it follows it;
    /// whether it changes.
    fn add(
        &self,
        draft: &mut Draft,
        programme: ChannelProgramme,
        behind: Option<String>,
    ) -> Result<bool, TransmitError> {
        let name = programme.channel.name.clone();
        let settled = !self.waiting.contains(&name) && !self.is_staged(&name);
        let settled = settled && !draft.is_silent(&name);
        let old = self.told.get(&name).filter(|_| settled);
        let stays = old.is_some_and(|old| old.is_same_as(&programme));
        let is_paced = old.is_some_and(|old| old.is_same_but_rate(&programme));
        if stays {
            draft.unchanged.insert(name.clone());
        } else if is_paced {
            draft.paced.push(self.launch(&programme)?);
        } else {
            let launch = self.launch(&programme)?;
            match behind {
                Some(channel) => drop(draft.followers.insert(channel, launch)),
                None => draft.stage(&programme).launches.push(launch),
            }
        }
        draft.told.insert(name, programme);
        Ok(!stays && !is_paced)
    }

    /// Takes what a thread tells; what of it concerns others.
    ///
    /// # Errors
    /// When the system has no thread to give for a channel that goes on air now.
    pub fn on_report(&mut self, report: Report) -> Result<Option<Report>, TransmitError> {
        let Some(report) = self.drivers.on_report(report)? else { return Ok(None) };
        match &report {
            Report::CyclesDone { .. } | Report::Broken | Report::Spent(_) => {}
            Report::Ending { channel, generation } => {
                if *generation == self.generation {
                    self.on_ending(channel);
                }
                return Ok(None);
            }
            Report::OnAir { channel, generation } => {
                let (channel, generation) = (channel.clone(), *generation);
                self.on_air(&channel, generation)?;
            }
            Report::Retired { channel, generation } => {
                let (channel, generation) = (channel.clone(), *generation);
                self.leaving.remove(&channel);
                self.airing.retired(&channel, generation);
                self.done(&channel, generation)?;
            }
        }
        Ok(Some(report))
    }

    /// When [`Publisher::on_time`] wants to be called next.
    pub fn due(&self) -> Option<Instant> {
        self.announcer.as_ref()?.due()
    }

    /// Whether a programme is to be published again, because an old revision in it has had its time.
    pub fn has_spent_overlaps(&self, now: Instant) -> bool {
        self.overlaps.due().is_some_and(|due| due <= now)
    }

    /// Goes on with what was announced long enough ago.
    ///
    /// # Errors
    /// As [`Publisher::on_report`].
    pub fn on_time(&mut self, now: Instant) -> Result<(), TransmitError> {
        while let Some(ripe) = self.announcer.as_mut().and_then(|announcer| announcer.ripe(now)) {
            match ripe {
                Ripe::Put(launch) => self.put(*launch)?,
                Ripe::Release(channel) => self.drivers.release(channel, self.generation),
            }
        }
        Ok(())
    }

    /// Tells the announce session what it describes, where that changed. One that is about to be
    /// replaced, or is not on air yet, is told when it is.
    fn flush(&mut self) {
        if self.waiting.contains(ANNOUNCE_NAME) {
            return;
        }
        if let Some(said) = self.announcer.as_mut().and_then(Announcer::changed) {
            self.drivers.describe(ANNOUNCE_NAME, said);
        }
    }

    /// Warns about objects whose content would change while their version does not: boxes that hold
    /// the version will not fetch the new content.
    pub fn cautions(&self, programme: &Programme) -> Vec<Finding> {
        let versions = |channel: &ChannelProgramme| -> Vec<_> {
            let objects = channel.channel.objects.iter().zip(&channel.digests);
            let group = channel.channel.group;
            objects.map(|(o, digest)| ((group, o.name), (o.version.clone(), *digest))).collect()
        };
        let before: HashMap<_, _> = self.told.values().flat_map(versions).collect();
        let mut findings = Vec::new();
        for ((group, name), (version, digest)) in programme.channels.iter().flat_map(versions) {
            let Some((known, old_digest)) = before.get(&(group, name)) else { continue };
            if let (Some(version), true) = (&version, *known == version && *old_digest != digest) {
                findings.push(Finding::warning(format!(
                    "object `{name}` on {group} has new content but still version {version}: boxes \
                     that hold this version will not fetch it"
                )));
            }
        }
        findings
    }

    /// Asks for [`Report::CyclesDone`].
    pub fn report_cycles(&mut self, cycles: u64) {
        self.drivers.report_cycles(cycles);
    }
}

#[cfg(test)]
mod tests;
