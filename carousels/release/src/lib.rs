//! Signed statements: which release a box may run, and whose keys say so.
//!
//! ```text
//!  root key(s)  ──sign──> Root     who may sign, least security epoch          N signs N + 1
//!  release key  ──sign──> Release  objects of one revision, for which boxes    one datagram
//!  both keys    ──sign──> Permit   one way back to an older release
//!  channel key  ──sign──> Action   reboot, or never install a release
//!
//!  bytes ─> size, one legal encoding, headers ─> signature ─> only now: payload ─> Statement
//!  Release + Identity + Standing + Clock + permits ─judge─> Verdict | Refusal
//! ```
//!
//! Every byte stands in `PROTOCOL.md`, section "Statements", and so does each [`Check`] by name.
//! Nothing inside a payload is looked at before its signature is verified. This crate asks for no
//! time, opens nothing and keeps nothing: what the box knows is handed in.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "sabotage")]
extern crate std;

mod action;
mod check;
mod cose;
mod fields;
mod judge;
mod key;
mod kind;
mod labels;
mod layout;
mod legal;
mod obey;
mod object;
mod permit;
mod refusal;
mod release;
mod root;
#[cfg(feature = "sign")]
mod sign;
mod source;
mod trust;

pub use action::{Action, Order, Serials, When};
#[cfg(feature = "sabotage")]
pub use check::without;
pub use check::{Check, Place, on};
pub use judge::{Clock, Identity, Standing, Verdict};
pub use key::{KID_BYTES, Kid, PublicKey, digest};
pub use kind::Kind;
pub use layout::{Code, Layout};
pub use object::{Companion, Object, ObjectKind};
pub use permit::Permit;
pub use refusal::Refusal;
pub use release::Release;
pub use root::{KeyRole, Role, Root};
#[cfg(feature = "sign")]
pub use sign::{SigningKey, cosign, unverified};
pub use source::{Carousel, Source};
pub use trust::{Sealed, Signed, Statement, Trust};

/// Most bytes of a statement: what every access network carries as one datagram.
pub const STATEMENT_BYTES_MAX: usize = 1_400;

/// Sizes that bound what is taken, and so what it costs.
pub mod limits {
    /// Signatures of one statement, and keys of one role.
    pub const KEYS_MAX: usize = 8;
    /// Objects of a release.
    pub const OBJECTS_MAX: usize = 8;
    /// Models of a release, a permit or an action.
    pub const MODELS_MAX: usize = 16;
    /// Serials of a permit; of an action ranges of them.
    pub const SERIALS_MAX: usize = 32;
    /// Bytes of an operator, a model, a serial or an object's name.
    pub const NAME_BYTES_MAX: usize = 64;
    /// Bytes of a source URL, and of all HTTP URLs of an object with a space between two.
    pub const URL_BYTES_MAX: usize = 512;
    /// HTTP URLs of an object.
    pub const HTTP_MAX: usize = 4;
    /// Seconds over which boxes spread what they ask of these.
    pub const HTTP_WINDOW_S_MAX: u32 = 86_400;
    /// Seconds over which boxes spread what an action has them do.
    pub const ACTION_JITTER_S_MAX: u32 = 86_400;
    /// Seconds from not-before to the expiry of an action: 7 days.
    pub const ACTION_LIFE_S_MAX: u64 = 7 * 86_400;
    /// Maps and arrays inside each other.
    pub const DEPTH_MAX: usize = 8;
}
