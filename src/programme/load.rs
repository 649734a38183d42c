//! The channels of a line-up made ready: bytes, trailers, repair symbols, numbers.

use std::collections::HashMap;
use std::sync::Arc;

use stbcast_flute::Fti;
use stbcast_object::Micros;

use super::prepared::{Prepared, PreparedChannel, Repaired, Sent};
use super::stock::version;
use super::{Payload, flute};
use crate::announced::{self, Facts, Numbers, describe, source_url};
use crate::companion;
use crate::contents::{Contents, bootcast_text, reboot_text};
use crate::flute_channel::Coding;
use crate::lineup::{Channel, LineUp, Object, ObjectId, Protocol, Source};
use crate::mag;
use crate::repair::{RepairSymbols, per_block};
use crate::spool::{Digest, Revision, Spool};

/// What every channel of a line-up is made with.
pub(super) struct Loader<'a> {
    pub(super) line_up: &'a LineUp,
    pub(super) contents: &'a Contents,
    pub(super) spool: &'a mut Spool,
    pub(super) wall: Micros,
    pub(super) revisions: HashMap<ObjectId, Revision>,
    pub(super) stbconfigs: HashMap<String, Arc<[u8]>>,
    pub(super) numbers: Numbers,
}

impl Loader<'_> {
    pub(super) fn payload(&self, id: ObjectId, object: &Object) -> Payload {
        if let Some(revision) = self.revisions.get(&id) {
            return Payload::Mapped(revision.clone());
        }
        let text = match &object.source {
            Source::StbConfig(name) => self.stbconfigs.get(name).cloned(),
            Source::Reboot(name) => {
                let text = self.line_up.reboot(name).map(reboot_text);
                text.and_then(Result::ok).map(Into::into)
            }
            source => {
                let text = bootcast_text(self.line_up, source, |id| version(&self.revisions, id));
                text.map(|text| text.into_bytes().into())
            }
        };
        text.map_or(Payload::None, Payload::Text)
    }

    pub(super) fn channel(&mut self, place: usize) -> Result<PreparedChannel, String> {
        let Some(channel) = self.line_up.channels.get(place) else {
            return Err("no such channel".to_owned());
        };
        let mut objects = Vec::new();
        for (object, spec) in channel.objects.iter().enumerate() {
            let id = ObjectId { channel: place, object };
            objects.push(match channel.protocol {
                Protocol::Infocast => self.infocast(id, (channel, spec))?,
                Protocol::Flute => self.flute(id, (channel, spec))?,
                Protocol::Mag => self.mag(id, (channel, spec))?,
            });
        }
        Ok(PreparedChannel { channel: channel.unscheduled(), objects })
    }

    fn infocast(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Result<Prepared, String> {
        let payload = self.payload(id, object);
        let bytes = payload.bytes();
        let entry = self.contents.entry(id, channel, object, bytes.len() as u64)?;
        let entry = entry.with_trailers_over(bytes);
        self.prepared(id, (channel, object), payload, Sent::Infocast(Box::new(entry)))
    }

    fn mag(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Result<Prepared, String> {
        let payload = self.payload(id, object);
        let length = payload.bytes().len() as u64;
        let digest = payload.digest().unwrap_or_else(|| Digest::of(&[]));
        let written = channel.mag.as_ref().and_then(|mag| mag.serial);
        let cut = (digest, channel.slice_bytes.get());
        let serial = self.numbers.serial(&source_url(channel, object), cut, written);
        let described = mag::channel::description(channel, object, payload.bytes());
        let stream = mag::channel::stream(channel, length, (serial, described));
        let stream = stream.map_err(|error| format!("object `{}`: {error}", object.name))?;
        self.prepared(id, (channel, object), payload, Sent::Mag(Box::new(stream)))
    }

    /// An object of a channel that has its repair symbols in a companion, if any.
    fn prepared(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
        payload: Payload,
        sent: Sent,
    ) -> Result<Prepared, String> {
        let companion = channel.repair.as_ref().and_then(|repair| Some((repair, repair.group?)));
        let geometry = companion.map(|companion| {
            companion::geometry(channel, object, companion, self.contents.length(id))
        });
        let symbols =
            self.symbols(object, &payload, geometry.as_ref().and_then(|it| it.as_ref().ok()))?;
        let repaired = geometry.map(|geometry| Repaired {
            expected: companion::described(self.line_up, self.contents, id, &geometry),
            geometry,
        });
        let fti = symbols.as_ref().map(|it| Fti::of_geometry(it.geometry));
        let facts = self.facts(id, &payload, fti);
        // None where its name cannot stand in a URL.
        let describe = |facts| describe(self.line_up, self.contents, id, facts).ok().flatten();
        let file = facts.and_then(describe);
        Ok(Prepared { digest: payload.digest(), payload, file, symbols, repaired, sent })
    }

    /// The repair symbols of an object.
    fn symbols(
        &mut self,
        object: &Object,
        payload: &Payload,
        geometry: Option<&stbcast_fec::Geometry>,
    ) -> Result<Option<RepairSymbols>, String> {
        let (Payload::Mapped(revision), Some(geometry)) = (payload, geometry) else {
            return Ok(None);
        };
        let made = self.spool.repair(revision, *geometry, per_block(geometry));
        made.map(Some).map_err(|error| format!("object `{}`: {error}", object.name))
    }

    fn flute(
        &mut self,
        id: ObjectId,
        (channel, object): (&Channel, &Object),
    ) -> Result<Prepared, String> {
        let refused = |error: String| format!("object `{}`: {error}", object.name);
        let payload = self.payload(id, object);
        let digest = payload.digest();
        let Payload::Mapped(revision) = payload.clone() else {
            return Ok(Prepared {
                digest,
                payload,
                file: None,
                symbols: None,
                repaired: None,
                sent: Sent::Not,
            });
        };
        let coding = Coding::of(channel, revision.bytes.len() as u64).map_err(refused)?;
        let facts = self.facts(id, &payload, Some(coding.fti));
        let described = facts.map(|facts| describe(self.line_up, self.contents, id, facts));
        let file = described.transpose().map_err(|error| refused(error.to_string()))?.flatten();
        let Some(mut file) = file else {
            return Ok(Prepared {
                digest,
                payload,
                file,
                symbols: None,
                repaired: None,
                sent: Sent::Not,
            });
        };
        file.md5 = Some(flute::md5(&revision.bytes));
        let symbols = self.symbols(object, &payload, coding.geometry())?;
        let sent = Sent::Flute(Box::new(coding));
        Ok(Prepared { digest, payload, file: Some(file), symbols, repaired: None, sent })
    }

    /// What is known of an object, with its TOI.
    fn facts(&mut self, id: ObjectId, payload: &Payload, fti: Option<Fti>) -> Option<Facts> {
        let (channel, object) = self.line_up.object(id)?;
        let (url, slice_bytes) = (source_url(channel, object), channel.slice_bytes);
        let (own, length) = (payload.digest(), payload.bytes().len() as u64);
        let digest = own.unwrap_or_else(|| Digest::of(url.as_bytes()));
        let toi = self.numbers.of(announced::Revision { url, digest, slice_bytes, fti });
        Some(Facts { toi, digest: own, length, fti })
    }
}
