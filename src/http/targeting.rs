//! Which rule answers a box. No clock, no chance, nothing remembered: the same rules and the same
//! box give the same rule.

use std::fmt;

use percent_encoding::percent_decode_str;
use stbcast_bootcast::{BootQuery, permille};

use crate::lineup::{MacPrefix, Ring, Serials, Target};

/// Words of a condition that are shown before the rest is counted.
const WORDS_SHOWN: usize = 3;

/// What a box tells by a path and the parameters behind it: one that tells no product asks for it.
///
/// # Errors
/// When the path cannot be a bootcast id; the message says why. Slashes may stand in one, steps to
/// somewhere else may not.
pub fn boot_query(path: &str, query: &str) -> Result<BootQuery, &'static str> {
    let id = percent_decode_str(path.strip_prefix('/').unwrap_or(path)).decode_utf8();
    let id = id.map_err(|_| "the path is not UTF-8 text\n")?;
    if id.split('/').any(|step| matches!(step, "." | "..")) || id.contains(char::is_control) {
        return Err("that is not a bootcast id\n");
    }
    let mut query = BootQuery::parse(query);
    if query.product.is_none() && !id.is_empty() {
        query.product = Some(id.into_owned());
    }
    Ok(query)
}

/// The first rule that matches a box.
pub fn decide<'a>(rules: &'a [Target], query: &BootQuery) -> Option<&'a Target> {
    let asked = Asked::new(query);
    rules.iter().find(|rule| judge(rule, &asked).is_ok())
}

/// Every rule up to the one that matches, each with the reason.
pub fn explain<'a>(rules: &'a [Target], query: &BootQuery) -> Vec<Verdict<'a>> {
    let asked = Asked::new(query);
    let mut verdicts = Vec::new();
    for rule in rules {
        let judged = judge(rule, &asked);
        let why = match &judged {
            Ok(()) => met(rule, &asked),
            Err(unmet) => unmet.to_string(),
        };
        let matches = judged.is_ok();
        verdicts.push(Verdict { rule, matches, why });
        if matches {
            break;
        }
    }
    verdicts
}

/// What a rule says to a box.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<'a> {
    /// The rule.
    pub rule: &'a Target,
    /// Whether it matches.
    pub matches: bool,
    /// The conditions that are met, or the first that is not.
    pub why: String,
}

/// A box, with what is computed of it once for all rules.
struct Asked<'a> {
    query: &'a BootQuery,
    mac: Option<MacPrefix>,
}

impl<'a> Asked<'a> {
    fn new(query: &'a BootQuery) -> Self {
        let mac = query.mac.as_deref().and_then(MacPrefix::parse);
        Self { query, mac: mac.filter(MacPrefix::is_whole) }
    }
}

/// The first condition that a box does not meet.
enum Unmet<'a> {
    /// It does not tell what is asked for.
    Untold(&'static str),
    /// It tells another word.
    Word {
        what: &'static str,
        told: &'a str,
        wanted: &'a [String],
    },
    Serial {
        told: &'a str,
        count: usize,
    },
    Mac {
        told: &'a str,
        wanted: &'a [MacPrefix],
    },
    NoMac {
        told: &'a str,
    },
    Ring {
        permille: u16,
        ring: &'a Ring,
    },
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untold(what) => write!(f, "the box tells no {what}"),
            Self::Word { what, told, wanted } => {
                write!(f, "{what} `{}` is not {}", Plain(told), any_of(wanted))
            }
            Self::Serial { told, count } => {
                write!(f, "serial `{}` is not one of the {count} listed", Plain(told))
            }
            Self::Mac { told, wanted } => {
                write!(f, "mac `{}` does not begin with {}", Plain(told), any_of(wanted))
            }
            Self::NoMac { told } => write!(f, "mac `{}` is not a MAC address", Plain(told)),
            Self::Ring { permille, ring } => {
                let Ring { permille: below, salt } = ring;
                write!(f, "with salt `{salt}` the box is at {permille} permille, not below {below}")
            }
        }
    }
}

/// What a box sent, on one line.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

fn any_of(words: &[impl fmt::Display]) -> String {
    let shown: Vec<_> = words.iter().take(WORDS_SHOWN).map(|word| format!("`{word}`")).collect();
    let more = words.len().saturating_sub(WORDS_SHOWN);
    let more = if more == 0 { String::new() } else { format!(" or {more} more") };
    shown.join(" or ") + &more
}

/// Whether a rule matches; the first condition that is not met. Cheap conditions come first.
fn judge<'a>(rule: &'a Target, asked: &Asked<'a>) -> Result<(), Unmet<'a>> {
    for (what, told, wanted) in words(rule, asked.query) {
        let Some(wanted) = wanted else { continue };
        let told = told.ok_or(Unmet::Untold(what))?;
        if !wanted.iter().any(|word| word == told) {
            return Err(Unmet::Word { what, told, wanted });
        }
    }
    if let Some(wanted) = &rule.macs {
        let told = asked.query.mac.as_deref().ok_or(Unmet::Untold("mac"))?;
        let mac = asked.mac.as_ref().ok_or(Unmet::NoMac { told })?;
        if !wanted.iter().any(|prefix| prefix.covers(mac)) {
            return Err(Unmet::Mac { told, wanted });
        }
    }
    if let Some(serials) = &rule.serials {
        let told = asked.query.serial.as_deref().ok_or(Unmet::Untold("serial"))?;
        if !serials.contains(told) {
            return Err(Unmet::Serial { told, count: serials.len() });
        }
    }
    match &rule.ring {
        Some(ring) if !ring.is_everybody() => {
            let serial = asked.query.serial.as_deref().ok_or(Unmet::Untold("serial"))?;
            let permille = permille(&ring.salt, serial);
            if permille < ring.permille { Ok(()) } else { Err(Unmet::Ring { permille, ring }) }
        }
        _ => Ok(()),
    }
}

type Words<'a> = (&'static str, Option<&'a str>, Option<&'a [String]>);

/// The conditions that are lists of words: what the box tells, and what is wanted.
fn words<'a>(rule: &'a Target, query: &'a BootQuery) -> [Words<'a>; 5] {
    let words = |what, told: &'a Option<String>, wanted: &'a Option<Vec<String>>| {
        (what, told.as_deref(), wanted.as_deref())
    };
    [
        words("product", &query.product, &rule.products),
        words("fw_version", &query.fw_version, &rule.fw_versions),
        words("kernel_version", &query.kernel_version, &rule.kernel_versions),
        words("splash_version", &query.splash_version, &rule.splash_versions),
        words("diagnostic_version", &query.diagnostic_version, &rule.diagnostic_versions),
    ]
}

/// Which boxes a rule matches, in words.
pub fn conditions(rule: &Target) -> String {
    let nobody = BootQuery::default();
    let word = |(what, _, wanted): Words<'_>| Some(format!("{what} {}", any_of(wanted?)));
    let mut told: Vec<String> = words(rule, &nobody).into_iter().filter_map(word).collect();
    told.extend(rule.macs.as_ref().map(|macs| format!("mac from {}", any_of(macs))));
    told.extend(rule.serials.as_ref().map(|serials| format!("{} serials", serials.len())));
    if let Some(Ring { permille, salt }) = &rule.ring {
        told.push(format!("{permille} permille with salt `{salt}`"));
    }
    if told.is_empty() { "all".to_owned() } else { told.join(", ") }
}

/// The conditions of a rule that matches.
fn met(rule: &Target, asked: &Asked<'_>) -> String {
    let query = asked.query;
    let word = |(what, told, wanted): Words<'_>| {
        let (told, _) = (told?, wanted?);
        Some(format!("{what} is `{}`", Plain(told)))
    };
    let mut met: Vec<String> = words(rule, query).into_iter().filter_map(word).collect();
    if let (Some(wanted), Some(mac)) = (&rule.macs, &asked.mac) {
        let prefix = wanted.iter().find(|prefix| prefix.covers(mac));
        met.extend(prefix.map(|prefix| format!("mac begins with `{prefix}`")));
    }
    if let (Some(serials), Some(serial)) = (&rule.serials, &query.serial) {
        let count = Serials::len(serials);
        met.push(format!("serial `{}` is one of the {count} listed", Plain(serial)));
    }
    if let (Some(ring), Some(serial)) = (&rule.ring, &query.serial) {
        let Ring { permille: below, salt } = ring;
        let permille = permille(salt, serial);
        met.push(format!("with salt `{salt}` the box is at {permille} permille, below {below}"));
    }
    if met.is_empty() { "it matches every box".to_owned() } else { met.join(", ") }
}

#[cfg(test)]
mod tests;
