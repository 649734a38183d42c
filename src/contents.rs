//! What the objects of a line-up are: sizes and texts, before anything is copied or sent.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use stbcast_bootcast::stbconfig::DOCUMENT_BYTES_MAX;
use stbcast_bootcast::{BootcastInfo, ImageRef, Part, TEXT_BYTES_MAX};
use stbcast_infocast::{Carousel, Content, Entry, ObjectType};
use stbcast_object::{Group, Slices};

use crate::lineup::{Channel, Finding, LineUp, Object, ObjectId, Source, read_at_most};

mod reboot;
mod stbconfig;
pub(crate) use reboot::reboot_text;
pub(crate) use stbconfig::{role, stbconfig_text};

/// Hexadecimal digits of the digest that stand for a version where none is written.
pub const VERSION_DIGITS: usize = 16;

/// What the objects of a line-up are.
#[derive(Clone, Debug)]
pub struct Contents {
    lengths: Vec<Vec<u64>>,
    images: HashSet<ObjectId>,
    /// Control objects that somebody wrote as XML.
    documents: HashSet<ObjectId>,
    /// What control objects in files name.
    named: HashMap<ObjectId, Vec<ObjectId>>,
    /// What StbConfigs name, by their names.
    stbconfigs: HashMap<String, Vec<ObjectId>>,
}

impl Contents {
    /// Looks at every source: files must be there, and what a bootcast information or a StbConfig
    /// names should be on air. What is wrong is added to `findings`.
    pub fn survey(line_up: &LineUp, findings: &mut Vec<Finding>) -> Self {
        let stbconfigs = stbconfig::survey(line_up, findings);
        let images = stbconfigs.values().flatten().copied().collect();
        let (documents, named) = (HashSet::new(), HashMap::new());
        let mut contents = Self { lengths: Vec::new(), images, documents, named, stbconfigs };
        contents.named.extend(reboot::survey(line_up, findings));
        for (channel, object, id) in objects(line_up) {
            contents.images.extend(object.source.named());
            if let (Source::File(path), true) = (&object.source, object.is_control()) {
                contents.lint_control(line_up, (id, object), path, findings);
            }
            let length = length(line_up, channel, object, findings);
            if contents.lengths.len() <= id.channel {
                contents.lengths.push(Vec::new());
            }
            if let Some(lengths) = contents.lengths.last_mut() {
                lengths.push(length);
            }
        }
        contents
    }

    /// Length of an object in bytes; of the text for objects that are made.
    pub fn length(&self, id: ObjectId) -> u64 {
        let lengths = self.lengths.get(id.channel);
        lengths.and_then(|lengths| lengths.get(id.object)).copied().unwrap_or(0)
    }

    /// The object has this length in the copy that is sent: somebody may have written to its file
    /// since it was looked at.
    pub(crate) fn set_length(&mut self, id: ObjectId, length: u64) {
        let lengths = self.lengths.get_mut(id.channel);
        if let Some(known) = lengths.and_then(|lengths| lengths.get_mut(id.object)) {
            *known = length;
        }
    }

    /// The type an object is sent with: as written, else by what it is. A file is `generic`, but
    /// `bootcastfile` when a bootcast information of the line-up names it.
    pub fn object_type(&self, id: ObjectId, object: &Object) -> ObjectType {
        object.object_type.unwrap_or(match object.source {
            Source::Time => ObjectType::UTC_TIME,
            Source::Bootcast { .. } | Source::StbConfig(_) => ObjectType::BOOTCAST_INFO,
            Source::File(_) if self.images.contains(&id) => ObjectType::BOOTCAST_FILE,
            Source::File(_) | Source::Reboot(_) => ObjectType::GENERIC,
        })
    }

    /// Whether an object is a StbConfig.
    pub fn is_stbconfig(&self, id: ObjectId, object: &Object) -> bool {
        matches!(object.source, Source::StbConfig(_)) || self.documents.contains(&id)
    }

    /// The objects that a control object names.
    pub fn named_by(&self, id: ObjectId, object: &Object) -> Vec<ObjectId> {
        match &object.source {
            Source::StbConfig(name) => self.named_by_stbconfig(name).to_vec(),
            Source::File(_) | Source::Reboot(_) => self.named.get(&id).cloned().unwrap_or_default(),
            source => source.named().collect(),
        }
    }

    /// The objects that the StbConfig of this name names.
    pub fn named_by_stbconfig(&self, name: &str) -> &[ObjectId] {
        self.stbconfigs.get(name).map_or(&[], Vec::as_slice)
    }

    /// The entry of an object whose bytes are `length` long, trailers not computed yet.
    ///
    /// # Errors
    /// When the object cannot be sent; the message says why.
    pub fn entry(
        &self,
        id: ObjectId,
        channel: &Channel,
        object: &Object,
        length: u64,
    ) -> Result<Entry, String> {
        let content = match object.source {
            Source::Time => Content::UnixTime,
            _ => {
                let slices = Slices::new(length, channel.slice_bytes);
                Content::Stored(slices.map_err(|error| problem(object, &error.to_string()))?)
            }
        };
        let object_type = self.object_type(id, object);
        Entry::new(object.name, object_type, object.precoding, object.check, content)
            .map(|entry| entry.with_delay(object.delay))
            .map_err(|error| problem(object, &error.to_string()))
    }

    /// The carousel of a channel as it would be sent, without bytes and trailers.
    ///
    /// # Errors
    /// When an object cannot be sent.
    pub fn carousel(&self, place: usize, channel: &Channel) -> Result<Carousel, String> {
        let entry = |(object, spec)| {
            let id = ObjectId { channel: place, object };
            self.entry(id, channel, spec, self.length(id))
        };
        let entries: Result<Vec<_>, _> = channel.objects.iter().enumerate().map(entry).collect();
        Ok(carousel(channel, entries?))
    }

    /// Checks a bootcast information or StbConfig somebody wrote: the vendor's server never did, and
    /// its boxes tolerate nothing. Only warnings, because such a directory must stay usable
    /// unchanged.
    fn lint_control(
        &mut self,
        line_up: &LineUp,
        (id, object): (ObjectId, &Object),
        path: &Path,
        findings: &mut Vec<Finding>,
    ) {
        // What cannot be read is told where its length is asked for.
        let Ok(text) = read_at_most(path, DOCUMENT_BYTES_MAX as u64) else { return };
        if stbconfig::is_xml(&text) {
            self.documents.insert(id);
            let what = format!("object `{}`", object.name);
            let (told, named) = stbconfig::lint_bytes(line_up, &what, &text, None);
            findings.extend(told.into_iter().map(|(_, message)| Finding::warning(message)));
            self.note_named(id, named);
            return;
        }
        let info = match BootcastInfo::parse(&text) {
            Ok(info) => info,
            Err(error) => {
                let message = format!("object `{}`: boxes cannot use it: {error}", object.name);
                findings.push(Finding::warning(message));
                return;
            }
        };
        let mut named = Vec::new();
        for part in Part::ALL {
            let Some(image) = info.part(part) else { continue };
            match find(line_up, image.group, &image.name) {
                Some(id) => named.push(id),
                None => {
                    let message = format!(
                        "object `{}` names the {} `{}` on {}, which is not in this line-up",
                        object.name,
                        part.word(),
                        image.name,
                        image.group
                    );
                    findings.push(Finding::warning(message));
                }
            }
        }
        self.note_named(id, named);
        if info.splash.is_none() {
            let message = format!("object `{}` names no splash: boxes boot black", object.name);
            findings.push(Finding::warning(message));
        }
    }

    fn note_named(&mut self, id: ObjectId, named: Vec<ObjectId>) {
        self.images.extend(&named);
        self.named.insert(id, named);
    }
}

/// Every object with its channel and places, in the order of the file.
pub(crate) fn objects(line_up: &LineUp) -> impl Iterator<Item = (&Channel, &Object, ObjectId)> {
    line_up.channels.iter().enumerate().flat_map(|(channel, spec)| {
        let objects = spec.objects.iter().enumerate();
        objects.map(move |(object, it)| (spec, it, ObjectId { channel, object }))
    })
}

/// The carousel of `channel` with these entries.
pub(crate) fn carousel(channel: &Channel, entries: Vec<Entry>) -> Carousel {
    let overhead = channel.group.ip_udp_bytes();
    Carousel::new(entries, channel.bit_rate_bps, overhead, channel.burst_delay)
}

/// The bootcast information of an object, with the digest of each image where it has no version.
pub(crate) fn bootcast_text(
    line_up: &LineUp,
    source: &Source,
    digest: impl Fn(ObjectId) -> Option<String>,
) -> Option<String> {
    let Source::Bootcast { image, splash, diagnostic } = source else { return None };
    let reference = |id: &ObjectId| {
        let (channel, object) = line_up.object(*id)?;
        let version = object.version.clone().or_else(|| digest(*id))?;
        Some(ImageRef { group: channel.group, name: object.name.to_string(), version })
    };
    let kernel = reference(image)?;
    let splash = splash.as_ref().and_then(reference);
    let diagnostic = diagnostic.as_ref().and_then(reference);
    let unknown = Vec::new();
    Some(BootcastInfo { kernel, splash, diagnostic, unknown }.to_string())
}

fn find(line_up: &LineUp, group: Group, name: &str) -> Option<ObjectId> {
    let wanted = name.as_bytes();
    objects(line_up)
        .find(|(channel, object, _)| channel.group == group && object.name.as_bytes() == wanted)
        .map(|(_, _, id)| id)
}

fn length(
    line_up: &LineUp,
    channel: &Channel,
    object: &Object,
    findings: &mut Vec<Finding>,
) -> u64 {
    match &object.source {
        Source::Time => 10,
        Source::Bootcast { .. } => {
            bootcast_text(line_up, &object.source, any_digest).map_or(0, |text| text.len() as u64)
        }
        Source::Reboot(name) => {
            let text = line_up.reboot(name).map(reboot_text);
            text.and_then(Result::ok).map_or(0, |text| text.len() as u64)
        }
        Source::StbConfig(name) => {
            let stbconfig = line_up.stbconfig(name);
            // Why there is no text was told already.
            let text = stbconfig.map(|it| stbconfig_text(line_up, it, any_digest));
            text.and_then(Result::ok).map_or(0, |text| text.len() as u64)
        }
        Source::File(path) => match file_length(path) {
            Ok(length) => {
                if object.is_control() && length > control_bytes_max(path) {
                    let message = format!("{length} bytes are too many for a control object");
                    findings.push(Finding::error(problem(object, &message)));
                }
                if length == 0 {
                    let message = problem(object, "the file is empty");
                    findings.push(Finding::warning(message));
                }
                length
            }
            Err(message) => {
                let message = format!("channel `{}`, {}", channel.name, problem(object, &message));
                findings.push(Finding::error(message));
                0
            }
        },
    }
}

/// As long as the digest that stands for a version.
fn any_digest(_: ObjectId) -> Option<String> {
    Some("0".repeat(VERSION_DIGITS))
}

/// Bytes of the longest control object of the kind that a file is.
fn control_bytes_max(path: &Path) -> u64 {
    let text = read_at_most(path, DOCUMENT_BYTES_MAX as u64);
    let document = text.is_ok_and(|text| stbconfig::is_xml(&text));
    (if document { DOCUMENT_BYTES_MAX } else { TEXT_BYTES_MAX }) as u64
}

fn file_length(path: &PathBuf) -> Result<u64, String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(format!("{shown} is not a file")) }
}

fn problem(object: &Object, what: &str) -> String {
    format!("object `{}`: {what}", object.name)
}
