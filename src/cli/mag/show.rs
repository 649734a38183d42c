//! `stbcast mag show`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Told;
use super::told::{ImageTold, json, named};
use crate::lineup::open_file;
use crate::mag::image::Image;

/// Print what an image says of itself, where its sections stand, and whether it is whole. Nothing is
/// verified. Exit code 0 where the file is as long as its header says, 1 where it is not or is no image.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The image.
    file: PathBuf,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    image: ImageTold<'a>,
    file_bytes: u64,
    whole: bool,
    problem: Option<String>,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<Told, String> {
        let failed = |error: std::io::Error| named(&self.file, error);
        let file = open_file(&self.file)?;
        let file_bytes = file.metadata().map_err(failed)?.len();
        let image = Image::open(file).map_err(|error| named(&self.file, error))?;
        let problem = image.layout.check(file_bytes).err().map(|error| error.to_string());
        let fit = problem.is_none();
        let told = ImageTold::of(&image.header, &image.layout);
        let text = match (self.json, &problem) {
            (true, _) => json(&Shown { image: told, file_bytes, whole: fit, problem }),
            (false, None) => told.text(),
            (false, Some(problem)) => format!("{}{:<12} {problem}\n", told.text(), "not whole"),
        };
        Ok(Told { text, fit })
    }
}
