//! When an image was made: one moment, written in two forms.
//!
//! ```text
//! 10 Nov 2017 20:05:35 GMT+0200      update_list.txt, read by JavaScript's Date.parse
//! Fri Nov 10 20:05:35 EET 2017       header of an image, as the command `date` prints it
//! ```

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

mod civil;
mod zone;

use civil::Civil;

/// Longest text of a date, in bytes.
const DATE_BYTES_MAX: usize = 64;

/// Latest year taken.
const YEAR_MAX: i64 = 9_999;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment, with the offset from UTC that it is written with. Two are equal when the moment is.
#[derive(Clone, Copy, Debug)]
pub struct UpdateDate {
    /// Unix seconds, from 1970 to 9999.
    unix_s: i64,
    /// Minutes that the clock is ahead of UTC.
    offset_minutes: i16,
}

impl PartialEq for UpdateDate {
    fn eq(&self, other: &Self) -> bool {
        self.unix_s == other.unix_s
    }
}

impl Eq for UpdateDate {}

impl PartialOrd for UpdateDate {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UpdateDate {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.unix_s.cmp(&other.unix_s)
    }
}

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// As boxes read it in a list.
    List,
    /// That with spaces around `+` or behind `:`, as the vendor's page shows it by its typography. Boxes
    /// may not read it.
    Spaced,
    /// As the header of an image has it. In a list no box reads it.
    Header,
}

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// Neither form.
    #[error(
        "{text:?} is neither `10 Nov 2017 20:05:35 GMT+0200` nor `Fri Nov 10 20:05:35 EET 2017`"
    )]
    Form {
        /// The text, at most its first 64 characters.
        text: String,
    },
    /// A day or time that there is not.
    #[error("there is no {what} in {text:?}")]
    NoSuch {
        /// What there is not.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// An abbreviation that stands for nothing, or for several zones.
    #[error(
        "time zone `{zone}` is unknown here: write the date as `10 Nov 2017 20:05:35 GMT+0200`"
    )]
    Zone {
        /// The abbreviation.
        zone: String,
    },
    /// The day of the week is another one.
    #[error("{text:?} is a {is}")]
    Weekday {
        /// The text.
        text: String,
        /// The day it is.
        is: &'static str,
    },
}

impl UpdateDate {
    /// A moment, in UTC; `None` outside 1970 to 9999.
    pub fn from_unix(unix_s: i64) -> Option<Self> {
        let date = Self { unix_s, offset_minutes: 0 };
        (unix_s >= 0 && Civil::of(unix_s).year <= YEAR_MAX).then_some(date)
    }

    /// Unix seconds.
    pub const fn unix_s(&self) -> i64 {
        self.unix_s
    }

    /// Reads a date in any form, and tells which it is.
    ///
    /// # Errors
    /// As [`DateError`] says.
    pub fn read(text: &str) -> Result<(Self, DateForm), DateError> {
        let form = || DateError::Form { text: text.chars().take(DATE_BYTES_MAX).collect() };
        if text.len() > DATE_BYTES_MAX {
            return Err(form());
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        if let [weekday, month, day, time, zone, year] = words.as_slice()
            && MONTHS.contains(month)
            && WEEKDAYS.contains(weekday)
        {
            let date = header(text, [weekday, month, day, time, zone, year])?;
            return Ok((date, DateForm::Header));
        }
        // Typography: `20: 05: 35 GMT + 0200`.
        let joined = words.join(" ").replace(": ", ":").replace(" :", ":");
        let joined = joined.replace("+ ", "+").replace(" +", "+").replace("GMT- ", "GMT-");
        let joined = joined.replace("GMT -", "GMT-").replace("GMT- ", "GMT-");
        let parts: Vec<&str> = joined.split(' ').collect();
        let [day, month, year, time, zone] = parts.as_slice() else { return Err(form()) };
        let offset_minutes = zone::of_gmt(zone).ok_or_else(form)?;
        let local = local(text, [day, month, year, time])?;
        let date = Self::at(local, offset_minutes).ok_or_else(form)?;
        let is_plain = joined == text && day.len() <= 2 && year.len() == 4 && time.len() == 8;
        Ok((date, if is_plain { DateForm::List } else { DateForm::Spaced }))
    }

    /// The same moment, written with the offset of `zone`, an abbreviation as `EET`.
    ///
    /// # Errors
    /// When the abbreviation is unknown.
    pub fn to_header(self, zone: &str) -> Result<String, DateError> {
        let unknown = || DateError::Zone { zone: zone.chars().take(DATE_BYTES_MAX).collect() };
        // What an abbreviation stands for depends on the clock, and that on what it stands for.
        let guess = zone::of_word(zone, self.unix_s).ok_or_else(unknown)?;
        let local = self.unix_s + i64::from(guess) * 60;
        let offset = zone::of_word(zone, local).ok_or_else(unknown)?;
        let Civil { year, month, day, hour, minute, second, weekday } =
            Civil::of(self.unix_s + i64::from(offset) * 60);
        let (month, weekday) = (word(&MONTHS, month - 1), word(&WEEKDAYS, weekday));
        Ok(format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {zone} {year}"))
    }

    /// The same moment as a list has it, with the offset it was read with.
    pub fn to_list(self) -> String {
        let Civil { year, month, day, hour, minute, second, .. } =
            Civil::of(self.unix_s + i64::from(self.offset_minutes) * 60);
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let ahead = self.offset_minutes.unsigned_abs();
        let month = word(&MONTHS, month - 1);
        format!(
            "{day} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT{sign}{:02}{:02}",
            ahead / 60,
            ahead % 60
        )
    }

    fn at(local_s: i64, offset_minutes: i16) -> Option<Self> {
        let date = Self::from_unix(local_s - i64::from(offset_minutes) * 60)?;
        Some(Self { offset_minutes, ..date })
    }
}

fn word(words: &[&'static str], place: i64) -> &'static str {
    usize::try_from(place).ok().and_then(|place| words.get(place)).copied().unwrap_or("?")
}

/// `Fri Nov 10 20:05:35 EET 2017`, word by word.
fn header(text: &str, words: [&str; 6]) -> Result<UpdateDate, DateError> {
    let [weekday, month, day, time, zone, year] = words;
    let local = local(text, [day, month, year, time])?;
    let is = word(&WEEKDAYS, Civil::of(local).weekday);
    if is != weekday {
        return Err(DateError::Weekday { text: text.to_owned(), is });
    }
    let offset = zone::of_word(zone, local);
    let offset = offset.ok_or_else(|| DateError::Zone { zone: zone.to_owned() })?;
    let early = || DateError::NoSuch { what: "day from 1970 to 9999", text: text.to_owned() };
    UpdateDate::at(local, offset).ok_or_else(early)
}

/// Seconds that a clock shows, as if it were UTC's.
fn local(text: &str, [day, month, year, time]: [&str; 4]) -> Result<i64, DateError> {
    let form = || DateError::Form { text: text.to_owned() };
    let number = |text: &str, digits: core::ops::RangeInclusive<usize>| {
        let legal = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if legal { text.parse::<i64>().ok() } else { None }
    };
    let no_such = |what| DateError::NoSuch { what, text: text.to_owned() };
    let month = MONTHS.iter().position(|known| *known == month).ok_or_else(form)?;
    let month = i64::try_from(month + 1).map_err(|_| form())?;
    let (day, year) = (number(day, 1..=2).ok_or_else(form)?, number(year, 4..=4).ok_or_else(form)?);
    let mut clock = time.split(':').map(|part| number(part, 2..=2));
    let (Some(Some(hour)), Some(Some(minute)), Some(Some(second)), None) =
        (clock.next(), clock.next(), clock.next(), clock.next())
    else {
        return Err(form());
    };
    if !(1..=civil::days_in(year, month)).contains(&day) {
        return Err(no_such("such day"));
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(no_such("such time"));
    }
    if !(1970..=YEAR_MAX).contains(&year) {
        return Err(no_such("day from 1970 to 9999"));
    }
    Ok(civil::days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests;
