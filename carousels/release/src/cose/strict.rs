//! Deterministic CBOR (RFC 8949 §4.2.1): each value has one encoding, and only that is taken.

use alloc::vec::Vec;

use coset::cbor;

use super::Value;
use crate::limits::{DEPTH_MAX, KEYS_MAX};
use crate::{Check, Refusal, STATEMENT_BYTES_MAX, on};

/// Most items of a message: a COSE_Sign with as many signatures as are looked at.
const MESSAGE_ITEMS_MAX: usize = 6 + 4 * KEYS_MAX;

/// Most items of a protected header.
const HEADER_ITEMS_MAX: usize = 9;

/// A part of a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it; nobody signed how it is put together.
    Message,
    /// A protected header; nobody looked at its signature yet.
    Header,
    /// What was signed.
    Payload,
}

impl Part {
    const fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Header => "header",
            Self::Payload => "payload",
        }
    }

    const fn check(self) -> Check {
        match self {
            Self::Message => Check::MessageEncoding,
            Self::Header => Check::HeaderEncoding,
            Self::Payload => Check::PayloadEncoding,
        }
    }

    /// Most items that are read of it. An item costs more than its one byte.
    const fn items_max(self) -> usize {
        match self {
            Self::Message => MESSAGE_ITEMS_MAX,
            Self::Header => HEADER_ITEMS_MAX,
            Self::Payload => STATEMENT_BYTES_MAX,
        }
    }
}

/// Reads all of `bytes`, which are no more than [`STATEMENT_BYTES_MAX`]. What is built has no more
/// items than a legal part, nested at most [`DEPTH_MAX`] deep.
pub(crate) fn parse(part: Part, bytes: &[u8]) -> Result<Value, Refusal> {
    let refuse = |fault| Err(Refusal::Encoding { part: part.word(), fault });
    if !has_items_at_most(part.items_max(), bytes) {
        return refuse("it has too many items, or ends within one");
    }
    let mut rest = bytes;
    let Ok(value) = cbor::de::from_reader_with_recursion_limit::<Value, _>(&mut rest, DEPTH_MAX)
    else {
        return refuse("it cannot be read, or is nested too deep");
    };
    if !on(part.check()) {
        return Ok(value);
    }
    if !rest.is_empty() {
        return refuse("bytes follow behind it");
    }
    if write(&value).as_deref() != Some(bytes) {
        return refuse("a number or length is not written in its shortest form");
    }
    check_items(&value).map_err(|fault| Refusal::Encoding { part: part.word(), fault })?;
    Ok(value)
}

/// Walks from head to head without building anything: whether there are at most `max` items, all of
/// them whole. Those of indefinite length are never legal.
fn has_items_at_most(max: usize, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for _ in 0..=max {
        let Some((&first, behind)) = rest.split_first() else { return true };
        let argument_bytes = match first & 0x1f {
            0..24 => 0,
            short @ 24..28 => 1 << (short - 24),
            _ => return false,
        };
        let Some((argument, behind)) = behind.split_at_checked(argument_bytes) else {
            return false;
        };
        let argument = argument
            .iter()
            .try_fold(0usize, |value, &byte| value.checked_mul(256)?.checked_add(byte.into()));
        let is_string = matches!(first >> 5, 2 | 3);
        let content = match (is_string, argument_bytes, argument) {
            (false, ..) => Some(0),
            (true, 0, _) => Some(usize::from(first & 0x1f)),
            (true, _, length) => length,
        };
        let Some((_, behind)) = content.and_then(|length| behind.split_at_checked(length)) else {
            return false;
        };
        rest = behind;
    }
    rest.is_empty()
}

/// The encoding of a value whose maps are in order.
pub(crate) fn write(value: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(STATEMENT_BYTES_MAX / 4);
    cbor::ser::into_writer(value, &mut bytes).ok()?;
    Some(bytes)
}

fn check_items(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Integer(_) | Value::Bytes(_) | Value::Text(_) => Ok(()),
        Value::Array(items) => items.iter().try_for_each(check_items),
        Value::Map(entries) => check_map(entries),
        Value::Tag(_, value) => check_items(value),
        // A later field may be true or false; nothing may be a float, null or undefined.
        Value::Bool(_) => Ok(()),
        _ => Err("it has a value that is no integer, string, array, map or truth value"),
    }
}

fn check_map(entries: &[(Value, Value)]) -> Result<(), &'static str> {
    let mut before: Option<Vec<u8>> = None;
    for (key, value) in entries {
        let key = write(key).ok_or("a key cannot be written")?;
        if before.is_some_and(|before| before >= key) {
            return Err("the keys of a map are not in rising order, or one is there twice");
        }
        before = Some(key);
        check_items(value)?;
    }
    Ok(())
}
