//! The rules of a single object.

use stbcast_infocast::{Algorithm, ByteOrder, Check, Coverage, Name, ObjectType, Precoding};
use stbcast_object::Micros;

use super::super::names::did_you_mean;
use super::super::{Object, ObjectId, Source};
use super::{At, ObjectDraft, Rules, SourceDraft};

impl Rules<'_> {
    pub(super) fn object(&mut self, draft: &ObjectDraft) -> Option<Object> {
        let name = Name::new(&draft.name.value);
        if let Err(error) = name {
            self.error(draft.name.offset, format!("object `{}`: {error}", draft.name.value));
        } else if draft.name.value.len() == stbcast_infocast::NAME_BYTES {
            let message = format!(
                "object `{}` fills the name field of 30 bytes without a NUL: some boxes may not \
                 take it",
                draft.name.value
            );
            self.warn(draft.name.offset, message);
        }
        let source = self.source(&draft.source);
        let object_type = draft.object_type.as_ref().map(|written| self.object_type(written));
        let precoding = self.precoding(draft);
        let check = precoding.and_then(|precoding| self.crc(draft, precoding));
        if let Some(version) = &draft.version {
            self.version(version);
        }
        let delay =
            draft.delay_ms.as_ref().map_or(0, |d| self.within(d, "delay_ms", 0..=86_400_000));
        Some(Object {
            name: name.ok()?,
            object_type: match object_type {
                Some(parsed) => Some(parsed?),
                None => None,
            },
            precoding: precoding?,
            check,
            delay: Micros::from_millis(u64::try_from(delay).unwrap_or(0)),
            version: draft.version.as_ref().map(|version| version.value.clone()),
            source: source?,
            schedule: self.followed(draft.schedule.as_ref()),
        })
    }

    pub(in crate::lineup) fn version(&mut self, version: &At<String>) {
        let fine = !version.value.is_empty()
            && version.value.len() <= 255
            && version.value.bytes().all(|byte| byte.is_ascii_graphic());
        if !fine {
            let message = format!(
                "version {:?} is not a version: legal are 1 to 255 printable ASCII characters \
                 without space",
                version.value
            );
            self.error(version.offset, message);
        }
    }

    fn object_type(&mut self, written: &At<String>) -> Option<ObjectType> {
        let error = |error| format!("object type `{}`: {error}", written.value);
        written.value.parse().map_err(|e| self.error(written.offset, error(e))).ok()
    }

    fn precoding(&mut self, draft: &ObjectDraft) -> Option<Precoding> {
        let Some(written) = &draft.precoding else {
            let is_reboot = matches!(draft.source.value, SourceDraft::Reboot(_));
            // As boxes expect it (Infocast notes §8).
            return Some(if is_reboot { Precoding::CRC16 } else { Precoding::NONE });
        };
        match written.value.parse::<Precoding>() {
            Ok(code) if code.can_be_sent() => Some(code),
            Ok(code) => {
                let message = format!(
                    "precoding {code} is never sent: legal are none, crc16, crc32 and the numbers \
                     0, 1, 2, 4, 0x4000"
                );
                self.error(written.offset, message);
                None
            }
            Err(error) => {
                self.error(written.offset, format!("precoding `{}`: {error}", written.value));
                None
            }
        }
    }

    fn crc(&mut self, draft: &ObjectDraft, precoding: Precoding) -> Option<Check> {
        let At { value: crc, offset } = draft.crc.as_ref()?;
        let Some(default) = Check::default_for(precoding.trailer_bytes()) else {
            let message = format!("`crc` has no place here: precoding {precoding} has no trailer");
            self.error(*offset, message);
            return None;
        };
        let algorithm = crc.algorithm.as_deref().map_or(Some(default.algorithm), |word| {
            let legal = Algorithm::ALL.iter().filter(|(a, _)| a.bytes() == precoding.trailer_bytes());
            let legal: Vec<_> = legal.map(|(_, word)| *word).collect();
            let known = Algorithm::from_word(word).filter(|_| legal.contains(&word));
            if known.is_none() {
                let near = did_you_mean(word, legal.iter().copied());
                let legal = legal.join(", ");
                let message =
                    format!("crc algorithm `{word}` is not for precoding {precoding}: legal are {legal}{near}");
                self.error(*offset, message);
            }
            known
        });
        let coverage = match crc.coverage.as_deref() {
            None => Some(default.coverage),
            Some("payload") => Some(Coverage::Payload),
            Some("header") => Some(Coverage::Header),
            Some("object") => Some(Coverage::Object),
            Some(other) => {
                let legal = "payload, header, object";
                self.error(*offset, format!("crc coverage `{other}`: legal are {legal}"));
                None
            }
        };
        let order = match crc.byte_order.as_deref() {
            None => Some(default.order),
            Some("big") => Some(ByteOrder::Big),
            Some("little") => Some(ByteOrder::Little),
            Some(other) => {
                self.error(*offset, format!("crc byte order `{other}`: legal are big, little"));
                None
            }
        };
        Some(Check { algorithm: algorithm?, coverage: coverage?, order: order? })
    }

    fn source(&mut self, draft: &At<SourceDraft>) -> Option<Source> {
        match &draft.value {
            SourceDraft::File(path) => Some(Source::File(self.directory.join(path))),
            SourceDraft::Time => Some(Source::Time),
            SourceDraft::StbConfig(name) => self.stbconfig(draft.offset, name),
            SourceDraft::Reboot(name) => self.reboot(draft.offset, name),
            SourceDraft::Bootcast { image, splash, diagnostic } => {
                let image = self.find(draft.offset, image);
                let splash = splash.as_ref().map(|name| self.find(draft.offset, name));
                let diagnostic = diagnostic.as_ref().map(|name| self.find(draft.offset, name));
                Some(Source::Bootcast {
                    image: image?,
                    splash: splash.flatten(),
                    diagnostic: diagnostic.flatten(),
                })
            }
        }
    }

    fn reboot(&mut self, offset: usize, name: &str) -> Option<Source> {
        if self.reboots.contains(&name) {
            return Some(Source::Reboot(name.to_owned()));
        }
        let near = did_you_mean(name, self.reboots.iter().copied());
        self.error(offset, format!("no reboot `{name}` in this line-up{near}"));
        None
    }

    fn stbconfig(&mut self, offset: usize, name: &str) -> Option<Source> {
        if self.stbconfigs.contains(&name) {
            return Some(Source::StbConfig(name.to_owned()));
        }
        let near = did_you_mean(name, self.stbconfigs.iter().copied());
        self.error(offset, format!("no stbconfig `{name}` in this line-up{near}"));
        None
    }

    /// The one object of that name in the line-up.
    pub(in crate::lineup) fn find(&mut self, offset: usize, name: &str) -> Option<ObjectId> {
        match self.objects.get(name).map(Vec::as_slice) {
            Some([id]) => return Some(*id),
            Some(_) => {
                let message =
                    format!("object `{name}` stands on several channels: which is meant?");
                self.error(offset, message);
            }
            None => {
                let near = did_you_mean(name, self.objects.keys().map(String::as_str));
                self.error(offset, format!("no object `{name}` in this line-up{near}"));
            }
        }
        None
    }
}
