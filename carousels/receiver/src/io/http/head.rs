//! What the header fields of an answer say that a box cares about.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use stbcast_object::Micros;

/// Longest validator that is remembered, in bytes.
const VALIDATOR_BYTES_MAX: usize = 256;

/// A part of an object, as `Content-Range` says it (RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its first byte and the one behind its last; `None` where the part cannot be given.
    pub(super) bytes: Option<(u64, u64)>,
    /// Bytes of the object.
    pub(super) length: u64,
}

impl Part {
    /// Reads `bytes 0-99/1234` or `bytes */1234`. A part of an object whose length is not told is
    /// of no use here.
    pub(super) fn parse(field: &str) -> Option<Self> {
        let (unit, rest) = field.trim().split_once(' ')?;
        let (range, length) = rest.trim().split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let length = digits(length)?;
        if range == "*" {
            return Some(Self { bytes: None, length });
        }
        let (first, last) = range.split_once('-')?;
        let (first, behind) = (digits(first)?, digits(last)?.checked_add(1)?);
        (first < behind && behind <= length)
            .then_some(Self { bytes: Some((first, behind)), length })
    }
}

/// A number of ASCII digits alone.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// A validator that differs whenever one byte of the object does (RFC 9110 §8.8.1).
pub(super) fn strong(etag: &str) -> Option<&str> {
    let etag = etag.trim();
    let inner = etag.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"') && etag.len() <= VALIDATOR_BYTES_MAX).then_some(etag)
}

/// When to ask again: seconds, or a date. The date counts from that of the answer, so that the box
/// needs no right time; from `now` where the answer has none.
pub(super) fn retry_after(field: &str, date: Option<&str>, now: SystemTime) -> Option<Micros> {
    let field = field.trim();
    if field.bytes().all(|byte| byte.is_ascii_digit()) && !field.is_empty() {
        return Some(Micros::from_secs(field.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(field).ok()?;
    let from = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
    let span = at.duration_since(from).unwrap_or(Duration::ZERO);
    Some(span.into())
}

/// The SHA-256 of a whole object in `Repr-Digest` (RFC 9530 §3), among others.
pub(super) fn sha256(field: &str) -> Option<[u8; 32]> {
    let member = field.split(',').find_map(|member| {
        let (name, value) = member.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("sha-256").then_some(value)
    })?;
    // Parameters may stand behind the value; base64 has no semicolon.
    let value = member.split(';').next()?.trim();
    let value = value.strip_prefix(':')?.strip_suffix(':')?;
    BASE64_STANDARD.decode(value).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_says_part_and_length() {
        let part = |bytes, length| Some(Part { bytes, length });
        assert_eq!(Part::parse("bytes 0-99/1234"), part(Some((0, 100)), 1234));
        assert_eq!(Part::parse("Bytes 99-99/100"), part(Some((99, 100)), 100));
        assert_eq!(Part::parse("bytes */1234"), part(None, 1234));
        for field in [
            "",
            "bytes",
            "bytes 0-99",
            "bytes 0-99/*",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes -5/10",
            "bytes +0-5/10",
            "bytes 0-18446744073709551615/18446744073709551615",
            "items 0-1/2",
        ] {
            assert_eq!(Part::parse(field), None, "{field}");
        }
    }

    #[test]
    fn only_strong_validators_prove_anything() {
        assert_eq!(strong("\"abc\""), Some("\"abc\""));
        assert_eq!(strong("\"\""), Some("\"\""));
        let long = format!("\"{}\"", "a".repeat(255));
        for etag in ["W/\"abc\"", "abc", "\"", "", "\"a\"b\"", &long] {
            assert_eq!(strong(etag), None, "{etag}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let seconds = |field, date| retry_after(field, date, now);
        assert_eq!(seconds(" 120 ", None), Some(Micros::from_secs(120)));
        assert_eq!(seconds("99999999999999999999999", None), Some(Micros::NEVER));
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(seconds(at, None), Some(Micros::from_secs(7)));
        assert_eq!(seconds(at, Some("Sun, 06 Nov 1994 08:49:00 GMT")), Some(Micros::from_secs(37)));
        assert_eq!(seconds(at, Some("Sun, 06 Nov 1994 09:49:00 GMT")), Some(Micros::ZERO));
        for field in ["", "-1", "1.5", "soon"] {
            assert_eq!(seconds(field, None), None, "{field}");
        }
    }

    #[test]
    fn a_digest_is_found_among_others() {
        let zeros = "A".repeat(43) + "=";
        for field in [
            format!("sha-256=:{zeros}:"),
            format!("sha-512=:AAAA:, sha-256=:{zeros}:;x=1"),
            format!("SHA-256 = :{zeros}:"),
        ] {
            assert_eq!(sha256(&field), Some([0; 32]), "{field}");
        }
        for field in ["", "sha-256", "sha-256=:AAAA:", "sha-256=AAAA", "md5=:AAAA:"] {
            assert_eq!(sha256(field), None, "{field}");
        }
    }
}
