//! Values, and roots.

use super::{assert_encoding, refusal};
use crate::forge;
use crate::sample::*;
use stbcast_release::*;

cases! {
    fn a_payload_in_another_encoding_is_refused() {
        let payload = forge::payload(&release_bytes());
        let number = [0x01, 0x18, 0x2a];
        let with = |to: &[u8]| forge::replace(&payload, &number, to);
        let operator = [&[0x03][..], &forge::text("example-tv")].concat();
        let epoch = [0x02, 0x03];
        let swapped = [&[0x02, 0x03][..], &number].concat();
        let more = |entry: &[u8]| {
            let mut longer = [&payload[..], entry].concat();
            longer[0] += 1;
            longer
        };
        let chunked =
            [&[0x03, 0x7f, 0x63][..], b"exa", &[0x67], b"mple-tv", &[0xff]].concat();
        for forged in [
            with(&[0x01, 0x19, 0x00, 0x2a]),
            with(&[0x01, 0x1a, 0x00, 0x00, 0x00, 0x2a]),
            with(&[0x18, 0x01, 0x18, 0x2a]),
            with(&[0x01, 0xc2, 0x41, 0x2a]),
            forge::replace(&payload, &[&number[..], &epoch].concat(), &swapped),
            forge::replace(&payload, &operator, &chunked),
            [&[0xbf], &payload[1..], &[0xff]].concat(),
            [&payload[..], &[0x00]].concat(),
            more(&[0x08, 0x01]),
            more(&[0x18, 0x63, 0xf6]),
            more(&[0x18, 0x63, 0xf7]),
            more(&[0x18, 0x63, 0xf9, 0x3c, 0x00]),
            more(&[0x18, 0x63, 0xa2, 0x02, 0x00, 0x01, 0x00]),
            more(&[0x18, 0x63, 0xa2, 0x01, 0x00, 0x01, 0x00]),
            more(&[&[0x18, 0x63][..], &[0x81; 40], &[0x00]].concat()),
        ] {
            assert_encoding(&forge::release(&forged, &key(11)), "payload");
        }
        // And none at all.
        assert_encoding(&forge::release(&[], &key(11)), "payload");
    }

    fn an_entry_that_may_not_be_passed_over_is_refused() {
        let payload = forge::payload(&release_bytes());
        let with = |entry: &[u8]| {
            let mut longer = [&payload[..], entry].concat();
            longer[0] += 1;
            forge::release(&longer, &key(11))
        };
        // A later field: passed over, whatever is in it.
        for entry in [&[0x10, 0x00][..], &[0x18, 0x63, 0xa1, 0x01, 0x82, 0xf5, 0x41, 0x00]] {
            assert_eq!(open_release(&trust(), &with(entry)).value, release());
        }
        let at = "the release";
        assert_eq!(refusal(&with(&[0x20, 0x00])), Refusal::UnknownEntry { at, key: -1 });
        assert_eq!(refusal(&with(&[0x61, 0x61, 0x00])), Refusal::UnknownEntry { at, key: 0 });
    }

    fn a_value_out_of_its_range_is_refused() {
        let sound = |change: fn(&mut Release)| {
            let mut release = release();
            change(&mut release);
            let bytes = without(Check::Values, || release.sign(&key(11))).unwrap();
            match refusal(&bytes) {
                Refusal::Value { .. } => {}
                other => panic!("{other:?}: {release:?}"),
            }
        };
        let changes: [fn(&mut Release); 28] = [
            |r| r.number = 0,
            |r| r.operator = String::new(),
            |r| r.operator = "a b".into(),
            |r| r.operator = ".hidden".into(),
            |r| r.operator = "a".repeat(65),
            |r| r.models = Vec::new(),
            |r| r.models = vec!["B".into(), "A".into()],
            |r| r.models = vec!["A".into(), "A".into()],
            |r| r.models = (10..27).map(|n| n.to_string()).collect(),
            |r| r.models = vec!["VIP 1113".into()],
            |r| r.hardware = core::ops::RangeInclusive::new(2, 1),
            |r| r.expiry = r.not_before,
            |r| r.objects = Vec::new(),
            |r| r.objects[0].kind = ObjectKind::Splash,
            |r| r.objects.push(object(ObjectKind::Image, "again")),
            |r| r.objects.insert(0, object(ObjectKind::Splash, "before")),
            |r| r.objects[0].name = "../etc".into(),
            |r| r.objects[0].length = 0,
            |r| r.objects[0].length = u64::MAX,
            |r| r.objects[0].url = "infocast://10.0.0.1:5/boot".into(),
            |r| r.objects[0].url = "infocast://239.1.1.1:5/..".into(),
            |r| r.objects[0].url = "file:///etc/passwd".into(),
            |r| r.objects[0].layout = None,
            |r| r.objects[0].slice_bytes = core::num::NonZeroU16::new(1_401).unwrap(),
            |r| r.objects[0].length = 1_400,
            |r| r.objects[0].http = vec!["ftp://boot.example/a".into()],
            |r| r.objects[0].http = vec!["http://boot.example/a".into(); 5],
            |r| r.objects[0].http_window_s = 86_401,
        ];
        changes.into_iter().for_each(sound);
        let permit = Permit { from: 41, ..permit() };
        let permit = without(Check::Values, || permit.sign(&[&key(11), &key(21)])).unwrap();
        assert!(matches!(refusal(&permit), Refusal::Value { .. }));
        let rebooting = |release, jitter_s| Order::Reboot { release, jitter_s, when: When::Now };
        for change in [
            (|a| a.number = 0) as fn(&mut Action),
            |a| a.number = a.expiry + 1,
            |a| a.operator = "a/b".into(),
            |a| a.models = vec!["b".into(), "a".into()],
            |a| a.models = (10..27).map(|model| model.to_string()).collect(),
            |a| a.serials = (10..43).map(|serial| Serials::one(serial.to_string())).collect(),
            |a| a.serials.reverse(),
            |a| a.serials[1].last = "19316999990".into(),
            |a| a.serials[1].last = "1931680000".into(),
            |a| a.serials[0] = Serials::one("a b"),
            |a| a.serials[0] = Serials::one("1931690851"),
            |a| a.expiry = a.not_before,
            |a| a.expiry = a.not_before + 7 * DAY + 1,
            |a| a.order = Order::Kill { number: 0, release: [0; 32] },
        ] {
            let mut action = action();
            change(&mut action);
            let bytes = without(Check::Values, || action.sign(&key(21))).unwrap();
            assert!(matches!(refusal(&bytes), Refusal::Value { .. }), "{action:?}");
        }
        for (order, life_s) in
            [(rebooting(42, 86_401), 2 * DAY), (rebooting(42, 600), 600), (rebooting(42, 900), 600)]
        {
            let action = Action { order, expiry: NOW + life_s, not_before: NOW, ..action() };
            let bytes = without(Check::Values, || action.sign(&key(21))).unwrap();
            assert!(matches!(refusal(&bytes), Refusal::Value { .. }), "{action:?}");
        }
        for change in [
            (|r| r.root.threshold = 4) as fn(&mut Root),
            |r| r.root.threshold = 0,
            |r| r.release.threshold = 2,
            |r| r.channel.keys = Vec::new(),
            |r| r.root.keys.reverse(),
        ] {
            let root = next(change);
            let root = without(Check::Values, || root.sign(&[&key(1), &key(2)])).unwrap();
            assert!(matches!(refusal(&root), Refusal::Value { .. }));
        }
    }

    fn a_public_key_that_proves_nothing_is_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        // y = 0, of order 4; y = p + 1, the neutral element once more; y = 2, no point.
        let mut loose = [0xff; 32];
        (loose[0], loose[31]) = (0xee, 0x7f);
        let mut none = [0; 32];
        none[0] = 2;
        for bytes in [neutral, [0; 32], loose, none] {
            let weak = without(Check::KeyPoint, || PublicKey::new(bytes)).unwrap();
            let root = next(|root| root.channel = KeyRole::new(1, [weak]));
            let root = without(Check::KeyPoint, || root.sign(&[&key(1), &key(2)])).unwrap();
            assert_eq!(refusal(&root), Refusal::KeyPoint { kid: weak.kid() });
        }
    }

    fn a_key_with_two_roles_is_refused() {
        // It would sign a permit by itself.
        for change in [
            (|root| root.channel = keys(1, &[11])) as fn(&mut Root),
            |root| root.release = keys(1, &[1]),
            |root| root.root = keys(2, &[1, 2, 2]),
        ] {
            let root = next(change);
            let root = without(Check::KeyOnce, || root.sign(&[&key(1), &key(2)])).unwrap();
            assert!(matches!(refusal(&root), Refusal::KeyOnce { .. }));
        }
    }

    fn a_root_that_is_not_the_next_is_refused() {
        let signers = [&key(1), &key(2)];
        for found in [1, 3, u64::MAX] {
            let root = next(|root| root.number = found).sign(&signers).unwrap();
            assert_eq!(refusal(&root), Refusal::RootNumber { found, held: 1 });
            let mut trust = trust();
            assert_eq!(trust.advance(&root), Err(Refusal::RootNumber { found, held: 1 }));
            assert_eq!(trust, self::trust());
        }
    }

    fn a_root_of_another_operator_is_refused() {
        let root = next(|root| root.operator = "another-tv".into());
        let refusal = refusal(&root.sign(&[&key(1), &key(2)]).unwrap());
        assert!(matches!(refusal, Refusal::Operator { kind: Kind::Root, .. }));
    }

    fn a_root_with_a_lower_epoch_is_refused() {
        let root = next(|root| root.epoch = 1).sign(&[&key(1), &key(2)]).unwrap();
        assert_eq!(refusal(&root), Refusal::RootEpoch { found: 1, held: 2 });
    }

    fn a_root_that_its_own_keys_did_not_sign_is_refused() {
        let root = next(|root| root.root = keys(2, &[3, 4, 5]));
        let by_old = root.sign(&[&key(1), &key(3)]).unwrap();
        let threshold = Refusal::Threshold { role: Role::Root, signed: 1, threshold: 2 };
        assert_eq!(refusal(&by_old), threshold);
        // Nor one that the keys of the root before did not sign.
        let by_new = root.sign(&[&key(3), &key(4), &key(5)]).unwrap();
        assert_eq!(refusal(&by_new), threshold);
        assert!(trust().open(&root.sign(&[&key(1), &key(3), &key(4)]).unwrap()).is_ok());
    }
}
