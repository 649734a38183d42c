//! What a person sees while a session runs: lines on stderr, and a bar where that is a terminal.

use std::fmt::{Display, Write};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::tell;
use crate::io::{AnnouncedObject, Moment, Observer, PartWord, Trouble};
use crate::{Event, InfocastRevision, MagRevision, Revision};

/// Of an object received slice by slice nobody knows how many passes it will take.
const SLICES: &str = "{bar:30} {pos}/{len} slices, {msg}, {eta} left";

/// Of one that is announced each symbol that counts brings the end nearer by one.
const SYMBOLS: &str = "{bar:30} {pos}/{len} symbols, {msg}";

/// A server sends one byte behind the other.
const KIB: &str = "{bar:30} {pos}/{len} KiB, {msg}, {eta} left";

/// Watches a session for a person.
pub(super) struct Console {
    quiet: bool,
    bar: Option<ProgressBar>,
    /// When the object of the bar was first seen.
    began: Moment,
    /// Whether the object is announced: then progress counts symbols.
    announced: bool,
}

impl Console {
    /// A console; a quiet one says nothing.
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, bar: None, began: Moment::default(), announced: false }
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
        let template = match (self.announced, asked_bytes(moment) > asked_bytes(&self.began)) {
            (true, _) => SYMBOLS,
            (false, false) => SLICES,
            (false, true) => KIB,
        };
        let mut message = rate(&self.began, moment);
        if self.announced
            && let Some(left) = left(&self.began, moment)
        {
            let _ = write!(message, ", {} left", HumanDuration(left));
        }
        let bar = self.bar.get_or_insert_with(|| {
            // On anything but a terminal it draws nothing.
            let style = ProgressStyle::with_template(template);
            ProgressBar::new(total)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(total);
        bar.set_position(moment.progress.held.into());
        bar.set_message(message);
    }

    /// An object begins, or begins anew.
    fn begin(&mut self, moment: &Moment, announced: bool) {
        self.clear();
        (self.began, self.announced) = (*moment, announced);
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Bytes that servers sent.
const fn asked_bytes(moment: &Moment) -> u64 {
    moment.stats.http_bytes + moment.stats.tftp_bytes
}

/// Mean rate of UDP payload, and of what servers sent, since `began`.
#[expect(clippy::cast_precision_loss, reason = "shown to people, never computed with")]
fn rate(began: &Moment, now: &Moment) -> String {
    let bytes = |moment: &Moment| moment.stats.bytes + asked_bytes(moment);
    let bits = bytes(now).saturating_sub(bytes(began)) as f64 * 8.0;
    let seconds = now.at.since(began.at).as_secs_f64().max(0.001);
    format!("{:.2} Mbit/s", bits / seconds / 1e6)
}

/// Time until the object is whole, if symbols come on as they did since `began`.
fn left(began: &Moment, now: &Moment) -> Option<Duration> {
    let gained = now.progress.held.checked_sub(began.progress.held).filter(|gained| *gained > 0)?;
    let missing = u64::from(now.progress.total.saturating_sub(now.progress.held));
    let passed = now.at.since(began.at).0;
    Some(Duration::from_micros(missing.saturating_mul(passed) / u64::from(gained)))
}

/// What the datagrams of an object say of it.
fn found(revision: &Revision) -> String {
    let count = revision.slices();
    let slices = if count == 1 { "slice" } else { "slices" };
    match revision {
        Revision::Infocast(InfocastRevision { object_type, precoding, .. }) => {
            format!("{count} {slices}, type {object_type}, precoding {precoding}")
        }
        Revision::Mag(MagRevision { serial, length, packet_bytes }) => {
            format!(
                "{count} {slices} of {packet_bytes} bytes, {length} in all, serial number {serial}"
            )
        }
    }
}

impl Observer for Console {
    fn event(&mut self, moment: &Moment, event: &Event) {
        match event {
            Event::Found { revision } => {
                self.begin(moment, false);
                self.line(format_args!("found: {}", found(revision)));
            }
            Event::RevisionChanged { dropped, .. } => self.line(format_args!(
                "the object changed on air: {dropped} slices of the old one are not used"
            )),
            Event::Announced(announcement) => {
                self.begin(moment, true);
                let announced = AnnouncedObject::of(announcement);
                self.line(format_args!("announced: {announced}"));
            }
            Event::Plain(reason) => {
                self.line(format_args!("without repair: {reason}"));
            }
            Event::NoRepair(reason) => self.line(format_args!("without repair: {reason}")),
            Event::NextRevision(_) => self.line("a new revision is announced"),
            Event::FinishingSuperseded { held, of } => {
                self.begin(moment, true);
                self.line(format_args!(
                    "it is superseded and completed first: {held} of {of} symbols are there"
                ));
            }
            Event::RevisionBegun { announcement, dropped } => {
                self.begin(moment, true);
                let announced = AnnouncedObject::of(announcement);
                self.line(format_args!(
                    "the new revision is on air: {announced}; {dropped} symbols of the old one \
                     are not used"
                ));
            }
            Event::DigestFailed { failures } => {
                self.begin(moment, true);
                self.line(format_args!(
                    "what was received has not the announced SHA-256 ({failures}): it is compared \
                     with what comes"
                ));
            }
            Event::AttemptFailed { attempt } => {
                self.line(format_args!("attempt {attempt} heard nothing"));
            }
            Event::UnicastTurn { at } => self.line(format_args!(
                "servers may be asked for what is missing in {:.0} s",
                at.since(moment.at).as_secs_f64()
            )),
            Event::UnicastBegun { server, missing } => {
                self.line(format_args!("{missing} symbols are missing: asking {server}"));
            }
            Event::UnicastFailed { server, answer } => {
                self.line(format_args!("{server}: {answer}"));
            }
            Event::UnicastDropped { symbols } => self.line(format_args!(
                "servers gave what is not the announced object: {symbols} symbols are dropped"
            )),
            Event::Resumed { symbols, of } => {
                self.begin(moment, true);
                self.line(format_args!("the slot holds {symbols} of {of} symbols from before"));
            }
            Event::ResumedDropped { symbols } => self.line(format_args!(
                "what the slot held is not what is signed: {symbols} symbols are received again"
            )),
            Event::AskedAgain { answer, after, attempt, from } => {
                self.begin(moment, false);
                self.line(format_args!(
                    "{answer}; asked again in {after}, from byte {from} (attempt {attempt})"
                ));
            }
            Event::Complete { .. }
            | Event::Failed(_)
            | Event::BootDone(_)
            | Event::TrustedDone(_)
            | Event::WatchDone(_) => self.clear(),
            Event::Killed { number } => {
                self.clear();
                self.line(format_args!("release {number} was killed: it is not installed"));
            }
            Event::Statement { kind, number } => {
                self.line(format_args!("{kind} {number} is signed"))
            }
            Event::Refused(refusal) => self.line(format_args!("refused: {refusal}")),
            Event::Release { number, epoch } => {
                self.line(format_args!(
                    "release {number}, security epoch {epoch}, is to be installed"
                ));
            }
            Event::ReleaseFailed { number, part, error } => {
                self.clear();
                match part {
                    Some(part) => self.line(format_args!(
                        "release {number} is not installed: {}: {error}",
                        PartWord::of(*part)
                    )),
                    None => self.line(format_args!("release {number} is not installed: {error}")),
                }
            }
            Event::Metadata { target, .. } => {
                self.line(format_args!("metadata: waiting for {target}"));
            }
            Event::Control { by, usable } => {
                self.clear();
                let outcome = if *usable { "read" } else { "cannot be used" };
                self.line(format_args!("metadata by {by}: {outcome}"));
            }
            Event::Part { part, target, .. } => {
                self.clear();
                self.line(format_args!("{}: downloading {target}", PartWord::of(*part)));
            }
            // The answer says what became of them.
            Event::Parameters(_) => {}
            Event::PartHeld { part } => {
                self.clear();
                self.line(format_args!("{}: the store holds it already", PartWord::of(*part)));
            }
            Event::WayClosed { part, way, supported } => {
                let why = if *supported { "no server was told" } else { "it is not supported" };
                self.line(format_args!("{}: not by {way}, {why}", PartWord::of(*part)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Progress;
    use stbcast_object::Micros;

    fn moment(seconds: u64, held: u32) -> Moment {
        let progress = Progress { held, total: 1_000, attempt: 1 };
        Moment { at: Micros::from_secs(seconds), progress, ..Moment::default() }
    }

    #[test]
    fn the_time_left_is_what_the_symbols_that_are_missing_take() {
        let began = moment(5, 0);
        assert_eq!(left(&began, &moment(6, 0)), None, "nobody knows yet");
        assert_eq!(left(&began, &moment(7, 100)), Some(Duration::from_secs(18)));
        assert_eq!(left(&began, &moment(15, 500)), Some(Duration::from_secs(10)));
        assert_eq!(left(&began, &moment(25, 1_000)), Some(Duration::ZERO));
        assert_eq!(left(&moment(5, 500), &moment(6, 0)), None, "all was dropped");
    }
}
