//! Headers and signatures.

use super::{assert_encoding, refusal};
use crate::forge;
use crate::sample::*;
use stbcast_release::*;

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
