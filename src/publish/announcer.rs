//! What the announce session says, and what waits until it has said it long enough.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use stbcast_flute::Statement;
use stbcast_flute::fdt::File;

use crate::announced::Description;
use crate::onair::Launch;

/// Keeps what is described, channel by channel.
#[derive(Default)]
pub(super) struct Announcer {
    /// What is said of each channel, and since when.
    said: BTreeMap<String, (Vec<File>, Instant)>,
    /// The statements on air.
    statements: Vec<Statement>,
    /// Whether the session has not been told of a change yet.
    changed: bool,
    on_air: HashSet<String>,
    later: Vec<(Instant, Ripe)>,
}

/// What has been announced long enough.
pub(super) enum Ripe {
    /// A channel that goes on air for the first time.
    Put(Box<Launch>),
    /// A channel whose replacement waits.
    Release(String),
}

impl Ripe {
    fn channel(&self) -> &str {
        match self {
            Self::Put(launch) => launch.name(),
            Self::Release(channel) => channel,
        }
    }
}

impl Announcer {
    /// Another publication begins: what waited is not wanted any more.
    pub(super) fn overtake(&mut self) {
        self.later.clear();
    }

    /// Whether this is what is said of a channel.
    pub(super) fn says(&self, channel: &str, files: &[File]) -> bool {
        self.said.get(channel).map_or(&[][..], |(said, _)| said) == files
    }

    /// Says this of a channel; since when it does.
    pub(super) fn describe(&mut self, channel: &str, files: &[File]) -> Instant {
        let now = Instant::now();
        if !self.says(channel, files) {
            self.said.insert(channel.to_owned(), (files.to_vec(), now));
            self.changed = true;
        }
        self.said.get(channel).map_or(now, |(_, since)| *since)
    }

    /// Says nothing more of a channel, which leaves.
    pub(super) fn forget(&mut self, channel: &str) {
        self.on_air.remove(channel);
        self.later.retain(|(_, ripe)| ripe.channel() != channel);
        self.changed |= self.said.remove(channel).is_some_and(|(files, _)| !files.is_empty());
    }

    /// Withdraws every statement that is not wanted any more.
    pub(super) fn withdraw(&mut self, is_wanted: impl Fn(&Statement) -> bool) {
        let before = self.statements.len();
        self.statements.retain(|statement| {
            let stays = is_wanted(statement);
            if !stays {
                tracing::info!("{}: withdrawn", statement.file().location);
            }
            stays
        });
        self.changed |= self.statements.len() != before;
    }

    /// Says these statements, whose objects are on air.
    pub(super) fn state(&mut self, statements: Vec<Statement>) {
        if self.statements == statements {
            return;
        }
        for new in statements.iter().filter(|it| !self.statements.contains(it)) {
            tracing::info!("{}: on air", new.file().location);
        }
        (self.statements, self.changed) = (statements, true);
    }

    pub(super) fn note_on_air(&mut self, channel: &str) {
        self.on_air.insert(channel.to_owned());
    }

    pub(super) fn is_on_air(&self, channel: &str) -> bool {
        self.on_air.contains(channel)
    }

    /// The session is another one, which has not been told of anything.
    pub(super) fn say_again(&mut self) {
        self.changed = !self.said.is_empty() || !self.statements.is_empty();
    }

    /// All that is said, where the session has not been told of it.
    pub(super) fn changed(&mut self) -> Option<Description> {
        let files = || self.said.values().flat_map(|(files, _)| files).cloned().collect();
        let all = || Description { files: files(), statements: self.statements.clone() };
        std::mem::take(&mut self.changed).then(all)
    }

    pub(super) fn put_later(&mut self, launch: Launch, at: Instant) {
        self.later.push((at, Ripe::Put(Box::new(launch))));
    }

    pub(super) fn release_later(&mut self, channel: String, at: Instant) {
        self.later.push((at, Ripe::Release(channel)));
    }

    /// When the next of what waits may go on.
    pub(super) fn due(&self) -> Option<Instant> {
        self.later.iter().map(|(at, _)| *at).min()
    }

    /// One that may go on now.
    pub(super) fn ripe(&mut self, now: Instant) -> Option<Ripe> {
        let place = self.later.iter().position(|(at, _)| *at <= now)?;
        Some(self.later.remove(place).1)
    }
}
