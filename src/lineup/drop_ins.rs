//! A directory of drop-ins: every `*.toml` of it, in the order of the bytes of their names, is one
//! line-up. All of them are taken as they stood at one moment, or none.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::rules::{At, LineUpDraft};
use super::sources::Sources;
use super::{FILE_BYTES_MAX, Finding, read_text, vendor, vendor_ini, written};

/// Most files of a directory.
const FILES_MAX: usize = 256;

/// Most names a directory may have, drop-ins or not.
const NAMES_MAX: usize = 100_000;

/// How often the directory is read while somebody writes to it.
const ATTEMPTS: u32 = 20;

/// A file that was changed so short a time ago may be half written.
const QUIET: Duration = Duration::from_millis(100);

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    name: String,
    inode: u64,
    bytes: u64,
    changed_ns: i128,
}

/// Reads all drop-ins as they stand at one moment.
///
/// # Errors
/// A finding for each file that cannot be read; or one when there is none, or no quiet moment.
pub(super) fn read(directory: &Path) -> Result<Sources, Vec<Finding>> {
    let one = |message: String| vec![Finding::error(message)];
    for _ in 0..ATTEMPTS {
        let before = list(directory).map_err(one)?;
        let texts: Vec<_> = before.iter().map(|file| read_text(&file.path)).collect();
        let is_quiet = before.iter().all(Seen::is_quiet);
        if !is_quiet || list(directory).map_err(one)? != before {
            std::thread::sleep(QUIET / 2);
            continue;
        }
        return gather(&before, texts);
    }
    let shown = directory.display();
    Err(one(format!("{shown} is being changed all the time: nothing of it is taken")))
}

impl Seen {
    /// Whether it was left alone for a moment.
    fn is_quiet(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let age = i128::try_from(now).unwrap_or(i128::MAX) - self.changed_ns;
        // A file of the future is one from before the clock was set back.
        age < 0 || age >= i128::try_from(QUIET.as_nanos()).unwrap_or(0)
    }
}

fn gather(files: &[Seen], texts: Vec<Result<String, String>>) -> Result<Sources, Vec<Finding>> {
    let (mut sources, mut findings, mut bytes) = (Sources::default(), Vec::new(), 0);
    for (file, text) in files.iter().zip(texts) {
        match text {
            Ok(text) => {
                bytes += text.len() as u64;
                sources.push(Some(file.name.clone()), &text);
            }
            Err(message) => findings.push(Finding::error(message)),
        }
    }
    if bytes > FILE_BYTES_MAX {
        let message = format!("the drop-ins have more than the {FILE_BYTES_MAX} bytes taken here");
        findings.push(Finding::error(message));
    }
    if findings.is_empty() { Ok(sources) } else { Err(findings) }
}

/// The drop-ins in their order.
fn list(directory: &Path) -> Result<Vec<Seen>, String> {
    let shown = directory.display();
    let problem = |error: std::io::Error| format!("cannot read {shown}: {error}");
    let mut seen = Vec::new();
    for entry in fs::read_dir(directory).map_err(problem)?.take(NAMES_MAX) {
        let entry = entry.map_err(problem)?;
        let (name, path) = (entry.file_name(), entry.path());
        if name.as_bytes().eq_ignore_ascii_case(b"infocastconfig.xml") {
            return Err(format!(
                "{} is a vendor's file and no drop-in: give it alone as the line-up, or write it as TOML",
                path.display()
            ));
        }
        if name.as_bytes().starts_with(b".") || !name.as_bytes().ends_with(b".toml") {
            continue;
        }
        let found = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => continue,
            Ok(found) => found,
            // Gone since it was listed; the next look says so, too.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
                continue;
            }
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        seen.push(Seen {
            name: name.to_string_lossy().into_owned(),
            path,
            inode: found.ino(),
            bytes: found.size(),
            changed_ns: i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()),
        });
    }
    match seen.len() {
        0 => return Err(format!("{shown} has no *.toml: there is nothing to put on air")),
        1..=FILES_MAX => {}
        more => return Err(format!("{shown} has {more} files *.toml, more than {FILES_MAX}")),
    }
    seen.sort_by(|a, b| a.path.as_os_str().as_bytes().cmp(b.path.as_os_str().as_bytes()));
    Ok(seen)
}

/// What all texts say together; none where one of them cannot be read.
pub(super) fn parse(sources: &Sources, findings: &mut Vec<Finding>) -> Option<LineUpDraft> {
    let mut whole: Option<LineUpDraft> = None;
    let mut failed = false;
    for text in sources.texts() {
        let kind = match (text.is_xml(), vendor_ini::is_ini(text.text())) {
            (true, _) => "XML",
            (false, true) => "an INI file",
            (false, false) => "TOML",
        };
        let draft = match (kind, &text.name) {
            ("TOML", _) => written::parse(&text.padded(), sources, findings),
            ("XML", None) => vendor::parse(text.text(), findings),
            (_, None) => vendor_ini::parse(text.text(), sources, findings),
            (kind, Some(name)) => {
                let message = format!(
                    "{kind} is no drop-in: give a vendor's file alone as the line-up, or write it as TOML"
                );
                let finding = Finding { file: Some(name.clone()), ..Finding::error(message) };
                findings.push(finding);
                None
            }
        };
        match (draft, &mut whole) {
            (None, _) => failed = true,
            (Some(draft), None) => whole = Some(draft),
            (Some(draft), Some(whole)) => add(whole, draft, sources, findings),
        }
    }
    whole.filter(|_| !failed)
}

/// Adds what another file says.
fn add(to: &mut LineUpDraft, from: LineUpDraft, sources: &Sources, findings: &mut Vec<Finding>) {
    // Each key has its line here: one that is forgotten would be read from the first file alone.
    let LineUpDraft {
        announce,
        unicast,
        trust,
        channels,
        stbconfigs,
        reboots,
        targets,
        schedules,
        interfaces,
        vendor_senders,
        update_lists,
        dunes,
    } = from;
    once(&mut to.announce, announce, "announce", sources, findings);
    once(&mut to.unicast, unicast, "unicast", sources, findings);
    once(&mut to.trust, trust, "trust", sources, findings);
    to.channels.extend(channels);
    to.stbconfigs.extend(stbconfigs);
    to.reboots.extend(reboots);
    to.targets.extend(targets);
    to.schedules.extend(schedules);
    to.interfaces.extend(interfaces);
    to.vendor_senders.extend(vendor_senders);
    to.update_lists.extend(update_lists);
    to.dunes.extend(dunes);
}

/// Takes what may be said once.
fn once<T>(
    to: &mut Option<At<T>>,
    from: Option<At<T>>,
    what: &str,
    sources: &Sources,
    findings: &mut Vec<Finding>,
) {
    let Some(from) = from else { return };
    let Some(first) = to else {
        *to = Some(from);
        return;
    };
    let message =
        format!("`{what}` stands in {} already: it may stand once", sources.name(first.offset));
    findings.push(sources.locate(Finding::error(message), from.offset));
}

#[cfg(test)]
mod tests;
