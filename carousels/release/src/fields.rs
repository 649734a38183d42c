//! Maps with integer keys, read entry by entry, and written.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cose::Value;
use crate::{Check, Refusal, on};

/// A map in the middle of being read.
pub(crate) struct Fields {
    at: &'static str,
    entries: Vec<(i64, Value)>,
}

impl Fields {
    /// A map whose keys are integers, none of them negative.
    pub(crate) fn new(at: &'static str, value: Value) -> Result<Self, Refusal> {
        let Value::Map(map) = value else { return illegal(at, "a map") };
        let mut entries = Vec::with_capacity(map.len());
        for (key, value) in map {
            let key = key.as_integer().and_then(|key| i64::try_from(key).ok());
            match key {
                Some(key) if key >= 0 => entries.push((key, value)),
                _ if !on(Check::UnknownKeys) => {}
                _ => return Err(Refusal::UnknownEntry { at, key: key.unwrap_or_default() }),
            }
        }
        Ok(Self { at, entries })
    }

    /// The value under a key, where there is one.
    pub(crate) fn optional(&mut self, key: u8) -> Option<Value> {
        let place = self.entries.iter().position(|(other, _)| *other == i64::from(key))?;
        Some(self.entries.swap_remove(place).1)
    }

    /// The value under a key.
    pub(crate) fn value(&mut self, key: u8) -> Result<Value, Refusal> {
        self.optional(key).ok_or(Refusal::Missing { at: self.at, key })
    }

    /// A number.
    pub(crate) fn number<N: TryFrom<u64>>(
        &mut self,
        key: u8,
        field: &'static str,
        legal: &'static str,
    ) -> Result<N, Refusal> {
        number(self.value(key)?, field, legal)
    }

    /// Text that `is_legal` takes.
    pub(crate) fn text(
        &mut self,
        key: u8,
        field: &'static str,
        legal: &'static str,
        is_legal: impl Fn(&str) -> bool,
    ) -> Result<String, Refusal> {
        let text = text(self.value(key)?, field, legal)?;
        check(is_legal(&text), field, legal)?;
        Ok(text)
    }

    /// 32 bytes.
    pub(crate) fn digest(&mut self, key: u8, field: &'static str) -> Result<[u8; 32], Refusal> {
        digest(self.value(key)?, field)
    }

    /// An array.
    pub(crate) fn array(&mut self, key: u8, field: &'static str) -> Result<Vec<Value>, Refusal> {
        array(self.value(key)?, field)
    }
}

/// A refusal of a value.
pub(crate) fn illegal<T>(field: &'static str, legal: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Value { field, legal })
}

/// A value within its range, or [`Refusal::Value`].
pub(crate) fn check(is: bool, field: &'static str, legal: &'static str) -> Result<(), Refusal> {
    if is || !on(Check::Values) { Ok(()) } else { illegal(field, legal) }
}

pub(crate) fn number<N: TryFrom<u64>>(
    value: Value,
    field: &'static str,
    legal: &'static str,
) -> Result<N, Refusal> {
    let number = value.as_integer().and_then(|value| u64::try_from(value).ok());
    number.and_then(|number| N::try_from(number).ok()).ok_or(Refusal::Value { field, legal })
}

pub(crate) fn text(
    value: Value,
    field: &'static str,
    legal: &'static str,
) -> Result<String, Refusal> {
    value.into_text().map_err(|_| Refusal::Value { field, legal })
}

pub(crate) fn digest(value: Value, field: &'static str) -> Result<[u8; 32], Refusal> {
    let legal = "32 bytes";
    let bytes = value.into_bytes().map_err(|_| Refusal::Value { field, legal })?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| Refusal::Value { field, legal })
}

pub(crate) fn array(value: Value, field: &'static str) -> Result<Vec<Value>, Refusal> {
    value.into_array().map_err(|_| Refusal::Value { field, legal: "an array" })
}

/// A list of texts in rising order, each once.
pub(crate) fn words(
    values: Vec<Value>,
    field: &'static str,
    legal: &'static str,
    is_legal: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Refusal> {
    let words = values.into_iter().map(|value| text(value, field, legal));
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let rising = words.iter().zip(words.iter().skip(1)).all(|(one, next)| one < next);
    check(rising && words.iter().all(|word| is_legal(word)), field, legal)?;
    Ok(words)
}

/// The bytes of a map whose keys are given in rising order.
#[cfg(feature = "sign")]
pub(crate) fn encode(entries: Vec<(u8, Value)>) -> Option<Vec<u8>> {
    crate::cose::write(&map(entries))
}

/// A map whose keys are given in rising order.
#[cfg(feature = "sign")]
pub(crate) fn map(entries: Vec<(u8, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

/// A list of texts.
#[cfg(feature = "sign")]
pub(crate) fn list(words: &[String]) -> Value {
    Value::Array(words.iter().map(|word| Value::from(word.as_str())).collect())
}
