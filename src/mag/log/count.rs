//! Reports, counted and logged.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Outcome, Report};
use crate::telemetry;

/// Most pairs of model and version that are counted by name; boxes that say more are no boxes.
const LABELS_MAX: usize = 128;

/// Most lines of the log in [`SPAN`].
const LINES_MAX: u32 = 50;

/// See [`LINES_MAX`].
const SPAN: Duration = Duration::from_secs(10);

/// Most of a report's last line that is logged, in characters.
const SHOWN: usize = 120;

/// What was counted.
#[derive(Default)]
pub(super) struct Counts(Mutex<State>);

#[derive(Default)]
struct State {
    labels: BTreeSet<(String, String)>,
    since: Option<Instant>,
    lines: u32,
    lost: u64,
}

impl Counts {
    /// Notes a report.
    pub(super) fn note(&self, client: IpAddr, report: &Report) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (model, version) = state.labels_of(report);
        telemetry::mag_report(&model, &version, report.outcome.word());
        if let Some(lost) = state.room(Instant::now()) {
            if lost > 0 {
                tracing::warn!("{lost} reports of MAG boxes were counted and are not shown");
            }
            tracing::info!("MAG report of {client}: {}", text(report));
        }
    }
}

impl State {
    /// Labels of a report. Anybody can send one, and each new label stays for ever.
    fn labels_of(&mut self, report: &Report) -> (String, String) {
        let or_unknown =
            |word: &Option<String>| word.clone().unwrap_or_else(|| "unknown".to_owned());
        let pair = (or_unknown(&report.model), or_unknown(&report.version));
        if self.labels.contains(&pair) || self.labels.len() < LABELS_MAX {
            self.labels.insert(pair.clone());
            pair
        } else {
            ("other".to_owned(), "other".to_owned())
        }
    }

    /// Whether a line may be logged, and how many were not since the last.
    fn room(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= SPAN) {
            (self.since, self.lines) = (Some(now), 0);
        }
        if self.lines >= LINES_MAX {
            self.lost += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.lost))
    }
}

fn text(report: &Report) -> String {
    let Report { model, version, outcome, last } = report;
    let said = |word: &Option<String>| word.clone().unwrap_or_else(|| "unknown".to_owned());
    let code = match outcome {
        Outcome::Failure(Some(2)) => " (status 2, wrong model)".to_owned(),
        Outcome::Failure(Some(17)) => " (status 17, wrong signature)".to_owned(),
        Outcome::Failure(Some(code)) => format!(" (status {code})"),
        _ => String::new(),
    };
    let last: String = last.chars().take(SHOWN).collect();
    format!("model {}, version {}, {}{code}: `{last}`", said(model), said(version), outcome.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(model: &str, version: &str) -> Report {
        let [model, version] = [model, version].map(|it| Some(it.to_owned()));
        Report { model, version, ..Report::default() }
    }

    #[test]
    fn nobody_makes_more_labels_than_there_are_models_and_versions() {
        let mut state = State::default();
        let known = state.labels_of(&report("MAG254", "219"));
        assert_eq!(known, ("MAG254".to_owned(), "219".to_owned()));
        for number in 0..10_000 {
            state.labels_of(&report("MAG254", &number.to_string()));
        }
        assert_eq!(state.labels.len(), LABELS_MAX);
        assert_eq!(state.labels_of(&report("MAG254", "9999")).0, "other");
        assert_eq!(state.labels_of(&report("MAG254", "219")), known, "the first stay");
    }

    #[test]
    fn a_flood_fills_no_log() {
        let (mut state, now) = (State::default(), Instant::now());
        let shown = (0..1_000).filter(|_| state.room(now).is_some()).count();
        assert_eq!(shown, 50);
        assert_eq!(state.room(now + SPAN), Some(950));
    }

    #[test]
    fn a_line_says_what_is_known_and_why_it_failed() {
        let mut report = report("MAG254", "219");
        (report.outcome, report.last) = (Outcome::Failure(Some(17)), "x".repeat(500));
        let line = text(&report);
        assert!(
            line.starts_with(
                "model MAG254, version 219, failure (status 17, wrong signature): `xxx"
            ),
            "{line}"
        );
        assert!(line.len() < 250);
    }
}
