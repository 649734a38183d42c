//! Text to entries: strict JSON, or what is left of it when a converter or an editor was at it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use stbcast_object::xml::Place;

use super::{ENTRIES_MAX, UPDATE_LIST_BYTES_MAX, UpdateEntry, UpdateListError, UpdateListProblem};

/// What was read.
pub(super) struct Read {
    pub(super) entries: Vec<ReadEntry>,
    /// Why boxes refuse the whole list although it was read here.
    pub(super) not_strict: Option<UpdateListError>,
}

/// An entry, and what is wrong with its keys.
pub(super) struct ReadEntry {
    pub(super) place: Place,
    pub(super) entry: UpdateEntry,
    pub(super) problems: Vec<UpdateListProblem>,
}

type Problem = UpdateListProblem;

fn error(text: &str, offset: usize, problem: Problem) -> UpdateListError {
    UpdateListError { place: Place::of(text, offset), entry: None, problem }
}

/// Reads a list.
///
/// # Errors
/// When it cannot be read even if brackets and commas are no matter.
pub(super) fn read(text: &str) -> Result<Read, UpdateListError> {
    if text.len() > UPDATE_LIST_BYTES_MAX {
        return Err(error(text, 0, Problem::Bytes { bytes: text.len() }));
    }
    // RFC 8259 §8.1 lets a parser pass over it, and browsers do when they decode an answer.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (values, not_strict) = match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(values) => (values.into_iter().map(RawValue::get).collect(), None),
        Err(refused) => {
            let (values, why) = leniently(text)?;
            let offset = if refused.is_eof() { text.len() } else { offset(text, &refused) };
            (values, Some(error(text, offset, Problem::NotStrict { why })))
        }
    };
    if values.len() > ENTRIES_MAX {
        return Err(error(text, 0, Problem::Entries));
    }
    // What is within the text says by its address where.
    let place = |value: &str| Place::of(text, value.as_ptr().addr() - text.as_ptr().addr());
    let entries = values.iter().map(|value| entry(value, place(value)));
    Ok(Read { entries: entries.collect(), not_strict })
}

fn offset(text: &str, error: &serde_json::Error) -> usize {
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    before.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
}

/// The values one after the other, whatever commas and brackets stand between them, and what is not as
/// it should be.
fn leniently(text: &str) -> Result<(Vec<&str>, &'static str), UpdateListError> {
    let (mut values, mut at) = (Vec::new(), 0);
    let (mut opened, mut closed, mut trailing) = (false, false, false);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let left = rest.trim_start();
        at = text.len() - left.len();
        match left.as_bytes().first() {
            None => break,
            Some(b'[') if values.is_empty() && !opened => opened = true,
            Some(b']') if opened && !closed => closed = true,
            Some(b',') if !closed => trailing = true,
            Some(b'{') if !closed => {
                let mut stream = serde_json::Deserializer::from_str(left).into_iter::<&RawValue>();
                let value = stream.next().and_then(Result::ok).map(RawValue::get);
                let Some(value) = value.filter(|_| values.len() <= ENTRIES_MAX) else {
                    let why = serde_json::from_str::<&RawValue>(left).map_or_else(
                        |refused| refused.to_string(),
                        |_| String::from("too many entries"),
                    );
                    return Err(error(text, at, Problem::NotJson { why }));
                };
                values.push(value);
                trailing = false;
                at += value.len();
                continue;
            }
            Some(_) => {
                let why = String::from("an entry in braces is expected here");
                return Err(error(text, at, Problem::NotJson { why }));
            }
        }
        at += 1;
    }
    if values.is_empty() && !opened {
        return Err(error(text, 0, Problem::NotJson { why: String::from("there is nothing") }));
    }
    Ok((values, what_is_wrong(opened, closed, trailing)))
}

const fn what_is_wrong(opened: bool, closed: bool, trailing: bool) -> &'static str {
    match (opened, closed, trailing) {
        (false, ..) => "the list must stand in `[` and `]`",
        (true, false, _) => "the `]` at the end is missing",
        (true, true, true) => "no comma may stand behind the last entry",
        (true, true, false) => "one comma must stand between two entries, and nothing else",
    }
}

/// One entry: keys that are missing are empty texts.
fn entry(value: &str, place: Place) -> ReadEntry {
    let mut problems = Vec::new();
    let mut entry = UpdateEntry::default();
    match serde_json::from_str::<Map<String, Value>>(value) {
        Ok(keys) => {
            let UpdateEntry { name, url, kind, date, description } = &mut entry;
            let known = [
                ("name", name, "nobody knows what it is"),
                ("url", url, "there is nothing to fetch"),
                ("type", kind, "boxes take it for a beta"),
                ("date", date, "no box takes it by itself"),
                ("descr", description, "nothing is shown"),
            ];
            for (key, text, what_for) in known {
                match keys.get(key) {
                    Some(Value::String(value)) => text.clone_from(value),
                    _ => problems.push(Problem::Key { key, what_for }),
                }
            }
            let is_unknown =
                |key: &&String| !matches!(key.as_str(), "name" | "url" | "type" | "date" | "descr");
            let unknown = keys.keys().filter(is_unknown).take(8);
            problems.extend(
                unknown.map(|key| Problem::UnknownKey { key: key.chars().take(64).collect() }),
            );
        }
        Err(_) => problems.push(Problem::NotAnObject),
    }
    ReadEntry { place, entry, problems }
}
