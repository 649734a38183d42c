//! What the words for time zones stand for, as `date` prints them where images are made.

use super::civil;

/// Words that mean one offset, whenever: minutes ahead of UTC. A word that stands for several zones
/// (`IST`, `CST`) is not among them.
const WORDS: [(&str, i16); 19] = [
    ("UTC", 0),
    ("GMT", 0),
    ("UCT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("FET", 180),
    ("TRT", 180),
    ("MSD", 240),
    ("SAMT", 240),
    ("GST", 240),
    ("YEKT", 300),
];

/// The local seconds between which Moscow's clock was four hours ahead of UTC all year.
const MSK_4_FROM: i64 = civil::days(2011, 3, 27) * 86_400 + 2 * 3_600;
const MSK_4_TO: i64 = civil::days(2014, 10, 26) * 86_400 + 2 * 3_600;

/// Minutes that a clock with this word is ahead of UTC when it shows `local_s`; an offset of its own, as
/// `+03` or `+0330`, is one, too.
pub(super) fn of_word(word: &str, local_s: i64) -> Option<i16> {
    if word == "MSK" {
        return Some(if (MSK_4_FROM..MSK_4_TO).contains(&local_s) { 240 } else { 180 });
    }
    if word.starts_with(['+', '-']) {
        return signed(word);
    }
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, minutes)| *minutes)
}

/// Minutes of `GMT+0200`; `GMT` and `UTC` alone are 0.
pub(super) fn of_gmt(text: &str) -> Option<i16> {
    let rest = text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC"))?;
    match rest.len() {
        0 => Some(0),
        5 => signed(rest),
        _ => None,
    }
}

/// Minutes of `+03` or `+0330`, at most 14 hours.
fn signed(text: &str) -> Option<i16> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at_checked(2)?;
    let hours: i16 = hours.parse().ok()?;
    let minutes: i16 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= 14 * 60).then_some(sign * all)
}
