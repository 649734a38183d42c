//! The configuration file of a MAG vendor's sender, unchanged (MAG notes §1.4): `[Server]` has keys for
//! all, and every further section is one stream.
//!
//! ```text
//! [Server]
//! MulticastTTL=1
//! [Bootstrap]
//! MulticastIPAddress=224.10.0.50
//! MulticastUDPPort=9000
//! FileName=Bootstrap
//! SerialNumber=1
//! DataRate=500000
//! ```

use super::Finding;
use super::mag::MagDraft;
use super::names::did_you_mean;
use super::rules::{At, ChannelDraft, LineUpDraft, ObjectDraft, SourceDraft};
use super::sources::Sources;
use crate::lineup::Name;

/// The section with keys for all streams.
const SERVER: &str = "Server";

const SERVER_KEYS: [&str; 3] = ["MulticastTTL", "LogLevel", "DataRate"];

const STREAM_KEYS: [&str; 12] = [
    "MulticastIPAddress",
    "MulticastUDPPort",
    "FileName",
    "ImageName",
    "Description",
    "SerialNumber",
    "PacketSize",
    "CycleTime",
    "DataRate",
    "MulticastTTL",
    // Accepted and unused, as by the vendor's sender.
    "ImageType",
    "DirsPerCycle",
];

/// Most streams of a file.
const STREAMS_MAX: usize = 1_000;

/// A section with its keys, in the order of the file.
struct Section {
    name: String,
    offset: usize,
    keys: Vec<(String, At<String>)>,
}

impl Section {
    fn value(&self, key: &str) -> Option<&At<String>> {
        // The last one counts, as where a program overwrites what it read before.
        let found = self.keys.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value).filter(|at| !at.value.is_empty())
    }

    fn is_server(&self) -> bool {
        self.name.eq_ignore_ascii_case(SERVER)
    }
}

/// Whether a text is such a file: its first section is `[Server]`, or a section has a multicast address.
pub(super) fn is_ini(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let is_first = lines.clone().find(|line| line.starts_with('['));
    let is_server = |line: &str| heading(line).is_some_and(|it| it.eq_ignore_ascii_case(SERVER));
    let has_address = |line: &str| {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        key.is_some_and(|key| key.eq_ignore_ascii_case("MulticastIPAddress"))
    };
    is_first.is_some_and(is_server) || lines.any(has_address)
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']').map(str::trim)
}

/// Reads the INI, the one text of `sources`; findings say where it cannot be used.
pub(super) fn parse(
    text: &str,
    sources: &Sources,
    findings: &mut Vec<Finding>,
) -> Option<LineUpDraft> {
    let mut ini = Ini { sources, findings, failed: false };
    let sections = ini.sections(text);
    let server = sections.iter().find(|section| section.is_server());
    let streams: Vec<_> = sections.iter().filter(|section| !section.is_server()).collect();
    if streams.len() > STREAMS_MAX {
        ini.error(0, format!("more than {STREAMS_MAX} streams"));
        return None;
    }
    if let Some(server) = server {
        ini.unknown(server, &SERVER_KEYS);
    }
    let channels: Vec<_> = streams.iter().filter_map(|stream| ini.stream(stream, server)).collect();
    if let Some(first) = channels.first() {
        let rates = channels.iter().map(|it| format!("{} kbit/s", it.bit_rate_kbps.value));
        let rates = rates.collect::<Vec<_>>().join(", ");
        let message = format!(
            "`DataRate` is taken as byte/s of IP, so that never more is sent than by the vendor's sender: \
             {rates}"
        );
        ini.warn(first.bit_rate_kbps.offset, message);
    }
    (!ini.failed).then(|| LineUpDraft { channels, ..LineUpDraft::default() })
}

struct Ini<'a> {
    sources: &'a Sources,
    findings: &'a mut Vec<Finding>,
    failed: bool,
}

impl Ini<'_> {
    fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.failed = true;
        self.findings.push(self.sources.locate(Finding::error(message), offset));
    }

    fn warn(&mut self, offset: usize, message: impl Into<String>) {
        self.findings.push(self.sources.locate(Finding::warning(message), offset));
    }

    fn sections(&mut self, text: &str) -> Vec<Section> {
        let (mut sections, mut offset): (Vec<Section>, _) = (Vec::new(), 0);
        for whole in text.split_inclusive('\n') {
            let at = offset;
            offset += whole.len();
            let line = whole.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            if let Some(name) = heading(line) {
                sections.push(Section { name: name.to_owned(), offset: at, keys: Vec::new() });
                continue;
            }
            match (line.split_once('='), sections.last_mut()) {
                (Some((key, value)), Some(section)) => {
                    let value = At { value: unquoted(value.trim()).to_owned(), offset: at };
                    section.keys.push((key.trim().to_owned(), value));
                }
                (Some(_), None) => self.error(at, "a key stands in front of the first [section]"),
                (None, _) => self.error(at, "legal are [section], Key=value and ; comment"),
            }
        }
        sections
    }

    /// Warns about keys nobody knows.
    fn unknown(&mut self, section: &Section, known: &[&str]) {
        for (key, at) in &section.keys {
            if !known.iter().any(|name| name.eq_ignore_ascii_case(key)) {
                let near = did_you_mean(key, known.iter().copied());
                let message =
                    format!("`{key}` in [{}] is not known and ignored{near}", section.name);
                self.warn(at.offset, message);
            }
        }
    }

    fn stream(&mut self, stream: &Section, server: Option<&Section>) -> Option<ChannelDraft> {
        self.unknown(stream, &STREAM_KEYS);
        let address = self.required(stream, "MulticastIPAddress");
        let port = self.number(stream.value("MulticastUDPPort"), "MulticastUDPPort");
        let file = stream.value("FileName").or_else(|| stream.value("ImageName"));
        if file.is_none() {
            self.error(stream.offset, format!("[{}] has no `FileName`", stream.name));
        }
        let common = |key| stream.value(key).or_else(|| server.and_then(|it| it.value(key)));
        let rate = self.number(common("DataRate"), "DataRate");
        if common("DataRate").is_none() {
            let message = format!("neither [{}] nor [Server] has a `DataRate`", stream.name);
            self.error(stream.offset, message);
        }
        let (address, file, rate) = (address?, file?, rate?);
        if let Some(text) = stream.value("Description").filter(|text| !text.value.is_ascii()) {
            self.warn(text.offset, "`Description` is sent as UTF-8");
        }
        let mag = MagDraft {
            serial: self.serial(stream),
            description: stream.value("Description").cloned(),
            description_repeat_ms: self.number(stream.value("CycleTime"), "CycleTime"),
            ..MagDraft::default()
        };
        Some(ChannelDraft {
            offset: stream.offset,
            name: Some(At { value: stream.name.clone(), offset: stream.offset }),
            carousel: Some(At { value: "mag".to_owned(), offset: stream.offset }),
            group: group(&address, port),
            bit_rate_kbps: At { value: kbps(rate.value), offset: rate.offset },
            slice_bytes: self.number(stream.value("PacketSize"), "PacketSize"),
            ttl: self.number(common("MulticastTTL"), "MulticastTTL"),
            dscp: None,
            interface: None,
            schedule: None,
            burst_us: None,
            burst_delay_ms: None,
            mag: Some(At { value: mag, offset: stream.offset }),
            repair: None,
            overlap: None,
            objects: vec![object(file, stream)],
        })
    }

    /// The low 16 bits are sent, as by the vendor's sender.
    fn serial(&mut self, stream: &Section) -> Option<At<i64>> {
        let written = self.number(stream.value("SerialNumber"), "SerialNumber")?;
        Some(At { value: written.value & 0xffff, offset: written.offset })
    }

    fn required(&mut self, section: &Section, key: &str) -> Option<At<String>> {
        let found = section.value(key).cloned();
        if found.is_none() {
            self.error(section.offset, format!("[{}] has no `{key}`", section.name));
        }
        found
    }

    fn number(&mut self, written: Option<&At<String>>, key: &str) -> Option<At<i64>> {
        let At { value, offset } = written?;
        // A comment may stand behind a number, never within a text.
        let digits = value.split([';', '#']).next().unwrap_or_default().trim();
        match digits.parse() {
            Ok(value) => Some(At { value, offset: *offset }),
            Err(_) => {
                self.error(*offset, format!("`{key}` {value:?} is not a whole number"));
                None
            }
        }
    }
}

fn group(address: &At<String>, port: Option<At<i64>>) -> At<String> {
    let port = port.map_or(stbcast_mag::DEFAULT_PORT.into(), |port| port.value);
    let At { value, offset } = address;
    let value =
        if value.contains(':') { format!("[{value}]:{port}") } else { format!("{value}:{port}") };
    At { value, offset: *offset }
}

/// The file of a stream as its object: called like the file where that is a legal name, else like the
/// stream.
fn object(file: &At<String>, stream: &Section) -> ObjectDraft {
    let path = file.value.replace('\\', "/");
    let name = path.rsplit('/').next().filter(|name| Name::new(name).is_ok());
    let name = name.unwrap_or(&stream.name).to_owned();
    ObjectDraft {
        name: At { value: name, offset: file.offset },
        object_type: None,
        precoding: None,
        crc: None,
        delay_ms: None,
        version: None,
        source: At { value: SourceDraft::File(path), offset: file.offset },
        schedule: None,
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Bytes per second as kbit/s.
#[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
fn kbps(bytes_per_second: i64) -> f64 {
    bytes_per_second as f64 * 8.0 / 1_000.0
}

#[cfg(test)]
mod tests;
