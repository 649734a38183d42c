//! Lists of serial numbers: written in the line-up, in a file beside it, or both.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::super::read_at_most;
use super::super::rules::{At, Rules};
use super::TargetDraft;

/// Largest list read, in bytes: some five million serial numbers.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Longest serial number, in bytes.
const SERIAL_BYTES_MAX: usize = 64;

/// Lines told of a list that is no list.
const LINES_TOLD: usize = 5;

const LEGAL: &str = "legal are 1 to 64 printable ASCII characters without space";

/// Serial numbers, as boxes send them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Serials {
    set: HashSet<Box<str>>,
    /// Whether some come from a file, which changes without the line-up.
    from_file: bool,
}

impl fmt::Debug for Serials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serials({})", self.set.len())
    }
}

impl<'a> FromIterator<&'a str> for Serials {
    fn from_iter<I: IntoIterator<Item = &'a str>>(serials: I) -> Self {
        Self { set: serials.into_iter().map(Box::from).collect(), from_file: false }
    }
}

impl Serials {
    /// Whether this serial number is one of them.
    pub fn contains(&self, serial: &str) -> bool {
        self.set.contains(serial)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub(super) const fn is_from_file(&self) -> bool {
        self.from_file
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.set.is_subset(&other.set)
    }

    /// The serial numbers of a list, one a line; what is no serial number with the number of its
    /// line from 1.
    fn parse(text: &str) -> (Self, Vec<(usize, &str)>) {
        let mut serials = Self { set: HashSet::new(), from_file: true };
        let mut wrong = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let serial = line.split('#').next().unwrap_or_default().trim();
            if serial.is_empty() {
                continue;
            }
            if is_serial(serial) {
                serials.set.insert(serial.into());
            } else {
                wrong.push((number, serial));
            }
        }
        (serials, wrong)
    }
}

fn is_serial(text: &str) -> bool {
    (1..=SERIAL_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Rules<'_> {
    /// `None` where something is wrong, `Some(None)` where nothing is written.
    pub(super) fn serials(&mut self, draft: &TargetDraft) -> Option<Option<Arc<Serials>>> {
        if draft.serials.is_none() && draft.serials_file.is_none() {
            return Some(None);
        }
        let mut serials = match &draft.serials_file {
            Some(file) => self.serial_list(file)?,
            None => Serials::default(),
        };
        let mut legal = true;
        for At { value: serial, offset } in draft.serials.iter().flat_map(|it| &it.value) {
            if is_serial(serial) {
                serials.set.insert(serial.as_str().into());
            } else {
                self.error(*offset, format!("{serial:?} is not a serial number: {LEGAL}"));
                legal = false;
            }
        }
        if let (true, None, true) = (legal, &draft.serials_file, serials.is_empty()) {
            let offset = draft.serials.as_ref().map_or(draft.offset, |it| it.offset);
            self.error(offset, "an empty `serials` matches no box: leave the key away for all");
            return None;
        }
        legal.then(|| Some(Arc::new(serials)))
    }

    fn serial_list(&mut self, At { value: name, offset }: &At<String>) -> Option<Serials> {
        let path = self.directory.join(name);
        let shown = path.display();
        let bytes = read_at_most(&path, LIST_BYTES_MAX);
        let bytes = bytes.map_err(|problem| self.error(*offset, problem)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let (serials, wrong) = Serials::parse(&text);
        for (number, line) in wrong.iter().take(LINES_TOLD) {
            let clipped: String = line.chars().take(SERIAL_BYTES_MAX + 1).collect();
            let message =
                format!("{shown}, line {number}: {clipped:?} is not a serial number: {LEGAL}");
            self.error(*offset, message);
        }
        if let Some(more @ 1..) = wrong.len().checked_sub(LINES_TOLD) {
            self.error(*offset, format!("{shown}: {more} more lines are no serial numbers"));
        }
        if wrong.is_empty() && serials.is_empty() {
            self.warn(*offset, format!("{shown} has no serial number: the rule matches no box"));
        }
        wrong.is_empty().then_some(serials)
    }
}
