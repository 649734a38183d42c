//! `stbcast mag build`.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stbcast_bootcast::mag::{DateError, DateForm, UpdateDate};
use stbcast_mag::image::SectionKind;

use super::Told;
use super::told::{ImageTold, SignatureTold, json, named};
use crate::dates;
use crate::mag::image::{Gpg, Hash, Image, Ingredient, Recipe, build};

/// Letters of a description that the bootloader shows.
const SHOWN: usize = 23;

/// Make an image and sign it with a key that GnuPG keeps. The secret half stays there: the agent is asked
/// for the signatures, and may ask for a passphrase. What was made is verified before it gets its name; a
/// file that is there already is never replaced.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The image to make.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Model of the boxes, as MAG254.
    #[arg(long)]
    model: String,
    /// Version: boxes install higher ones than their own.
    #[arg(long = "image-version", value_name = "NUMBER")]
    image_version: u32,
    /// What it is: up to 40 letters without spaces, of which the bootloader shows 23.
    #[arg(long)]
    description: String,
    /// When it was made, as `date` writes it in the locale C [default: now, in UTC].
    #[arg(long)]
    date: Option<String>,
    /// Version of the vendor's update interface.
    #[arg(long, value_name = "VERSION", default_value = "2")]
    update_api: String,
    /// The kernel.
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,
    /// The root file system.
    #[arg(long, value_name = "FILE")]
    rootfs: PathBuf,
    /// Environment of the bootloader.
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// The updater.
    #[arg(long, value_name = "FILE", requires = "bootstrap_version")]
    bootstrap: Option<PathBuf>,
    /// Version of the updater.
    #[arg(long, value_name = "VERSION", requires = "bootstrap")]
    bootstrap_version: Option<String>,
    /// The user's file system.
    #[arg(long, value_name = "FILE", requires = "userfs_version")]
    userfs: Option<PathBuf>,
    /// Version of the user's file system.
    #[arg(long, value_name = "VERSION", requires = "userfs")]
    userfs_version: Option<String>,
    /// Second copy of the bootloader.
    #[arg(long, value_name = "FILE")]
    second_boot: Option<PathBuf>,
    /// Picture of the start-up.
    #[arg(long, value_name = "FILE")]
    logotype: Option<PathBuf>,
    /// The key to sign with, RSA of 2,048 bits: fingerprint, key ID or user ID.
    #[arg(long, value_name = "KEY")]
    key: String,
    /// What is signed [default: sha256 for MAG256, MAG324, MAG349 and MAG351, else sha1].
    #[arg(long)]
    hash: Option<Hash>,
    /// Home directory of GnuPG [default: its own].
    #[arg(long, value_name = "DIR")]
    gpg_home: Option<PathBuf>,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Built<'a> {
    #[serde(flatten)]
    image: ImageTold<'a>,
    signatures: Vec<SignatureTold>,
}

impl Arguments {
    pub(super) fn run(self) -> Result<Told, String> {
        if self.description.chars().count() > SHOWN {
            super::complain(format_args!(
                "warning: the bootloader shows {SHOWN} letters of the description"
            ));
        }
        let gpg = Gpg { home: self.gpg_home.clone() };
        let signer = gpg.signer(&self.key).map_err(|error| error.to_string())?;
        let recipe = self.recipe()?;
        let checked = build(&recipe, &signer, &self.out).map_err(|error| error.to_string())?;
        let file = File::open(&self.out).map_err(|error| named(&self.out, error))?;
        let image = Image::open(file).map_err(|error| named(&self.out, error))?;
        let told = ImageTold::of(&image.header, &image.layout);
        let signatures: Vec<_> = checked.iter().map(SignatureTold::of).collect();
        let text = if self.json {
            json(&Built { image: told, signatures })
        } else {
            let signatures = signatures.iter().map(SignatureTold::text);
            told.text() + &signatures.collect::<String>()
        };
        Ok(Told { text, fit: true })
    }

    fn recipe(&self) -> Result<Recipe, String> {
        let time = dates::now();
        let none = || None::<String>;
        let sections = [
            (SectionKind::Kernel, Some(&self.kernel), none()),
            (SectionKind::RootFs, Some(&self.rootfs), none()),
            (SectionKind::Env, self.env.as_ref(), none()),
            (SectionKind::Bootstrap, self.bootstrap.as_ref(), self.bootstrap_version.clone()),
            (SectionKind::UserFs, self.userfs.as_ref(), self.userfs_version.clone()),
            (SectionKind::SecondBoot, self.second_boot.as_ref(), none()),
            (SectionKind::Logotype, self.logotype.as_ref(), none()),
        ];
        let ingredients = sections.into_iter().filter_map(|(kind, path, version)| {
            path.map(|path| Ingredient { kind, path: path.clone(), version })
        });
        Ok(Recipe {
            model: self.model.clone(),
            date: self.date.as_deref().map_or_else(|| date(time), of_program)?,
            version: self.image_version,
            description: self.description.clone(),
            api: Some(self.update_api.clone()),
            sections: ingredients.collect(),
            hash: self.hash.unwrap_or_else(|| Hash::of_model(&self.model)),
            time: u32::try_from(time).map_err(|_| "the clock is beyond 2106".to_owned())?,
        })
    }
}

/// A date that boxes can compare: they install no image whose date they cannot read.
fn of_program(text: &str) -> Result<String, String> {
    match UpdateDate::read(text) {
        Ok((_, DateForm::Header)) => {}
        // Boxes may know a zone that is not known here.
        Err(error @ DateError::Zone { .. }) => super::complain(format_args!("warning: {error}")),
        Ok(_) => return Err(format!("date {text:?}: write it as `Fri Nov 10 20:05:35 EET 2017`")),
        Err(error) => return Err(format!("date: {error}")),
    }
    Ok(text.to_owned())
}

/// A moment in seconds since 1970 as `date` writes it in the locale C, in UTC.
fn date(time: u64) -> Result<String, String> {
    let seconds = i64::try_from(time).map_err(|error| error.to_string())?;
    let moment = jiff::Timestamp::from_second(seconds).map_err(|error| error.to_string())?;
    Ok(moment.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a %b %e %H:%M:%S UTC %Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_no_box_can_compare_is_refused() {
        for legal in ["Thu Feb 21 00:43:44 EET 2019", "Fri Feb  1 05:46:40 IST 2019"] {
            assert_eq!(of_program(legal).as_deref(), Ok(legal));
        }
        for wrong in [
            "foo",
            "Fri Feb 21 00:43:44 EET 2019",
            "21 Feb 2019 00:43:44 GMT+0200",
            "Thu Feb 21 2019",
        ] {
            assert!(of_program(wrong).unwrap_err().contains("date"), "{wrong}");
        }
    }

    #[test]
    fn dates_are_written_as_the_program_date_does() {
        assert_eq!(date(1_550_702_624).unwrap(), "Wed Feb 20 22:43:44 UTC 2019");
        assert_eq!(date(1_549_000_000).unwrap(), "Fri Feb  1 05:46:40 UTC 2019");
    }
}
