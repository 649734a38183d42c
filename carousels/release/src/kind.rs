//! The four statements, and the content types that keep one from being taken for another.

use core::fmt;

/// What a statement is. It stands in the protected header (label 3), so a signature for one kind
/// is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Who may sign.
    Root,
    /// What a box should run.
    Release,
    /// A way back to an older release.
    Permit,
    /// Something that boxes are to do.
    Action,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Release, Self::Permit, Self::Action];

    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Root => "application/vnd.stbcast.root+cbor",
            Self::Release => "application/vnd.stbcast.release+cbor",
            Self::Permit => "application/vnd.stbcast.permit+cbor",
            Self::Action => "application/vnd.stbcast.action+cbor",
        }
    }

    /// The word for it, also `stb:Kind` in the announce session.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Release => "release",
            Self::Permit => "permit",
            Self::Action => "action",
        }
    }

    /// Whether it is a COSE_Sign, with several signatures, and not a COSE_Sign1.
    pub(crate) const fn is_multi(self) -> bool {
        matches!(self, Self::Root | Self::Permit)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
