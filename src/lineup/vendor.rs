//! A vendor's `infocastconfig.xml`, unchanged (Infocast notes §5).
//!
//! The document becomes a small tree within limits, then drafts. A DOCTYPE is skipped and never
//! fetched, no entity but the five built in is known, and elements nobody knows are warned about.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Finding;
use super::names::did_you_mean;
use super::rules::{At, ChannelDraft, LineUpDraft, ObjectDraft, SourceDraft};

/// Deepest nesting of elements; the vendor's has five.
const DEPTH_MAX: usize = 16;

/// Most elements; a hundred channels of a hundred objects fit.
const ELEMENTS_MAX: usize = 200_000;

#[derive(Debug, Default)]
struct Element {
    name: String,
    offset: usize,
    text: String,
    children: Vec<Self>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name.eq_ignore_ascii_case(name))
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn value(&self) -> At<String> {
        At { value: self.text.trim().to_owned(), offset: self.offset }
    }
}

/// Whether bytes that are not UTF-8 declare themselves to be ISO 8859-1.
pub(super) fn is_latin_1(bytes: &[u8]) -> bool {
    let head: String =
        bytes.iter().take(100).map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    head.starts_with("<?xml") && head.contains("iso-8859-1")
}

/// Reads the XML; findings say where it cannot be used.
pub(super) fn parse(text: &str, findings: &mut Vec<Finding>) -> Option<LineUpDraft> {
    let root = match tree(text) {
        Ok(root) => root,
        Err((message, offset)) => {
            findings.push(Finding::error(message).at(text, offset));
            return None;
        }
    };
    let mut vendor = Vendor { text, findings };
    if !root.is("infocast-server") {
        let message = format!("root element `{}`: legal is infocast-server", root.name);
        vendor.error(&root, message);
        return None;
    }
    let channels = vendor.root(&root)?;
    Some(LineUpDraft { channels, ..LineUpDraft::default() })
}

type Failure = (String, usize);

fn offset_of(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn tree(text: &str) -> Result<Element, Failure> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    let mut elements = 0;
    loop {
        let before = offset_of(&reader);
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(before);
            (format!("not well-formed XML: {error}"), at)
        })?;
        match event {
            Event::Start(start) => {
                elements += 1;
                open.push(element(&start, before));
                limits(open.len(), elements, before)?;
            }
            Event::Empty(empty) => {
                elements += 1;
                limits(open.len() + 1, elements, before)?;
                let empty = element(&empty, before);
                add(&mut open, empty);
            }
            Event::End(_) => {
                let closed = open.pop().unwrap_or_default();
                add(&mut open, closed);
            }
            Event::Text(piece) => {
                let piece = piece.decode().map_err(|error| (error.to_string(), before))?;
                add_text(&mut open, &piece);
            }
            Event::CData(piece) => {
                let piece = piece.decode().map_err(|error| (error.to_string(), before))?;
                add_text(&mut open, &piece);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| (error.to_string(), before))?;
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character.to_string(),
                    _ => quick_xml::escape::resolve_predefined_entity(&name)
                        .ok_or_else(|| (format!("entity `&{name};` is not known"), before))?
                        .to_owned(),
                };
                add_text(&mut open, &resolved);
            }
            Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    let incomplete = || ("the document ends before its root element does".to_owned(), text.len());
    match (open.len(), open.pop()) {
        (1, Some(mut document)) => document.children.pop().ok_or_else(incomplete),
        _ => Err(incomplete()),
    }
}

fn element(start: &BytesStart<'_>, offset: usize) -> Element {
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    Element { name, offset, ..Element::default() }
}

fn limits(depth: usize, elements: usize, offset: usize) -> Result<(), Failure> {
    if depth > DEPTH_MAX + 1 {
        return Err((format!("elements are nested deeper than {DEPTH_MAX}"), offset));
    }
    if elements > ELEMENTS_MAX {
        return Err((format!("more than {ELEMENTS_MAX} elements"), offset));
    }
    Ok(())
}

fn add(open: &mut [Element], closed: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(closed);
    }
}

fn add_text(open: &mut [Element], piece: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(piece);
    }
}

struct Vendor<'a> {
    text: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Vendor<'_> {
    fn error(&mut self, element: &Element, message: impl Into<String>) {
        self.findings.push(Finding::error(message).at(self.text, element.offset));
    }

    fn warn(&mut self, element: &Element, message: impl Into<String>) {
        self.findings.push(Finding::warning(message).at(self.text, element.offset));
    }

    /// Warns about children nobody knows.
    fn unknown(&mut self, element: &Element, known: &[&str]) {
        for child in &element.children {
            if !known.iter().any(|name| child.is(name)) {
                let near = did_you_mean(&child.name, known.iter().copied());
                let message = format!(
                    "`{}` in `{}` is not known and ignored{near}",
                    child.name, element.name
                );
                self.warn(child, message);
            }
        }
    }

    fn root(&mut self, root: &Element) -> Option<Vec<ChannelDraft>> {
        self.unknown(root, &["channel", "channel-parameters", "object", "failover"]);
        if let Some(failover) = root.child("failover") {
            let message = "`failover` is not yet supported and ignored: run one headend";
            self.warn(failover, message);
        }
        let short_form = root.child("channel-parameters").is_some().then_some(root);
        let channels = root.children.iter().filter(|child| child.is("channel")).chain(short_form);
        let channels: Vec<_> = channels.collect();
        channels.into_iter().map(|channel| self.channel(channel)).collect()
    }

    fn channel(&mut self, channel: &Element) -> Option<ChannelDraft> {
        let Some(parameters) = channel.child("channel-parameters") else {
            self.error(channel, format!("`{}` has no `channel-parameters`", channel.name));
            return None;
        };
        let known = [
            "ip-address",
            "ip-port-number",
            "time-to-live",
            "bandwidth-limit",
            "bit-rate",
            "burst-delay",
            "payload-size",
            "signature-type",
        ];
        self.unknown(parameters, &known);
        let address = self.required(parameters, "ip-address");
        let port = self.required(parameters, "ip-port-number");
        let payload = self.required(parameters, "payload-size");
        let rate = self.bit_rate(parameters);
        let signature = parameters.child("signature-type");
        if let Some(signature) = signature.filter(|element| !element.text.trim().is_empty()) {
            let message =
                "`signature-type` is not known and ignored: the vendor's samples leave it empty";
            self.warn(signature, message);
        }
        let objects: Vec<_> = channel.children.iter().filter(|child| child.is("object")).collect();
        let objects: Vec<_> = objects.into_iter().map(|object| self.object(object)).collect();
        let (address, port) = (address?, port?);
        let group = At { value: group_text(&address.value, &port.value), offset: address.offset };
        Some(ChannelDraft {
            offset: channel.offset,
            name: None,
            carousel: None,
            group,
            bit_rate_kbps: rate?,
            slice_bytes: Some(self.number(&payload?, "payload-size")?),
            ttl: self.optional_number(parameters, "time-to-live"),
            dscp: None,
            interface: None,
            schedule: None,
            burst_us: None,
            burst_delay_ms: self.optional_number(parameters, "burst-delay"),
            mag: None,
            repair: None,
            overlap: None,
            objects: objects.into_iter().collect::<Option<_>>()?,
        })
    }

    /// The rate in kbit/s: a bare number means that, which is the likeliest of what is unknown.
    fn bit_rate(&mut self, parameters: &Element) -> Option<At<f64>> {
        let bandwidth = parameters.child("bandwidth-limit");
        let Some(element) = parameters.child("bit-rate").or(bandwidth) else {
            self.error(
                parameters,
                "`channel-parameters` has neither `bit-rate` nor `bandwidth-limit`",
            );
            return None;
        };
        let At { value, offset } = element.value();
        let Ok(kbps) = value.parse::<f64>() else {
            self.error(element, format!("`{}` {value:?} is not a number", element.name));
            return None;
        };
        let caution =
            if element.is("bandwidth-limit") { ", though its unit is not known" } else { "" };
        let message = format!(
            "`{}` {value} is taken as {value} kbit/s of IP, {} bit/s{caution}",
            element.name,
            kbps * 1_000.0
        );
        self.warn(element, message);
        Some(At { value: kbps, offset })
    }

    fn object(&mut self, object: &Element) -> Option<ObjectDraft> {
        self.unknown(object, &["name", "infocast-type", "source", "precoding", "delay"]);
        let name = self.required(object, "name");
        let source = self.source(object);
        let filled = |child: &str| {
            object.child(child).map(Element::value).filter(|written| !written.value.is_empty())
        };
        Some(ObjectDraft {
            name: name?,
            object_type: filled("infocast-type"),
            precoding: filled("precoding"),
            crc: None,
            delay_ms: self.optional_number(object, "delay"),
            version: None,
            source: source?,
            schedule: None,
        })
    }

    fn source(&mut self, object: &Element) -> Option<At<SourceDraft>> {
        let Some(source) = object.child("source") else {
            self.error(object, "`object` has no `source`");
            return None;
        };
        self.unknown(source, &["source-name", "source-type"]);
        let kind = source.child("source-type").map(Element::value);
        let word = kind.as_ref().map(|kind| kind.value.to_ascii_lowercase()).unwrap_or_default();
        let value = match word.as_str() {
            "file" | "xmlfile" | "" => {
                SourceDraft::File(self.required(source, "source-name")?.value)
            }
            "time" | "utctime" => SourceDraft::Time,
            other => {
                let message =
                    format!("source-type `{other}` is not known: legal are file, xmlfile, time");
                self.error(source, message);
                return None;
            }
        };
        Some(At { value, offset: source.offset })
    }

    fn required(&mut self, parent: &Element, name: &str) -> Option<At<String>> {
        let found = parent.child(name).map(Element::value).filter(|at| !at.value.is_empty());
        if found.is_none() {
            self.error(parent, format!("`{}` has no `{name}`", parent.name));
        }
        found
    }

    fn number(&mut self, written: &At<String>, name: &str) -> Option<At<i64>> {
        match written.value.parse() {
            Ok(value) => Some(At { value, offset: written.offset }),
            Err(_) => {
                let message = format!("`{name}` {:?} is not a whole number", written.value);
                self.findings.push(Finding::error(message).at(self.text, written.offset));
                None
            }
        }
    }

    fn optional_number(&mut self, parent: &Element, name: &str) -> Option<At<i64>> {
        let written = parent.child(name)?.value();
        if written.value.is_empty() { None } else { self.number(&written, name) }
    }
}

fn group_text(address: &str, port: &str) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}
