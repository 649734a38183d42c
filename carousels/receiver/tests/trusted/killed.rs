//! Releases that are killed: never armed, and not tried again.

use stbcast_object::Micros;
use stbcast_receiver::slots::{Banks, Failed, MemoryMedium};
use stbcast_receiver::{Event, Killed, TrustedOptions, TrustedOutcome};
use stbcast_release::{Action, Release, Standing, digest};

use super::headend::{Headend, Revision};
use super::sample::{DAY, NOW, acted, image, key, kill, options, permit, release, signed};
use super::stb::{Stb, play, play_with, silence};

fn on_air(revision: &Revision, statements: &[Vec<u8>]) -> Headend {
    let mut headend = Headend::new(revision, 0.3);
    headend.state(vec![revision.file()], statements);
    headend
}

fn denied(stb: &Stb) -> Vec<(u64, bool)> {
    let failed = stb.slots.banks.state().failed.iter();
    failed.map(|failed| (failed.number, failed.is_denied())).collect()
}

/// Half of release 42 is there when `statement` goes on air beside it.
fn in_mid_download(statement: &[u8]) -> Stb {
    let revision = image(31);
    let release = release(42, &revision);
    let mut headend = on_air(&revision, &[signed(&release)]);
    let mut stb = Stb::new(options());
    let mut is_said = false;
    play_with(&mut stb, &mut headend, 25, |stb, headend| {
        if !is_said && stb.session.progress().held > 60 {
            is_said = true;
            headend.state(vec![revision.file()], &[signed(&release), statement.to_vec()]);
        }
    });
    assert!(is_said, "it was never half there");
    stb
}

#[test]
pub fn a_release_that_is_killed_in_mid_download_is_not_armed_and_stays_denied() {
    let release = release(42, &image(31));
    let stb = in_mid_download(&acted(&kill(&release)));
    stb.assert_nothing_armed();
    assert_eq!(*stb.outcome(), TrustedOutcome::NothingUsable);
    assert!(stb.refused().contains(&"killed"), "{:?}", stb.refused());
    assert!(stb.events.contains(&Event::Killed { number: 42 }));
    assert_eq!(denied(&stb), [(42, true)]);
    // The next boot hears no kill any more, and knows it still.
    let mut banks = Banks::open(stb.slots.banks.into_medium()).unwrap();
    let standing = Standing { number: Some(41), ..banks.standing() };
    let next = TrustedOptions { standing, ..options() };
    let mut stb = Stb::over(next, banks.into_medium());
    let mut headend = on_air(&image(31), &[signed(&release)]);
    play(&mut stb, &mut headend, 25);
    stb.assert_nothing_armed();
    assert_eq!(stb.refused(), ["denied"]);
}

#[test]
fn the_kill_of_one_release_leaves_the_others_and_the_box_takes_the_next_best() {
    let (bad, good) = (image(32), image(33));
    let (higher, lower) = (release(43, &bad), release(42, &good));
    let statements = [signed(&higher), signed(&lower), acted(&kill(&higher))];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut stb = Stb::new(options());
        play(&mut stb, &mut on_air(&good, &order.map(|at: usize| statements[at].clone())), 25);
        stb.assert_armed(42, &good.bytes);
        assert_eq!(denied(&stb), [(43, true)], "{order:?}");
    }
}

#[test]
fn a_permit_leads_away_from_a_release_that_is_killed_and_installed() {
    let (bad, good) = (image(34), image(35));
    let (bad, old) = (release(43, &bad), release(40, &good));
    let installed = Some(digest(&signed(&bad)));
    let standing = Standing { installed, number: Some(43), ..options().standing };
    let statements = [signed(&bad), signed(&old), permit(43, &old), acted(&kill(&bad))];
    let mut stb = Stb::new(TrustedOptions { standing, ..options() });
    play(&mut stb, &mut on_air(&good, &statements), 25);
    stb.assert_armed(40, &good.bytes);
}

#[test]
fn a_kill_that_is_forged_expired_or_for_others_does_nothing() {
    let release = release(42, &image(31));
    let kill = kill(&release);
    let of = |change: fn(&mut Action)| {
        let mut kill = kill.clone();
        change(&mut kill);
        acted(&kill)
    };
    let mut bent = acted(&kill);
    *bent.last_mut().unwrap() ^= 1;
    let others = Release { number: 43, ..release.clone() };
    for (what, statement) in [
        ("a release key", kill.sign(&key(11)).unwrap()),
        ("a stranger", kill.sign(&key(66)).unwrap()),
        ("a bent signature", bent),
        ("expired", of(|it| (it.not_before, it.expiry, it.number) = (NOW - DAY, NOW, 1))),
        ("not valid yet", of(|it| (it.not_before, it.expiry) = (NOW + DAY, NOW + 2 * DAY))),
        ("another operator", of(|it| it.operator = "another-tv".into())),
        ("another model", of(|it| it.models = vec!["VIP1853".into()])),
        ("other hardware", of(|it| it.hardware = 4..=9)),
        ("another box", of(|it| it.serials = vec![stbcast_release::Serials::one("1")])),
        ("another release", acted(&super::sample::kill(&others))),
    ] {
        let stb = in_mid_download(&statement);
        assert!(matches!(stb.outcome(), TrustedOutcome::Armed { number: 42 }), "{what}");
        assert!(denied(&stb).is_empty(), "{what}");
    }
}

#[test]
fn kills_of_releases_that_nobody_signed_deny_nothing() {
    // Who has the channel key alone must not be able to lock boxes out with numbers of his own.
    let revision = image(36);
    let genuine = release(42, &revision);
    let mut statements = vec![signed(&genuine)];
    for number in 0..12 {
        let made_up = Release { number: u64::MAX - number, ..genuine.clone() };
        statements.push(acted(&kill(&made_up)));
    }
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &statements), 25);
    stb.assert_armed(42, &revision.bytes);
    assert!(stb.slots.banks.state().failed.is_empty());
}

#[test]
fn an_order_to_reboot_is_nothing_to_a_box_that_boots() {
    let revision = image(37);
    let statements = [acted(&super::sample::reboot()), signed(&release(42, &revision))];
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &statements), 25);
    stb.assert_armed(42, &revision.bytes);
    let mut stb = Stb::new(options());
    play(&mut stb, &mut on_air(&revision, &statements[..1]), 5);
    silence(&mut stb, 40);
    assert_eq!(*stb.outcome(), TrustedOutcome::NothingUsable);
    assert!(stb.now >= Micros::from_secs(4));
}

#[test]
fn a_kill_is_remembered_where_a_release_failed_once_before() {
    let mut banks = Banks::open(MemoryMedium::default()).unwrap();
    let killed = vec![Killed { release: [9; 32], number: 9 }];
    let remembered = stbcast_receiver::Remembered { killed, ..Default::default() };
    stbcast_receiver::Storage::remember(&mut banks, &remembered).unwrap();
    stbcast_receiver::Storage::remember(&mut banks, &remembered).unwrap();
    let failed: Vec<Failed> = banks.state().failed.iter().copied().collect();
    assert_eq!(failed, [Failed { release: [9; 32], number: 9, trials: 2 }]);
    assert_eq!(banks.standing().denied, [[9; 32]]);
}
