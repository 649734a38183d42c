//! `stbcast update-list`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use stbcast_bootcast::mag::{UPDATE_LIST_BYTES_MAX, UpdateList};

use super::{complain, print};
use crate::lineup::read_at_most;

/// Check `update_list.txt`, by which MAG boxes find their images.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Lint(Lint),
}

/// Check a list: every finding with its place. Exit code 0 where there are at most warnings, 1 where boxes
/// read no list or not what it means.
#[derive(Debug, Args)]
struct Lint {
    /// The list.
    file: PathBuf,
    /// Print the list as boxes read it, where it can be read at all: strict JSON.
    #[arg(long, conflicts_with = "json")]
    mended: bool,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let Verb::Lint(arguments) = self.verb;
        arguments.run()
    }
}

impl Lint {
    fn run(self) -> ExitCode {
        let text = match read_text(&self.file, UPDATE_LIST_BYTES_MAX as u64) {
            Ok(text) => text,
            Err(message) => {
                complain(format_args!("error: {message}"));
                return ExitCode::FAILURE;
            }
        };
        let lint = UpdateList::lint(&text);
        let findings = lint.findings.iter().map(|finding| Finding {
            severity: word(finding.problem.is_error()),
            line: finding.place.line,
            column: finding.place.column,
            message: finding.to_string(),
        });
        let findings: Vec<_> = findings.collect();
        let count = lint.list.as_ref().map_or(0, |list| list.entries.len());
        match (&lint.list, self.mended) {
            (Some(list), true) => print(&list.to_string()),
            _ => told(&self.file, lint.is_fit(), (count, "entries"), &findings, self.json),
        }
        if self.mended {
            complaints(&self.file, &findings);
        }
        if lint.is_fit() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// A file that boxes take for text.
pub(super) fn read_text(path: &std::path::Path, bytes_max: u64) -> Result<String, String> {
    let bytes = read_at_most(path, bytes_max)?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))
}

/// The word for how bad a finding is.
pub(super) const fn word(is_error: bool) -> &'static str {
    if is_error { "error" } else { "warning" }
}

/// A finding for machines and people.
#[derive(Serialize)]
pub(super) struct Finding {
    pub(super) severity: &'static str,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
}

#[derive(Serialize)]
struct Told<'a> {
    fit: bool,
    count: usize,
    findings: &'a [Finding],
}

/// Prints what a file is, and what is wrong with it.
pub(super) fn told(
    path: &std::path::Path,
    fit: bool,
    (count, what): (usize, &str),
    findings: &[Finding],
    json: bool,
) {
    if json {
        let text = serde_json::to_string_pretty(&Told { fit, count, findings });
        return print(&text.map_or_else(|error| error.to_string(), |text| text + "\n"));
    }
    let errors = findings.iter().filter(|finding| finding.severity == word(true)).count();
    print(&match errors {
        0 => format!("{}: fit, {count} {what}\n", path.display()),
        1 => format!("{}: 1 error\n", path.display()),
        errors => format!("{}: {errors} errors\n", path.display()),
    });
    complaints(path, findings);
}

fn complaints(path: &std::path::Path, findings: &[Finding]) {
    for Finding { severity, message, .. } in findings {
        complain(format_args!("{severity}: {}: {message}", path.display()));
    }
}
