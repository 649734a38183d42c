//! What is not taken, or not followed: one test for each check, and more for attacks by name.
//!
//! `PROTOCOL.md` names these functions in its table of checks; `sabotage.rs` takes each check out and
//! demands that its function fails.

use crate::forge;
use crate::sample::*;
use stbcast_release::*;

macro_rules! cases {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {
        /// Every test here, by name.
        pub const CASES: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
        $($(#[$doc])* #[test] fn $name() $body)*
    };
}

/// Whether a box takes it, and why not.
fn refusal(bytes: &[u8]) -> Refusal {
    refusal_of(&trust(), bytes)
}

fn refusal_of(trust: &Trust, bytes: &[u8]) -> Refusal {
    match trust.open(bytes) {
        Ok(statement) => panic!("taken: {statement:?}"),
        Err(refusal) => refusal,
    }
}

fn assert_encoding(bytes: &[u8], part: &str) {
    match refusal(bytes) {
        Refusal::Encoding { part: found, .. } => assert_eq!(found, part),
        other => panic!("{other:?}"),
    }
}

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

/// Root 2 by the keys of root 1, with a change.
fn next(change: impl FnOnce(&mut Root)) -> Root {
    let mut root = Root { number: 2, ..root() };
    change(&mut root);
    root
}

/// The payload of a release with an object name of `bytes` bytes more, so that it is that long.
fn long_release(bytes: usize) -> Vec<u8> {
    let mut release = release();
    release.objects[0].http = vec![format!("http://boot.example/{}", "a".repeat(bytes))];
    without(Check::Values, || release.sign(&key(11))).unwrap()
}

cases! {
    fn a_statement_above_1400_bytes_is_refused() {
        let short = long_release(490);
        assert!(trust().open(&short).is_ok());
        // A field that is passed over makes it longer.
        let payload = forge::payload(&short);
        let padded = [&[payload[0] + 1], &payload[1..], &[0x18, 0x63], &forge::bytes(&vec![0; 700])];
        let long = forge::release(&padded.concat(), &key(11));
        assert!(long.len() > 1_400);
        assert_eq!(refusal(&long), Refusal::Size { bytes: long.len() });
    }

    fn bytes_that_no_signature_covers_are_refused() {
        let genuine = release_bytes();
        assert_encoding(&[&genuine[..], &[0]].concat(), "message");
        assert_encoding(&[&genuine[..], &genuine[..]].concat(), "message");
        // The length of the payload in two bytes: the signature would still be right.
        let payload = forge::payload(&genuine);
        let short = forge::bytes(&payload);
        assert_eq!(short[0], 0x58);
        let long = [&[0x59, 0x00], &short[1..]].concat();
        assert_encoding(&forge::replace(&genuine, &short, &long), "message");
        // An array of indefinite length.
        let loose = [&[0xd2, 0x9f], &genuine[2..], &[0xff]].concat();
        assert_encoding(&loose, "message");
    }

    fn an_unprotected_header_is_refused() {
        let genuine = release_bytes();
        let payload = forge::payload(&genuine);
        let start = [vec![0xa0], forge::bytes(&payload)].concat();
        let with = [&[0xa1, 0x04, 0x41, 0x00], &start[1..]].concat();
        let forged = forge::replace(&genuine, &start, &with);
        assert_eq!(refusal(&forged), Refusal::Unprotected { entries: 1 });
    }

    fn a_protected_header_in_another_encoding_is_refused() {
        let payload = forge::payload(&release_bytes());
        let parts = [forge::ALG.to_vec(), forge::content_type(forge::RELEASE), forge::kid(&key(11))];
        let [alg, content, kid] = parts;
        let long_alg = vec![0x01, 0x38, 0x07];
        let trailing = [forge::header_1(forge::RELEASE, &key(11)), vec![0]].concat();
        for protected in [
            forge::map(&[content.clone(), alg.clone(), kid.clone()]),
            forge::map(&[long_alg, content.clone(), kid.clone()]),
            [vec![0xbf], alg.clone(), content.clone(), kid.clone(), vec![0xff]].concat(),
            forge::map(&[alg.clone(), alg.clone(), content.clone(), kid.clone()]),
            forge::map(&[alg, content.clone(), content, kid]),
            trailing,
        ] {
            assert_encoding(&forge::sign_1(&protected, &payload, &key(11)), "header");
        }
    }

    fn a_protected_header_with_more_or_less_than_its_place_is_refused() {
        let payload = forge::payload(&release_bytes());
        let alg = forge::ALG.to_vec();
        let (content, kid) = (forge::content_type(forge::RELEASE), forge::kid(&key(11)));
        let typ = [vec![0x10], forge::text("a/b")].concat();
        for protected in [
            forge::map(&[alg.clone(), content.clone(), kid.clone(), typ]),
            forge::map(&[alg.clone(), content.clone(), kid.clone(), vec![0x05, 0x41, 0]]),
            forge::map(&[alg.clone(), vec![0x02, 0x81, 0x03], content.clone(), kid]),
            forge::map(&[alg, content]),
        ] {
            let forged = forge::sign_1(&protected, &payload, &key(11));
            assert!(matches!(refusal(&forged), Refusal::Header { .. }));
        }
    }

    fn another_algorithm_is_refused() {
        let payload = forge::payload(&release_bytes());
        let (content, kid) = (forge::content_type(forge::RELEASE), forge::kid(&key(11)));
        // ES256, and -19, which newer registries have for Ed25519: one way to say it is enough.
        for alg in [0x26, 0x32] {
            let protected = forge::map(&[vec![0x01, alg], content.clone(), kid.clone()]);
            let forged = forge::sign_1(&protected, &payload, &key(11));
            assert!(matches!(refusal(&forged), Refusal::Algorithm | Refusal::Envelope { .. }));
        }
    }

    fn a_statement_of_another_domain_is_refused() {
        let payload = forge::payload(&release_bytes());
        for content in [forge::ROOT, forge::PERMIT, "application/cbor", "text/plain"] {
            let forged = forge::sign_1(&forge::header_1(content, &key(11)), &payload, &key(11));
            assert_eq!(refusal(&forged), Refusal::Domain, "{content}");
        }
        let forged = forge::sign_many(forge::RELEASE, &payload, &[&key(11)]);
        assert_eq!(refusal(&forged), Refusal::Domain);
    }

    fn a_permit_offered_as_a_release_is_refused() {
        // The signature of one kind is none for another, and the channel key signs no release.
        let payload = forge::payload(&permit_bytes());
        let genuine = forge::sign_1(&forge::header_1(forge::PERMIT, &key(11)), &payload, &key(11));
        let signature = &genuine[genuine.len() - 64..];
        let header = forge::header_1(forge::RELEASE, &key(11));
        let forged = forge::message_1(&header, &payload, signature);
        let kid = key(11).public().unwrap().kid();
        assert_eq!(refusal(&forged), Refusal::Signature { kid });
        let kid = key(21).public().unwrap().kid();
        let forged = forge::release(&forge::payload(&release_bytes()), &key(21));
        assert_eq!(refusal(&forged), Refusal::UnknownKey { kind: Kind::Release, kid });
        // Nor does it help that its key signed it as a release.
        assert!(trust().open(&forge::release(&payload, &key(11))).is_err());
    }

    fn one_key_does_not_count_twice() {
        // Two keys have to sign; a third signature is one of them again.
        let mut twice = [key(11), key(11), key(21)];
        twice.sort_by_key(|key| key.public().unwrap().kid());
        let forged = forge::payload(&permit_bytes());
        let forged = forge::sign_many(forge::PERMIT, &forged, &twice.each_ref());
        assert!(matches!(refusal(&forged), Refusal::Signers { .. }));
        let bytes = forge::payload(&root_bytes());
        let signers = |keys: &[&SigningKey]| {
            let forged = forge::sign_many(forge::ROOT, &bytes, keys);
            Trust::new(&forged).expect_err("a key counted twice")
        };
        let kid = |number| key(number).public().unwrap().kid();
        assert_eq!(signers(&[&key(1), &key(1)]), Refusal::Signers { kid: kid(1) });
        // In one order alone, so that the same signatures are the same statement.
        let mut numbers = [1, 2];
        numbers.sort_by_key(|&number| core::cmp::Reverse(kid(number)));
        let keys = numbers.map(key);
        assert_eq!(signers(&[&keys[0], &keys[1]]), Refusal::Signers { kid: kid(numbers[1]) });
        // Under another id it is a stranger.
        let genuine = forge::sign_many(forge::ROOT, &bytes, &[&key(1)]);
        let renamed = forge::replace(&genuine, &kid(1).0, &[0xff; 8]);
        let refusal = Trust::new(&renamed).expect_err("a key under another id");
        assert!(matches!(refusal, Refusal::Threshold { signed: 0, .. }));
    }

    fn a_signature_by_a_stranger_is_refused() {
        let kid = key(99).public().unwrap().kid();
        // Even beside signatures that suffice.
        let root = next(|_| ()).sign(&[&key(1), &key(2), &key(99)]).unwrap();
        assert_eq!(refusal(&root), Refusal::UnknownKey { kind: Kind::Root, kid });
        let permit = permit().sign(&[&key(11), &key(21), &key(99)]).unwrap();
        assert_eq!(refusal(&permit), Refusal::UnknownKey { kind: Kind::Permit, kid });
        let forged = forge::release(&forge::payload(&release_bytes()), &key(99));
        assert_eq!(refusal(&forged), Refusal::UnknownKey { kind: Kind::Release, kid });
    }

    fn a_wrong_signature_is_refused() {
        let kid = key(11).public().unwrap().kid();
        let genuine = release_bytes();
        for at in genuine.len() - 64..genuine.len() {
            let mut forged = genuine.clone();
            forged[at] ^= 0x10;
            assert_eq!(refusal(&forged), Refusal::Signature { kid });
        }
        // Right for another payload.
        let payload = Release { number: 43, ..release() }.sign(&key(11)).unwrap();
        let header = forge::header_1(forge::RELEASE, &key(11));
        let signature = &genuine[genuine.len() - 64..];
        let mixed = forge::message_1(&header, &forge::payload(&payload), signature);
        assert_eq!(refusal(&mixed), Refusal::Signature { kid });
        // The same number S, written as another one.
        assert_eq!(refusal(&forge::malleated(&genuine)), Refusal::Signature { kid });
    }

    fn a_signature_by_a_point_of_small_order_is_refused() {
        let forged = forge::small_order_release(&forge::payload(&release_bytes()), &key(11));
        let kid = key(11).public().unwrap().kid();
        assert_eq!(refusal(&forged), Refusal::Signature { kid });
    }

    fn too_few_keys_are_refused() {
        let threshold = |role, signed, threshold| Refusal::Threshold { role, signed, threshold };
        let alone = permit().sign(&[&key(11)]).unwrap();
        assert_eq!(refusal(&alone), threshold(Role::Channel, 0, 1));
        let alone = permit().sign(&[&key(21), &key(22)]).unwrap();
        assert_eq!(refusal(&alone), threshold(Role::Release, 0, 1));
        let alone = next(|_| ()).sign(&[&key(3)]).unwrap();
        assert_eq!(refusal(&alone), threshold(Role::Root, 1, 2));
        // Keys of another role are no help.
        let others = next(|_| ()).sign(&[&key(3), &key(11)]).unwrap();
        assert_eq!(refusal(&others), threshold(Role::Root, 1, 2));
    }

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
            assert_eq!(refusal, Refusal::Hardware { first: 1, last: 7, hardware });
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
        let early = |now| Refusal::NotYetValid { not_before, now };
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

    fn objects_of_two_releases_are_no_release() {
        // The image of release 43 under the signature of 42.
        let mut mixed = release();
        mixed.objects[0].sha256 = [0x43; 32];
        let payload = forge::payload(&mixed.sign(&key(11)).unwrap());
        let genuine = release_bytes();
        let header = forge::header_1(forge::RELEASE, &key(11));
        let forged = forge::message_1(&header, &payload, &genuine[genuine.len() - 64..]);
        assert!(matches!(refusal(&forged), Refusal::Signature { .. }));
    }
}
