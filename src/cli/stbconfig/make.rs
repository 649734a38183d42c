//! `stbcast stbconfig make`.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stbcast_bootcast::stbconfig::{Severity, lint};

use super::super::complain;
use super::lint::message;
use crate::contents::{VERSION_DIGITS, stbconfig_text};
use crate::lineup::{self, LineUp, ObjectId, Source, StbConfig, StbConfigContent, did_you_mean};
use crate::spool::Digest;

/// Write a StbConfig of a line-up to standard output, as boxes are answered and as it is on air. Its
/// infocast URLs are those of the line-up's objects, with their versions.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up in our TOML, or a directory of `*.toml`.
    line_up: PathBuf,
    /// Which [[stbconfig]]; not needed where there is one.
    name: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let path = self.line_up.display();
        let reading = lineup::read(&self.line_up);
        let told = reading.errors().map(|error| complain(format_args!("error: {path}: {error}")));
        let Some(line_up) = reading.line_up.as_ref().filter(|_| told.count() == 0) else {
            return ExitCode::FAILURE;
        };
        let stbconfig = match chosen(line_up, self.name.as_deref()) {
            Ok(stbconfig) => stbconfig,
            Err(message) => {
                complain(format_args!("error: {path}: {message}"));
                return ExitCode::from(2);
            }
        };
        let text = digests(line_up, stbconfig)
            .and_then(|digests| stbconfig_text(line_up, stbconfig, |id| digests.get(&id).cloned()));
        match text {
            Ok(text) => print(&text, stbconfig),
            Err(message) => {
                complain(format_args!("error: {path}: {message}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// The StbConfig of that name, or the only one.
fn chosen<'a>(line_up: &'a LineUp, name: Option<&str>) -> Result<&'a StbConfig, String> {
    let names = || line_up.stbconfigs.iter().map(|stbconfig| stbconfig.name.as_str());
    match (name, &line_up.stbconfigs[..]) {
        (_, []) => Err("the line-up has no [[stbconfig]]".to_owned()),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("which stbconfig? {}", names().collect::<Vec<_>>().join(", "))),
        (Some(name), _) => line_up.stbconfig(name).ok_or_else(|| {
            format!("no stbconfig `{name}` in this line-up{}", did_you_mean(name, names()))
        }),
    }
}

/// What stands for the versions of images that have none.
fn digests(line_up: &LineUp, stbconfig: &StbConfig) -> Result<HashMap<ObjectId, String>, String> {
    let mut digests = HashMap::new();
    for id in stbconfig.parts().into_iter().flatten() {
        let Some((_, object)) = line_up.object(id).filter(|(_, it)| it.version.is_none()) else {
            continue;
        };
        let Source::File(path) = &object.source else { continue };
        let digest =
            Digest::of_path(path).map_err(|error| format!("object `{}`: {error}", object.name))?;
        digests.extend(digest.hex().get(..VERSION_DIGITS).map(|digits| (id, digits.to_owned())));
    }
    Ok(digests)
}

fn print(text: &[u8], stbconfig: &StbConfig) -> ExitCode {
    let generation = match &stbconfig.content {
        StbConfigContent::File { generation, .. } => *generation,
        StbConfigContent::Written(written) => Some(written.generation),
    };
    let lint = lint(text, generation);
    let mut refused = false;
    for finding in &lint.findings {
        let is_refused = finding.problem.severity() == Severity::Refused;
        refused |= is_refused;
        let word = if is_refused { "error" } else { "warning" };
        complain(format_args!("{word}: stbconfig `{}`: {}", stbconfig.name, message(finding)));
    }
    if refused || std::io::stdout().lock().write_all(text).is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
