//! What is wrong with the budget of a year: who waits, and where nobody says who goes first.

use std::collections::BTreeMap;

use super::budget::Wait;
use super::{Moment, Timetable};
use crate::lineup::{Finding, LineUp};

/// A year and a month, in seconds: what is looked at.
pub(crate) const AHEAD_S: i64 = 400 * 86_400;

/// Those that wait on an interface: place of the interface, whether nobody says who goes first, channels.
type Waiting = (usize, bool, Vec<usize>);

/// How often it happens, and when first.
struct Seen {
    times: usize,
    first_s: i64,
    over_bps: u64,
}

/// Gathers who waits.
#[derive(Default)]
pub(crate) struct Waits(BTreeMap<Waiting, Seen>, Vec<Waiting>);

impl Waits {
    /// Goes on with a moment.
    pub(crate) fn add(&mut self, moment: &Moment<'_>) {
        let mut now: BTreeMap<(usize, bool), Vec<&Wait>> = BTreeMap::new();
        for wait in moment.waits {
            now.entry((wait.interface, wait.is_tie)).or_default().push(wait);
        }
        let before = std::mem::take(&mut self.1);
        for ((interface, is_tie), waits) in now {
            let mut channels: Vec<_> = waits.iter().map(|wait| wait.channel).collect();
            channels.sort_unstable();
            let key = (interface, is_tie, channels);
            let over_bps = waits.iter().map(|wait| wait.over_bps).max().unwrap_or(0);
            let first_s = moment.at_s;
            let seen = self.0.entry(key.clone()).or_insert(Seen { times: 0, first_s, over_bps });
            seen.over_bps = seen.over_bps.max(over_bps);
            // A change of something else does not begin it anew.
            seen.times += usize::from(!before.contains(&key));
            self.1.push(key);
        }
    }

    /// What an operator should know of it.
    pub(crate) fn findings(&self, line_up: &LineUp, timetable: &Timetable) -> Vec<Finding> {
        let of = |((interface, is_tie, channels), seen): (&Waiting, &Seen)| {
            let capped = timetable.budget.interfaces.get(*interface)?;
            let names = channels.iter().filter_map(|at| line_up.channels.get(*at));
            let names: Vec<_> = names.map(|channel| format!("`{}`", channel.name)).collect();
            let schedule = channels.iter().find_map(|at| line_up.channels.get(*at)?.schedule);
            let (names, many) = (names.join(", "), if names.len() == 1 { "" } else { "s" });
            let when = schedule.map_or_else(
                || "at any time".to_owned(),
                |at| {
                    let times = if seen.times == 1 { "once" } else { "each time" };
                    let when = timetable.text(at, seen.first_s);
                    let name = line_up.schedules.get(at).map_or("", |it| it.name.as_str());
                    match seen.times {
                        1 => format!("{times}, at {when} (schedule `{name}`)"),
                        more => format!(
                            "{more} times in {} days, first at {when} (schedule `{name}`)",
                            AHEAD_S / 86_400
                        ),
                    }
                },
            );
            let kbps = |bps: u64| bps.div_ceil(1_000);
            let what = format!(
                "interface `{}` may carry {} kbit/s, and for channel{many} {names} with repair symbols {} kbit/s \
                 are missing, {when}",
                capped.name,
                kbps(capped.cap_bps),
                kbps(seen.over_bps)
            );
            Some(if *is_tie {
                Finding::error(match schedule {
                    Some(_) => format!(
                        "{what}: others of the same priority are on air then, and nobody says who goes first; \
                         give their windows different priorities, or lower rates"
                    ),
                    None => format!("{what}: lower the rates, or have some follow a schedule"),
                })
            } else {
                let verb = if many.is_empty() { "waits" } else { "wait" };
                Finding::warning(format!(
                    "{what}: higher priorities are on air then, and it {verb}"
                ))
            })
        };
        self.0.iter().filter_map(of).collect()
    }
}

impl Timetable {
    /// What is wrong with the budget in the year from `now_s` on.
    pub fn over_budget(&self, line_up: &LineUp, now_s: i64) -> Vec<Finding> {
        let mut waits = Waits::default();
        if !line_up.interfaces.is_empty() {
            self.visit((now_s, now_s.saturating_add(AHEAD_S)), |moment| waits.add(moment));
        }
        waits.findings(line_up, self)
    }
}
