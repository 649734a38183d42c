//! Standard error that nobody waits for: a log whose reader has stopped reading (a full pipe, a terminal
//! that is held) must not stop the headend.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Lines that wait to be written; more are lost, and counted.
const LINES_MAX: usize = 4_096;

/// At the end of the program the reader gets so long to read what is left.
const PATIENCE: Duration = Duration::from_millis(500);

static LINES: OnceLock<Lines> = OnceLock::new();

/// Where lines go that a thread writes to standard error.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

enum Entry {
    Text(Vec<u8>),
    /// Everything before this has been written.
    End(Sender<()>),
}

impl Lines {
    /// The queue of this process; its thread starts with the first call. None where the system has no
    /// thread to give.
    pub(super) fn get() -> Option<&'static Self> {
        if LINES.get().is_none() {
            let (queue, entries) = sync_channel(LINES_MAX);
            let lines = Self { queue, lost: Arc::default() };
            let lost = Arc::clone(&lines.lost);
            let thread = std::thread::Builder::new().name("log".to_owned());
            thread.spawn(move || write_all(&entries, &lost)).ok()?;
            let _ = LINES.set(lines);
        }
        LINES.get()
    }

    fn push(&self, text: &[u8]) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Entry::Text(text.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.push(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line to standard error, behind those that wait where there is a queue.
pub(super) fn say(line: &str) {
    match LINES.get() {
        Some(lines) => lines.push(line.as_bytes()),
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Waits until all is written, but not for a reader that does not read.
pub(super) fn finish() {
    let Some(lines) = LINES.get() else { return };
    let (tell, told) = channel();
    if lines.queue.try_send(Entry::End(tell)).is_ok() {
        let _ = told.recv_timeout(PATIENCE);
    }
}

/// That nobody listens is no reason to stop.
fn write_all(entries: &Receiver<Entry>, lost: &AtomicU64) {
    for entry in entries {
        match entry {
            Entry::Text(text) => drop(io::stderr().write_all(&text)),
            Entry::End(told) => drop(told.send(())),
        }
        let lines = lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            let _ = writeln!(io::stderr(), "{lines} lines of the log were lost: nobody read them");
        }
    }
}
