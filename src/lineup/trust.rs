//! `[trust]`: which signed statements are announced. What they say is judged elsewhere; here they are
//! read, so that nothing that comes later can find another file.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_spanned::Spanned;
use stbcast_flute::STATEMENT_BYTES_MAX;

use super::read_at_most;
use super::rules::{At, Rules};
use super::written::at;

/// Statements of a kind. Each passes every second, and boxes keep a few.
const STATEMENTS_MAX: usize = 16;

/// The signed statements of a line-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Root documents, the oldest first; each is signed by the one before it, too.
    pub roots: Vec<Document>,
    /// Releases: which objects boxes of a model should run.
    pub releases: Vec<Document>,
    /// Permits to go back to an older release.
    pub permits: Vec<Document>,
    /// Actions: what boxes are told to do.
    pub actions: Vec<Document>,
    /// File of the private channel key that signs the kill of a release.
    pub channel_key: Option<PathBuf>,
}

impl Trust {
    /// All of them.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.roots.iter().chain(&self.releases).chain(&self.permits).chain(&self.actions)
    }
}

/// A file of at most [`STATEMENT_BYTES_MAX`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it was read from.
    pub path: PathBuf,
    /// What it says.
    pub bytes: Arc<[u8]>,
    /// Place in [`super::LineUp::schedules`] of what it follows; always said where `None`.
    pub schedule: Option<usize>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({}, {} bytes)", self.path.display(), self.bytes.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustWritten {
    roots: Spanned<Vec<Spanned<DocumentWritten>>>,
    #[serde(default)]
    releases: Vec<Spanned<DocumentWritten>>,
    #[serde(default)]
    permits: Vec<Spanned<DocumentWritten>>,
    #[serde(default)]
    actions: Vec<Spanned<DocumentWritten>>,
    channel_key: Option<String>,
}

/// A file, or a table that says when it is said.
struct DocumentWritten(DocumentDraft);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentTable {
    file: String,
    schedule: Option<Spanned<String>>,
}

impl<'de> Deserialize<'de> for DocumentWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DocumentVisitor;
        impl<'de> Visitor<'de> for DocumentVisitor {
            type Value = DocumentWritten;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a path, or a table like { file = \"42.release.cose\", schedule = \"night\" }",
                )
            }
            fn visit_str<E>(self, file: &str) -> Result<DocumentWritten, E> {
                let file = file.to_owned();
                Ok(DocumentWritten(DocumentDraft { file, schedule: None }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DocumentWritten, A::Error> {
                let table = DocumentTable::deserialize(MapAccessDeserializer::new(map))?;
                let DocumentTable { file, schedule } = table;
                Ok(DocumentWritten(DocumentDraft { file, schedule: schedule.map(at) }))
            }
        }
        deserializer.deserialize_any(DocumentVisitor)
    }
}

/// A signed document as somebody wrote it.
#[derive(Clone, Debug)]
struct DocumentDraft {
    file: String,
    schedule: Option<At<String>>,
}

/// `[trust]` as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct TrustDraft {
    roots: At<Vec<At<DocumentDraft>>>,
    releases: Vec<At<DocumentDraft>>,
    permits: Vec<At<DocumentDraft>>,
    actions: Vec<At<DocumentDraft>>,
    channel_key: Option<String>,
}

impl TrustWritten {
    pub(super) fn into_draft(self) -> TrustDraft {
        let document = |written| {
            let At { value: DocumentWritten(value), offset } = at(written);
            At { value, offset }
        };
        let list = |written: Vec<_>| written.into_iter().map(document).collect();
        let At { value: roots, offset } = at(self.roots);
        TrustDraft {
            roots: At { value: list(roots), offset },
            releases: list(self.releases),
            permits: list(self.permits),
            actions: list(self.actions),
            channel_key: self.channel_key,
        }
    }
}

impl Rules<'_> {
    /// The signed statements, announced where `is_announced`.
    pub(super) fn trust(
        &mut self,
        At { value: draft, offset }: &At<TrustDraft>,
        is_announced: bool,
    ) -> Option<Trust> {
        if !is_announced {
            let message = "`trust` without `announce`: statements travel in the announce session alone; \
                           write announce = \"239.255.2.3\"";
            self.error(*offset, message);
        }
        if draft.roots.value.is_empty() {
            let message = "`roots` is empty: boxes check releases by the root document they were made \
                           with and all that follow it";
            self.error(draft.roots.offset, message);
        }
        for scheduled in draft.roots.value.iter().filter_map(|root| root.value.schedule.as_ref()) {
            let message =
                "roots follow no schedule: boxes check by them whatever they hear, at any time";
            self.error(scheduled.offset, message);
        }
        self.twice(draft);
        let roots = self.documents("roots", &draft.roots.value);
        let releases = self.documents("releases", &draft.releases);
        let permits = self.documents("permits", &draft.permits);
        let actions = self.documents("actions", &draft.actions);
        let channel_key = draft.channel_key.as_ref().map(|file| self.directory.join(file));
        Some(Trust {
            roots: roots?,
            releases: releases?,
            permits: permits?,
            actions: actions?,
            channel_key,
        })
    }

    fn documents(&mut self, what: &str, files: &[At<DocumentDraft>]) -> Option<Vec<Document>> {
        if let Some(more) = files.get(STATEMENTS_MAX) {
            let message =
                format!("{} {what}: at most {STATEMENTS_MAX} go on air together", files.len());
            self.error(more.offset, message);
            return None;
        }
        let documents: Vec<_> = files.iter().map(|file| self.document(file)).collect();
        documents.into_iter().collect()
    }

    fn document(&mut self, At { value: draft, offset }: &At<DocumentDraft>) -> Option<Document> {
        let schedule = self.followed(draft.schedule.as_ref());
        let path = self.directory.join(&draft.file);
        let bytes = read_at_most(&path, STATEMENT_BYTES_MAX as u64);
        let bytes = bytes.map_err(|problem| self.error(*offset, problem)).ok()?;
        if bytes.is_empty() {
            self.error(*offset, format!("{} is empty", path.display()));
            return None;
        }
        Some(Document { path, bytes: bytes.into(), schedule })
    }

    fn twice(&mut self, draft: &TrustDraft) {
        let mut seen = HashMap::new();
        let lists = [&draft.roots.value, &draft.releases, &draft.permits, &draft.actions];
        for file in lists.into_iter().flatten() {
            let At { value: DocumentDraft { file, .. }, offset } = file;
            if seen.insert(file, ()).is_some() {
                self.error(*offset, format!("`{file}` stands twice in `trust`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Reading, parse};

    const CHANNEL: &str = "[[channel]]\ncarousel = \"infocast\"\ngroup = \"239.255.2.11\"\n\
         bit_rate_kbps = 1000\nslice_bytes = 1400\n[[channel.object]]\nname = \"boot\"\n\
         source = \"boot.img\"\n";

    fn read(directory: &Path, trust: &str) -> Reading {
        let text = format!("announce = \"239.255.2.3\"\n[trust]\n{trust}\n{CHANNEL}");
        parse(&text, directory)
    }

    #[track_caller]
    fn error(directory: &Path, trust: &str) -> String {
        let reading = read(directory, trust);
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.concat()
    }

    fn site() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in [("1.root.cose", &b"root"[..]), ("42.release.cose", b"release")] {
            std::fs::write(directory.path().join(name), bytes).unwrap();
        }
        std::fs::write(directory.path().join("long.cose"), [0; 1_401]).unwrap();
        std::fs::write(directory.path().join("empty.cose"), []).unwrap();
        directory
    }

    #[test]
    fn statements_are_read_beside_the_line_up() {
        let site = site();
        let both = "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]";
        let trust = read(site.path(), both).line_up.unwrap().trust.unwrap();
        assert_eq!(trust.roots[0].path, site.path().join("1.root.cose"));
        assert_eq!(&*trust.releases[0].bytes, b"release");
        assert!(trust.permits.is_empty());
        let alone = read(site.path(), "roots = [\"1.root.cose\"]").line_up.unwrap();
        assert!(alone.trust.unwrap().releases.is_empty());
        assert!(parse(&format!("{CHANNEL}\n"), site.path()).line_up.unwrap().trust.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        let site = site();
        let directory = site.path();
        let unknown = error(directory, "root = [\"1.root.cose\"]");
        assert!(
            unknown.contains("line 3, column 1") && unknown.contains("did you mean `roots`?"),
            "{unknown}"
        );
        let missing = error(directory, "roots = [\"1.root.cose\",\n\"2.root.cose\"]");
        assert!(
            missing.contains("line 4, column 1") && missing.contains("2.root.cose"),
            "{missing}"
        );
        let long = error(directory, "roots = [\"long.cose\"]");
        assert!(long.contains("more than the 1400 bytes"), "{long}");
        let empty = error(directory, "roots = [\"empty.cose\"]");
        assert!(empty.contains("is empty"), "{empty}");
        let twice = error(directory, "roots = [\"1.root.cose\"]\nreleases = [\"1.root.cose\"]");
        assert!(twice.contains("stands twice"), "{twice}");
        let none = error(directory, "roots = []");
        assert!(none.contains("`roots` is empty"), "{none}");
        let many = vec!["\"1.root.cose\""; 17].join(", ");
        let many = read(directory, &format!("roots = [{many}]"));
        let many: Vec<_> = many.errors().map(ToString::to_string).collect();
        assert!(many.iter().any(|it| it.contains("17 roots: at most 16")), "{many:?}");
    }

    #[test]
    fn releases_follow_a_schedule_and_roots_do_not() {
        let site = site();
        let read = |roots: &str, release: &str| {
            let trust = format!("roots = [{roots}]\nreleases = [{release}]");
            read(
                site.path(),
                &format!(
                    "{trust}\n[[schedule]]\nname = \"night\"\ntimezone = \"UTC\"\n\
                [[schedule.window]]\nfrom = \"01:00\"\nto = \"05:00\""
                ),
            )
        };
        let scheduled = "{ file = \"42.release.cose\", schedule = \"night\" }";
        let trust = read("\"1.root.cose\"", scheduled).line_up.unwrap().trust.unwrap();
        assert_eq!((trust.releases[0].schedule, trust.roots[0].schedule), (Some(0), None));
        let one =
            |reading: Reading| -> String { reading.errors().map(ToString::to_string).collect() };
        let unknown = one(read("\"1.root.cose\"", &scheduled.replace("night", "nigth")));
        assert!(unknown.contains("line 4, column 52: no schedule `nigth`"), "{unknown}");
        let root = one(read("{ file = \"1.root.cose\", schedule = \"night\" }", scheduled));
        assert!(root.contains("roots follow no schedule"), "{root}");
        let key = one(read("\"1.root.cose\"", "{ file = \"42.release.cose\", when = \"night\" }"));
        assert!(key.contains("unknown key `when`"), "{key}");
    }

    #[test]
    fn statements_need_an_announce_session() {
        let site = site();
        let text = format!("[trust]\nroots = [\"1.root.cose\"]\n{CHANNEL}");
        let reading = parse(&text, site.path());
        let errors: Vec<_> = reading.errors().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("`trust` without `announce`"), "{errors:?}");
    }
}
