//! A line-up with its bytes: everything the senders need, made before anything changes on air.

use std::collections::HashMap;
use std::sync::Arc;

use stbcast_infocast::{Carousel, Entry};

use crate::contents::{Contents, VERSION_DIGITS, bootcast_text, carousel, objects};
use crate::lineup::{Channel, Finding, LineUp, ObjectId, Source};
use crate::spool::{Digest, Revision, Spool};

/// The bytes of an object.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A mapped copy of a file.
    Mapped(Revision),
    /// A text made from the line-up.
    Text(Arc<[u8]>),
    /// Made at send time.
    None,
}

impl Payload {
    /// The bytes held; none where they are made at send time.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(revision) => &revision.bytes,
            Self::Text(text) => text,
            Self::None => &[],
        }
    }
}

/// One channel ready for the air.
#[derive(Clone, Debug)]
pub struct ChannelProgramme {
    /// The channel as the line-up has it.
    pub channel: Channel,
    /// Its carousel, trailers computed.
    pub carousel: Carousel,
    /// The bytes of each object, by its place.
    pub payloads: Vec<Payload>,
    /// Digest of each object; `None` where the bytes are made at send time.
    pub digests: Vec<Option<Digest>>,
}

impl ChannelProgramme {
    /// Whether this puts the same datagrams on the same group at the same rate as `other`.
    pub fn is_same_as(&self, other: &Self) -> bool {
        // What an object is sent as may depend on other channels of the line-up.
        let types = |programme: &Self| -> Vec<_> {
            programme.carousel.entries().iter().map(Entry::object_type).collect()
        };
        self.channel == other.channel
            && self.digests == other.digests
            && types(self) == types(other)
    }

    /// Whether boxes find images by objects of this channel.
    pub fn has_control(&self) -> bool {
        self.channel.objects.iter().any(crate::lineup::Object::is_control)
    }
}

/// Everything on air.
#[derive(Clone, Debug)]
pub struct Programme {
    /// The channels in the order of the line-up.
    pub channels: Vec<ChannelProgramme>,
}

/// Copies every source into the spool and makes the programme.
///
/// # Errors
/// Findings when something cannot be sent; nothing has changed on air then.
pub fn load(line_up: &LineUp, spool: &mut Spool) -> Result<Programme, Vec<Finding>> {
    let mut findings = Vec::new();
    let contents = Contents::survey(line_up, &mut findings);
    findings.retain(Finding::is_error);
    if !findings.is_empty() {
        return Err(findings);
    }
    let revisions = spool_sources(line_up, spool)?;
    let digest = |id: ObjectId| {
        let hex = revisions.get(&id)?.digest.hex();
        hex.get(..VERSION_DIGITS).map(str::to_owned)
    };
    let mut channels = Vec::new();
    for (place, channel) in line_up.channels.iter().enumerate() {
        let payload = |(object, spec): (usize, &crate::lineup::Object)| {
            let revision = revisions.get(&ObjectId { channel: place, object });
            let text = bootcast_text(line_up, &spec.source, digest);
            match (revision, text) {
                (Some(revision), _) => Payload::Mapped(revision.clone()),
                (None, Some(text)) => Payload::Text(text.into_bytes().into()),
                (None, None) => Payload::None,
            }
        };
        let payloads = channel.objects.iter().enumerate().map(payload).collect();
        let loaded = load_channel(&contents, place, channel, payloads);
        channels.push(loaded.map_err(|message| vec![Finding::error(message)])?);
    }
    Ok(Programme { channels })
}

fn spool_sources(
    line_up: &LineUp,
    spool: &mut Spool,
) -> Result<HashMap<ObjectId, Revision>, Vec<Finding>> {
    let mut revisions = HashMap::new();
    let mut findings = Vec::new();
    for (_, object, id) in objects(line_up) {
        let Source::File(path) = &object.source else { continue };
        match spool.add(path) {
            Ok(revision) => drop(revisions.insert(id, revision)),
            Err(error) => {
                findings.push(Finding::error(format!("object `{}`: {error}", object.name)));
            }
        }
    }
    if findings.is_empty() { Ok(revisions) } else { Err(findings) }
}

fn load_channel(
    contents: &Contents,
    place: usize,
    channel: &Channel,
    payloads: Vec<Payload>,
) -> Result<ChannelProgramme, String> {
    let mut entries = Vec::new();
    for (object, (spec, payload)) in channel.objects.iter().zip(&payloads).enumerate() {
        let id = ObjectId { channel: place, object };
        let bytes = payload.bytes();
        let entry = contents.entry(id, channel, spec, bytes.len() as u64)?;
        entries.push(entry.with_trailers_over(bytes));
    }
    let digest = |payload: &Payload| match payload {
        Payload::None => None,
        Payload::Text(text) => Some(Digest::of(text)),
        Payload::Mapped(revision) => Some(revision.digest),
    };
    let digests = payloads.iter().map(digest).collect();
    let carousel = carousel(channel, entries);
    Ok(ChannelProgramme { channel: channel.clone(), carousel, payloads, digests })
}
