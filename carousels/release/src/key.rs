//! Ed25519 keys and SHA-256. The only file that names the crates behind them, but for signing.

use core::fmt;

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{Check, Refusal, on};

/// Bytes of a key id.
pub const KID_BYTES: usize = 8;

/// The SHA-256 of `bytes`. Of a statement it is its identity.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A key id: the first 8 bytes of the SHA-256 of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(pub [u8; KID_BYTES]);

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An Ed25519 public key. Holding one proves that it is a point of large order in its one legal
/// encoding: with others a signature can be right for any message, or for two keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key with these bytes (RFC 8032 §5.1.2).
    ///
    /// # Errors
    /// [`Refusal::KeyPoint`] when they are no point, one of small order, or not its one encoding.
    pub fn new(bytes: [u8; 32]) -> Result<Self, Refusal> {
        let key = Self(bytes);
        let sound = VerifyingKey::from_bytes(&bytes)
            .is_ok_and(|point| !point.is_weak() && is_canonical(&bytes));
        if !sound && on(Check::KeyPoint) {
            return Err(Refusal::KeyPoint { kid: key.kid() });
        }
        Ok(key)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its id.
    pub fn kid(&self) -> Kid {
        let digest = digest(&self.0);
        let mut kid = [0; KID_BYTES];
        kid.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Kid(kid)
    }

    /// Whether `signature` of `message` is right, by the strict rules: no other signature of the
    /// same message can be made of it, and none holds by a point of small order.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        let signature = Signature::from_bytes(signature);
        if on(Check::Strict) {
            key.verify_strict(message, &signature).is_ok()
        } else {
            key.verify(message, &signature).is_ok()
        }
    }
}

/// Whether y, the low 255 bits, is below 2^255 - 19.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    !(*low >= 0xed && middle.iter().all(|&byte| byte == 0xff) && high & 0x7f == 0x7f)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
