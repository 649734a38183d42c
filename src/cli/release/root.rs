//! `stbcast release root`.

use std::path::PathBuf;

use clap::Args;
use stbcast_release::{KeyRole, PublicKey, Root};

use super::{Done, future, private_keys, trust, write};
use crate::dates;
use crate::keys;

/// Write a root document, which says whose keys count. The first one goes into the box; each later one is
/// signed by the root keys of the one before, too, and goes on air.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose boxes; of the document before, where there is one.
    #[arg(long, required_unless_present = "previous")]
    operator: Option<String>,
    /// The document before, which this one follows.
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
    /// Private root keys that sign: as many as the document demands, and the one before.
    #[arg(long = "key", required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Public root keys. Without them those that sign, or those of the document before.
    #[arg(long = "root", value_name = "FILE")]
    roots: Vec<PathBuf>,
    /// Public keys that sign releases; without them those of the document before.
    #[arg(long = "release", required_unless_present = "previous", value_name = "FILE")]
    releases: Vec<PathBuf>,
    /// Public keys of headends, for permits; without them those of the document before.
    #[arg(long = "channel", required_unless_present = "previous", value_name = "FILE")]
    channels: Vec<PathBuf>,
    /// How many root keys have to sign.
    #[arg(long, value_name = "NUMBER")]
    root_threshold: Option<u8>,
    /// Least security epoch of a release; of the document before, or 0.
    #[arg(long)]
    epoch: Option<u32>,
    /// Until when new releases may be installed by it: 2030-01-01, a time by RFC 3339, or 3650d.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    expires: u64,
    /// File of the document; must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    pub(super) fn run(self) -> Done {
        let before = self.previous.as_ref().map(|path| trust(&[path])).transpose()?;
        let before = before.as_ref().map(|trust| trust.root());
        let signing = private_keys(&self.keys)?;
        let own = signing.iter().map(|key| key.public().map_err(|why| why.to_string()));
        let own = own.collect::<Result<Vec<PublicKey>, _>>()?;
        let kept = |role: fn(&Root) -> &KeyRole| before.map(role);
        let root_threshold = self.root_threshold.or(kept(|root| &root.root).map(|it| it.threshold));
        let root_keys = match (self.roots.as_slice(), before) {
            ([], Some(before)) => before.root.keys.clone(),
            ([], None) => own.clone(),
            (paths, _) => public_keys(paths)?,
        };
        let root = Root {
            number: before.map_or(1, |before| before.number.saturating_add(1)),
            operator: match (&self.operator, before) {
                (Some(operator), _) => operator.clone(),
                (None, before) => before.map(|it| it.operator.clone()).unwrap_or_default(),
            },
            epoch: self.epoch.or(before.map(|it| it.epoch)).unwrap_or_default(),
            expiry: future(self.expires)?,
            root: KeyRole::new(root_threshold.unwrap_or(1), root_keys),
            release: role(&self.releases, kept(|root| &root.release))?,
            channel: role(&self.channels, kept(|root| &root.channel))?,
        };
        is_followed(&root, before, &own)?;
        let bytes = root.sign(&signing.iter().collect::<Vec<_>>());
        let bytes = bytes.map_err(|why| why.to_string())?;
        write(&self.out, &bytes)
    }
}

/// Whether boxes go on to a root once it is signed by all who have to: signatures may come later.
fn is_followed(root: &Root, before: Option<&Root>, signing: &[PublicKey]) -> Result<(), String> {
    if let Some(before) = before {
        let (is, was) = (&root.operator, &before.operator);
        if is != was {
            return Err(format!("boxes of `{was}` go on to no root of `{is}`: it stays the same"));
        }
        let (is, was) = (root.epoch, before.epoch);
        if is < was {
            return Err(format!(
                "epoch {is} is below {was}, that of the root before: it never falls"
            ));
        }
    }
    let lists = |root: &Root, key| root.root.keys.contains(key);
    let is_listed = |key| lists(root, key) || before.is_some_and(|before| lists(before, key));
    match signing.iter().find(|key| !is_listed(key)) {
        None => Ok(()),
        Some(key) => Err(format!(
            "key {} is no root key of this document{}: boxes refuse what a stranger signed",
            key.kid(),
            if before.is_some() { ", nor of the one before" } else { "" }
        )),
    }
}

/// One of the keys has to sign.
fn role(paths: &[PathBuf], kept: Option<&KeyRole>) -> Result<KeyRole, String> {
    match (paths, kept) {
        ([], Some(kept)) => Ok(kept.clone()),
        (paths, _) => Ok(KeyRole::new(1, public_keys(paths)?)),
    }
}

fn public_keys(paths: &[PathBuf]) -> Result<Vec<PublicKey>, String> {
    let keys = paths.iter().map(|path| keys::read_public(path));
    keys.collect::<Result<_, _>>().map_err(|error| error.to_string())
}
