//! The line-up: all channels and objects on air, and the file that says so.
//!
//! Three kinds of file, one result. [`read`] takes our TOML (`written`), in one file or in the files of a
//! directory (`drop_ins`), a vendor's `infocastconfig.xml` (`vendor`), or the INI file of a MAG vendor's
//! sender (`vendor_ini`); all become a [`LineUp`] whose every value has been checked, or [`Finding`]s that
//! name file, line and column.

use std::fmt;
use std::io::Read;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use stbcast_fec::Choice;
use stbcast_infocast::{Check, Name, ObjectType, Precoding};
use stbcast_object::xml::Place;
use stbcast_object::{Group, Micros};

mod drop_ins;
mod dune;
mod mag;
mod names;
mod overlap;
mod reboot;
mod repair;
mod rules;
mod schedule;
mod sources;
mod stbconfig;
mod target;
mod trust;
mod unicast;
mod update_list;
mod vendor;
mod vendor_ini;
mod vendor_sender;
mod written;

pub use dune::{Dune, DuneFirmware, DunePlace};
pub use mag::{Mag, Role};
pub(crate) use names::did_you_mean;
pub use overlap::{Overlap, OverlapSpan};
pub use reboot::Reboot;
pub use schedule::{Days, InterfaceBudget, Schedule, When, Window};
use sources::Sources;
pub use stbconfig::{Image, StbConfig, StbConfigContent, Written};
pub use target::{MacPrefix, Ring, Serials, Target, TargetAnswer};
pub use trust::{Document, Trust};
pub use unicast::{AlternateError, Unicast};
pub use update_list::{UpdateList, UpdateListEntry};
pub use vendor_sender::VendorSender;

/// Largest line-up file read, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// TTL where none is written: what the vendor's sample configuration uses (Infocast notes §5.3).
const DEFAULT_TTL: u8 = 5;

/// Name of the announce session in log and metrics.
pub const ANNOUNCE_NAME: &str = "announce";

/// Everything on air.
#[derive(Clone, Debug, PartialEq)]
pub struct LineUp {
    /// Where what is on air is announced.
    pub announce: Option<Announce>,
    /// Where boxes may ask for what they miss.
    pub unicast: Option<Unicast>,
    /// What the operator signed.
    pub trust: Option<Trust>,
    /// The channels in the order of the file. No two have the same name.
    pub channels: Vec<Channel>,
    /// The StbConfigs that rules and objects name. No two have the same name.
    pub stbconfigs: Vec<StbConfig>,
    /// The requests to reboot that objects name. No two have the same name.
    pub reboots: Vec<Reboot>,
    /// Which box gets which StbConfig over HTTP; the first rule that matches answers.
    pub targets: Vec<Target>,
    /// When channels, objects and statements that follow one are on air. No two have the same name.
    pub schedules: Vec<Schedule>,
    /// What may be sent on each interface. No two have the same name.
    pub interfaces: Vec<InterfaceBudget>,
    /// Programs of vendors that send in formats of their own. No two have the same name, and none that of a
    /// channel.
    pub vendor_senders: Vec<VendorSender>,
    /// Lists for boxes of MAG. No two are answered at the same path.
    pub update_lists: Vec<UpdateList>,
    /// Lists and files for boxes of Dune. No two are answered at the same path.
    pub dunes: Vec<Dune>,
}

/// The announce session.
#[derive(Clone, Debug, PartialEq)]
pub struct Announce {
    /// Where it is sent.
    pub group: Group,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Interface by name or address; the routing table decides where `None`.
    pub interface: Option<String>,
}

/// The protocol of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// KreaTV's object carousel.
    Infocast,
    /// A FLUTE session of its own (RFC 6726).
    Flute,
    /// Infomir's image carousel for MAG boxes.
    Mag,
}

impl Protocol {
    /// The word for it in line-ups.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Infocast => "infocast",
            Self::Flute => "flute",
            Self::Mag => "mag",
        }
    }

    /// Its name with an article, for messages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Infocast => "an Infocast",
            Self::Flute => "a FLUTE",
            Self::Mag => "a MAG",
        }
    }
}

/// The repair symbols of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// Where the companion is sent; `None` on a FLUTE channel, which carries them itself.
    pub group: Option<Group>,
    /// Repair symbols for each source symbol sent.
    pub ratio: f64,
    /// The code.
    pub choice: Choice,
    /// Whether the companion's rate is taken out of the channel's.
    pub keep_total: bool,
    /// Redundant headends that share the symbols, at least 1.
    pub senders: u32,
    /// Which of them this one is, from 0.
    pub sender_index: u32,
}

/// One channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Its name in log and metrics.
    pub name: String,
    /// How its objects are sent.
    pub protocol: Protocol,
    /// Where it is sent.
    pub group: Group,
    /// Bits of IP per second, at least 1,000.
    pub bit_rate_bps: u64,
    /// Bytes of an object in one datagram.
    pub slice_bytes: NonZeroU16,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Interface by name or address; the routing table decides where `None`.
    pub interface: Option<String>,
    /// The longest batch of datagrams sent at once, at the channel's rate.
    pub burst: Micros,
    /// Pause behind each cycle.
    pub burst_delay: Micros,
    /// What is told of the image of a MAG channel; there alone.
    pub mag: Option<Mag>,
    /// Its repair symbols.
    pub repair: Option<Repair>,
    /// How the old revision of an object can be completed when a new one goes on air.
    pub overlap: Option<Overlap>,
    /// Place in [`LineUp::schedules`] of what it follows, its companion with it; always on air where
    /// `None`.
    pub schedule: Option<usize>,
    /// Its objects. No two have the same name.
    pub objects: Vec<Object>,
}

impl Channel {
    /// Name of its companion in log and metrics.
    pub fn companion_name(&self) -> String {
        Self::companion_of(&self.name)
    }

    /// The same of the channel with this name.
    pub fn companion_of(name: &str) -> String {
        format!("{name} repair")
    }

    /// The channel as it is sent: what it follows is not part of that.
    #[must_use]
    pub fn unscheduled(&self) -> Self {
        let object = |object: &Object| Object { schedule: None, ..object.clone() };
        let objects = self.objects.iter().map(object).collect();
        Self { schedule: None, objects, ..self.clone() }
    }
}

/// One object of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its name on the wire.
    pub name: Name,
    /// Type code, where one is written; else see [`crate::contents::Contents::object_type`].
    pub object_type: Option<ObjectType>,
    /// Precoding code; one that may be sent.
    pub precoding: Precoding,
    /// How trailers are made, where the default of the precoding is not wanted.
    pub check: Option<Check>,
    /// Least span between two passes.
    pub delay: Micros,
    /// Version a bootcast information states for it; its digest where `None`.
    pub version: Option<String>,
    /// Where its bytes come from.
    pub source: Source,
    /// Place in [`LineUp::schedules`] of what it follows; sent whenever its channel is where `None`.
    pub schedule: Option<usize>,
}

/// Where the bytes of an object come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Decimal Unix seconds made at send time.
    Time,
    /// The bootcast information, written from the line-up itself.
    Bootcast {
        /// Object that is the boot image.
        image: ObjectId,
        /// Object that is the splash.
        splash: Option<ObjectId>,
        /// Object that is the diagnostic image.
        diagnostic: Option<ObjectId>,
    },
    /// The StbConfig of this name.
    StbConfig(String),
    /// The requests to reboot of this name.
    Reboot(String),
}

/// An object of the line-up by its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectId {
    /// Place of its channel.
    pub channel: usize,
    /// Its place there.
    pub object: usize,
}

impl Source {
    /// The objects a bootcast information names as boot image, splash and diagnostic image.
    pub const fn parts(&self) -> [Option<ObjectId>; 3] {
        match self {
            Self::Bootcast { image, splash, diagnostic } => [Some(*image), *splash, *diagnostic],
            _ => [None; 3],
        }
    }

    /// The objects a bootcast information names.
    pub fn named(&self) -> impl Iterator<Item = ObjectId> + use<> {
        self.parts().into_iter().flatten()
    }
}

impl Object {
    /// Whether boxes find other objects by this one, so that it must be published after them.
    pub fn is_control(&self) -> bool {
        self.object_type == Some(ObjectType::BOOTCAST_INFO)
            || matches!(self.source, Source::Bootcast { .. } | Source::StbConfig(_))
    }
}

impl LineUp {
    /// The StbConfig of that name.
    pub fn stbconfig(&self, name: &str) -> Option<&StbConfig> {
        self.stbconfigs.iter().find(|stbconfig| stbconfig.name == name)
    }

    /// The requests to reboot of that name.
    pub fn reboot(&self, name: &str) -> Option<&Reboot> {
        self.reboots.iter().find(|reboot| reboot.name == name)
    }

    /// The channel and object at `id`.
    pub fn object(&self, id: ObjectId) -> Option<(&Channel, &Object)> {
        let channel = self.channels.get(id.channel)?;
        Some((channel, channel.objects.get(id.object)?))
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing goes on air.
    Error,
    /// The operator should know.
    Warning,
}

/// Something wrong with a line-up, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Line and column from 1, where the file has a place for it.
    pub at: Option<(usize, usize)>,
    /// The file of a directory of drop-ins; none where the line-up is one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is wrong, and what is legal.
    pub message: String,
}

impl Finding {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, at: None, file: None, message: message.into() }
    }

    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, at: None, file: None, message: message.into() }
    }

    pub(crate) fn at(mut self, text: &str, offset: usize) -> Self {
        let Place { line, column } = Place::of(text, offset);
        self.at = Some((line, column));
        self
    }

    /// Whether this keeps the line-up off the air.
    pub const fn is_error(&self) -> bool {
        matches!(self.severity, Severity::Error)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        match self.at {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What reading a line-up gave: the line-up unless a finding is an error, and all findings.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The line-up, when no finding is an error.
    pub line_up: Option<LineUp>,
    /// Errors and warnings in the order they were found.
    pub findings: Vec<Finding>,
}

impl Reading {
    /// Errors among the findings.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_error())
    }

    /// Warnings among the findings.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.is_error())
    }
}

/// Reads a line-up: a file of any kind, XML when it begins with `<`, INI when it has a section `[Server]` or
/// a `MulticastIPAddress`, else TOML; or a directory whose
/// `*.toml` are one line-up. Paths in it are relative to the directory of the file, or to that directory.
pub fn read(path: &Path) -> Reading {
    read_as(path, |draft| draft)
}

/// The same without the statements that it names: for the programs that make them, so that a line-up may
/// name a release before it is signed.
pub fn read_unsigned(path: &Path) -> Reading {
    read_as(path, |draft| rules::LineUpDraft { trust: None, ..draft })
}

type Change = fn(rules::LineUpDraft) -> rules::LineUpDraft;

fn read_as(path: &Path, change: Change) -> Reading {
    let (sources, directory) = if path.is_dir() {
        (drop_ins::read(path), path)
    } else {
        let text = read_text(path).map(|text| Sources::single(&text));
        let directory = path.parent().unwrap_or(Path::new("."));
        (text.map_err(|message| vec![Finding::error(message)]), directory)
    };
    match sources {
        Ok(sources) => parse_as(&sources, directory, change),
        Err(findings) => Reading { line_up: None, findings },
    }
}

/// Parses the text of a line-up whose sources are relative to `directory`; lists of serial numbers
/// are read.
pub fn parse(text: &str, directory: &Path) -> Reading {
    parse_as(&Sources::single(text), directory, |draft| draft)
}

fn parse_as(sources: &Sources, directory: &Path, change: Change) -> Reading {
    let mut findings = Vec::new();
    let draft = drop_ins::parse(sources, &mut findings);
    let line_up = draft.map(|draft| rules::check(change(draft), sources, directory, &mut findings));
    let failed = findings.iter().any(Finding::is_error);
    Reading { line_up: line_up.filter(|_| !failed), findings }
}

/// Opens a regular file: another, as a named pipe, would be waited for.
pub(crate) fn open_file(path: &Path) -> Result<std::fs::File, String> {
    let shown = path.display();
    let problem = |error: std::io::Error| format!("cannot read {shown}: {error}");
    if !std::fs::metadata(path).map_err(problem)?.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    std::fs::File::open(path).map_err(problem)
}

/// Reads as much of a regular file as `bytes_max` from its beginning.
pub(crate) fn read_beginning(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = open_file(path)?.take(bytes_max).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(bytes)
}

/// Reads a regular file that must not be longer than `bytes_max`.
pub(crate) fn read_at_most(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let bytes = read_beginning(path, bytes_max + 1)?;
    if bytes.len() as u64 > bytes_max {
        let shown = path.display();
        return Err(format!("{shown} has more than the {bytes_max} bytes that are taken here"));
    }
    Ok(bytes)
}

/// Whether text that is not UTF-8 is read as ISO 8859-1: where it says so, and where an old program wrote it.
fn is_latin_1(bytes: &[u8]) -> bool {
    vendor::is_latin_1(bytes) || vendor_ini::is_ini(&String::from_utf8_lossy(bytes))
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_at_most(path, FILE_BYTES_MAX)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if is_latin_1(error.as_bytes()) => {
            Ok(error.as_bytes().iter().map(|&byte| char::from(byte)).collect())
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(format!("{} is not UTF-8 text: byte {at}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests;
