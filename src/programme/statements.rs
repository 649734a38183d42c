//! The statements of a programme: what is signed, under numbers of the announce session.

use std::num::NonZeroU16;

use stbcast_flute::fdt::{File, Kind};
use stbcast_flute::{STATEMENT_BYTES_MAX, Statement};
use stbcast_release::{Order, Release};

use super::Payload;
use super::kills::Kills;
use super::load::Loader;
use crate::announced;
use crate::lineup::{Finding, LineUp, ObjectId, Trust};
use crate::spool::Digest;
use crate::trust::{self, Named, Verified};

/// Media type of a signed document (RFC 9052 §11.3).
const MEDIA_TYPE: &str = "application/cose";

/// The statement of a signed document, as object `toi` of the announce session.
///
/// # Errors
/// When it cannot be announced, in words.
pub(crate) fn statement(named: &Named, toi: u32) -> Result<Statement, String> {
    let refused = |error: &dyn std::fmt::Display| format!("{}: {error}", named.location);
    let mut file = File::new(&named.location, toi).map_err(|error| refused(&error))?;
    file.media_type = Some(MEDIA_TYPE.to_owned());
    file.sha256 = Some(named.digest.bytes());
    file.announced.kind = Kind::new(named.kind.word()).ok();
    Statement::new(file, named.bytes.clone()).map_err(|error| refused(&error))
}

/// Releases of line-ups before that are remembered.
const PAST_MAX: usize = 64;

/// The statements of a line-up.
#[derive(Default)]
pub(super) struct Said {
    /// In the order they are sent.
    pub(super) all: Vec<SaidOne>,
    /// What the headend says by itself.
    pub(super) kills: Option<Kills>,
    /// Releases of line-ups before, the last ones first.
    past: Vec<ReleaseNeeds>,
}

/// A statement, and what it needs on air.
pub(super) struct SaidOne {
    /// Digest of the document.
    pub(super) document: Digest,
    /// As it is announced.
    pub(super) statement: Statement,
    /// Unix seconds at which it expires; `None` for a root that a later one follows.
    pub(super) expiry: Option<u64>,
    /// The release, where it is one.
    release: Option<ReleaseNeeds>,
    /// The release for which it has boxes reboot.
    pub(super) leads_to: Option<u64>,
}

/// A release in the line-up.
#[derive(Clone)]
pub(super) struct ReleaseNeeds {
    /// Digest of the document.
    pub(super) document: Digest,
    /// Its number.
    pub(super) number: u64,
    /// What it signs.
    pub(super) digests: Vec<Digest>,
    /// The objects it names.
    pub(super) objects: Vec<ObjectId>,
}

impl ReleaseNeeds {
    fn of(line_up: &LineUp, document: Digest, release: &Release) -> Self {
        let digests = release.objects.iter().map(|it| Digest::from_bytes(it.sha256)).collect();
        let objects = release.objects.iter().filter_map(|it| trust::find(line_up, it)).collect();
        Self { document, number: release.number, digests, objects }
    }
}

fn leads_to(named: &Named) -> Option<u64> {
    match stbcast_release::unverified(&named.bytes) {
        Ok((stbcast_release::Statement::Action(action), _)) => match action.value.order {
            Order::Reboot { release, .. } => Some(release),
            Order::Kill { .. } => None,
        },
        _ => None,
    }
}

impl Said {
    /// The releases among them.
    pub(super) fn releases(&self) -> impl Iterator<Item = &ReleaseNeeds> {
        self.all.iter().filter_map(|one| one.release.as_ref())
    }

    /// These, and those of line-ups before.
    pub(super) fn ever(&self) -> impl Iterator<Item = &ReleaseNeeds> {
        self.releases().chain(&self.past)
    }

    /// Comes after others.
    pub(super) fn follow(&mut self, before: &Self) {
        let is_new = |it: &&ReleaseNeeds| self.releases().all(|own| own.document != it.document);
        self.past = before.ever().filter(is_new).take(PAST_MAX).cloned().collect();
    }
}

impl Loader<'_> {
    /// The statements of a line-up whose sources are spooled, where each object that they name is on air
    /// as they say.
    pub(super) fn statements(&mut self, written: Option<&Trust>) -> Result<Said, Vec<Finding>> {
        let Some(written) = written else { return Ok(Said::default()) };
        let mut findings = Vec::new();
        let verified = trust::verify(written, self.wall.0 / 1_000_000, &mut findings);
        if let Some(verified) = &verified {
            let content = |id| {
                let (_, object) =
                    self.line_up.object(id).ok_or_else(|| Finding::error("no object"))?;
                let payload = self.payload(id, object);
                let digest = payload.digest().filter(|_| matches!(payload, Payload::Mapped(_)));
                let made = || crate::signed::digest(object);
                let digest = digest.map_or_else(made, Ok)?;
                Ok((digest, payload.bytes().len() as u64))
            };
            trust::compare(self.line_up, verified, content, &mut findings);
        }
        findings.retain(Finding::is_error);
        let (Some(verified), true) = (verified, findings.is_empty()) else { return Err(findings) };
        let said = verified.statements.iter().map(|named| self.said(&verified, named));
        let all = said.collect::<Result<_, _>>();
        let all = all.map_err(|message| vec![Finding::error(message)])?;
        let kills = Kills::of(written, &verified, |name, digest| self.number(name, digest));
        Ok(Said { all, kills, past: Vec::new() })
    }

    fn said(&mut self, verified: &Verified, named: &Named) -> Result<SaidOne, String> {
        let release =
            verified.release(named).map(|it| ReleaseNeeds::of(self.line_up, named.digest, it));
        let counts = verified.counts(named).then_some(named.expiry);
        let statement = self.statement(named)?;
        let leads_to = leads_to(named);
        Ok(SaidOne { document: named.digest, statement, expiry: counts, release, leads_to })
    }

    fn statement(&mut self, named: &Named) -> Result<Statement, String> {
        let toi = self.number(named.location.clone(), named.digest);
        statement(named, toi)
    }

    /// The number of a statement in the announce session.
    fn number(&mut self, url: String, digest: Digest) -> u32 {
        let slice_bytes = NonZeroU16::new(STATEMENT_BYTES_MAX as u16).unwrap_or(NonZeroU16::MAX);
        self.numbers.of(announced::Revision { url, digest, slice_bytes, fti: None })
    }
}
