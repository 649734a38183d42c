//! `[unicast]`: where boxes may ask for what they miss, and when. The last resort.

use std::num::NonZeroU8;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_bootcast::{HttpUrl, UrlError};
use stbcast_flute::fdt::limits::{
    AFTER_CYCLES_DEFAULT, ALTERNATES_MAX, WINDOW_S_DEFAULT, WINDOW_S_MAX,
};
use stbcast_flute::fdt::{self, Alternates};

use super::names::did_you_mean;
use super::rules::{At, ChannelDraft, Rules};
use super::target::Words;
use super::written::at;
use super::{Channel, Object, Source};
use crate::spool::Digest;

/// What stands for an object's digest, its channel and its name.
const PLACEHOLDERS: [&str; 3] = ["sha256", "channel", "name"];

/// All that need not be escaped in a step of a path (RFC 3986 §2.3).
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// More boxes than there are in any network.
const BOXES_MAX: i64 = 1_000_000_000;

/// More than any server sends.
const CAPACITY_MBPS_MAX: f64 = 10_000_000.0;

/// Unicast repair.
#[derive(Clone, Debug, PartialEq)]
pub struct Unicast {
    /// One to four URLs; `{sha256}`, `{channel}` and `{name}` stand for those of an object.
    pub urls: Vec<String>,
    /// Cycles that a box hears before it may ask.
    pub after_cycles: NonZeroU8,
    /// Seconds over which boxes spread what they ask, 0 to 86,400.
    pub window_s: u32,
    /// Boxes that may miss something, where the operator says so.
    pub boxes: Option<u64>,
    /// What the servers can send together in bits per second, where the operator says so.
    pub capacity_bps: Option<u64>,
}

/// Why an object cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlternateError {
    /// A URL that no box asks.
    #[error("{url}: {error}")]
    Url {
        /// As it would be announced.
        url: String,
        /// Why not.
        error: UrlError,
    },
    /// All together cannot be announced.
    #[error(transparent)]
    List(#[from] fdt::UnicastError),
}

impl Unicast {
    /// A URL with an object's digest, channel and name where its placeholders stand.
    pub(crate) fn filled(
        template: &str,
        channel: &Channel,
        object: &Object,
        digest: &Digest,
    ) -> String {
        let values = [
            digest.hex(),
            utf8_percent_encode(&channel.name, &ESCAPED).to_string(),
            utf8_percent_encode(&object.name.to_string(), &ESCAPED).to_string(),
        ];
        let mut url = template.to_owned();
        for (placeholder, value) in PLACEHOLDERS.iter().zip(&values) {
            url = url.replace(&format!("{{{placeholder}}}"), value);
        }
        url
    }

    /// What is announced of an object with this digest.
    ///
    /// # Errors
    /// When its URLs are too long together, or its name cannot stand in one.
    pub fn announced(
        &self,
        channel: &Channel,
        object: &Object,
        digest: &Digest,
    ) -> Result<fdt::Unicast, AlternateError> {
        let mut urls = Vec::new();
        for template in &self.urls {
            let url = Self::filled(template, channel, object, digest);
            match HttpUrl::parse(&url) {
                Ok(_) => urls.push(url),
                Err(error) => return Err(AlternateError::Url { url, error }),
            }
        }
        let alternates = Alternates::new(&urls.join(" "))?;
        Ok(fdt::Unicast::new(alternates, self.after_cycles, self.window_s)?)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnicastWritten {
    url: Spanned<Words>,
    after_cycles: Option<Spanned<i64>>,
    window_s: Option<Spanned<i64>>,
    boxes: Option<Spanned<i64>>,
    capacity_mbps: Option<Spanned<f64>>,
}

/// `[unicast]` as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct UnicastDraft {
    urls: Vec<At<String>>,
    after_cycles: Option<At<i64>>,
    window_s: Option<At<i64>>,
    boxes: Option<At<i64>>,
    capacity_mbps: Option<At<f64>>,
}

impl UnicastWritten {
    pub(super) fn into_draft(self) -> UnicastDraft {
        let At { value: Words(urls), offset } = at(self.url);
        let urls = urls.into_iter().map(|(value, place)| {
            let offset = place.unwrap_or(offset);
            At { value, offset }
        });
        UnicastDraft {
            urls: urls.collect(),
            after_cycles: self.after_cycles.map(at),
            window_s: self.window_s.map(at),
            boxes: self.boxes.map(at),
            capacity_mbps: self.capacity_mbps.map(at),
        }
    }
}

impl Rules<'_> {
    /// Unicast repair of what `checked` has on air, announced where `is_announced`.
    pub(super) fn unicast(
        &mut self,
        At { value: draft, offset }: &At<UnicastDraft>,
        checked: &[(Channel, &ChannelDraft)],
        is_announced: bool,
    ) -> Option<Unicast> {
        let after_cycles = draft.after_cycles.as_ref();
        let after_cycles = after_cycles.map(|it| self.within(it, "after_cycles", 1..=255));
        let window = draft.window_s.as_ref();
        let window = window.map(|it| self.within(it, "window_s", 0..=i64::from(WINDOW_S_MAX)));
        let boxes = draft.boxes.as_ref().map(|it| self.within(it, "boxes", 1..=BOXES_MAX));
        let capacity_bps = draft.capacity_mbps.as_ref().and_then(|it| self.capacity(it));
        let urls: Option<Vec<_>> = draft.urls.iter().map(|url| self.template(url)).collect();
        if !(1..=ALTERNATES_MAX).contains(&draft.urls.len()) {
            let message = format!("{} URLs: boxes read 1 to {ALTERNATES_MAX}", draft.urls.len());
            self.error(*offset, message);
            return None;
        }
        if !is_announced {
            let message = "`unicast` without `announce`: no box is told where to ask";
            self.warn(*offset, message);
        }
        let after_cycles = after_cycles.and_then(|cycles| u8::try_from(cycles).ok());
        let unicast = Unicast {
            urls: urls?,
            after_cycles: after_cycles.and_then(NonZeroU8::new).unwrap_or(AFTER_CYCLES_DEFAULT),
            window_s: window.and_then(|it| u32::try_from(it).ok()).unwrap_or(WINDOW_S_DEFAULT),
            boxes: boxes.and_then(|boxes| u64::try_from(boxes).ok()),
            capacity_bps,
        };
        self.can_be_asked(&unicast, *offset, checked);
        self.tell_apart(draft, checked);
        Some(unicast)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked")]
    fn capacity(&mut self, written: &At<f64>) -> Option<u64> {
        let mbps = written.value;
        if !(0.001..=CAPACITY_MBPS_MAX).contains(&mbps) {
            let message = format!("capacity_mbps {mbps} is not in 0.001 to {CAPACITY_MBPS_MAX}");
            self.error(written.offset, message);
            return None;
        }
        Some((mbps * 1e6) as u64)
    }

    /// A URL whose placeholders are known.
    fn template(&mut self, written: &At<String>) -> Option<String> {
        let mut rest = written.value.as_str();
        while let Some((_, tail)) = rest.split_once('{') {
            let Some((name, behind)) = tail.split_once('}') else {
                self.error(written.offset, format!("url `{}`: `{{` is not closed", written.value));
                return None;
            };
            if !PLACEHOLDERS.contains(&name) {
                let near = did_you_mean(name, PLACEHOLDERS);
                let message = format!(
                    "url `{}`: `{{{name}}}` is unknown: legal are {{sha256}}, {{channel}} and \
                     {{name}}{near}",
                    written.value
                );
                self.error(written.offset, message);
                return None;
            }
            rest = behind;
        }
        Some(written.value.clone())
    }

    /// Every object with bytes of its own needs URLs that boxes can ask; one finding says it of the
    /// first that has none.
    fn can_be_asked(
        &mut self,
        unicast: &Unicast,
        offset: usize,
        checked: &[(Channel, &ChannelDraft)],
    ) {
        let digest = Digest::of(&[]);
        let mut objects = checked.iter().flat_map(|(channel, _)| {
            channel
                .objects
                .iter()
                .filter(|it| it.source != Source::Time)
                .map(move |it| (channel, it))
        });
        let refused = objects.find_map(|(channel, object)| {
            let error = unicast.announced(channel, object, &digest).err()?;
            Some(format!("object `{}` of channel `{}`: {error}", object.name, channel.name))
        });
        if let Some(message) = refused {
            self.error(offset, message);
        }
    }

    /// Whether a URL means one object.
    fn tell_apart(&mut self, draft: &UnicastDraft, checked: &[(Channel, &ChannelDraft)]) {
        let objects = checked.iter().flat_map(|(channel, _)| &channel.objects);
        let count = objects.filter(|object| object.source != Source::Time).count();
        for url in &draft.urls {
            let has = |placeholder: &str| url.value.contains(placeholder);
            if count > 1 && !has("{sha256}") && !has("{name}") {
                let message = format!(
                    "url `{}` is the same for {count} objects: write {{sha256}} or {{name}} where \
                     they differ",
                    url.value
                );
                self.error(url.offset, message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
