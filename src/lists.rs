//! What boxes of MAG and Dune are told over HTTP: the texts of the line-up's lists.
//!
//! They follow what is on air: an image that is off the air, by its schedule or because it was killed, is
//! offered to nobody. A Dune version stays listed all the same where `-` may stand for its URL, for boxes
//! that run it must be offered others.

use std::collections::HashMap;
use std::sync::Arc;

use stbcast_bootcast::{dune, mag};

use crate::lineup::{
    Channel, Dune, DuneFirmware, DunePlace, Finding, LineUp, Object, ObjectId, Protocol, Source,
    Unicast, UpdateList, UpdateListEntry,
};
use crate::spool::Digest;

mod image;
pub(crate) mod plan;
pub use image::ImageFacts;

/// A text, and the path it is answered at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The path, as a line-up has it; boxes may spell it with other capitals.
    pub path: String,
    /// What is answered.
    pub text: Arc<[u8]>,
}

/// What the texts are made of.
pub(crate) struct Known<'a> {
    pub(crate) line_up: &'a LineUp,
    pub(crate) headers: &'a Headers,
    /// Digest of an object.
    pub(crate) digest: &'a dyn Fn(ObjectId) -> Option<Digest>,
    /// Whether an object is on air.
    pub(crate) has: &'a dyn Fn(ObjectId) -> bool,
    /// Whether the vendor's sender at a place runs.
    pub(crate) runs: &'a dyn Fn(usize) -> bool,
}

/// What the headers of images say, of those that a list names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(HashMap<ObjectId, Result<ImageFacts, String>>);

impl Headers {
    /// Reads the headers that the lists of a line-up need; `read` has the beginning of an object.
    pub(crate) fn of(
        line_up: &LineUp,
        mut read: impl FnMut(ObjectId) -> Result<ImageFacts, String>,
    ) -> Self {
        let entries = line_up.update_lists.iter().flat_map(|list| &list.entries);
        let mut headers = HashMap::new();
        for id in entries.filter_map(|entry| entry.object) {
            headers.entry(id).or_insert_with(|| read(id));
        }
        Self(headers)
    }

    /// The same of the files of a line-up that is not spooled.
    pub(crate) fn of_files(line_up: &LineUp) -> Self {
        Self::of(line_up, |id| match line_up.object(id).map(|(_, object)| &object.source) {
            Some(Source::File(path)) => ImageFacts::of_file(path),
            _ => Err("it is no file".to_owned()),
        })
    }

    /// What the header of an image says.
    pub(crate) fn get(&self, id: ObjectId) -> Option<&Result<ImageFacts, String>> {
        self.0.get(&id)
    }
}

impl Known<'_> {
    /// Every text of the line-up.
    pub(crate) fn pages(&self) -> Vec<Page> {
        let page = |path: String, text: String| Page { path, text: text.into_bytes().into() };
        let mut pages = Vec::new();
        for list in &self.line_up.update_lists {
            // What is wrong with it kept the line-up off the air.
            let (made, _) = self.update_list(list);
            pages.push(page(list.path.clone(), made.to_string()));
        }
        for product in &self.line_up.dunes {
            for variant in &product.lists {
                let list = self.firmwares(product, *variant);
                pages.push(page(product.list_path(*variant), list.to_string()));
            }
            let files = [
                (product.checker, product.checker_paths()),
                (product.bootstrap, product.bootstrap_paths()),
            ];
            for (place, paths) in files {
                let file = place.and_then(|place| self.checker(product, place));
                let Some(file) = file else { continue };
                pages.extend(paths.into_iter().map(|path| page(path, file.to_string())));
            }
        }
        pages
    }

    /// The list of a model, oldest first, and what is wrong with it.
    pub(crate) fn update_list(&self, list: &UpdateList) -> (mag::UpdateList, Vec<Finding>) {
        let what = format!("update_list of {}", list.model);
        let (mut entries, mut findings) = (Vec::new(), Vec::new());
        for (entry, place) in list.entries.iter().zip(1..) {
            if entry.object.is_some_and(|id| !(self.has)(id)) {
                continue;
            }
            match self.entry(list, entry) {
                Ok(entry) => entries.push(entry),
                Err(why) => {
                    findings.push(Finding::error(format!("{what}, entry {place}: {why}")));
                }
            }
        }
        entries.sort_by_key(mag::UpdateEntry::date);
        let made = mag::UpdateList { entries };
        for (place, problem) in made.problems() {
            let name = made.entries.get(place).map_or("", |entry| entry.name.as_str());
            let message = format!("{what}, entry `{name}`: {problem}");
            let finding = if problem.is_error() { Finding::error } else { Finding::warning };
            findings.push(finding(message));
        }
        (made, findings)
    }

    fn entry(
        &self,
        list: &UpdateList,
        entry: &UpdateListEntry,
    ) -> Result<mag::UpdateEntry, String> {
        let facts = match (entry.object, entry.name.is_none() || entry.date.is_none()) {
            (Some(id), needed) => match (self.headers.get(id), needed) {
                (Some(Ok(facts)), _) => Some(facts),
                (Some(Err(why)), true) => return Err(why.clone()),
                (None, true) => return Err("the header of its image is not known".to_owned()),
                (_, false) => None,
            },
            (None, _) => None,
        };
        if let Some(facts) = facts
            && !facts.model.eq_ignore_ascii_case(&list.model)
        {
            return Err(format!("the image is for {}: boxes refuse it (status 2)", facts.model));
        }
        let date = match (entry.date, facts) {
            (Some(date), Some(facts)) if facts.date()? != date => {
                return Err(format!(
                    "date {} is not the one of the image's header, {}: boxes compare both",
                    date.to_list(),
                    facts.date
                ));
            }
            (Some(date), _) => date,
            (None, Some(facts)) => facts.date()?,
            (None, None) => return Err("it has no date".to_owned()),
        };
        let name = entry.name.clone().or_else(|| facts.map(ImageFacts::name));
        let description = facts.map(|facts| format!("Image Version {}", facts.version));
        Ok(mag::UpdateEntry {
            name: name.unwrap_or_default(),
            url: self.entry_url(entry)?,
            kind: entry.kind.clone(),
            date: date.to_list(),
            description: entry.description.clone().or(description).unwrap_or_default(),
        })
    }

    fn entry_url(&self, entry: &UpdateListEntry) -> Result<String, String> {
        let Some(id) = entry.object else { return Ok(entry.url.clone().unwrap_or_default()) };
        let (channel, object) = self.line_up.object(id).ok_or("it names no object")?;
        if let Some(url) = self.url(entry.url.as_deref(), id, (channel, object)) {
            return Ok(url);
        }
        if channel.protocol == Protocol::Mag {
            return Ok(format!("igmp://{}", channel.group));
        }
        Err(format!(
            "object `{}` is on no MAG channel: write its `url`, or `[unicast]`",
            object.name
        ))
    }

    /// What is written, else the first URL of `[unicast]`.
    fn url(
        &self,
        written: Option<&str>,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Option<String> {
        let of_unicast = || self.line_up.unicast.as_ref()?.urls.first().map(String::as_str);
        let template = written.or_else(of_unicast)?;
        let digest = (self.digest)(id).unwrap_or_else(|| Digest::of(&[]));
        Some(Unicast::filled(template, channel, object, &digest))
    }

    /// The list of a product.
    pub(crate) fn firmwares(&self, dune: &Dune, variant: dune::Variant) -> dune::FirmwareList {
        let firmware = |it: &DuneFirmware| {
            let url = self.firmware_url(it);
            // Boxes of the older lists know no `-`: better not offered than offered and not there.
            let gone =
                url.is_none() && it.place != DunePlace::Nowhere && variant == dune::Variant::V1;
            let (version, stable) = (it.version.clone(), it.stable);
            (!gone).then(|| dune::Firmware { version, url, stable, size: it.size.to_string() })
        };
        dune::FirmwareList { firmwares: dune.firmwares.iter().filter_map(firmware).collect() }
    }

    /// What a checker of a product is told; nothing while its firmware is off the air.
    pub(crate) fn checker(&self, dune: &Dune, place: usize) -> Option<dune::CheckerFile> {
        let firmware = dune.firmwares.get(place)?;
        let (version, url) = (firmware.version.clone(), self.firmware_url(firmware)?);
        Some(dune::CheckerFile { version, url })
    }

    fn firmware_url(&self, firmware: &DuneFirmware) -> Option<String> {
        match &firmware.place {
            DunePlace::Nowhere => None,
            DunePlace::Url(url) => Some(url.clone()),
            DunePlace::Object { id, url } => {
                let found = self.line_up.object(*id)?;
                if (self.has)(*id) { self.url(url.as_deref(), *id, found) } else { None }
            }
            DunePlace::Sender(place) => {
                let sender = self.line_up.vendor_senders.get(*place)?;
                (self.runs)(*place).then(|| sender.url())
            }
        }
    }

    /// What is wrong with the lists and files of a product.
    pub(crate) fn dune_findings(&self, dune: &Dune) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut tell = |what: &str, version: &str, problem: &dune::DuneProblem| {
            let finding = if problem.is_error() { Finding::error } else { Finding::warning };
            findings.push(finding(format!("{what}, {version}: {problem}")));
        };
        for firmware in &dune.firmwares {
            if let DunePlace::Object { id, url: None } = &firmware.place
                && self.line_up.unicast.is_none()
            {
                let name = self.line_up.object(*id).map(|(_, object)| object.name.to_string());
                let message = format!(
                    "dune {}, {}: object `{}` needs a `url`, or `[unicast]`: no box of Dune takes our \
                     carousels",
                    dune.product,
                    firmware.version,
                    name.unwrap_or_default()
                );
                return vec![Finding::error(message)];
            }
        }
        for variant in &dune.lists {
            let list = self.firmwares(dune, *variant);
            let what = format!("{} list of {}", variant.word(), dune.product);
            for (place, problem) in list.problems(*variant) {
                let version = list.firmwares.get(place).map_or("", |it| it.version.as_str());
                tell(&what, version, &problem);
            }
        }
        let files = [("checker", dune.checker), ("bootstrap", dune.bootstrap)];
        for (word, place) in files {
            let Some(file) = place.and_then(|place| self.checker(dune, place)) else { continue };
            let what = format!("{word} of {}", dune.product);
            file.problems().iter().for_each(|problem| tell(&what, &file.version, problem));
        }
        findings
    }

    /// What is wrong with all of them.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let lists = self.line_up.update_lists.iter().flat_map(|list| self.update_list(list).1);
        let dunes = self.line_up.dunes.iter().flat_map(|dune| self.dune_findings(dune));
        lists.chain(dunes).collect()
    }
}

/// Versions that a product of Dune had in `old` and has no more.
pub fn gone(old: &LineUp, new: &LineUp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for before in &old.dunes {
        let after = new.dunes.iter().find(|dune| dune.product == before.product);
        let Some(after) = after else { continue };
        for firmware in &before.firmwares {
            if after.firmwares.iter().all(|it| it.version != firmware.version) {
                let version = firmware.version.clone();
                let problem = dune::DuneProblem::Gone { version };
                findings.push(Finding::warning(format!("dune {}: {problem}", before.product)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
