//! What the portal of a running box takes from a list: the decision table `portal.md`, as code.

use alloc::vec::Vec;
use core::fmt;

use super::{UpdateDate, UpdateEntry, UpdateList};

/// What a box is set to: its variables of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portal {
    /// `autoupdate_cond`.
    pub auto_update: AutoUpdate,
    /// Whether `betaupdate_cond` is `1` or `true`. Where it is unset, the vendor's newer page says yes and
    /// the older one no.
    pub takes_betas: bool,
    /// `Image_Date`: when the image that runs was made.
    pub image_date: ImageDate,
}

/// `autoupdate_cond`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoUpdate {
    /// `0`, or unset: without a question.
    Automatic,
    /// `1`: whoever watches is asked.
    Confirmed,
    /// `2`: never.
    Off,
}

impl AutoUpdate {
    /// Reads the variable; `None` where the portal knows no such value.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "" | "0" => Some(Self::Automatic),
            "1" => Some(Self::Confirmed),
            "2" => Some(Self::Off),
            _ => None,
        }
    }
}

/// `Image_Date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageDate {
    /// Unset: anything is later.
    Unset,
    /// What the portal cannot read: anything is later.
    Unreadable,
    /// A date.
    At(UpdateDate),
}

impl ImageDate {
    /// Reads the variable. Whether the portal knows every time zone that is known here is not public.
    pub fn read(text: &str) -> Self {
        match (text, UpdateDate::read(text)) {
            ("", _) => Self::Unset,
            (_, Ok((date, _))) => Self::At(date),
            (_, Err(_)) => Self::Unreadable,
        }
    }

    fn is_before(self, date: UpdateDate) -> bool {
        match self {
            Self::Unset | Self::Unreadable => true,
            Self::At(own) => date > own,
        }
    }
}

/// What the portal thinks of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is taken.
    Taken,
    /// It could be taken, but one nearer to the end is.
    Behind,
    /// Its date cannot be read.
    NoDate,
    /// It is not later than what runs.
    NotLater,
    /// It is an alpha.
    Alpha,
    /// It is no release, and the box takes no betas.
    Beta,
}

impl Why {
    /// Whether the portal could take it.
    pub const fn is_offered(self) -> bool {
        matches!(self, Self::Taken | Self::Behind)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "it is later than what runs, and the first of these from the end",
            Self::Behind => "it is later than what runs, but one nearer to the end is taken",
            Self::NoDate => "its date cannot be read",
            Self::NotLater => "it is not later than what runs",
            Self::Alpha => "it is an alpha, which no box takes by itself",
            Self::Beta => "it is no release, and the box takes no betas",
        })
    }
}

/// An entry, and what the portal thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its place from 0.
    pub entry: usize,
    /// What.
    pub why: Why,
}

/// What the portal takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It does not look.
    Off,
    /// Nothing.
    Nothing,
    /// An entry: its header is looked at next.
    Entry {
        /// Its place from 0.
        entry: usize,
        /// Whether whoever watches is asked.
        asks: bool,
    },
}

/// What the box thinks of the header of the image, which it reads before it updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderCheck {
    /// The image is installed.
    Installs,
    /// It is not: it is not later than what runs.
    NotLater,
    /// It is not: its date cannot be read.
    NoDate,
}

impl Portal {
    /// The entries in the order the portal looks at them, from the end, each with what it thinks.
    pub fn explain(&self, list: &UpdateList) -> Vec<Verdict> {
        let mut is_taken = false;
        let judged = list.entries.iter().enumerate().rev().map(|(entry, it)| {
            let mut why = self.judge(it);
            if why == Why::Taken && core::mem::replace(&mut is_taken, true) {
                why = Why::Behind;
            }
            Verdict { entry, why }
        });
        judged.collect()
    }

    /// What it takes of a list that it could read.
    pub fn choose(&self, list: &UpdateList) -> Choice {
        if self.auto_update == AutoUpdate::Off {
            return Choice::Off;
        }
        let taken = self.explain(list).into_iter().find(|verdict| verdict.why == Why::Taken);
        let asks = self.auto_update == AutoUpdate::Confirmed;
        taken.map_or(Choice::Nothing, |verdict| Choice::Entry { entry: verdict.entry, asks })
    }

    fn judge(&self, entry: &UpdateEntry) -> Why {
        let Some(date) = entry.date() else {
            // An unknown date is later than nothing, but the portal compares no dates at all where its own
            // cannot be read.
            return if self.image_date == ImageDate::Unreadable {
                self.kind(entry)
            } else {
                Why::NoDate
            };
        };
        if self.image_date.is_before(date) { self.kind(entry) } else { Why::NotLater }
    }

    fn kind(&self, entry: &UpdateEntry) -> Why {
        if entry.kind == "release" {
            Why::Taken
        } else if entry.kind.to_ascii_lowercase().contains("alpha") {
            Why::Alpha
        } else if self.takes_betas {
            Why::Taken
        } else {
            Why::Beta
        }
    }

    /// What the box thinks of the date in the image's header.
    pub fn check_header(&self, date: &str) -> HeaderCheck {
        match (self.image_date, UpdateDate::read(date)) {
            (ImageDate::Unreadable, _) => HeaderCheck::Installs,
            (_, Err(_)) => HeaderCheck::NoDate,
            (own, Ok((date, _))) if own.is_before(date) => HeaderCheck::Installs,
            _ => HeaderCheck::NotLater,
        }
    }
}
