//! XML to requests.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use roxmltree::{Document, Node, ParsingOptions};
use stbcast_object::xml;

use super::check::{self, shown};
use super::{
    Button, Notification, REBOOT_BYTES_MAX, REQUESTS_MAX, RebootError, RebootProblem,
    RebootRequest, RebootRequests, Wanted,
};

/// What is taken of the XML.
const XML: xml::Limits = xml::Limits {
    depth: 8,
    elements: 2_048,
    attributes: 16,
    signs: 8_192,
    document_type: xml::DocumentType::External,
};

/// Nodes of the parsed tree: elements, texts and comments.
const NODES_MAX: u32 = 8_192;

const ROOT: &str = "RemoteRebootRequests";
const REQUEST: &str = "RemoteRebootRequest";
const NOTIFICATION: &str = "Notification";
const BUTTON: &str = "Button";

/// The elements of a request, in the order of the DTD.
const ELEMENTS: [&str; 10] = [
    "SoftwareDate",
    "SoftwareTime",
    "SoftwareVersion",
    "SerialIntervalStart",
    "SerialIntervalEnd",
    "Model",
    "Severity",
    "Timeout",
    "DelayedReboot",
    NOTIFICATION,
];

/// What looking at a document gave.
#[derive(Clone, Debug)]
pub struct RebootLint {
    /// All that is wrong with it, by its place.
    pub findings: Vec<RebootError>,
    /// The requests, where boxes can read them.
    pub requests: Option<RebootRequests>,
}

impl RebootLint {
    /// Whether it may go on air: no box refuses it, and none reboots for ever by what it says alone.
    pub fn is_fit(&self) -> bool {
        !self.findings.iter().any(|finding| finding.problem.is_error())
    }
}

/// Looks at a document as an operator wants it checked.
pub fn lint(document: &[u8]) -> RebootLint {
    let mut findings = Vec::new();
    let requests = match read(document, &mut findings) {
        Ok(requests) => requests,
        Err(error) => {
            findings.push(error);
            None
        }
    };
    findings.sort_by_key(|finding| finding.line);
    let refused = findings.iter().any(|finding| finding.problem.is_refused());
    RebootLint { findings, requests: requests.filter(|_| !refused) }
}

type Findings = Vec<RebootError>;

fn read(document: &[u8], findings: &mut Findings) -> Result<Option<RebootRequests>, RebootError> {
    let refused = |line, problem| RebootError { line, problem };
    if document.len() > REBOOT_BYTES_MAX {
        return Err(refused(1, RebootProblem::Bytes { bytes: document.len() }));
    }
    let not_xml = |line, why: String| refused(line, RebootProblem::NotXml { why: shown(&why) });
    let text = core::str::from_utf8(document).map_err(|_| not_xml(1, "not UTF-8".to_string()))?;
    xml::guard(text, &XML)
        .map_err(|hostile| not_xml(xml::Place::of(text, hostile.at()).line, hostile.to_string()))?;
    let options =
        ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let tree = Document::parse_with_options(text, options)
        .map_err(|error| not_xml(error.pos().row as usize, error.to_string()))?;
    let root = tree.root_element();
    if root.tag_name().name() != ROOT {
        let found = shown(root.tag_name().name());
        return Err(refused(line(root), RebootProblem::Root { found }));
    }
    let mut requests = Vec::new();
    let mut lines = Vec::new();
    for child in root.children().filter(Node::is_element) {
        if child.tag_name().name() != REQUEST {
            unknown(child, ROOT, findings);
            continue;
        }
        if requests.len() >= REQUESTS_MAX {
            let problem = RebootProblem::Requests { requests: requests.len() + 1 };
            return Err(refused(line(child), problem));
        }
        if let Some(request) = request(child, findings) {
            lines.push(line(child));
            requests.push(request);
        }
    }
    if requests.is_empty() {
        if findings.is_empty() {
            findings.push(refused(line(root), RebootProblem::NoRequest));
        }
        return Ok(None);
    }
    let requests = RebootRequests { requests };
    for (at, problem) in check::problems(&requests) {
        let line = lines.get(at.saturating_sub(1)).copied().unwrap_or(1);
        findings.push(RebootError { line, problem });
    }
    Ok(Some(requests))
}

fn line(node: Node<'_, '_>) -> usize {
    node.document().text_pos_at(node.range().start).row as usize
}

fn unknown(node: Node<'_, '_>, parent: &'static str, findings: &mut Findings) {
    let element = shown(node.tag_name().name());
    findings.push(RebootError {
        line: line(node),
        problem: RebootProblem::Unknown { element, parent },
    });
}

/// The text of an element, without blanks around it.
fn text(node: Node<'_, '_>) -> String {
    let texts = node.children().filter(Node::is_text).filter_map(|one| one.text());
    texts.collect::<String>().trim().to_string()
}

/// The children of a known name, each at most once.
struct Children<'a, 'input> {
    parent: &'static str,
    line: usize,
    found: Vec<(&'static str, Node<'a, 'input>)>,
}

impl<'a, 'input> Children<'a, 'input> {
    fn of(
        node: Node<'a, 'input>,
        parent: &'static str,
        known: &[&'static str],
        findings: &mut Findings,
    ) -> Self {
        let mut found: Vec<(&'static str, Node<'a, 'input>)> = Vec::new();
        let mut last = 0;
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            let Some(place) = known.iter().position(|known| *known == name) else {
                unknown(child, parent, findings);
                continue;
            };
            let Some(&element) = known.get(place) else { continue };
            let line = line(child);
            if place < last {
                findings.push(RebootError { line, problem: RebootProblem::Order { element } });
            }
            last = last.max(place);
            let is_repeated = element != BUTTON && found.iter().any(|(name, _)| *name == element);
            if is_repeated {
                let problem = RebootProblem::Twice { element, parent };
                findings.push(RebootError { line, problem });
                continue;
            }
            found.push((element, child));
        }
        Self { parent, line: line(node), found }
    }

    fn get(&self, element: &str) -> Option<Node<'a, 'input>> {
        self.found.iter().find(|(name, _)| *name == element).map(|(_, node)| *node)
    }

    fn text(&self, element: &str) -> Option<String> {
        self.get(element).map(text)
    }

    fn required(&self, element: &'static str, findings: &mut Findings) -> Option<String> {
        let text = self.text(element);
        if text.is_none() {
            let problem = RebootProblem::Missing { element, parent: self.parent };
            findings.push(RebootError { line: self.line, problem });
        }
        text
    }

    /// Two elements that stand together or not at all.
    fn pair(
        &self,
        [one, other]: [&'static str; 2],
        findings: &mut Findings,
    ) -> Option<(String, String)> {
        match (self.text(one), self.text(other)) {
            (Some(first), Some(last)) => return Some((first, last)),
            (None, None) => return None,
            (first, _) => {
                let (element, other) = if first.is_some() { (one, other) } else { (other, one) };
                let problem = RebootProblem::Half { element, other };
                findings.push(RebootError { line: self.line, problem });
            }
        }
        None
    }
}

fn request(node: Node<'_, '_>, findings: &mut Findings) -> Option<RebootRequest> {
    let children = Children::of(node, REQUEST, &ELEMENTS, findings);
    let date = children.pair(["SoftwareDate", "SoftwareTime"], findings);
    let is_dated = ["SoftwareDate", "SoftwareTime"].iter().any(|it| children.get(it).is_some());
    let version = children.text("SoftwareVersion");
    let wanted = match (version, date) {
        (Some(_), _) if is_dated => {
            findings.push(RebootError { line: children.line, problem: RebootProblem::Both });
            None
        }
        (Some(version), _) => Some(Wanted::Version(version)),
        (None, Some((date, time))) => Some(Wanted::Date { date, time }),
        (None, None) => {
            if !is_dated {
                let problem =
                    RebootProblem::Missing { element: "SoftwareVersion", parent: REQUEST };
                findings.push(RebootError { line: children.line, problem });
            }
            None
        }
    };
    let serials = children.pair(["SerialIntervalStart", "SerialIntervalEnd"], findings);
    let severity = children.required("Severity", findings);
    let notification = children.get(NOTIFICATION).map(|node| notification(node, findings));
    Some(RebootRequest {
        wanted: wanted?,
        serials,
        model: children.text("Model"),
        severity: severity?,
        timeout: children.text("Timeout"),
        delayed: children.text("DelayedReboot"),
        notification: match notification {
            Some(notification) => Some(notification?),
            None => None,
        },
    })
}

fn notification(node: Node<'_, '_>, findings: &mut Findings) -> Option<Notification> {
    let children = Children::of(node, NOTIFICATION, &["Text", BUTTON], findings);
    let text = children.required("Text", findings);
    let buttons = children.found.iter().filter(|(name, _)| *name == BUTTON);
    let buttons: Vec<_> = buttons.map(|(_, node)| button(*node, findings)).collect();
    let count = buttons.len();
    let buttons: Option<Vec<Button>> = buttons.into_iter().collect();
    if count != 2 {
        let problem = RebootProblem::Buttons { buttons: count };
        findings.push(RebootError { line: children.line, problem });
    }
    let buttons = <[Button; 2]>::try_from(buttons?).ok()?;
    Some(Notification { text: text?, buttons })
}

fn button(node: Node<'_, '_>, findings: &mut Findings) -> Option<Button> {
    let children = Children::of(node, BUTTON, &["Text", "Action"], findings);
    let text = children.required("Text", findings);
    let action = children.required("Action", findings);
    Some(Button { text: text?, action: action? })
}
