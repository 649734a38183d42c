//! Which bytes of an image a request asks for (RFC 9110 §14).

use std::ops::Range;

use http_range_header::{EndPosition, ParsedRanges, StartPosition, parse_range_header};

/// More ranges in one request are refused, as RFC 9110 §14.2 wants of a careful server.
const RANGES_MAX: usize = 64;

/// What is sent of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes; at least one range, none empty, none touching the one before it.
    Parts(Vec<Range<u64>>),
    /// Nothing: no range lies within the image, or there are too many.
    Unsatisfiable,
}

/// Reads the value of `Range` for an image of `length` bytes. What is no list of byte ranges is passed
/// over, as RFC 9110 §14.2 demands.
pub(super) fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some(Ok(ParsedRanges { ranges })) = header.map(parse_range_header) else {
        return Wanted::Whole;
    };
    if ranges.len() > RANGES_MAX {
        return Wanted::Unsatisfiable;
    }
    let reversed = |start: &StartPosition, end: &EndPosition| matches!((start, end), (StartPosition::Index(from), EndPosition::Index(to)) if from > to);
    if ranges.iter().any(|range| reversed(&range.start, &range.end)) {
        return Wanted::Whole;
    }
    let mut parts: Vec<Range<u64>> = Vec::new();
    for range in &ranges {
        let start = match range.start {
            StartPosition::Index(from) => from,
            StartPosition::FromLast(count) => length.saturating_sub(count),
        };
        let end = match range.end {
            EndPosition::Index(last) => last.saturating_add(1).min(length),
            EndPosition::LastByte => length,
        };
        if start >= end {
            continue;
        }
        match parts.last_mut() {
            Some(before) if before.start <= start && start <= before.end => {
                before.end = before.end.max(end);
            }
            _ => parts.push(start..end),
        }
    }
    // Parts out of order may overlap; nobody needs more bytes than there are.
    let sum = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.end - part.start));
    match parts.len() {
        0 => Wanted::Unsatisfiable,
        2.. if sum > length => Wanted::Whole,
        _ => Wanted::Parts(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        let parts = |ranges: &[(u64, u64)]| {
            Wanted::Parts(ranges.iter().map(|&(start, end)| start..end).collect())
        };
        let table = [
            ("bytes=0-499", parts(&[(0, 500)])),
            ("bytes=500-", parts(&[(500, 1_000)])),
            ("bytes=-500", parts(&[(500, 1_000)])),
            ("bytes=-2000", parts(&[(0, 1_000)])),
            ("bytes=0-0,-1", parts(&[(0, 1), (999, 1_000)])),
            ("bytes=0-0, 5-9", parts(&[(0, 1), (5, 10)])),
            ("bytes=500-600,601-999", parts(&[(500, 1_000)])),
            ("bytes=500-700,601-650", parts(&[(500, 701)])),
            ("bytes=900-999,0-9", parts(&[(900, 1_000), (0, 10)])),
            ("bytes=0-18446744073709551615", parts(&[(0, 1_000)])),
            ("bytes=999-18446744073709551614", parts(&[(999, 1_000)])),
            ("bytes=0-9,5000-", parts(&[(0, 10)])),
            ("bytes=900-999,0-999", Wanted::Whole),
            ("bytes=1000-", Wanted::Unsatisfiable),
            ("bytes=5000-6000,7000-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Whole),
            ("bytes=9-5", Wanted::Whole),
            ("bytes=18446744073709551616-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ];
        for (header, expected) in table {
            assert_eq!(wanted(Some(header), 1_000), expected, "{header}");
        }
        assert_eq!(wanted(None, 1_000), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
        let many = |count: usize| {
            let ranges: Vec<_> = (0..count).map(|n| format!("{}-{}", n * 3, n * 3)).collect();
            wanted(Some(&format!("bytes={}", ranges.join(","))), 1_000)
        };
        assert!(matches!(many(64), Wanted::Parts(parts) if parts.len() == 64));
        assert_eq!(many(65), Wanted::Unsatisfiable);
    }

    proptest::proptest! {
        #[test]
        fn any_header_gives_parts_within_the_image(
            header in "bytes=([0-9]{0,20}-[0-9]{0,20},? ?){0,6}", length in 0_u64..2_000,
        ) {
            if let Wanted::Parts(parts) = wanted(Some(&header), length) {
                assert!(!parts.is_empty());
                assert!(parts.iter().all(|part| part.start < part.end && part.end <= length));
            }
        }
    }
}
