//! What an operator does wrong, whether he wrote XML or a line-up.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::problem::TEXT;
use super::{
    ACCEPT, Notification, POSTPONE, REQUESTS_MAX, RebootProblem, RebootRequest, RebootRequests,
    TEXT_BYTES_MAX, Wanted,
};

pub(super) fn problems(document: &RebootRequests) -> Vec<(usize, RebootProblem)> {
    let requests = &document.requests;
    if requests.is_empty() {
        return alloc::vec![(1, RebootProblem::NoRequest)];
    }
    if requests.len() > REQUESTS_MAX {
        return alloc::vec![(1, RebootProblem::Requests { requests: requests.len() })];
    }
    let mut problems = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let mut tell = |problem| problems.push((at + 1, problem));
        values(request, &mut tell);
        if let Some(notification) = &request.notification {
            buttons(notification, &mut tell);
        } else if request.timeout.is_some() {
            tell(RebootProblem::NothingShown);
        }
        for (before, other) in requests.iter().enumerate().take(at) {
            if !may_meet(request, other) {
                continue;
            }
            let (other, wanted) = (before + 1, other.wanted.to_string());
            tell(if wanted == request.wanted.to_string() {
                RebootProblem::Repeated { other }
            } else {
                RebootProblem::Contradiction { other, wanted }
            });
            break;
        }
    }
    problems
}

fn values(request: &RebootRequest, tell: &mut impl FnMut(RebootProblem)) {
    let mut check = |element: &'static str, value: &str, is_legal: bool, legal: &'static str| {
        if !is_legal {
            tell(RebootProblem::Value { element, value: shown(value), legal });
        }
    };
    match &request.wanted {
        Wanted::Version(version) => {
            check("SoftwareVersion", version, is_text(version), TEXT);
        }
        Wanted::Date { date, time } => {
            check("SoftwareDate", date, is_date(date), "a date as 20261122");
            check("SoftwareTime", time, is_time(time), "a time as 013000");
        }
    }
    if let Some((first, last)) = &request.serials {
        check("SerialIntervalStart", first, is_text(first), TEXT);
        check("SerialIntervalEnd", last, is_text(last), TEXT);
    }
    check("Severity", &request.severity, is_text(&request.severity), TEXT);
    if let Some(model) = &request.model {
        check("Model", model, is_text(model), TEXT);
    }
    if let Some(timeout) = &request.timeout {
        check("Timeout", timeout, timeout.parse::<u32>().is_ok(), "0 to 4294967295");
    }
    if let Some(Notification { text, buttons }) = &request.notification {
        check("Text", text, is_text(text), TEXT);
        for button in buttons {
            check("Text", &button.text, is_text(&button.text), TEXT);
            check("Action", &button.action, is_text(&button.action), TEXT);
        }
    }
    if let Some((first, last)) = &request.serials
        && order(first, last) == Ordering::Greater
    {
        tell(RebootProblem::EmptyRange { first: shown(first), last: shown(last) });
    }
    let delayed = request.delayed.as_deref().unwrap_or("true");
    if !["true", "false", "yes", "no"].iter().any(|word| delayed.eq_ignore_ascii_case(word)) {
        let (element, value, known) = ("DelayedReboot", shown(delayed), "true, false");
        tell(RebootProblem::UnknownWord { element, value, known });
    }
}

fn buttons(notification: &Notification, tell: &mut impl FnMut(RebootProblem)) {
    let [one, other] = &notification.buttons;
    if one.action == other.action {
        return tell(RebootProblem::SameAction { action: shown(&one.action) });
    }
    for button in &notification.buttons {
        if ![ACCEPT, POSTPONE].contains(&button.action.as_str()) {
            let (element, value, known) = ("Action", shown(&button.action), "Yes, No");
            tell(RebootProblem::UnknownWord { element, value, known });
        }
    }
}

/// Whether one box may be meant by both.
fn may_meet(one: &RebootRequest, other: &RebootRequest) -> bool {
    let models = match (&one.model, &other.model) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let serials = match (&one.serials, &other.serials) {
        (Some((a, b)), Some((c, d))) => {
            order(a, d) != Ordering::Greater && order(c, b) != Ordering::Greater
        }
        _ => true,
    };
    models && serials
}

/// The order of two serials: as numbers where both are, else as texts.
fn order(one: &str, other: &str) -> Ordering {
    let number = |text: &str| text.parse::<u128>().ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}

fn is_text(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// Pairs of digits, from the front.
fn pairs<const N: usize>(text: &str) -> Option<[u32; N]> {
    if text.len() != N * 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut pairs = [0; N];
    for (pair, at) in pairs.iter_mut().zip((0..).step_by(2)) {
        *pair = text.get(at..at + 2)?.parse().ok()?;
    }
    Some(pairs)
}

fn is_date(text: &str) -> bool {
    let Some([century, year, month, day]) = pairs::<4>(text) else { return false };
    let year = century * 100 + year;
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_time(text: &str) -> bool {
    pairs::<3>(text).is_some_and(|[hour, minute, second]| hour < 24 && minute < 60 && second < 60)
}

/// The beginning of a text.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
