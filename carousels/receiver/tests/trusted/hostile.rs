//! What is not signed, not for this box, or a flood.

use stbcast_flute::fdt::File;
use stbcast_flute::{AnnounceSession, FdtSettings, Statement, Step};
use stbcast_object::Micros;
use stbcast_receiver::{FetchError, Input, TrustedBoot, TrustedOptions, TrustedOutcome, limits};
use stbcast_release::{Check, Release, Root, SigningKey, Standing, cosign, digest, without};

use super::headend::{Headend, Revision, START, Sent, announce, channel, companion};
use super::sample::{
    DAY, NOW, image, key, next_root, options, permit, release, root, root_bytes, signed,
};
use super::stb::{Stb, play, play_with};

/// Plays to a box with these statements on air, and the image they may name.
pub fn boot(options: TrustedOptions, revision: &Revision, statements: &[Vec<u8>]) -> Stb {
    let mut headend = Headend::new(revision, 0.3);
    headend.state(vec![revision.file()], statements);
    let mut stb = Stb::new(options);
    play(&mut stb, &mut headend, 30);
    stb
}

/// A statement with one bit of it changed.
fn flipped(statement: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = statement.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[test]
pub fn whatever_is_not_signed_for_this_box_is_refused_and_nothing_is_fetched() {
    let revision = image(31);
    let one = || release(42, &revision);
    let of = |change: &dyn Fn(&mut Release)| {
        let mut release = one();
        change(&mut release);
        vec![signed(&release)]
    };
    let plain = signed(&one());
    let foreign_root = Root { operator: "other-tv".into(), ..next_root() };
    let lower = release(40, &revision);
    let without_clock = |time_floor| {
        let standing = Standing { time_floor, ..options().standing };
        TrustedOptions { clock: Some(0), standing, ..options() }
    };
    let mut of_no_domain = plain.clone();
    let domain = plain.windows(12).position(|bytes| bytes == b"release+cbor").unwrap();
    of_no_domain[domain] = b'R';
    let cases: Vec<(&str, TrustedOptions, Vec<Vec<u8>>)> = vec![
        ("unknown_key", options(), vec![one().sign(&key(66)).unwrap()]),
        ("unknown_key", options(), vec![one().sign(&key(21)).unwrap()]),
        ("unknown_key", options(), vec![one().sign(&key(1)).unwrap()]),
        ("signature", options(), vec![flipped(&plain, plain.len() - 1)]),
        ("signature", options(), vec![flipped(&plain, plain.len() / 2)]),
        ("model", options(), of(&|it| it.models = vec!["VIP9999".into()])),
        ("hardware", options(), of(&|it| it.hardware = 4..=9)),
        ("operator", options(), of(&|it| it.operator = "other-tv".into())),
        ("expired", options(), of(&|it| it.expiry = NOW)),
        ("not_yet_valid", options(), of(&|it| it.not_before = NOW + DAY)),
        // A clock at epoch 0: what the box remembers counts, and what nobody heard is not yet.
        ("expired", without_clock(NOW), of(&|it| it.expiry = NOW)),
        ("epoch", options(), of(&|it| it.epoch = 2)),
        ("domain", options(), vec![of_no_domain]),
        ("rollback", options(), vec![signed(&release(41, &revision))]),
        ("rollback", options(), vec![signed(&lower)]),
        ("rollback", options(), vec![signed(&lower), permit(50, &lower)]),
        ("rollback", options(), vec![signed(&lower), permit(41, &release(39, &revision))]),
        ("operator", options(), vec![foreign_root.sign(&[&key(1)]).unwrap()]),
        ("threshold", options(), vec![next_root().sign(&[&key(11)]).unwrap()]),
        ("encoding", options(), vec![b"no COSE at all".to_vec()]),
        (
            "denied",
            TrustedOptions {
                standing: Standing { denied: vec![digest(&plain)], ..options().standing },
                ..options()
            },
            vec![plain.clone()],
        ),
    ];
    for (label, options, statements) in cases {
        let stb = boot(options, &revision, &statements);
        stb.assert_nothing_armed();
        assert_eq!(*stb.outcome(), TrustedOutcome::NothingUsable, "{label}");
        assert!(stb.refused().contains(&label), "{label}: {:?}", stb.refused());
        assert!(!stb.joined.contains(&channel()) && stb.slots.begun.is_empty(), "{label}");
    }
}

#[test]
pub fn a_root_that_does_not_follow_is_not_stored() {
    let revision = image(32);
    for number in [3, 7] {
        let skipped = Root { number, ..next_root() }.sign(&[&key(1)]).unwrap();
        let stb = boot(options(), &revision, &[skipped, root_bytes()]);
        assert!(stb.refused().contains(&"root_number"), "{:?}", stb.refused());
        assert!(stb.slots.remembered.is_empty() && stb.report().root == root().number);
    }
}

#[test]
pub fn an_object_of_another_release_in_the_place_of_one_is_never_armed() {
    let (signed_one, on_air) = (image(33), image(34));
    let mut headend = Headend::new(&on_air, 0.3);
    headend.state(vec![on_air.file()], &[signed(&release(42, &signed_one))]);
    let mut stb = Stb::new(TrustedOptions { attempts: 1, ..options() });
    play(&mut stb, &mut headend, 120);
    stb.assert_nothing_armed();
    let TrustedOutcome::Failed { error, .. } = stb.outcome() else { panic!("{:?}", stb.outcome()) };
    assert!(matches!(error, FetchError::Digest { .. } | FetchError::Absent { .. }), "{error}");
}

#[test]
pub fn an_object_that_no_slot_has_room_for_is_not_begun() {
    let revision = image(35);
    let options = TrustedOptions { length_max: 10_000, ..options() };
    let stb = boot(options, &revision, &[signed(&release(42, &revision))]);
    stb.assert_nothing_armed();
    let length = revision.bytes.len() as u64;
    let error = FetchError::TooLarge { length };
    assert!(matches!(stb.outcome(), TrustedOutcome::Failed { error: it, .. } if *it == error));
    assert!(stb.slots.begun.is_empty(), "taken: {:?}", stb.slots.begun);
}

/// Statements as somebody else sends them.
struct Flood {
    true_one: Vec<u8>,
    sent: u32,
    looked_at: u64,
}

impl Flood {
    /// The next datagrams of a millisecond, ten thousand a second: each another true release with
    /// another signature.
    fn next(&mut self) -> Vec<Sent> {
        (0..10).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Sent {
        self.sent += 1;
        let mut bytes = self.true_one.clone();
        let signature = bytes.len() - 40;
        bytes[signature..signature + 4].copy_from_slice(&self.sent.to_be_bytes());
        in_datagram(bytes)
    }
}

/// A statement as anybody can send it.
fn in_datagram(bytes: Vec<u8>) -> Sent {
    let file = File::new("release:42", 42).unwrap();
    let statement = Statement::new(file, bytes.into()).unwrap();
    let mut session = AnnounceSession::new(FdtSettings::new(1), Vec::new(), START).unwrap();
    session.set(Vec::new(), vec![statement.clone()], START).unwrap();
    let mut last = Vec::new();
    while let Step::Fdt(bytes) = session.next(Micros::ZERO, START) {
        last = bytes;
    }
    assert!(last.len() == statement.datagram_bytes());
    Sent { group: announce(), bytes: last, carries_symbol: false }
}

/// Boots in a flood: how many signatures were verified in it, and how long it took.
fn flooded(revision: &Revision) -> (Stb, u64) {
    let true_one = signed(&release(42, revision));
    let mut headend = Headend::new(revision, 0.3);
    headend.state(vec![revision.file()], std::slice::from_ref(&true_one));
    let mut flood = Flood { true_one, sent: 0, looked_at: 0 };
    let mut stb = Stb::new(options());
    let stranger = "192.0.2.66".parse().unwrap();
    play_with(&mut stb, &mut headend, 8, |stb, headend| {
        for one in flood.next() {
            stb.hear_from(stranger, headend.now, &one);
        }
    });
    let refused = &stb.report().refused;
    flood.looked_at = refused.iter().map(|one| one.count).sum();
    (stb, flood.looked_at)
}

#[test]
pub fn a_flood_of_forged_statements_is_looked_at_at_a_bounded_rate_and_the_boot_completes() {
    let revision = image(36);
    let (stb, looked_at) = flooded(&revision);
    stb.assert_armed(42, &revision.bytes);
    let seconds = stb.now.0.div_ceil(1_000_000);
    let most = limits::CHECKS_BURST + limits::CHECKS_PER_S * seconds;
    assert!(looked_at <= most, "taken: {looked_at} in {seconds} s");
}

/// The root that is on air with one more signature, which anybody can make: the true one is verified
/// before its number refuses it.
#[test]
fn roots_with_a_strangers_signature_beside_the_true_one_are_looked_at_at_the_rate_allowed() {
    let revision = image(50);
    let mut headend = Headend::new(&revision, 0.3);
    headend.state(vec![revision.file()], &[signed(&release(42, &revision))]);
    let mut stb = Stb::new(options());
    let mut number = 0_u64;
    play_with(&mut stb, &mut headend, 8, |stb, headend| {
        for _ in 0..2 {
            number += 1;
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let bytes = cosign(&root_bytes(), &SigningKey::from_seed(&seed)).unwrap();
            stb.hear_from("192.0.2.66".parse().unwrap(), headend.now, &in_datagram(bytes));
        }
    });
    stb.assert_armed(42, &revision.bytes);
    let verified: u64 = stb.report().refused.iter().map(|one| one.count).sum();
    let seconds = stb.now.0.div_ceil(1_000_000);
    let most = limits::CHECKS_BURST + limits::CHECKS_PER_S * seconds;
    assert!(verified <= most, "{verified} signatures in {seconds} s, {most} are legal");
}

#[test]
pub fn forged_descriptions_do_not_stop_a_signed_release() {
    let revision = image(37);
    let other = image(38);
    let at = |change: &dyn Fn(&mut File)| {
        let mut file = revision.file();
        change(&mut file);
        file
    };
    let forms = [
        File { toi: revision.toi.into(), ..other.file() },
        at(&|file| file.sha256 = Some([7; 32])),
        at(&|file| (file.toi, file.sha256) = (77, Some([7; 32]))),
        at(&|file| file.toi = 78),
        at(&|file| file.content_bytes = None),
        at(&|file| file.announced.companion.as_mut().unwrap().tsi = 1_234),
        File::new("infocast://239.9.9.9:9/x", revision.toi).unwrap(),
        // The numbers that statements have.
        File { toi: 900, ..other.file() },
    ];
    for (form, file) in forms.into_iter().enumerate() {
        let mut headend = Headend::new(&revision, 0.3);
        headend.state(vec![revision.file()], &[signed(&release(42, &revision))]);
        let mut stb = Stb::new(options());
        let mut instance = 0;
        play_with(&mut stb, &mut headend, 30, |stb, headend| {
            if !headend.now.0.is_multiple_of(50_000) {
                return;
            }
            instance += 1;
            let settings = FdtSettings::new(1);
            let wall = START.after(Micros::from_secs(instance));
            let mut liar = AnnounceSession::new(settings, vec![file.clone()], wall).unwrap();
            while let Step::Fdt(bytes) = liar.next(Micros::ZERO, wall) {
                for group in [announce(), companion()] {
                    let sent = Sent { group, bytes: bytes.clone(), carries_symbol: false };
                    stb.hear_from("192.0.2.66".parse().unwrap(), headend.now, &sent);
                }
            }
        });
        assert_eq!(*stb.outcome(), TrustedOutcome::Armed { number: 42 }, "form {form}");
        stb.assert_armed(42, &revision.bytes);
        assert!(stb.now < Micros::from_secs(6), "form {form}: {}", stb.now);
    }
}

#[test]
pub fn a_revoked_releases_statement_that_is_replayed_takes_nobody_back() {
    // A statement of a release that was committed once and is not on air any more.
    let revision = image(39);
    let stb = boot(
        TrustedOptions {
            standing: Standing { number: Some(43), ..options().standing },
            ..options()
        },
        &revision,
        &[signed(&release(42, &revision))],
    );
    stb.assert_nothing_armed();
    assert_eq!(stb.refused(), ["rollback"]);
    let off = without(Check::Number, || {
        let options = TrustedOptions {
            standing: Standing { number: Some(43), ..options().standing },
            ..options()
        };
        boot(options, &revision, &[signed(&release(42, &revision))])
    });
    assert_eq!(*off.outcome(), TrustedOutcome::Armed { number: 42 }, "the test can fail");
}

/// Ten forged releases a millisecond, handed in without a network, so that what is counted is the
/// box's.
#[test]
pub fn a_flood_takes_less_than_a_quarter_of_a_mebibyte_however_long_it_is() {
    let revision = image(40);
    let true_one = signed(&release(42, &revision));
    let mut forged = true_one.clone();
    forged.resize(1_400, 0);
    let mut checked = 0;
    let mut options = Some(options());
    let used = allocation_counter::measure(|| {
        let mut session: TrustedBoot<()> = TrustedBoot::new(options.take().unwrap());
        let mut events = 0;
        events += session.handle(Micros::ZERO, Input::Wake).count();
        for number in 0..40_000_u32 {
            forged[1_000..1_004].copy_from_slice(&number.to_be_bytes());
            let bytes = forged.as_slice().into();
            let now = Micros(u64::from(number) * 100);
            events += session.handle(now, Input::Statement { bytes, heard: None }).count();
        }
        checked = session.stats().descriptions;
        assert!(events < 10, "{events}: a reason is told once");
    });
    assert_eq!(checked, 40_000);
    assert!(used.bytes_max <= 256 << 10, "{}", used.bytes_max);
}
