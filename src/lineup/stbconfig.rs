//! `[[stbconfig]]`: the StbConfigs that rules and objects name.

use std::collections::HashMap;
use std::path::PathBuf;

use stbcast_bootcast::SourceUrl;
use stbcast_bootcast::stbconfig::{Generation, PERMANENT_ELEMENTS, PermanentParams, Problem};

use super::names::did_you_mean;
use super::rules::{At, ChannelDraft, Rules};
use super::{Channel, ObjectId, Protocol, Source};
use crate::announced::source_url;

mod written;

pub(super) use written::StbConfigWritten;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A StbConfig of the line-up.
#[derive(Clone, Debug, PartialEq)]
pub struct StbConfig {
    /// Its name; no two have the same.
    pub name: String,
    /// Where it comes from.
    pub content: StbConfigContent,
}

/// Where a StbConfig comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum StbConfigContent {
    /// A file, sent as it is.
    File {
        /// The file.
        path: PathBuf,
        /// Which boxes it is for; any that it fits where `None`.
        generation: Option<Generation>,
    },
    /// Written from the line-up.
    Written(Box<Written>),
}

/// A StbConfig that is written from the line-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Which boxes it is for.
    pub generation: Generation,
    /// The boot image.
    pub image: Image,
    /// The splash.
    pub splash: Option<Image>,
    /// The diagnostic image.
    pub diagnostic: Option<Image>,
    /// What boxes keep in flash.
    pub permanent: PermanentParams,
}

/// An image that a StbConfig names.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// An object of the line-up, with its version, else its digest.
    Object(ObjectId),
    /// Something elsewhere.
    Url {
        /// Where.
        url: SourceUrl,
        /// Its version.
        version: Option<String>,
    },
}

impl StbConfig {
    /// The objects it names as boot image, splash and diagnostic image, where it is written from
    /// the line-up.
    pub fn parts(&self) -> [Option<ObjectId>; 3] {
        let StbConfigContent::Written(written) = &self.content else { return [None; 3] };
        let images = [Some(&written.image), written.splash.as_ref(), written.diagnostic.as_ref()];
        images.map(|image| match image {
            Some(Image::Object(id)) => Some(*id),
            _ => None,
        })
    }
}

/// A StbConfig as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct StbConfigDraft {
    pub(super) offset: usize,
    pub(super) name: At<String>,
    pub(super) file: Option<At<String>>,
    pub(super) generation: Option<At<String>>,
    pub(super) image: Option<At<ImageDraft>>,
    pub(super) splash: Option<At<ImageDraft>>,
    pub(super) diagnostic: Option<At<ImageDraft>>,
    pub(super) permanent: Option<At<PermanentDraft>>,
}

/// Permanent parameters as somebody wrote them: names and values.
pub(super) type PermanentDraft = Vec<(At<String>, At<String>)>;

/// An image as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) enum ImageDraft {
    /// An object or a URL.
    Named(String),
    /// A URL with a version.
    Versioned { url: String, version: String },
}

impl Rules<'_> {
    /// The StbConfigs, which may name objects of `channels`.
    pub(super) fn stbconfigs(
        &mut self,
        drafts: &[StbConfigDraft],
        channels: &[(Channel, &ChannelDraft)],
    ) -> Vec<StbConfig> {
        let mut names = HashMap::new();
        for StbConfigDraft { name: At { value: name, offset }, .. } in drafts {
            let legal = (1..=NAME_BYTES_MAX).contains(&name.len());
            if !legal || name.contains(char::is_control) {
                let message = format!(
                    "{name:?} cannot name a stbconfig: legal are 1 to {NAME_BYTES_MAX} bytes without \
                     control characters"
                );
                self.error(*offset, message);
            } else if names.insert(name, ()).is_some() {
                self.error(*offset, format!("stbconfig `{name}` stands twice"));
            }
        }
        let mut checked = Vec::new();
        for draft in drafts {
            let content = match &draft.file {
                Some(file) => self.stbconfig_file(draft, file),
                None => self.stbconfig_written(draft, channels),
            };
            let name = draft.name.value.clone();
            checked.extend(content.map(|content| StbConfig { name, content }));
        }
        checked
    }

    fn stbconfig_file(
        &mut self,
        draft: &StbConfigDraft,
        file: &At<String>,
    ) -> Option<StbConfigContent> {
        let others = [
            ("image", draft.image.as_ref().map(|it| it.offset)),
            ("splash", draft.splash.as_ref().map(|it| it.offset)),
            ("diagnostic", draft.diagnostic.as_ref().map(|it| it.offset)),
            ("permanent", draft.permanent.as_ref().map(|it| it.offset)),
        ];
        for (key, offset) in others {
            let Some(offset) = offset else { continue };
            let message = format!("a `file` is sent as it is: `{key}` has no place beside it");
            self.error(offset, message);
        }
        let generation = match &draft.generation {
            Some(written) => Some(self.generation(written)?),
            None => None,
        };
        Some(StbConfigContent::File { path: self.directory.join(&file.value), generation })
    }

    fn stbconfig_written(
        &mut self,
        draft: &StbConfigDraft,
        channels: &[(Channel, &ChannelDraft)],
    ) -> Option<StbConfigContent> {
        let generation = match &draft.generation {
            Some(written) => self.generation(written),
            None => Some(Generation::New),
        };
        let Some(image) = &draft.image else {
            let message = format!(
                "stbconfig `{}` needs `image`, an object or a URL, or `file`",
                draft.name.value
            );
            self.error(draft.offset, message);
            return None;
        };
        let image = self.image(image, channels);
        let splash = draft.splash.as_ref().map(|it| self.image(it, channels));
        let diagnostic = draft.diagnostic.as_ref().map(|it| self.image(it, channels));
        let permanent = self.permanent(draft);
        let generation = generation?;
        if generation == Generation::Old {
            self.fits_old(draft);
        }
        Some(StbConfigContent::Written(Box::new(Written {
            generation,
            image: image?,
            splash: splash.flatten(),
            diagnostic: diagnostic.flatten(),
            permanent,
        })))
    }

    fn generation(&mut self, written: &At<String>) -> Option<Generation> {
        const LEGAL: [Generation; 2] = [Generation::Old, Generation::New];
        let known = LEGAL.into_iter().find(|generation| generation.word() == written.value);
        if known.is_none() {
            let message = format!("generation `{}` is unknown: legal are old, new", written.value);
            self.error(written.offset, message);
        }
        known
    }

    /// What boxes of the older generation need, and what they do not know.
    fn fits_old(&mut self, draft: &StbConfigDraft) {
        let name = &draft.name.value;
        if draft.splash.is_none() {
            let message = format!(
                "stbconfig `{name}` needs `splash`: boxes of the older generation refuse one \
                 without it"
            );
            self.error(draft.offset, message);
        }
        let unknown = [
            ("diagnostic", draft.diagnostic.as_ref().map(|it| it.offset)),
            ("permanent", draft.permanent.as_ref().map(|it| it.offset)),
        ];
        for (key, offset) in unknown {
            let Some(offset) = offset else { continue };
            let message =
                format!("`{key}` has no place here: boxes of the older generation know none");
            self.error(offset, message);
        }
    }

    fn permanent(&mut self, draft: &StbConfigDraft) -> PermanentParams {
        let mut permanent = PermanentParams::default();
        for (name, value) in draft.permanent.iter().flat_map(|written| &written.value) {
            match permanent.set(&name.value, &value.value) {
                Ok(()) => {}
                Err(Problem::Unknown { element, .. }) => {
                    let known = PERMANENT_ELEMENTS.iter().map(|element| element.name);
                    let near = did_you_mean(&name.value, known);
                    let message = format!("`{element}` is no permanent parameter{near}");
                    self.error(name.offset, message);
                }
                Err(problem) => self.error(value.offset, problem.to_string()),
            }
        }
        permanent
    }

    fn image(
        &mut self,
        At { value: draft, offset }: &At<ImageDraft>,
        channels: &[(Channel, &ChannelDraft)],
    ) -> Option<Image> {
        let (text, version) = match draft {
            ImageDraft::Named(name) if !name.contains("://") => {
                let id = self.find(*offset, name)?;
                return self.can_be_named(*offset, id, channels).then_some(Image::Object(id));
            }
            ImageDraft::Named(url) => (url, None),
            ImageDraft::Versioned { url, version } => (url, Some(version)),
        };
        if let Some(version) = version {
            self.version(&At { value: version.clone(), offset: *offset });
        }
        let url: SourceUrl =
            text.parse().map_err(|error| self.error(*offset, format!("{error}"))).ok()?;
        let known = object_at(&url, channels);
        if matches!(url, SourceUrl::Infocast { .. }) && known.is_none() {
            self.warn(*offset, format!("{url} is not in this line-up"));
        }
        // An object of ours has a version of ours.
        Some(match (known, version) {
            (Some(id), None) => Image::Object(id),
            _ => Image::Url { url, version: version.cloned() },
        })
    }

    /// Whether boxes can have the object by a URL in a StbConfig.
    fn can_be_named(
        &mut self,
        offset: usize,
        id: ObjectId,
        channels: &[(Channel, &ChannelDraft)],
    ) -> bool {
        // What is wrong with a channel was told; the places of the others are not theirs then.
        let found = channels.get(id.channel);
        let Some((channel, object)) =
            found.and_then(|(channel, _)| Some((channel, channel.objects.get(id.object)?)))
        else {
            return false;
        };
        let refused = if channel.protocol != Protocol::Infocast {
            let on = channel.protocol.title();
            format!("it is on {on} channel, and boxes that read a StbConfig know Infocast alone")
        } else if !matches!(object.source, Source::File(_)) {
            "it is no file but made from the line-up".into()
        } else if let Err(error) = source_url(channel, object).parse::<SourceUrl>() {
            error.to_string()
        } else {
            return true;
        };
        let message = format!("a StbConfig cannot name the object `{}`: {refused}", object.name);
        self.error(offset, message);
        false
    }
}

/// The object of these channels that a URL leads to.
fn object_at(url: &SourceUrl, channels: &[(Channel, &ChannelDraft)]) -> Option<ObjectId> {
    let SourceUrl::Infocast { group, name } = url else { return None };
    let mut places = channels.iter().enumerate().flat_map(|(channel, (spec, _))| {
        let objects = spec.objects.iter().enumerate();
        objects.map(move |(object, it)| (spec, it, ObjectId { channel, object }))
    });
    let (_, _, id) = places.find(|(channel, object, _)| {
        channel.protocol == Protocol::Infocast
            && channel.group == *group
            && object.name.as_bytes() == name.as_bytes()
            && matches!(object.source, Source::File(_))
    })?;
    Some(id)
}

#[cfg(test)]
mod tests;
