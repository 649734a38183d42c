//! The rules of schedules and budgets.

use std::collections::HashSet;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::dates::{date_time, dates, time};
use super::written::{InterfaceDraft, ScheduleDraft, WindowDraft};
use super::{Days, InterfaceBudget, MINUTES_MAX, PRIORITY_MAX, Schedule, When, Window};
use crate::lineup::names::{did_you_mean, nearest};
use crate::lineup::rules::{At, ChannelDraft, Rules};
use crate::lineup::{Announce, Channel};
use crate::schedule::{Cron, zone};

/// Windows of a schedule. All are asked at every change.
const WINDOWS_MAX: usize = 64;

/// Black-outs of a schedule.
const BLACK_OUTS_MAX: usize = 400;

/// Schedules of a line-up.
const SCHEDULES_MAX: usize = 64;

impl Rules<'_> {
    /// The place of the schedule of that name.
    pub(in crate::lineup) fn followed(&mut self, written: Option<&At<String>>) -> Option<usize> {
        let written = written?;
        let place = self.schedules.iter().position(|name| *name == written.value);
        if place.is_none() {
            let near = if self.schedules.is_empty() {
                "; it has no [[schedule]] at all".to_owned()
            } else {
                did_you_mean(&written.value, self.schedules.iter().copied())
            };
            let message = format!("no schedule `{}` in this line-up{near}", written.value);
            self.error(written.offset, message);
        }
        place
    }

    /// All schedules; with an error in one, fewer.
    pub(in crate::lineup) fn schedules(&mut self, drafts: &[ScheduleDraft]) -> Vec<Schedule> {
        if let Some(more) = drafts.get(SCHEDULES_MAX) {
            let message = format!("{} schedules: at most {SCHEDULES_MAX} are taken", drafts.len());
            self.error(more.name.offset, message);
        }
        let mut seen = HashSet::new();
        for At { value: name, offset } in drafts.iter().map(|draft| &draft.name) {
            if name.trim().is_empty() {
                self.error(*offset, "a schedule needs a name, as name = \"night\"");
            } else if !seen.insert(name) {
                self.error(*offset, format!("schedule `{name}` stands twice"));
            }
        }
        drafts.iter().take(SCHEDULES_MAX).filter_map(|draft| self.schedule(draft)).collect()
    }

    fn schedule(&mut self, draft: &ScheduleDraft) -> Option<Schedule> {
        let name = &draft.name.value;
        let zone = self.zone(&draft.timezone);
        if draft.windows.is_empty() {
            let message = format!(
                "schedule `{name}` has no window: what follows it would never be on air. Write \
                 [[schedule.window]] with from = \"01:00\", to = \"05:00\""
            );
            self.error(draft.name.offset, message);
        }
        self.at_most(&draft.windows, WINDOWS_MAX, "windows");
        self.at_most(&draft.black_out, BLACK_OUTS_MAX, "black-outs");
        let windows = draft.windows.iter().take(WINDOWS_MAX);
        let windows: Vec<_> = windows.map(|window| self.window(window)).collect();
        let black_out = draft.black_out.iter().take(BLACK_OUTS_MAX);
        let black_out: Vec<_> = black_out.map(|written| self.black_out(written)).collect();
        let zone = zone?;
        Some(Schedule {
            name: name.clone(),
            timezone: zone.iana_name().unwrap_or(&draft.timezone.value).to_owned(),
            zone,
            black_out: black_out.into_iter().collect::<Option<_>>()?,
            windows: windows.into_iter().collect::<Option<_>>()?,
        })
    }

    fn at_most<T>(&mut self, written: &[At<T>], most: usize, what: &str) {
        if let Some(more) = written.get(most) {
            let count = written.len();
            self.error(
                more.offset,
                format!("{count} {what} of a schedule: at most {most} are taken"),
            );
        }
    }

    fn zone(&mut self, written: &At<String>) -> Option<TimeZone> {
        let zone = zone::find(&written.value);
        if zone.is_none() {
            let known = zone::names();
            let near = nearest(&written.value, known.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!(
                "timezone `{}` is not in the time zone database: legal are names as \
                 \"Europe/Stockholm\" or \"UTC\"{near}",
                written.value
            );
            self.error(written.offset, message);
        }
        zone
    }

    fn black_out(&mut self, written: &At<String>) -> Option<(Date, Date)> {
        let dates = dates(&written.value);
        let Some((first, last)) = dates else {
            let message = format!(
                "black_out `{}` is no date: write \"2026-12-24\", or the first and the last of several \
                 as \"2026-12-24/2026-12-26\"",
                written.value
            );
            self.error(written.offset, message);
            return None;
        };
        if last < first {
            self.error(
                written.offset,
                format!("black_out ends on {last}, before it begins on {first}"),
            );
        }
        dates
    }

    fn window(&mut self, At { value: draft, offset }: &At<WindowDraft>) -> Option<Window> {
        let rate = draft.bit_rate_kbps.as_ref().map(|written| self.bit_rate(written));
        let priority = draft.priority.as_ref();
        let legal = -PRIORITY_MAX..=PRIORITY_MAX;
        let priority = priority.map_or(0, |it| self.within(it, "priority", legal));
        let when = match (&draft.cron, &draft.from, &draft.to) {
            (Some(cron), None, None) => self.cron(draft, cron),
            (None, Some(from), Some(to)) => self.clock_window(draft, from, to),
            (Some(cron), ..) => {
                let message = "`cron` and `from`/`to` are two ways to say when: write one of them";
                self.error(cron.offset, message);
                None
            }
            (None, ..) => {
                let message = "a window needs `cron` and `minutes`, or `from` and `to`";
                self.error(*offset, message);
                None
            }
        };
        Some(Window {
            when: when?,
            bit_rate_bps: rate,
            priority: i32::try_from(priority).unwrap_or_default(),
        })
    }

    fn cron(&mut self, draft: &WindowDraft, written: &At<String>) -> Option<When> {
        if let Some(days) = &draft.days {
            let message = "`days` has no place beside `cron`: its fifth field says the days";
            self.error(days.offset, message);
        }
        let cron = Cron::parse(&written.value);
        let cron = cron.map_err(|message| self.error(written.offset, message)).ok();
        let Some(minutes) = &draft.minutes else {
            let message =
                "`cron` says when the window opens: write how long it is open, as minutes = 240";
            self.error(written.offset, message);
            return None;
        };
        let minutes = self.within(minutes, "minutes", 1..=MINUTES_MAX);
        Some(When::Cron { cron: cron?, minutes: u32::try_from(minutes).unwrap_or(1) })
    }

    fn clock_window(
        &mut self,
        draft: &WindowDraft,
        from: &At<String>,
        to: &At<String>,
    ) -> Option<When> {
        if let Some(minutes) = &draft.minutes {
            let message = "`minutes` has no place beside `from` and `to`, which say how long it is";
            self.error(minutes.offset, message);
        }
        let dated = |written: &At<String>| date_time(&written.value);
        let both = dated(from).zip(dated(to));
        match (both, self.clocks(from, to)) {
            (Some((from_at, to_at)), _) => {
                if let Some(days) = &draft.days {
                    self.error(days.offset, "`days` has no place beside dates");
                }
                if to_at <= from_at {
                    let message =
                        format!("the window ends at {to_at}, not after it begins at {from_at}");
                    self.error(to.offset, message);
                }
                Some(When::Dated { from: from_at, to: to_at })
            }
            (None, Some((from, to))) => Some(When::Daily { from, to, days: self.days(draft)? }),
            (None, None) => {
                let is_time = |it: &&At<String>| time(&it.value).is_some() || dated(it).is_some();
                let wrong = [from, to].into_iter().find(|it| !is_time(it));
                let message = match wrong {
                    Some(At { value, .. }) => format!("`{value}` is no time: "),
                    None => "`from` and `to` are written in two ways: ".to_owned(),
                } + "write both as \"01:00\", or both as \"2026-12-01T01:00\"; seconds may follow";
                self.error(wrong.unwrap_or(to).offset, message);
                None
            }
        }
    }

    /// Times on the clock of every day; `24:00` is where a day ends.
    fn clocks(&mut self, from: &At<String>, to: &At<String>) -> Option<(Time, Time)> {
        let end_of_day = to.value == "24:00";
        let to_at = if end_of_day { Some(Time::midnight()) } else { time(&to.value) };
        let (from_at, to_at) = time(&from.value).zip(to_at)?;
        if from_at == to_at && !end_of_day {
            let message = "`from` and `to` are the same time: for a whole day write from = \"00:00\", \
                           to = \"24:00\"";
            self.error(to.offset, message);
        }
        Some((from_at, to_at))
    }

    fn days(&mut self, draft: &WindowDraft) -> Option<Days> {
        let Some(At { value: words, offset }) = &draft.days else { return Some(Days::ALL) };
        if words.is_empty() {
            let message = "`days` is empty: legal are mon, tue, wed, thu, fri, sat, sun; leave it out for \
                           every day";
            self.error(*offset, message);
            return None;
        }
        let place = |it: &At<String>| Days::WORDS.iter().position(|word| *word == it.value);
        for wrong in words.iter().filter(|word| place(word).is_none()) {
            let near = did_you_mean(&wrong.value, Days::WORDS);
            let message =
                format!("day `{}`: legal are mon, tue, wed, thu, fri, sat, sun{near}", wrong.value);
            self.error(wrong.offset, message);
        }
        Some(Days::of_places(words.iter().filter_map(place)))
    }

    /// What each interface may carry. Only what is sent on a stated interface can be counted.
    pub(in crate::lineup) fn interfaces(
        &mut self,
        drafts: &[InterfaceDraft],
        channels: &[(Channel, &ChannelDraft)],
        announce: Option<&Announce>,
    ) -> Vec<InterfaceBudget> {
        let mut seen = HashSet::new();
        for At { value: name, offset } in drafts.iter().map(|draft| &draft.name) {
            if name.trim().is_empty() {
                self.error(*offset, "an interface needs a name or an address, as name = \"eth1\"");
            } else if !seen.insert(name) {
                self.error(*offset, format!("interface `{name}` stands twice"));
            }
        }
        if !drafts.is_empty() {
            for (channel, draft) in channels.iter().filter(|(it, _)| it.interface.is_none()) {
                let message = format!(
                    "channel `{}` has no `interface`: the routing table decides where it goes, and the \
                     line-up states what interfaces may carry. Write the interface of each channel",
                    channel.name
                );
                self.error(draft.offset, message);
            }
        }
        if let (Some(first), Some(Announce { interface: None, .. })) = (drafts.first(), announce)
            && channels.iter().all(|(it, _)| it.interface.is_some())
        {
            let message = "the announce session has no `interface`: write announce = { group = ..., \
                           interface = ... }";
            self.error(first.name.offset, message);
        }
        let budget = |draft: &InterfaceDraft| InterfaceBudget {
            name: draft.name.value.clone(),
            bit_rate_bps: self.bit_rate(&draft.bit_rate_kbps),
        };
        drafts.iter().map(budget).collect()
    }
}
