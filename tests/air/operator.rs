//! An operator's keys, and statements signed with them.

use std::time::{SystemTime, UNIX_EPOCH};

use stbcast::contents::Contents;
use stbcast::lineup::{self, LineUp, ObjectId};
use stbcast::signed::object_on_air;
use stbcast_release::{
    KeyRole, Object, ObjectKind, Permit, PublicKey, Release, Root, SigningKey, digest,
};

use super::harness::Site;

pub(crate) const OPERATOR: &str = "example-tv";
pub(crate) const MODEL: &str = "vip1113";

const DAY: u64 = 86_400;

/// The keys are those of these seeds.
const RELEASE: u8 = 100;
pub(crate) const CHANNEL: u8 = 101;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn role(seed: u8) -> KeyRole {
    KeyRole::new(1, [key(seed).public().unwrap()])
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Root `number`, whose root key is of that seed.
pub(crate) fn root(number: u8) -> Vec<u8> {
    root_with(number, RELEASE)
}

/// The same with another release key.
pub(crate) fn root_with(number: u8, release: u8) -> Vec<u8> {
    sign_root(&document(OPERATOR, number, release))
}

/// Root 1 with this channel key.
pub(crate) fn root_with_channel(channel: PublicKey) -> Vec<u8> {
    sign_root(&Root { channel: KeyRole::new(1, [channel]), ..document(OPERATOR, 1, RELEASE) })
}

/// The first root of another operator with keys of their own.
pub(crate) fn root_of(operator: &str, seed: u8) -> Vec<u8> {
    let document = Root { root: role(seed), ..document(operator, 1, seed + 50) };
    document.sign(&[&key(seed)]).unwrap()
}

fn document(operator: &str, number: u8, release: u8) -> Root {
    Root {
        number: number.into(),
        operator: operator.to_owned(),
        epoch: 1,
        expiry: now() + 900 * DAY,
        root: role(number),
        release: role(release),
        channel: role(CHANNEL),
    }
}

fn sign_root(document: &Root) -> Vec<u8> {
    let number = u8::try_from(document.number).unwrap();
    let keys = [key(number), key(number - 1)];
    let signers = if number == 1 { &keys[..1] } else { &keys[..] };
    document.sign(&signers.iter().collect::<Vec<_>>()).unwrap()
}

/// The object of this name, as a line-up has it on air.
pub(crate) fn on_air(site: &Site, name: &str, kind: ObjectKind) -> Object {
    let line_up = line_up(site);
    let contents = Contents::survey(&line_up, &mut Vec::new());
    let places = line_up.channels.iter().enumerate().flat_map(|(channel, it)| {
        it.objects.iter().enumerate().map(move |(object, it)| (ObjectId { channel, object }, it))
    });
    let named = places.into_iter().find(|(_, object)| object.name.to_string() == name);
    object_on_air(&line_up, &contents, named.expect("an object").0, kind).unwrap()
}

/// The line-up as it is written, statements left aside.
fn line_up(site: &Site) -> LineUp {
    let text = std::fs::read_to_string(site.write()).unwrap();
    let without = text.split("[trust]").next().unwrap();
    let reading = lineup::parse(without, site.directory.path());
    reading.line_up.unwrap_or_else(|| panic!("refused: {:?}", reading.findings))
}

/// Release `number` of these objects.
pub(crate) fn release(number: u64, objects: Vec<Object>) -> Release {
    Release {
        number,
        epoch: 1,
        operator: OPERATOR.to_owned(),
        models: vec![MODEL.to_owned()],
        hardware: 0..=9,
        not_before: now() - DAY,
        expiry: now() + 90 * DAY,
        objects,
    }
}

pub(crate) fn sign(release: &Release) -> Vec<u8> {
    release.sign(&key(RELEASE)).unwrap()
}

/// A permit from release `from` to the one that was signed as `bytes`.
pub(crate) fn permit(from: u64, to: u64, bytes: &[u8]) -> Vec<u8> {
    let permit = Permit {
        operator: OPERATOR.to_owned(),
        models: vec![MODEL.to_owned()],
        serials: Vec::new(),
        from,
        to,
        release: digest(bytes),
        expiry: now() + DAY,
    };
    permit.sign(&[&key(RELEASE), &key(CHANNEL)]).unwrap()
}

/// Root 1 and release `number` of the image `boot`, written beside the line-up and into it.
pub(crate) fn trusting(site: &mut Site, number: u64) -> Vec<u8> {
    let release = sign(&release(number, vec![on_air(site, "boot", ObjectKind::Image)]));
    site.file("1.root.cose", &root(1));
    site.file(&format!("{number}.release.cose"), &release);
    site.add(&format!(
        "[trust]\nroots = [\"1.root.cose\"]\nreleases = [\"{number}.release.cose\"]\n"
    ));
    release
}
