//! Time zones: which moment a time on the clock is.

use jiff::tz::{self, TimeZone, TimeZoneDatabase};

/// The time zone of that name: by the machine's database, which is kept up to date, else by the one that
/// is built in.
pub(crate) fn find(name: &str) -> Option<TimeZone> {
    let known = tz::db().get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()?;
    // What the database calls unknown has no rules.
    (!known.is_unknown()).then_some(known)
}

/// All names.
pub(crate) fn names() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}
