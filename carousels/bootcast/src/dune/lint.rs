//! What an operator does wrong, whether he wrote the list or a line-up.

use alloc::vec::Vec;

use stbcast_object::Group;
use stbcast_object::xml::Place;

use super::list::{firmware, start, word};
use super::{
    DuneError, DuneProblem, FIRMWARES_MAX, Firmware, FirmwareList, LIST_BYTES_MAX, Variant,
};
use crate::HttpUrl;

/// What looking at a list gave.
#[derive(Clone, Debug)]
pub struct DuneLint {
    /// All that is wrong with it, by its place.
    pub findings: Vec<DuneError>,
    /// The lines that can be read.
    pub list: FirmwareList,
}

impl DuneLint {
    /// Whether boxes read it and are offered by it what it says.
    pub fn is_fit(&self) -> bool {
        !self.findings.iter().any(|finding| finding.problem.is_error())
    }

    /// Tells which versions of an older list are gone, too.
    #[must_use]
    pub fn against(mut self, before: &FirmwareList) -> Self {
        let gone = self.list.gone_since(before).into_iter().map(|version| DuneError {
            place: Place { line: 1, column: 1 },
            problem: DuneProblem::Gone { version: version.into() },
        });
        self.findings.extend(gone);
        self
    }
}

pub(super) fn lint(text: &str, variant: Variant) -> DuneLint {
    let at = |line, problem| DuneError { place: Place { line, column: 1 }, problem };
    let refused =
        |problem| DuneLint { findings: alloc::vec![at(1, problem)], list: FirmwareList::default() };
    if text.len() > LIST_BYTES_MAX {
        return refused(DuneProblem::Bytes { bytes: text.len() });
    }
    let (mut findings, mut lines, mut firmwares) = (Vec::new(), Vec::new(), Vec::new());
    for (line, text) in (1..).zip(text.lines()) {
        match firmware(text) {
            None => {}
            Some(Ok(firmware)) => {
                lines.push(line);
                firmwares.push(firmware);
            }
            Some(Err(problem)) => findings.push(at(line, problem)),
        }
        if firmwares.len().max(findings.len()) > FIRMWARES_MAX {
            return refused(DuneProblem::Firmwares);
        }
    }
    let line_of = |place: usize| lines.get(place).copied().unwrap_or(1);
    for (place, problem) in problems(&firmwares, variant) {
        let problem = match problem {
            // Places are lines here, and some lines may be empty.
            DuneProblem::Twice { version, line } => {
                DuneProblem::Twice { version, line: line_of(line.saturating_sub(1)) }
            }
            other => other,
        };
        findings.push(at(line_of(place), problem));
    }
    findings.sort_by_key(|finding| finding.place);
    DuneLint { findings, list: FirmwareList { firmwares } }
}

/// What is wrong with firmwares, by their places from 0.
pub(super) fn problems(firmwares: &[Firmware], variant: Variant) -> Vec<(usize, DuneProblem)> {
    let mut problems = Vec::new();
    let mut above: Option<&str> = None;
    for (place, firmware) in firmwares.iter().enumerate() {
        let mut tell = |problem| problems.push((place, problem));
        let Firmware { version, url, size, .. } = firmware;
        if let Err(problem) = word("version", version) {
            tell(problem);
        }
        match url {
            Some(url) => self::url(url, &mut tell),
            None if variant == Variant::V1 => tell(DuneProblem::NoUrl),
            None => {}
        }
        if size.parse::<u32>().is_err() {
            tell(DuneProblem::Size { size: start(size, 64) });
        }
        let same = firmwares.iter().take(place).position(|other| other.version == *version);
        if let Some(other) = same {
            tell(DuneProblem::Twice { version: version.clone(), line: other + 1 });
        }
        let made = made(version);
        if let (Some(above), Some(made)) = (above, made)
            && made > above
        {
            tell(DuneProblem::Order { version: version.clone() });
        }
        above = made.or(above);
    }
    if firmwares.iter().all(|firmware| firmware.url.is_none()) {
        problems.push((0, DuneProblem::NothingOffered));
    }
    problems
}

/// What a URL leads to must be as it says.
pub(super) fn url(url: &str, tell: &mut impl FnMut(DuneProblem)) {
    if !is_url(url) {
        return tell(DuneProblem::Url { url: start(url, 128) });
    }
    let path = url.split('?').next().unwrap_or_default();
    let needs = if !is_multicast(url) && path.ends_with(".dff") {
        "over HTTP boxes take a `.dff.gz`, packed with gzip"
    } else {
        return;
    };
    tell(DuneProblem::Packed { url: start(url, 128), needs });
}

/// Whether boxes know the URL of an image.
pub fn is_url(url: &str) -> bool {
    match group(url) {
        Some(group) => Group::parse(group, None).is_ok(),
        None => HttpUrl::parse(url).is_ok(),
    }
}

/// Whether a URL leads to a multicast of the vendor's own sender, which sends the file `.dff` unpacked.
pub fn is_multicast(url: &str) -> bool {
    group(url).is_some()
}

fn group(url: &str) -> Option<&str> {
    url.strip_prefix("igmp://").or_else(|| url.strip_prefix("udp://@"))
}

/// When a version was made, where it begins with `YYMMDD_HHMM`.
fn made(version: &str) -> Option<&str> {
    let made = version.get(..11)?;
    let is_digit = |(place, byte): (usize, u8)| {
        if place == 6 { byte == b'_' } else { byte.is_ascii_digit() }
    };
    made.bytes().enumerate().all(is_digit).then_some(made)
}
