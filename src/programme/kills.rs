//! The kills that the headend signs by itself: boxes that are fetching a killed release, or try it, hear
//! that it is dead.

use stbcast_flute::Statement;
use stbcast_release::SigningKey;

use super::statements::statement;
use crate::killed::Killed;
use crate::lineup::Trust;
use crate::spool::Digest;
use crate::trust::{self, KillError, Named, Verified};

/// Kills are signed anew each day, in seconds. They hold for a week, and headends that share a key sign
/// the same bytes.
const DAY_S: u64 = 86_400;

/// What kills are signed with.
pub(super) struct Kills {
    key: SigningKey,
    operator: String,
    releases: Vec<Killable>,
}

/// A release that could be killed.
struct Killable {
    number: u64,
    identity: Digest,
    /// The kill's number in the announce session.
    toi: u32,
}

impl Kills {
    /// Of the releases of a line-up with a channel key. `number` gives each kill a number in the announce
    /// session, by its name and the identity of the release.
    pub(super) fn of(
        trust: &Trust,
        verified: &Verified,
        mut number: impl FnMut(String, Digest) -> u32,
    ) -> Option<Self> {
        let key = match trust::channel_key(trust) {
            Ok(key) => key,
            Err(KillError::NoKey) => return None,
            Err(error) => {
                tracing::warn!("a release that is killed leaves the air without a word: {error}");
                return None;
            }
        };
        let identified = verified.identified().map(|(release, identity)| {
            let toi = number(format!("kill:{}", release.number), identity);
            Killable { number: release.number, identity, toi }
        });
        let releases = identified.collect();
        Some(Self { key, operator: verified.operator.clone(), releases })
    }

    /// The kills of those releases that are killed.
    pub(super) fn statements(&self, killed: &Killed, now_unix_s: u64) -> Vec<Statement> {
        let dead = self.releases.iter().filter(|release| killed.is_release(release.number));
        dead.filter_map(|release| match self.statement(release, now_unix_s) {
            Ok(statement) => Some(statement),
            Err(error) => {
                tracing::error!("the kill of release {} is not said: {error}", release.number);
                None
            }
        })
        .collect()
    }

    fn statement(&self, release: &Killable, now_unix_s: u64) -> Result<Statement, String> {
        let since = now_unix_s - now_unix_s % DAY_S;
        let Killable { number, identity, toi } = *release;
        let signed = trust::signed_kill(&self.key, (number, identity), &self.operator, since);
        let named = signed.and_then(|bytes| Named::of_action(&bytes));
        statement(&named.map_err(|error| error.to_string())?, toi)
    }
}
