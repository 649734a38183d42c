//! Statements as `check` judges them: signed with real keys, beside real images.

use stbcast_release::{ObjectKind, SigningKey};

use super::*;
use crate::contents::Contents;
use crate::keys;
use crate::lineup::{Severity, parse};
use crate::plan::{Plan, plan_with_images};
use crate::signed::object_on_air;

mod actions;

const DAY: u64 = 86_400;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn role(seeds: &[u8]) -> KeyRole {
    KeyRole::new(1, seeds.iter().map(|&seed| key(seed).public().unwrap()))
}

fn now() -> u64 {
    crate::clock::wall().0 / 1_000_000
}

/// Root `number`, whose root key is that number.
fn root(number: u64) -> Root {
    let own = u8::try_from(number).unwrap();
    Root {
        number,
        operator: "example-tv".to_owned(),
        epoch: 3,
        expiry: now() + 900 * DAY,
        root: role(&[own]),
        release: role(&[100]),
        channel: role(&[101]),
    }
}

fn sign_root(root: &Root) -> Vec<u8> {
    let own = u8::try_from(root.number).unwrap();
    let keys = [key(own), key(own - 1)];
    root.sign(&keys.iter().take(if own == 1 { 1 } else { 2 }).collect::<Vec<_>>()).unwrap()
}

/// A directory with an image and a splash, and the line-up that has them.
struct Site {
    directory: tempfile::TempDir,
    channels: String,
}

impl Site {
    fn new() -> Self {
        let channels = "[[channel]]\nname = \"images\"\ncarousel = \"infocast\"\n\
             group = \"239.255.2.11:22222\"\nbit_rate_kbps = 1000\nslice_bytes = 1400\n\
             repair = { group = \"239.255.2.12:22222\", ratio = 0.1, fec = \"rs16\" }\n\
             [[channel.object]]\nname = \"boot\"\nsource = \"boot.img\"\n\
             [[channel.object]]\nname = \"splash\"\nsource = \"splash.bmp\"\n\
             [[channel.object]]\nname = \"clock\"\nsource = { kind = \"time\" }\n\
             [unicast]\nurl = \"http://192.0.2.1/{sha256}\"\n";
        let site = Self { directory: tempfile::tempdir().unwrap(), channels: channels.to_owned() };
        site.file("boot.img", &[1; 900_000]);
        site.file("splash.bmp", &[2; 50_000]);
        site.file("1.root.cose", &sign_root(&root(1)));
        site
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.directory.path().join(name), bytes).unwrap();
    }

    fn line_up(&self, trust: &str) -> LineUp {
        let text = format!("announce = \"239.255.2.3\"\n{}\n[trust]\n{trust}\n", self.channels);
        let reading = parse(&text, self.directory.path());
        reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
    }

    /// Release `number` of what is on air now.
    fn release(&self, number: u64) -> Release {
        let line_up = self.line_up("roots = [\"1.root.cose\"]");
        let contents = Contents::survey(&line_up, &mut Vec::new());
        let object = |object, kind| {
            object_on_air(&line_up, &contents, ObjectId { channel: 0, object }, kind).unwrap()
        };
        Release {
            number,
            epoch: 3,
            operator: "example-tv".to_owned(),
            models: vec!["vip1113".to_owned()],
            hardware: 0..=9,
            not_before: now() - DAY,
            expiry: now() + 90 * DAY,
            objects: vec![object(0, ObjectKind::Image), object(1, ObjectKind::Splash)],
        }
    }

    fn signed(&self, release: &Release) -> Vec<u8> {
        let bytes = release.sign(&key(100)).unwrap();
        self.file(&format!("{}.release.cose", release.number), &bytes);
        bytes
    }

    fn plan(&self, trust: &str) -> Plan {
        plan_with_images(&self.line_up(trust), Vec::new())
    }

    /// What is wrong with these statements.
    fn told(&self, trust: &str) -> Vec<String> {
        let plan = self.plan(trust);
        plan.errors.iter().chain(&plan.warnings).map(ToString::to_string).collect()
    }
}

const BOTH: &str = "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\"]";

#[track_caller]
fn assert_one(told: &[String], parts: &[&str]) {
    assert_eq!(told.len(), 1, "{told:#?}");
    for part in parts {
        assert!(told[0].contains(part), "`{part}` is not in `{}`", told[0]);
    }
}

#[test]
fn a_release_of_what_is_on_air_is_announced_and_counted() {
    let site = Site::new();
    let bytes = site.signed(&site.release(42));
    let without = site.plan("roots = [\"1.root.cose\"]");
    let plan = site.plan(BOTH);
    assert!(plan.errors.is_empty() && plan.warnings.is_empty(), "{plan:?}");
    let trust = plan.trust.unwrap();
    assert_eq!((trust.operator.as_str(), trust.root), ("example-tv", 1));
    let names: Vec<_> = trust.statements.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["root:1", "release:42"]);
    assert_eq!(trust.statements[1].bytes, bytes.len());
    assert_eq!(trust.statements[1].says, "image, splash for vip1113, hardware 0 to 9, epoch 3");
    let (before, announce) = (without.announce.unwrap(), plan.announce.unwrap());
    assert_eq!((before.statements, announce.statements), (1, 2));
    // Its datagram, and its line in the description.
    let kbps = (bytes.len() + 64) as f64 * 8.0 / 1_000.0;
    let more = announce.bit_rate_kbps - before.bit_rate_kbps;
    assert!(more > kbps + 1.0 && more < kbps + 4.0, "{more} kbit/s");
    assert!((plan.bit_rate_kbps_total - without.bit_rate_kbps_total - more).abs() < 0.001);
}

#[test]
fn each_field_that_is_on_air_otherwise_is_named_with_both_values() {
    let cases: [(&str, &str, &str, &str, &str); 6] = [
        (
            "239.255.2.11:22222",
            "239.255.2.21:22222",
            "URL",
            "infocast://239.255.2.11:22222/boot",
            "infocast://239.255.2.21:22222/boot",
        ),
        ("slice_bytes = 1400", "slice_bytes = 1300", "slice_bytes", "1400", "1300"),
        (
            "239.255.2.12:22222",
            "239.255.2.22:22222",
            "companion",
            "239.255.2.12:22222, TSI 1",
            "239.255.2.22:22222, TSI 1",
        ),
        ("repair = {", "#", "companion", "239.255.2.12:22222, TSI 1", "none"),
        ("\"rs16\"", "\"raptorq\"", "code", "rs16, blocks of", "raptorq, 1 blocks"),
        ("192.0.2.1/", "192.0.2.2/", "HTTP URLs", "http://192.0.2.1/", "http://192.0.2.2/"),
    ];
    for (from, to, field, signed, on_air) in cases {
        let mut site = Site::new();
        site.signed(&site.release(42));
        assert!(site.told(BOTH).is_empty());
        site.channels = site.channels.replace(from, to);
        let told = site.told(BOTH);
        let wanted = format!("release 42, image `boot`: {field} is signed as {signed}");
        let found = told.iter().find(|it| it.contains(&wanted));
        let found = found.unwrap_or_else(|| panic!("`{wanted}` is not in {told:#?}"));
        assert!(found.contains(&format!("on air is {on_air}")), "{found}");
        assert!(found.contains("`stbcast release build`"), "{found}");
        assert!(!site.plan(BOTH).is_fit());
    }
}

#[test]
fn another_image_is_found_by_its_digest_and_its_length() {
    let site = Site::new();
    site.signed(&site.release(42));
    site.file("boot.img", &[3; 900_000]);
    assert_one(&site.told(BOTH), &["image `boot`: SHA-256 is signed as", "on air is"]);
    site.file("boot.img", &[1; 900_001]);
    let told = site.told(BOTH);
    assert!(
        told[0].contains("length is signed as 900000 bytes, on air is 900001 bytes"),
        "{told:?}"
    );
}

#[test]
fn an_object_that_is_not_in_the_line_up_is_told() {
    let mut site = Site::new();
    site.signed(&site.release(42));
    site.channels = site.channels.replace("name = \"splash\"", "name = \"logo\"");
    let parts =
        ["names the splash infocast://239.255.2.11:22222/splash, which is not in this line-up"];
    assert_one(&site.told(BOTH), &parts);
}

#[test]
fn servers_may_be_asked_more_slowly_than_was_signed_or_not_at_all() {
    for (from, to, field) in [
        ("[unicast]\nurl = \"http://192.0.2.1/{sha256}\"\n", "", "HTTP URLs"),
        ("[unicast]\n", "[unicast]\nwindow_s = 7200\n", "window_s"),
        ("[unicast]\n", "[unicast]\nafter_cycles = 9\n", "after_cycles"),
    ] {
        let mut site = Site::new();
        site.signed(&site.release(42));
        site.channels = site.channels.replace(from, to);
        let plan = site.plan(BOTH);
        assert!(plan.is_fit(), "{:?}", plan.errors);
        let told: Vec<_> = plan.warnings.iter().map(ToString::to_string).collect();
        assert!(told.iter().all(|it| it.contains("boxes follow the latter")), "{told:#?}");
        assert!(
            told.iter().any(|it| it.contains(&format!("`boot`: {field} is signed"))),
            "{told:#?}"
        );
    }
}

#[test]
fn what_no_release_can_state_has_a_reason() {
    let site = Site::new();
    let line_up = site.line_up("roots = [\"1.root.cose\"]");
    let contents = Contents::survey(&line_up, &mut Vec::new());
    let refused = |object| {
        let id = ObjectId { channel: 0, object };
        object_on_air(&line_up, &contents, id, ObjectKind::Image).unwrap_err().message
    };
    assert!(refused(2).contains("object `clock` is made from the line-up"), "{}", refused(2));
    assert!(refused(9).contains("no such object"));
    std::fs::remove_file(site.directory.path().join("boot.img")).unwrap();
    assert!(refused(0).contains("boot.img"), "{}", refused(0));
}

#[test]
fn roots_are_a_chain_from_the_oldest_to_the_newest() {
    let site = Site::new();
    for number in 2..=3 {
        site.file(&format!("{number}.root.cose"), &sign_root(&root(number)));
    }
    let chain = "roots = [\"1.root.cose\", \"2.root.cose\", \"3.root.cose\"]";
    let plan = site.plan(chain);
    assert!(plan.is_fit(), "{:?}", plan.errors);
    assert_eq!(plan.trust.unwrap().root, 3);
    assert!(
        site.told("roots = [\"2.root.cose\", \"3.root.cose\"]").is_empty(),
        "older ones may be gone"
    );
    let gap = site.told("roots = [\"1.root.cose\", \"3.root.cose\"]");
    assert_one(&gap, &["3.root.cose"]);
    let back = site.told("roots = [\"2.root.cose\", \"1.root.cose\"]");
    assert_one(&back, &["1.root.cose"]);
    // Signed by its own key alone.
    site.file("2.root.cose", &root(2).sign(&[&key(2)]).unwrap());
    let alone = site.told("roots = [\"1.root.cose\", \"2.root.cose\"]");
    assert_one(&alone, &["2.root.cose: boxes that hold root 1 refuse it: 0 root keys signed"]);
}

#[test]
fn a_statement_that_is_not_signed_as_it_must_be_is_an_error() {
    let site = Site::new();
    let release = site.release(42);
    let mut bytes = site.signed(&release);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    site.file("42.release.cose", &bytes);
    assert_one(
        &site.told(BOTH),
        &["42.release.cose: boxes that hold root 1 refuse it: the signature by key"],
    );
    site.file("42.release.cose", &release.sign(&key(101)).unwrap());
    assert_one(&site.told(BOTH), &["may not sign this release"]);
    site.file("42.release.cose", b"no statement");
    assert_one(&site.told(BOTH), &["42.release.cose: boxes that hold root 1 refuse it"]);
    site.file("1.root.cose", b"no statement");
    let told = site.told("roots = [\"1.root.cose\"]");
    assert_one(&told, &["1.root.cose"]);
    let site = Site::new();
    site.signed(&release);
    let told = site.told("roots = [\"1.root.cose\"]\npermits = [\"42.release.cose\"]");
    assert_one(&told, &["it is a release, and stands among the permits"]);
}

#[test]
fn what_no_box_would_install_is_an_error() {
    let site = Site::new();
    let with = |change: &dyn Fn(&mut Release)| {
        let mut release = site.release(42);
        change(&mut release);
        site.signed(&release);
        site.told(BOTH)
    };
    assert_one(
        &with(&|it| it.operator = "other-tv".to_owned()),
        &["it is for boxes of `other-tv`, and the root for `example-tv`"],
    );
    assert_one(&with(&|it| it.epoch = 2), &["security epoch 2, and root 1 asks for 3 or more"]);
    assert_one(&with(&|it| it.expiry = now() - 1), &["release 42 expired at", "Z: "]);
    assert_one(
        &with(&|it| it.expiry = now() + 5 * DAY + 60),
        &["release 42 expires at", "in 5 days"],
    );
    assert_one(
        &with(&|it| it.not_before = now() + DAY),
        &["release 42 is valid from", "the time that they hear is not signed"],
    );
    assert_one(
        &with(&|it| it.not_before = now() + 31 * DAY),
        &["release 42 is valid from", "whatever expires before that date"],
    );
    assert!(site.plan(BOTH).is_fit(), "that may be wanted");
    let mut old = root(1);
    old.expiry = now() - 1;
    site.signed(&site.release(42));
    site.file("1.root.cose", &sign_root(&old));
    assert_one(&site.told(BOTH), &["root expired at"]);
    site.file("2.root.cose", &sign_root(&root(2)));
    let told =
        site.told("roots = [\"1.root.cose\", \"2.root.cose\"]\nreleases = [\"42.release.cose\"]");
    assert!(told.is_empty(), "the newest root counts: {told:#?}");
}

#[test]
fn a_number_is_one_release_for_each_box() {
    let site = Site::new();
    let mut release = site.release(42);
    site.signed(&release);
    let both = "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\", \"other.cose\"]";
    release.hardware = 9..=19;
    site.file("other.cose", &release.sign(&key(100)).unwrap());
    let parts = ["other.cose: release 42 for `vip1113` is in", "42.release.cose, too", "SHA-256"];
    assert_one(&site.told(both), &parts);
    release.hardware = 10..=19;
    site.file("other.cose", &release.sign(&key(100)).unwrap());
    assert!(site.told(both).is_empty(), "no box has both revisions");
    let statements = site.plan(both).trust.unwrap().statements;
    assert_eq!(statements.iter().filter(|it| it.name == "release:42").count(), 2);
    release.hardware = 0..=9;
    release.models = vec!["vip4302".to_owned()];
    site.file("other.cose", &release.sign(&key(100)).unwrap());
    assert!(site.told(both).is_empty());
}

#[test]
fn a_permit_leads_to_a_release_on_air() {
    let site = Site::new();
    let bytes = site.signed(&site.release(42));
    let permit = Permit {
        operator: "example-tv".to_owned(),
        models: vec!["vip1113".to_owned()],
        serials: Vec::new(),
        from: 43,
        to: 42,
        release: Digest::of(&bytes).bytes(),
        expiry: now() + 30 * DAY,
    };
    let keys = [key(100), key(101)];
    site.file("back.cose", &permit.sign(&[&keys[0], &keys[1]]).unwrap());
    let all = format!("{BOTH}\npermits = [\"back.cose\"]");
    let plan = site.plan(&all);
    assert!(plan.errors.is_empty() && plan.warnings.is_empty(), "{plan:?}");
    let names: Vec<_> = plan.trust.unwrap().statements.into_iter().map(|it| it.name).collect();
    assert!(
        names[1].starts_with("permit:") && names[1].len() == 23 && names[2] == "release:42",
        "{names:?}"
    );
    let told = site.told("roots = [\"1.root.cose\"]\npermits = [\"back.cose\"]");
    assert_one(&told, &["leads to a release 42 that is not on air"]);
    site.file("back.cose", &permit.sign(&[&keys[0]]).unwrap());
    assert_one(&site.told(&all), &["0 channel keys signed: 1 have to"]);
}

#[test]
fn what_is_loaded_is_compared_with_the_copies_that_are_sent() {
    use crate::announced::Numbers;
    use crate::killed::Killed;
    use crate::programme::Stock;
    use crate::roster::Roster;
    let site = Site::new();
    site.signed(&site.release(42));
    let mut spool =
        crate::spool::Spool::open(&site.directory.path().join("spool"), 1 << 30).unwrap();
    let mut numbers = Numbers::default();
    let mut load = || {
        let line_up = site.line_up(BOTH);
        let stock = Stock::load(&line_up, &mut spool, &mut numbers)?;
        stock.programme(&Roster::all(&line_up), &Killed::default())
    };
    let programme = load().unwrap();
    let locations: Vec<_> =
        programme.statements.iter().map(|it| it.file().location.as_str().to_owned()).collect();
    assert_eq!(locations, ["root:1", "release:42"]);
    let again = load().unwrap();
    assert_eq!(again.statements, programme.statements, "under the same numbers");
    site.file("boot.img", &[9; 900_000]);
    let findings = load().unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings[0].message.contains("SHA-256 is signed as"), "{findings:?}");
}

#[test]
fn a_killed_release_and_one_whose_object_is_off_the_air_are_not_said() {
    use crate::announced::Numbers;
    use crate::killed::{Entry, Killed};
    use crate::programme::Stock;
    use crate::roster::Roster;
    let site = Site::new();
    site.signed(&site.release(42));
    let mut spool =
        crate::spool::Spool::open(&site.directory.path().join("spool"), 1 << 30).unwrap();
    let line_up = site.line_up(BOTH);
    let stock = Stock::load(&line_up, &mut spool, &mut Numbers::default());
    let stock = stock.unwrap_or_else(|findings| panic!("{findings:?}"));
    let said = |roster: &Roster, killed: &str| {
        let killed: Killed = [Entry::parse(killed).unwrap()].into_iter().collect();
        let programme = stock.programme(roster, &killed).unwrap();
        let location = |it: &stbcast_flute::Statement| it.file().location.as_str().to_owned();
        let said: Vec<_> = programme.statements.iter().map(location).collect();
        (said.join(" "), programme.statements_expire.is_some(), programme.absent.dead.digests.len())
    };
    let all = Roster::all(&line_up);
    let both = "root:1 release:42".to_owned();
    assert_eq!(said(&all, "release 41"), (both, true, 0));
    let root = "root:1".to_owned();
    assert_eq!(said(&all, "release 42"), (root.clone(), true, 2), "its images are killed with it");
    let silent = Roster { channels: vec![None; line_up.channels.len()], ..all.clone() };
    assert_eq!(said(&silent, "release 1"), (root.clone(), true, 0));
    let trust = line_up.trust.as_ref().unwrap();
    let unsaid = Digest::of(&trust.releases[0].bytes).bytes();
    assert_eq!(said(&Roster { unsaid: [unsaid].into(), ..all }, "release 1"), (root, true, 0));
}

#[test]
fn a_permit_from_a_release_that_stays_on_air_is_warned_about() {
    let site = Site::new();
    let older = site.signed(&site.release(42));
    let mut newer = site.release(43);
    site.signed(&newer);
    let permit = Permit {
        operator: "example-tv".to_owned(),
        models: vec!["vip1113".to_owned()],
        serials: Vec::new(),
        from: 43,
        to: 42,
        release: Digest::of(&older).bytes(),
        expiry: now() + 90 * DAY,
    };
    let all = "roots = [\"1.root.cose\"]\nreleases = [\"42.release.cose\", \"43.release.cose\"]\n\
               permits = [\"back.cose\"]";
    let set = |permit: Permit| {
        site.file("back.cose", &permit.sign(&[&key(100), &key(101)]).unwrap());
    };
    set(permit.clone());
    assert_one(&site.told(all), &["back.cose: nobody goes back", "release 43 ("]);
    set(Permit { from: 44, ..permit.clone() });
    assert!(site.told(all).is_empty(), "who committed 44 does not follow 43");
    set(permit);
    newer.hardware = 10..=19;
    site.signed(&newer);
    assert!(site.told(all).is_empty(), "who may go back cannot follow 43");
}
