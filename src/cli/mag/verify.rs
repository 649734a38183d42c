//! `stbcast mag verify`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Told;
use super::told::{ImageTold, SignatureTold, json, named};
use crate::lineup::open_file;
use crate::mag::image::{Image, PublicKeys, other_hash};

/// Verify every signature of an image with an OpenPGP public key. Exit code 0 where all hold and the image
/// is whole, 1 where not.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The image.
    file: PathBuf,
    /// File of the public key, as `gpg --export` writes it, with or without --armor. Where it has several
    /// keys, any of them may have signed.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Refuse an image for boxes of another model.
    #[arg(long)]
    model: Option<String>,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    image: ImageTold<'a>,
    verified: bool,
    signatures: Vec<SignatureTold>,
    problem: Option<String>,
    warning: Option<String>,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<Told, String> {
        let keys = PublicKeys::of_file(&self.key).map_err(|error| named(&self.key, error))?;
        let file = open_file(&self.file)?;
        let image = Image::open(file).map_err(|error| named(&self.file, error))?;
        let (header, layout) = (image.header.clone(), image.layout.clone());
        let other = self.model.as_ref().filter(|model| **model != header.model);
        let other = other.map(|model| format!("for boxes of model {}, not {model}", header.model));
        let (checked, problem) = match image.verify(&keys) {
            Ok(checked) => (checked, other),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let fit = problem.is_none() && checked.iter().all(|it| it.outcome.is_ok());
        let signatures: Vec<_> = checked.iter().map(SignatureTold::of).collect();
        let warning = other_hash(&header.model, &checked);
        let told = ImageTold::of(&header, &layout);
        let text = if self.json {
            json(&Verified { image: told, verified: fit, signatures, problem, warning })
        } else {
            let mut text = told.text();
            text.extend(signatures.iter().map(SignatureTold::text));
            text.extend(problem.map(|problem| format!("{:<12} {problem}\n", "refused")));
            text.extend(warning.map(|warning| format!("{:<12} {warning}\n", "warning")));
            text
        };
        Ok(Told { text, fit })
    }
}
