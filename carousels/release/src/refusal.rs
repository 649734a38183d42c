//! Why a statement is not taken, or not followed. Each reason is a counter of its own.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Kid, Kind, Role};

/// Why a statement is not taken ([`Refusal::label`] names the counter).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than a statement may have.
    #[error("a statement of {bytes} bytes: at most 1400 are legal")]
    Size {
        /// Bytes of the statement.
        bytes: usize,
    },
    /// Not CBOR, or not the one legal encoding of it.
    #[error("the {part} is not deterministic CBOR: {fault}")]
    Encoding {
        /// `message`, `header` or `payload`.
        part: &'static str,
        /// What is wrong.
        fault: &'static str,
    },
    /// CBOR, but no COSE message of ours.
    #[error("not a COSE_Sign (tag 98) or COSE_Sign1 (tag 18) message: {fault}")]
    Envelope {
        /// What is wrong.
        fault: &'static str,
    },
    /// Something that no signature covers.
    #[error("{entries} unprotected header parameters: none are legal")]
    Unprotected {
        /// How many.
        entries: usize,
    },
    /// A protected header lacks something or has more.
    #[error("a protected header {fault}")]
    Header {
        /// What is wrong.
        fault: &'static str,
    },
    /// Another algorithm.
    #[error("the algorithm is not EdDSA (-8)")]
    Algorithm,
    /// The content type is none of ours, or not under its tag.
    #[error("the content type does not say that it is a statement of this kind")]
    Domain,
    /// The kind of statement is not the one asked for.
    #[error("a {found} and not a {wanted}")]
    Kind {
        /// What it is.
        found: Kind,
        /// What was asked for.
        wanted: Kind,
    },
    /// Signatures are out of order, or two are by one key.
    #[error("key {kid} signed twice, or stands out of order")]
    Signers {
        /// The second of two keys.
        kid: Kid,
    },
    /// More signatures than are looked at, or none.
    #[error("{signatures} signatures: 1 to 8 are legal")]
    Signatures {
        /// How many.
        signatures: usize,
    },
    /// A key that has no say here.
    #[error("key {kid} may not sign this {kind}")]
    UnknownKey {
        /// What it signed.
        kind: Kind,
        /// The key.
        kid: Kid,
    },
    /// A signature is wrong.
    #[error("the signature by key {kid} is wrong")]
    Signature {
        /// The key that is said to have signed.
        kid: Kid,
    },
    /// Too few signed.
    #[error("{signed} {role} keys signed: {threshold} have to")]
    Threshold {
        /// The role.
        role: Role,
        /// Different keys of it that signed.
        signed: usize,
        /// How many have to.
        threshold: u8,
    },
    /// An entry of a map that an older reader may not pass over.
    #[error("{at} has a key {key} that is not known and may not be passed over")]
    UnknownEntry {
        /// Which map.
        at: &'static str,
        /// The key; 0 where it is no integer.
        key: i64,
    },
    /// An entry that must be there is not.
    #[error("{at} lacks key {key}")]
    Missing {
        /// Which map.
        at: &'static str,
        /// Its key.
        key: u8,
    },
    /// A value of another type, or out of its range.
    #[error("{field} is not legal: {legal}")]
    Value {
        /// Which one.
        field: &'static str,
        /// What is legal.
        legal: &'static str,
    },
    /// A public key that proves nothing.
    #[error("key {kid} is no Ed25519 point of large order in its one encoding")]
    KeyPoint {
        /// Its id.
        kid: Kid,
    },
    /// A key that is listed twice, in one role or in two.
    #[error("key {kid} is listed twice: each key has one role and counts once")]
    KeyOnce {
        /// Its id.
        kid: Kid,
    },
    /// Not the next root.
    #[error("root {found} does not follow root {held}: only the next one does")]
    RootNumber {
        /// Its number.
        found: u64,
        /// The number of the root that is held.
        held: u64,
    },
    /// Another operator's root or release or permit.
    #[error("the {kind} is of operator `{found}`, this box is of `{wanted}`")]
    Operator {
        /// What it is.
        kind: Kind,
        /// Whose it is.
        found: String,
        /// Whose the box is.
        wanted: String,
    },
    /// A root that would let older releases in.
    #[error("the root has the least epoch {found}, below {held} of the one before")]
    RootEpoch {
        /// Its least epoch.
        found: u32,
        /// That of the root that is held.
        held: u32,
    },
    /// For other models.
    #[error("the {kind} is for {found:?}, this box is a `{wanted}`")]
    Model {
        /// What it is.
        kind: Kind,
        /// Models it names.
        found: Vec<String>,
        /// Model of the box.
        wanted: String,
    },
    /// For other hardware.
    #[error("the {kind} is for hardware {first} to {last}, this box has {hardware}")]
    Hardware {
        /// What it is.
        kind: Kind,
        /// First revision it is for.
        first: u32,
        /// Last revision it is for.
        last: u32,
        /// Revision of the box.
        hardware: u32,
    },
    /// For other boxes of the model.
    #[error("the action is not for the box `{serial}`")]
    Serial {
        /// Serial of the box.
        serial: String,
    },
    /// No longer valid.
    #[error("the {kind} expired at {expiry}, it is at least {now} (Unix seconds)")]
    Expired {
        /// What it is.
        kind: Kind,
        /// Its expiry, Unix seconds.
        expiry: u64,
        /// Lower bound of the time, Unix seconds.
        now: u64,
    },
    /// Not valid yet.
    #[error("the {kind} is valid from {not_before}, it is at most {now} (Unix seconds)")]
    NotYetValid {
        /// What it is.
        kind: Kind,
        /// From when, Unix seconds.
        not_before: u64,
        /// The latest that it may be, Unix seconds.
        now: u64,
    },
    /// Below the security epoch.
    #[error("the release has epoch {found}, {least} is the least")]
    Epoch {
        /// Its epoch.
        found: u32,
        /// Least epoch, of the root or committed.
        least: u32,
    },
    /// It failed its trials on this box.
    #[error("release {number} failed its trials on this box")]
    Denied {
        /// Its number.
        number: u64,
    },
    /// An older release, or another one of the same number, and no permit.
    #[error("release {found} is not above {committed}, and no permit leads there")]
    Rollback {
        /// Its number.
        found: u64,
        /// The number committed.
        committed: u64,
    },
    /// It was killed.
    #[error("release {number} was killed")]
    Killed {
        /// Its number.
        number: u64,
    },
}

macro_rules! labels {
    ($($variant:ident $label:literal,)*) => {
        impl Refusal {
            /// Every label, by [`Refusal::index`].
            pub const LABELS: &[&str] = &[$($label,)*];

            /// The name of its counter.
            pub const fn label(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $label,)* }
            }

            /// The place of its counter in [`Refusal::LABELS`].
            pub fn index(&self) -> usize {
                let label = self.label();
                Self::LABELS.iter().position(|&one| one == label).unwrap_or_default()
            }
        }
    };
}

labels! {
    Size "size",
    Encoding "encoding",
    Envelope "envelope",
    Unprotected "unprotected",
    Header "header",
    Algorithm "algorithm",
    Domain "domain",
    Kind "kind",
    Signers "signers",
    Signatures "signatures",
    UnknownKey "unknown_key",
    Signature "signature",
    Threshold "threshold",
    UnknownEntry "unknown_entry",
    Missing "missing",
    Value "value",
    KeyPoint "key_point",
    KeyOnce "key_once",
    RootNumber "root_number",
    Operator "operator",
    RootEpoch "root_epoch",
    Model "model",
    Hardware "hardware",
    Expired "expired",
    NotYetValid "not_yet_valid",
    Epoch "epoch",
    Denied "denied",
    Rollback "rollback",
    Serial "serial",
    Killed "killed",
}
