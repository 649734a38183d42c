//! Actions in a line-up, and the kill that the headend signs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use stbcast_release::{Clock, Identity, Order, When};

use super::*;
use crate::announced::Numbers;
use crate::killed;
use crate::programme::Stock;
use crate::roster::Roster;

fn action(order: Order) -> Action {
    Action {
        number: now(),
        operator: "example-tv".to_owned(),
        models: Vec::new(),
        serials: Vec::new(),
        hardware: 0..=9,
        not_before: now() - 60,
        expiry: now() + DAY,
        order,
    }
}

fn reboot(release: u64, jitter_s: u32) -> Action {
    action(Order::Reboot { release, jitter_s, when: When::Now })
}

const ALL: &str =
    "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]\nactions = [\"action.cose\"]";

fn site(action: &Action) -> Site {
    let site = Site::new();
    site.signed(&site.release(42));
    site.file("action.cose", &action.sign(&key(101)).unwrap());
    site
}

#[test]
fn an_action_is_announced_before_the_releases_under_its_digest() {
    let plan = site(&reboot(42, 1_800)).plan(ALL);
    assert!(plan.errors.is_empty() && plan.warnings.is_empty(), "{plan:?}");
    let statements = plan.trust.unwrap().statements;
    let names: Vec<_> = statements.iter().map(|it| it.name.clone()).collect();
    let hex: String = statements[1].sha256.chars().take(16).collect();
    assert_eq!(names, ["root:1".to_owned(), format!("action:{hex}"), "release:42".to_owned()]);
    let says = "boxes below release 42 reboot within 1800 s: all models, all boxes";
    assert_eq!(statements[1].says, says);
}

#[test]
fn what_is_wrong_with_an_action_is_told() {
    let release = Site::new().release(42);
    let id = stbcast_release::digest(&release.sign(&key(100)).unwrap());
    for (action, part) in [
        (reboot(43, 1_800), "no such release for them is on air: they reboot for nothing"),
        (Action { models: vec!["x".into()], ..reboot(42, 1_800) }, "they reboot for nothing"),
        (reboot(42, 0), "all boxes reboot within 0 s"),
        (Action { expiry: now() + 600, ..reboot(42, 660 - 50) }, "before the turn of some boxes"),
        (Action { expiry: now() - 1, number: 1, ..reboot(42, 30) }, "the action expired at"),
        (action(Order::Kill { number: 42, release: id }), "it kills release 42, which is on air"),
    ] {
        let site = site(&action);
        // The release is the very one that is killed.
        site.file("42.release.cose", &release.sign(&key(100)).unwrap());
        let plan = site.plan(ALL);
        let told: Vec<_> = plan.warnings.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains(part)), "`{part}` is not in {told:#?}");
    }
    let mut bent = reboot(42, 1_800).sign(&key(101)).unwrap();
    *bent.last_mut().unwrap() ^= 1;
    let by_release_key = reboot(42, 1_800).sign(&key(100)).unwrap();
    let other = Action { operator: "other".into(), ..reboot(42, 1_800) };
    for (bytes, part) in [
        (bent, "the signature by key"),
        (by_release_key, "may not sign this action"),
        (other.sign(&key(101)).unwrap(), "it is for boxes of `other`"),
        (Site::new().signed(&release), "it is a release, and stands among the actions"),
    ] {
        let site = site(&reboot(42, 1_800));
        site.file("action.cose", &bytes);
        let plan = site.plan(ALL);
        let told: Vec<_> = plan.errors.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains(part)), "`{part}` is not in {told:#?}");
    }
}

#[test]
fn an_action_that_has_expired_keeps_nothing_off_the_air() {
    let expired = Action { expiry: now() - 1, number: 1, ..reboot(42, 30) };
    let plan = site(&expired).plan(ALL);
    assert!(plan.is_fit(), "{:?}", plan.errors);
    let names = plan.trust.unwrap().statements.into_iter().map(|it| it.name);
    assert_eq!(names.collect::<Vec<_>>(), ["root:1", "release:42"]);
}

#[test]
fn two_reboots_of_one_number_are_told() {
    let site = site(&reboot(42, 1_800));
    site.file("other.cose", &reboot(42, 1_801).sign(&key(101)).unwrap());
    let both = ALL.replace("[\"action.cose\"]", "[\"action.cose\", \"other.cose\"]");
    assert_one(&site.told(&both), &["it has the number", "action.cose"]);
}

#[test]
fn a_kill_is_signed_by_the_key_of_the_line_up_and_boxes_obey_it() {
    let site = site(&reboot(42, 1_800));
    let directory = site.directory.path();
    let path = directory.join("channel.key");
    keys::create(&path).unwrap();
    let own = keys::read_private(&path).unwrap();
    let channel = KeyRole::new(1, [own.public().unwrap(), key(101).public().unwrap()]);
    site.file("1.root.cose", &sign_root(&Root { channel, ..root(1) }));
    let with_key = format!("{ALL}\nchannel_key = \"channel.key\"");
    assert!(site.told(&with_key).is_empty(), "{:?}", site.told(&with_key));
    let line_up = site.line_up(&with_key);
    let said = kinds_said(&site, line_up.clone());
    assert_eq!(said("release 1"), ["root", "action of 42", "release"]);
    assert_eq!(said("release 42"), ["root", "kill of 42"], "nobody reboots for a killed release");
    let trust = line_up.trust.unwrap();
    let release = Digest::of(&trust.releases[0].bytes);
    let signer = channel_key(&trust).unwrap();
    let kill = signed_kill(&signer, (42, release), "example-tv", now()).unwrap();
    assert_eq!(kill, signed_kill(&signer, (42, release), "example-tv", now()).unwrap());
    let named = Named::of_action(&kill).unwrap();
    assert!(named.location.starts_with("action:"), "{named:?}");
    assert_eq!(named.expiry, now() + KILL_LASTS_S);
    let held = Trust::new(&trust.roots[0].bytes).unwrap();
    let Ok(Statement::Action(action)) = held.open(&kill) else { panic!("not taken") };
    assert_eq!(action.killed(), Some((42, release.bytes())));
    let any = Identity { model: "m".into(), hardware: 77, serial: "s".into() };
    assert_eq!(held.concerns(&action.value, &any), Ok(()));
    let clock = Clock { own: Some(now()), heard: None };
    assert_eq!(held.is_time(&action.value, &clock, 0), Ok(()));
}

/// What is said of a line-up when one thing is killed, in short.
fn kinds_said(site: &Site, line_up: LineUp) -> impl Fn(&str) -> Vec<String> {
    let mut spool =
        crate::spool::Spool::open(&site.directory.path().join("spool"), 1 << 30).unwrap();
    let stock = Stock::load(&line_up, &mut spool, &mut Numbers::default());
    let stock = stock.unwrap_or_else(|findings| panic!("{findings:?}"));
    let all = Roster::all(&line_up);
    move |entry| {
        let killed = [killed::Entry::parse(entry).unwrap()].into_iter().collect();
        let programme = stock.programme(&all, &killed).unwrap();
        let short = |said: &stbcast_flute::Statement| {
            let (statement, _) = stbcast_release::unverified(said.bytes()).unwrap();
            match statement {
                Statement::Action(action) => match action.value.order {
                    Order::Reboot { release, .. } => format!("action of {release}"),
                    Order::Kill { number, .. } => format!("kill of {number}"),
                },
                other => other.kind().to_string(),
            }
        };
        programme.statements.iter().map(short).collect()
    }
}

#[test]
fn a_channel_key_that_cannot_sign_a_kill_is_told_and_keeps_nothing_off_the_air() {
    let site = site(&reboot(42, 1_800));
    let path = site.directory.path().join("channel.key");
    let with_key = format!("{ALL}\nchannel_key = \"channel.key\"");
    assert_one(&site.told(&with_key), &["channel.key", "boxes are not told"]);
    keys::create(&path).unwrap();
    assert_one(&site.told(&with_key), &["is no channel key of root 1"]);
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_one(&site.told(&with_key), &["can be read by others"]);
    assert!(site.plan(&with_key).is_fit());
    let none = site.line_up(ALL).trust.unwrap();
    assert!(matches!(channel_key(&none), Err(KillError::NoKey)));
}
