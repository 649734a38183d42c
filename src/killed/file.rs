//! The file: read whole, written whole under another name and renamed.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use super::{Digits, Entry, Killed, KilledError, system};
use crate::spool::is_full;

/// Largest file read, in bytes: some ten thousand lines.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Longest reason that is written, in letters.
const REASON_LETTERS_MAX: usize = 500;

/// How long another writer is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

const HEADER: &str =
    "# What is off the air until a person says otherwise: `stbcast kill`, `stbcast unkill`.\n";

/// A line of the file that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is killed.
    pub entry: Entry,
    /// Its comment: when and why.
    pub note: String,
}

/// A file as it was read: what is understood, and the first line that is not.
pub(super) struct Text {
    pub(super) killed: Killed,
    pub(super) wrong: Option<(usize, String)>,
}

impl Text {
    /// All of it, or the error.
    pub(super) fn whole(self, path: &Path) -> Result<Killed, KilledError> {
        match self.wrong {
            Some((line, why)) => Err(KilledError::Line { path: path.to_owned(), line, why }),
            None => Ok(self.killed),
        }
    }
}

/// Reads the file; nothing is killed where there is none.
///
/// # Errors
/// When it cannot be read, or has a line that nobody understands.
pub fn read(path: &Path) -> Result<Killed, KilledError> {
    match bytes(path)? {
        Some(bytes) => text(&bytes).whole(path),
        None => Ok(Killed::default()),
    }
}

/// The lines of the file in their order, with when and why.
///
/// # Errors
/// As [`read`].
pub fn lines(path: &Path) -> Result<Vec<Line>, KilledError> {
    let bytes = bytes(path)?.unwrap_or_default();
    let wrong = |(line, why)| KilledError::Line { path: path.to_owned(), line, why };
    let said = parsed(&bytes).filter_map(|(number, line)| match line {
        Ok(Some((entry, note))) => Some(Ok(Line { entry, note: note.to_owned() })),
        Ok(None) => None,
        Err(why) => Some(Err((number, why))),
    });
    said.collect::<Result<_, _>>().map_err(wrong)
}

/// Adds a line with the time and the reason; false where it stands there. Lines that nobody understands
/// stay as they are. When this returns, the line is on disk.
///
/// # Errors
/// When the file cannot be read or written.
pub fn add(path: &Path, entry: &Entry, reason: &str) -> Result<bool, KilledError> {
    let directory = directory(path);
    fs::create_dir_all(directory).map_err(system("make", directory))?;
    let _lock = lock(directory)?;
    let there = bytes(path)?;
    let length = there.as_ref().map(Vec::len);
    let mut bytes = there.unwrap_or_else(|| HEADER.as_bytes().to_vec());
    if text(&bytes).killed.contains(entry) {
        return Ok(false);
    }
    if bytes.last().is_some_and(|&last| last != b'\n') {
        bytes.push(b'\n');
    }
    let time = crate::dates::text(crate::dates::now());
    let reason = one_line(reason);
    let colon = if reason.is_empty() { "" } else { ": " };
    bytes.extend_from_slice(format!("{entry}  # {time}{colon}{reason}\n").as_bytes());
    match (write(path, &bytes), length) {
        (Err(KilledError::System { error, .. }), Some(length)) if is_full(&error) => {
            append(path, length, bytes.get(length..).unwrap_or_default())
        }
        (written, _) => written,
    }?;
    Ok(true)
}

/// Makes the file with nothing in it that counts, where there is none: on a disk that is full later, a
/// line more in a file that is there still finds room. Best effort.
pub(super) fn prepare(path: &Path) {
    let directory = directory(path);
    if fs::create_dir_all(directory).is_ok()
        && let Ok(_lock) = lock(directory)
        && matches!(bytes(path), Ok(None))
        && let Err(error) = write(path, HEADER.as_bytes())
    {
        tracing::warn!("{error}");
    }
}

/// Adds to a file of so many bytes where it lies, since the disk has no room for another one.
fn append(path: &Path, length: usize, more: &[u8]) -> Result<(), KilledError> {
    let failed = system("write", path);
    let mut file = File::options().append(true).open(path).map_err(&failed)?;
    let appended = file.write_all(more).and_then(|()| file.sync_all());
    if appended.is_err() {
        // A part of a line may mean something else than the line.
        let _ = file.set_len(length as u64).and_then(|()| file.sync_all());
    }
    appended.map_err(failed)
}

/// Removes the lines that say this, and gives what they said; for an image those of fewer digits, too,
/// and the one of more, where it is one. When this returns, they are gone from the disk.
///
/// # Errors
/// When the file cannot be read or written, or the digits stand for more than one image.
pub fn remove(path: &Path, entry: &Entry) -> Result<Vec<Entry>, KilledError> {
    let directory = directory(path);
    let Some(_) = bytes(path)? else { return Ok(Vec::new()) };
    let _lock = lock(directory)?;
    let Some(bytes) = bytes(path)? else { return Ok(Vec::new()) };
    let meant = meant(path, &text(&bytes).killed, entry)?;
    if meant.is_empty() {
        return Ok(meant);
    }
    let stays = |line: &&[u8]| match parse(line) {
        Ok(Some((said, _))) => !meant.contains(&said),
        _ => true,
    };
    let rest: Vec<u8> =
        bytes.split_inclusive(|&byte| byte == b'\n').filter(stays).flatten().copied().collect();
    write(path, &rest)?;
    Ok(meant)
}

/// Which entries of `killed` somebody means who says `entry`.
fn meant(path: &Path, killed: &Killed, entry: &Entry) -> Result<Vec<Entry>, KilledError> {
    let Entry::Image(digits) = entry else {
        return Ok(killed.entries().filter(|said| *said == entry).cloned().collect());
    };
    let image = |of: fn(&Digits, &Digits) -> bool| -> Vec<Entry> {
        let is = |said: &&Entry| matches!(said, Entry::Image(said) if of(said, digits));
        killed.entries().filter(is).cloned().collect()
    };
    let shorter = image(|said, digits| digits.as_str().starts_with(said.as_str()));
    if !shorter.is_empty() {
        return Ok(shorter);
    }
    let longer = image(|said, digits| said.as_str().starts_with(digits.as_str()));
    if longer.len() > 1 {
        let digits = digits.as_str().to_owned();
        return Err(KilledError::Ambiguous { path: path.to_owned(), digits, lines: longer.len() });
    }
    Ok(longer)
}

/// The bytes of the file; `None` where there is none.
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, KilledError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(system("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(system("read", path))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(KilledError::Large { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(Some(bytes))
}

/// What a file says.
pub(super) fn text(bytes: &[u8]) -> Text {
    let mut wrong = None;
    let entry = |(number, line): (usize, Parsed<'_>)| match line {
        Ok(said) => said.map(|(entry, _)| entry),
        Err(why) => {
            wrong.get_or_insert((number, why));
            None
        }
    };
    let killed = parsed(bytes).filter_map(entry).collect();
    Text { killed, wrong }
}

type Parsed<'a> = Result<Option<(Entry, &'a str)>, String>;

/// The lines with their numbers from 1.
fn parsed(bytes: &[u8]) -> impl Iterator<Item = (usize, Parsed<'_>)> {
    bytes.split(|&byte| byte == b'\n').enumerate().map(|(place, line)| (place + 1, parse(line)))
}

/// What a line says, with its comment.
fn parse(line: &[u8]) -> Parsed<'_> {
    let line = std::str::from_utf8(line).map_err(|_| "this is not UTF-8 text".to_owned())?;
    let line = line.trim_start_matches('\u{feff}').trim();
    // A comment may stand behind a name in quotation marks.
    let quoted = line.find('"').and_then(|from| Some(from + 1 + closing(line.get(from + 1..)?)?));
    let comment = line.get(quoted.unwrap_or(0)..).and_then(|rest| rest.find('#'));
    let end = comment.map_or(line.len(), |at| at + quoted.unwrap_or(0));
    let (said, note) = line.split_at_checked(end).unwrap_or((line, ""));
    if said.trim().is_empty() {
        return Ok(None);
    }
    Ok(Some((Entry::parse(said)?, note.trim_start_matches('#').trim())))
}

/// Where the quotation mark is that ends a name.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    let is_end = |(_, letter): &(usize, char)| {
        let ends = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        ends
    };
    text.char_indices().find(is_end).map(|(at, _)| at)
}

fn one_line(reason: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    reason.trim().chars().map(plain).take(REASON_LETTERS_MAX).collect()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The right to write, until it is dropped. The directory is locked, because the file is another one
/// after each writing.
fn lock(directory: &Path) -> Result<File, KilledError> {
    let file = File::open(directory).map_err(system("open", directory))?;
    let end = Instant::now() + LOCK_PATIENCE;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(system("lock", directory)(error.into())),
        }
        if Instant::now() >= end {
            let seconds = LOCK_PATIENCE.as_secs();
            return Err(KilledError::Locked { path: directory.to_owned(), seconds });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Writes the file anew: what another program reads is the old one whole or the new one whole.
fn write(path: &Path, bytes: &[u8]) -> Result<(), KilledError> {
    let directory: PathBuf = directory(path).to_owned();
    let failed = system("write", path);
    let mut temporary = tempfile::Builder::new()
        .prefix(".killed-")
        .tempfile_in(&directory)
        .map_err(system("write in", &directory))?;
    temporary.write_all(bytes).map_err(&failed)?;
    let file = temporary.as_file();
    // The headend may run as another user than the person who kills.
    file.set_permissions(Permissions::from_mode(0o644)).map_err(&failed)?;
    if let Ok(owner) = fs::metadata(path).or_else(|_| fs::metadata(&directory)) {
        let _ = std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
    file.sync_all().map_err(&failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    let directory_file = File::open(&directory).map_err(system("open", &directory))?;
    directory_file.sync_all().map_err(system("sync", &directory))
}
