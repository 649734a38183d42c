//! What follows a schedule, in figures: its next runs, and what an operator should know before the night.

use std::collections::{BTreeMap, BTreeSet};

use super::ChannelPlan;
use crate::contents::{Contents, objects};
use crate::dates;
use crate::lineup::{Finding, LineUp, ObjectId};
use crate::roster::Roster;
use crate::schedule::lint::{AHEAD_S, Waits};
use crate::schedule::runs::{Follower, Run, Runs, span_text};
use crate::schedule::{Moment, Timetable};
use crate::spool::Digest;
use crate::trust::{self, Verified};

/// Runs that are told.
const RUNS: usize = 10;

/// What follows a schedule, and when.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FollowerPlan {
    /// `channel`, `vendor sender`, `object` or `statement`.
    pub kind: &'static str,
    /// Its name; of an object with its channel.
    pub name: String,
    /// The schedule.
    pub schedule: String,
    /// Its time zone.
    pub timezone: String,
    /// Its next runs, at most 10; the first may have begun.
    pub runs: Vec<RunPlan>,
}

/// A span of time on air.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RunPlan {
    /// First second, by the clock of the schedule's time zone, with its offset.
    pub start: String,
    /// First second after it; none where it goes on for more than 400 days.
    pub end: Option<String>,
    /// The same in Unix seconds.
    pub start_unix_s: i64,
    /// The same in Unix seconds.
    pub end_unix_s: Option<i64>,
    /// Seconds from one to the other.
    pub seconds: Option<i64>,
    /// Bit rate of the channel in kbit/s of IP; none for a statement and a vendor sender.
    pub bit_rate_kbps: Option<f64>,
    /// What is not as usual: the clock is put forward or back, a black-out.
    pub notes: Vec<String>,
}

/// The facts that the plan of the schedules needs.
pub(super) struct Facts<'a> {
    pub(super) line_up: &'a LineUp,
    pub(super) contents: &'a Contents,
    pub(super) channels: &'a [ChannelPlan],
    pub(super) verified: Option<&'a Verified>,
}

/// The next runs of all that follows a schedule. What is wrong with the schedules is added to `findings`.
pub(super) fn plan(
    facts: &Facts<'_>,
    timetable: &Timetable,
    findings: &mut Vec<Finding>,
) -> Vec<FollowerPlan> {
    let line_up = facts.line_up;
    let now_s = i64::try_from(dates::now()).unwrap_or(0);
    let (mut waits, mut gaps) = (Waits::default(), Gaps::of(facts));
    let mut followers = timetable.followers();
    let looked = timetable.visit((now_s, now_s + AHEAD_S), |moment| {
        followers.iter_mut().for_each(|runs| runs.add(moment));
        waits.add(moment);
        gaps.add(moment);
    });
    for runs in &mut followers {
        if let Some(first) = runs.runs.first_mut().filter(|run| run.start_s == now_s) {
            first.start_s = timetable.began(runs.schedule, first.window, now_s);
        }
    }
    findings.extend(waits.findings(line_up, timetable));
    findings.extend(unused(line_up, timetable));
    other_rates(facts, findings);
    findings.extend(idle(line_up, &followers, timetable, looked));
    findings.extend(followers.iter().filter_map(|runs| too_short(facts, runs, timetable)));
    findings.extend(gaps.findings(timetable, now_s));
    if looked < now_s + AHEAD_S && !line_up.schedules.is_empty() {
        let days = (looked - now_s) / 86_400;
        findings.push(Finding::warning(format!(
            "the windows open so often that only the next {days} days are looked at"
        )));
    }
    followers.iter().filter_map(|runs| follower(facts, runs, timetable)).collect()
}

fn follower(facts: &Facts<'_>, runs: &Runs, timetable: &Timetable) -> Option<FollowerPlan> {
    let schedule = facts.line_up.schedules.get(runs.schedule)?;
    let (kind, name) = named(facts, runs.follower)?;
    let text = |at_s| timetable.text(runs.schedule, at_s);
    let run = |run: &Run| RunPlan {
        start: text(run.start_s),
        end: run.end_s.map(text),
        start_unix_s: run.start_s,
        end_unix_s: run.end_s,
        seconds: run.end_s.map(|end| end - run.start_s),
        bit_rate_kbps: run.bit_rate_bps.map(super::kilo),
        notes: timetable.notes(runs.schedule, run),
    };
    Some(FollowerPlan {
        kind,
        name,
        schedule: schedule.name.clone(),
        timezone: schedule.timezone.clone(),
        runs: runs.runs.iter().take(RUNS).map(run).collect(),
    })
}

fn named(facts: &Facts<'_>, follower: Follower) -> Option<(&'static str, String)> {
    Some(match follower {
        Follower::Channel(place) => ("channel", facts.line_up.channels.get(place)?.name.clone()),
        Follower::VendorSender(place) => {
            ("vendor sender", facts.line_up.vendor_senders.get(place)?.name.clone())
        }
        Follower::Object(id) => {
            let (channel, object) = facts.line_up.object(id)?;
            ("object", format!("{} on {}", object.name, channel.name))
        }
        Follower::Document(sha256) => {
            let statements = facts.verified.iter().flat_map(|it| &it.statements);
            let mut same = statements.filter(|it| it.digest.bytes() == sha256);
            let of_file = || {
                let documents = facts.line_up.trust.iter().flat_map(|trust| trust.documents());
                let mut same = documents.filter(|it| Digest::of(&it.bytes).bytes() == sha256);
                same.next().map(|it| it.path.display().to_string())
            };
            ("statement", same.next().map(|it| it.location.clone()).or_else(of_file)?)
        }
    })
}

/// Channels at the rates of their windows, which must not be found out at night.
fn other_rates(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let line_up = facts.line_up;
    for (place, channel) in line_up.channels.iter().enumerate() {
        let schedule = channel.schedule.and_then(|at| line_up.schedules.get(at));
        let Some(schedule) = schedule else { continue };
        let rates = schedule.windows.iter().filter_map(|window| window.bit_rate_bps);
        let rates: BTreeSet<u64> = rates.filter(|rate| *rate != channel.bit_rate_bps).collect();
        for rate in rates {
            let mut at_rate = line_up.clone();
            if let Some(channel) = at_rate.channels.get_mut(place) {
                channel.bit_rate_bps = rate;
            }
            let mut told = Vec::new();
            let plan = super::channel_plan(&at_rate, facts.contents, place, &mut told);
            told.extend(plan.err().map(Finding::error));
            // What has nothing to do with the rate was told already.
            told.retain(|it| !findings.iter().any(|other| other.message == it.message));
            let (kbps, name) = (super::kilo(rate), &schedule.name);
            findings.extend(told.into_iter().map(|finding| Finding {
                message: format!("at the {kbps} kbit/s of schedule `{name}`: {}", finding.message),
                ..finding
            }));
        }
    }
}

/// Interfaces that carry nothing.
fn unused(line_up: &LineUp, timetable: &Timetable) -> Vec<Finding> {
    let unused = timetable.unused_interfaces(line_up);
    let warn = |name: &str| {
        Finding::warning(format!(
            "nothing is sent on interface `{name}`, whose rate is bounded: no channel names it"
        ))
    };
    unused.into_iter().map(warn).collect()
}

/// Schedules that nobody follows, and what is never on air.
fn idle(line_up: &LineUp, followers: &[Runs], timetable: &Timetable, looked: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, schedule) in line_up.schedules.iter().enumerate() {
        let mut of_it = followers.iter().filter(|runs| runs.schedule == place).peekable();
        let name = &schedule.name;
        if of_it.peek().is_none() {
            let message = format!(
                "nothing follows schedule `{name}`: write schedule = \"{name}\" with a channel, an object or \
                 a release"
            );
            findings.push(Finding::warning(message));
        } else if of_it.all(|runs| runs.runs.is_empty()) {
            let until = timetable.text(place, looked);
            let message = format!(
                "schedule `{name}` lets nothing on air until {until}: its windows are over, fall into \
                 black-outs, or have no room on the interface"
            );
            findings.push(Finding::warning(message));
        }
    }
    findings
}

/// A run in which no box can hear the whole channel once.
fn too_short(facts: &Facts<'_>, runs: &Runs, timetable: &Timetable) -> Option<Finding> {
    let Follower::Channel(place) = runs.follower else { return None };
    let channel = facts.line_up.channels.get(place)?;
    let plan = facts.channels.iter().find(|plan| plan.name == channel.name)?;
    let pause = channel.burst_delay.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let cycle = |run: &Run| {
        let rate = run.bit_rate_bps.unwrap_or(channel.bit_rate_bps).max(1) as f64;
        (plan.cycle_seconds - pause) * channel.bit_rate_bps as f64 / rate + pause
    };
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let lasts = |run: &Run| run.end_s.map_or(f64::INFINITY, |end| (end - run.start_s) as f64);
    let mut short = runs.runs.iter().filter(|run| lasts(run) < cycle(run)).peekable();
    let first = *short.peek()?;
    let (count, all) = (short.count(), runs.runs.len());
    Some(Finding::warning(format!(
        "channel `{}`: {count} of {all} runs are shorter than a cycle, first that of {}: it lasts {}, a cycle \
         {:.0} s at {} kbit/s. A box that hears nothing else cannot complete; raise the rate, or open the \
         window for longer",
        channel.name,
        timetable.text(runs.schedule, first.start_s),
        span_text(first.end_s? - first.start_s),
        cycle(first).ceil(),
        super::kilo(first.bit_rate_bps.unwrap_or(channel.bit_rate_bps)),
    )))
}

/// What names something that is not on air, or is named by nothing that is.
struct Gaps {
    /// What names something, by what it is called, and what that is.
    naming: Vec<Naming>,
    /// When each was seen first.
    seen: BTreeMap<(usize, usize, bool), i64>,
}

struct Naming {
    what: Named,
    called: String,
    names: Vec<(ObjectId, String)>,
}

enum Named {
    Object(ObjectId),
    Release([u8; 32]),
}

impl Gaps {
    fn of(facts: &Facts<'_>) -> Self {
        let line_up = facts.line_up;
        let called = |id: ObjectId| {
            let (channel, object) = line_up.object(id)?;
            Some((id, format!("`{}` on channel `{}`", object.name, channel.name)))
        };
        let control = objects(line_up).filter_map(|(_, object, id)| {
            let names = facts.contents.named_by(id, object);
            let names: Vec<_> = names.into_iter().filter_map(called).collect();
            (!names.is_empty()).then_some(Naming {
                what: Named::Object(id),
                called: called(id)?.1,
                names,
            })
        });
        let releases = facts.verified.iter().flat_map(|it| &it.releases);
        let releases = releases.filter_map(|release| {
            let location = format!("release:{}", release.number);
            let mut statements = facts.verified?.statements.iter();
            let digest = statements.find(|it| it.location == location)?.digest.bytes();
            let names = trust::named(line_up, release).filter_map(called).collect();
            let called = format!("release {}", release.number);
            Some(Naming { what: Named::Release(digest), called, names })
        });
        let naming = if line_up.schedules.is_empty() {
            Vec::new()
        } else {
            control.chain(releases).collect()
        };
        Self { naming, seen: BTreeMap::new() }
    }

    fn add(&mut self, moment: &Moment<'_>) {
        let has = |id: &ObjectId| is_on_air(moment.roster, *id);
        for (place, Naming { what, names, .. }) in self.naming.iter().enumerate() {
            let said = match what {
                Named::Object(id) => has(id),
                Named::Release(digest) => !moment.roster.unsaid.contains(digest),
            };
            for (at, (id, _)) in names.iter().enumerate() {
                if said != has(id) {
                    self.seen.entry((place, at, said)).or_insert(moment.at_s);
                }
            }
        }
    }

    fn findings(&self, timetable: &Timetable, now_s: i64) -> Vec<Finding> {
        let schedule = timetable.followers().first().map_or(0, |runs| runs.schedule);
        let of = |(&(place, at, said), &first_s): (&(usize, usize, bool), &i64)| {
            let Naming { what, called, names } = self.naming.get(place)?;
            let (_, named) = names.get(at)?;
            let when = if first_s <= now_s {
                "now".to_owned()
            } else {
                format!("first at {}", timetable.text(schedule, first_s))
            };
            let message = match (said, what) {
                (true, _) => format!(
                    "{called} names {named}, which is off the air at times while it is scheduled, {when}: it is \
                     left out until both are on air"
                ),
                (false, Named::Object(_)) => format!(
                    "{named} is on air at times while {called}, by which boxes find it, is not, {when}: boxes \
                     that boot then do not find it"
                ),
                // An image may well be on air before its release.
                (false, Named::Release(_)) => return None,
            };
            Some(Finding::warning(message))
        };
        self.seen.iter().filter_map(of).collect()
    }
}

fn is_on_air(roster: &Roster, id: ObjectId) -> bool {
    let rate = roster.channels.get(id.channel).copied().flatten();
    rate.is_some() && !roster.off.contains(&id)
}
