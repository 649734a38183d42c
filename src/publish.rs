//! Changing what is on air in an order no box trips over.
//!
//! A control object names images, so the images are published first: a box that read the new
//! control object finds the new image, never the old one under the new version. What is gone from
//! the line-up leaves last. Each channel finishes its cycle before it changes.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::lineup::Finding;
use crate::onair::{Drivers, Launch, Report};
use crate::programme::{ChannelProgramme, Programme};
use crate::transmit::{TransmitError, TransmitPath};

/// Brings programmes on air.
pub struct Publisher {
    drivers: Drivers,
    path: TransmitPath,
    /// What each channel was last told to be.
    told: HashMap<String, ChannelProgramme>,
    /// Channels that are to leave and have not told yet that they did.
    leaving: HashSet<String>,
    generation: u64,
    stages: VecDeque<Stage>,
    waiting: HashSet<String>,
}

#[derive(Default)]
struct Stage {
    launches: Vec<Launch>,
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
    /// A publisher with nothing on air, whose channels send by `path`.
    pub fn new(drivers: Drivers, path: TransmitPath) -> Self {
        let (told, stages) = (HashMap::new(), VecDeque::new());
        let (leaving, waiting) = (HashSet::new(), HashSet::new());
        Self { drivers, path, told, leaving, generation: 0, stages, waiting }
    }

    /// Publications so far.
    pub const fn generation(&self) -> u64 {
        self.generation
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
    pub fn publish(&mut self, programme: Programme) -> Result<Changes, TransmitError> {
        let generation = self.generation + 1;
        let names: HashSet<_> =
            programme.channels.iter().map(|channel| channel.channel.name.clone()).collect();
        let [mut images, mut control] = [Stage::default(), Stage::default()];
        let (mut told, mut unchanged) = (HashMap::new(), 0);
        for channel in programme.channels {
            let name = channel.channel.name.clone();
            let settled = !self.waiting.contains(&name) && !self.is_staged(&name);
            let same = self.told.get(&name).is_some_and(|old| old.is_same_as(&channel));
            if same && settled {
                unchanged += 1;
            } else {
                let stage = if channel.has_control() { &mut control } else { &mut images };
                stage.launches.push(Launch::new(channel.clone(), generation, self.path)?);
            }
            told.insert(name, channel);
        }
        // A publication that is overtaken may not have come to its retirements yet.
        self.leaving.extend(self.told.keys().cloned());
        self.leaving.retain(|name| !names.contains(name));
        let retirements = self.leaving.iter().cloned().collect();
        let leaving = Stage { retirements, ..Stage::default() };
        let changed = images.launches.len() + control.launches.len();
        let retired = leaving.retirements.len();
        (self.generation, self.told) = (generation, told);
        self.stages = VecDeque::from([images, control, leaving]);
        self.waiting.clear();
        self.next_stage()?;
        Ok(Changes { changed, unchanged, retired })
    }

    /// Takes what a thread tells; what of it concerns others.
    ///
    /// # Errors
    /// When the system has no thread to give for a channel that goes on air now.
    pub fn on_report(&mut self, report: Report) -> Result<Option<Report>, TransmitError> {
        let Some(report) = self.drivers.on_report(report)? else { return Ok(None) };
        let (channel, generation) = match &report {
            Report::CyclesDone { .. } | Report::Broken | Report::Spent(_) => {
                return Ok(Some(report));
            }
            Report::OnAir { channel, generation } => (channel, *generation),
            Report::Retired { channel, generation } => {
                self.leaving.remove(channel);
                (channel, *generation)
            }
        };
        if generation == self.generation {
            self.waiting.remove(channel);
            self.next_stage()?;
        }
        Ok(Some(report))
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

    fn is_staged(&self, name: &str) -> bool {
        let mut launches = self.stages.iter().flat_map(|stage| &stage.launches);
        launches.any(|launch| launch.name() == name)
    }

    fn next_stage(&mut self) -> Result<(), TransmitError> {
        while self.waiting.is_empty() {
            let Some(stage) = self.stages.pop_front() else { break };
            for launch in stage.launches {
                self.waiting.insert(launch.name().to_owned());
                self.drivers.put(launch)?;
            }
            for name in stage.retirements {
                self.waiting.insert(name.clone());
                self.drivers.retire(name, self.generation);
            }
        }
        Ok(())
    }
}
