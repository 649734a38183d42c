//! Whether a box follows a release: what it is, what it remembers, and what time it may be.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Check, Kind, Permit, Refusal, Release, Signed, Trust, on};

/// What a box is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its model, as releases name it.
    pub model: String,
    /// Its hardware revision.
    pub hardware: u32,
    /// Its serial, as permits name it.
    pub serial: String,
}

/// What a box remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Identity of the release that is installed and whole.
    pub installed: Option<[u8; 32]>,
    /// Release number last committed.
    pub number: Option<u64>,
    /// Security epoch last committed.
    pub epoch: u32,
    /// Unix seconds that have certainly passed ([`Release::time_floor`]).
    pub time_floor: u64,
    /// Identities of releases that failed their trials.
    pub denied: Vec<[u8; 32]>,
    /// The number up to which releases count as denied, apart from the one committed: so many failed
    /// that not each is remembered.
    pub denied_up_to: Option<u64>,
}

impl Standing {
    /// Whether a release failed its trials, or counts as one that did.
    fn denies(&self, release: &Signed<Release>) -> bool {
        let number = release.value.number;
        let is_low = self.denied_up_to.is_some_and(|up_to| number <= up_to);
        self.denied.contains(&release.id) || is_low && self.number != Some(number)
    }
}

/// What time it may be, in Unix seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What the box's own clock says, where it has one.
    pub own: Option<u64>,
    /// What an unsigned EXT_TIME said. It never makes anything expire.
    pub heard: Option<u64>,
}

impl Clock {
    /// The least that it is: the floor, or the own clock where that is later.
    pub fn earliest(&self, time_floor: u64) -> u64 {
        self.own.unwrap_or_default().max(time_floor)
    }

    /// The most that it may be: what was heard counts, too.
    pub fn latest(&self, time_floor: u64) -> u64 {
        self.earliest(time_floor).max(self.heard.unwrap_or_default())
    }
}

/// What a box does about a release that is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It installs it.
    Install {
        /// The number committed, where a permit leads from there to an older release.
        permitted_from: Option<u64>,
    },
    /// It has it.
    Held,
}

impl Release {
    /// The time floor once this release is committed: signed words alone raise it, because a clock
    /// that anybody can set would lock the box out for good.
    pub fn time_floor(&self, time_floor: u64) -> u64 {
        time_floor.max(self.not_before)
    }
}

impl Trust {
    /// Judges a release that [`Trust::open`] gave, with the permits that it gave. What is installed
    /// is held whatever the time is: expiry alone never stops a boot.
    ///
    /// # Errors
    /// When the release is not for this box, not valid now, or older than what it committed.
    pub fn judge(
        &self,
        release: &Signed<Release>,
        identity: &Identity,
        standing: &Standing,
        clock: &Clock,
        permits: &[Signed<Permit>],
    ) -> Result<Verdict, Refusal> {
        self.check_place(&release.value, identity)?;
        if standing.installed == Some(release.id) {
            return Ok(Verdict::Held);
        }
        self.check_time(&release.value, standing, clock)?;
        self.check_epoch(&release.value, standing)?;
        let number = release.value.number;
        if standing.denies(release) && on(Check::Denied) {
            return Err(Refusal::Denied { number });
        }
        let Some(committed) = standing.number else {
            return Ok(Verdict::Install { permitted_from: None });
        };
        // Where nothing whole is left, the release last committed is got anew.
        let again = number == committed && standing.installed.is_none();
        if number > committed || again || !on(Check::Number) {
            return Ok(Verdict::Install { permitted_from: None });
        }
        let leads = |permit: &&Signed<Permit>| {
            let to = permit.value.to == number && permit.value.release == release.id;
            (to || !on(Check::PermitRelease))
                && self.leads_from(&permit.value, identity, standing, clock)
        };
        match permits.iter().find(leads) {
            Some(_) => Ok(Verdict::Install { permitted_from: Some(committed) }),
            None => Err(Refusal::Rollback { found: number, committed }),
        }
    }

    fn check_place(&self, release: &Release, identity: &Identity) -> Result<(), Refusal> {
        let kind = Kind::Release;
        let wanted = &self.root().operator;
        if release.operator != *wanted && on(Check::Operator) {
            let (found, wanted) = (release.operator.clone(), wanted.clone());
            return Err(Refusal::Operator { kind, found, wanted });
        }
        if !release.models.contains(&identity.model) && on(Check::Model) {
            let (found, wanted) = (release.models.clone(), identity.model.clone());
            return Err(Refusal::Model { kind, found, wanted });
        }
        if !release.hardware.contains(&identity.hardware) && on(Check::Hardware) {
            let (first, last) = (*release.hardware.start(), *release.hardware.end());
            let hardware = identity.hardware;
            return Err(Refusal::Hardware { kind, first, last, hardware });
        }
        Ok(())
    }

    fn check_time(
        &self,
        release: &Release,
        standing: &Standing,
        clock: &Clock,
    ) -> Result<(), Refusal> {
        let now = clock.earliest(standing.time_floor);
        let expiry = self.root().expiry;
        if now >= expiry && on(Check::RootExpiry) {
            return Err(Refusal::Expired { kind: Kind::Root, expiry, now });
        }
        let expiry = release.expiry;
        if now >= expiry && on(Check::Expiry) {
            return Err(Refusal::Expired { kind: Kind::Release, expiry, now });
        }
        let (not_before, now) = (release.not_before, clock.latest(standing.time_floor));
        if now < not_before && on(Check::NotBefore) {
            let kind = Kind::Release;
            return Err(Refusal::NotYetValid { kind, not_before, now });
        }
        Ok(())
    }

    fn check_epoch(&self, release: &Release, standing: &Standing) -> Result<(), Refusal> {
        let found = release.epoch;
        for (least, check) in
            [(self.root().epoch, Check::LeastEpoch), (standing.epoch, Check::Epoch)]
        {
            if found < least && on(check) {
                return Err(Refusal::Epoch { found, least });
            }
        }
        Ok(())
    }

    /// Whether a permit that [`Trust::open`] gave leads this box away from what it committed, to
    /// whichever release it names. What it does not fit now it does not fit later either, as long as
    /// the box commits nothing.
    pub fn leads_from(
        &self,
        permit: &Permit,
        identity: &Identity,
        standing: &Standing,
        clock: &Clock,
    ) -> bool {
        let named = permit.serials.is_empty() || permit.serials.contains(&identity.serial);
        let now = clock.earliest(standing.time_floor);
        let holds = |right: bool, check: Check| right || !on(check);
        holds(permit.operator == self.root().operator, Check::PermitOperator)
            && holds(permit.models.contains(&identity.model), Check::PermitModel)
            && holds(named, Check::PermitSerial)
            && holds(standing.number == Some(permit.from), Check::PermitFrom)
            && holds(now < permit.expiry, Check::PermitExpiry)
    }
}
