//! The statements that a box has heard and believes, and which release it is to follow.

use alloc::boxed::Box;
use alloc::vec::Vec;

use stbcast_object::Micros;
use stbcast_release::{
    Action, Check, Kind, Order, Permit, Refusal, Release, Sealed, Signed, Statement, Trust,
    Verdict, on,
};

use super::gate::Gate;
use super::options::TrustedOptions;
use super::report::Refusals;
use crate::limits::STATEMENTS_MAX;
use crate::{Event, Killed, Remembered};

/// A statement that is believed, with its bytes: the next root may not believe it any more.
#[derive(Clone, Debug)]
struct Believed<T> {
    bytes: Box<[u8]>,
    signed: Signed<T>,
}

/// What a box is to do.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) release: Signed<Release>,
    pub(super) verdict: Verdict,
}

/// All that was heard.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    pub(super) trust: Trust,
    pub(super) refusals: Refusals,
    gate: Gate,
    releases: Vec<Believed<Release>>,
    permits: Vec<Believed<Permit>>,
    /// Kills, and for a box that is on the orders to reboot.
    actions: Vec<Believed<Action>>,
    /// Whether orders to reboot are for this session.
    pub(super) obeys: bool,
    /// Releases that were heard and are killed, until that is remembered.
    killed: Vec<Killed>,
    /// What an FDT said of the time.
    heard: Option<u64>,
    /// The release that is fetched, if any.
    pub(super) followed: Option<[u8; 32]>,
    /// Releases that could not be had.
    failed: Vec<[u8; 32]>,
}

/// What a statement brought.
pub(super) struct News {
    pub(super) event: Option<Event>,
    pub(super) remembered: Option<Box<Remembered>>,
    /// Whether it may be another release that is to be followed.
    pub(super) is_relevant: bool,
}

impl News {
    const NONE: Self = Self { event: None, remembered: None, is_relevant: false };
}

impl Hearing {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            refusals: Refusals::default(),
            gate: Gate::new(),
            releases: Vec::new(),
            permits: Vec::new(),
            actions: Vec::new(),
            obeys: false,
            killed: Vec::new(),
            heard: None,
            followed: None,
            failed: Vec::new(),
        }
    }

    /// Takes a statement that nobody has verified.
    pub(super) fn take(
        &mut self,
        now: Micros,
        statement: (&[u8], Option<u64>),
        options: &TrustedOptions,
    ) -> News {
        let mut news = self.take_one(now, statement, options);
        self.drop_killed(now, options);
        let killed = core::mem::take(&mut self.killed);
        if let Some(first) = killed.first() {
            news.event = Some(Event::Killed { number: first.number });
            let time_floor = options.standing.time_floor;
            let remembered = news.remembered.take().unwrap_or_default();
            news.remembered = Some(Box::new(Remembered { killed, time_floor, ..*remembered }));
            news.is_relevant = true;
        }
        news
    }

    /// Takes releases that were killed off the list.
    fn drop_killed(&mut self, now: Micros, options: &TrustedOptions) {
        if self.actions.is_empty() {
            return;
        }
        for one in core::mem::take(&mut self.releases) {
            if !self.is_killed(now, &one.signed, options) {
                self.releases.push(one);
                continue;
            }
            self.gate.settle(&one.bytes);
            let (release, number) = (one.signed.id, one.signed.value.number);
            self.refusals.note(&Refusal::Killed { number });
            self.killed.push(Killed { release, number });
        }
    }

    fn is_killed(&self, now: Micros, release: &Signed<Release>, options: &TrustedOptions) -> bool {
        let which = (release.value.number, release.id);
        self.killed(now, options).contains(&which) && on(Check::Killed)
    }

    /// The releases that are killed at `now`: number and identity.
    pub(super) fn killed(&self, now: Micros, options: &TrustedOptions) -> Vec<(u64, [u8; 32])> {
        let clock = options.clock_at(now, self.heard);
        let time_floor = options.standing.time_floor;
        let is_time = |action: &Action| self.trust.is_time(action, &clock, time_floor).is_ok();
        let kills = self.actions.iter().filter(|one| is_time(&one.signed.value));
        kills.filter_map(|one| one.signed.killed()).collect()
    }

    /// The orders to reboot that are believed, whatever the time is.
    pub(super) fn reboots(&self) -> impl Iterator<Item = &Signed<Action>> {
        let all = self.actions.iter().map(|one| &one.signed);
        all.filter(|one| matches!(one.value.order, Order::Reboot { .. }))
    }

    /// The identity of the action or release that these bytes are, where it is believed.
    pub(super) fn id_of(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        let action = self.actions.iter().find(|one| *one.bytes == *bytes);
        let release = || self.releases.iter().find(|one| *one.bytes == *bytes);
        action.map(|one| one.signed.id).or_else(|| release().map(|one| one.signed.id))
    }

    /// What time it may be.
    pub(super) fn clock(&self, now: Micros, options: &TrustedOptions) -> stbcast_release::Clock {
        options.clock_at(now, self.heard)
    }

    fn take_one(
        &mut self,
        now: Micros,
        (bytes, heard): (&[u8], Option<u64>),
        options: &TrustedOptions,
    ) -> News {
        let is_later = heard > self.heard;
        self.heard = self.heard.max(heard);
        if self.is_believed(bytes) {
            // A release may have become valid meanwhile.
            return News { is_relevant: is_later, ..News::NONE };
        }
        let Some(look) = self.gate.admits(now, bytes) else { return News::NONE };
        let sealed = match Sealed::read(bytes) {
            Ok(sealed) => sealed,
            Err(refusal) => return self.refuse(bytes, refusal),
        };
        if !self.gate.pays(&look, self.trust.verifications(&sealed)) {
            return News::NONE;
        }
        if sealed.kind() == Kind::Root {
            return self.advance(bytes, options);
        }
        match self.trust.unseal(&sealed) {
            Ok(Statement::Release(release)) => self.take_release(now, bytes, *release, options),
            Ok(Statement::Permit(permit)) => self.take_permit(now, bytes, *permit, options),
            Ok(Statement::Action(action)) => self.take_action(now, bytes, *action, options),
            Ok(Statement::Root(_)) => News::NONE,
            Err(refusal) => self.refuse(bytes, refusal),
        }
    }

    /// An object is fetched from here on, which takes memory.
    pub(super) fn shrink(&mut self) {
        self.gate.shrink();
    }

    fn is_believed(&self, bytes: &[u8]) -> bool {
        self.trust.document() == bytes
            || self.releases.iter().any(|one| *one.bytes == *bytes)
            || self.permits.iter().any(|one| *one.bytes == *bytes)
            || self.actions.iter().any(|one| *one.bytes == *bytes)
    }

    fn refuse(&mut self, bytes: &[u8], refusal: Refusal) -> News {
        self.gate.settle(bytes);
        let is_first = self.refusals.note(&refusal);
        let event = is_first.then(|| Event::Refused(Box::new(refusal)));
        News { event, ..News::NONE }
    }

    /// The next root: from here on its keys count, for what was heard before, too.
    fn advance(&mut self, bytes: &[u8], options: &TrustedOptions) -> News {
        if let Err(refusal) = self.trust.advance(bytes) {
            return self.refuse(bytes, refusal);
        }
        self.gate.forget();
        let (trust, mut verified) = (&self.trust, 0);
        let mut holds = |bytes: &[u8]| {
            let Ok(sealed) = Sealed::read(bytes) else { return false };
            verified += trust.verifications(&sealed);
            trust.unseal(&sealed).is_ok()
        };
        self.releases.retain(|one| holds(&one.bytes));
        self.permits.retain(|one| holds(&one.bytes));
        self.actions.retain(|one| holds(&one.bytes));
        self.gate.owes(verified);
        let number = self.trust.root().number;
        News {
            event: Some(Event::Statement { kind: Kind::Root, number }),
            remembered: Some(Box::new(Remembered {
                root: Some(bytes.into()),
                time_floor: options.standing.time_floor,
                killed: Vec::new(),
            })),
            is_relevant: true,
        }
    }

    fn take_release(
        &mut self,
        now: Micros,
        bytes: &[u8],
        release: Signed<Release>,
        options: &TrustedOptions,
    ) -> News {
        match self.judge(now, &release, options) {
            // A permit, or time, may let it in.
            // One that was killed is dropped at once, and remembered.
            Ok(_)
            | Err(
                Refusal::Rollback { .. } | Refusal::NotYetValid { .. } | Refusal::Killed { .. },
            ) => {}
            Err(refusal) => return self.refuse(bytes, refusal),
        }
        let number = release.value.number;
        let mut releases = core::mem::take(&mut self.releases);
        releases.push(Believed { bytes: bytes.into(), signed: release });
        // Those of later, or of another way back, must not keep out the one of now.
        let has_room = make_room(&mut releases, |Believed { signed, .. }| {
            let is_followed = self.followed == Some(signed.id);
            let is_usable =
                !self.failed.contains(&signed.id) && self.judge(now, signed, options).is_ok();
            (is_followed, is_usable, signed.value.number, signed.id)
        });
        self.releases = releases;
        if !has_room {
            return News::NONE;
        }
        let event = Some(Event::Statement { kind: Kind::Release, number });
        News { event, remembered: None, is_relevant: true }
    }

    /// Keeps a permit where it leads this box somewhere. Those of other boxes are on air beside it
    /// and must not cost it its place.
    fn take_permit(
        &mut self,
        now: Micros,
        bytes: &[u8],
        permit: Signed<Permit>,
        options: &TrustedOptions,
    ) -> News {
        let TrustedOptions { identity, standing, .. } = options;
        let clock = options.clock_at(now, self.heard);
        if !self.trust.leads_from(&permit.value, identity, standing, &clock) {
            self.gate.settle(bytes);
            return News::NONE;
        }
        let number = permit.value.to;
        self.permits.push(Believed { bytes: bytes.into(), signed: permit });
        let releases = &self.releases;
        let has_room = make_room(&mut self.permits, |Believed { signed, .. }| {
            let Permit { release, to, expiry, .. } = signed.value;
            (releases.iter().any(|one| one.signed.id == release), to, expiry)
        });
        if !has_room {
            return News::NONE;
        }
        let event = Some(Event::Statement { kind: Kind::Permit, number });
        News { event, remembered: None, is_relevant: true }
    }

    /// Keeps an action that is for this box. Those for other boxes are on air beside it and must not
    /// cost it its place.
    fn take_action(
        &mut self,
        now: Micros,
        bytes: &[u8],
        action: Signed<Action>,
        options: &TrustedOptions,
    ) -> News {
        let is_order = matches!(action.value.order, Order::Reboot { .. });
        match self.trust.concerns(&action.value, &options.identity) {
            Ok(()) if self.obeys || !is_order => {}
            Err(refusal @ Refusal::Operator { .. }) => return self.refuse(bytes, refusal),
            Ok(()) | Err(_) => {
                self.gate.settle(bytes);
                return News::NONE;
            }
        }
        let clock = options.clock_at(now, self.heard);
        match self.trust.is_time(&action.value, &clock, options.standing.time_floor) {
            Ok(()) | Err(Refusal::NotYetValid { .. }) => {}
            Err(refusal) => return self.refuse(bytes, refusal),
        }
        let number = action.value.number;
        self.actions.push(Believed { bytes: bytes.into(), signed: action });
        let releases = &self.releases;
        let has_room = make_room(&mut self.actions, |Believed { signed, .. }| {
            let is_of_one = signed
                .killed()
                .is_some_and(|(_, killed)| releases.iter().any(|one| one.signed.id == killed));
            (is_of_one, signed.value.number, signed.id)
        });
        if !has_room {
            return News::NONE;
        }
        let event = Some(Event::Statement { kind: Kind::Action, number });
        News { event, remembered: None, is_relevant: true }
    }

    /// Whether a release is to be followed at `now`.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn judge(
        &self,
        now: Micros,
        release: &Signed<Release>,
        options: &TrustedOptions,
    ) -> Result<Verdict, Refusal> {
        if self.is_killed(now, release, options) {
            return Err(Refusal::Killed { number: release.value.number });
        }
        let permits: Vec<_> = self.permits.iter().map(|one| one.signed.clone()).collect();
        let clock = options.clock_at(now, self.heard);
        self.trust.judge(release, &options.identity, &options.standing, &clock, &permits)
    }

    /// Of all releases that may be followed and could be had so far, the one with the highest number.
    pub(super) fn choose(&self, now: Micros, options: &TrustedOptions) -> Option<Choice> {
        let usable = self.releases.iter().filter(|one| !self.failed.contains(&one.signed.id));
        let usable = usable.filter_map(|one| {
            let verdict = self.judge(now, &one.signed, options).ok()?;
            Some((&one.signed, verdict))
        });
        // Of two with one number the one that is installed is kept, or else always the same is taken.
        let best = usable.max_by_key(|(release, verdict)| {
            (release.value.number, *verdict == Verdict::Held, release.id)
        });
        best.map(|(release, verdict)| Choice { release: release.clone(), verdict })
    }

    /// A release cannot be had.
    pub(super) fn failed(&mut self, id: [u8; 32]) {
        self.failed.push(id);
    }

    /// Whether a release is still believed.
    pub(super) fn believes(&self, id: &[u8; 32]) -> bool {
        self.releases.iter().any(|one| one.signed.id == *id)
    }

    /// Takes note of what keeps the releases that were heard from being followed.
    pub(super) fn note_refusals(&mut self, now: Micros, options: &TrustedOptions) {
        for at in 0..self.releases.len() {
            let Some(one) = self.releases.get(at) else { continue };
            if let Err(refusal) = self.judge(now, &one.signed, options) {
                self.refusals.note(&refusal);
            }
        }
    }
}

/// Where there are too many, the one that is worth least goes, to be looked at anew when it is heard
/// again; whether the last one stays.
fn make_room<T, W: Ord>(all: &mut Vec<Believed<T>>, worth: impl Fn(&Believed<T>) -> W) -> bool {
    if all.len() <= STATEMENTS_MAX {
        return true;
    }
    let least = all.iter().enumerate().min_by_key(|(_, one)| worth(one));
    let least = least.map(|(place, _)| place).unwrap_or_default();
    all.swap_remove(least);
    least != all.len()
}
