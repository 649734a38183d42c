//! Boxes whose power is cut at the worst moment.
//!
//! ```text
//!  AnnounceSession, Carousel, CompanionSession ─> Release (signed; datagrams)
//!                                                   │ loss
//!               power is back: open, settle,        v
//!               compare every byte <─ SimFlash ─ Banks ─ drive_all ─ TrustedBoot
//!                                     cut, torn, reordered
//! ```
//!
//! A [`Life`](life) of a box ends with a cut, a crash or in peace; whatever it was, the next one
//! must find the old or the new release whole, and counters that never fell.

pub mod counted;
pub mod flash;
pub mod life;
pub mod operator;
pub mod release;
pub mod seeds;
pub mod stb;

/// Why nothing can be simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PowerError {
    /// An object without bytes.
    #[error("an object has no bytes")]
    Empty,
    /// A group.
    #[error(transparent)]
    Group(#[from] stbcast_object::GroupError),
    /// A name.
    #[error(transparent)]
    Name(#[from] stbcast_infocast::NameError),
    /// Length and slice size do not fit.
    #[error(transparent)]
    Slices(#[from] stbcast_object::SlicesError),
    /// The carousel's entry.
    #[error(transparent)]
    Entry(#[from] stbcast_infocast::EntryError),
    /// There is no geometry for this code.
    #[error(transparent)]
    Geometry(#[from] stbcast_fec::GeometryError),
    /// The URL of the object.
    #[error(transparent)]
    Location(#[from] stbcast_flute::fdt::LocationError),
    /// The companion cannot send the object.
    #[error(transparent)]
    Companion(#[from] stbcast_flute::EntryError),
    /// A statement cannot be sent.
    #[error(transparent)]
    Sent(#[from] stbcast_flute::StatementError),
    /// A statement cannot be made.
    #[error(transparent)]
    Refused(#[from] stbcast_release::Refusal),
    /// What must not happen.
    #[error("{0}")]
    Broken(String),
}
