//! Actions that are signed, and not for this box, or not now; and those by a key that has no say.

use crate::refused::refusal;
use crate::sample::*;
use stbcast_release::*;

#[track_caller]
fn not_meant(action: Action) -> Refusal {
    let trust = trust();
    let action = open_action(&trust, &action.sign(&key(21)).unwrap());
    match trust.concerns(&action.value, &identity()) {
        Ok(()) => panic!("followed: {action:?}"),
        Err(refusal) => refusal,
    }
}

#[track_caller]
fn not_now(action: Action, clock: Clock) -> Refusal {
    let trust = trust();
    let action = open_action(&trust, &action.sign(&key(21)).unwrap());
    match trust.is_time(&action.value, &clock, NOW - 30 * DAY) {
        Ok(()) => panic!("followed: {action:?}"),
        Err(refusal) => refusal,
    }
}

cases! {
    fn an_action_of_another_operator_is_refused() {
        let other = Action { operator: "another-tv".into(), ..action() };
        assert!(matches!(not_meant(other), Refusal::Operator { kind: Kind::Action, .. }));
    }

    fn an_action_for_other_models_is_refused() {
        let other = Action { models: vec!["VIP1853".into()], ..action() };
        assert!(matches!(not_meant(other), Refusal::Model { kind: Kind::Action, .. }));
    }

    fn an_action_for_other_hardware_is_refused() {
        for hardware in [0..=2, 4..=u32::MAX] {
            let other = Action { hardware, ..action() };
            assert!(matches!(not_meant(other), Refusal::Hardware { kind: Kind::Action, .. }));
        }
    }

    fn an_action_for_another_box_is_refused() {
        let range = |first: &str, last: &str| Serials { first: first.into(), last: last.into() };
        for serials in [
            vec![Serials::one("1931690852")],
            vec![range("0000000000", "1931690850"), range("1931690852", "1931699999")],
            vec![range("000000000", "999999999"), range("00000000000", "99999999999")],
        ] {
            let other = Action { serials, ..action() };
            let serial = identity().serial;
            assert_eq!(not_meant(other), Refusal::Serial { serial });
        }
    }

    fn an_expired_action_is_refused() {
        let refusal = not_now(Action { expiry: NOW, ..action() }, clock());
        assert!(matches!(refusal, Refusal::Expired { kind: Kind::Action, .. }));
        let trust = trust();
        let last_second = Action { expiry: NOW + 1, number: 1, ..action() };
        assert_eq!(trust.is_time(&last_second, &clock(), 0), Ok(()));
    }

    fn an_action_before_its_time_is_refused() {
        for action in [action(), kill()] {
            let refusal = not_now(Action { not_before: NOW + 1, ..action }, clock());
            assert!(matches!(refusal, Refusal::NotYetValid { kind: Kind::Action, .. }));
        }
    }

    fn an_action_is_signed_by_a_channel_key_and_no_other() {
        for number in [1, 11, 99] {
            let forged = action().sign(&key(number)).unwrap();
            assert!(matches!(refusal(&forged), Refusal::UnknownKey { kind: Kind::Action, .. }));
        }
        let payload = crate::forge::payload(&action_bytes());
        let header = crate::forge::header_1(crate::forge::RELEASE, &key(11));
        let as_release = crate::forge::sign_1(&header, &payload, &key(11));
        assert!(matches!(refusal(&as_release), Refusal::Missing { .. } | Refusal::Value { .. }));
    }
}
