//! `[[target]]`: TOML, as written.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_spanned::Spanned;

use super::super::rules::At;
use super::super::written::{Word, at};
use super::{RedirectDraft, RingDraft, TargetDraft, WordsDraft};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lineup) struct TargetWritten {
    name: Spanned<String>,
    product: Option<Spanned<Words>>,
    serials: Option<Spanned<Words>>,
    serials_file: Option<Spanned<String>>,
    mac: Option<Spanned<Words>>,
    fw_version: Option<Spanned<Words>>,
    kernel_version: Option<Spanned<Words>>,
    splash_version: Option<Spanned<Words>>,
    diagnostic_version: Option<Spanned<Words>>,
    ring: Option<Spanned<RingWritten>>,
    stbconfig: Option<Spanned<String>>,
    redirect: Option<Spanned<RedirectWritten>>,
}

/// A word, or a list of them. Where a word has no place of its own, it has that of the key's value.
pub(in crate::lineup) struct Words(pub(in crate::lineup) Vec<(String, Option<usize>)>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsVisitor;
        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list of strings")
            }
            fn visit_str<E>(self, word: &str) -> Result<Words, E> {
                Ok(Words(vec![(word.to_owned(), None)]))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Words, E> {
                Ok(Words(vec![(number.to_string(), None)]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Words, A::Error> {
                let words = Vec::<Spanned<Word>>::deserialize(SeqAccessDeserializer::new(seq))?;
                let words = words.into_iter().map(|word| {
                    let At { value: Word(word), offset } = at(word);
                    (word, Some(offset))
                });
                Ok(Words(words.collect()))
            }
        }
        deserializer.deserialize_any(WordsVisitor)
    }
}

/// A number of boxes in a thousand, or a table that says more.
struct RingWritten(RingDraft);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RingTable {
    permille: i64,
    salt: Option<String>,
}

impl<'de> Deserialize<'de> for RingWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RingVisitor;
        impl<'de> Visitor<'de> for RingVisitor {
            type Value = RingWritten;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("boxes of a thousand, or { permille = 50, salt = \"5.1.3\" }")
            }
            fn visit_i64<E: serde::de::Error>(self, permille: i64) -> Result<RingWritten, E> {
                Ok(RingWritten(RingDraft { permille, salt: None }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RingWritten, A::Error> {
                let table = RingTable::deserialize(MapAccessDeserializer::new(map));
                let RingTable { permille, salt } = table.map_err(A::Error::custom)?;
                Ok(RingWritten(RingDraft { permille, salt }))
            }
        }
        deserializer.deserialize_any(RingVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedirectWritten {
    to: Spanned<String>,
    status: Option<Spanned<i64>>,
}

fn words(written: Spanned<Words>) -> WordsDraft {
    let At { value: Words(words), offset } = at(written);
    let words = words.into_iter();
    let value = words.map(|(value, own)| At { value, offset: own.unwrap_or(offset) }).collect();
    At { value, offset }
}

impl TargetWritten {
    pub(in crate::lineup) fn draft(written: Spanned<Self>) -> TargetDraft {
        let At { value: target, offset } = at(written);
        let ring = target.ring.map(|ring| {
            let At { value: RingWritten(value), offset } = at(ring);
            At { value, offset }
        });
        let redirect = target.redirect.map(|redirect| {
            let At { value: RedirectWritten { to, status }, offset } = at(redirect);
            At { value: RedirectDraft { to: at(to), status: status.map(at) }, offset }
        });
        TargetDraft {
            offset,
            name: at(target.name),
            product: target.product.map(words),
            serials: target.serials.map(words),
            serials_file: target.serials_file.map(at),
            mac: target.mac.map(words),
            fw_version: target.fw_version.map(words),
            kernel_version: target.kernel_version.map(words),
            splash_version: target.splash_version.map(words),
            diagnostic_version: target.diagnostic_version.map(words),
            ring,
            stbconfig: target.stbconfig.map(at),
            redirect,
        }
    }
}
