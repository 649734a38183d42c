//! Signing with a key that GnuPG keeps.
//!
//! GnuPG 2 makes OpenPGP signatures of version 4 only, whose digest covers more than a trailer can hold
//! (`--force-v3-sigs` is gone since 2.1). So `gpg` is asked which key is meant and for its public half,
//! and `gpg-agent`, which keeps the secret half, is asked over `gpg-connect-agent` for the bare signature
//! of a digest (`PKSIGN`), which is all that version 3 needs. Passphrases and cards are the agent's matter.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use stbcast_mag::image::{SIGNATURE_BYTES, Trailer};

use super::child::{Answer, run};
use super::openpgp::{Digests, Hash, KeyError, PublicKeys, SignatureError};

mod answers;
use answers::{Secret, secrets, signature};

/// `gpg` answers at once; its first start sets up a directory.
const GPG_PATIENCE: Duration = Duration::from_secs(30);

/// Somebody may have to find a passphrase or a card.
const SIGN_PATIENCE: Duration = Duration::from_secs(120);

/// Signatures that are too short are made again with another time; each is with a chance of 1 in 256.
const TRIES: u32 = 16;

/// GnuPG as it is to be called.
#[derive(Clone, Debug, Default)]
pub struct Gpg {
    /// Its home directory; its own default where `None`.
    pub home: Option<PathBuf>,
}

/// Why GnuPG did not sign.
#[derive(Debug, thiserror::Error)]
pub enum GpgError {
    /// The program does not start.
    #[error("cannot start {program}, which signs (Debian: package {package}): {error}")]
    Start {
        /// The program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// It gave no answer.
    #[error("{program} did not end within {seconds} seconds; does it wait for a passphrase?")]
    Patience {
        /// The program.
        program: &'static str,
        /// Seconds that it had.
        seconds: u64,
    },
    /// It failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// Several keys are meant.
    #[error("\"{key}\" means several secret keys, name one by its fingerprint: {}", found.join(", "))]
    Several {
        /// What was asked for.
        key: String,
        /// Fingerprints of those found.
        found: Vec<String>,
    },
    /// The key cannot sign images.
    #[error("\"{key}\" has no secret RSA key of 2,048 bits that signs and is valid")]
    Unfit {
        /// What was asked for.
        key: String,
    },
    /// Its public half.
    #[error("the public half of the key: {0}")]
    Public(#[from] KeyError),
    /// The agent's answer is no signature.
    #[error("gpg-agent did not sign: {0}")]
    Refused(String),
    /// What is to be signed.
    #[error(transparent)]
    Digest(SignatureError),
    /// The signature does not hold.
    #[error("gpg-agent made a signature that its own public key does not verify")]
    Refuted,
    /// Every signature was too short.
    #[error("{TRIES} signatures in a row were shorter than their place")]
    Short,
}

/// A key that can sign images.
pub struct Signer {
    gpg: Gpg,
    keygrip: String,
    fingerprint: String,
    public: PublicKeys,
}

impl Gpg {
    /// Finds the secret key that a user ID, key ID or fingerprint names.
    ///
    /// # Errors
    /// When GnuPG cannot be asked, none or several are meant, or it cannot sign images.
    pub fn signer(&self, key: &str) -> Result<Signer, GpgError> {
        let list = ["--with-colons", "--with-keygrip", "--list-secret-keys", "--", key];
        let listed = secrets(&self.gpg(&list)?.out);
        let primaries: Vec<_> = listed.iter().map(|secret| secret.primary.clone()).collect();
        let mut found = primaries;
        found.dedup();
        let key = key.to_owned();
        if found.len() > 1 {
            return Err(GpgError::Several { key, found });
        }
        let Some(secret) = listed.into_iter().find(Secret::signs_images) else {
            return Err(GpgError::Unfit { key });
        };
        let public = self.gpg(&["--export", "--", &secret.primary])?.out;
        let public = PublicKeys::of_bytes(&public)?.only(&secret.fingerprint);
        let public = public.ok_or(GpgError::Unfit { key })?;
        let Secret { keygrip, fingerprint, .. } = secret;
        Ok(Signer { gpg: self.clone(), keygrip, fingerprint, public })
    }

    fn gpg(&self, arguments: &[&str]) -> Result<Answer, GpgError> {
        let mut command = self.command("gpg");
        command.args(["--batch", "--no-tty"]).args(arguments);
        self.run(command, ("gpg", "gnupg"), b"", GPG_PATIENCE)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(home) = &self.home {
            command.arg("--homedir").arg(home);
        }
        command.env("LC_ALL", "C");
        command
    }

    fn run(
        &self,
        mut command: Command,
        (program, package): (&'static str, &'static str),
        input: &[u8],
        patience: Duration,
    ) -> Result<Answer, GpgError> {
        let answer = run(&mut command, input, patience).map_err(|error| GpgError::Start {
            program,
            package,
            error,
        })?;
        let answer = answer.ok_or(GpgError::Patience { program, seconds: patience.as_secs() })?;
        if answer.status.success() {
            return Ok(answer);
        }
        let said = String::from_utf8_lossy(&answer.error);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let said = said.collect::<Vec<_>>().join("; ");
        Err(GpgError::Failed { program, said })
    }
}

impl Signer {
    /// Fingerprint of the key, hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its public half.
    pub const fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// Signs what was digested, at this time in seconds since 1970 or a few seconds later: boxes may
    /// not take a signature that is shorter than its place.
    ///
    /// # Errors
    /// When GnuPG does not sign, or makes no signature that holds.
    pub fn sign(&self, digests: &Digests, hash: Hash, time: u32) -> Result<Trailer, GpgError> {
        trailer(digests, hash, time, |digest| self.bare(hash, digest)).and_then(|trailer| {
            let held = self.public.verify(digests, &trailer);
            held.map(|_| trailer).map_err(|_| GpgError::Refuted)
        })
    }

    /// The bare signature of a digest.
    fn bare(&self, hash: Hash, digest: &[u8]) -> Result<[u8; SIGNATURE_BYTES], GpgError> {
        let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        let asked = format!(
            "SIGKEY {}\nSETKEYDESC Sign+an+image+for+MAG+boxes\nSETHASH --hash={} {hex}\nPKSIGN\n/bye\n",
            self.keygrip,
            hash.word()
        );
        let command = self.gpg.command("gpg-connect-agent");
        let program = ("gpg-connect-agent", "gpgconf");
        let answer = self.gpg.run(command, program, asked.as_bytes(), SIGN_PATIENCE)?;
        signature(&answer.out).map_err(GpgError::Refused)
    }
}

/// A signature that fills its place, made by `sign` of a digest.
pub(super) fn trailer(
    digests: &Digests,
    hash: Hash,
    time: u32,
    mut sign: impl FnMut(&[u8]) -> Result<[u8; SIGNATURE_BYTES], GpgError>,
) -> Result<Trailer, GpgError> {
    for second in 0..TRIES {
        let time = time.saturating_add(second);
        let digest = digests.clone().finish(time, hash).map_err(GpgError::Digest)?;
        let trailer = Trailer { time, signature: sign(&digest)? };
        if !trailer.is_short() {
            return Ok(trailer);
        }
    }
    Err(GpgError::Short)
}
