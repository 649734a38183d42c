//! What changes between two line-ups: what an operator reads before and after a reload.
//!
//! Each line-up is told as things (a channel, an object, the announce session) with facts in words and
//! units; what differs between those is the difference.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use crate::lineup::{LineUp, ObjectId, Source};
use crate::spool::Digest;

mod facts;

/// Digits of a digest that are shown.
const DIGITS: usize = 12;

/// A line-up, and the digests of its objects as far as they are known.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The line-up.
    pub line_up: &'a LineUp,
    /// The digest of the object at a place.
    pub digest: &'a dyn Fn(ObjectId) -> Option<Digest>,
}

/// What changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// In the order of the new line-up; what leaves comes last.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// What happens to it.
    pub kind: Kind,
    /// A channel, an object, a statement, by its name.
    pub what: String,
    /// What is changed, field by field; all that is known where it is added or leaves.
    pub fields: Vec<Field>,
}

/// What happens to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was not there.
    Added,
    /// It is there no more.
    Removed,
    /// It is another one.
    Changed,
}

/// A value that changes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its value before, with its unit.
    pub old: Option<String>,
    /// Its value from now on, with its unit.
    pub new: Option<String>,
}

/// A thing and its facts.
type Thing = (String, Vec<(&'static str, String)>);

impl Difference {
    /// What changes between two line-ups that are files: content is compared where an object has another
    /// file than before, and files that cannot be read are left aside.
    pub fn between_files(old: &LineUp, new: &LineUp) -> Self {
        let (before, after) = (paths(old), paths(new));
        let digest = |line_up: &LineUp, others: &HashSet<PathBuf>, id: ObjectId| {
            let Source::File(path) = &line_up.object(id)?.1.source else { return None };
            // What both name has one content.
            if others.contains(path) { None } else { Digest::of_path(path).ok() }
        };
        Self::between(
            Side { line_up: old, digest: &|id| digest(old, &after, id) },
            Side { line_up: new, digest: &|id| digest(new, &before, id) },
        )
    }

    /// What changes from `old` to `new`.
    pub fn between(old: Side<'_>, new: Side<'_>) -> Self {
        let (before, after) = (facts::of(old), facts::of(new));
        let known: BTreeMap<&str, &Thing> = by_name(&before);
        let stays = by_name(&after);
        let mut changes: Vec<_> = after
            .iter()
            .filter_map(|thing| change(known.get(thing.0.as_str()).copied(), thing))
            .collect();
        let gone = before.iter().filter(|(name, _)| !stays.contains_key(name.as_str()));
        changes.extend(gone.map(|(name, facts)| Change {
            kind: Kind::Removed,
            what: name.clone(),
            fields: facts.iter().map(|(name, old)| field(name, Some(old), None)).collect(),
        }));
        if changes.is_empty() && old.line_up != new.line_up {
            let (what, fields) =
                ("the order of the line-up, or what is not shown here".to_owned(), Vec::new());
            changes.push(Change { kind: Kind::Changed, what, fields });
        }
        Self { changes }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

fn paths(line_up: &LineUp) -> HashSet<PathBuf> {
    let objects = line_up.channels.iter().flat_map(|channel| &channel.objects);
    let path = |source: &Source| match source {
        Source::File(path) => Some(path.clone()),
        _ => None,
    };
    objects.filter_map(|object| path(&object.source)).collect()
}

fn by_name(things: &[Thing]) -> BTreeMap<&str, &Thing> {
    things.iter().map(|thing| (thing.0.as_str(), thing)).collect()
}

fn field(name: &'static str, old: Option<&str>, new: Option<&str>) -> Field {
    Field { name, old: old.map(str::to_owned), new: new.map(str::to_owned) }
}

fn value<'a>(facts: &'a [(&'static str, String)], wanted: &str) -> Option<&'a str> {
    facts.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
}

fn change(old: Option<&Thing>, (name, new): &Thing) -> Option<Change> {
    let what = name.clone();
    let Some((_, old)) = old else {
        let fields = new.iter().map(|(name, new)| field(name, None, Some(new))).collect();
        return Some(Change { kind: Kind::Added, what, fields });
    };
    let changed = new.iter().filter_map(|(name, new)| {
        let old = value(old, name);
        (old != Some(new)).then(|| field(name, old, Some(new)))
    });
    let gone = old.iter().filter(|(name, _)| value(new, name).is_none());
    let gone = gone.map(|(name, old)| field(name, Some(old), None));
    let fields: Vec<_> = changed.chain(gone).collect();
    (!fields.is_empty()).then_some(Change { kind: Kind::Changed, what, fields })
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, old, new } = self;
        match (old, new) {
            (Some(old), Some(new)) => write!(f, "{name} {old} -> {new}"),
            (Some(old), None) => write!(f, "{name} {old} -> none"),
            (None, Some(new)) => write!(f, "{name} none -> {new}"),
            (None, None) => f.write_str(name),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, what, fields } = self;
        let mark = match kind {
            Kind::Added => '+',
            Kind::Removed => '-',
            Kind::Changed => '~',
        };
        write!(f, "{mark} {what}")?;
        for (place, field) in fields.iter().enumerate() {
            f.write_str(if place == 0 { ": " } else { ", " })?;
            match kind {
                Kind::Changed => write!(f, "{field}")?,
                Kind::Added | Kind::Removed => {
                    let value = field.new.as_ref().or(field.old.as_ref());
                    write!(f, "{} {}", field.name, value.map_or("", String::as_str))?;
                }
            }
        }
        Ok(())
    }
}

/// A line for each change; one that says so where there is none.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changes");
        }
        for (place, change) in self.changes.iter().enumerate() {
            write!(f, "{}{change}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
