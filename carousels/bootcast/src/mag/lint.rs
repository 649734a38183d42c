//! What an operator does wrong, whether he wrote the list or a line-up.

use alloc::string::String;
use alloc::vec::Vec;

use stbcast_object::Group;
use stbcast_object::xml::Place;

use super::date::{DateForm, UpdateDate};
use super::read::{self, Read};
use super::{
    DESCRIPTION_CHARS_MAX, KINDS, NAME_CHARS_MAX, UpdateEntry, UpdateList, UpdateListError,
    UpdateListProblem,
};
use crate::HttpUrl;

type Problem = UpdateListProblem;

/// What looking at a list gave.
#[derive(Clone, Debug)]
pub struct UpdateListLint {
    /// All that is wrong with it, by its place.
    pub findings: Vec<UpdateListError>,
    /// The list, where it can be read here; boxes may refuse it all the same.
    pub list: Option<UpdateList>,
}

impl UpdateListLint {
    /// Whether boxes read it and take from it what it says.
    pub fn is_fit(&self) -> bool {
        !self.findings.iter().any(|finding| finding.problem.is_error())
    }

    /// Whether boxes read a list at all.
    pub fn is_strict(&self) -> bool {
        let refused = |it: &UpdateListError| matches!(it.problem, Problem::NotStrict { .. });
        self.list.is_some() && !self.findings.iter().any(refused)
    }
}

pub(super) fn lint(text: &str) -> UpdateListLint {
    let Read { entries, not_strict } = match read::read(text) {
        Ok(read) => read,
        Err(error) => return UpdateListLint { findings: alloc::vec![error], list: None },
    };
    let mut findings: Vec<_> = not_strict.into_iter().collect();
    let (mut places, mut read) = (Vec::new(), Vec::new());
    let tell = |place, at: usize, problem| UpdateListError { place, entry: Some(at + 1), problem };
    for (at, entry) in entries.into_iter().enumerate() {
        findings.extend(entry.problems.into_iter().map(|problem| tell(entry.place, at, problem)));
        places.push(entry.place);
        read.push(entry.entry);
    }
    if read.is_empty() {
        let place = Place { line: 1, column: 1 };
        findings.push(UpdateListError { place, entry: None, problem: Problem::Empty });
    }
    for (at, problem) in problems(&read) {
        findings.extend(places.get(at).map(|place| tell(*place, at, problem)));
    }
    findings.sort_by_key(|finding| finding.place);
    UpdateListLint { findings, list: Some(UpdateList { entries: read }) }
}

/// What is wrong with entries whose keys are there, by their places from 0. An empty text is a key that
/// is missing, which was told.
pub(super) fn problems(entries: &[UpdateEntry]) -> Vec<(usize, Problem)> {
    let mut problems = Vec::new();
    let mut before: Option<UpdateDate> = None;
    for (at, entry) in entries.iter().enumerate() {
        let mut tell = |problem| problems.push((at, problem));
        texts(entry, &mut tell);
        date_form(&entry.date, &mut tell);
        let date = entry.date();
        if let (Some(before), Some(date)) = (before, date) {
            match date.cmp(&before) {
                core::cmp::Ordering::Less => tell(Problem::Order),
                core::cmp::Ordering::Equal => tell(Problem::SameDate),
                core::cmp::Ordering::Greater => {}
            }
        }
        let same = |other: &UpdateEntry| !entry.name.is_empty() && other.name == entry.name;
        if let Some(other) = entries.iter().take(at).position(same) {
            tell(Problem::SameName { other: other + 1 });
        }
        before = date.or(before);
    }
    problems
}

fn texts(entry: &UpdateEntry, tell: &mut impl FnMut(Problem)) {
    let UpdateEntry { name, url, kind, description, .. } = entry;
    let shown = [("name", name, NAME_CHARS_MAX), ("descr", description, DESCRIPTION_CHARS_MAX)];
    for (key, text, max) in shown {
        let chars = text.chars().count();
        if chars > max {
            tell(Problem::Chars { key, chars, max });
        }
    }
    if !url.is_empty() && !is_url(url) {
        tell(Problem::Url { url: start(url, 128) });
    }
    if !kind.is_empty() && !KINDS.contains(&kind.as_str()) {
        let is_alpha = kind.to_ascii_lowercase().contains("alpha");
        let meant =
            if is_alpha { "boxes take it for an alpha" } else { "boxes take it for a beta" };
        tell(Problem::Kind { kind: start(kind, 64), meant });
    }
}

/// Whether a running box can fetch an image from there.
pub(crate) fn is_url(url: &str) -> bool {
    match url.strip_prefix("igmp://") {
        Some(group) => Group::parse(group, None).is_ok(),
        None => HttpUrl::parse(url).is_ok(),
    }
}

fn date_form(text: &str, tell: &mut impl FnMut(Problem)) {
    if text.is_empty() {
        return;
    }
    let (right, boxes) = match UpdateDate::read(text) {
        Err(error) => return tell(Problem::Date(error)),
        Ok((_, DateForm::List)) => return,
        Ok((date, DateForm::Spaced)) => (date.to_list(), "not all boxes"),
        Ok((date, DateForm::Header)) => (date.to_list(), "no boxes"),
    };
    tell(Problem::DateForm { written: start(text, 64), boxes, right });
}

fn start(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
