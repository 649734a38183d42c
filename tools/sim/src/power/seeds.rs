//! Many boxes, each by its seed: one to three cuts, some trials that fail, and faults of the flash.

use std::sync::atomic::{AtomicU64, Ordering};

use super::PowerError;
use super::flash::{Fault, SimFlash};
use super::life::{End, Stb, Trial, World};
use crate::chance::Chance;

/// Lives of a box at most: each cut costs one, each boot of a trial that crashes another.
const LIVES_MAX: u32 = 24;

/// What became of the boxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Boxes.
    pub boxes: u64,
    /// Cuts that happened.
    pub cuts: u64,
    /// Boxes whose release failed its trials and was never tried again.
    pub denied: u64,
    /// Symbols received again after a cut, in thousandths of a release: the most of all boxes.
    pub refetched: u64,
    /// Changes of the flash in an install, at each of which power was cut once.
    pub changes: u64,
    /// Seeds that are broken, and how.
    pub broken: Vec<(u64, String)>,
}

/// Symbols that may be received again after a cut, in thousandths of a release.
pub const REFETCHED_MAX: u64 = 50;

impl Tally {
    /// Whether every box kept its promise.
    pub const fn is_met(&self) -> bool {
        self.broken.is_empty() && self.refetched < REFETCHED_MAX
    }

    fn add(&mut self, other: Self) {
        self.boxes += other.boxes;
        self.cuts += other.cuts;
        self.denied += other.denied;
        self.refetched = self.refetched.max(other.refetched);
        self.broken.extend(other.broken);
    }
}

/// Cuts the power at every change, and then runs the boxes of these many seeds.
///
/// # Errors
/// When a cut at one of the changes breaks something.
pub fn all(world: &World, first: u64, seeds: u64) -> Result<Tally, PowerError> {
    let mut refetched = 0;
    for change in 0..world.changes {
        let one = cut_at(world, change, first).map_err(|error| {
            PowerError::Broken(format!("power cut at change {change}: {error}"))
        })?;
        refetched = refetched.max(one);
    }
    let mut tally = run(world, first, seeds);
    tally.changes = world.changes;
    tally.refetched = tally.refetched.max(refetched);
    Ok(tally)
}

/// Runs the boxes of these many seeds, from `first` on, on all processors.
pub fn run(world: &World, first: u64, seeds: u64) -> Tally {
    let next = AtomicU64::new(0);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return tally;
            }
            tally.add(one(world, first + seed));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        threads.into_iter().filter_map(|thread| thread.join().ok()).for_each(|one| all.add(one));
        all.broken.sort();
        all
    })
}

/// Runs one box.
pub fn one(world: &World, seed: u64) -> Tally {
    let mut tally = Tally { boxes: 1, ..Tally::default() };
    if let Err(error) = lives(world, seed, &mut tally) {
        tally.broken.push((seed, error.to_string()));
    }
    tally
}

/// The flash of the box of a seed.
fn flash(world: &World, seed: u64) -> SimFlash {
    world.installed.clone().with(Chance::branch(seed, 1))
}

fn lives(world: &World, seed: u64, tally: &mut Tally) -> Result<(), PowerError> {
    let mut chance = Chance::branch(seed, 0);
    let mut stb = Stb::new(world, flash(world, seed));
    let (mut cuts, mut cut, mut wanted) = (1 + chance.below(3), false, 2);
    for _ in 0..LIVES_MAX {
        if cuts > 0
            && let Some(flash) = stb.flash()
        {
            // The first one anywhere, those behind it often soon: before much has been resumed. One
            // that lies behind the end of a life does not happen.
            let soon = if cut { 1 + chance.below(32) } else { 1 };
            flash.fail(Fault::Cut, chance.below(world.changes * 11 / 10 / soon));
        }
        let trial = match chance.below(10) {
            0 => Trial::RollBack,
            1 | 2 => Trial::Crash,
            _ => Trial::Commit,
        };
        let end = stb.life(wanted, trial, &mut chance)?;
        tally.refetched = tally.refetched.max(stb.refetched);
        match end {
            End::Cut => {
                tally.cuts += 1;
                cuts -= 1;
                cut = true;
            }
            End::Committed => return Ok(()),
            End::Denied if wanted == 2 => {
                tally.denied += 1;
                wanted = 3;
            }
            End::Denied => return Ok(()),
            End::Again => {}
            End::Failed(why) => return Err(PowerError::Broken(why)),
        }
        if let Some(flash) = stb.flash() {
            flash.heal();
        }
    }
    Err(PowerError::Broken(format!("release {wanted} is not committed in {LIVES_MAX} lives")))
}

/// Cuts the power at one change of an install, with chance of its own for what that leaves, and
/// lets the box come to an end in peace.
///
/// # Errors
/// When something is broken that must never be.
pub fn cut_at(world: &World, change: u64, seed: u64) -> Result<u64, PowerError> {
    let mut chance = Chance::branch(seed, change);
    let mut stb = Stb::new(world, flash(world, seed ^ change << 20));
    if let Some(flash) = stb.flash() {
        flash.fail(Fault::Cut, change);
    }
    // The same life as the one that was counted.
    let end = stb.life(2, Trial::Commit, &mut Chance::new(1))?;
    if end != End::Cut {
        return Err(PowerError::Broken(format!("no cut at change {change}: {end:?}")));
    }
    stb.until_committed(2, &mut chance)?;
    Ok(stb.refetched)
}

/// Has the flash fail at one operation of an install; what the box said of it, if anything. It goes
/// on as it can, is switched off, and then comes to an end in peace.
///
/// # Errors
/// When something is broken that must never be.
pub fn fault_at(
    world: &World,
    fault: Fault,
    operation: u64,
    seed: u64,
) -> Result<Option<String>, PowerError> {
    let mut chance = Chance::branch(seed, operation);
    let mut stb = Stb::new(world, flash(world, seed ^ operation << 20));
    if let Some(flash) = stb.flash() {
        flash.fail(fault, operation);
    }
    let end = stb.life(2, Trial::Commit, &mut Chance::new(1))?;
    if matches!(fault, Fault::Full | Fault::ReadOnly) {
        // It boots as long as that lasts.
        stb.life(2, Trial::Commit, &mut chance)?;
    }
    stb.switch_off();
    stb.until_committed(2, &mut chance)?;
    Ok(match end {
        End::Failed(why) => Some(why),
        _ => None,
    })
}

/// Has the flash lie about what is durable, and cuts the power behind the first boot of a trial. Then
/// it is honest, and the box comes to an end in peace.
///
/// # Errors
/// When something is broken that must never be.
pub fn lied_to(world: &World, seed: u64) -> Result<(), PowerError> {
    let mut chance = Chance::branch(seed, 2);
    let mut stb = Stb::new(world, flash(world, seed));
    if let Some(flash) = stb.flash() {
        flash.fail(Fault::Lies, chance.below(world.operations));
    }
    stb.life(2, Trial::Crash, &mut chance)?;
    stb.switch_off();
    stb.until_committed(2, &mut chance)
}
