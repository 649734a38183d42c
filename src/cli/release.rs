//! `stbcast release`.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use stbcast_release::{STATEMENT_BYTES_MAX, SigningKey, Trust};

use super::complain;
use crate::dates;
use crate::keys::{self, KeyError};

mod action;
mod build;
mod permit;
mod root;
mod show;
mod sign;
mod verify;
mod view;

/// Mode of a statement's file: it is public.
const PUBLIC: u32 = 0o644;

/// Sign what boxes may run, and what they are told to do: root documents, releases, permits and
/// actions.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Root(root::Arguments),
    Build(build::Arguments),
    Permit(permit::Arguments),
    #[command(subcommand)]
    Action(action::Verb),
    Sign(sign::Arguments),
    Show(show::Arguments),
    Verify(verify::Arguments),
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let done = match self.verb {
            Verb::Root(arguments) => arguments.run(),
            Verb::Build(arguments) => arguments.run(),
            Verb::Permit(arguments) => arguments.run(),
            Verb::Action(verb) => verb.run(),
            Verb::Sign(arguments) => arguments.run(),
            Verb::Show(arguments) => arguments.run(),
            Verb::Verify(arguments) => arguments.run(),
        };
        match done {
            Ok(text) => match io::stdout().lock().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            Err(why) => {
                complain(format_args!("error: {why}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// What a verb did, to be printed, or why it could not.
type Done = Result<String, String>;

/// Reads a statement.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: &dyn Display| format!("cannot read {}: {error}", path.display());
    let length = fs::metadata(path).map_err(|error| told(&error))?.len();
    if length > STATEMENT_BYTES_MAX as u64 {
        let path = path.display();
        return Err(format!(
            "{path} is no statement: it has {length} bytes, at most {STATEMENT_BYTES_MAX} are legal"
        ));
    }
    fs::read(path).map_err(|error| told(&error))
}

/// The root that a chain of root documents leads to.
fn trust<P: AsRef<Path>>(roots: &[P]) -> Result<Trust, String> {
    let refused = |path: &Path, why: &dyn Display| format!("{}: {why}", path.display());
    let [first, rest @ ..] = roots else { return Err("no root document is given".to_owned()) };
    let first = first.as_ref();
    let mut trust = Trust::new(&read(first)?).map_err(|why| refused(first, &why))?;
    for path in rest {
        let path = path.as_ref();
        trust.advance(&read(path)?).map_err(|why| refused(path, &why))?;
    }
    Ok(trust)
}

fn private_keys<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<SigningKey>, String> {
    let read = |path: &P| keys::read_private(path.as_ref());
    paths.iter().map(read).collect::<Result<_, KeyError>>().map_err(|error| error.to_string())
}

/// An expiry that has not passed: nobody follows a statement that has expired when it is signed.
fn future(expiry: u64) -> Result<u64, String> {
    if expiry > dates::now() {
        return Ok(expiry);
    }
    Err(format!("it would expire at {}, which has passed", dates::text(expiry)))
}

/// Writes a statement to a file that is not there yet; says what it is.
fn write(path: &Path, bytes: &[u8]) -> Done {
    keys::write_new(path, bytes, PUBLIC).map_err(|error| error.to_string())?;
    let shown = view::View::of(bytes).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(shown.text(path))
}
