//! `[[target]]`: which box gets which StbConfig over HTTP. The first rule that matches answers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrayvec::ArrayVec;
use stbcast_bootcast::HttpUrl;

use super::names::did_you_mean;
use super::rules::{At, Rules};

mod serials;
mod shadow;
mod written;

pub use serials::Serials;
pub(super) use written::{TargetWritten, Words};

/// More rules than anybody reads; each is compared with all before it.
const TARGETS_MAX: usize = 1_000;

/// Longest name of a rule, and longest word of a condition, in bytes.
const WORD_BYTES_MAX: usize = 255;

/// Statuses of a redirect that boxes follow (vendor's HTTP boot notes).
const REDIRECTS: [i64; 3] = [301, 302, 303];

/// One rule. A condition that is `None` is met by every box.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name in logs; no two have the same.
    pub name: String,
    /// Products, also known as bootcast ids.
    pub products: Option<Vec<String>>,
    /// Serial numbers.
    pub serials: Option<Arc<Serials>>,
    /// Hardware addresses.
    pub macs: Option<Vec<MacPrefix>>,
    /// Boot loader versions.
    pub fw_versions: Option<Vec<String>>,
    /// Software versions.
    pub kernel_versions: Option<Vec<String>>,
    /// Splash versions.
    pub splash_versions: Option<Vec<String>>,
    /// Versions of the diagnostic image.
    pub diagnostic_versions: Option<Vec<String>>,
    /// Part of the boxes.
    pub ring: Option<Ring>,
    /// What a box is answered.
    pub answer: TargetAnswer,
}

impl Target {
    /// Whether it matches every box.
    pub fn is_catch_all(&self) -> bool {
        let versions = [
            &self.products,
            &self.fw_versions,
            &self.kernel_versions,
            &self.splash_versions,
            &self.diagnostic_versions,
        ];
        versions.iter().all(|words| words.is_none())
            && self.serials.is_none()
            && self.macs.is_none()
            && self.ring.as_ref().is_none_or(Ring::is_everybody)
    }
}

/// What a rule answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetAnswer {
    /// The StbConfig of this name.
    StbConfig(String),
    /// Another place to ask.
    Redirect {
        /// Absolute `http` URL.
        to: String,
        /// 301, 302 or 303.
        status: u16,
    },
}

impl fmt::Display for TargetAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StbConfig(name) => write!(f, "stbconfig {name}"),
            Self::Redirect { to, status } => write!(f, "{status} to {to}"),
        }
    }
}

/// The same part of all boxes whenever it is asked for, chosen by their serial numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Boxes of a thousand, 0 to 1,000.
    pub permille: u16,
    /// Another salt, another choice of boxes; with the same one, a smaller ring is within a larger.
    pub salt: String,
}

impl Ring {
    /// Whether every box is in it, even one without a serial number.
    pub const fn is_everybody(&self) -> bool {
        self.permille >= 1_000
    }
}

/// The first one to six bytes of hardware addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacPrefix(ArrayVec<u8, 6>);

impl MacPrefix {
    /// Reads pairs of hexadecimal digits with `:`, `-` or nothing between them; none where there are
    /// not one to six of them.
    pub fn parse(text: &str) -> Option<Self> {
        let separator = [':', '-'].into_iter().find(|&separator| text.contains(separator));
        let digits = text.as_bytes();
        let mut bytes = ArrayVec::new();
        let mut push = |pair: &[u8]| {
            let [high, low] = pair else { return None };
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let byte = digit(*high)? << 4 | digit(*low)?;
            bytes.try_push(u8::try_from(byte).ok()?).ok()
        };
        match separator {
            Some(separator) => text.split(separator).try_for_each(|pair| push(pair.as_bytes()))?,
            None => digits.chunks(2).try_for_each(push)?,
        }
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// Whether it is a whole address, of six bytes.
    pub fn is_whole(&self) -> bool {
        self.0.is_full()
    }

    /// Whether all addresses that begin with `other` begin with this.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for MacPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Words of a condition as somebody wrote them, each with its place.
pub(super) type WordsDraft = At<Vec<At<String>>>;

/// A rule as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct TargetDraft {
    pub(super) offset: usize,
    pub(super) name: At<String>,
    pub(super) product: Option<WordsDraft>,
    pub(super) serials: Option<WordsDraft>,
    pub(super) serials_file: Option<At<String>>,
    pub(super) mac: Option<WordsDraft>,
    pub(super) fw_version: Option<WordsDraft>,
    pub(super) kernel_version: Option<WordsDraft>,
    pub(super) splash_version: Option<WordsDraft>,
    pub(super) diagnostic_version: Option<WordsDraft>,
    pub(super) ring: Option<At<RingDraft>>,
    pub(super) stbconfig: Option<At<String>>,
    pub(super) redirect: Option<At<RedirectDraft>>,
}

/// `ring` as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct RingDraft {
    pub(super) permille: i64,
    pub(super) salt: Option<String>,
}

/// `redirect` as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct RedirectDraft {
    pub(super) to: At<String>,
    pub(super) status: Option<At<i64>>,
}

impl Rules<'_> {
    /// The rules, which may answer with the StbConfigs named `known`.
    pub(super) fn targets(&mut self, drafts: &[TargetDraft], known: &[&str]) -> Vec<Target> {
        if let Some(draft) = drafts.get(TARGETS_MAX) {
            let message =
                format!("{} rules: at most {TARGETS_MAX} [[target]] are taken", drafts.len());
            self.error(draft.offset, message);
            return Vec::new();
        }
        let mut names = HashMap::new();
        for draft in drafts {
            let name = &draft.name;
            self.word(name, "the name of a rule");
            if names.insert(&name.value, ()).is_some() {
                self.error(name.offset, format!("target `{}` stands twice", name.value));
            }
        }
        let checked = drafts.iter().filter_map(|draft| Some((self.target(draft, known)?, draft)));
        let checked: Vec<_> = checked.collect();
        self.shadowed(&checked);
        let targets: Vec<_> = checked.into_iter().map(|(target, _)| target).collect();
        if let (Some(last), false) = (drafts.last(), targets.iter().any(Target::is_catch_all)) {
            let message = "boxes that no [[target]] matches are answered 404: a last rule without \
                           conditions answers them all";
            self.warn(last.offset, message);
        }
        targets
    }

    fn target(&mut self, draft: &TargetDraft, known: &[&str]) -> Option<Target> {
        let products = self.words(draft.product.as_ref(), "product");
        let serials = self.serials(draft);
        let macs = self.macs(draft.mac.as_ref());
        let fw_versions = self.words(draft.fw_version.as_ref(), "fw_version");
        let kernel_versions = self.words(draft.kernel_version.as_ref(), "kernel_version");
        let splash_versions = self.words(draft.splash_version.as_ref(), "splash_version");
        let diagnostic_versions =
            self.words(draft.diagnostic_version.as_ref(), "diagnostic_version");
        let ring = draft.ring.as_ref().map(|ring| self.ring(ring));
        let answer = self.target_answer(draft, known);
        Some(Target {
            name: draft.name.value.clone(),
            products: products?,
            serials: serials?,
            macs: macs?,
            fw_versions: fw_versions?,
            kernel_versions: kernel_versions?,
            splash_versions: splash_versions?,
            diagnostic_versions: diagnostic_versions?,
            ring: match ring {
                Some(checked) => Some(checked?),
                None => None,
            },
            answer: answer?,
        })
    }

    /// Tells whether a word is one that boxes can send.
    fn word(&mut self, word: &At<String>, what: &str) -> bool {
        let text = &word.value;
        let legal = (1..=WORD_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        if !legal {
            let message = format!(
                "{text:?} cannot be {what}: legal are 1 to {WORD_BYTES_MAX} bytes without control \
                 characters"
            );
            self.error(word.offset, message);
        }
        legal
    }

    /// `None` where something is wrong, `Some(None)` where nothing is written.
    fn words(&mut self, written: Option<&WordsDraft>, key: &str) -> Option<Option<Vec<String>>> {
        let Some(At { value: words, offset }) = written else { return Some(None) };
        if words.is_empty() {
            let message = format!("an empty `{key}` matches no box: leave the key away for all");
            self.error(*offset, message);
            return None;
        }
        let legal = words.iter().filter(|word| self.word(word, key)).count();
        let all = || words.iter().map(|word| word.value.clone()).collect();
        (legal == words.len()).then(|| Some(all()))
    }

    fn macs(&mut self, written: Option<&WordsDraft>) -> Option<Option<Vec<MacPrefix>>> {
        let Some(words) = self.words(written, "mac")? else { return Some(None) };
        let mut macs = Vec::new();
        for (word, At { offset, .. }) in words.iter().zip(written.iter().flat_map(|it| &it.value)) {
            match MacPrefix::parse(word) {
                Some(mac) => macs.push(mac),
                None => {
                    let message = format!(
                        "`{word}` is neither a MAC address nor the beginning of one: legal are one \
                         to six bytes as 00:02:9b or 00:02:9b:00:01:02"
                    );
                    self.error(*offset, message);
                }
            }
        }
        (macs.len() == words.len()).then_some(Some(macs))
    }

    fn ring(&mut self, At { value: draft, offset }: &At<RingDraft>) -> Option<Ring> {
        let written = At { value: draft.permille, offset: *offset };
        let permille = self.within(&written, "ring", 0..=1_000);
        if draft.permille == 0 {
            self.warn(*offset, "a ring of 0 permille matches no box");
        }
        let salt = draft.salt.clone().unwrap_or_default();
        let permille = u16::try_from(permille).ok().filter(|_| permille == draft.permille)?;
        Some(Ring { permille, salt })
    }

    fn target_answer(&mut self, draft: &TargetDraft, known: &[&str]) -> Option<TargetAnswer> {
        match (&draft.stbconfig, &draft.redirect) {
            (Some(name), None) => self.stbconfig_named(name, known),
            (None, Some(redirect)) => self.redirect(&redirect.value),
            (Some(_), Some(redirect)) => {
                let message = "`stbconfig` and `redirect` are two answers: write one of them";
                self.error(redirect.offset, message);
                None
            }
            (None, None) => {
                let message = format!(
                    "target `{}` has no answer: write `stbconfig`, or `redirect`",
                    draft.name.value
                );
                self.error(draft.offset, message);
                None
            }
        }
    }

    fn stbconfig_named(&mut self, name: &At<String>, known: &[&str]) -> Option<TargetAnswer> {
        if known.contains(&name.value.as_str()) {
            return Some(TargetAnswer::StbConfig(name.value.clone()));
        }
        let near = if known.is_empty() {
            "; it has no [[stbconfig]] at all".to_owned()
        } else {
            did_you_mean(&name.value, known.iter().copied())
        };
        self.error(name.offset, format!("no stbconfig `{}` in this line-up{near}", name.value));
        None
    }

    fn redirect(&mut self, RedirectDraft { to, status }: &RedirectDraft) -> Option<TargetAnswer> {
        let status = status.as_ref().map_or(Some(302), |status| {
            if !REDIRECTS.contains(&status.value) {
                let message = format!(
                    "status {} is not one that boxes follow: legal are 301, 302, 303",
                    status.value
                );
                self.error(status.offset, message);
                return None;
            }
            u16::try_from(status.value).ok()
        });
        let url = HttpUrl::parse(&to.value);
        let url = url.map_err(|error| self.error(to.offset, error.to_string())).ok();
        Some(TargetAnswer::Redirect { to: url?.to_string(), status: status? })
    }
}

#[cfg(test)]
mod tests;
