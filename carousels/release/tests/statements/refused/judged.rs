//! What is signed, and not for this box, or not now.

use crate::sample::*;
use stbcast_release::*;

/// What the box of the samples does about a release, with one thing changed.
struct Judged {
    release: Release,
    identity: Identity,
    standing: Standing,
    clock: Clock,
    permits: Vec<Permit>,
}

impl Default for Judged {
    fn default() -> Self {
        let (release, identity) = (release(), identity());
        Self { release, identity, standing: standing(), clock: clock(), permits: Vec::new() }
    }
}

impl Judged {
    fn verdict(&self) -> Result<Verdict, Refusal> {
        let trust = trust();
        let release = open_release(&trust, &self.release.sign(&key(11)).unwrap());
        let permits: Vec<_> = self
            .permits
            .iter()
            .map(|permit| open_permit(&trust, &permit.sign(&[&key(11), &key(21)]).unwrap()))
            .collect();
        trust.judge(&release, &self.identity, &self.standing, &self.clock, &permits)
    }

    fn refusal(&self) -> Refusal {
        match self.verdict() {
            Ok(verdict) => panic!("followed: {verdict:?}"),
            Err(refusal) => refusal,
        }
    }

    /// A box that runs release 50, with permits.
    fn down(permits: impl IntoIterator<Item = Permit>) -> Self {
        let standing = Standing { number: Some(50), ..standing() };
        Self { standing, permits: permits.into_iter().collect(), ..Self::default() }
    }
}

const ROLLBACK: Refusal = Refusal::Rollback { found: 42, committed: 50 };

cases! {
    fn a_release_of_another_operator_is_refused() {
        let release = Release { operator: "another-tv".into(), ..release() };
        let refusal = Judged { release, ..Judged::default() }.refusal();
        assert!(matches!(refusal, Refusal::Operator { kind: Kind::Release, .. }));
    }

    fn a_release_for_other_models_is_refused() {
        let identity = Identity { model: "VIP1963".into(), ..identity() };
        let refusal = Judged { identity, ..Judged::default() }.refusal();
        assert!(matches!(refusal, Refusal::Model { kind: Kind::Release, .. }));
    }

    fn a_release_for_other_hardware_is_refused() {
        for hardware in [0, 8, u32::MAX] {
            let identity = Identity { hardware, ..identity() };
            let refusal = Judged { identity, ..Judged::default() }.refusal();
            assert_eq!(refusal, Refusal::Hardware { kind: Kind::Release, first: 1, last: 7, hardware });
        }
        for hardware in [1, 7] {
            let identity = Identity { hardware, ..identity() };
            assert!(Judged { identity, ..Judged::default() }.verdict().is_ok());
        }
    }

    fn nothing_new_comes_in_by_an_expired_root() {
        let expiry = root().expiry;
        let release = Release { expiry: expiry + DAY, ..release() };
        let clock = Clock { own: Some(expiry), heard: None };
        let refusal = Judged { release, clock, ..Judged::default() }.refusal();
        assert_eq!(refusal, Refusal::Expired { kind: Kind::Root, expiry, now: expiry });
    }

    fn an_expired_release_is_refused() {
        let expiry = release().expiry;
        let expired = |now| Refusal::Expired { kind: Kind::Release, expiry, now };
        let at = |own, time_floor| Judged {
            clock: Clock { own, heard: Some(NOW) },
            standing: Standing { time_floor, ..standing() },
            ..Judged::default()
        };
        assert_eq!(at(Some(expiry), 0).refusal(), expired(expiry));
        // A clock at epoch 0, and none: what the box remembers counts.
        for own in [Some(0), None] {
            assert_eq!(at(own, expiry + DAY).refusal(), expired(expiry + DAY));
            assert!(at(own, expiry - 1).verdict().is_ok());
        }
        assert!(at(Some(expiry - 1), 0).verdict().is_ok());
        // Nobody on the network can make it expire.
        let clock = Clock { own: Some(NOW), heard: Some(u64::MAX) };
        assert!(Judged { clock, ..Judged::default() }.verdict().is_ok());
    }

    fn a_release_before_its_time_is_refused() {
        let not_before = NOW + DAY;
        let judged = |own, heard| Judged {
            release: Release { not_before, ..release() },
            clock: Clock { own, heard },
            ..Judged::default()
        };
        let early = |now| Refusal::NotYetValid { kind: Kind::Release, not_before, now };
        assert_eq!(judged(Some(NOW), None).refusal(), early(NOW));
        assert_eq!(judged(Some(NOW), Some(not_before - 1)).refusal(), early(not_before - 1));
        // A clock at epoch 0 does not lock the box out while it hears the time.
        let floor = standing().time_floor;
        assert_eq!(judged(Some(0), None).refusal(), early(floor));
        assert!(judged(Some(0), Some(not_before)).verdict().is_ok());
        assert!(judged(None, Some(not_before)).verdict().is_ok());
    }

    fn a_release_below_the_least_epoch_is_refused() {
        let release = Release { epoch: 1, ..release() };
        let standing = Standing { epoch: 0, ..standing() };
        let refusal = Judged { release, standing, ..Judged::default() }.refusal();
        assert_eq!(refusal, Refusal::Epoch { found: 1, least: 2 });
    }

    fn a_release_below_the_committed_epoch_is_refused() {
        let release = Release { epoch: 2, ..release() };
        let refusal = Judged { release, ..Judged::default() }.refusal();
        assert_eq!(refusal, Refusal::Epoch { found: 2, least: 3 });
    }

    fn a_permit_never_waives_the_epoch() {
        let standing = Standing { number: Some(50), epoch: 4, ..standing() };
        let judged = Judged { standing, permits: vec![permit()], ..Judged::default() };
        assert_eq!(judged.refusal(), Refusal::Epoch { found: 3, least: 4 });
    }

    fn a_release_that_failed_its_trials_is_refused() {
        let denied = vec![[1; 32], digest(&release_bytes())];
        let standing = Standing { denied, ..standing() };
        let refusal = Judged { standing, ..Judged::default() }.refusal();
        assert_eq!(refusal, Refusal::Denied { number: 42 });
        // Where more failed than are remembered, their number counts.
        let up_to = |up_to| Standing { denied_up_to: Some(up_to), ..self::standing() };
        let refusal = Judged { standing: up_to(42), ..Judged::default() }.refusal();
        assert_eq!(refusal, Refusal::Denied { number: 42 });
        assert!(Judged { standing: up_to(41), ..Judged::default() }.verdict().is_ok());
        let standing = Standing { installed: None, number: Some(42), ..up_to(45) };
        assert!(Judged { standing, ..Judged::default() }.verdict().is_ok(), "it was committed");
    }

    fn an_older_release_is_refused() {
        assert_eq!(Judged::down([]).refusal(), ROLLBACK);
        // Also another one of the same number.
        let standing = Standing { number: Some(42), ..standing() };
        let judged = Judged { standing: standing.clone(), ..Judged::default() };
        assert_eq!(judged.refusal(), Refusal::Rollback { found: 42, committed: 42 });
        // But where nothing whole is left, what was there is got again.
        let standing = Standing { installed: None, ..standing };
        assert!(Judged { standing, ..Judged::default() }.verdict().is_ok());
        let standing = Standing { installed: None, number: Some(50), ..self::standing() };
        assert_eq!(Judged { standing, ..Judged::default() }.refusal(), ROLLBACK);
    }

    fn a_permit_of_another_operator_is_refused() {
        let permit = Permit { operator: "another-tv".into(), ..permit() };
        assert_eq!(Judged::down([permit]).refusal(), ROLLBACK);
    }

    fn a_permit_for_other_models_is_refused() {
        let permit = Permit { models: vec!["VIP1853".into()], ..permit() };
        assert_eq!(Judged::down([permit]).refusal(), ROLLBACK);
    }

    fn a_permit_for_another_box_is_refused() {
        let other = Permit { serials: vec!["1931690852".into()], ..permit() };
        assert_eq!(Judged::down([other]).refusal(), ROLLBACK);
        let all = Permit { serials: Vec::new(), ..permit() };
        assert!(Judged::down([all]).verdict().is_ok());
    }

    fn a_permit_from_another_number_is_refused() {
        for from in [49, 51] {
            let permit = Permit { from, ..permit() };
            assert_eq!(Judged::down([permit]).refusal(), ROLLBACK);
        }
    }

    fn a_permit_to_another_release_is_refused() {
        let others = [
            Permit { release: [7; 32], ..permit() },
            Permit { to: 41, ..permit() },
        ];
        assert_eq!(Judged::down(others).refusal(), ROLLBACK);
    }

    fn an_expired_permit_is_refused() {
        let permit = Permit { expiry: NOW, ..permit() };
        assert_eq!(Judged::down([permit]).refusal(), ROLLBACK);
        let permit = Permit { expiry: NOW + 1, ..self::permit() };
        assert!(Judged::down([permit]).verdict().is_ok());
    }

    fn a_release_replayed_from_yesterday_is_refused() {
        // Release 41 is genuine, valid, and what the box came from.
        let old = Release { number: 41, ..release() };
        let standing = Standing { installed: Some(digest(&release_bytes())), number: Some(42), ..standing() };
        let refusal = Judged { release: old, standing, ..Judged::default() }.refusal();
        assert_eq!(refusal, Refusal::Rollback { found: 41, committed: 42 });
    }
}
