//! `stbcast keys`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::complain;
use crate::keys;

/// What a key is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Signs root documents, which say whose other keys count. Keep it off every machine on a network.
    Root,
    /// Signs releases: what boxes may run. Belongs to the build system, not to the headend.
    Release,
    /// Signs, together with a release key, permits to go back to an older release.
    Channel,
}

impl Role {
    const fn file(self) -> &'static str {
        match self {
            Self::Root => "root.key",
            Self::Release => "release.key",
            Self::Channel => "channel.key",
        }
    }
}

/// Make a signing key (Ed25519): the private half for its owner alone, the public half beside it. A file
/// that is there already is never replaced.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What it is for.
    role: Role,
    /// File of the private half; the public one has the ending .pub. Without it ROLE.key.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let path = self.out.unwrap_or_else(|| self.role.file().into());
        match keys::create(&path) {
            Ok(files) => {
                let (private, public) = (files.private.display(), files.public.display());
                let told = writeln!(
                    std::io::stdout().lock(),
                    "{private}: private key, for its owner alone\n{public}: public key, for `stbcast release root`"
                );
                if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                complain(format_args!("error: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}
