//! `stbcast release build`.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Args;
use stbcast_release::{ObjectKind, Release, Statement};

use super::{Done, future, private_keys, trust, write};
use crate::contents::{Contents, objects, role};
use crate::dates;
use crate::lineup::{self, LineUp, ObjectId, did_you_mean};
use crate::signed::object_on_air;

/// Sign a release: objects of a line-up as they are on air, for the boxes of some models. Boxes install
/// all of its objects or none.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up that has the objects on air.
    line_up: PathBuf,
    /// Root documents, from the one in the boxes to the newest.
    #[arg(long = "root", required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,
    /// Private release key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Release number; boxes go up alone.
    #[arg(long)]
    number: u64,
    /// Security epoch; without it the least one of the root. Boxes never go below one that they run.
    #[arg(long)]
    epoch: Option<u32>,
    /// Models, as boxes call themselves by `boot --bootcast-id`.
    #[arg(long = "model", required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// Hardware revisions: 3, or 1-4; without it all.
    #[arg(long, value_parser = range, value_name = "RANGE")]
    hardware: Option<RangeInclusive<u32>>,
    /// From when it may be installed: 2027-06-30, a time by RFC 3339, or days from now as 2d; without it at
    /// once.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    not_before: Option<u64>,
    /// Until when it may be installed; a box that runs it goes on.
    #[arg(long, value_parser = dates::unix_s, value_name = "TIME")]
    expires: u64,
    #[command(flatten)]
    names: Names,
    /// File of the release; must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

/// Objects of the line-up, as OBJECT or CHANNEL/OBJECT.
#[derive(Debug, Args)]
struct Names {
    /// Boot image; without it the only image that the line-up's metadata names.
    #[arg(long, value_name = "OBJECT")]
    image: Option<String>,
    /// Splash; without it none.
    #[arg(long, value_name = "OBJECT")]
    splash: Option<String>,
    /// Diagnostic image; without it none.
    #[arg(long, value_name = "OBJECT")]
    diagnostic: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Done {
        let trust = trust(&self.roots)?;
        let line_up = read(&self.line_up)?;
        let mut findings = Vec::new();
        let contents = Contents::survey(&line_up, &mut findings);
        let path = self.line_up.display();
        if let Some(error) = findings.iter().find(|finding| finding.is_error()) {
            return Err(format!("{path}: {error}"));
        }
        let mut stated = Vec::new();
        for (kind, id) in self.names.find(&line_up).map_err(|why| format!("{path}: {why}"))? {
            let object = object_on_air(&line_up, &contents, id, kind);
            stated.push(object.map_err(|finding| format!("{path}: {finding}"))?);
        }
        let (mut models, root) = (self.models, trust.root());
        models.sort_unstable();
        let release = Release {
            number: self.number,
            epoch: self.epoch.unwrap_or(root.epoch),
            operator: root.operator.clone(),
            models,
            hardware: self.hardware.unwrap_or(0..=u32::MAX),
            not_before: self.not_before.unwrap_or_else(dates::now),
            expiry: future(self.expires)?,
            objects: stated,
        };
        if release.epoch < root.epoch {
            let (epoch, least) = (release.epoch, root.epoch);
            return Err(format!("epoch {epoch} is below {least}, the least one of the root"));
        }
        let keys = private_keys(&[self.key])?;
        let key = keys.first().ok_or("no release key")?;
        let bytes = release.sign(key).map_err(|why| why.to_string())?;
        // A key that may not sign would be refused by every box.
        match trust.open(&bytes) {
            Ok(Statement::Release(_)) => write(&self.out, &bytes),
            Ok(other) => Err(format!("it became a {}", other.kind())),
            Err(why) => Err(why.to_string()),
        }
    }
}

impl Names {
    fn find(&self, line_up: &LineUp) -> Result<Vec<(ObjectKind, ObjectId)>, String> {
        let image = match &self.image {
            Some(name) => find(line_up, name)?,
            None => only_image(line_up)?,
        };
        let mut found = vec![(ObjectKind::Image, image)];
        for (kind, name) in
            [(ObjectKind::Splash, &self.splash), (ObjectKind::Diagnostic, &self.diagnostic)]
        {
            if let Some(name) = name {
                found.push((kind, find(line_up, name)?));
            }
        }
        Ok(found)
    }
}

fn read(path: &Path) -> Result<LineUp, String> {
    let reading = lineup::read_unsigned(path);
    let errors: Vec<_> =
        reading.errors().map(|error| format!("{}: {error}", path.display())).collect();
    match reading.line_up {
        Some(line_up) if errors.is_empty() => Ok(line_up),
        _ => Err(errors.join("\nerror: ")),
    }
}

/// The object of that name, which no other channel has.
fn find(line_up: &LineUp, wanted: &str) -> Result<ObjectId, String> {
    let (channel, name) = match wanted.rsplit_once('/') {
        Some((channel, name)) => (Some(channel), name),
        None => (None, wanted),
    };
    let named: Vec<_> = objects(line_up)
        .filter(|(on, object, _)| {
            object.name.to_string() == name && channel.is_none_or(|channel| on.name == channel)
        })
        .collect();
    match named.as_slice() {
        [(_, _, id)] => Ok(*id),
        [] => {
            let names: Vec<_> = objects(line_up).map(|(_, it, _)| it.name.to_string()).collect();
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            Err(format!("no object `{wanted}` in this line-up{hint}"))
        }
        several => {
            let places =
                several.iter().map(|(on, object, _)| format!("{}/{}", on.name, object.name));
            let places: Vec<_> = places.collect();
            Err(format!("which `{wanted}`? {}", places.join(", ")))
        }
    }
}

fn only_image(line_up: &LineUp) -> Result<ObjectId, String> {
    let images = objects(line_up).filter(|(_, _, id)| role(line_up, *id) == Some("image"));
    match images.collect::<Vec<_>>().as_slice() {
        [(_, _, id)] => Ok(*id),
        [] => Err("its metadata names no image: give --image OBJECT".to_owned()),
        several => {
            let names: Vec<_> = several.iter().map(|(_, it, _)| it.name.to_string()).collect();
            Err(format!("which image? --image {}", names.join(", --image ")))
        }
    }
}

/// `3`, or `1-4`.
fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let both = number(first).zip(number(last)).filter(|(first, last)| first <= last);
    both.map(|(first, last)| first..=last)
        .ok_or_else(|| format!("`{text}` is no range of hardware revisions: 3, or 1-4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_number_or_two() {
        assert_eq!(range("3"), Ok(3..=3));
        assert_eq!(range("1-4"), Ok(1..=4));
        for wrong in ["", "-", "4-1", "a", "1-", "-1", "1-2-3", "4294967296"] {
            assert!(range(wrong).unwrap_err().contains("no range"), "{wrong}");
        }
    }
}
