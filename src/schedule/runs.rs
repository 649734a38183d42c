//! The runs of what follows a schedule: from when to when it is on air, for people.

use super::hours::Hours;
use super::zone::{shown, text, time_text};
use super::{Moment, Timetable};
use crate::lineup::ObjectId;

/// A span of time on air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First second.
    pub(crate) start_s: i64,
    /// First second after it; `None` where it is later than was looked.
    pub(crate) end_s: Option<i64>,
    /// Bits of IP per second; none for a statement and a vendor sender.
    pub(crate) bit_rate_bps: Option<u64>,
    /// The window that decides at its start.
    pub(crate) window: usize,
}

/// What follows a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follower {
    /// A channel.
    Channel(usize),
    /// A vendor sender.
    VendorSender(usize),
    /// An object of a channel: it is on air when both are.
    Object(ObjectId),
    /// A signed document, by its SHA-256.
    Document([u8; 32]),
}

/// What follows a schedule, and when it is on air.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    /// What.
    pub(crate) follower: Follower,
    /// Place of its schedule.
    pub(crate) schedule: usize,
    /// When, in order.
    pub(crate) runs: Vec<Run>,
}

impl Timetable {
    /// Everything that follows a schedule.
    pub(crate) fn followers(&self) -> Vec<Runs> {
        let of = |follower, schedule| Runs { follower, schedule, runs: Vec::new() };
        let senders = self.senders.iter().enumerate();
        let senders = senders.filter_map(|(at, (schedule, _))| {
            let vendor = at.checked_sub(self.channels).map(Follower::VendorSender);
            Some(of(vendor.unwrap_or(Follower::Channel(at)), (*schedule)?))
        });
        let objects = self.objects.iter().map(|(id, at)| of(Follower::Object(*id), *at));
        let documents =
            self.documents.iter().map(|(sha256, at)| of(Follower::Document(*sha256), *at));
        senders.chain(objects).chain(documents).collect()
    }

    /// When a run that stands at `at_s` began by its window; a black-out may have moved that.
    pub(crate) fn began(&self, schedule: usize, window: usize, at_s: i64) -> i64 {
        let Some(hours) = self.hours.get(schedule) else { return at_s };
        let began = hours.opening(window, at_s).map_or(at_s, |it| it.start_s);
        let ends = hours.black_outs().iter().map(|(_, to)| *to);
        ends.filter(|to| (began..=at_s).contains(to)).max().unwrap_or(began)
    }

    /// A moment by the clock of a schedule.
    pub(crate) fn text(&self, schedule: usize, at_s: i64) -> String {
        self.hours.get(schedule).map_or_else(String::new, |hours| text(hours.zone(), at_s))
    }

    /// What is not as usual with a run.
    pub(crate) fn notes(&self, schedule: usize, run: &Run) -> Vec<String> {
        self.hours.get(schedule).map_or_else(Vec::new, |hours| notes(hours, run))
    }
}

impl Runs {
    /// Goes on with what is on air at a moment.
    pub(crate) fn add(&mut self, moment: &Moment<'_>) {
        let open = moment.open.get(self.schedule).copied().flatten();
        let rate = |place: usize| moment.roster.channels.get(place).copied().flatten();
        let on_air = match self.follower {
            Follower::Channel(place) => rate(place).map(Some),
            Follower::VendorSender(place) => {
                let runs = moment.roster.vendor_senders.get(place).copied().unwrap_or(false);
                runs.then_some(None)
            }
            Follower::Object(id) => {
                rate(id.channel).filter(|_| !moment.roster.off.contains(&id)).map(Some)
            }
            Follower::Document(sha256) => (!moment.roster.unsaid.contains(&sha256)).then_some(None),
        };
        let last = self.runs.last_mut().filter(|run| run.end_s.is_none());
        match (last, on_air.zip(open)) {
            (Some(last), Some((rate, _))) if last.bit_rate_bps == rate => return,
            (Some(last), _) => last.end_s = Some(moment.at_s),
            (None, _) => {}
        }
        if let Some((bit_rate_bps, open)) = on_air.zip(open) {
            let (start_s, window) = (moment.at_s, open.window);
            self.runs.push(Run { start_s, end_s: None, bit_rate_bps, window });
        }
    }
}

/// What the clock and black-outs do to a run.
fn notes(hours: &Hours, run: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(opening) = hours.opening(run.window, run.start_s) else { return notes };
    if opening.start_s == run.start_s && shown(hours.zone(), run.start_s) != opening.clock {
        let (shown, written) = (shown(hours.zone(), run.start_s), opening.clock);
        let (shown, written) = (time_text(shown), time_text(written));
        notes.push(format!("begins at {shown} instead of {written}: the clock is put forward"));
    }
    let elapsed = opening.end_s - opening.start_s;
    if run.end_s == Some(opening.end_s) && elapsed != opening.nominal_s {
        let forward = elapsed < opening.nominal_s;
        notes.push(format!(
            "{} instead of {}: the clock is put {}",
            span_text(elapsed),
            span_text(opening.nominal_s),
            if forward { "forward" } else { "back" }
        ));
    }
    if hours.black_out(run.start_s - 1).is_some() && opening.start_s < run.start_s {
        notes.push("begins behind a black-out".to_owned());
    }
    if run.end_s.is_some_and(|end| hours.black_out(end).is_some() && end < opening.end_s) {
        notes.push("ends at a black-out".to_owned());
    }
    notes
}

/// A span of time for people: `4 h`, `3 h 30 min`, `20 s`.
pub(crate) fn span_text(seconds: i64) -> String {
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts = parts.into_iter().filter(|(count, _)| *count != 0);
    let parts: Vec<_> = parts.map(|(count, unit)| format!("{count} {unit}")).collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}
