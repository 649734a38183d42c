//! Time zones: which moment a time on the clock is.
//!
//! One rule for all of them: **a time on the clock is the first moment at which the clock shows it, or a
//! later one.** So a time that a clock skips in spring is the moment of the skip, and a time that it
//! shows twice in autumn is the first of both. Times in order are moments in order, and each happens once.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{self, AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// Moments before are taken for this one: the year 1, as far back as cron expressions go.
const FIRST_S: i64 = -62_135_000_000;

/// Moments after are taken for this one: the year 9990.
const LAST_S: i64 = 253_080_000_000;

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

/// A moment as the clock shows it, with its offset: `2026-03-29T03:00:00+02:00`.
pub(super) fn text(zone: &TimeZone, unix_s: i64) -> String {
    let shown = timestamp(unix_s).to_zoned(zone.clone());
    shown.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The time of day as the clock shows it: `03:00`, with seconds where there are some.
pub(super) fn time_text(clock: DateTime) -> String {
    let format = if clock.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    clock.strftime(format).to_string()
}

/// What the clock shows.
pub(super) fn shown(zone: &TimeZone, unix_s: i64) -> DateTime {
    zone.to_datetime(timestamp(unix_s))
}

/// The same moment, or the nearest that can be told.
pub(super) fn tellable(unix_s: i64) -> i64 {
    unix_s.clamp(FIRST_S, LAST_S)
}

fn timestamp(unix_s: i64) -> Timestamp {
    Timestamp::from_second(tellable(unix_s)).unwrap_or_default()
}

/// The first moment at which the clock shows `clock`, or a later time, in Unix seconds.
pub(super) fn moment(zone: &TimeZone, clock: DateTime) -> i64 {
    let ambiguous = zone.to_ambiguous_timestamp(clock);
    let by = |offset: tz::Offset| offset.to_timestamp(clock).ok();
    let moment = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => by(offset),
        AmbiguousOffset::Fold { before, .. } => by(before),
        // A clock that already went on shows it in the hour before: the skip is the next change.
        AmbiguousOffset::Gap { after, .. } => by(after).and_then(|early| {
            let skip = zone.following(early).next();
            skip.map(|skip| skip.timestamp())
        }),
    };
    let end = if clock.year() < 1970 { FIRST_S } else { LAST_S };
    tellable(moment.map_or(end, Timestamp::as_second))
}

/// The last time to the second of which [`moment`] is not after `unix_s`: what the clock shows, or has
/// shown when it was set back.
pub(super) fn reached(zone: &TimeZone, unix_s: i64) -> DateTime {
    let now = timestamp(unix_s);
    let shown = zone.to_datetime(now);
    let change = |at: Timestamp| zone.preceding(at).next().map(|change| change.timestamp());
    // The change is before the moment it is asked for, and may be at `now`.
    let last = now.checked_add(jiff::SignedDuration::from_secs(1)).ok().and_then(change);
    let before = last.and_then(|last| last.checked_sub(jiff::SignedDuration::from_secs(1)).ok());
    before.map_or(shown, |before| shown.max(zone.to_datetime(before)))
}
