//! `stbcast reboot`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use stbcast_bootcast::reboot::{REBOOT_BYTES_MAX, RebootError, RebootLint, lint};

use super::complain;
use crate::lineup::read_at_most;

/// Check requests to reboot, the object `cmd.reboot` of boxes that are on.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Lint(Lint),
}

/// Check a document of requests: every finding with its line. Exit code 0 where there are at most
/// warnings, 1 where boxes may refuse it or reboot for ever. That what it wants is what boxes get is
/// checked by `stbcast check`, which knows the line-up.
#[derive(Debug, Args)]
struct Lint {
    /// The document.
    file: PathBuf,
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
        let path = self.file.display();
        let document = match read_at_most(&self.file, REBOOT_BYTES_MAX as u64) {
            Ok(document) => document,
            Err(message) => {
                complain(format_args!("error: {message}"));
                return ExitCode::FAILURE;
            }
        };
        let lint = lint(&document);
        let text = if self.json { json(&lint) } else { format!("{path}: {}\n", told(&lint)) };
        let written = std::io::stdout().lock().write_all(text.as_bytes());
        if !self.json {
            for finding in &lint.findings {
                complain(format_args!("{}: {path}: {finding}", word(finding)));
            }
        }
        if lint.is_fit() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

const fn word(finding: &RebootError) -> &'static str {
    if finding.problem.is_error() { "error" } else { "warning" }
}

fn told(lint: &RebootLint) -> String {
    let errors = lint.findings.iter().filter(|finding| finding.problem.is_error()).count();
    match (errors, &lint.requests) {
        (0, Some(requests)) => format!("fit, {} requests", requests.requests.len()),
        (1, _) => "1 error".to_owned(),
        (errors, _) => format!("{errors} errors"),
    }
}

#[derive(Serialize)]
struct Told {
    fit: bool,
    requests: usize,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    line: usize,
    message: String,
}

fn json(lint: &RebootLint) -> String {
    let findings = lint.findings.iter().map(|finding| Finding {
        severity: word(finding),
        line: finding.line,
        message: finding.problem.to_string(),
    });
    let requests = lint.requests.as_ref().map_or(0, |requests| requests.requests.len());
    let told = Told { fit: lint.is_fit(), requests, findings: findings.collect() };
    serde_json::to_string_pretty(&told).map_or_else(|error| error.to_string(), |text| text + "\n")
}
