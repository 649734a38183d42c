//! `cmd.reboot`: the object by which boxes of KreaTV that are on are told to reboot.
//!
//! ```xml
//! <RemoteRebootRequests>
//!   <RemoteRebootRequest>
//!     <SoftwareVersion>5.1.1</SoftwareVersion>
//!     <Model>VIP1113</Model>
//!     <Severity>1</Severity>
//!   </RemoteRebootRequest>
//! </RemoteRebootRequests>
//! ```
//!
//! It travels on the metadata channel, and a box that a request is for reboots as long as it runs
//! another software than the request wants. So a wanted software that no box can get has these boxes
//! reboot for ever, which is what [`RebootRequests::problems`] and [`lint`] look for first.
//!
//! What the vendor tells in public is the DTD and what the object is for. Which words `Severity` knows,
//! and the unit of `Timeout`, is not told: both are carried as they are written. `Yes` and `No` as the
//! actions of buttons are inferred from what a portal answers.

use alloc::string::String;
use alloc::vec::Vec;

mod check;
mod problem;
mod read;
mod write;

pub use problem::{RebootError, RebootProblem};
pub use read::{RebootLint, lint};

/// Longest document taken, in bytes.
pub const REBOOT_BYTES_MAX: usize = 64 * 1024;

/// Most requests of a document.
pub const REQUESTS_MAX: usize = 64;

/// Longest text of an element, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebootRequests {
    /// 1 to 64 requests, each for other boxes.
    pub requests: Vec<RebootRequest>,
}

/// Which boxes reboot, and until what they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebootRequest {
    /// What they are to run.
    pub wanted: Wanted,
    /// First and last serial, both included; all boxes, when `None`.
    pub serials: Option<(String, String)>,
    /// Their model; all, when `None`.
    pub model: Option<String>,
    /// How urgent it is, in a word of the vendor.
    pub severity: String,
    /// How long the notification is shown, in a unit of the vendor.
    pub timeout: Option<String>,
    /// Whether they wait, in a word of the vendor.
    pub delayed: Option<String>,
    /// What they ask whoever watches.
    pub notification: Option<Notification>,
}

/// The software that boxes are to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its version, compared for equality alone.
    Version(String),
    /// When it was made.
    Date {
        /// `YYYYMMDD`.
        date: String,
        /// `HHMMSS`.
        time: String,
    },
}

/// A question on the screen, which an application of the box shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The question.
    pub text: String,
    /// Its two buttons.
    pub buttons: [Button; 2],
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub text: String,
    /// What the box is told.
    pub action: String,
}

/// The action of the button by which a box reboots.
pub const ACCEPT: &str = "Yes";

/// The action of the button by which it does not yet.
pub const POSTPONE: &str = "No";

impl RebootRequests {
    /// Reads a document as a box does: elements may stand in any order, and unknown ones are passed
    /// over. Never fetches a DTD.
    ///
    /// # Errors
    /// What cannot be read, with its place.
    pub fn parse(document: &[u8]) -> Result<Self, RebootError> {
        let RebootLint { findings, requests } = lint(document);
        let unknown = || RebootError { line: 1, problem: RebootProblem::NoRequest };
        let refused = findings.into_iter().find(|one| one.problem.is_refused());
        requests.ok_or_else(|| refused.unwrap_or_else(unknown))
    }

    /// The document as XML, in the order of the DTD.
    ///
    /// # Errors
    /// The first problem that makes boxes refuse it.
    pub fn write(&self) -> Result<String, RebootProblem> {
        write::write(self)
    }

    /// All that is wrong with it, with the place of the request, from 1.
    pub fn problems(&self) -> Vec<(usize, RebootProblem)> {
        check::problems(self)
    }
}

#[cfg(test)]
mod tests;
