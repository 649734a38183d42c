//! What the operator signed, in figures.

use stbcast_flute::Statement;

use crate::clock;
use crate::contents::Contents;
use crate::dates;
use crate::lineup::{Finding, LineUp};
use crate::programme::statement;
use crate::signed::digest;
use crate::trust::{self, Named, Verified};

/// The statements of a line-up.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TrustPlan {
    /// Whose boxes they are for.
    pub operator: String,
    /// Number of the newest root.
    pub root: u64,
    /// In the order they are sent.
    pub statements: Vec<StatementPlan>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StatementPlan {
    /// What it is called on air: `release:42`.
    pub name: String,
    /// What it says, in words.
    pub says: String,
    /// Its bytes.
    pub bytes: usize,
    /// SHA-256 of them, its identity.
    pub sha256: String,
    /// Until when it holds, for people.
    pub expires: String,
    /// The same in Unix seconds.
    pub expires_unix_s: u64,
}

impl From<Verified> for TrustPlan {
    fn from(verified: Verified) -> Self {
        let Verified { operator, root, statements, .. } = verified;
        Self {
            operator,
            root,
            statements: statements.into_iter().map(StatementPlan::from).collect(),
        }
    }
}

impl From<Named> for StatementPlan {
    fn from(named: Named) -> Self {
        Self {
            bytes: named.bytes.len(),
            sha256: named.digest.hex(),
            expires: dates::text(named.expiry),
            expires_unix_s: named.expiry,
            name: named.location,
            says: named.says,
        }
    }
}

/// The statements that are signed as they must be.
pub(super) fn verified(line_up: &LineUp, findings: &mut Vec<Finding>) -> Option<Verified> {
    trust::verify(line_up.trust.as_ref()?, clock::wall().0 / 1_000_000, findings)
}

/// Reads what releases name, and compares.
pub(super) fn compare(
    line_up: &LineUp,
    contents: &Contents,
    verified: &Verified,
    findings: &mut Vec<Finding>,
) {
    let content = |id| {
        let (_, object) = line_up.object(id).ok_or_else(|| Finding::error("no such object"))?;
        Ok((digest(object)?, contents.length(id)))
    };
    trust::compare(line_up, verified, content, findings);
}

/// As they are announced, under numbers that nobody else has.
pub(super) fn statements(verified: &Verified) -> Vec<Statement> {
    (1..).zip(&verified.statements).filter_map(|(toi, named)| statement(named, toi).ok()).collect()
}
