//! `StbConfig`, the XML document that tells a box where its images are and which parameters it
//! keeps (vendor documents 002 and 003).
//!
//! ```xml
//! <?xml version="1.0"?>
//! <!DOCTYPE StbConfig SYSTEM "stbconfig.dtd">
//! <StbConfig>
//!   <BootParams>
//!     <KernelUrl>infocast://239.255.2.11:22222/boot-1113</KernelUrl>
//!     <KernelVersion>5.1.1</KernelVersion>
//!   </BootParams>
//!   <PermanentParams>
//!     <BootOrder>6,1,3</BootOrder>
//!   </PermanentParams>
//! </StbConfig>
//! ```
//!
//! Two readers share one walk over the document. [`StbConfig::parse`] is a box's: it refuses what
//! is not safe or has a value out of its range, and passes over what it need not know, as elements
//! of later boot loaders or in another order. [`lint`] is an operator's: it tells everything.

use alloc::string::String;

use crate::{Part, SourceUrl};

mod elements;
mod legal;
mod permanent;
mod problem;
mod read;
mod write;

pub use elements::{BOOT_ELEMENTS, Element, PERMANENT_ELEMENTS};
pub use legal::{Legal, VALUE_BYTES_MAX};
pub use permanent::PermanentParams;
pub use problem::{Problem, Severity, StbConfigError};
pub use read::{Lint, lint};
pub use write::WriteError;

/// Longest document taken, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// A whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StbConfig {
    /// What to boot.
    pub boot: BootParams,
    /// What to keep in flash.
    pub permanent: PermanentParams,
}

/// What to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootParams {
    /// The boot image.
    pub kernel: BootImage,
    /// The splash, where there is one.
    pub splash: Option<BootImage>,
    /// The diagnostic image, where there is one.
    pub diagnostic: Option<BootImage>,
    /// Address of an NFS server.
    pub nfs_server: Option<String>,
    /// Path there.
    pub nfs_root: Option<String>,
}

/// Where an image is, and which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// Where it is.
    pub url: SourceUrl,
    /// Which version: a text that boxes compare for equality alone.
    pub version: Option<String>,
}

/// Which boot loaders a document is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Generation {
    /// DBL 3 and 4: `BootParams` alone, with a splash (vendor document 003).
    Old,
    /// DBL 5 and later (vendor document 002).
    #[default]
    New,
}

impl Generation {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl BootParams {
    /// A boot image and nothing else.
    pub const fn new(kernel: BootImage) -> Self {
        Self { kernel, splash: None, diagnostic: None, nfs_server: None, nfs_root: None }
    }

    /// One image, where there is one.
    pub const fn image(&self, part: Part) -> Option<&BootImage> {
        match part {
            Part::Kernel => Some(&self.kernel),
            Part::Splash => self.splash.as_ref(),
            Part::Diagnostic => self.diagnostic.as_ref(),
        }
    }
}

impl StbConfig {
    /// Reads a document of either generation, as a box does: elements may stand in any order, and
    /// unknown ones are passed over. Never fetches a DTD.
    ///
    /// # Errors
    /// The first problem of [`Severity::Refused`], with its place.
    pub fn parse(document: &[u8]) -> Result<Self, StbConfigError> {
        read::parse(document)
    }

    /// The document as XML, in the order of the DTD.
    ///
    /// # Errors
    /// What the generation cannot hold, or a value that is not legal.
    pub fn write(&self, generation: Generation) -> Result<String, WriteError> {
        write::write(self, generation)
    }
}

#[cfg(test)]
mod tests;
