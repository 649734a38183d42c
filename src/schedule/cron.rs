//! Cron expressions. The only file that names the crate that reads them.
//!
//! Times of an expression are times on the clock, without a time zone; what they mean on a night on
//! which the clock is put forward or back is told in [`super::zone`].

use std::fmt;
use std::sync::Arc;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

/// Longer ones are no expressions.
const BYTES_MAX: usize = 256;

/// Fields: minute, hour, day of the month, month, day of the week.
const FIELDS: usize = 5;

/// Times on the clock, to the minute.
#[derive(Clone, PartialEq)]
pub struct Cron {
    text: String,
    pattern: Arc<croner::Cron>,
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// Reads an expression of five fields: minute, hour, day of the month, month, day of the week. Where
    /// both days are restricted, a day on which either fits is meant.
    ///
    /// # Errors
    /// What is wrong, and what is legal; also when the times never come.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            format!(
                "cron `{}`{why}: legal are five fields, minute hour day-of-month month day-of-week, as \
                 \"0 1 * * mon-fri\"",
                text.chars().take(80).collect::<String>()
            )
        };
        let fields = text.split_whitespace().count();
        if fields != FIELDS || text.len() > BYTES_MAX {
            return Err(refused(&format!(" has {fields} fields")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let pattern = parser.build().parse(text).map_err(|error| match error {
            CronError::InvalidPattern(why)
            | CronError::IllegalCharacters(why)
            | CronError::ComponentError(why) => {
                refused(&format!(" ({})", why.trim_end_matches('.')))
            }
            other => refused(&format!(" ({other})")),
        })?;
        let cron = Self { text: text.to_owned(), pattern: Arc::new(pattern) };
        // Every four hundred years are alike; from here every leap day and every weekday follows.
        let never = cron.next(DateTime::constant(2000, 1, 1, 0, 0, 0, 0)).is_none();
        if never {
            Err(format!("cron `{text}` never comes: no month has such a day"))
        } else {
            Ok(cron)
        }
    }

    /// The first time at or after `from`.
    pub(super) fn next(&self, from: DateTime) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&from, true).ok()
    }

    /// The last time at or before `until`.
    pub(super) fn last(&self, until: DateTime) -> Option<DateTime> {
        self.pattern.find_previous_occurrence(&until, true).ok()
    }
}
