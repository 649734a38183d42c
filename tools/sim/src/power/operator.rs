//! Whoever signs the releases, and the box that they are for.

use std::num::NonZeroU16;

use stbcast_bootcast::Part;
use stbcast_flute::fdt::{File, toi_candidates};
use stbcast_flute::{AnnounceSession, FdtSettings, Statement, Step};
use stbcast_object::{Group, Micros};
use stbcast_release::{
    Code, Companion, Identity, KeyRole, Layout, Object as Signed, ObjectKind, Release, Root,
    SigningKey, digest,
};

use super::PowerError;
use super::release::{Object, START};

const MODEL: &str = "MODEL-1";

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn role(number: u8) -> Result<KeyRole, PowerError> {
    Ok(KeyRole::new(1, [key(number).public()?]))
}

/// The box that all releases are for.
pub fn identity() -> Identity {
    Identity { model: MODEL.to_owned(), hardware: 3, serial: "1".to_owned() }
}

/// A root document, signed; each has the same keys.
///
/// # Errors
/// None, with these keys.
pub fn root(number: u64) -> Result<Vec<u8>, PowerError> {
    let root = Root {
        number,
        operator: "operator".to_owned(),
        epoch: 0,
        expiry: u64::from(u32::MAX),
        root: role(1)?,
        release: role(2)?,
        channel: role(3)?,
    };
    Ok(root.sign(&[&key(1)])?)
}

/// A release of these objects, signed. Its epoch is its number, and its time a thousand times that.
///
/// # Errors
/// When an object cannot be described.
pub fn release(number: u64, objects: &[Object]) -> Result<Vec<u8>, PowerError> {
    let release = Release {
        number,
        epoch: number as u32,
        operator: "operator".to_owned(),
        models: vec![MODEL.to_owned()],
        hardware: 1..=9,
        not_before: number * 1_000,
        expiry: u64::from(u32::MAX),
        objects: objects.iter().map(signed).collect::<Result<_, _>>()?,
    };
    Ok(release.sign(&key(2))?)
}

fn signed(object: &Object) -> Result<Signed, PowerError> {
    let announced = &object.announcement;
    let companion = announced.companion.map(|one| Companion { group: one.group, tsi: one.tsi });
    let layout = match announced.geometry {
        None => None,
        Some(geometry) => Some(Layout {
            symbol_bytes: NonZeroU16::new(geometry.symbol_bytes()).ok_or(PowerError::Empty)?,
            code: Code::Rs8 {
                block_symbols: geometry
                    .block_symbols()
                    .try_into()
                    .map_err(|_| PowerError::Empty)?,
            },
        }),
    };
    Ok(Signed {
        kind: match object.part {
            Part::Kernel => ObjectKind::Image,
            Part::Splash => ObjectKind::Splash,
            Part::Diagnostic => ObjectKind::Diagnostic,
        },
        name: object.part.word().to_owned(),
        length: object.content.length,
        sha256: object.content.sha256,
        slice_bytes: announced.slice_bytes.ok_or(PowerError::Empty)?,
        url: object.target.to_string(),
        companion,
        layout,
        http: Vec::new(),
        http_after: Signed::HTTP_AFTER_DEFAULT,
        http_window_s: Signed::HTTP_WINDOW_S_DEFAULT,
    })
}

/// One pass of an announce session that carries these statements.
///
/// # Errors
/// When one cannot be sent.
pub fn announced(statements: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, PowerError> {
    let mut sent = Vec::new();
    for (at, bytes) in statements.iter().enumerate() {
        let toi = toi_candidates(&digest(bytes)).next().ok_or(PowerError::Empty)?;
        let file = File::new(&format!("release:{at}"), toi)?;
        sent.push(Statement::new(file, bytes.clone().into())?);
    }
    let mut session = AnnounceSession::new(FdtSettings::new(1), Vec::new(), START)?;
    session.set(Vec::new(), sent, START)?;
    let mut out = Vec::new();
    while let Step::Fdt(bytes) = session.next(Micros::ZERO, START) {
        out.push(bytes);
    }
    Ok(out)
}

/// Where statements are announced.
///
/// # Errors
/// None: it is a multicast address.
pub fn group() -> Result<Group, PowerError> {
    Ok(Group::new(std::net::Ipv4Addr::new(239, 255, 2, 3).into(), stbcast_flute::ANNOUNCE_PORT)?)
}
