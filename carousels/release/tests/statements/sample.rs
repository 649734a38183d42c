//! Keys, statements and a box, all legal: each test changes one thing.

use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use stbcast_object::Group;
use stbcast_release::{
    Action, Clock, Code, Companion, Identity, KeyRole, Layout, Object, ObjectKind, Order, Permit,
    PublicKey, Release, Root, Serials, Signed, SigningKey, Standing, Statement, Trust, When,
};

/// 2026-11-22 12:00:00 UTC.
pub const NOW: u64 = 1_795_348_800;
pub const DAY: u64 = 86_400;

/// Key `number` of the tests.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

pub fn public(number: u8) -> PublicKey {
    key(number).public().unwrap()
}

pub fn keys(threshold: u8, numbers: &[u8]) -> KeyRole {
    KeyRole::new(threshold, numbers.iter().map(|&number| public(number)))
}

/// Root 1: two of the root keys 1, 2, 3; release keys 11, 12; channel keys 21, 22.
pub fn root() -> Root {
    Root {
        number: 1,
        operator: "example-tv".into(),
        epoch: 2,
        expiry: NOW + 3_650 * DAY,
        root: keys(2, &[1, 2, 3]),
        release: keys(1, &[11, 12]),
        channel: keys(1, &[21, 22]),
    }
}

pub fn root_bytes() -> Vec<u8> {
    root().sign(&[&key(1), &key(2)]).unwrap()
}

/// Root 2 by the keys of root 1, with a change.
pub fn next(change: impl FnOnce(&mut Root)) -> Root {
    let mut root = Root { number: 2, ..root() };
    change(&mut root);
    root
}

pub fn trust() -> Trust {
    Trust::new(&root_bytes()).unwrap()
}

pub fn object(kind: ObjectKind, name: &str) -> Object {
    Object {
        kind,
        name: name.into(),
        length: 33_554_432,
        sha256: [0x42; 32],
        slice_bytes: NonZeroU16::new(1_400).unwrap(),
        url: format!("infocast://239.255.2.11:22222/{name}"),
        companion: Some(Companion {
            group: Group::parse("239.255.2.12:22222", None).unwrap(),
            tsi: 1,
        }),
        layout: Some(Layout {
            symbol_bytes: NonZeroU16::new(1_400).unwrap(),
            code: Code::Rs16 { block_symbols: NonZeroU32::new(23_968).unwrap() },
        }),
        http: vec![format!("http://boot.example/{name}.bin")],
        http_after: NonZeroU8::new(3).unwrap(),
        http_window_s: 1_800,
    }
}

/// Release 42 with one object, valid from yesterday for 90 days.
pub fn release() -> Release {
    Release {
        number: 42,
        epoch: 3,
        operator: "example-tv".into(),
        models: vec!["VIP1113".into(), "VIP1853".into()],
        hardware: 1..=7,
        not_before: NOW - DAY,
        expiry: NOW + 90 * DAY,
        objects: vec![object(ObjectKind::Image, "boot-1113")],
    }
}

pub fn release_bytes() -> Vec<u8> {
    release().sign(&key(11)).unwrap()
}

/// From release 50 down to release 42.
pub fn permit() -> Permit {
    Permit {
        operator: "example-tv".into(),
        models: vec!["VIP1113".into()],
        serials: vec!["1931690851".into()],
        from: 50,
        to: 42,
        release: stbcast_release::digest(&release_bytes()),
        expiry: NOW + 7 * DAY,
    }
}

pub fn permit_bytes() -> Vec<u8> {
    permit().sign(&[&key(11), &key(21)]).unwrap()
}

/// Boxes below release 42 reboot within half an hour, tonight.
pub fn action() -> Action {
    Action {
        number: NOW,
        operator: "example-tv".into(),
        models: vec!["VIP1113".into()],
        serials: vec![
            Serials::one("99"),
            Serials { first: "1931690000".into(), last: "1931699999".into() },
        ],
        hardware: 1..=7,
        not_before: NOW - 3_600,
        expiry: NOW + DAY,
        order: Order::Reboot { release: 42, jitter_s: 1_800, when: When::Idle },
    }
}

pub fn action_bytes() -> Vec<u8> {
    action().sign(&key(21)).unwrap()
}

/// Release 42 is not to be installed by anybody.
pub fn kill() -> Action {
    Action {
        models: Vec::new(),
        serials: Vec::new(),
        hardware: 0..=u32::MAX,
        order: Order::Kill { number: 42, release: stbcast_release::digest(&release_bytes()) },
        ..action()
    }
}

pub fn kill_bytes() -> Vec<u8> {
    kill().sign(&key(21)).unwrap()
}

pub fn open_action(trust: &Trust, bytes: &[u8]) -> Signed<Action> {
    match trust.open(bytes).unwrap() {
        Statement::Action(action) => *action,
        other => panic!("{other:?}"),
    }
}

pub fn open_release(trust: &Trust, bytes: &[u8]) -> Signed<Release> {
    match trust.open(bytes).unwrap() {
        Statement::Release(release) => *release,
        other => panic!("{other:?}"),
    }
}

pub fn open_permit(trust: &Trust, bytes: &[u8]) -> Signed<Permit> {
    match trust.open(bytes).unwrap() {
        Statement::Permit(permit) => *permit,
        other => panic!("{other:?}"),
    }
}

pub fn identity() -> Identity {
    Identity { model: "VIP1113".into(), hardware: 3, serial: "1931690851".into() }
}

/// A box that runs release 41.
pub fn standing() -> Standing {
    Standing {
        installed: Some([0x41; 32]),
        number: Some(41),
        epoch: 3,
        time_floor: NOW - 30 * DAY,
        denied: Vec::new(),
        denied_up_to: None,
    }
}

pub fn clock() -> Clock {
    Clock { own: Some(NOW), heard: None }
}
