//! What a trusted boot fetches, followed part by part.

use stbcast_bootcast::Part;

use super::TrustedPart;
use crate::io::summary::{Follower, hex};
use crate::io::{Moment, Observer, PartWord, Trouble};
use crate::{Event, FetchError, TrustedReport};

/// A part that is fetched.
pub(super) struct Fetched {
    part: Part,
    follower: Follower,
    began: Moment,
    end: Moment,
    whole: Option<(u64, Option<[u8; 32]>)>,
    error: Option<FetchError>,
}

impl Fetched {
    pub(super) fn summary(self) -> TrustedPart {
        let gained = |of: fn(&Moment) -> u64| of(&self.end).saturating_sub(of(&self.began));
        TrustedPart {
            part: PartWord::of(self.part),
            bytes: self.whole.map(|(bytes, _)| bytes),
            sha256: self.whole.and_then(|(_, sha256)| sha256).map(|sha256| hex(&sha256)),
            resumed_bytes: gained(|moment| moment.stats.resumed_bytes),
            fetched_bytes: gained(|moment| moment.stats.fetched_bytes),
            figures: self.follower.figures(&self.end, self.error.as_ref()),
        }
    }
}

/// Follows the parts one after the other, and passes everything on.
pub(super) struct Watch<'a> {
    pub(super) observer: &'a mut dyn Observer,
    pub(super) fetched: Vec<Fetched>,
    pub(super) report: Option<TrustedReport>,
    /// The first thing that went wrong outside: the likely cause of a failure.
    pub(super) trouble: Option<Trouble>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, fetched: Vec::new(), report: None, trouble: None }
    }
}

impl Observer for Watch<'_> {
    fn event(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Part { part, .. } => {
                let (follower, began) = (Follower::begin(*moment), *moment);
                let (part, end) = (*part, *moment);
                self.fetched.push(Fetched { part, follower, began, end, whole: None, error: None });
            }
            Event::TrustedDone(report) => self.report = Some(TrustedReport::clone(report)),
            other => {
                if let Some(fetched) = self.fetched.last_mut() {
                    fetched.note(moment, other);
                }
            }
        }
        self.observer.event(moment, event);
    }

    fn tick(&mut self, moment: &Moment) {
        self.observer.tick(moment);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        if self.trouble.is_none() && trouble.is_cause() {
            self.trouble = Some(trouble.clone());
        }
        self.observer.trouble(trouble);
    }
}

impl Fetched {
    fn note(&mut self, moment: &Moment, event: &Event) {
        if self.whole.is_some() || self.error.is_some() {
            return;
        }
        self.follower.note(moment, event);
        match event {
            Event::Complete { length, sha256, .. } => self.whole = Some((*length, *sha256)),
            Event::ReleaseFailed { error, .. } => self.error = Some(*error),
            _ => {}
        }
        self.end = *moment;
    }
}
