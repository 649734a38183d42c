//! What is wrong with the budget of a year: who waits, and where nobody says who goes first.

use std::collections::BTreeMap;

use super::budget::{Wait, Why};
use super::{Moment, Timetable, sender};
use crate::lineup::{Finding, LineUp};

/// A year and a month, in seconds: what is looked at.
pub(crate) const AHEAD_S: i64 = 400 * 86_400;

/// Those that wait on an interface: its place, why, and the senders.
type Waiting = (usize, Why, Vec<usize>);

/// How often it happens, and when first.
struct Seen {
    times: usize,
    first_s: i64,
    over_bps: u64,
}

impl Seen {
    fn when(&self, line_up: &LineUp, timetable: &Timetable, senders: &[usize]) -> String {
        let schedule = senders.iter().find_map(|at| sender(line_up, *at)?.1);
        let Some(schedule) = schedule else { return "at any time".to_owned() };
        let name = line_up.schedules.get(schedule).map_or("", |it| it.name.as_str());
        let first = timetable.text(schedule, self.first_s);
        match self.times {
            1 => format!("once, at {first} (schedule `{name}`)"),
            more => {
                let days = AHEAD_S / 86_400;
                format!("{more} times in {days} days, first at {first} (schedule `{name}`)")
            }
        }
    }
}

/// Gathers who waits.
#[derive(Default)]
pub(crate) struct Waits(BTreeMap<Waiting, Seen>, Vec<Waiting>);

impl Waits {
    /// Goes on with a moment.
    pub(crate) fn add(&mut self, moment: &Moment<'_>) {
        let mut now: BTreeMap<(usize, &Why), Vec<&Wait>> = BTreeMap::new();
        for wait in moment.waits {
            now.entry((wait.interface, &wait.why)).or_default().push(wait);
        }
        let before = std::mem::take(&mut self.1);
        for ((interface, why), waits) in now {
            let mut senders: Vec<_> = waits.iter().map(|wait| wait.sender).collect();
            senders.sort_unstable();
            let key = (interface, why.clone(), senders);
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
        let named = |senders: &[usize]| {
            let names = senders.iter().filter_map(|at| sender(line_up, *at));
            let names: Vec<_> = names.map(|(name, _)| format!("`{name}`")).collect();
            let many = if names.len() == 1 { "" } else { "s" };
            let channels = line_up.channels.len();
            let what = match senders.iter().filter(|at| **at >= channels).count() {
                0 => "channel",
                all if all == senders.len() => "vendor sender",
                _ => "sender",
            };
            format!("{what}{many} {}", names.join(", "))
        };
        let of = |((interface, why, senders), seen): (&Waiting, &Seen)| {
            let capped = timetable.budget.interfaces.get(*interface)?;
            let kbps = |bps: u64| bps.div_ceil(1_000);
            let what = format!(
                "interface `{}` may carry {} kbit/s, and with {} that would be {} kbit/s too much, {}",
                capped.name,
                kbps(capped.cap_bps),
                named(senders),
                kbps(seen.over_bps),
                seen.when(line_up, timetable, senders)
            );
            let who = if senders.len() == 1 { "it waits" } else { "they wait" };
            Some(match why {
                Why::Lower => Finding::warning(format!(
                    "{what}: higher priorities are on air then, and {who}"
                )),
                Why::Tie(beside) => Finding::error(format!(
                    "{what}: the priority of {} is the same, and nobody says who goes first; give their windows \
                     different priorities, or lower rates",
                    named(beside)
                )),
                Why::Never => Finding::error(format!(
                    "{what}, beside what has no schedule: lower the rates, or have more follow a schedule"
                )),
            })
        };
        self.0.iter().filter_map(of).collect()
    }
}

impl Timetable {
    /// Names of the interfaces that have a budget, and carry nothing.
    pub(crate) fn unused_interfaces<'a>(&self, line_up: &'a LineUp) -> Vec<&'a str> {
        self.budget.unused(line_up)
    }

    /// What is wrong with the budget in the year from `now_s` on.
    pub fn over_budget(&self, line_up: &LineUp, now_s: i64) -> Vec<Finding> {
        let mut waits = Waits::default();
        if !line_up.interfaces.is_empty() {
            self.visit((now_s, now_s.saturating_add(AHEAD_S)), |moment| waits.add(moment));
        }
        waits.findings(line_up, self)
    }
}
