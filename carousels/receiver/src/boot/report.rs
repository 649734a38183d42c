//! How a boot went.

use alloc::string::String;

use stbcast_bootcast::{InfoError, Part, StbConfigError};
use stbcast_infocast::{Check, NameError};

use crate::FetchError;

/// How it went with metadata: the control object of the metadata channel, or a web server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlOutcome {
    /// No order wanted it.
    NotAsked,
    /// It was read.
    Read,
    /// It did not come.
    Failed(FetchError),
    /// It came, but cannot be used.
    Unusable(MetadataError),
}

/// Why metadata cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is no bootcast information.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// It is no StbConfig.
    #[error(transparent)]
    StbConfig(#[from] StbConfigError),
}

/// How it went with one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// No metadata names it, or none was read, or nobody asked for it.
    NotNamed,
    /// The store holds this version, which is the one on air.
    UpToDate {
        /// The version.
        version: String,
    },
    /// The store holds it, and nothing is said of another one: the order has no other way, versions
    /// are to be ignored, or metadata names what the box holds.
    Kept {
        /// The version.
        version: String,
    },
    /// Downloaded and committed.
    Installed {
        /// The version.
        version: String,
        /// Length in bytes.
        length: u64,
        /// The check its slices passed, where one could be learned.
        check: Option<Check>,
        /// The announced SHA-256, which its bytes have; `None` where none was.
        sha256: Option<[u8; 32]>,
    },
    /// Metadata names it by what cannot be an object name.
    BadName(NameError),
    /// It could not be had; the store is as it was.
    Failed(FetchError),
}

/// The whole procedure in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootReport {
    /// The control object.
    pub control: ControlOutcome,
    /// The StbConfig of the web server.
    pub page: ControlOutcome,
    /// The boot image.
    pub kernel: PartOutcome,
    /// The splash.
    pub splash: PartOutcome,
    /// The diagnostic image.
    pub diagnostic: PartOutcome,
    /// Whether the order lets the box use the boot image that it holds.
    pub may_use_stored: bool,
}

impl BootReport {
    pub(super) const fn new(may_use_stored: bool) -> Self {
        Self {
            control: ControlOutcome::NotAsked,
            page: ControlOutcome::NotAsked,
            kernel: PartOutcome::NotNamed,
            splash: PartOutcome::NotNamed,
            diagnostic: PartOutcome::NotNamed,
            may_use_stored,
        }
    }

    /// Whether the boot image is the one on air, because it was just installed or held already.
    pub const fn is_current(&self) -> bool {
        matches!(self.kernel, PartOutcome::Installed { .. } | PartOutcome::UpToDate { .. })
    }

    /// How it went with one part.
    pub const fn part(&self, part: Part) -> &PartOutcome {
        match part {
            Part::Kernel => &self.kernel,
            Part::Splash => &self.splash,
            Part::Diagnostic => &self.diagnostic,
        }
    }

    pub(super) const fn part_mut(&mut self, part: Part) -> &mut PartOutcome {
        match part {
            Part::Kernel => &mut self.kernel,
            Part::Splash => &mut self.splash,
            Part::Diagnostic => &mut self.diagnostic,
        }
    }
}
