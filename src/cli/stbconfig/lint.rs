//! `stbcast stbconfig lint`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use stbcast_bootcast::stbconfig::{
    BOOT_ELEMENTS, DOCUMENT_BYTES_MAX, Generation, Lint, PERMANENT_ELEMENTS, Problem, Severity,
    StbConfigError, lint,
};

use super::super::complain;
use crate::lineup::{did_you_mean, read_at_most};

/// Which boxes a StbConfig is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    /// Boot loaders 3 and 4.
    Old,
    /// Boot loaders 5 and later.
    New,
    /// Any that it fits.
    Auto,
}

/// Check a StbConfig: every finding with its line, its element, its value and what is legal. Exit code 0
/// where there are at most warnings, 1 where boxes may refuse it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The StbConfig.
    file: PathBuf,
    /// Which boxes it is for.
    #[arg(long, value_enum, default_value_t = For::Auto)]
    generation: For,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let path = self.file.display();
        let document = match read_at_most(&self.file, DOCUMENT_BYTES_MAX as u64) {
            Ok(document) => document,
            Err(message) => {
                complain(format_args!("error: {message}"));
                return ExitCode::FAILURE;
            }
        };
        let lint = lint(
            &document,
            match self.generation {
                For::Old => Some(Generation::Old),
                For::New => Some(Generation::New),
                For::Auto => None,
            },
        );
        let text = if self.json { json(&lint) } else { format!("{path}: {}\n", fits(&lint)) };
        let written = std::io::stdout().lock().write_all(text.as_bytes());
        if !self.json {
            for finding in &lint.findings {
                let severity = word(finding.problem.severity());
                complain(format_args!("{severity}: {path}: {}", message(finding)));
            }
        }
        if lint.is_fit() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Refused | Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// What a finding says, with the element that somebody may have meant.
pub(super) fn message(finding: &StbConfigError) -> String {
    let Problem::Unknown { element, .. } = &finding.problem else { return finding.to_string() };
    let known = BOOT_ELEMENTS.iter().chain(&PERMANENT_ELEMENTS).map(|known| known.name);
    format!("{finding}{}", did_you_mean(element, known))
}

/// Which boxes can use it.
fn fits(lint: &Lint) -> String {
    let errors = lint.findings.iter();
    let errors = errors.filter(|it| it.problem.severity() != Severity::Warning).count();
    match (errors, lint.fits_old) {
        (0, true) => "fit for boxes of both generations".to_owned(),
        (0, false) => "fit for boxes of the newer generation".to_owned(),
        (1, _) => "1 error".to_owned(),
        (errors, _) => format!("{errors} errors"),
    }
}

#[derive(Serialize)]
struct Told<'a> {
    fit: bool,
    generations: &'a [&'a str],
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    severity: &'a str,
    line: usize,
    column: usize,
    element: Option<&'a str>,
    value: Option<&'a str>,
    legal: Option<String>,
    message: String,
}

fn json(lint: &Lint) -> String {
    let findings = lint.findings.iter().map(|it| Finding {
        severity: word(it.problem.severity()),
        line: it.place.line,
        column: it.place.column,
        element: it.problem.element(),
        value: it.problem.value(),
        legal: it.problem.legal().map(|legal| legal.to_string()),
        message: message(it),
    });
    let generations: &[&str] = match (lint.is_fit(), lint.fits_old) {
        (false, _) => &[],
        (true, true) => &["old", "new"],
        (true, false) => &["new"],
    };
    let told = Told { fit: lint.is_fit(), generations, findings: findings.collect() };
    serde_json::to_string_pretty(&told).map_or_else(|error| error.to_string(), |text| text + "\n")
}
