//! `stbcast release show`.

use std::path::PathBuf;

use clap::Args;

use super::view::View;
use super::{Done, read};

/// Show what a root document, a release, a permit or an action says. Nothing is verified.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The document.
    file: PathBuf,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self) -> Done {
        let bytes = read(&self.file)?;
        let view = View::of(&bytes).map_err(|why| format!("{}: {why}", self.file.display()))?;
        if self.json { view.json() } else { Ok(view.text(&self.file)) }
    }
}
