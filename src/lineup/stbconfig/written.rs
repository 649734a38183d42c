//! `[[stbconfig]]`: TOML, as written.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_spanned::Spanned;

use super::super::rules::At;
use super::super::written::{Word, at, word};
use super::{ImageDraft, StbConfigDraft};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lineup) struct StbConfigWritten {
    name: Spanned<String>,
    file: Option<Spanned<String>>,
    generation: Option<Spanned<String>>,
    image: Option<Spanned<ImageWritten>>,
    splash: Option<Spanned<ImageWritten>>,
    diagnostic: Option<Spanned<ImageWritten>>,
    permanent: Option<Spanned<BTreeMap<Spanned<String>, Spanned<Word>>>>,
}

/// An object or a URL, or a table that says the version, too.
struct ImageWritten(ImageDraft);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageTable {
    url: String,
    version: String,
}

impl<'de> Deserialize<'de> for ImageWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ImageVisitor;
        impl<'de> Visitor<'de> for ImageVisitor {
            type Value = ImageWritten;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a URL, or { url = \"http://...\", version = \"5.1\" }")
            }
            fn visit_str<E>(self, name: &str) -> Result<ImageWritten, E> {
                Ok(ImageWritten(ImageDraft::Named(name.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImageWritten, A::Error> {
                let table = ImageTable::deserialize(MapAccessDeserializer::new(map))?;
                let ImageTable { url, version } = table;
                Ok(ImageWritten(ImageDraft::Versioned { url, version }))
            }
        }
        deserializer.deserialize_any(ImageVisitor)
    }
}

fn image(written: Spanned<ImageWritten>) -> At<ImageDraft> {
    let At { value: ImageWritten(value), offset } = at(written);
    At { value, offset }
}

impl StbConfigWritten {
    pub(in crate::lineup) fn draft(written: Spanned<Self>) -> StbConfigDraft {
        let At { value: stbconfig, offset } = at(written);
        let permanent = stbconfig.permanent.map(|permanent| {
            let At { value, offset } = at(permanent);
            let value = value.into_iter().map(|(name, value)| (at(name), word(value)));
            At { value: value.collect(), offset }
        });
        StbConfigDraft {
            offset,
            name: at(stbconfig.name),
            file: stbconfig.file.map(at),
            generation: stbconfig.generation.map(at),
            image: stbconfig.image.map(image),
            splash: stbconfig.splash.map(image),
            diagnostic: stbconfig.diagnostic.map(image),
            permanent,
        }
    }
}
