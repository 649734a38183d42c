//! `stbcast release action`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use stbcast_release::limits::ACTION_LIFE_S_MAX;
use stbcast_release::{Action, Order, Release, Serials, Statement, Trust, When};

use super::{Done, future, private_keys, read, trust, write};
use crate::dates;

/// Sign an action: boxes that are on are told to reboot, or never to install a release.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Reboot(Reboot),
    Kill(Kill),
}

/// Tell boxes that are on to reboot and install a release. Each does so once, spread over the jitter.
#[derive(Debug, Args)]
pub(super) struct Reboot {
    /// The release that they are to have: boxes that committed it, or a later one, stay on.
    release: PathBuf,
    /// Seconds over which boxes spread, 0 to 86400.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=86_400))]
    jitter: u32,
    /// Boxes wait until nobody watches.
    #[arg(long)]
    idle: bool,
    #[command(flatten)]
    common: Common,
}

/// Tell boxes never to install a release, for whoever repeats it after it was taken off the air.
#[derive(Debug, Args)]
pub(super) struct Kill {
    /// The release.
    release: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// Root documents, from the one in the boxes to the newest.
    #[arg(long = "root", required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,
    /// Models; without them those of the release.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// Serials, or a range of them as FIRST-LAST of one length; without them all boxes of the models.
    #[arg(long = "serial", value_name = "SERIAL[-SERIAL]")]
    serials: Vec<String>,
    /// Number of the action: boxes that rebooted for one do so for higher ones alone. Without it the
    /// time of now in Unix seconds.
    #[arg(long, value_name = "NUMBER")]
    number: Option<u64>,
    /// From when on it is valid: 2027-06-30, a time by RFC 3339, or 1d; without it from now on.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    not_before: Option<u64>,
    /// Until when it is valid, at most 7 days later; without it for a day, a kill for 7 days.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    expires: Option<u64>,
    /// Private channel key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File of the action; must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl Verb {
    pub(super) fn run(self) -> Done {
        match self {
            Self::Reboot(Reboot { release, jitter, idle, common }) => {
                let (trust, opened) = common.open(&release)?;
                let when = if idle { When::Idle } else { When::Now };
                let number = opened.1.number;
                let order = Order::Reboot { release: number, jitter_s: jitter, when };
                let lasts_s = u64::from(jitter).saturating_add(86_400).min(ACTION_LIFE_S_MAX);
                common.sign(&trust, &opened.1, order, lasts_s)
            }
            Self::Kill(Kill { release, common }) => {
                let (trust, (id, opened)) = common.open(&release)?;
                let order = Order::Kill { number: opened.number, release: id };
                common.sign(&trust, &opened, order, ACTION_LIFE_S_MAX)
            }
        }
    }
}

impl Common {
    fn open(&self, path: &std::path::Path) -> Result<(Trust, ([u8; 32], Release)), String> {
        let trust = trust(&self.roots)?;
        let refused = |why: String| format!("{}: {why}", path.display());
        match trust.open(&read(path)?).map_err(|why| refused(why.to_string()))? {
            Statement::Release(release) => Ok((trust, (release.id, release.value))),
            other => Err(refused(format!("a {} and not a release", other.kind()))),
        }
    }

    fn sign(self, trust: &Trust, release: &Release, order: Order, lasts_s: u64) -> Done {
        let now = dates::now();
        let mut models =
            if self.models.is_empty() { release.models.clone() } else { self.models.clone() };
        models.sort_unstable();
        if let Some(model) = models.iter().find(|model| !release.models.contains(model)) {
            let is_for = release.models.join(", ");
            return Err(format!("release {} is for {is_for}, not for `{model}`", release.number));
        }
        let mut serials = self.serials.iter().map(|text| range(text)).collect::<Vec<_>>();
        serials.sort_unstable_by_key(|one| (one.first.len(), one.first.clone()));
        let not_before = self.not_before.unwrap_or(now);
        let expiry = future(self.expires.unwrap_or_else(|| not_before.saturating_add(lasts_s)))?;
        let hardware: RangeInclusive<u32> = release.hardware.clone();
        let number = self.number.unwrap_or(now);
        let operator = release.operator.clone();
        let action =
            Action { number, operator, models, serials, hardware, not_before, expiry, order };
        let keys = private_keys(&[&self.key])?;
        let [key] = keys.as_slice() else { return Err("no key".to_owned()) };
        let public = key.public().map_err(|why| why.to_string())?;
        let channel = &trust.root().channel;
        if !channel.keys.contains(&public) {
            return Err(format!("key {} is no channel key of the root", public.kid()));
        }
        if channel.threshold > 1 {
            return Err(format!(
                "the root wants {} channel keys to sign, and an action has one signature",
                channel.threshold
            ));
        }
        write(&self.out, &action.sign(key).map_err(|why| why.to_string())?)
    }
}

/// A serial, or a range: a hyphen in the middle of two parts of one length. A serial with a hyphen in
/// its middle is given as a range from itself to itself.
fn range(text: &str) -> Serials {
    let ends = text.split_once('-').filter(|(first, last)| first.len() == last.len());
    let whole = text.len().checked_sub(1).map(|rest| text.split_at_checked(rest / 2));
    let twice = whole.flatten().and_then(|(first, rest)| {
        let last = rest.strip_prefix('-')?;
        (first == last).then_some(first)
    });
    match (twice, ends) {
        (Some(serial), _) => Serials::one(serial),
        (None, Some((first, last))) => Serials { first: first.into(), last: last.into() },
        (None, None) => Serials::one(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_may_have_a_hyphen_and_a_range_has_one_in_its_middle() {
        assert_eq!(range("1931690851"), Serials::one("1931690851"));
        let both = Serials { first: "1000".into(), last: "1999".into() };
        assert_eq!(range("1000-1999"), both);
        assert_eq!(range("A1-77"), Serials { first: "A1".into(), last: "77".into() });
        assert_eq!(range("A1-77-A1-77"), Serials::one("A1-77"));
        assert_eq!(range("A1-4077"), Serials::one("A1-4077"));
    }
}
