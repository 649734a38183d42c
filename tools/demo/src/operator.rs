//! The operator of the demo: keys, a root document, and a release of what is on air.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stbcast::contents::Contents;
use stbcast::lineup::{self, LineUp, ObjectId};
use stbcast::signed::object_on_air;
use stbcast_release::{KeyRole, Object, ObjectKind, Release, Root, SigningKey};

/// Number of the release.
pub(crate) const NUMBER: u64 = 1;

/// Hardware revision of the box that trusts.
pub(crate) const HARDWARE: u32 = 2;

/// What was signed.
pub(crate) struct Statements {
    /// What the box is made with.
    pub(crate) root: Vec<u8>,
    /// Release 1 by the operator.
    pub(crate) release: Vec<u8>,
    /// Release 2 of the same objects by a stranger.
    pub(crate) forged: Vec<u8>,
}

/// Everybody knows the keys of a demo.
fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn role(seed: u8) -> Result<KeyRole, Box<dyn Error>> {
    Ok(KeyRole::new(1, [key(seed).public()?]))
}

/// Signs the image and the splash of a model as the line-up of `text` has them on air.
pub(crate) fn sign(
    text: &str,
    directory: &Path,
    model: &str,
    names: [&str; 2],
) -> Result<Statements, Box<dyn Error>> {
    let reading = lineup::parse(text, directory);
    let line_up = reading.line_up.ok_or("the demo's own line-up is refused")?;
    let contents = Contents::survey(&line_up, &mut Vec::new());
    let mut objects = Vec::new();
    for (name, kind) in names.into_iter().zip([ObjectKind::Image, ObjectKind::Splash]) {
        objects.push(object(&line_up, &contents, name, kind)?);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let expiry = (now + Duration::from_secs(86_400)).as_secs();
    let operator = "demo-tv".to_owned();
    let root = Root {
        number: 1,
        operator: operator.clone(),
        epoch: 0,
        expiry,
        root: role(1)?,
        release: role(2)?,
        channel: role(3)?,
    };
    let release = Release {
        number: NUMBER,
        epoch: 0,
        operator,
        models: vec![model.to_owned()],
        hardware: 0..=HARDWARE,
        not_before: now.as_secs() - 1,
        expiry,
        objects,
    };
    let forged = Release { number: NUMBER + 1, ..release.clone() };
    Ok(Statements {
        root: root.sign(&[&key(1)])?,
        release: release.sign(&key(2))?,
        forged: forged.sign(&key(66))?,
    })
}

fn object(
    line_up: &LineUp,
    contents: &Contents,
    name: &str,
    kind: ObjectKind,
) -> Result<Object, Box<dyn Error>> {
    for (channel, spec) in line_up.channels.iter().enumerate() {
        for (object, one) in spec.objects.iter().enumerate() {
            if one.name.to_string() == name {
                let id = ObjectId { channel, object };
                let stated = object_on_air(line_up, contents, id, kind);
                return stated.map_err(|finding| finding.to_string().into());
            }
        }
    }
    Err(format!("no object {name}").into())
}
