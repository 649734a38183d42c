//! An operator's keys, its releases, and a box, all legal: each test changes one thing.

#![allow(dead_code, reason = "each test binary uses a part")]

use stbcast_object::Group;
use stbcast_receiver::TrustedOptions;
use stbcast_release::{
    Action, Code as SignedCode, Companion, Identity, KeyRole, Layout, Object, ObjectKind, Order,
    Permit, Release, Root, SigningKey, Standing, Trust, When, digest,
};

use super::headend::{Code, Revision, START, announce, group};

/// The time on air, in seconds since the Unix epoch.
pub const NOW: u64 = START.0 / 1_000_000;
pub const DAY: u64 = 86_400;
pub const SPLASH: &[u8] = b"a picture";

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn keys(numbers: &[u8]) -> KeyRole {
    KeyRole::new(1, numbers.iter().map(|number| key(*number).public().unwrap()))
}

/// Root 1: root key 1, release keys 11 and 12, channel key 21.
pub fn root() -> Root {
    Root {
        number: 1,
        operator: "example-tv".into(),
        epoch: 2,
        expiry: NOW + 3_650 * DAY,
        root: keys(&[1]),
        release: keys(&[11, 12]),
        channel: keys(&[21]),
    }
}

/// Root 2: release key 13 in place of the others.
pub fn next_root() -> Root {
    Root { number: 2, release: keys(&[13]), ..root() }
}

pub fn root_bytes() -> Vec<u8> {
    root().sign(&[&key(1)]).unwrap()
}

pub fn next_root_bytes() -> Vec<u8> {
    next_root().sign(&[&key(1)]).unwrap()
}

pub fn image(seed: u64) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (60, 1), Code::Rs16(61))
}

pub fn image_object(revision: &Revision) -> Object {
    Object {
        kind: ObjectKind::Image,
        name: "image".into(),
        length: revision.bytes.len() as u64,
        sha256: revision.sha256(),
        slice_bytes: revision.slice_bytes,
        url: revision.target().to_string(),
        companion: revision.companion.map(|one| Companion {
            group: Group::parse(&one.group.to_string(), None).unwrap(),
            tsi: one.tsi,
        }),
        layout: Some(Layout {
            symbol_bytes: 60.try_into().unwrap(),
            code: SignedCode::Rs16 { block_symbols: 61.try_into().unwrap() },
        }),
        http: Vec::new(),
        http_after: Object::HTTP_AFTER_DEFAULT,
        http_window_s: Object::HTTP_WINDOW_S_DEFAULT,
    }
}

pub fn splash_object() -> Object {
    Object {
        kind: ObjectKind::Splash,
        name: "splash".into(),
        length: SPLASH.len() as u64,
        sha256: digest(SPLASH),
        slice_bytes: 1_400.try_into().unwrap(),
        url: format!("infocast://{}/splash", group(13)),
        companion: None,
        layout: None,
        http: Vec::new(),
        http_after: Object::HTTP_AFTER_DEFAULT,
        http_window_s: Object::HTTP_WINDOW_S_DEFAULT,
    }
}

/// Release `number` with an image and a splash, valid from yesterday for 90 days.
pub fn release(number: u64, revision: &Revision) -> Release {
    Release {
        number,
        epoch: 3,
        operator: "example-tv".into(),
        models: vec!["VIP1113".into(), "VIP1853".into()],
        hardware: 1..=7,
        not_before: NOW - DAY,
        expiry: NOW + 90 * DAY,
        objects: vec![image_object(revision), splash_object()],
    }
}

pub fn signed(release: &Release) -> Vec<u8> {
    release.sign(&key(11)).unwrap()
}

pub fn permit(from: u64, to: &Release) -> Vec<u8> {
    let permit = Permit {
        operator: "example-tv".into(),
        models: vec!["VIP1113".into()],
        serials: Vec::new(),
        from,
        to: to.number,
        release: digest(&signed(to)),
        expiry: NOW + 7 * DAY,
    };
    permit.sign(&[&key(11), &key(21)]).unwrap()
}

/// All boxes below release 42 reboot within a minute, for a day from now.
pub fn reboot() -> Action {
    Action {
        number: NOW,
        operator: "example-tv".into(),
        models: Vec::new(),
        serials: Vec::new(),
        hardware: 0..=u32::MAX,
        not_before: NOW - 3_600,
        expiry: NOW + DAY,
        order: Order::Reboot { release: 42, jitter_s: 60, when: When::Now },
    }
}

pub fn kill(release: &Release) -> Action {
    let order = Order::Kill { number: release.number, release: digest(&signed(release)) };
    Action { order, ..reboot() }
}

pub fn acted(action: &Action) -> Vec<u8> {
    action.sign(&key(21)).unwrap()
}

/// A box that has committed release 41, and whose clock is right.
pub fn options() -> TrustedOptions {
    let identity = Identity { model: "VIP1113".into(), hardware: 3, serial: "1931690851".into() };
    let standing = Standing {
        installed: Some([0x41; 32]),
        number: Some(41),
        epoch: 3,
        time_floor: NOW - 30 * DAY,
        denied: Vec::new(),
        denied_up_to: None,
    };
    let trust = Trust::new(&root_bytes()).unwrap();
    TrustedOptions {
        clock: Some(NOW),
        ..TrustedOptions::new(trust, identity, standing, announce())
    }
}
