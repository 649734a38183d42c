//! `stbcast dune`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use stbcast_bootcast::dune::{
    CheckerFile, DuneError, FirmwareList, LIST_BYTES_MAX, Properties, Variant,
};
use stbcast_object::xml::Place;

use super::complain;
use super::update_list::{Finding, read_text, told, word};

/// Check what Dune boxes read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Lint(Lint),
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The list PRODUCT.txt.
    V1,
    /// The list v2_PRODUCT.txt.
    V2,
    /// The one line of the upgrade checker.
    Checker,
    /// stb_upgrade_checker.properties.
    Properties,
}

/// Check a list, a checker's file or its properties: every finding with its line. Exit code 0 where there
/// are at most warnings.
#[derive(Debug, Args)]
struct Lint {
    /// The file.
    file: PathBuf,
    /// What it is; by its name where that says so.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// An older list: versions that it has and the new one has not are told. Boxes that run them would be
    /// offered nothing any more.
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let Verb::Lint(arguments) = self.verb;
        match arguments.run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(message) => {
                complain(format_args!("error: {message}"));
                ExitCode::FAILURE
            }
        }
    }
}

impl Lint {
    fn run(&self) -> Result<bool, String> {
        let text = read_text(&self.file, LIST_BYTES_MAX as u64)?;
        let kind = self.kind();
        let (findings, count) = match kind {
            Kind::V1 | Kind::V2 => {
                let variant = if kind == Kind::V1 { Variant::V1 } else { Variant::V2 };
                let mut lint = FirmwareList::lint(&text, variant);
                if let Some(old) = &self.against {
                    let old = read_text(old, LIST_BYTES_MAX as u64)?;
                    lint = lint.against(&FirmwareList::lint(&old, variant).list);
                }
                (lint.findings, (lint.list.firmwares.len(), "firmwares"))
            }
            Kind::Checker => (checker(&text), (1, "firmware")),
            Kind::Properties => {
                let lint = Properties::lint(&text);
                (lint.findings, (lint.properties.pairs.len(), "properties"))
            }
        };
        if self.against.is_some() && !matches!(kind, Kind::V1 | Kind::V2) {
            return Err("--against is for lists".to_owned());
        }
        let fit = !findings.iter().any(|finding| finding.problem.is_error());
        let findings: Vec<_> = findings.iter().map(finding).collect();
        told(&self.file, fit, count, &findings, self.json);
        Ok(fit)
    }

    fn kind(&self) -> Kind {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.kind.unwrap_or_else(|| {
            let has = |extension: &str| {
                self.file.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
            };
            if has("properties") {
                Kind::Properties
            } else if !has("txt") {
                Kind::Checker
            } else if name.starts_with("v2_") {
                Kind::V2
            } else {
                Kind::V1
            }
        })
    }
}

fn checker(text: &str) -> Vec<DuneError> {
    let place = Place { line: 1, column: 1 };
    match CheckerFile::parse(text) {
        Err(error) => vec![error],
        Ok(file) => {
            file.problems().into_iter().map(|problem| DuneError { place, problem }).collect()
        }
    }
}

fn finding(error: &DuneError) -> Finding {
    Finding {
        severity: word(error.problem.is_error()),
        line: error.place.line,
        column: error.place.column,
        message: error.to_string(),
    }
}
