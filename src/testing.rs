//! What tests of this crate put line-ups on air with.

use std::fs;

use crate::announced::Numbers;
use crate::killed::{Entry, Killed};
use crate::lineup::{self, LineUp};
use crate::programme::Stock;
use crate::spool::{Digest, Spool};

/// A directory of sources with a spool.
pub(crate) struct Store {
    pub(crate) directory: tempfile::TempDir,
    spool: Spool,
    numbers: Numbers,
}

impl Store {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(&directory.path().join("spool"), 1 << 30).unwrap();
        Self { directory, spool, numbers: Numbers::default() }
    }

    /// Writes 400,000 bytes of one value; their digest.
    pub(crate) fn image(&self, name: &str, fill: u8) -> Digest {
        let bytes = vec![fill; 400_000];
        fs::write(self.directory.path().join(name), &bytes).unwrap();
        Digest::of(&bytes)
    }

    #[track_caller]
    pub(crate) fn line_up(&self, text: &str) -> LineUp {
        let reading = lineup::parse(text, self.directory.path());
        reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
    }

    #[track_caller]
    pub(crate) fn stock(&mut self, line_up: &LineUp) -> Stock {
        let stock = Stock::load(line_up, &mut self.spool, &mut self.numbers);
        stock.unwrap_or_else(|findings| panic!("{findings:?}"))
    }
}

/// What is killed by these lines.
pub(crate) fn killed(lines: &str) -> Killed {
    lines.lines().map(|line| Entry::parse(line).unwrap()).collect()
}
