//! XML to values, for boxes and for operators. The crate `roxmltree` is named here and in `walk`
//! alone.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use roxmltree::{Document, ParsingOptions};
use stbcast_object::xml::{self, Place};

use super::problem::beginning;
use super::{DOCUMENT_BYTES_MAX, Generation, Problem, Severity, StbConfig, StbConfigError};

mod walk;

use walk::{BOOT, ROOT, Walk};

/// What is taken of the XML (the vendor's documents have no attribute and are three deep).
const XML: xml::Limits = xml::Limits {
    depth: 8,
    elements: 512,
    attributes: 16,
    signs: 4_096,
    document_type: xml::DocumentType::External,
};

/// Nodes of the parsed tree: elements, texts and comments.
const NODES_MAX: u32 = 2_048;

/// Longest message of the parser, which may quote the document.
const MESSAGE_CHARACTERS_MAX: usize = 200;

/// What looking at a document gave.
#[derive(Clone, Debug)]
pub struct Lint {
    /// All that is wrong with it, or worth knowing, by its place.
    pub findings: Vec<StbConfigError>,
    /// The document, where nothing in it is refused.
    pub config: Option<StbConfig>,
    /// Whether boxes of the older generation can use it, too.
    pub fits_old: bool,
}

impl Lint {
    /// Whether no finding is worse than a warning.
    pub fn is_fit(&self) -> bool {
        self.findings.iter().all(|finding| finding.problem.severity() == Severity::Warning)
    }
}

/// Looks at a document as an operator wants it checked: for boxes of one generation, or of any that
/// it fits where that is `None`.
pub fn lint(document: &[u8], generation: Option<Generation>) -> Lint {
    let (mut report, mut fits_old) = (Report { findings: Some(Vec::new()) }, false);
    let read = read(document, generation, &mut report, &mut fits_old);
    let mut findings = report.findings.unwrap_or_default();
    let config = read.unwrap_or_else(|error| {
        findings.push(error);
        None
    });
    findings.sort_by_key(|finding| finding.place);
    let refused = |finding: &StbConfigError| finding.problem.severity() == Severity::Refused;
    let config = config.filter(|_| !findings.iter().any(refused));
    fits_old &= config.is_some();
    Lint { findings, config, fits_old }
}

/// Reads a document as a box does.
pub(super) fn parse(document: &[u8]) -> Result<StbConfig, StbConfigError> {
    let mut report = Report { findings: None };
    let missing = Problem::Missing { element: BOOT, parent: ROOT };
    let missing = StbConfigError { place: Place { line: 1, column: 1 }, problem: missing };
    read(document, None, &mut report, &mut false)?.ok_or(missing)
}

/// Where problems go: for operators all are kept, for a box the first one that matters ends it.
struct Report {
    findings: Option<Vec<StbConfigError>>,
}

impl Report {
    fn tell(&mut self, place: impl FnOnce() -> Place, problem: Problem) -> Outcome<()> {
        match &mut self.findings {
            Some(findings) => findings.push(StbConfigError { place: place(), problem }),
            None if problem.severity() == Severity::Refused => {
                return Err(StbConfigError { place: place(), problem });
            }
            None => {}
        }
        Ok(())
    }
}

type Outcome<T> = Result<T, StbConfigError>;

fn read(
    document: &[u8],
    generation: Option<Generation>,
    report: &mut Report,
    fits_old: &mut bool,
) -> Outcome<Option<StbConfig>> {
    let text = text(document)?;
    xml::guard(text, &XML).map_err(|refused| StbConfigError {
        place: Place::of(text, refused.at()),
        problem: refused.into(),
    })?;
    let options =
        ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        let (line, column) = (at.row as usize, at.col as usize);
        let message = error.to_string().replace(&format!(" at {at}"), "");
        let message = beginning(&message, MESSAGE_CHARACTERS_MAX);
        let place = Place { line, column };
        StbConfigError { place, problem: Problem::NotXml { message } }
    })?;
    let old = generation == Some(Generation::Old);
    let mut walk = Walk::new(text, report, old);
    let config = walk.root(document.root_element())?;
    *fits_old = walk.fits_old();
    Ok(config)
}

/// The text of a document that is not too long.
fn text(document: &[u8]) -> Outcome<&str> {
    let refused = |place, problem| Err(StbConfigError { place, problem });
    let begin = Place { line: 1, column: 1 };
    let bytes = document.len();
    if bytes > DOCUMENT_BYTES_MAX {
        return refused(begin, Problem::Bytes { bytes });
    }
    if document.starts_with(&[0xff, 0xfe]) || document.starts_with(&[0xfe, 0xff]) {
        return refused(begin, Problem::NulOrUtf16);
    }
    let (text, bad) = match core::str::from_utf8(document) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = document.get(..error.valid_up_to()).unwrap_or_default();
            (core::str::from_utf8(valid).unwrap_or_default(), Some(error.valid_up_to()))
        }
    };
    match (text.find('\0'), bad) {
        (Some(nul), _) => refused(Place::of(text, nul), Problem::NulOrUtf16),
        (None, Some(at)) => refused(Place::of(text, at), Problem::NotUtf8),
        (None, None) => Ok(text),
    }
}
