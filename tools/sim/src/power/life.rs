//! The lives of a box, one after the other, and what must hold in each.

use std::collections::BTreeMap;

use stbcast_bootcast::Part;
use stbcast_receiver::slots::{Banks, BanksError, Place, Settled};
use stbcast_receiver::{Event, TrustedBoot, TrustedOptions, TrustedOutcome, root_of};

use super::counted::Counted;
use super::flash::{Fault, FlashError, SimFlash};
use super::release::Release;
use super::stb::play;
use super::{PowerError, operator};
use crate::chance::Chance;

mod checks;

/// Datagrams that pass in a boot at most.
const PATIENCE: usize = 30_000;

/// The releases that boxes are to run, by number from 1, and a box that has the first.
pub struct World {
    /// The root document that came with the box.
    pub root: Vec<u8>,
    /// The releases.
    pub releases: Vec<Release>,
    /// Flash on which release 1 is committed.
    pub installed: SimFlash,
    /// Changes of the flash from the first datagram of release 2 until it is committed.
    pub changes: u64,
    /// Operations of the flash in the same span, reads among them.
    pub operations: u64,
}

/// What a box does with a release that it booted on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Its self test passes.
    Commit,
    /// Its self test fails.
    RollBack,
    /// It crashes.
    Crash,
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The release that was wanted is committed.
    Committed,
    /// It is armed, or its trial goes on with the next boot.
    Again,
    /// Its trials failed for good.
    Denied,
    /// The power was cut.
    Cut,
    /// Storage failed, and said so.
    Failed(String),
}

/// A box over all of its lives.
pub struct Stb<'a> {
    world: &'a World,
    flash: Option<SimFlash>,
    /// Which parts of which slot were ever written with which release.
    written: BTreeMap<Place, (u64, Vec<bool>)>,
    /// Number, epoch and time of the state as they were last seen.
    counters: (u64, u32, u64),
    /// Symbols that had been written before a cut and had to be received again after it, in
    /// thousandths of the release; the most of all lives.
    pub refetched: u64,
    lost: u64,
    was_cut: bool,
    rooted: bool,
}

type Banking = Banks<SimFlash>;

fn broken<T>(what: impl Into<String>) -> Result<T, PowerError> {
    Err(PowerError::Broken(what.into()))
}

impl World {
    /// Releases 1 to 3.
    ///
    /// # Errors
    /// When the first cannot be installed without any trouble.
    pub fn new() -> Result<Self, PowerError> {
        let lengths = |number: usize| {
            let kernel = (Part::Kernel, 40_000 + 77 * number);
            match number {
                1 => vec![kernel, (Part::Splash, 5_000)],
                _ => vec![kernel, (Part::Splash, 5_000), (Part::Diagnostic, 9_100)],
            }
        };
        let releases = (1..=3).map(|number| Release::new(number as u64, &lengths(number)));
        let releases = releases.collect::<Result<Vec<_>, _>>()?;
        let installed = SimFlash::new(Chance::new(0));
        let root = operator::root(1)?;
        let mut world = Self { root, releases, installed, changes: 0, operations: 0 };
        let mut stb = Stb::new(&world, world.installed.clone());
        stb.until_committed(1, &mut Chance::new(1))?;
        let installed = stb.into_flash();
        world.installed = installed.restarted();
        let mut flash = world.installed.clone();
        // A fault that never comes: it only counts.
        flash.fail(Fault::Cut, u64::MAX);
        let mut stb = Stb::new(&world, flash);
        let end = stb.life(2, Trial::Commit, &mut Chance::new(1))?;
        if end != End::Committed {
            return broken(format!("release 2 is not committed at once: {end:?}"));
        }
        let flash = stb.into_flash();
        (world.changes, world.operations) = (flash.changing(), flash.operations());
        Ok(world)
    }

    /// A release by its number.
    pub fn release(&self, number: u64) -> Option<&Release> {
        self.releases.iter().find(|release| release.number == number)
    }
}

impl<'a> Stb<'a> {
    /// A box with this flash.
    pub fn new(world: &'a World, flash: SimFlash) -> Self {
        let (written, counters) = (BTreeMap::new(), (0, 0, 0));
        Self {
            world,
            flash: Some(flash),
            written,
            counters,
            refetched: 0,
            lost: 0,
            was_cut: false,
            rooted: false,
        }
    }

    /// Its flash.
    pub fn flash(&mut self) -> Option<&mut SimFlash> {
        self.flash.as_mut()
    }

    /// The power goes, whatever the flash was at; when it is back, the flash is whole again.
    pub fn switch_off(&mut self) {
        self.flash = self.flash.take().map(SimFlash::restarted);
    }

    fn into_flash(self) -> SimFlash {
        self.flash.unwrap_or_else(|| SimFlash::new(Chance::new(0)))
    }

    /// Lives without trouble until a release is committed.
    ///
    /// # Errors
    /// When that takes too long, or anything is broken.
    pub fn until_committed(&mut self, number: u64, chance: &mut Chance) -> Result<(), PowerError> {
        for _ in 0..6 {
            if self.life(number, Trial::Commit, chance)? == End::Committed {
                return Ok(());
            }
        }
        broken(format!("release {number} is never committed, although nothing is wrong"))
    }

    /// One life: from power on to a cut or a crash, or until `number` is committed.
    ///
    /// # Errors
    /// When something is broken that must never be.
    pub fn life(
        &mut self,
        number: u64,
        trial: Trial,
        chance: &mut Chance,
    ) -> Result<End, PowerError> {
        let Some(flash) = self.flash.take() else { return broken("no flash") };
        self.lost = 0;
        let mut banks = match Banks::open(flash.clone()) {
            Ok(banks) => banks,
            // The flash cannot be read at all.
            Err(error) => {
                self.flash = Some(flash.restarted());
                return Ok(End::Failed(error.to_string()));
            }
        };
        let end = self.live(&mut banks, number, trial, chance);
        let symbols = self.world.release(number).map_or(1, Release::symbols);
        self.refetched = self.refetched.max(self.lost * 1_000 / symbols);
        let flash = banks.into_medium();
        let is_cut = flash.is_off();
        self.was_cut = is_cut;
        self.flash = Some(if is_cut { flash.restarted() } else { flash });
        let end = end?;
        Ok(if is_cut { End::Cut } else { end })
    }

    fn live(
        &mut self,
        banks: &mut Banking,
        number: u64,
        trial: Trial,
        chance: &mut Chance,
    ) -> Result<End, PowerError> {
        self.check_counters(banks)?;
        self.check_root(banks)?;
        let settled = match self.settled(banks)? {
            Ok(settled) => settled,
            Err(error) => return Ok(End::Failed(error.to_string())),
        };
        if let Settled::OnTrial { .. } = settled {
            return self.tried(banks, number, trial);
        }
        let Some(release) = self.world.release(number) else { return broken("no release") };
        if let Some(end) = self.installed(banks, release, chance)? {
            return Ok(end);
        }
        // Some boxes boot it at once, others wait until they are switched on again.
        if chance.below(2) == 0 && self.was_cut {
            return Ok(End::Again);
        }
        match self.settled(banks)? {
            Ok(Settled::OnTrial { .. }) => self.tried(banks, number, trial),
            Ok(other) => broken(format!("armed, but {other:?}")),
            Err(error) => Ok(End::Failed(error.to_string())),
        }
    }

    /// Settles, and looks at every byte of what boots.
    fn settled(
        &mut self,
        banks: &mut Banking,
    ) -> Result<Result<Settled, BanksError<FlashError>>, PowerError> {
        let settled = banks.settle();
        if banks.medium().is_off() {
            return Ok(settled);
        }
        self.check_counters(banks)?;
        if !banks.medium().is_dead() {
            self.check_bootable(banks)?;
        }
        Ok(settled)
    }

    fn tried(&mut self, banks: &mut Banking, number: u64, trial: Trial) -> Result<End, PowerError> {
        let done = match trial {
            Trial::Commit => banks.commit_trial().map(|_| End::Committed),
            Trial::RollBack => banks.roll_back().map(|_| End::Again),
            Trial::Crash => Ok(End::Again),
        };
        self.check_counters(banks)?;
        match done {
            Ok(End::Committed) if self.counters.0 < number => Ok(End::Again),
            Ok(end) => Ok(end),
            Err(error) => Ok(End::Failed(error.to_string())),
        }
    }

    /// The session: receives a release and arms it, which is told by nothing; else how it ended.
    fn installed(
        &mut self,
        banks: &mut Banking,
        release: &Release,
        chance: &mut Chance,
    ) -> Result<Option<End>, PowerError> {
        let trust = root_of(&self.world.root, banks.root())?;
        let standing = banks.standing();
        let options = TrustedOptions {
            keep_bytes: 1,
            ..TrustedOptions::new(trust, operator::identity(), standing, operator::group()?)
        };
        let mut session = TrustedBoot::new(options);
        let bank = banks.state().inactive();
        let loss = chance.below(21);
        let mut counted = Counted::new(banks);
        let run = play(&mut session, &mut counted, &release.sent, (chance, loss, PATIENCE));
        let log = counted.log;
        self.count(bank, release, &log)?;
        self.check_root(banks)?;
        if banks.medium().is_off() {
            return Ok(Some(End::Cut));
        }
        let report = run.events.iter().rev().find_map(|event| match event {
            Event::TrustedDone(report) => Some(report),
            _ => None,
        });
        let denied = banks.state().failed(&release.id).is_some_and(|failed| failed.is_denied());
        match (report.map(|report| &report.outcome), &run.error) {
            (Some(TrustedOutcome::Armed { number }), _) if *number == release.number => Ok(None),
            (Some(TrustedOutcome::Held { number }), _) if *number == release.number => {
                Ok(Some(End::Committed))
            }
            (Some(TrustedOutcome::NothingUsable), None) if denied => Ok(Some(End::Denied)),
            (Some(TrustedOutcome::Failed { error, .. }), Some(why)) => {
                Ok(Some(End::Failed(format!("{error}: {why}"))))
            }
            (_, error) => broken(format!("{report:?}, {error:?}, {}", run.over)),
        }
    }
}
