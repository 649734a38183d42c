//! The access log: one line a request, in the combined format of web servers with the rule and the
//! box behind it.
//!
//! ```text
//! 192.0.2.7 - - [06/Nov/2026:08:49:37 +0000] "GET /vip?serial=1 HTTP/1.1" 200 512 "-" "-"
//!     rule="testers" product="vip" serial="1" mac="-" seconds=0.001
//! ```
//!
//! Answers hand their lines to a buffer; a thread of its own writes it. A disk that hangs costs lines,
//! which are counted, and never an answer.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use axum::http::{HeaderValue, Method, StatusCode, Uri, Version};
use httpdate::HttpDate;
use stbcast_bootcast::BootQuery;

use crate::{clock, telemetry};

/// Lines that wait to be written, in bytes.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// Lines are gathered for this long before they are written.
const GATHER: Duration = Duration::from_millis(50);

/// Lines a second on standard error, where other messages must stay legible and every line costs the
/// system's log.
const SHOWN_A_SECOND: u32 = 100;

/// Longest part of a line that a client chooses, in bytes before escaping.
const PART_BYTES_MAX: usize = 2_048;

/// How often failures to write are told.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What is known of a request when its answer begins.
pub(super) struct Record {
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) agent: Option<HeaderValue>,
    pub(super) since: Instant,
    pub(super) status: StatusCode,
    /// Name of the rule that matched.
    pub(super) rule: Option<String>,
    pub(super) query: BootQuery,
}

impl Record {
    /// The line of a request whose answer had `bytes` bytes behind its header.
    fn line(&self, bytes: u64) -> String {
        let mut line = String::with_capacity(512);
        // A String takes everything.
        let _ = self.write_line(&mut line, bytes);
        line
    }

    fn write_line(&self, line: &mut String, bytes: u64) -> fmt::Result {
        write!(line, "{} - - [", self.client)?;
        write_date(line, SystemTime::now())?;
        write!(line, "] \"{} ", self.method)?;
        let path = self.uri.path_and_query().map_or_else(|| self.uri.path(), |it| it.as_str());
        escape(line, path.as_bytes())?;
        write!(line, " {:?}\" {} {bytes} \"-\" ", self.version, self.status.as_u16())?;
        quote(line, "", self.agent.as_ref().map(HeaderValue::as_bytes))?;
        let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_owned());
        let BootQuery { product, serial, mac, .. } = &self.query;
        for (key, value) in
            [(" rule=", &self.rule), (" product=", product), (" serial=", serial), (" mac=", mac)]
        {
            quote(line, key, text(value).as_deref())?;
        }
        writeln!(line, " seconds={:.3}", self.since.elapsed().as_secs_f64())
    }
}

/// `06/Nov/1994:08:49:37 +0000`.
fn write_date(line: &mut String, now: SystemTime) -> fmt::Result {
    let date = HttpDate::from(now).to_string();
    let mut words = date.split(' ').skip(1);
    let mut word = || words.next().unwrap_or("-");
    let (day, month, year, time) = (word(), word(), word(), word());
    write!(line, "{day}/{month}/{year}:{time} +0000")
}

fn quote(line: &mut String, key: &str, value: Option<&[u8]>) -> fmt::Result {
    write!(line, "{key}\"")?;
    escape(line, value.unwrap_or(b"-"))?;
    line.write_char('"')
}

/// What clients send, on one line and within quotes.
fn escape(line: &mut String, text: &[u8]) -> fmt::Result {
    let (shown, cut) = match text.get(..PART_BYTES_MAX) {
        Some(shown) if shown.len() < text.len() => (shown, "..."),
        _ => (text, ""),
    };
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let mut rest = shown;
    while let Some(&first) = rest.first() {
        let plain = rest.iter().position(|&byte| !is_plain(byte)).unwrap_or(rest.len());
        let (front, behind) = rest.split_at(plain.max(1));
        match first {
            byte if is_plain(byte) => line.push_str(str::from_utf8(front).unwrap_or_default()),
            b'"' | b'\\' => write!(line, "\\{}", char::from(first))?,
            _ => write!(line, "\\x{first:02X}")?,
        }
        rest = behind;
    }
    line.write_str(cut)
}

/// The log, and the thread that writes it.
pub(super) struct AccessLog {
    desk: Arc<Desk>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Where lines wait.
struct Desk {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    /// Whether only so many lines a second are shown; since when they are counted, and how many there
    /// were.
    quota: Option<(Instant, u32)>,
    hidden: u64,
    reopen: bool,
    closed: bool,
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccessLog {
    /// Begins a log in the file `path`, behind what stands there, else on standard error.
    ///
    /// # Errors
    /// When the file cannot be written, or the system has no thread to give.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, String> {
        let output = match path {
            Some(path) => Output::File { file: open(path)?, path: path.to_owned() },
            None => Output::StandardError,
        };
        let quota = path.is_none().then(|| (Instant::now(), 0));
        let waiting = Mutex::new(Waiting { quota, ..Waiting::default() });
        let desk = Arc::new(Desk { waiting, wake: Condvar::new() });
        let at_desk = Arc::clone(&desk);
        let write = move || {
            clock::stand_back();
            Writer { desk: at_desk, output, complained: None }.run();
        };
        let thread = std::thread::Builder::new().name("http-log".to_owned()).spawn(write);
        let thread = thread.map_err(|error| format!("cannot start the access log: {error}"))?;
        Ok(Self { desk, writer: Mutex::new(Some(thread)) })
    }

    /// Notes a request that was answered with `bytes` bytes.
    pub(super) fn note(&self, record: &Record, bytes: u64) {
        self.add(record.line(bytes).as_bytes());
    }

    fn add(&self, line: &[u8]) {
        let mut waiting = self.desk.waiting();
        if let Some((since, shown)) = &mut waiting.quota {
            if since.elapsed() >= Duration::from_secs(1) {
                (*since, *shown) = (Instant::now(), 0);
            }
            *shown = shown.saturating_add(1);
            if *shown > SHOWN_A_SECOND {
                waiting.hidden += 1;
                return;
            }
        }
        if waiting.closed || waiting.lines.len() + line.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
            drop(waiting);
            telemetry::http_log_dropped(1);
            return;
        }
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.desk.wake.notify_one();
        }
    }

    /// Opens the file again, which somebody may have renamed.
    pub(super) fn reopen(&self) {
        self.desk.waiting().reopen = true;
        self.desk.wake.notify_one();
    }

    /// Writes what waits, and no more.
    pub(super) fn close(&self) {
        self.desk.waiting().closed = true;
        self.desk.wake.notify_one();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn open(path: &Path) -> Result<File, String> {
    let opened = File::options().create(true).append(true).open(path);
    opened.map_err(|error| format!("cannot write the access log {}: {error}", path.display()))
}

enum Output {
    StandardError,
    File { file: File, path: PathBuf },
}

/// The other side of the desk.
struct Writer {
    desk: Arc<Desk>,
    output: Output,
    complained: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        let mut lines = Vec::new();
        while let Some((reopen, dropped, hidden)) = self.take(&mut lines) {
            if dropped > 0 {
                self.complain(&format!("{dropped} lines of the access log are lost: it is slow"));
            }
            if let Err(error) = self.write(&lines) {
                let lost = lines.iter().filter(|&&byte| byte == b'\n').count();
                telemetry::http_log_dropped(lost as u64);
                self.complain(&format!("{lost} lines of the access log are lost: {error}"));
            }
            if hidden > 0 {
                tracing::info!("and {hidden} more requests; --http-log FILE shows all");
            }
            lines.clear();
            if reopen {
                self.reopen();
            }
        }
    }

    /// Waits for lines and takes them all; nothing, when no more will come.
    fn take(&self, lines: &mut Vec<u8>) -> Option<(bool, u64, u64)> {
        let idle = |it: &mut Waiting| it.lines.is_empty() && !it.reopen && !it.closed;
        let waiting = self.desk.waiting();
        let waiting = self.desk.wake.wait_while(waiting, idle);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let hurry = |it: &mut Waiting| !it.closed && !it.reopen;
        let waiting = self.desk.wake.wait_timeout_while(waiting, GATHER, hurry);
        let (mut waiting, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.closed && waiting.lines.is_empty() {
            return None;
        }
        std::mem::swap(lines, &mut waiting.lines);
        let reopen = std::mem::take(&mut waiting.reopen);
        let dropped = std::mem::take(&mut waiting.dropped);
        Some((reopen, dropped, std::mem::take(&mut waiting.hidden)))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match &mut self.output {
            Output::StandardError => io::stderr().lock().write_all(lines),
            Output::File { file, .. } => file.write_all(lines),
        }
    }

    fn reopen(&mut self) {
        let Output::File { path, .. } = &self.output else { return };
        let path = path.clone();
        match open(&path) {
            Ok(file) => self.output = Output::File { file, path },
            Err(error) => tracing::error!("{error}; it goes on where it was"),
        }
    }

    fn complain(&mut self, what: &str) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::warn!("{what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(uri: &str) -> Record {
        Record {
            client: IpAddr::from([192, 0, 2, 7]),
            method: Method::GET,
            uri: uri.parse().unwrap(),
            version: Version::HTTP_11,
            agent: None,
            since: Instant::now(),
            status: StatusCode::OK,
            rule: Some("testers".to_owned()),
            query: BootQuery::parse(uri.split('?').nth(1).unwrap_or_default()),
        }
    }

    #[test]
    fn a_line_is_that_of_web_servers_with_rule_and_box_behind_it() {
        let line = record("/vip?product=vip&serial=1").line(512);
        let (front, rest) = line.split_once('[').unwrap();
        let (date, rest) = rest.split_once("] ").unwrap();
        assert_eq!(front, "192.0.2.7 - - ");
        assert_eq!(date.len(), "06/Nov/1994:08:49:37 +0000".len());
        let expected = "\"GET /vip?product=vip&serial=1 HTTP/1.1\" 200 512 \"-\" \"-\" \
                        rule=\"testers\" product=\"vip\" serial=\"1\" mac=\"-\" seconds=0.0";
        assert!(rest.starts_with(expected), "{rest}");
        let mut date = String::new();
        write_date(&mut date, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(date, "01/Jan/1970:00:00:00 +0000");
    }

    #[test]
    fn whatever_a_box_sends_stays_within_its_quotes_and_its_line() {
        let mut record = record("/vip?serial=%22%0a%5c%c3%a4");
        record.agent = Some(HeaderValue::from_bytes(b"a\"b\xff").unwrap());
        let line = record.line(0);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.contains(r#"serial="\"\x0A\\\xC3\xA4" mac"#), "{line}");
        assert!(line.contains(r#" "a\"b\xFF" rule"#), "{line}");
        let long = ["/", &"x".repeat(60_000)].concat();
        assert!(super::tests::record(&long).line(0).len() < 3_000);
    }

    #[test]
    fn a_file_that_was_renamed_is_left_when_it_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let [path, old] = ["log", "old"].map(|name| directory.path().join(name));
        let log = AccessLog::open(Some(&path)).unwrap();
        log.add(b"one\n");
        std::fs::rename(&path, &old).unwrap();
        log.reopen();
        let end = Instant::now() + Duration::from_secs(20);
        while !path.exists() {
            assert!(Instant::now() < end, "not opened again");
            std::thread::yield_now();
        }
        log.add(b"two\n");
        log.close();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        assert!(AccessLog::open(Some(directory.path())).is_err());
    }

    #[test]
    fn lines_that_nobody_writes_are_dropped_and_the_rest_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let log = AccessLog::open(Some(&directory.path().join("log"))).unwrap();
        // While the desk is taken nothing is written.
        let line = vec![b'x'; 1 << 20];
        let mut waiting = log.desk.waiting();
        waiting.lines = vec![b'x'; WAITING_BYTES_MAX];
        drop(waiting);
        log.add(&line);
        log.close();
        log.add(b"late\n");
        assert!(log.desk.waiting().dropped >= 1);
    }
}
