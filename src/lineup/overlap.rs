//! `[channel.overlap]`: how long, and with how much of the rate, an old revision can still be completed
//! when a new one goes on air.

use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_object::Micros;

use super::Protocol;
use super::repair::RepairDraft;
use super::rules::{At, Rules};
use super::written::at;

/// Parts of the rate of channel and companion that the old revision can have.
const SHARES: std::ops::RangeInclusive<f64> = 0.01..=0.9;
const SHARE: f64 = 0.3;

const CYCLES_MAX: i64 = 1_000;
const CYCLES: i64 = 2;
/// Boxes wait for a day at most.
const MINUTES_MAX: i64 = 1_440;

/// Parts of the source symbols that a box must hold to complete the old revision.
const FINISH_PAST: std::ops::RangeInclusive<f64> = 0.1..=1.0;
const FINISH_PAST_DEFAULT: f64 = 0.7;

/// How two revisions of an object overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Part of the rate of channel and companion together that the old revision has, 0.01 to 0.9.
    pub share: f64,
    /// How long.
    pub span: OverlapSpan,
    /// Thousandths of its source symbols that a box must hold to complete the old revision, 100 to
    /// 1,000.
    pub finish_past_permille: u16,
}

/// How long two revisions overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlapSpan {
    /// Cycles of the channel at the rate that it has meanwhile, 1 to 1,000.
    Cycles(u32),
    /// Time, up to a day.
    Time(Micros),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverlapWritten {
    share: Option<Spanned<f64>>,
    cycles: Option<Spanned<i64>>,
    minutes: Option<Spanned<i64>>,
    finish_past: Option<Spanned<f64>>,
}

/// `overlap` as somebody wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct OverlapDraft {
    share: Option<At<f64>>,
    cycles: Option<At<i64>>,
    minutes: Option<At<i64>>,
    finish_past: Option<At<f64>>,
}

impl OverlapWritten {
    pub(super) fn into_draft(self) -> OverlapDraft {
        OverlapDraft {
            share: self.share.map(at),
            cycles: self.cycles.map(at),
            minutes: self.minutes.map(at),
            finish_past: self.finish_past.map(at),
        }
    }
}

impl Rules<'_> {
    pub(super) fn overlap(
        &mut self,
        At { value: draft, offset }: &At<OverlapDraft>,
        (protocol, repair): (Protocol, Option<&At<RepairDraft>>),
        has_announce: bool,
    ) -> Option<Overlap> {
        let missing = match protocol {
            Protocol::Flute => Some(
                "`overlap` has no place on a FLUTE channel yet: a new revision replaces the old one \
                 there at the end of a cycle",
            ),
            Protocol::Infocast | Protocol::Mag if repair.is_none() => Some(
                "`overlap` needs `repair`: the channel carries the new revision alone, and boxes \
                 complete the old one from its repair symbols",
            ),
            Protocol::Infocast | Protocol::Mag if !has_announce => Some(
                "`overlap` needs `announce`: boxes are told there that a revision is superseded",
            ),
            Protocol::Infocast | Protocol::Mag => None,
        };
        if let Some(message) = missing {
            self.error(*offset, message);
            return None;
        }
        let share = self.part(draft.share.as_ref(), "share", (SHARES, SHARE));
        let past = (FINISH_PAST, FINISH_PAST_DEFAULT);
        let past = self.part(draft.finish_past.as_ref(), "finish_past", past);
        let span = match (&draft.cycles, &draft.minutes) {
            (Some(cycles), Some(_)) => {
                let message = "`cycles` and `minutes` say the same thing: write one of them";
                self.error(cycles.offset, message);
                return None;
            }
            (None, Some(minutes)) => {
                let minutes = self.within(minutes, "minutes", 1..=MINUTES_MAX);
                OverlapSpan::Time(Micros::from_secs(u64::try_from(minutes).unwrap_or(1) * 60))
            }
            (cycles, None) => {
                let cycles = cycles.as_ref();
                let cycles = cycles.map_or(CYCLES, |it| self.within(it, "cycles", 1..=CYCLES_MAX));
                OverlapSpan::Cycles(u32::try_from(cycles).unwrap_or(1))
            }
        };
        Some(Overlap { share: share?, span, finish_past_permille: permille(past?) })
    }

    fn part(
        &mut self,
        written: Option<&At<f64>>,
        what: &str,
        (legal, default): (std::ops::RangeInclusive<f64>, f64),
    ) -> Option<f64> {
        let Some(written) = written else { return Some(default) };
        if !legal.contains(&written.value) {
            let (from, to) = (legal.start(), legal.end());
            let message = format!("{what} {} is not in {from} to {to}", written.value);
            self.error(written.offset, message);
            return None;
        }
        Some(written.value)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "of a part between 0 and 1"
)]
fn permille(part: f64) -> u16 {
    (part * 1_000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineup::parse;
    use std::path::Path;

    const TEXT: &str = r#"
announce = "239.255.2.3:22223"

[[channel]]
carousel = "infocast"
group = "239.255.2.11:22222"
bit_rate_kbps = 20000
slice_bytes = 1400
repair = { group = "239.255.2.12:22222" }
overlap = { }

[[channel.object]]
name = "boot"
source = "boot.img"
"#;

    fn overlap(written: &str) -> Result<Overlap, String> {
        let text = TEXT.replace("overlap = { }", &format!("overlap = {{ {written} }}"));
        of(&text)
    }

    fn of(text: &str) -> Result<Overlap, String> {
        let reading = parse(text, Path::new("/line-ups"));
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        match reading.line_up {
            Some(line_up) => Ok(line_up.channels[0].overlap.unwrap()),
            None => Err(errors.concat()),
        }
    }

    #[test]
    fn what_is_not_written_has_a_value_and_what_is_written_counts() {
        let plain = Overlap { share: 0.3, span: OverlapSpan::Cycles(2), finish_past_permille: 700 };
        assert_eq!(overlap(""), Ok(plain));
        let span = OverlapSpan::Time(Micros::from_secs(1_800));
        let written = Overlap { share: 0.5, span, finish_past_permille: 905 };
        assert_eq!(overlap("share = 0.5, minutes = 30, finish_past = 0.905"), Ok(written));
    }

    #[test]
    fn what_is_not_legal_is_refused_with_what_is() {
        for (written, says) in [
            ("share = 0.0", "share 0 is not in 0.01 to 0.9"),
            ("share = 1.0", "share 1 is not in"),
            ("finish_past = 70.0", "finish_past 70 is not in 0.1 to 1"),
            ("cycles = 0", "cycles 0 is not in 1 to 1000"),
            ("minutes = 1441", "minutes 1441 is not in 1 to 1440"),
            ("cycles = 1, minutes = 1", "write one of them"),
            ("finish_pats = 0.7", "did you mean `finish_past`?"),
        ] {
            let message = overlap(written).unwrap_err();
            assert!(message.contains(says), "{written}: {message}");
        }
    }

    #[test]
    fn an_overlap_needs_repair_symbols_and_an_announce_session_on_an_infocast_channel() {
        for (from, to, says) in [
            ("repair = { group = \"239.255.2.12:22222\" }", "", "`overlap` needs `repair`"),
            ("announce = \"239.255.2.3:22223\"", "", "`overlap` needs `announce`"),
            ("\"infocast\"", "\"flute\"", "no place on a FLUTE channel"),
        ] {
            let message = of(&TEXT.replace(from, to)).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
    }
}
