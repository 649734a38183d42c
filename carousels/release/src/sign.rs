//! Making statements. Behind feature `sign`: a box has none of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::Signer as _;

use crate::cose::{Envelope, Part, Value, multi, parse, single};
use crate::key::digest;
use crate::{
    Action, Kid, Kind, Permit, PublicKey, Refusal, Release, Root, STATEMENT_BYTES_MAX, Signed,
    Statement,
};

/// An Ed25519 private key. Wiped from memory when it is dropped; never shown.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a seed (RFC 8032 §5.1.5), which comes from a good source of chance.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Its seed, to be stored.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its public half.
    ///
    /// # Errors
    /// [`Refusal::KeyPoint`], which no seed is known to lead to.
    pub fn public(&self) -> Result<PublicKey, Refusal> {
        PublicKey::new(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_bytes().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public().map(|key| key.kid()))
    }
}

const CANNOT: Refusal = Refusal::Envelope { fault: "it cannot be written" };

impl Release {
    /// The statement, signed by a release key.
    ///
    /// # Errors
    /// When a value is not legal, or it has more than [`STATEMENT_BYTES_MAX`] bytes.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, Refusal> {
        let payload = self.encode().ok_or(CANNOT)?;
        Self::decode(read(&payload)?)?;
        let kid = key.public()?.kid();
        let bytes = single(Kind::Release, payload, kid, |bytes| key.sign(bytes)).ok_or(CANNOT)?;
        fits(bytes)
    }
}

impl Action {
    /// The statement, signed by a channel key.
    ///
    /// # Errors
    /// As [`Release::sign`].
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, Refusal> {
        let payload = self.encode().ok_or(CANNOT)?;
        Self::decode(read(&payload)?)?;
        let kid = key.public()?.kid();
        let bytes = single(Kind::Action, payload, kid, |bytes| key.sign(bytes)).ok_or(CANNOT)?;
        fits(bytes)
    }
}

impl Root {
    /// The statement, signed by root keys: those of this root, and from the second root on those of
    /// the one before, too.
    ///
    /// # Errors
    /// As [`Release::sign`], and when there are no keys, too many, or one twice.
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<Vec<u8>, Refusal> {
        let payload = self.encode().ok_or(CANNOT)?;
        Self::decode(read(&payload)?)?;
        sign_all(Kind::Root, payload, &[], keys)
    }
}

impl Permit {
    /// The statement, signed by release and channel keys.
    ///
    /// # Errors
    /// As [`Root::sign`].
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<Vec<u8>, Refusal> {
        let payload = self.encode().ok_or(CANNOT)?;
        Self::decode(read(&payload)?)?;
        sign_all(Kind::Permit, payload, &[], keys)
    }
}

/// Adds a signature to a root or a permit, so that keys need never meet on one machine.
///
/// # Errors
/// When `bytes` are no root and no permit, the key signed already, or there is no room.
pub fn cosign(bytes: &[u8], key: &SigningKey) -> Result<Vec<u8>, Refusal> {
    let envelope = Envelope::open(bytes)?;
    if !envelope.kind.is_multi() {
        return Err(Refusal::Kind { found: envelope.kind, wanted: Kind::Root });
    }
    let payload = envelope.payload().to_vec();
    sign_all(envelope.kind, payload, &envelope.signers, &[key])
}

/// Reads a statement without holding it against any key, to show it; and who is said to have signed.
///
/// # Errors
/// When it is not legal.
pub fn unverified(bytes: &[u8]) -> Result<(Statement, Vec<Kid>), Refusal> {
    let envelope = Envelope::open(bytes)?;
    let (id, payload) = (digest(bytes), read(envelope.payload())?);
    let statement = match envelope.kind {
        Kind::Root => Statement::Root(Box::new(Signed { id, value: Root::decode(payload)? })),
        Kind::Release => {
            Statement::Release(Box::new(Signed { id, value: Release::decode(payload)? }))
        }
        Kind::Permit => Statement::Permit(Box::new(Signed { id, value: Permit::decode(payload)? })),
        Kind::Action => Statement::Action(Box::new(Signed { id, value: Action::decode(payload)? })),
    };
    Ok((statement, envelope.signers.iter().map(|signer| signer.kid).collect()))
}

fn read(payload: &[u8]) -> Result<Value, Refusal> {
    parse(Part::Payload, payload)
}

fn fits(bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if bytes.len() > STATEMENT_BYTES_MAX {
        return Err(Refusal::Size { bytes: bytes.len() });
    }
    Ok(bytes)
}

fn sign_all(
    kind: Kind,
    payload: Vec<u8>,
    kept: &[crate::cose::Signer],
    keys: &[&SigningKey],
) -> Result<Vec<u8>, Refusal> {
    let mut signers = Vec::with_capacity(keys.len());
    for &key in keys {
        signers.push((key.public()?.kid(), key));
    }
    let bytes =
        fits(multi(kind, payload, kept, &signers, |&key, bytes| key.sign(bytes)).ok_or(CANNOT)?)?;
    // Also finds a key that signed twice, and too many signatures.
    Envelope::open(&bytes)?;
    Ok(bytes)
}
