//! What the banks of a box hold, for people and programs.

use std::path::{Path, PathBuf};

use serde::Serialize;
use stbcast_bootcast::Part;

use super::{BankFiles, Banks};
use crate::io::boot::PartWord;
use crate::io::summary::hex;
use crate::io::{IoError, StorageError};
use crate::slots::{Bank, Bootable, Failed, Installed, Place, Stored};

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotSummary {
    /// Which part.
    pub part: PartWord,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Whether the file has that length and digest, all of it read.
    pub whole: bool,
    /// The file.
    pub file: PathBuf,
}

/// What a bank holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BankSummary {
    /// SHA-256 of the release statement, in hexadecimal.
    pub release: String,
    /// Its number.
    pub number: u64,
    /// Its security epoch.
    pub epoch: u32,
    /// Its parts.
    pub parts: Vec<SlotSummary>,
}

/// What is booted next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootsSummary {
    /// `A` or `B`.
    pub bank: String,
    /// Whether it is on trial.
    pub on_trial: bool,
    /// Number of its release.
    pub number: u64,
    /// The file of its image.
    pub file: PathBuf,
}

/// A trial under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrialSummary {
    /// `A` or `B`.
    pub bank: String,
    /// Boots that it has left.
    pub boots_left: u8,
}

/// A release whose trial failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSummary {
    /// SHA-256 of the release statement, in hexadecimal.
    pub release: String,
    /// Its number.
    pub number: u64,
    /// Trials that failed.
    pub trials: u8,
    /// Whether it is not tried again.
    pub denied: bool,
}

/// Everything that a box keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotsSummary {
    /// Whether there was a state, and no copy of it can be used.
    pub state_lost: bool,
    /// `A` or `B`: what boots, unless the other one is on trial.
    pub active: String,
    /// What is booted next.
    pub boots: Option<BootsSummary>,
    /// What bank A holds.
    pub a: Option<BankSummary>,
    /// What bank B holds.
    pub b: Option<BankSummary>,
    /// The trial under way.
    pub trial: Option<TrialSummary>,
    /// Releases whose trial failed.
    pub failed: Vec<FailedSummary>,
    /// Number of the release that was committed last.
    pub committed: Option<u64>,
    /// Least security epoch that may be installed.
    pub epoch: u32,
    /// It is not earlier than this, in seconds since 1970.
    pub time_floor: u64,
    /// Bytes of the root document that is kept; 0 where there is none.
    pub root_bytes: usize,
}

/// Opens a directory that is there: to look at banks creates none.
fn open(directory: &Path) -> Result<Banks<BankFiles>, IoError> {
    if !directory.is_dir() {
        let error = std::io::ErrorKind::NotADirectory.into();
        return Err(StorageError::doing("open the store", directory)(error).into());
    }
    Ok(Banks::open(BankFiles::open(directory)?)?)
}

/// Reads the slots of a directory. Nothing is written.
///
/// # Errors
/// When the directory cannot be used or another program uses it.
pub fn slots(directory: &Path) -> Result<SlotsSummary, IoError> {
    let mut banks = open(directory)?;
    let boots = banks.would_boot().map(|boot| boots(&banks, &boot));
    let state = banks.state().clone();
    let [a, b] = Bank::ALL.map(|bank| {
        let installed = state.bank(bank).copied();
        installed.map(|installed| bank_summary(&mut banks, bank, &installed))
    });
    Ok(SlotsSummary {
        state_lost: banks.is_state_lost(),
        active: state.active.to_string(),
        boots,
        a,
        b,
        trial: state.trial.map(|trial| TrialSummary {
            bank: state.inactive().to_string(),
            boots_left: trial.boots_left,
        }),
        failed: state.failed.iter().map(FailedSummary::of).collect(),
        committed: state.committed.map(|committed| committed.number),
        epoch: state.epoch,
        time_floor: state.time_floor,
        root_bytes: state.root.len(),
    })
}

impl FailedSummary {
    fn of(failed: &Failed) -> Self {
        let Failed { release, number, trials } = *failed;
        Self { release: hex(&release), number, trials, denied: failed.is_denied() }
    }
}

fn boots(banks: &Banks<BankFiles>, boot: &Bootable) -> BootsSummary {
    BootsSummary {
        bank: boot.bank.to_string(),
        on_trial: boot.on_trial,
        number: boot.installed.number,
        file: banks.medium().slot_path(boot.bank, Part::Kernel),
    }
}

fn bank_summary(banks: &mut Banks<BankFiles>, bank: Bank, installed: &Installed) -> BankSummary {
    let parts = Part::ALL.into_iter().filter_map(|part| {
        let stored @ Stored { length, sha256 } = installed.part(part)?;
        let whole = banks.holds(Place::Slot(bank, part), &stored).unwrap_or(false);
        let file = banks.medium().slot_path(bank, part);
        let (part, sha256) = (PartWord::of(part), hex(&sha256));
        Some(SlotSummary { part, bytes: length, sha256, whole, file })
    });
    let parts = parts.collect();
    let Installed { release, number, epoch, .. } = *installed;
    BankSummary { release: hex(&release), number, epoch, parts }
}

/// Commits the release on trial in a directory, where it has this number or none is told; its number.
///
/// # Errors
/// When none is on trial or another one, it was not booted yet, or it cannot be written down.
pub fn commit(directory: &Path, release: Option<u64>) -> Result<u64, IoError> {
    let mut banks = open(directory)?;
    let installed = match release {
        Some(release) => banks.commit_trial_of(release),
        None => banks.commit_trial(),
    };
    Ok(installed?.number)
}

/// Ends the trial of a release in a directory; how often it failed.
///
/// # Errors
/// When none is on trial, nothing else boots, or it cannot be written down.
pub fn roll_back(directory: &Path) -> Result<FailedSummary, IoError> {
    Ok(FailedSummary::of(&open(directory)?.roll_back()?))
}
