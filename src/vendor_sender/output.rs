//! What a vendor's sender says, into our log: so many lines, so long.

use std::io::{self, PipeReader, Read};
use std::time::{Duration, Instant};

/// Longest line that is shown, in bytes.
const LINE_BYTES_MAX: usize = 300;

/// Most lines in [`SPAN`]; of more, their number.
const LINES_MAX: u32 = 20;

/// See [`LINES_MAX`].
const SPAN: Duration = Duration::from_secs(10);

/// Logs what is said on a thread of its own, which ends when nobody is left to say something.
pub(super) fn log(name: &str, mut reader: PipeReader) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("vendor-output".to_owned());
    let name = name.to_owned();
    thread.spawn(move || {
        let (mut lines, mut buffer) = (Lines::new(Instant::now()), [0; 4_096]);
        // A sender must never wait for us: all it says is read, whatever becomes of it.
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            let text = buffer.get(..count).unwrap_or_default();
            lines.take(text, Instant::now(), |line| {
                tracing::info!("vendor sender {name} says: {line}")
            });
        }
        lines.finish(|line| tracing::info!("vendor sender {name} says: {line}"));
    })?;
    Ok(())
}

/// Lines in the making.
struct Lines {
    line: Vec<u8>,
    /// Bytes of it that are not shown.
    more: usize,
    since: Instant,
    shown: u32,
    lost: u64,
}

impl Lines {
    const fn new(now: Instant) -> Self {
        Self { line: Vec::new(), more: 0, since: now, shown: 0, lost: 0 }
    }

    fn take(&mut self, text: &[u8], now: Instant, mut show: impl FnMut(&str)) {
        for &byte in text {
            match byte {
                // Some programs write their progress over itself.
                b'\n' | b'\r' => self.end(now, &mut show),
                _ if self.line.len() < LINE_BYTES_MAX => self.line.push(byte),
                _ => self.more += 1,
            }
        }
    }

    fn end(&mut self, now: Instant, show: &mut impl FnMut(&str)) {
        if now.saturating_duration_since(self.since) >= SPAN {
            self.tell_lost(show);
            (self.since, self.shown) = (now, 0);
        }
        if self.line.is_empty() {
            return;
        }
        if self.shown < LINES_MAX {
            self.shown += 1;
            let text = String::from_utf8_lossy(&self.line);
            let text: String =
                text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
            match self.more {
                0 => show(text.trim_end()),
                more => show(&format!("{text}... and {more} bytes more")),
            }
        } else {
            self.lost += 1;
        }
        self.line.clear();
        self.more = 0;
    }

    fn tell_lost(&mut self, show: &mut impl FnMut(&str)) {
        if self.lost > 0 {
            show(&format!("{} lines more, which are not shown", self.lost));
            self.lost = 0;
        }
    }

    fn finish(mut self, mut show: impl FnMut(&str)) {
        self.end(self.since, &mut show);
        self.tell_lost(&mut show);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: &[(&[u8], u64)]) -> Vec<String> {
        let (start, mut shown) = (Instant::now(), Vec::new());
        let mut lines = Lines::new(start);
        for (text, seconds) in texts {
            let now = start + Duration::from_secs(*seconds);
            lines.take(text, now, |line| shown.push(line.to_owned()));
        }
        lines.finish(|line| shown.push(line.to_owned()));
        shown
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        assert_eq!(said(&[(b"one\ntw", 0), (b"o\r\n\nthree", 0)]), ["one", "two", "three"]);
    }

    #[test]
    fn a_line_without_end_takes_no_room_and_control_letters_do_nothing() {
        let shown = said(&[(b"\x1b[2J", 0), (&[b'x'; 1_000_000], 0), (b"\n", 0)]);
        let [line] = &shown[..] else { panic!("{} lines", shown.len()) };
        assert!(line.starts_with(" [2Jxxx") && line.len() < 400, "{line}");
        assert!(line.ends_with("and 999704 bytes more"), "{line}");
    }

    #[test]
    fn a_flood_is_counted_and_the_next_span_is_shown_again() {
        let shown = said(&[(&b"x\n".repeat(100_000), 0), (b"later\n", 11)]);
        assert_eq!(shown.len(), 22);
        assert_eq!(shown[20..], ["99980 lines more, which are not shown", "later"]);
    }
}
