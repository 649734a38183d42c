//! `stbcast release sign`.

use std::path::PathBuf;

use clap::Args;
use stbcast_release::cosign;

use super::{Done, private_keys, read, write};

/// Add a signature to a root document or a permit, so that keys need never meet on one machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The document.
    file: PathBuf,
    /// Private key.
    #[arg(long = "key", required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// File of the document with the signature; must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    pub(super) fn run(self) -> Done {
        let mut bytes = read(&self.file)?;
        for key in private_keys(&self.keys)? {
            let signed = cosign(&bytes, &key);
            bytes = signed.map_err(|why| format!("{}: {why}", self.file.display()))?;
        }
        write(&self.out, &bytes)
    }
}
