//! What is wrong with statements beside others, and beside the time: each of them alone is legal.

use std::path::Path;

use stbcast_release::{Permit, Release};

use super::Judge;
use crate::dates;
use crate::lineup::Document;
use crate::spool::Digest;

/// A `not before` further ahead than this does harm when a clock is forged: 30 days, in seconds.
const FAR_S: u64 = 30 * 86_400;

impl Judge<'_> {
    /// A release that is on air before its time: the time that boxes hear is not signed.
    pub(super) fn not_before(&mut self, path: &Path, what: &str, not_before: u64) {
        let left = not_before.saturating_sub(self.now_unix_s);
        if left == 0 {
            return;
        }
        let mut why = format!(
            "{what} is valid from {} on: boxes wait until then, but the time that they hear is not signed, \
             and who forges it makes them install it now",
            dates::text(not_before)
        );
        if left > FAR_S {
            why += " and refuse from then on, as expired, whatever expires before that date; put it on air when \
                    it is due";
        }
        self.warn(path, why);
    }

    /// Whether a release number means one release to every box.
    pub(super) fn twice(&mut self, releases: &[(Document, Release)]) {
        for (at, (document, release)) in releases.iter().enumerate() {
            let earlier = releases.iter().take(at);
            let same = earlier.filter(|(_, other)| other.number == release.number);
            let met = same.filter_map(|(other, it)| Some((shared(release, it)?, &other.path)));
            let Some((model, other)) = met.min() else { continue };
            let why = format!(
                "release {} for `{model}` is in {}, too: a box that has neither installs the one whose SHA-256 \
                 is the higher number; give one of them a number of its own",
                release.number,
                other.display()
            );
            self.error(&document.path, why);
        }
    }

    /// Whether each permit leads to a release on air, and nothing on air keeps boxes from it.
    pub(super) fn ways(
        &mut self,
        permits: &[(Document, Permit)],
        releases: &[(Document, Release)],
    ) {
        for (document, permit) in permits {
            let leads_to = |it: &Document| Digest::of(&it.bytes).bytes() == permit.release;
            let Some((_, to)) = releases.iter().find(|(it, _)| leads_to(it)) else {
                let to = permit.to;
                let why =
                    format!("it leads to a release {to} that is not on air: no box can follow it");
                self.warn(&document.path, why);
                continue;
            };
            // Boxes that committed `from` follow nothing in between.
            let keeps = |(it, other): &&(Document, Release)| {
                let is_for =
                    |model: &String| to.models.contains(model) && other.models.contains(model);
                let shared = permit.models.iter().any(is_for);
                other.number >= permit.from && !leads_to(it) && shared && are_met(to, other)
            };
            if let Some((it, other)) = releases.iter().find(keeps) {
                let why = format!(
                    "nobody goes back from release {} to {} while release {} ({}) is on air: boxes follow the \
                     highest; take it out",
                    permit.from,
                    permit.to,
                    other.number,
                    it.path.display()
                );
                self.warn(&document.path, why);
            }
        }
    }
}

/// A model that two releases are for, where there are boxes of it that both are for.
fn shared<'a>(one: &'a Release, other: &Release) -> Option<&'a String> {
    let mut models = one.models.iter();
    models.find(|model| other.models.contains(model)).filter(|_| are_met(one, other))
}

/// Whether there is hardware that both releases are for.
fn are_met(one: &Release, other: &Release) -> bool {
    one.hardware.start() <= other.hardware.end() && other.hardware.start() <= one.hardware.end()
}
