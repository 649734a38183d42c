//! `stbcast release permit`.

use std::path::PathBuf;

use clap::Args;
use stbcast_release::{Permit, Statement, Trust};

use super::{Done, future, private_keys, read, trust, write};
use crate::dates;

/// Write a permit: it lets boxes go back from one release to an older one. It takes a release key and a
/// channel key, and never leads below the security epoch of the box.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The older release.
    release: PathBuf,
    /// Root documents, from the one in the boxes to the newest.
    #[arg(long = "root", required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,
    /// Number of the release that boxes are to leave.
    #[arg(long, value_name = "NUMBER")]
    from: u64,
    /// Models; without them those of the release.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// Serials of the boxes; without them all boxes of the models.
    #[arg(long = "serial", value_name = "SERIAL")]
    serials: Vec<String>,
    /// Private keys: one for releases and one for channels, or sign with the other one later.
    #[arg(long = "key", required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Until when it is valid: 2027-06-30, a time by RFC 3339, or 7d.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    expires: u64,
    /// File of the permit; must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    pub(super) fn run(self) -> Done {
        let trust: Trust = trust(&self.roots)?;
        let refused = |why| format!("{}: {why}", self.release.display());
        let opened = trust.open(&read(&self.release)?).map_err(|why| refused(why.to_string()))?;
        let Statement::Release(release) = opened else {
            return Err(refused(format!("a {} and not a release", opened.kind())));
        };
        let to = release.value.number;
        if to > self.from {
            return Err(refused(format!(
                "release {to} is above {}: boxes go there without a permit",
                self.from
            )));
        }
        let mut models = self.models;
        if models.is_empty() {
            models.clone_from(&release.value.models);
        }
        models.sort_unstable();
        let is_for = &release.value.models;
        if let Some(model) = models.iter().find(|model| !is_for.contains(model)) {
            return Err(refused(format!("it is for {}, not for `{model}`", is_for.join(", "))));
        }
        let mut serials = self.serials;
        serials.sort_unstable();
        let operator = release.value.operator;
        let (from, release, expiry) = (self.from, release.id, future(self.expires)?);
        let permit = Permit { operator, models, serials, from, to, release, expiry };
        let keys = private_keys(&self.keys)?;
        for key in &keys {
            let key = key.public().map_err(|why| why.to_string())?;
            let (root, kid) = (trust.root(), key.kid());
            if ![&root.release, &root.channel].iter().any(|role| role.keys.contains(&key)) {
                return Err(format!("key {kid} is no release key and no channel key of the root"));
            }
        }
        let bytes = permit.sign(&keys.iter().collect::<Vec<_>>());
        write(&self.out, &bytes.map_err(|why| why.to_string())?)
    }
}
