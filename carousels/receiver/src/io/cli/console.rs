//! What a person sees while a session runs: lines on stderr, and a bar where that is a terminal.

use std::fmt::Display;

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;
use crate::io::{Moment, Observer, PartWord, Trouble};
use crate::{Event, Revision};

const BAR: &str = "{bar:30} {pos}/{len} slices, {msg}, {eta} left";

/// Watches a session for a person.
pub(super) struct Console {
    quiet: bool,
    bar: Option<ProgressBar>,
    /// When the object of the bar was first seen.
    began: Moment,
}

impl Console {
    /// A console; a quiet one says nothing.
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, bar: None, began: Moment::default() }
    }

    /// Says a line above the bar.
    pub(super) fn line(&self, line: impl Display) {
        if self.quiet {
            return;
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(line)),
            None => tell(line),
        }
    }

    fn draw(&mut self, moment: &Moment) {
        let total = u64::from(moment.progress.total);
        if self.quiet || total == 0 {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            // On anything but a terminal it draws nothing.
            let style = ProgressStyle::with_template(BAR);
            ProgressBar::new(total)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(total);
        bar.set_position(moment.progress.held.into());
        bar.set_message(rate(&self.began, moment));
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Mean rate of UDP payload since `began`.
#[expect(clippy::cast_precision_loss, reason = "shown to people, never computed with")]
fn rate(began: &Moment, now: &Moment) -> String {
    let bits = now.stats.bytes.saturating_sub(began.stats.bytes) as f64 * 8.0;
    let seconds = now.at.since(began.at).as_secs_f64().max(0.001);
    format!("{:.2} Mbit/s", bits / seconds / 1e6)
}

impl Observer for Console {
    fn event(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Found { revision } => {
                self.began = *moment;
                let Revision { total, object_type, precoding, .. } = revision;
                let slices = if *total == 1 { "slice" } else { "slices" };
                self.line(format_args!(
                    "found: {total} {slices}, type {object_type}, precoding {precoding}"
                ));
            }
            Event::RevisionChanged { dropped, .. } => self.line(format_args!(
                "the object changed on air: {dropped} slices of the old one are not used"
            )),
            Event::Announced(announcement) => {
                self.began = *moment;
                let bytes = announcement.length.unwrap_or_default();
                self.line(format_args!("announced: {bytes} bytes"));
            }
            Event::Plain(reason) => self.line(format_args!("fetched as it comes: {reason}")),
            Event::NoRepair(reason) => self.line(format_args!("without repair: {reason}")),
            Event::NextRevision(_) => self.line(format_args!("a new revision is announced")),
            Event::RevisionBegun { dropped, .. } => self.line(format_args!(
                "the new revision is on air: {dropped} symbols of the old one are not used"
            )),
            Event::DigestFailed { failures } => self.line(format_args!(
                "the object is not what is announced ({failures}): comparing it with what comes"
            )),
            Event::AttemptFailed { attempt } => {
                self.line(format_args!("attempt {attempt} heard nothing"));
            }
            Event::Complete { .. } | Event::Failed(_) | Event::BootDone(_) => self.clear(),
            Event::Control { usable } => {
                self.clear();
                let outcome = if *usable { "read" } else { "cannot be used" };
                self.line(format_args!("control object: {outcome}"));
            }
            Event::Part { part, download } => {
                self.clear();
                let outcome = if *download { "downloading" } else { "the store holds it already" };
                self.line(format_args!("{}: {outcome}", PartWord::of(*part)));
            }
        }
    }

    fn tick(&mut self, moment: &Moment) {
        self.draw(moment);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        self.line(format_args!("warning: {trouble}"));
    }
}
