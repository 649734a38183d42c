//! `stbcast reload`.

use std::process::ExitCode;

use clap::Args;

use super::{Where, complain, print};
use crate::control::{Place, Reloaded, Reply, Request, ask};

/// Tell the headend to read its line-up again: print what changes before, and what became of it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let reloaded = self.at.place().and_then(|place| self.reload(&place));
        match reloaded {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(message) => {
                complain(format_args!("error: {message}"));
                ExitCode::FAILURE
            }
        }
    }

    /// Whether the line-up is taken.
    fn reload(&self, place: &Place) -> Result<bool, String> {
        let coming = request(place, true)?;
        if self.dry_run {
            return self.tell(&coming, "the line-up is fit: a reload would take it");
        }
        // Shown before anything is changed; a refusal is told by the reload itself.
        if coming.accepted && !self.json {
            print(&(coming.changes.join("\n") + "\n"));
        }
        let done = request(place, false)?;
        let lines = if done.changes == coming.changes { Vec::new() } else { done.changes.clone() };
        let shown = Reloaded { changes: if self.json { done.changes } else { lines }, ..done };
        self.tell(&shown, &format!("line-up {} goes on air", shown.generation))
    }

    fn tell(&self, reloaded: &Reloaded, what: &str) -> Result<bool, String> {
        if self.json {
            let text = serde_json::to_string_pretty(reloaded).map_err(|error| error.to_string())?;
            print(&(text + "\n"));
            return Ok(reloaded.accepted);
        }
        for change in &reloaded.changes {
            print(&format!("{change}\n"));
        }
        for warning in &reloaded.warnings {
            complain(format_args!("warning: {warning}"));
        }
        for error in &reloaded.errors {
            complain(format_args!("error: {error}"));
        }
        if reloaded.accepted {
            print(&format!("{what}\n"));
        } else {
            complain("the line-up is refused: what is on air stays as it is");
        }
        Ok(reloaded.accepted)
    }
}

fn request(place: &Place, dry_run: bool) -> Result<Reloaded, String> {
    match ask(&place.socket, &Request::Reload { dry_run }) {
        Ok(Reply::Reload(reloaded)) => Ok(reloaded),
        Ok(Reply::Error { message }) => Err(message),
        Ok(_) => Err("the headend answers something else".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
