//! The metadata of Dune HD boxes: what tells them that there is another firmware.
//!
//! A list of firmwares, which the native UI asks for ([`FirmwareList`]), the newest first:
//!
//! ```text
//! 130222_1831_b5 http://192.0.2.1/dune_firmware_tv102_130222_1831_b5.dff.gz stable 177
//! 130221_1050_b4 - stable 139
//! ```
//!
//! One line for the upgrade checker ([`CheckerFile`]) and the properties by which it looks
//! ([`Properties`]):
//!
//! ```text
//! 130101_0101 http://192.0.2.1/dune_firmware_customer__hdtv_101_130101_0101.dff.gz
//! ```
//!
//! What boxes decide by them: [`native_ui`], [`Checker`]. Facts: vendor document 004, MAG and Dune notes §2.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

mod checker;
mod decide;
mod lint;
mod list;
mod problem;
mod properties;

pub use checker::CheckerFile;
pub use decide::{
    Address, Checker, CheckerDecision, CheckerKind, Found, FoundBy, NativeUi, Passed, native_ui,
};
pub use lint::{DuneLint, is_multicast, is_url};
pub use problem::{DuneError, DuneProblem};
pub use properties::{Method, Properties, PropertiesLint};

/// Longest list taken, in bytes.
pub const LIST_BYTES_MAX: usize = 256 * 1024;

/// Most firmwares of a list.
pub const FIRMWARES_MAX: usize = 1_024;

/// Longest version or product id, in bytes.
pub const WORD_BYTES_MAX: usize = 128;

/// Where the bootstrap checker of a factory firmware looks, as the vendor writes it: whether boxes put a
/// slash behind it is not public.
pub const BOOTSTRAP_PREFIX: &str = "http://dunehdbootstrap/dunehd/firmware";

/// Which boxes a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `PRODUCT.txt`: SMP8642, SMP8652, SMP8670, Android, and SMP8672 and SMP8674 before 130221_1050_b4.
    V1,
    /// `v2_PRODUCT.txt`: SMP8672 and SMP8674 from 130221_1050_b4 on.
    V2,
}

impl Variant {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// What boxes of this product ask for, below their prefix.
    pub fn file_name(self, product: &str) -> String {
        match self {
            Self::V1 => alloc::format!("{product}.txt"),
            Self::V2 => alloc::format!("v2_{product}.txt"),
        }
    }
}

/// A firmware of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Its version.
    pub version: String,
    /// Where it is; `None` is `-`, which boxes of [`Variant::V2`] know: it is not offered, but boxes that run
    /// it are offered newer ones.
    pub url: Option<String>,
    /// Whether it is stable; others are offered to boxes that want betas alone.
    pub stable: bool,
    /// MB times two, by the documents; no box of today looks at it.
    pub size: String,
}

/// The list of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirmwareList {
    /// The newest comes first. Every version that is in the field must be here: a box is offered a newer
    /// one only where its own is listed.
    pub firmwares: Vec<Firmware>,
}

impl FirmwareList {
    /// Reads a list.
    ///
    /// # Errors
    /// The first line that boxes cannot read, with its place.
    pub fn parse(text: &str, variant: Variant) -> Result<Self, DuneError> {
        let DuneLint { mut findings, list } = Self::lint(text, variant);
        findings.retain(|finding| finding.problem.is_refused());
        match findings.into_iter().next() {
            Some(refused) => Err(refused),
            None => Ok(list),
        }
    }

    /// Looks at a list as an operator wants it checked.
    pub fn lint(text: &str, variant: Variant) -> DuneLint {
        lint::lint(text, variant)
    }

    /// What is wrong with the firmwares, by their places from 0.
    pub fn problems(&self, variant: Variant) -> Vec<(usize, DuneProblem)> {
        lint::problems(&self.firmwares, variant)
    }

    /// The versions that `before` had and this list has not: boxes that run them are offered nothing any
    /// more.
    pub fn gone_since<'a>(&self, before: &'a Self) -> Vec<&'a str> {
        let is_gone = |one: &&Firmware| self.firmwares.iter().all(|it| it.version != one.version);
        before.firmwares.iter().filter(is_gone).map(|one| one.version.as_str()).collect()
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, url, stable, size } = self;
        let stable = if *stable { "stable" } else { "non-stable" };
        write!(f, "{version} {} {stable} {size}", url.as_deref().unwrap_or("-"))
    }
}

/// A firmware a line.
impl fmt::Display for FirmwareList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.firmwares.iter().try_for_each(|firmware| writeln!(f, "{firmware}"))
    }
}

#[cfg(test)]
mod tests;
