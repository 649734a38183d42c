//! Actions: what is wrong with those in the line-up, and the one that the headend signs by itself when a
//! release is killed.

use stbcast_release::limits::ACTION_LIFE_S_MAX;
use stbcast_release::{
    Action, Kind, Order, Refusal, Release, Serials, SigningKey, Statement, Trust,
};

use super::{Judge, Named};
use crate::dates;
use crate::keys::{self, KeyError};
use crate::lineup::{self, Document};
use crate::spool::Digest;

/// How long a kill holds that the headend signs by itself, in seconds: 7 days, the most that is legal.
/// Boxes that hear it remember it for good.
pub const KILL_LASTS_S: u64 = ACTION_LIFE_S_MAX;

/// Jitter below this has all boxes boot at once: 5 minutes, in seconds.
const HERD_S: u32 = 300;

/// Why a kill cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// The line-up names no channel key.
    #[error("the line-up has no `channel_key` in [trust]: the kill is not announced")]
    NoKey,
    /// The key cannot be read.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// It cannot be signed.
    #[error("the kill cannot be signed: {0}")]
    Refused(#[from] Refusal),
}

/// The private channel key of a line-up.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn channel_key(trust: &lineup::Trust) -> Result<SigningKey, KillError> {
    let path = trust.channel_key.as_deref().ok_or(KillError::NoKey)?;
    Ok(keys::read_private(path)?)
}

/// The kill of a release, for all boxes of `operator`: its number and its identity, which is the SHA-256
/// of its statement. It is valid from `now_unix_s` on for [`KILL_LASTS_S`]. The same arguments give the
/// same bytes; whoever announces it keeps them, because boxes tell statements apart by their bytes. It
/// is announced like what `[trust] actions` lists, see [`Named::of_action`].
///
/// # Errors
/// [`Refusal`] when the operator is no name or the number 0.
pub fn signed_kill(
    key: &SigningKey,
    (number, release): (u64, Digest),
    operator: &str,
    now_unix_s: u64,
) -> Result<Vec<u8>, Refusal> {
    let action = Action {
        number: now_unix_s.max(1),
        operator: operator.to_owned(),
        models: Vec::new(),
        serials: Vec::new(),
        hardware: 0..=u32::MAX,
        not_before: now_unix_s,
        expiry: now_unix_s.saturating_add(KILL_LASTS_S),
        order: Order::Kill { number, release: release.bytes() },
    };
    action.sign(key)
}

/// An action in words.
pub(super) fn says(action: &Action) -> String {
    let all = |words: String, what: &str| if words.is_empty() { what.to_owned() } else { words };
    let models = all(action.models.join(", "), "all models");
    let serials = action.serials.iter().map(|Serials { first, last }| {
        if first == last { first.clone() } else { format!("{first} to {last}") }
    });
    let serials = all(serials.collect::<Vec<_>>().join(", "), "all boxes");
    let what = match &action.order {
        Order::Reboot { release, jitter_s, when } => format!(
            "boxes below release {release} reboot within {jitter_s} s{}",
            if when.word() == "idle" { " of nobody watching" } else { "" }
        ),
        Order::Kill { number, .. } => format!("release {number} is killed"),
    };
    format!("{what}: {models}, {serials}")
}

impl Named {
    /// An action that is announced beside those of the line-up: a kill that the headend signed.
    ///
    /// # Errors
    /// When the bytes are no action.
    pub fn of_action(bytes: &[u8]) -> Result<Self, Refusal> {
        match stbcast_release::unverified(bytes)? {
            (Statement::Action(action), _) => Ok(Self::action(&action.value, &bytes.into())),
            (other, _) => Err(Refusal::Kind { found: other.kind(), wanted: Kind::Action }),
        }
    }
}

impl Judge<'_> {
    /// One that has expired is not said: a line-up must not stay off the air for it.
    pub(super) fn action(
        &mut self,
        trusted: &Trust,
        document: &Document,
    ) -> Option<(Document, Action)> {
        let action = match self.open(trusted, document)? {
            Statement::Action(signed) => signed.value,
            other => return self.other_kind(document, Kind::Action, other.kind()),
        };
        self.operator(&document.path, &action.operator, &trusted.root().operator);
        if action.expiry <= self.now_unix_s {
            let why = format!(
                "the action expired at {}: no box obeys it and it is not announced; take it out",
                dates::text(action.expiry)
            );
            self.warn(&document.path, why);
            return None;
        }
        self.statements.push(Named::action(&action, &document.bytes));
        Some((document.clone(), action))
    }

    /// Actions beside the releases on air.
    pub(super) fn together(
        &mut self,
        actions: &[(Document, Action)],
        releases: &[(Document, Release)],
    ) {
        for (at, (document, action)) in actions.iter().enumerate() {
            let path = &document.path;
            match action.order {
                Order::Reboot { release, jitter_s, .. } => {
                    let is_for = |one: &Release| {
                        let models = action.models.is_empty()
                            || one.models.iter().any(|model| action.models.contains(model));
                        one.number >= release && models
                    };
                    if !releases.iter().any(|(_, one)| is_for(one)) {
                        self.warn(path, format!(
                            "boxes are to reboot for release {release}, and no such release for them is on \
                             air: they reboot for nothing"
                        ));
                    }
                    if jitter_s < HERD_S {
                        self.warn(path, format!(
                            "all boxes reboot within {jitter_s} s, and then ask DHCP and servers at once; a \
                             jitter of {HERD_S} s or more spreads them"
                        ));
                    }
                    let left = action.expiry.saturating_sub(self.now_unix_s.max(action.not_before));
                    if left < u64::from(jitter_s) {
                        self.warn(path, format!(
                            "it expires in {left} s, before the turn of some boxes within {jitter_s} s: \
                             these stay on"
                        ));
                    }
                    let earlier = actions.iter().take(at);
                    let is_reboot = |one: &Action| matches!(one.order, Order::Reboot { .. });
                    let mut same =
                        earlier.filter(|(_, one)| is_reboot(one) && one.number == action.number);
                    if let Some((other, _)) = same.next() {
                        self.warn(path, format!(
                            "it has the number {} of {}: a box that is meant by both obeys one of them",
                            action.number,
                            other.path.display()
                        ));
                    }
                }
                Order::Kill { number, release } => {
                    let is_killed =
                        |(it, _): &&(Document, Release)| Digest::of(&it.bytes).bytes() == release;
                    if let Some((it, _)) = releases.iter().find(is_killed) {
                        self.warn(path, format!(
                            "it kills release {number}, which is on air ({}): no box installs it; take \
                             the release out",
                            it.path.display()
                        ));
                    }
                }
            }
        }
    }

    /// Whether the key can sign what it is there for.
    pub(super) fn channel_key(&mut self, trusted: &Trust, trust: &lineup::Trust) {
        let Some(path) = trust.channel_key.as_deref() else { return };
        let then = "a release that is killed goes off the air, and boxes are not told";
        let role = &trusted.root().channel;
        let public = keys::read_private(path).map_err(|error| error.to_string());
        match public.and_then(|key| key.public().map_err(|error| error.to_string())) {
            Err(why) => self.warn(path, format!("{why}: {then}")),
            Ok(key) if !role.keys.contains(&key) => {
                let number = trusted.root().number;
                let kid = key.kid();
                self.warn(path, format!("key {kid} is no channel key of root {number}: {then}"));
            }
            Ok(_) if role.threshold > 1 => {
                let threshold = role.threshold;
                self.warn(path, format!(
                    "the root wants {threshold} channel keys to sign, and an action has one signature: {then}"
                ));
            }
            Ok(_) => {}
        }
    }
}
