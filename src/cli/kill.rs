//! `stbcast kill` and `stbcast unkill`.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Where, complain, print};
use crate::control::{ClientError, Confirmed, Place, Reply, Request, ask, no_permission};
use crate::killed::{self, Entry, KilledError};

/// What is taken off the air.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// A release by its number, with every image that it names.
    Release,
    /// An image by its SHA-256, or its first 12 digits at least.
    Image,
    /// A channel by its name, with its repair symbols; or a vendor's sender by its name.
    Channel,
}

/// Take a release, an image or a channel off the air within a second, and keep it off over restarts.
/// Exits with 0 when the headend has confirmed that nothing of it is sent any more, or when no headend
/// answers and the file is written that keeps it off.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What is killed.
    #[arg(requires = "name", required_unless_present = "list")]
    what: Option<What>,
    /// Which one.
    name: Option<String>,
    /// Why; for those who read the file.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Print what is killed.
    #[arg(long, conflicts_with = "what")]
    list: bool,
    #[command(flatten)]
    at: Where,
}

/// Bring back what was killed.
#[derive(Debug, Args)]
pub(super) struct UnkillArguments {
    /// What comes back.
    what: What,
    /// Which one.
    name: String,
    #[command(flatten)]
    at: Where,
}

impl What {
    fn entry(self, name: &str) -> Result<Entry, String> {
        match self {
            Self::Release => Entry::parse(&format!("release {name}")),
            Self::Image => Entry::parse(&format!("image {name}")),
            Self::Channel if name.is_empty() => Err("a channel has a name".to_owned()),
            Self::Channel => Ok(Entry::Channel(name.to_owned())),
        }
    }
}

fn end(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(format_args!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        end(self.at.place().and_then(|place| self.kill(&place)))
    }

    fn kill(&self, place: &Place) -> Result<(), String> {
        let (Some(what), Some(name)) = (self.what, &self.name) else { return list(place) };
        let entry = what.entry(name)?;
        place.reach()?;
        let path = place.killed();
        let is_new = killed::add(&path, &entry, &self.reason).map_err(refused)?;
        let word = if is_new { "written to" } else { "stands already in" };
        let shown = path.display();
        let has = vec![entry.to_string()];
        match confirm(place, Request::Killed { has, lacks: Vec::new() })? {
            Some(Confirmed { off_air, .. }) => {
                print(&format!("{entry}: off the air, and {word} {shown}\n"));
                if off_air.is_empty() {
                    print("nothing in the line-up is that: nothing was taken off the air\n");
                } else {
                    print("off the air for all that is killed:\n");
                }
                off_air.iter().for_each(|it| print(&format!("  {it}\n")));
            }
            None => print(&format!("{entry}: {word} {shown}; {}\n", nobody(place))),
        }
        Ok(())
    }
}

impl UnkillArguments {
    pub(super) fn run(self) -> ExitCode {
        end(self.at.place().and_then(|place| self.unkill(&place)))
    }

    fn unkill(&self, place: &Place) -> Result<(), String> {
        let (entry, path) = (self.what.entry(&self.name)?, place.killed());
        place.reach()?;
        let gone = killed::remove(&path, &entry).map_err(refused)?;
        if gone.is_empty() {
            return Err(format!("{entry} is not killed: {} does not have it", path.display()));
        }
        let lacks = gone.iter().map(ToString::to_string).collect();
        let confirmed = confirm(place, Request::Killed { has: Vec::new(), lacks })?;
        for entry in gone {
            match confirmed {
                Some(_) => print(&format!("{entry}: may be on air again\n")),
                None => print(&format!("{entry}: may be sent again; {}\n", nobody(place))),
            }
        }
        Ok(())
    }
}

/// What is killed, with when and why.
fn list(place: &Place) -> Result<(), String> {
    place.reach()?;
    let lines = killed::lines(&place.killed()).map_err(refused)?;
    if lines.is_empty() {
        print(&format!("nothing is killed in {}\n", place.killed().display()));
    }
    for killed::Line { entry, note } in lines {
        print(&format!("{entry}  {note}\n"));
    }
    Ok(())
}

/// What became of nothing: a person without the permission hears what to do.
fn refused(error: KilledError) -> String {
    match error {
        KilledError::System { path, error, .. } if error.kind() == ErrorKind::PermissionDenied => {
            no_permission(&path)
        }
        error => error.to_string(),
    }
}

/// Nobody confirms the file; a headend whose socket cannot be opened is on air all the same.
fn nobody(place: &Place) -> String {
    let socket = place.socket.display();
    format!(
        "no headend answers at {socket}; one that runs without a socket obeys the file within a second"
    )
}

/// What the headend says of the file; `None` where none is running.
fn confirm(place: &Place, request: Request) -> Result<Option<Confirmed>, String> {
    let written = "the file is written, but the headend has not confirmed it";
    match ask(&place.socket, &request) {
        Ok(Reply::Killed(confirmed)) => Ok(Some(confirmed)),
        Ok(Reply::Error { message }) => Err(format!("{written}: {message}")),
        Ok(_) => Err(format!("{written}: it answers something else")),
        Err(ClientError::Nobody { .. }) => Ok(None),
        Err(error) => Err(format!("{written}: {error}")),
    }
}
