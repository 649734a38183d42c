//! Times as an operator writes them, and as they are shown.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Seconds since the Unix epoch of a date (its first second in UTC), a time by RFC 3339, or a number
/// of days from now (`90d`).
///
/// # Errors
/// When it is none of them, or before 1970.
pub(crate) fn unix_s(text: &str) -> Result<u64, String> {
    let legal = || {
        format!(
            "`{text}` is no time: a date as 2027-06-30, a time as 2027-06-30T04:00:00Z, or days from \
             now as 90d"
        )
    };
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    if let Some(days) = days {
        let span = days.checked_mul(86_400);
        return span.and_then(|span| now().checked_add(span)).ok_or_else(legal);
    }
    let date = text.parse::<Date>().ok().filter(|_| !text.contains(['T', 't', ' ']));
    let time = match date {
        Some(date) => date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()),
        None => text.parse::<Timestamp>(),
    };
    let seconds = time.map_err(|_| legal())?.as_second();
    u64::try_from(seconds).map_err(|_| legal())
}

/// Seconds since the Unix epoch now.
pub(crate) fn now() -> u64 {
    crate::clock::wall().0 / 1_000_000
}

/// A time by RFC 3339 in UTC.
pub(crate) fn text(unix_s: u64) -> String {
    let seconds = i64::try_from(unix_s).ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("second {unix_s}"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_a_time_and_a_number_of_days_are_taken() {
        assert_eq!(unix_s("2027-06-30"), Ok(1_814_313_600));
        assert_eq!(unix_s("2027-06-30T02:00:00+02:00"), Ok(1_814_313_600));
        assert_eq!(text(1_814_313_600), "2027-06-30T00:00:00Z");
        let in_a_day = unix_s("1d").unwrap();
        assert!((now() + 86_399..=now() + 86_401).contains(&in_a_day));
        for wrong in ["", "d", "tomorrow", "1969-12-31", "2027-13-01", "2027-06-30T00:00", "-1d"] {
            assert!(unix_s(wrong).unwrap_err().contains("is no time"), "{wrong}");
        }
        assert!(unix_s("99999999999999999999d").is_err() && unix_s("213503982334601d").is_err());
    }
}
