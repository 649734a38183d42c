//! The root document: who may sign.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::cose::Value;
use crate::fields::{Fields, check, digest};
use crate::labels::{role as label, top};
use crate::legal::is_name;
use crate::limits::KEYS_MAX;
use crate::release::{EPOCH, NUMBER, OPERATOR, TIME};
use crate::{Check, Kid, PublicKey, Refusal, on};

/// What keys sign for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Root documents.
    Root,
    /// Releases, and permits together with [`Role::Channel`].
    Release,
    /// Permits together with [`Role::Release`]; kept at the headend.
    Channel,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Root, Self::Release, Self::Channel];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Release => "release",
            Self::Channel => "channel",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The keys of a role and how many of them have to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRole {
    /// How many different keys have to sign: 1 up to the number of keys. For releases 1.
    pub threshold: u8,
    /// 1 to 8 keys in rising order of their bytes.
    pub keys: Vec<PublicKey>,
}

impl KeyRole {
    /// Keys in order, and how many of them have to sign.
    pub fn new(threshold: u8, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable();
        Self { threshold, keys }
    }

    /// The key with an id.
    pub fn key(&self, kid: Kid) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.kid() == kid)
    }
}

/// A root document. Number N signs N + 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its number, 1 or more.
    pub number: u64,
    /// Whose boxes: 1 to 64 of `[A-Za-z0-9._-]`. The next root has the same.
    pub operator: String,
    /// Least security epoch of a release. The next root has the same or a higher one.
    pub epoch: u32,
    /// Unix seconds from which it lets nothing new in any more.
    pub expiry: u64,
    /// Who signs root documents.
    pub root: KeyRole,
    /// Who signs releases.
    pub release: KeyRole,
    /// Who signs permits, together with the release keys.
    pub channel: KeyRole,
}

impl Root {
    /// The keys of a role. A key is listed once in the whole document.
    pub const fn role(&self, role: Role) -> &KeyRole {
        match role {
            Role::Root => &self.root,
            Role::Release => &self.release,
            Role::Channel => &self.channel,
        }
    }

    /// Reads a payload whose signature holds, or one on the way to finding out.
    pub(crate) fn decode(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::new("the root", value)?;
        let number = fields.number(top::NUMBER, "the root number", NUMBER)?;
        check(number >= 1, "the root number", NUMBER)?;
        let root = Self {
            number,
            operator: fields.text(top::OPERATOR, "the operator", OPERATOR, is_name)?,
            epoch: fields.number(top::EPOCH, "the least epoch", EPOCH)?,
            expiry: fields.number(top::EXPIRY, "the expiry", TIME)?,
            root: KeyRole::decode(fields.value(top::ROOT)?)?,
            release: KeyRole::decode(fields.value(top::RELEASE)?)?,
            channel: KeyRole::decode(fields.value(top::CHANNEL)?)?,
        };
        check(
            root.release.threshold == 1,
            "the threshold of release keys",
            "1, because a release carries one signature",
        )?;
        root.check_keys()?;
        Ok(root)
    }

    /// Whether each key, and each id of a key, stands in it once.
    fn check_keys(&self) -> Result<(), Refusal> {
        let mut kids: Vec<Kid> = Vec::new();
        for key in Role::ALL.iter().flat_map(|&role| &self.role(role).keys) {
            let kid = key.kid();
            if kids.contains(&kid) && on(Check::KeyOnce) {
                return Err(Refusal::KeyOnce { kid });
            }
            kids.push(kid);
        }
        Ok(())
    }

    /// Its payload.
    #[cfg(feature = "sign")]
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        crate::fields::encode(alloc::vec![
            (top::NUMBER, self.number.into()),
            (top::EPOCH, self.epoch.into()),
            (top::OPERATOR, self.operator.as_str().into()),
            (top::EXPIRY, self.expiry.into()),
            (top::ROOT, self.root.encode()),
            (top::RELEASE, self.release.encode()),
            (top::CHANNEL, self.channel.encode()),
        ])
    }
}

impl KeyRole {
    fn decode(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::new("a role", value)?;
        let legal = "1 up to the number of keys";
        let threshold: u8 = fields.number(label::THRESHOLD, "a threshold", legal)?;
        let keys = fields.array(label::KEYS, "the keys of a role")?;
        check((1..=KEYS_MAX).contains(&keys.len()), "the keys of a role", "1 to 8 keys")?;
        check((1..=keys.len()).contains(&threshold.into()), "a threshold", legal)?;
        let keys = keys.into_iter().map(|key| PublicKey::new(digest(key, "a public key")?));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let rising = keys.iter().zip(keys.iter().skip(1)).all(|(one, next)| one <= next);
        check(rising, "the keys of a role", "in rising order")?;
        Ok(Self { threshold, keys })
    }

    #[cfg(feature = "sign")]
    fn encode(&self) -> Value {
        let keys = self.keys.iter().map(|key| Value::from(key.as_bytes().as_slice()));
        crate::fields::map(alloc::vec![
            (label::THRESHOLD, self.threshold.into()),
            (label::KEYS, Value::Array(keys.collect())),
        ])
    }
}
