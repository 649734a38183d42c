//! `stb_upgrade_checker.properties`: how the upgrade checker of a custom firmware looks for a firmware, and
//! what it shows meanwhile.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use stbcast_object::xml::Place;

use super::list::start;
use super::{DuneError, DuneProblem, LIST_BYTES_MAX};
use crate::HttpUrl;

/// Properties with a number of pixels.
const PIXELS: [&str; 6] = ["osd_width", "osd_height", "left", "top", "line_height", "font_height"];

/// Properties with a colour.
const COLOURS: [&str; 2] = ["foreground_color", "background_color"];

/// Stages that show messages.
const STAGES: [&str; 3] = ["waiting_for_ip", "waiting_for_ip_error", "get_fw_info"];

/// What stands for something in a message.
const VARIABLES: [&str; 4] = ["product_id", "mac_address", "firmware_version", "ip_address"];

/// Most lines that a stage may show.
const LINES_MAX: usize = 64;

/// How a checker looks for a firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By DHCP, options 2 and 3.
    Dhcp,
    /// At `url_prefix` and the product id.
    Url,
}

impl Method {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Url => "url",
        }
    }
}

/// The properties as they stand in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Names and values, in the order of the file.
    pub pairs: Vec<(String, String)>,
}

/// What looking at properties gave.
#[derive(Clone, Debug)]
pub struct PropertiesLint {
    /// All that is wrong with them, by its place.
    pub findings: Vec<DuneError>,
    /// Those that can be read.
    pub properties: Properties,
}

impl PropertiesLint {
    /// Whether boxes do by them what they say.
    pub fn is_fit(&self) -> bool {
        !self.findings.iter().any(|finding| finding.problem.is_error())
    }
}

impl Properties {
    /// Reads `NAME = VALUE` lines; empty ones and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str) -> Result<Self, DuneError> {
        let PropertiesLint { mut findings, properties } = Self::lint(text);
        findings.retain(|finding| finding.problem.is_refused());
        findings.into_iter().next().map_or(Ok(properties), Err)
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The methods by which a box looks, in their order; unknown ones are left out.
    pub fn methods(&self) -> Vec<Method> {
        let words = self.get("check_methods").unwrap_or_default().split_ascii_whitespace();
        let known = |word| [Method::Dhcp, Method::Url].into_iter().find(|it| it.word() == word);
        words.filter_map(known).take(2).collect()
    }

    /// Where a box of this product asks.
    pub fn asked(&self, product: &str) -> Option<String> {
        Some([self.get("url_prefix")?, product].concat())
    }

    /// Looks at properties as an operator wants them checked.
    pub fn lint(text: &str) -> PropertiesLint {
        let mut lint = PropertiesLint { findings: Vec::new(), properties: Self::default() };
        if text.len() > LIST_BYTES_MAX {
            let problem = DuneProblem::Bytes { bytes: text.len() };
            lint.findings.push(DuneError { place: Place { line: 1, column: 1 }, problem });
            return lint;
        }
        let mut lines = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let place = Place { line, column: 1 };
            match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some((name, value)) if !name.is_empty() => {
                    lines.push(place);
                    lint.properties.pairs.push((name.to_owned(), value.to_owned()));
                }
                _ => lint.findings.push(DuneError { place, problem: DuneProblem::NoValue }),
            }
        }
        let problems = lint.properties.problems();
        let first = Place { line: 1, column: 1 };
        lint.findings.extend(problems.into_iter().map(|(at, problem)| {
            let place = at.and_then(|at| lines.get(at)).copied().unwrap_or(first);
            DuneError { place, problem }
        }));
        lint.findings.sort_by_key(|finding| finding.place);
        lint
    }

    /// What is wrong with them, by their places from 0; `None` where something is missing.
    pub fn problems(&self) -> Vec<(Option<usize>, DuneProblem)> {
        let mut problems = Vec::new();
        for (at, (name, value)) in self.pairs.iter().enumerate() {
            if self.pairs.iter().take(at).any(|(other, _)| other == name) {
                let name = start(name, 64);
                problems.push((Some(at), DuneProblem::TwiceNamed { name }));
            }
            self.pair((name, value), &mut |problem| problems.push((Some(at), problem)));
        }
        let methods = self.methods();
        if self.get("check_methods").is_none() {
            let why = "nothing is looked for";
            problems.push((None, DuneProblem::Missing { name: "check_methods", why }));
        }
        if methods.contains(&Method::Url) && self.get("url_prefix").is_none() {
            let why = "method `url` needs it";
            problems.push((None, DuneProblem::Missing { name: "url_prefix", why }));
        }
        for stage in STAGES {
            let lines = self.lines(stage);
            let has = |line: &usize| self.get(&alloc::format!("{stage}.line.{line}")).is_some();
            if let Some(line) = (0..lines.unwrap_or(0)).find(|line| !has(line)) {
                let lines = lines.unwrap_or(0);
                problems.push((None, DuneProblem::LineMissing { stage, lines, line }));
            }
        }
        problems
    }

    /// How many lines a stage shows.
    fn lines(&self, stage: &str) -> Option<usize> {
        let lines = self.get(&alloc::format!("{stage}.lines"))?.parse().ok()?;
        (lines <= LINES_MAX).then_some(lines)
    }

    fn pair(&self, (name, value): (&str, &str), tell: &mut impl FnMut(DuneProblem)) {
        let mut wrong = |legal| {
            tell(DuneProblem::Value { name: start(name, 64), value: start(value, 128), legal });
        };
        if name == "check_methods" {
            let words: Vec<&str> = value.split_ascii_whitespace().collect();
            if !matches!(words.as_slice(), ["dhcp"] | ["url"] | ["dhcp", "url"] | ["url", "dhcp"]) {
                wrong("dhcp, url, or both in the order they are tried");
            }
        } else if name == "url_prefix" {
            if HttpUrl::parse(value).is_err() {
                wrong("http://SERVER[:PORT]/PATH/");
            } else if !value.ends_with('/') {
                tell(DuneProblem::NoSlash {
                    asked: alloc::format!("{}PRODUCT", start(value, 128)),
                });
            }
        } else if PIXELS.contains(&name) {
            if !value.parse::<u32>().is_ok_and(|pixels| pixels <= 10_000) {
                wrong("0 to 10000 pixels");
            }
        } else if COLOURS.contains(&name) {
            let hex = value.strip_prefix("0x").unwrap_or_default();
            if hex.len() != 6 || u32::from_str_radix(hex, 16).is_err() {
                wrong("a colour as 0xffffff");
            }
        } else if name == "alignment" {
            if !matches!(value, "center" | "left") {
                wrong("center and left");
            }
        } else if name == "font_path" {
            if !value.starts_with('/') {
                wrong("a path on the box, as /config/custom_font.ttf");
            }
        } else {
            self.message((name, value), tell);
        }
    }

    /// `STAGE.lines` and `STAGE.line.N`.
    fn message(&self, (name, value): (&str, &str), tell: &mut impl FnMut(DuneProblem)) {
        let stage = STAGES
            .into_iter()
            .find_map(|stage| Some((stage, name.strip_prefix(stage)?.strip_prefix('.')?)));
        let Some((stage, rest)) = stage else {
            return tell(DuneProblem::UnknownName { name: start(name, 64) });
        };
        if rest == "lines" {
            if !value.parse::<usize>().is_ok_and(|lines| lines <= LINES_MAX) {
                let (name, value) = (start(name, 64), start(value, 128));
                tell(DuneProblem::Value { name, value, legal: "0 to 64 lines" });
            }
            return;
        }
        let line = rest.strip_prefix("line.").and_then(|line| line.parse::<usize>().ok());
        let Some(line) = line else {
            return tell(DuneProblem::UnknownName { name: start(name, 64) });
        };
        let lines = self.lines(stage).unwrap_or(0);
        if line >= lines {
            tell(DuneProblem::NotShown { name: start(name, 64), stage, lines });
        }
        for part in value.split("${").skip(1) {
            let variable = part.split('}').next().unwrap_or_default();
            if !VARIABLES.contains(&variable) {
                let (name, variable) = (start(name, 64), start(variable, 64));
                tell(DuneProblem::Variable { name, variable });
            }
        }
    }
}

/// A property a line.
impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pairs.iter().try_for_each(|(name, value)| writeln!(f, "{name} = {value}"))
    }
}
