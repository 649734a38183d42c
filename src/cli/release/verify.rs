//! `stbcast release verify`.

use std::path::PathBuf;

use clap::Args;
use stbcast_release::{
    Action, Clock, Identity, Order, Permit, Release, Signed, Standing, Statement, Trust, Verdict,
};

use super::{Done, read, trust};
use crate::dates;

/// Tell whether statements hold, and what a given box would do with a release. Exit code 0 where they do
/// and the box would follow it, 1 where not.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Releases, permits, actions, or the root that comes next.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Root documents, from the one in the boxes to the newest.
    #[arg(long = "root", required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// The time to judge by; without it now.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    at: Option<u64>,
}

/// A box that is asked about.
#[derive(Debug, Args)]
struct Which {
    /// Model of a box: would it follow these releases?
    #[arg(long)]
    model: Option<String>,
    /// Its hardware revision.
    #[arg(long, requires = "model", default_value_t = 0)]
    hardware: u32,
    /// Its serial.
    #[arg(long, requires = "model")]
    serial: Option<String>,
    /// Number of the release that it runs; without it it runs none.
    #[arg(long, requires = "model", value_name = "NUMBER")]
    runs: Option<u64>,
    /// Its security epoch.
    #[arg(long, requires = "model", default_value_t = 0)]
    epoch: u32,
}

impl Arguments {
    pub(super) fn run(self) -> Done {
        let trust = trust(&self.roots)?;
        let (mut lines, mut releases) = (String::new(), Vec::new());
        let (mut permits, mut actions) = (Vec::new(), Vec::new());
        for path in &self.files {
            let refused = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
            let statement = trust.open(&read(path)?).map_err(|why| refused(&why))?;
            lines += &format!("{}: the {} holds\n", path.display(), statement.kind());
            match statement {
                Statement::Root(_) => {}
                Statement::Release(release) => releases.push((path, release)),
                Statement::Permit(permit) => permits.push(*permit),
                Statement::Action(action) => actions.push((path, action.value)),
            }
        }
        let Some(model) = self.which.model.clone() else { return Ok(lines) };
        let identity = Identity {
            model,
            hardware: self.which.hardware,
            serial: self.which.serial.clone().unwrap_or_default(),
        };
        for (path, release) in releases {
            let verdict = self.judge(&trust, &release, &identity, &permits);
            let verdict = verdict.map_err(|why| format!("{}: {why}", path.display()))?;
            lines += &format!("{}: {verdict}\n", path.display());
        }
        for (path, action) in actions {
            let does = self.obeys(&trust, &action, &identity);
            let does = does.map_err(|why| format!("{}: {why}", path.display()))?;
            lines += &format!("{}: {does}\n", path.display());
        }
        Ok(lines)
    }

    /// What the box does for an action.
    fn obeys(&self, trust: &Trust, action: &Action, identity: &Identity) -> Result<String, String> {
        let clock = Clock { own: Some(self.at.unwrap_or_else(dates::now)), heard: None };
        let meant = trust.concerns(action, identity);
        meant.and_then(|()| trust.is_time(action, &clock, 0)).map_err(|why| why.to_string())?;
        match action.order {
            Order::Kill { number, .. } => Ok(format!("the box never installs release {number}")),
            Order::Reboot { release, .. } if self.which.runs >= Some(release) => {
                Err(format!("the box runs release {release} or a later one: it stays on"))
            }
            Order::Reboot { .. } => Ok("the box reboots".to_owned()),
        }
    }

    fn judge(
        &self,
        trust: &Trust,
        release: &Signed<Release>,
        identity: &Identity,
        permits: &[Signed<Permit>],
    ) -> Result<String, String> {
        let Which { runs, epoch, .. } = self.which;
        let standing = Standing {
            // A box runs the release of a number, and not another one of the same number.
            installed: runs
                .map(|runs| if runs == release.value.number { release.id } else { [0; 32] }),
            number: runs,
            epoch,
            ..Standing::default()
        };
        let clock = Clock { own: Some(self.at.unwrap_or_else(dates::now)), heard: None };
        let verdict = trust.judge(release, identity, &standing, &clock, permits);
        match verdict.map_err(|why| why.to_string())? {
            Verdict::Install { permitted_from: None } => Ok("the box installs it".to_owned()),
            Verdict::Install { permitted_from: Some(from) } => {
                Ok(format!("the box goes back to it from release {from}, by the permit"))
            }
            Verdict::Held => Ok("the box has it".to_owned()),
        }
    }
}
