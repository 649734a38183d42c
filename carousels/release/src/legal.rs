//! What names and URLs may be.

use crate::limits::{NAME_BYTES_MAX, URL_BYTES_MAX};

/// An operator or the name of an object: 1 to 64 of `[A-Za-z0-9._-]`, not beginning with a dot.
pub(crate) fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    is_word(text) && text.bytes().all(legal) && !text.starts_with('.')
}

/// A model or a serial: 1 to 64 printable ASCII characters but space.
pub(crate) fn is_word(text: &str) -> bool {
    let length = (1..=NAME_BYTES_MAX).contains(&text.len());
    length && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An http or https URL of printable ASCII characters but space.
pub(crate) fn is_http(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let named = host.is_some_and(|rest| !rest.starts_with(['/', '?', '#']) && !rest.is_empty());
    named && text.len() <= URL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}
