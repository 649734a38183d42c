//! `[[update_list]]`: the `update_list.txt` of a model of MAG boxes, answered over HTTP.

use std::collections::HashMap;

use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_bootcast::mag::{DateForm, ENTRIES_MAX, KINDS, UpdateDate};

use super::names::did_you_mean;
use super::rules::{At, ChannelDraft, Rules};
use super::written::at;
use super::{Channel, ObjectId, Source};

/// Longest model, in bytes.
const MODEL_BYTES_MAX: usize = 64;

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// The list of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateList {
    /// The model, as `MAG254`; images of others have no place in it.
    pub model: String,
    /// What boxes ask for; they may say parameters behind it.
    pub path: String,
    /// The oldest comes first.
    pub entries: Vec<UpdateListEntry>,
}

/// One entry. What is `None` is read from the header of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateListEntry {
    /// The image, where it is an object of the line-up.
    pub object: Option<ObjectId>,
    /// Name of the version.
    pub name: Option<String>,
    /// Where the image is; `{sha256}`, `{channel}` and `{name}` stand for those of the object.
    pub url: Option<String>,
    /// `release`, `beta` or `alpha`.
    pub kind: String,
    /// When the image was made.
    pub date: Option<UpdateDate>,
    /// What is shown to whoever asks.
    pub description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateListWritten {
    model: Spanned<String>,
    path: Option<Spanned<String>>,
    #[serde(default)]
    entry: Vec<Spanned<EntryWritten>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryWritten {
    object: Option<String>,
    name: Option<String>,
    url: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    date: Option<String>,
    description: Option<String>,
}

/// A list as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct UpdateListDraft {
    model: At<String>,
    path: Option<At<String>>,
    entries: Vec<At<EntryWritten>>,
}

impl UpdateListWritten {
    pub(super) fn into_draft(self) -> UpdateListDraft {
        UpdateListDraft {
            model: at(self.model),
            path: self.path.map(at),
            entries: self.entry.into_iter().map(at).collect(),
        }
    }
}

/// The paths that are answered, as boxes may spell them, and where each is written.
pub(super) type Paths = HashMap<String, String>;

impl Rules<'_> {
    /// The lists, which may name objects of `channels`.
    pub(super) fn update_lists(
        &mut self,
        drafts: &[UpdateListDraft],
        channels: &[(Channel, &ChannelDraft)],
        paths: &mut Paths,
    ) -> Vec<UpdateList> {
        let lists = drafts.iter().filter_map(|draft| self.update_list(draft, channels, paths));
        lists.collect()
    }

    fn update_list(
        &mut self,
        draft: &UpdateListDraft,
        channels: &[(Channel, &ChannelDraft)],
        paths: &mut Paths,
    ) -> Option<UpdateList> {
        let At { value: model, offset } = &draft.model;
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=MODEL_BYTES_MAX).contains(&model.len()) || !model.chars().all(legal) {
            let message = format!(
                "model {model:?}: legal are 1 to {MODEL_BYTES_MAX} letters, digits, `-`, `_` and `.`"
            );
            self.error(*offset, message);
            return None;
        }
        let default = format!("/mag/{model}/update_list.txt");
        let path = match &draft.path {
            Some(path) => self.http_path(path)?,
            None => default,
        };
        let offset = draft.path.as_ref().map_or(*offset, |path| path.offset);
        self.one_path(offset, &path, &format!("the update_list of {model}"), paths);
        if !(1..=ENTRIES_MAX).contains(&draft.entries.len()) {
            let count = draft.entries.len();
            let message = format!("{count} entries: legal are 1 to {ENTRIES_MAX}");
            self.error(offset, message);
        }
        let entries: Vec<_> =
            draft.entries.iter().map(|entry| self.update_list_entry(entry, channels)).collect();
        let entries: Option<Vec<_>> = entries.into_iter().collect();
        Some(UpdateList { model: model.clone(), path, entries: entries? })
    }

    fn update_list_entry(
        &mut self,
        At { value: entry, offset }: &At<EntryWritten>,
        channels: &[(Channel, &ChannelDraft)],
    ) -> Option<UpdateListEntry> {
        let kind = entry.kind.clone().unwrap_or_else(|| "release".to_owned());
        if !KINDS.contains(&kind.as_str()) {
            let near = did_you_mean(&kind, KINDS);
            let message = format!("type {kind:?}: legal are release, beta, alpha{near}");
            self.error(*offset, message);
            return None;
        }
        let date = match &entry.date {
            Some(written) => Some(self.update_date(*offset, written)?),
            None => None,
        };
        let object = match &entry.object {
            Some(name) => {
                let id = self.find(*offset, name)?;
                self.is_file(*offset, id, channels)?;
                Some(id)
            }
            None => {
                let missing = [
                    ("name", entry.name.is_none()),
                    ("date", date.is_none()),
                    ("url", entry.url.is_none()),
                ];
                for (key, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
                    let message =
                        format!("an entry without `object`, which would tell it, needs `{key}`");
                    self.error(*offset, message);
                }
                missing.iter().all(|(_, is_missing)| !is_missing).then_some(())?;
                None
            }
        };
        let (name, url) = (entry.name.clone(), entry.url.clone());
        let description = entry.description.clone();
        Some(UpdateListEntry { object, name, url, kind, date, description })
    }

    fn update_date(&mut self, offset: usize, written: &str) -> Option<UpdateDate> {
        match UpdateDate::read(written) {
            Ok((date, DateForm::List | DateForm::Header | DateForm::Spaced)) => Some(date),
            Err(error) => {
                self.error(offset, format!("date: {error}"));
                None
            }
        }
    }

    /// Only a file is an image; why another object is none, is told.
    pub(super) fn is_file(
        &mut self,
        offset: usize,
        id: ObjectId,
        channels: &[(Channel, &ChannelDraft)],
    ) -> Option<()> {
        let (channel, _) = channels.get(id.channel)?;
        let object = channel.objects.get(id.object)?;
        if matches!(object.source, Source::File(_)) {
            return Some(());
        }
        let message = format!("object `{}` is no file but made from the line-up", object.name);
        self.error(offset, message);
        None
    }

    /// A path that boxes can ask for.
    pub(super) fn http_path(&mut self, written: &At<String>) -> Option<String> {
        let path = written.value.as_str();
        let steps = || path.split('/').skip(1);
        let legal = path.starts_with('/')
            && path.len() <= PATH_BYTES_MAX
            && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%\\".contains(&byte))
            && !steps().any(|step| matches!(step, "." | ".."));
        if !legal || steps().next() == Some("images") {
            let message = format!(
                "path {path:?}: legal are `/`, printable characters without `?`, `#`, `%` and `\\`, no step \
                 `.` or `..`, and not below /images"
            );
            self.error(written.offset, message);
            return None;
        }
        Some(path.to_owned())
    }

    /// No two texts may be answered at one path.
    pub(super) fn one_path(&mut self, offset: usize, path: &str, what: &str, paths: &mut Paths) {
        if let Some(other) = paths.insert(path.to_ascii_lowercase(), what.to_owned()) {
            self.error(offset, format!("path {path} is that of {other} already"));
        }
    }
}
