//! OpenPGP public keys, and the digests that their signatures are over: the only place that knows the
//! crate `pgp`.

use std::io::Read;
use std::path::Path;

use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::{hash::HashAlgorithm, rsa};
use pgp::packet::{Signature, SignatureType};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, RsaPublicParams};
use sha1_checked::{CollisionResult, Sha1};
use sha2::{Digest, Sha256};
use stbcast_mag::image::{SIGNATURE_BYTES, Trailer, TrailerError};

use crate::lineup::read_at_most;

/// Largest file of public keys that is read, in bytes.
pub const KEY_BYTES_MAX: u64 = 1 << 20;

/// Bits of the only keys whose signatures fit their place.
const KEY_BITS: u16 = 2_048;

/// Most keys of a file that are tried.
const KEYS_MAX: usize = 64;

/// What a signature is over. A trailer does not say it: both are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Hash {
    /// SHA-1, as most models take it.
    Sha1,
    /// SHA-256, as MAG256 and the Broadcom models (324, 349, 351) take it.
    Sha256,
}

impl Hash {
    /// The one that boxes of a model take, as far as it is known.
    pub fn of_model(model: &str) -> Self {
        let sha256 = ["MAG256", "MAG324", "MAG349", "MAG351"];
        if sha256.contains(&model) { Self::Sha256 } else { Self::Sha1 }
    }

    /// The word for it, in messages and in GnuPG's protocol.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    const fn algorithm(self) -> HashAlgorithm {
        match self {
            Self::Sha1 => HashAlgorithm::Sha1,
            Self::Sha256 => HashAlgorithm::Sha256,
        }
    }
}

/// Both digests of what is signed, in the making.
#[derive(Clone, Default)]
pub struct Digests {
    sha1: Sha1,
    sha256: Sha256,
}

impl Digests {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        Digest::update(&mut self.sha1, bytes);
        Digest::update(&mut self.sha256, bytes);
    }

    /// The digest that a signature of this time is over: data, class and time.
    ///
    /// # Errors
    /// When the data was made so that its SHA-1 collides with other data's.
    pub fn finish(mut self, time: u32, hash: Hash) -> Result<Vec<u8>, SignatureError> {
        self.update(&Trailer::hashed(time));
        match (hash, self.sha1.try_finalize()) {
            (Hash::Sha256, _) => Ok(self.sha256.finalize().to_vec()),
            (Hash::Sha1, CollisionResult::Ok(digest)) => Ok(digest.to_vec()),
            (Hash::Sha1, _) => Err(SignatureError::Collision),
        }
    }
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it is over.
    pub hash: Hash,
    /// When it was made, in seconds since 1970.
    pub time: u32,
    /// Fingerprint of its key, hexadecimal.
    pub fingerprint: String,
}

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("there is no signature: {0}")]
    NoSignature(#[from] TrailerError),
    /// No key verifies it.
    #[error("not signed with the key given, or changed since")]
    Refuted,
    /// Somebody prepared the data.
    #[error("the data is made to collide with other data of the same SHA-1")]
    Collision,
}

/// Public keys, each of which may have signed an image: RSA of 2,048 bits.
#[derive(Clone, Debug)]
pub struct PublicKeys(Vec<PublicKey>);

#[derive(Clone, Debug)]
struct PublicKey {
    fingerprint: String,
    params: RsaPublicParams,
}

/// Why a file has no [`PublicKeys`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(String),
    /// It holds something else.
    #[error("no OpenPGP public key: {0}")]
    NoKey(String),
    /// Its keys are of other kinds.
    #[error("no RSA key of {KEY_BITS} bits among its {keys} keys: images are signed with no other")]
    NoRsa {
        /// Keys and subkeys there are.
        keys: usize,
    },
}

impl PublicKeys {
    /// Reads a file of OpenPGP public keys, binary or armoured, of at most [`KEY_BYTES_MAX`] bytes.
    /// Whether a key has expired or was revoked is not asked: boxes do not ask it either.
    ///
    /// # Errors
    /// When it cannot be read, or has no RSA key of 2,048 bits.
    pub fn of_file(path: &Path) -> Result<Self, KeyError> {
        let named = |what: String| format!("{}: {what}", path.display());
        let bytes = read_at_most(path, KEY_BYTES_MAX).map_err(KeyError::Read)?;
        Self::of_bytes(&bytes).map_err(|error| match error {
            KeyError::NoKey(what) => KeyError::NoKey(named(what)),
            other => other,
        })
    }

    /// The same, of bytes in memory.
    ///
    /// # Errors
    /// When they have no RSA key of 2,048 bits.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let no_key = |error: pgp::errors::Error| KeyError::NoKey(error.to_string());
        let (found, _) = SignedPublicKey::from_reader_many(bytes).map_err(no_key)?;
        let (mut keys, mut seen) = (Vec::new(), 0);
        for key in found.take(KEYS_MAX) {
            let key = key.map_err(no_key)?;
            // Anybody can hang a subkey of theirs on a key, and key servers keep it there.
            let subkeys = key.public_subkeys.iter();
            let subkeys = subkeys.map(|it| candidate(&it.key).filter(|_| is_bound(it, &key)));
            for candidate in std::iter::once(candidate(&key.primary_key)).chain(subkeys) {
                seen += 1;
                keys.extend(candidate.filter(|_| keys.len() < KEYS_MAX));
            }
        }
        match keys.is_empty() {
            true if seen == 0 => Err(KeyError::NoKey("none in it".to_owned())),
            true => Err(KeyError::NoRsa { keys: seen }),
            false => Ok(Self(keys)),
        }
    }

    /// The one with this fingerprint.
    pub fn only(self, fingerprint: &str) -> Option<Self> {
        let key = self.0.into_iter().find(|it| it.fingerprint.eq_ignore_ascii_case(fingerprint));
        key.map(|key| Self(vec![key]))
    }

    /// Fingerprints of all, hexadecimal.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.fingerprint.as_str())
    }

    /// Whether one of them made this signature over what was digested.
    ///
    /// # Errors
    /// When none did, or SHA-1 says nothing of this data.
    pub fn verify(&self, digests: &Digests, trailer: &Trailer) -> Result<Signed, SignatureError> {
        let mut refused = SignatureError::Refuted;
        for hash in [Hash::Sha1, Hash::Sha256] {
            let digest = match digests.clone().finish(trailer.time, hash) {
                Ok(digest) => digest,
                Err(error) => {
                    refused = error;
                    continue;
                }
            };
            let signer = self.0.iter().find(|key| key.made(hash, &digest, &trailer.signature));
            if let Some(PublicKey { fingerprint, .. }) = signer {
                return Ok(Signed { hash, time: trailer.time, fingerprint: fingerprint.clone() });
            }
        }
        Err(refused)
    }
}

impl PublicKey {
    /// PKCS#1 v1.5.
    fn made(&self, hash: Hash, digest: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        rsa::verify(&self.params.key, hash.algorithm(), digest, signature).is_ok()
    }
}

/// Whether the primary key says that a subkey is its own.
fn is_bound(subkey: &SignedPublicSubKey, key: &SignedPublicKey) -> bool {
    let binds = |it: &&Signature| it.typ() == Some(SignatureType::SubkeyBinding);
    let mut bindings = subkey.signatures.iter().filter(binds);
    bindings.any(|it| it.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok())
}

/// A key that can verify images.
fn candidate(key: &impl KeyDetails) -> Option<PublicKey> {
    let PublicParams::RSA(params) = key.public_params() else { return None };
    // The modulus as OpenPGP writes it begins with its bits.
    let mut written = Vec::new();
    params.to_writer(&mut written).ok()?;
    let bits = written.first_chunk().map(|bits| u16::from_be_bytes(*bits));
    let fingerprint = format!("{:X}", key.fingerprint());
    bits.filter(|&bits| bits == KEY_BITS).map(|_| PublicKey { fingerprint, params: params.clone() })
}

/// Reads up to the end or until the buffer is full.
pub(super) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
pub(super) mod testing {
    use std::sync::OnceLock;

    use pgp::crypto::Signer as _;
    use pgp::crypto::rsa::SecretKey;
    use pgp::types::SignatureBytes;

    use super::*;

    /// A key that was made for this run.
    pub(in crate::mag::image) struct TestKey {
        secret: SecretKey,
        pub(in crate::mag::image) public: PublicKeys,
    }

    impl TestKey {
        fn new(fingerprint: &str) -> Self {
            let secret = SecretKey::generate(rand_core::OsRng, KEY_BITS.into()).unwrap();
            let (fingerprint, params) = (fingerprint.to_owned(), RsaPublicParams::from(&secret));
            Self { secret, public: PublicKeys(vec![PublicKey { fingerprint, params }]) }
        }

        /// The key of all tests of this process.
        pub(in crate::mag::image) fn get() -> &'static Self {
            static KEY: OnceLock<TestKey> = OnceLock::new();
            KEY.get_or_init(|| Self::new("OURS"))
        }

        /// Somebody else's.
        pub(in crate::mag::image) fn other() -> &'static Self {
            static KEY: OnceLock<TestKey> = OnceLock::new();
            KEY.get_or_init(|| Self::new("THEIRS"))
        }

        pub(in crate::mag::image) fn sign(
            &self,
            hash: Hash,
            digest: &[u8],
        ) -> [u8; SIGNATURE_BYTES] {
            let made = self.secret.sign(hash.algorithm(), digest).unwrap();
            let SignatureBytes::Mpis(numbers) = made else { panic!("no number") };
            let number = numbers[0].as_ref();
            let mut signature = [0; SIGNATURE_BYTES];
            signature[SIGNATURE_BYTES - number.len()..].copy_from_slice(number);
            signature
        }
    }
}

#[cfg(test)]
mod tests {
    use pgp::composed::{KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder};
    use rand_core::OsRng;

    use super::*;

    /// A key that cannot sign images, with these subkeys.
    fn key(subkeys: &[KeyType]) -> SignedPublicKey {
        let subkey = |kind: &KeyType| {
            SubkeyParamsBuilder::default().key_type(kind.clone()).can_sign(true).build().unwrap()
        };
        let mut params = SecretKeyParamsBuilder::default();
        params.key_type(KeyType::Ed25519Legacy).can_certify(true).primary_user_id("Test".into());
        params.subkeys(subkeys.iter().map(subkey).collect());
        let secret: SignedSecretKey = params.build().unwrap().generate(OsRng).unwrap();
        secret.to_public_key()
    }

    #[test]
    fn a_subkey_verifies_images_only_where_the_key_says_that_it_is_its_own() {
        let theirs = key(&[KeyType::Rsa(KEY_BITS.into())]);
        let keys = PublicKeys::of_bytes(&theirs.to_bytes().unwrap()).unwrap();
        assert_eq!(keys.fingerprints().count(), 1);
        let mut ours = key(&[]);
        // As who has no part of our key can do to a copy of it.
        ours.public_subkeys.clone_from(&theirs.public_subkeys);
        let refused = PublicKeys::of_bytes(&ours.to_bytes().unwrap()).unwrap_err();
        assert_eq!(refused, KeyError::NoRsa { keys: 2 });
    }
}
