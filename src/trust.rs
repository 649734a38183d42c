//! What the statements of a line-up say, judged as boxes judge them, and held against what is on air:
//! a release that no box could install must not go on air at all.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use stbcast_release::{
    Action, KeyRole, Kind, Object, Permit, Refusal, Release, Role, Root, Statement, Trust,
};

use crate::announced::source_url;
use crate::contents::objects;
use crate::dates;
use crate::lineup::{self, Document, Finding, LineUp, ObjectId};
use crate::signed::{Difference, differences, stated};
use crate::spool::Digest;

/// What expires sooner than this is warned about: 14 days, in seconds.
const EXPIRES_SOON_S: u64 = 14 * 86_400;

/// The command that makes a release fit what is on air.
const MEND: &str = "sign what is on air anew with `stbcast release build`";

/// The statements of a line-up, each signed as it must be.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whose boxes they are for.
    pub operator: String,
    /// Number of the newest root.
    pub root: u64,
    /// In the order they are sent: roots, actions, permits, releases. Actions that have expired are not
    /// among them.
    pub statements: Vec<Named>,
    pub(crate) releases: Vec<Release>,
}

impl Verified {
    /// Unix seconds at which the first statement expires. Of the roots the newest one counts; actions
    /// are to expire, and do not.
    pub fn first_expiry(&self) -> u64 {
        let counts = self.statements.iter().filter(|it| self.counts(it));
        counts.map(|it| it.expiry).min().unwrap_or_default()
    }

    /// The release that a statement is, where it is one.
    pub(crate) fn release(&self, named: &Named) -> Option<&Release> {
        let number =
            |release: &&Release| named.location == format!("{}:{}", Kind::Release, release.number);
        self.releases.iter().find(number)
    }

    /// The releases with the digests of their documents.
    pub(crate) fn identified(&self) -> impl Iterator<Item = (&Release, Digest)> {
        self.statements.iter().filter_map(|named| Some((self.release(named)?, named.digest)))
    }

    /// Whether boxes need a statement to be valid: no later root follows it.
    pub(crate) fn counts(&self, named: &Named) -> bool {
        let newest = self.statements.iter().rev().find(|it| it.kind == Kind::Root);
        match named.kind {
            Kind::Root => newest == Some(named),
            Kind::Release | Kind::Permit => true,
            Kind::Action => false,
        }
    }
}

/// A statement under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub kind: Kind,
    /// What it is called on air: `root:1`, `release:42`, `permit:` or `action:` and the beginning of
    /// its digest.
    pub location: String,
    /// What it says, in words.
    pub says: String,
    /// Unix seconds from which it is not valid any more.
    pub expiry: u64,
    /// Its identity.
    pub digest: Digest,
    /// The whole statement.
    pub bytes: Arc<[u8]>,
}

impl Named {
    fn root(root: &Root, bytes: &Arc<[u8]>) -> Self {
        let keys = Role::ALL.map(|role| {
            let KeyRole { threshold, keys } = root.role(role);
            format!("{threshold} of {} {role}", keys.len())
        });
        let says = format!("keys: {}; epoch {} or more", keys.join(", "), root.epoch);
        Self::new(Kind::Root, &root.number.to_string(), says, (root.expiry, bytes))
    }

    fn release(release: &Release, bytes: &Arc<[u8]>) -> Self {
        let kinds: Vec<_> = release.objects.iter().map(|object| object.kind.word()).collect();
        let (kinds, models) = (kinds.join(", "), release.models.join(", "));
        let (first, last) = (release.hardware.start(), release.hardware.end());
        let says =
            format!("{kinds} for {models}, hardware {first} to {last}, epoch {}", release.epoch);
        Self::new(Kind::Release, &release.number.to_string(), says, (release.expiry, bytes))
    }

    fn permit(permit: &Permit, bytes: &Arc<[u8]>) -> Self {
        let Permit { from, to, serials, .. } = permit;
        let models = permit.models.join(", ");
        let boxes = if serials.is_empty() { "all".to_owned() } else { serials.len().to_string() };
        let says = format!("release {from} may go back to {to}: {models}, {boxes} boxes");
        Self::new(Kind::Permit, &short(bytes), says, (permit.expiry, bytes))
    }

    fn action(action: &Action, bytes: &Arc<[u8]>) -> Self {
        let says = actions::says(action);
        Self::new(Kind::Action, &short(bytes), says, (action.expiry, bytes))
    }

    fn new(kind: Kind, name: &str, says: String, (expiry, bytes): (u64, &Arc<[u8]>)) -> Self {
        let (location, digest, bytes) =
            (format!("{kind}:{name}"), Digest::of(bytes), Arc::clone(bytes));
        Self { kind, location, says, expiry, digest, bytes }
    }
}

/// The beginning of its digest.
fn short(bytes: &[u8]) -> String {
    Digest::of(bytes).hex().chars().take(16).collect()
}

/// Checks signatures, operator, numbers, epochs and expiry as they are at `now_unix_s`; what is wrong is
/// added to `findings`. `None` where no root can be used at all.
pub fn verify(
    trust: &lineup::Trust,
    now_unix_s: u64,
    findings: &mut Vec<Finding>,
) -> Option<Verified> {
    let mut judge = Judge { now_unix_s, findings, statements: Vec::new() };
    let trusted = judge.roots(&trust.roots)?;
    let actions = judge.all(&trusted, &trust.actions, Judge::action);
    let permits = judge.all(&trusted, &trust.permits, Judge::permit);
    let releases = judge.all(&trusted, &trust.releases, Judge::release);
    judge.twice(&releases);
    judge.ways(&permits, &releases);
    judge.together(&actions, &releases);
    judge.channel_key(&trusted, trust);
    let root = trusted.root();
    let (operator, root) = (root.operator.clone(), root.number);
    let statements = judge.statements;
    let releases = releases.into_iter().map(|(_, release)| release).collect();
    Some(Verified { operator, root, statements, releases })
}

/// Looks at one statement after the other.
struct Judge<'a> {
    now_unix_s: u64,
    findings: &'a mut Vec<Finding>,
    statements: Vec<Named>,
}

impl Judge<'_> {
    fn error(&mut self, path: &Path, why: impl std::fmt::Display) {
        self.findings.push(Finding::error(format!("{}: {why}", path.display())));
    }

    fn warn(&mut self, path: &Path, why: impl std::fmt::Display) {
        self.findings.push(Finding::warning(format!("{}: {why}", path.display())));
    }

    /// Follows the chain of roots to the newest, as far as it holds.
    fn roots(&mut self, roots: &[Document]) -> Option<Trust> {
        let (first, later) = roots.split_first()?;
        let refused = |this: &mut Self, error| this.error(&first.path, error);
        let mut trusted = Trust::new(&first.bytes).map_err(|error| refused(self, error)).ok()?;
        self.name_root(&trusted, first);
        for document in later {
            if let Err(error) = trusted.advance(&document.bytes) {
                let held = trusted.root().number;
                let why = match error {
                    Refusal::RootNumber { found, held } => format!(
                        "root {found} stands behind root {held}: each root is signed by the one before \
                         it, so list all of them, the oldest first"
                    ),
                    error => format!("boxes that hold root {held} refuse it: {error}"),
                };
                self.error(&document.path, why);
                return None;
            }
            self.name_root(&trusted, document);
        }
        let newest = roots.last().unwrap_or(first);
        let mend = "boxes take in no release by it; sign the next root";
        self.expiry(&newest.path, "root", trusted.root().expiry, mend);
        Some(trusted)
    }

    fn name_root(&mut self, trusted: &Trust, document: &Document) {
        self.statements.push(Named::root(trusted.root(), &document.bytes));
    }

    fn all<T>(
        &mut self,
        trusted: &Trust,
        documents: &[Document],
        judge: impl Fn(&mut Self, &Trust, &Document) -> Option<T>,
    ) -> Vec<T> {
        documents.iter().filter_map(|document| judge(self, trusted, document)).collect()
    }

    /// What a box that holds the newest root takes a statement for.
    fn open(&mut self, trusted: &Trust, document: &Document) -> Option<Statement> {
        let opened = trusted.open(&document.bytes);
        let number = trusted.root().number;
        let why = |error| format!("boxes that hold root {number} refuse it: {error}");
        opened.map_err(|error| self.error(&document.path, why(error))).ok()
    }

    fn release(&mut self, trusted: &Trust, document: &Document) -> Option<(Document, Release)> {
        let release = match self.open(trusted, document)? {
            Statement::Release(signed) => signed.value,
            other => return self.other_kind(document, Kind::Release, other.kind()),
        };
        let (root, path) = (trusted.root(), &document.path);
        self.operator(path, &release.operator, &root.operator);
        if release.epoch < root.epoch {
            let why = format!(
                "release {} has the security epoch {}, and root {} asks for {} or more: no box installs it",
                release.number, release.epoch, root.number, root.epoch
            );
            self.error(path, why);
        }
        let what = format!("release {}", release.number);
        self.expiry(
            path,
            &what,
            release.expiry,
            "boxes that lack it install it no more; sign a new one",
        );
        self.not_before(path, &what, release.not_before);
        self.statements.push(Named::release(&release, &document.bytes));
        Some((document.clone(), release))
    }

    fn permit(&mut self, trusted: &Trust, document: &Document) -> Option<(Document, Permit)> {
        let permit = match self.open(trusted, document)? {
            Statement::Permit(signed) => signed.value,
            other => return self.other_kind(document, Kind::Permit, other.kind()),
        };
        self.operator(&document.path, &permit.operator, &trusted.root().operator);
        let what = format!("the permit from release {} to {}", permit.from, permit.to);
        self.expiry(&document.path, &what, permit.expiry, "it allows nothing; take it out");
        self.statements.push(Named::permit(&permit, &document.bytes));
        Some((document.clone(), permit))
    }

    fn other_kind<T>(&mut self, document: &Document, wanted: Kind, found: Kind) -> Option<T> {
        self.error(&document.path, format!("it is a {found}, and stands among the {wanted}s"));
        None
    }

    fn operator(&mut self, path: &Path, found: &str, wanted: &str) {
        if found != wanted {
            self.error(path, format!("it is for boxes of `{found}`, and the root for `{wanted}`"));
        }
    }

    fn expiry(&mut self, path: &Path, what: &str, expiry: u64, then: &str) {
        let left = expiry.saturating_sub(self.now_unix_s);
        if left == 0 {
            self.error(path, format!("{what} expired at {}: {then}", dates::text(expiry)));
        } else if left < EXPIRES_SOON_S {
            let days = left / 86_400;
            let why =
                format!("{what} expires at {}, in {days} days: {then} before", dates::text(expiry));
            self.warn(path, why);
        }
    }
}

/// Holds the objects of each release against what is on air. `content` gives digest and length of an
/// object; it is asked once for each.
pub(crate) fn compare(
    line_up: &LineUp,
    verified: &Verified,
    mut content: impl FnMut(ObjectId) -> Result<(Digest, u64), Finding>,
    findings: &mut Vec<Finding>,
) {
    let mut contents = HashMap::new();
    for release in &verified.releases {
        let number = release.number;
        for signed in &release.objects {
            let Some(id) = find(line_up, signed) else {
                findings.push(Finding::error(format!(
                    "release {number} names the {} {}, which is not in this line-up; put it there, or \
                     {MEND}",
                    signed.kind, signed.url
                )));
                continue;
            };
            let content = contents.entry(id).or_insert_with(|| content(id)).clone();
            match content.and_then(|content| stated(line_up, id, signed.kind, content)) {
                Ok(on_air) => {
                    let told = differences(signed, &on_air);
                    findings.extend(told.into_iter().map(|it| different(number, signed, it)));
                }
                Err(finding) => {
                    let message = format!("release {number}: {}", finding.message);
                    findings.push(Finding::error(message));
                }
            }
        }
    }
}

fn different(number: u64, signed: &Object, difference: Difference) -> Finding {
    let Difference { field, signed: told, on_air, is_followed } = difference;
    let what = format!("release {number}, {} `{}`: {field}", signed.kind, signed.name);
    if is_followed {
        let message =
            format!("{what} is signed as {told}, on air is {on_air}: boxes follow the latter");
        return Finding::warning(message);
    }
    Finding::error(format!("{what} is signed as {told}, on air is {on_air}; {MEND}"))
}

/// The objects that a release means, those that are in the line-up.
pub(crate) fn named(line_up: &LineUp, release: &Release) -> impl Iterator<Item = ObjectId> {
    release.objects.iter().filter_map(|signed| find(line_up, signed))
}

/// The object that a release means: under its URL, else the one of that name, which moved.
pub(crate) fn find(line_up: &LineUp, signed: &Object) -> Option<ObjectId> {
    let by = |wanted: &dyn Fn(&lineup::Channel, &lineup::Object) -> bool| {
        objects(line_up).find(|(channel, object, _)| wanted(channel, object)).map(|(.., id)| id)
    };
    by(&|channel, object| source_url(channel, object) == signed.url)
        .or_else(|| by(&|_, object| object.name.to_string() == signed.name))
}

mod actions;
mod together;

pub use actions::{KILL_LASTS_S, KillError, channel_key, signed_kill};

#[cfg(test)]
mod tests;
