//! Deterministic CBOR (RFC 8949 §4.2.1): each value has one encoding, and only that is taken.

use alloc::vec::Vec;

use coset::cbor;

use super::Value;
use crate::limits::DEPTH_MAX;
use crate::{Check, Refusal, STATEMENT_BYTES_MAX, on};

/// Reads all of `bytes`. `part` is what they are: `message`, `header` or `payload`; `check` is the
/// one that this makes.
///
/// The caller has held the length against [`STATEMENT_BYTES_MAX`]; what is built is at most some
/// tens of bytes for each byte read, and nested at most [`DEPTH_MAX`] deep.
pub(crate) fn parse(part: &'static str, check: Check, bytes: &[u8]) -> Result<Value, Refusal> {
    let refuse = |fault| Err(Refusal::Encoding { part, fault });
    let mut rest = bytes;
    let Ok(value) = cbor::de::from_reader_with_recursion_limit::<Value, _>(&mut rest, DEPTH_MAX)
    else {
        return refuse("it cannot be read, or is nested too deep");
    };
    if !on(check) {
        return Ok(value);
    }
    if !rest.is_empty() {
        return refuse("bytes follow behind it");
    }
    if write(&value).as_deref() != Some(bytes) {
        return refuse("a number or length is not written in its shortest form");
    }
    check_items(&value).map_err(|fault| Refusal::Encoding { part, fault })?;
    Ok(value)
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
