//! The lists of a line-up in words.

use stbcast_bootcast::mag;

use super::{Headers, Known, Page};
use crate::lineup::{Finding, LineUp};

/// One text that is answered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ListPlan {
    /// The path it is answered at.
    pub path: String,
    /// What it is, and for which boxes.
    pub what: String,
    /// Its text.
    pub text: String,
}

/// The texts of a line-up with everything on air; what is wrong is added to `findings`.
pub(crate) fn plan(line_up: &LineUp, findings: &mut Vec<Finding>) -> Vec<ListPlan> {
    let headers = Headers::of_files(line_up);
    let known =
        Known { line_up, headers: &headers, digest: &|_| None, has: &|_| true, runs: &|_| true };
    findings.extend(known.findings());
    let pages = known.pages().into_iter();
    pages
        .map(|page| ListPlan { what: what(line_up, &page), text: text(&page), path: page.path })
        .collect()
}

fn text(page: &Page) -> String {
    String::from_utf8_lossy(&page.text).into_owned()
}

fn what(line_up: &LineUp, page: &Page) -> String {
    if let Some(list) = line_up.update_lists.iter().find(|list| list.path == page.path) {
        let entries = mag::UpdateList::parse(&text(page)).map_or(0, |list| list.entries.len());
        return format!("update_list of {}, {entries} entries", list.model);
    }
    for dune in &line_up.dunes {
        for variant in &dune.lists {
            if dune.list_path(*variant) == page.path {
                let count = text(page).lines().count();
                return format!("{} list of {}, {count} firmwares", variant.word(), dune.product);
            }
        }
        if dune.bootstrap_paths().contains(&page.path) {
            return format!("for the bootstrap checker of {}", dune.product);
        }
        if dune.checker_paths().contains(&page.path) {
            return format!("for the upgrade checker of {}", dune.product);
        }
    }
    String::new()
}

/// What boxes of MAG and Dune are told, word by word.
pub(crate) fn words(lists: &[ListPlan]) -> String {
    let mut text = String::new();
    let mut lists = lists.iter().peekable();
    while let Some(ListPlan { path, what, text: told }) = lists.next() {
        text += &format!("GET {path}: {what}\n");
        // The same text at several paths is shown once.
        if lists.peek().is_none_or(|next| next.text != *told) {
            text += &told.lines().map(|line| format!("  {line}\n")).collect::<String>();
            text += "\n";
        }
    }
    text
}
