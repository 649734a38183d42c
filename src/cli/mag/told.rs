//! Images and their signatures, for people and for machines.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use stbcast_mag::image::{Header, Layout, Part};

use crate::mag::image::Checked;

/// An image as it is printed for machines.
#[derive(Serialize)]
pub(super) struct ImageTold<'a> {
    model: &'a str,
    date: &'a str,
    version: u32,
    description: &'a str,
    update_api: Option<&'a str>,
    /// Lines of the header that this program does not know.
    other_lines: &'a [String],
    header_bytes: u64,
    sections: Vec<SectionTold<'a>>,
    /// As the header promises.
    bytes: u64,
}

#[derive(Serialize)]
struct SectionTold<'a> {
    name: &'static str,
    version: Option<&'a str>,
    /// Where it begins in the file.
    at: u64,
    /// Without its signature.
    bytes: u64,
}

/// A signature as it is printed for machines.
#[derive(Serialize)]
pub(super) struct SignatureTold {
    /// A section's name, or `whole`.
    of: String,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'static str>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl<'a> ImageTold<'a> {
    pub(super) fn of(header: &'a Header, layout: &Layout) -> Self {
        let section = |placed: &stbcast_mag::image::Placed| SectionTold {
            name: placed.kind.name(),
            version: header.section(placed.kind).and_then(|it| it.version.as_deref()),
            at: placed.data.start,
            bytes: placed.data.end - placed.data.start,
        };
        Self {
            model: &header.model,
            date: &header.date,
            version: header.version,
            description: &header.description,
            update_api: header.api.as_deref(),
            other_lines: &header.others,
            header_bytes: layout.header_bytes(),
            sections: layout.sections().iter().map(section).collect(),
            bytes: layout.total(),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &dyn std::fmt::Display| {
            // A string takes everything.
            let _ = writeln!(text, "{key:<12} {value}");
        };
        line("model", &self.model);
        line("date", &self.date);
        line("version", &self.version);
        line("description", &self.description);
        if let Some(api) = self.update_api {
            line("update api", &api);
        }
        for other in self.other_lines {
            line("not known", other);
        }
        for SectionTold { name, version, at, bytes } in &self.sections {
            let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
            line(name, &format_args!("{bytes} bytes at {at}{version}"));
        }
        line("whole", &format_args!("{} bytes", self.bytes));
        text
    }
}

impl SignatureTold {
    pub(super) fn of(checked: &Checked) -> Self {
        let of = match checked.part {
            Part::Trailer(kind) => kind.name().to_owned(),
            _ => "whole".to_owned(),
        };
        let signed = checked.outcome.as_ref().ok();
        Self {
            of,
            verified: signed.is_some(),
            hash: signed.map(|it| it.hash.word()),
            time: signed.map(|it| it.time),
            key: signed.map(|it| it.fingerprint.clone()),
            problem: checked.outcome.as_ref().err().map(ToString::to_string),
        }
    }

    /// For people, a line.
    pub(super) fn text(&self) -> String {
        let Self { of, hash, key, problem, .. } = self;
        match problem {
            Some(problem) => format!("{:<12} {of}: {problem}\n", "refused"),
            None => {
                let (hash, key) = (hash.unwrap_or("-"), key.as_deref().unwrap_or("-"));
                format!("{:<12} {of}: {hash}, key {key}\n", "verified")
            }
        }
    }
}

/// JSON, as other verbs print it.
pub(super) fn json(told: &impl Serialize) -> String {
    serde_json::to_string_pretty(told).map_or_else(|error| error.to_string(), |text| text + "\n")
}

/// An error with the name of its file.
pub(super) fn named(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
