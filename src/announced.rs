//! How objects are described in an FDT: where they are, which revision, how they are coded.

use std::collections::HashSet;

use stbcast_flute::fdt::{Companion, File, Kind, LocationError, toi_candidates};
use stbcast_flute::{DEFAULT_TSI, Fti};
use stbcast_infocast::ObjectType;

use crate::contents::Contents;
use crate::lineup::{Channel, LineUp, Object, ObjectId, Protocol, Source};
use crate::spool::Digest;

/// What is known of an object when it is described.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Its number in the sessions that describe it.
    pub(crate) toi: u32,
    /// Its digest; `None` where the bytes are made at send time.
    pub(crate) digest: Option<Digest>,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// How its repair symbols, or its own, are coded.
    pub(crate) fti: Option<Fti>,
}

/// The source URL of an object: all that a box must be told of it beside the announce group.
pub fn source_url(channel: &Channel, object: &Object) -> String {
    format!("{}://{}/{}", channel.protocol.word(), channel.group, object.name)
}

/// The description of an object.
///
/// # Errors
/// When its name cannot stand in a URL.
pub(crate) fn describe(
    line_up: &LineUp,
    contents: &Contents,
    id: ObjectId,
    facts: Facts,
) -> Result<Option<File>, LocationError> {
    let Some((channel, object)) = line_up.object(id) else { return Ok(None) };
    let mut file = File::new(&source_url(channel, object), facts.toi)?;
    if let Some(digest) = facts.digest {
        file.content_bytes = Some(facts.length);
        file.sha256 = Some(digest.bytes());
    }
    if let Some(fti) = facts.fti {
        file = file.with_fti(fti);
        let companion = channel.repair.as_ref().and_then(|repair| repair.group);
        file.announced.companion = companion.map(|group| Companion { group, tsi: DEFAULT_TSI });
    }
    if channel.protocol == Protocol::Infocast {
        file.announced.slice_bytes = Some(channel.slice_bytes);
    }
    file.announced.kind = Kind::new(kind(line_up, contents, id, object)).ok();
    Ok(Some(file))
}

/// What an object is to a box, in a word.
fn kind(line_up: &LineUp, contents: &Contents, id: ObjectId, object: &Object) -> &'static str {
    match object.source {
        Source::Time => return "time",
        Source::Bootcast { .. } => return "bootcast",
        Source::File(_) => {}
    }
    if contents.object_type(id, object) == ObjectType::BOOTCAST_INFO {
        return "bootcast";
    }
    let sources = line_up.channels.iter().flat_map(|channel| &channel.objects);
    let role = sources.filter_map(|object| match &object.source {
        Source::Bootcast { image, .. } if *image == id => Some("image"),
        Source::Bootcast { splash, .. } if *splash == Some(id) => Some("splash"),
        Source::Bootcast { diagnostic, .. } if *diagnostic == Some(id) => Some("diagnostic"),
        _ => None,
    });
    role.min().unwrap_or("object")
}

/// Numbers for objects, each once in a line-up. A new revision has a new one.
#[derive(Debug, Default)]
pub(crate) struct Numbers(HashSet<u32>);

impl Numbers {
    /// The number of an object with this digest; of its URL where its bytes are made at send time.
    pub(crate) fn of(&mut self, digest: Digest) -> u32 {
        let free = toi_candidates(&digest.bytes()).find(|toi| !self.0.contains(toi));
        // All eight words taken: eight objects of the same bytes came before.
        let last = || (1..=u32::MAX).find(|toi| !self.0.contains(toi));
        let toi = free.or_else(last).unwrap_or(1);
        self.0.insert(toi);
        toi
    }
}
