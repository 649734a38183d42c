//! What is signed is read again, and followed.

use crate::sample::*;
use stbcast_release::*;

#[test]
fn a_release_is_read_as_it_was_signed_and_installed() {
    let trust = trust();
    let release = open_release(&trust, &release_bytes());
    assert_eq!(release.value, self::release());
    assert_eq!(release.id, digest(&release_bytes()));
    let verdict = trust.judge(&release, &identity(), &standing(), &clock(), &[]);
    assert_eq!(verdict, Ok(Verdict::Install { permitted_from: None }));
    for (objects, bytes) in [(1, release_bytes().len()), (4, four_objects().len())] {
        eprintln!("a release with {objects} objects has {bytes} bytes");
        assert!(bytes <= STATEMENT_BYTES_MAX);
    }
}

fn four_objects() -> Vec<u8> {
    let names = ["boot-1113", "splash-1113", "diag-1113", "config-1113"];
    let objects = ObjectKind::ALL.into_iter().zip(names);
    let objects = objects.map(|(kind, name)| object(kind, name)).collect();
    Release { objects, ..release() }.sign(&key(11)).unwrap()
}

#[test]
fn what_is_installed_is_held_whatever_the_time_is() {
    let trust = trust();
    let release = open_release(&trust, &release_bytes());
    let standing = Standing { installed: Some(release.id), number: Some(42), ..standing() };
    for own in [0, NOW, NOW + 10_000 * DAY] {
        let clock = Clock { own: Some(own), heard: None };
        assert_eq!(trust.judge(&release, &identity(), &standing, &clock, &[]), Ok(Verdict::Held));
    }
}

#[test]
fn a_permit_leads_down_from_the_number_it_names() {
    let trust = trust();
    let release = open_release(&trust, &release_bytes());
    let permit = open_permit(&trust, &permit_bytes());
    assert_eq!(permit.value, self::permit());
    let standing = Standing { number: Some(50), ..standing() };
    let verdict = trust.judge(&release, &identity(), &standing, &clock(), &[permit]);
    assert_eq!(verdict, Ok(Verdict::Install { permitted_from: Some(50) }));
}

#[test]
fn a_chain_of_roots_changes_all_keys() {
    let mut trust = trust();
    let next = Root { number: 2, root: keys(1, &[4]), release: keys(1, &[13]), ..root() };
    let bytes = next.sign(&[&key(1), &key(3), &key(4)]).unwrap();
    assert!(matches!(trust.open(&bytes), Ok(Statement::Root(root)) if root.value == next));
    trust.advance(&bytes).unwrap();
    assert_eq!((trust.root(), trust.document()), (&next, bytes.as_slice()));
    assert!(trust.open(&release_bytes()).is_err());
    assert!(trust.open(&release().sign(&key(13)).unwrap()).is_ok());
    assert_eq!(Trust::new(trust.document()), Ok(trust), "a box reads what it stored");
}

#[test]
fn signatures_are_added_one_machine_after_the_other() {
    let alone = root().sign(&[&key(2)]).unwrap();
    assert!(matches!(
        Trust::new(&alone),
        Err(Refusal::Threshold { role: Role::Root, signed: 1, threshold: 2 })
    ));
    assert_eq!(cosign(&alone, &key(1)).unwrap(), root_bytes());
    assert!(matches!(cosign(&root_bytes(), &key(1)), Err(Refusal::Signers { .. })));
}

#[test]
fn what_verifying_costs_is_known_before() {
    let trust = trust();
    let cost = |bytes: &[u8]| trust.verifications(&Sealed::read(bytes).unwrap());
    assert_eq!(cost(&release_bytes()), 1);
    assert_eq!(cost(&release().sign(&key(66)).unwrap()), 0, "nobody whose key counts");
    assert_eq!(cost(&permit().sign(&[&key(11), &key(21)]).unwrap()), 2);
    let next = Root { number: 2, root: keys(1, &[4]), ..root() };
    let by = |signers: &[&SigningKey]| cost(&next.sign(signers).unwrap());
    assert_eq!(by(&[&key(4)]), 0);
    assert_eq!(by(&[&key(1), &key(4)]), 1, "too few, and no more is looked at");
    assert_eq!(by(&[&key(1), &key(3), &key(4)]), 2 + 3);
}
