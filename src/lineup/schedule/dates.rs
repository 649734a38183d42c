//! Times and dates as they stand in a schedule.

use jiff::civil::{Date, DateTime, Time};

/// A time on the clock: `01:30` or `01:30:20`.
pub(super) fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(two_digits);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    // jiff would take the sixtieth second for the one before it.
    let fits = parts.next().is_none() && second < 60;
    if fits { Time::new(hour, minute, second, 0).ok() } else { None }
}

/// A date: `2026-12-24`.
pub(super) fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || parts.next().is_some() {
        return None;
    }
    Date::new(year.parse().ok()?, two_digits(month)?, two_digits(day)?).ok()
}

/// Both: `2026-12-24T01:30`.
pub(super) fn date_time(text: &str) -> Option<DateTime> {
    let (day, clock) = text.split_once(['T', ' '])?;
    Some(date(day)?.to_datetime(time(clock)?))
}

/// A date, or the first and the last of several: `2026-12-31/2027-01-01`.
pub(super) fn dates(text: &str) -> Option<(Date, Date)> {
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    Some((date(first)?, date(last)?))
}

fn two_digits(text: &str) -> Option<i8> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_dates_are_taken_in_one_spelling_alone() {
        assert_eq!(time("01:30").unwrap().to_string(), "01:30:00");
        assert_eq!(time("23:59:59").unwrap().to_string(), "23:59:59");
        for wrong in
            ["", "1:30", "01", "24:00", "01:60", "01:30:60", "01:30:00:00", "+1:30", "é:30"]
        {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(date("2028-02-29").unwrap().to_string(), "2028-02-29");
        for wrong in
            ["", "2027-02-29", "27-02-01", "2027-2-1", "2027-02", "2027-02-01-", "-027-02-01"]
        {
            assert_eq!(date(wrong), None, "{wrong}");
        }
        let both = date_time("2026-12-01T01:00:05").unwrap();
        assert_eq!(date_time("2026-12-01 01:00:05"), Some(both));
        assert_eq!(date_time("2026-12-01"), None);
        let (first, last) = dates("2026-12-31/2027-01-01").unwrap();
        assert_eq!((first.year(), last.year()), (2026, 2027));
        assert_eq!(dates("2026-12-31").map(|(first, last)| first == last), Some(true));
        assert_eq!(dates("2026-12-31/"), None);
    }
}
