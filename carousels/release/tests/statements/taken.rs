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
fn actions_are_read_as_they_were_signed_by_a_channel_key() {
    let trust = trust();
    let reboot = open_action(&trust, &action_bytes());
    assert_eq!((&reboot.value, reboot.killed()), (&action(), None));
    assert_eq!(trust.concerns(&reboot.value, &identity()), Ok(()));
    assert_eq!(trust.is_time(&reboot.value, &clock(), 0), Ok(()));
    let kill = open_action(&trust, &kill_bytes());
    assert_eq!((&kill.value, kill.killed()), (&self::kill(), Some((42, digest(&release_bytes())))));
    // All of an operator's boxes, whatever they are.
    let any = Identity { model: "x".into(), hardware: u32::MAX, serial: String::new() };
    assert_eq!(trust.concerns(&kill.value, &any), Ok(()));
    let longest = |text: &str| text.repeat(64 - 2);
    let models = (10..26).map(|model| format!("{model}{}", longest("m"))).collect();
    let longest = Action { models, serials: vec![Serials::one("9"); 1], ..action() };
    eprintln!("a reboot of {} bytes, a kill of {}", action_bytes().len(), kill_bytes().len());
    assert!(longest.sign(&key(21)).unwrap().len() <= STATEMENT_BYTES_MAX);
}

#[test]
fn a_serial_is_in_a_range_of_its_own_length_alone() {
    let range = Serials { first: "1931690000".into(), last: "1931699999".into() };
    for serial in ["1931690000", "1931695555", "1931699999"] {
        assert!(range.contains(serial), "{serial}");
    }
    for serial in ["193169555", "19316955555", "1931700000", "1931689999", "", "193169\u{e9}555"] {
        assert!(!range.contains(serial), "{serial}");
    }
    assert!(Serials::one("99").contains("99") && !Serials::one("99").contains("9"));
}

#[test]
fn a_clock_that_anybody_can_set_makes_no_box_reboot_early_and_no_kill_late() {
    let (trust, soon) = (trust(), NOW + 600);
    let reboot = Action { not_before: soon, ..action() };
    let kill = Action { not_before: soon, ..self::kill() };
    let heard = Some(soon);
    let with_own = Clock { own: Some(NOW), heard };
    assert!(trust.is_time(&reboot, &with_own, 0).is_err());
    assert_eq!(trust.is_time(&kill, &with_own, 0), Ok(()));
    // Without a clock of its own a box has nothing else to go by.
    assert_eq!(trust.is_time(&reboot, &Clock { own: None, heard }, 0), Ok(()));
    // What was heard makes nothing expire.
    let late = Clock { own: Some(soon), heard: Some(NOW + 400 * DAY) };
    assert_eq!(trust.is_time(&reboot, &late, 0), Ok(()));
    assert!(trust.is_time(&reboot, &clock(), NOW + DAY).is_err(), "the floor has passed it");
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
    assert_eq!(cost(&action_bytes()), 1);
    assert_eq!(cost(&action().sign(&key(11)).unwrap()), 0, "no channel key");
    let next = Root { number: 2, root: keys(1, &[4]), ..root() };
    let by = |signers: &[&SigningKey]| cost(&next.sign(signers).unwrap());
    assert_eq!(by(&[&key(4)]), 0);
    assert_eq!(by(&[&key(1), &key(4)]), 1, "too few, and no more is looked at");
    assert_eq!(by(&[&key(1), &key(3), &key(4)]), 2 + 3);
}
