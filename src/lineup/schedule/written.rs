//! Schedules and budgets as somebody wrote them.

use serde::Deserialize;
use serde_spanned::Spanned;

use crate::lineup::rules::At;
use crate::lineup::written::at;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lineup) struct ScheduleWritten {
    name: Spanned<String>,
    timezone: Spanned<String>,
    #[serde(default)]
    black_out: Vec<Spanned<String>>,
    #[serde(default)]
    window: Vec<Spanned<WindowWritten>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowWritten {
    cron: Option<Spanned<String>>,
    minutes: Option<Spanned<i64>>,
    from: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
    days: Option<Spanned<Vec<Spanned<String>>>>,
    bit_rate_kbps: Option<Spanned<f64>>,
    priority: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lineup) struct InterfaceWritten {
    name: Spanned<String>,
    bit_rate_kbps: Spanned<f64>,
}

/// `[[schedule]]` as somebody wrote it.
#[derive(Clone, Debug)]
pub(in crate::lineup) struct ScheduleDraft {
    pub(in crate::lineup) name: At<String>,
    pub(super) timezone: At<String>,
    pub(super) black_out: Vec<At<String>>,
    pub(super) windows: Vec<At<WindowDraft>>,
}

/// `[[schedule.window]]` as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct WindowDraft {
    pub(super) cron: Option<At<String>>,
    pub(super) minutes: Option<At<i64>>,
    pub(super) from: Option<At<String>>,
    pub(super) to: Option<At<String>>,
    pub(super) days: Option<At<Vec<At<String>>>>,
    pub(super) bit_rate_kbps: Option<At<f64>>,
    pub(super) priority: Option<At<i64>>,
}

/// `[[interface]]` as somebody wrote it.
#[derive(Clone, Debug)]
pub(in crate::lineup) struct InterfaceDraft {
    pub(super) name: At<String>,
    pub(super) bit_rate_kbps: At<f64>,
}

impl ScheduleWritten {
    pub(in crate::lineup) fn into_draft(self) -> ScheduleDraft {
        let window = |written| {
            let At { value, offset } = at(written);
            At { value: WindowWritten::into_draft(value), offset }
        };
        ScheduleDraft {
            name: at(self.name),
            timezone: at(self.timezone),
            black_out: self.black_out.into_iter().map(at).collect(),
            windows: self.window.into_iter().map(window).collect(),
        }
    }
}

impl WindowWritten {
    fn into_draft(self) -> WindowDraft {
        let days = self.days.map(|days| {
            let At { value, offset } = at(days);
            At { value: value.into_iter().map(at).collect(), offset }
        });
        WindowDraft {
            cron: self.cron.map(at),
            minutes: self.minutes.map(at),
            from: self.from.map(at),
            to: self.to.map(at),
            days,
            bit_rate_kbps: self.bit_rate_kbps.map(at),
            priority: self.priority.map(at),
        }
    }
}

impl InterfaceWritten {
    pub(in crate::lineup) fn into_draft(self) -> InterfaceDraft {
        InterfaceDraft { name: at(self.name), bit_rate_kbps: at(self.bit_rate_kbps) }
    }
}
