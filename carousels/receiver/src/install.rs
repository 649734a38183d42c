//! What a session asks of a storage that keeps signed releases in slots.

use alloc::vec::Vec;

use stbcast_bootcast::Part;

/// Which bytes a slot holds, or is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// SHA-256 of the object.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
    /// Bytes of a source symbol, in which what is held is counted.
    pub symbol_bytes: u16,
}

/// A release whose parts are all in the inactive slots, to be booted next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// SHA-256 of the signed release.
    pub release: [u8; 32],
    /// Release number.
    pub number: u64,
    /// Security epoch.
    pub epoch: u32,
    /// A time that is past, in seconds since the Unix epoch: the release was valid from then on.
    pub time_floor: u64,
    /// The number of the release that a permit allows to go back from.
    pub permitted_from: Option<u64>,
    /// Its parts.
    pub parts: Vec<(Part, Content)>,
}

/// What a box learned from signed statements and must know after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// A newer root document.
    pub root: Option<Vec<u8>>,
    /// A time that is past, in seconds since the Unix epoch.
    pub time_floor: u64,
    /// Releases that were killed: they are not installed any more.
    pub killed: Vec<Killed>,
}

/// A release that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Killed {
    /// SHA-256 of the release statement.
    pub release: [u8; 32],
    /// Its number.
    pub number: u64,
}
