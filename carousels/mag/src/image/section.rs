//! What a container is made of.

use alloc::string::String;
use core::fmt;

use super::TRAILER_BYTES;

/// A section, in the order in which vendors store them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// The kernel.
    Kernel,
    /// The root file system (`Image  size:`).
    RootFs,
    /// Environment of the bootloader.
    Env,
    /// The updater.
    Bootstrap,
    /// The user's file system.
    UserFs,
    /// Second copy of the bootloader.
    SecondBoot,
    /// Picture of the start-up.
    Logotype,
}

impl SectionKind {
    /// Every kind, in the order of the header and of the data.
    pub const ALL: [Self; 7] = [
        Self::Kernel,
        Self::RootFs,
        Self::Env,
        Self::Bootstrap,
        Self::UserFs,
        Self::SecondBoot,
        Self::Logotype,
    ];

    /// What people call it; the name of its option in `stbcast mag build`, too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::RootFs => "rootfs",
            Self::Env => "env",
            Self::Bootstrap => "bootstrap",
            Self::UserFs => "userfs",
            Self::SecondBoot => "second-boot",
            Self::Logotype => "logotype",
        }
    }

    /// The key of its line in the header, with every space that it has.
    pub(super) const fn size_key(self) -> &'static str {
        match self {
            Self::Kernel => "Kernel size",
            Self::RootFs => "Image  size",
            Self::Env => "Env size",
            Self::Bootstrap => "Bootstrap size",
            Self::UserFs => "Userfs size",
            Self::SecondBoot => "SecondBoot size",
            Self::Logotype => "Logotype  size",
        }
    }

    /// The key of the line with its version, where it has one.
    pub(super) const fn version_key(self) -> Option<&'static str> {
        match self {
            Self::Bootstrap => Some("Bootstrap Version"),
            Self::UserFs => Some("Userfs Version"),
            _ => None,
        }
    }

    /// Whether its line says where it begins. Kernel and root file system stand in front, and their
    /// sizes count their trailers.
    pub const fn is_placed(self) -> bool {
        !matches!(self, Self::Kernel | Self::RootFs)
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A section as the header names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Which one.
    pub kind: SectionKind,
    /// Its version, in words of the vendor: only Bootstrap and the user's file system have one.
    pub version: Option<String>,
    /// Bytes without the trailer, 0 to 4,294,967,295. (Lines of kernel and root file system count
    /// the trailer; that is taken off when they are read.)
    pub bytes: u64,
    /// Where it begins in the data, in bytes behind the header. None for kernel and root file system.
    pub at: Option<u64>,
}

impl Section {
    /// Bytes with the trailer.
    pub const fn signed_bytes(&self) -> u64 {
        self.bytes + TRAILER_BYTES
    }
}
