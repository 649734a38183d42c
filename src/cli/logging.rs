//! Where the log goes: to the journal with its fields, where standard error is the journal's; else to
//! standard error. The crate `tracing-journald` is named in this file alone.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, registry};

use super::lines::Lines;

/// Sends the log to where somebody reads it; by way of `lines`, where they are.
pub(super) fn start(lines: Option<&'static Lines>) {
    let filter = EnvFilter::try_from_env("STBCAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    if is_journal()
        && let Ok(journal) = tracing_journald::layer()
    {
        let journal = journal.with_syslog_identifier("stbcast".to_owned()).with_field_prefix(None);
        return registry().with(filter).with(journal).init();
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // A log nobody reads any more must not end the headend.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(move || -> Box<dyn Write> {
            match lines {
                Some(lines) => Box::new(lines.clone()),
                None => Box::new(io::stderr()),
            }
        })
        .init();
}

/// Whether standard error is the stream that systemd connected to the journal: a person may have led it
/// elsewhere since.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(found) = rustix::fs::fstat(std::io::stderr()) else { return false };
    stream == format!("{}:{}", found.st_dev, found.st_ino)
}
