//! Lines to firmwares.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{DuneProblem, Firmware, WORD_BYTES_MAX};

const COLUMNS: &str = "legal are four, VERSION URL stable|non-stable SIZE";

/// One line; none where it is empty.
pub(super) fn firmware(line: &str) -> Option<Result<Firmware, DuneProblem>> {
    let columns: Vec<&str> = line.split_ascii_whitespace().collect();
    if columns.is_empty() {
        return None;
    }
    let [version, url, stability, size] = columns.as_slice() else {
        let problem = DuneProblem::Columns { columns: columns.len(), legal: COLUMNS };
        return Some(Err(problem));
    };
    Some(read([version, url, stability, size]))
}

fn read([version, url, stability, size]: [&str; 4]) -> Result<Firmware, DuneProblem> {
    let stable = match stability {
        "stable" => true,
        "non-stable" => false,
        other => return Err(DuneProblem::Stability { word: start(other, 64) }),
    };
    let version = word("version", version)?.to_owned();
    let url = Some(url.to_owned()).filter(|url| url != "-");
    Ok(Firmware { version, url, stable, size: size.to_owned() })
}

/// A version or a product id.
///
/// # Errors
/// When it is none.
pub(super) fn word<'a>(what: &'static str, text: &'a str) -> Result<&'a str, DuneProblem> {
    let legal = (1..=WORD_BYTES_MAX).contains(&text.len())
        && !text.contains(|c: char| c.is_control() || c.is_whitespace());
    if legal { Ok(text) } else { Err(DuneProblem::Word { what, value: start(text, 64) }) }
}

/// The beginning of a text, for a message.
pub(super) fn start(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
