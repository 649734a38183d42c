//! One file of the FDT, with what we announce beside the standard.

use alloc::string::{String, ToString};
use core::fmt;
use core::num::NonZeroU16;

use stbcast_object::Group;

use super::limits::MEDIA_TYPE_BYTES_MAX;
use super::{Location, LocationError, Supersedes, Unicast};
use crate::Fti;

/// A `File` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// `Content-Location`: source URL or name.
    pub location: Location,
    /// Transport Object Identifier, 1 or more.
    pub toi: u128,
    /// `Content-Length` in bytes, where it is known.
    pub content_bytes: Option<u64>,
    /// `Content-Type`.
    pub media_type: Option<String>,
    /// `Content-MD5`: kept for receivers that know nothing better.
    pub md5: Option<[u8; 16]>,
    /// `Content-Digest`: SHA-256 of the object.
    pub sha256: Option<[u8; 32]>,
    /// The FEC attributes.
    pub fti: Option<Fti>,
    /// Our own attributes.
    pub announced: Announced,
}

/// What the announce session says about an object beside the standard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// What the object is.
    pub kind: Option<Kind>,
    /// Bytes of a slice on the channel that carries the object.
    pub slice_bytes: Option<NonZeroU16>,
    /// Where its repair symbols are sent.
    pub companion: Option<Companion>,
    /// Where the same bytes are served over HTTP, and when a box may ask there.
    pub unicast: Option<Unicast>,
    /// Which revision it supersedes, as long as that can be completed.
    pub supersedes: Option<Supersedes>,
}

/// The FLUTE session that carries a channel's repair symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Companion {
    /// Its group and port.
    pub group: Group,
    /// Its Transport Session Identifier.
    pub tsi: u32,
}

/// What an object is: a word of 1 to 32 of `a-z`, `0-9` and `-`, such as `image` or `splash`.
/// Words that a box does not know it passes over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(String);

/// Why a text is not a [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kind is a word of 1 to 32 of a-z, 0-9 and -")]
pub struct KindError;

impl Kind {
    /// Checks a word.
    ///
    /// # Errors
    /// When it is empty, too long, or holds another character.
    pub fn new(word: &str) -> Result<Self, KindError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=32).contains(&word.len()) && word.bytes().all(legal);
        fits.then(|| Self(word.to_string())).ok_or(KindError)
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl File {
    /// A file that is called `location` and has the number `toi`; all else is to be set.
    ///
    /// # Errors
    /// When the location is not legal.
    pub fn new(location: &str, toi: u32) -> Result<Self, LocationError> {
        Ok(Self {
            location: Location::new(location)?,
            toi: u128::from(toi),
            content_bytes: None,
            media_type: None,
            md5: None,
            sha256: None,
            fti: None,
            announced: Announced::default(),
        })
    }

    /// The file with FEC parameters, which also say its length.
    #[must_use]
    pub fn with_fti(mut self, fti: Fti) -> Self {
        self.content_bytes = Some(fti.transfer_bytes());
        self.fti = Some(fti);
        self
    }

    /// Length of the object in bytes, where it is known.
    pub fn transfer_bytes(&self) -> Option<u64> {
        self.fti.map(|fti| fti.transfer_bytes()).or(self.content_bytes)
    }

    /// Whether both describe the same bytes cut in the same way: all that a renewed instance may
    /// not change.
    pub fn agrees_with(&self, other: &Self) -> bool {
        agree(self.fti, other.fti)
            && agree(self.sha256, other.sha256)
            && agree(self.md5, other.md5)
            && agree(self.transfer_bytes(), other.transfer_bytes())
            && self.location == other.location
    }

    /// This description, with the length, digests and FEC parameters that only `other` says.
    #[must_use]
    pub(crate) fn filled_from(mut self, other: &Self) -> Self {
        self.content_bytes = self.content_bytes.or(other.content_bytes);
        self.md5 = self.md5.or(other.md5);
        self.sha256 = self.sha256.or(other.sha256);
        self.fti = self.fti.or(other.fti);
        self
    }
}

/// Whether two statements agree; who says nothing agrees with everything.
fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

/// Whether a text can be a media type.
pub(super) fn is_media_type(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_graphic() || b == b' ';
    text.len() <= MEDIA_TYPE_BYTES_MAX && text.bytes().all(legal)
}

/// The numbers a new object may get in a session, best first: the eight 32-bit words of its
/// SHA-256, zero left out. A new revision has another digest and so another TOI. Where one is
/// taken by another object of the line-up, the next word is used.
pub fn toi_candidates(sha256: &[u8; 32]) -> impl Iterator<Item = u32> {
    let (words, _) = sha256.as_chunks::<4>();
    words.iter().copied().map(u32::from_be_bytes).filter(|&toi| toi != 0)
}
