//! Any bytes, and any values.

use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use crate::sample::*;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use stbcast_object::Group;
use stbcast_release::*;

#[test]
fn no_single_byte_of_a_release_can_be_another() {
    let (trust, genuine) = (trust(), release_bytes());
    for at in 0..genuine.len() {
        let mut forged = genuine.clone();
        for change in 1..=255 {
            forged[at] = genuine[at] ^ change;
            assert!(trust.open(&forged).is_err(), "byte {at} as {:02x}", forged[at]);
        }
    }
}

#[test]
fn no_part_of_a_release_is_one() {
    let (trust, genuine) = (trust(), release_bytes());
    for bytes in 0..genuine.len() {
        assert!(trust.open(&genuine[..bytes]).is_err(), "{bytes} bytes");
        assert!(trust.open(&genuine[genuine.len() - bytes..]).is_err(), "{bytes} bytes");
    }
}

#[test]
fn bytes_that_nobody_signed_cost_little() {
    let trust = trust();
    let full = |start: &[u8], fill: u8| {
        let mut bytes = vec![fill; STATEMENT_BYTES_MAX];
        bytes[..start.len()].copy_from_slice(start);
        bytes
    };
    let header = |fill: &[u8]| {
        let protected = [fill, &vec![0; 250 - fill.len()]].concat();
        crate::forge::message_1(&protected, &[0; 900], &[0; 64])
    };
    for bytes in [
        full(&[], 0x00),
        full(&[], 0x81),
        full(&[], 0xa1),
        full(&[], 0xd2),
        full(&[0xd2, 0x99, 0x05, 0x74], 0x00),
        full(&[0xd2, 0x99, 0x02, 0xba], 0x60),
        full(&[0xd2, 0x84, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0xff),
        full(&[0xd2, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0x00),
        full(&[0xd2, 0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0x00),
        full(&[0xd2, 0x5f], 0x40),
        header(&[0x98, 248]),
        header(&[0xb8, 124]),
        header(&[0xa1, 0x07, 0x83, 0x58, 240]),
    ] {
        let mut outcome = None;
        let cost = allocation_counter::measure(|| outcome = Some(trust.open(&bytes)));
        assert!(outcome.unwrap().is_err());
        let most = 4 * STATEMENT_BYTES_MAX as u64;
        assert!(cost.bytes_max <= most, "{cost:?} for {:02x?}", &bytes[..12]);
        assert!(cost.count_total <= 64, "{cost:?} for {:02x?}", &bytes[..12]);
    }
}

fn word() -> impl Strategy<Value = String> {
    "[!-~]{1,64}"
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_-][A-Za-z0-9._-]{0,30}"
}

fn object_of(kind: ObjectKind) -> impl Strategy<Value = Object> {
    let companion = (any::<u32>(), any::<bool>(), 1..=u16::MAX).prop_map(|(tsi, v6, port)| {
        let address = if v6 { "ff15::2".parse() } else { "239.9.8.7".parse() };
        Companion { group: Group::new(address.unwrap(), port).unwrap(), tsi }
    });
    let code = (0u8..3, 1u32..=200).prop_map(|(code, many)| {
        let block_symbols = NonZeroU32::new(many).unwrap();
        match code {
            0 => Code::Rs8 { block_symbols },
            1 => Code::Rs16 { block_symbols },
            _ => {
                let (blocks, alignment) = (NonZeroU8::new(2).unwrap(), NonZeroU8::new(1).unwrap());
                Code::RaptorQ { blocks, alignment }
            }
        }
    });
    let layout = (1u16..=8, 1u16..=1_000, code, proptest::option::of(companion));
    let http = (vec("https?://[a-z]{1,9}/[!-~]{0,9}", 1..=2), 1..=u8::MAX, 0..=86_400u32);
    let sizes = (200_000u64..400_000, any::<[u8; 32]>());
    let options = (proptest::option::of(layout), proptest::option::of(http));
    (name(), "[A-Za-z0-9_-]{1,20}", sizes, options).prop_map(
        move |(name, path, (length, sha256), (layout, http))| {
            let symbol_bytes = |symbol: u16| NonZeroU16::new(symbol).unwrap();
            let (slice, symbol) = layout.as_ref().map_or((1_000, 1), |&(g, e, ..)| (g * e, e));
            let http = http.unwrap_or_else(|| (Vec::new(), 2, 3_600));
            Object {
                kind,
                name,
                length,
                sha256,
                slice_bytes: symbol_bytes(slice),
                url: format!("infocast://239.1.2.3:5/{path}"),
                companion: layout.as_ref().and_then(|layout| layout.3),
                layout: layout
                    .map(|layout| Layout { symbol_bytes: symbol_bytes(symbol), code: layout.2 }),
                http: http.0,
                http_after: NonZeroU8::new(http.1).unwrap(),
                http_window_s: http.2,
            }
        },
    )
}

fn releases() -> impl Strategy<Value = Release> {
    let numbers = (1..=u64::MAX, any::<u32>(), any::<(u32, u32)>(), any::<(u64, u64)>());
    let image = object_of(ObjectKind::Image);
    let others = (
        proptest::option::of(object_of(ObjectKind::Splash)),
        proptest::option::of(object_of(ObjectKind::Config)),
    );
    let names = (name(), btree_set(word(), 1..=3));
    (numbers, names, image, others).prop_map(|(numbers, (operator, models), image, others)| {
        let (number, epoch, (one, other), (from, to)) = numbers;
        Release {
            number,
            epoch,
            operator,
            models: models.into_iter().collect(),
            hardware: one.min(other)..=one.max(other),
            not_before: from.min(to).min(u64::MAX - 1),
            expiry: from.max(to).max(from.min(to).min(u64::MAX - 1) + 1),
            objects: [Some(image), others.0, others.1].into_iter().flatten().collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_release_is_read_as_it_was_signed(release in releases()) {
        match release.sign(&key(11)) {
            Ok(bytes) => {
                prop_assert_eq!(&open_release(&trust(), &bytes).value, &release);
                prop_assert_eq!(bytes, release.sign(&key(11)).unwrap());
            }
            // Rs8 and Rs16 have a most of blocks, and a statement of bytes.
            Err(Refusal::Size { bytes }) => prop_assert!(bytes > STATEMENT_BYTES_MAX),
            Err(Refusal::Value { field: "the layout of an object", .. }) => {}
            Err(other) => prop_assert!(false, "{other:?}: {release:?}"),
        }
    }

    #[test]
    fn a_permit_is_read_as_it_was_signed(
        models in btree_set(word(), 1..=3), serials in btree_set(word(), 0..=5),
        numbers: (u64, u64), release: [u8; 32], expiry: u64, operator in name(),
    ) {
        let (from, to) = (numbers.0.max(numbers.1).max(1), numbers.0.min(numbers.1).max(1));
        let (models, serials) = (models.into_iter().collect(), serials.into_iter().collect());
        let permit = Permit { operator, models, serials, from, to, release, expiry };
        let bytes = permit.sign(&[&key(21), &key(11)]).unwrap();
        prop_assert_eq!(open_permit(&trust(), &bytes).value, permit);
    }

    #[test]
    fn an_action_is_read_as_it_was_signed(
        models in btree_set(word(), 0..=3), serials in btree_set("[0-9]{6}", 0..=8),
        hardware: (u32, u32), not_before in 1..u64::MAX / 2, life_s in 1..=7 * DAY,
        numbers: (u64, u64, [u8; 32], u32), kill: bool, operator in name(),
    ) {
        let (number, release, digest, jitter) = numbers;
        let serials: Vec<_> = serials.into_iter().collect();
        let serials = serials.chunks(2).map(|pair| Serials {
            first: pair[0].clone(), last: pair[pair.len() - 1].clone(),
        });
        let when = if jitter % 2 == 0 { When::Now } else { When::Idle };
        let jitter_s = u64::from(jitter) % life_s.min(86_401);
        let order = match kill {
            true => Order::Kill { number: release.max(1), release: digest },
            false => Order::Reboot { release, jitter_s: jitter_s as u32, when },
        };
        let expiry = not_before + life_s;
        let action = Action {
            number: number % expiry + 1, operator, models: models.into_iter().collect(),
            serials: serials.collect(), hardware: hardware.0.min(hardware.1)..=hardware.0.max(hardware.1),
            not_before, expiry, order,
        };
        let bytes = action.sign(&key(21)).unwrap();
        prop_assert_eq!(open_action(&trust(), &bytes).value, action);
    }

    #[test]
    fn a_root_is_read_as_it_was_signed(
        number: u64, operator in name(), epoch: u32, expiry: u64, threshold in 1u8..=3,
    ) {
        let number = number.max(1);
        let root = Root { number, operator, epoch, expiry, root: keys(threshold, &[1, 2, 3]), ..root() };
        let bytes = root.sign(&[&key(1), &key(2), &key(3)]).unwrap();
        let trust = Trust::new(&bytes).unwrap();
        prop_assert_eq!(trust.root(), &root);
        prop_assert_eq!(trust.id(), &digest(&bytes));
    }

    #[test]
    fn any_bytes_are_refused(bytes in vec(any::<u8>(), 0..1_500)) {
        let mut trust = trust();
        prop_assert!(trust.open(&bytes).is_err());
        prop_assert!(trust.advance(&bytes).is_err());
        prop_assert!(Trust::new(&bytes).is_err());
        prop_assert!(unverified(&bytes).is_err());
    }

    #[test]
    fn any_signed_payload_is_read_or_refused(
        place in 0usize..300, bytes in vec(any::<u8>(), 0..8), cut in 0usize..8,
    ) {
        let mut payload = crate::forge::payload(&release_bytes());
        let start = place.min(payload.len());
        let end = (start + cut).min(payload.len());
        payload.splice(start..end, bytes);
        let _ = trust().open(&crate::forge::release(&payload, &key(11)));
        let _ = trust().open(&crate::forge::sign_many(crate::forge::ROOT, &payload, &[&key(1), &key(2)]));
    }
}
