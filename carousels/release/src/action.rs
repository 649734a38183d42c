//! The action: what boxes are told to do.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::cose::Value;
use crate::fields::{Fields, array, check, digest, illegal, number, text, words};
use crate::labels::top;
use crate::legal::{is_name, is_word};
use crate::limits::{ACTION_JITTER_S_MAX, ACTION_LIFE_S_MAX, MODELS_MAX, SERIALS_MAX};
use crate::release::{NUMBER, OPERATOR, TIME, hardware};
use crate::{Refusal, Signed};

/// Tells boxes to do something, once. It makes no box run anything that was not signed as a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its number, 1 or more and at most `expiry`: the Unix time of its making is a good one. A box
    /// that rebooted for an action does not do so for one whose number is not above.
    pub number: u64,
    /// Whose boxes.
    pub operator: String,
    /// 0 to 16 models in rising order; none: all models.
    pub models: Vec<String>,
    /// 0 to 32 ranges of serials, as [`Serials`] are ordered, that do not overlap; none: all boxes.
    pub serials: Vec<Serials>,
    /// Hardware revisions.
    pub hardware: RangeInclusive<u32>,
    /// Unix seconds before which it is not obeyed.
    pub not_before: u64,
    /// Unix seconds from which it is not obeyed any more, at most 7 days after `not_before`.
    pub expiry: u64,
    /// What to do.
    pub order: Order,
}

/// What boxes are to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Reboot, to install what is on air.
    Reboot {
        /// Boxes whose committed release number is lower, or that committed none.
        release: u64,
        /// Seconds over which boxes spread, 0 to 86400 and less than the action is valid.
        jitter_s: u32,
        /// When a box does so.
        when: When,
    },
    /// Never install this release.
    Kill {
        /// Its number.
        number: u64,
        /// Its identity: SHA-256 of its bytes.
        release: [u8; 32],
    },
}

impl Order {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Reboot { .. } => "reboot",
            Self::Kill { .. } => "kill",
        }
    }
}

/// When a box reboots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Whatever it does.
    Now,
    /// Once nobody watches.
    Idle,
}

impl When {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Idle => "idle",
        }
    }
}

/// A range of serials of one length: shorter ones come first, and those of one length as their bytes
/// do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serials {
    /// The first.
    pub first: String,
    /// The last, as long as the first and not below it.
    pub last: String,
}

impl Serials {
    /// One serial.
    pub fn one(serial: impl Into<String>) -> Self {
        let first = serial.into();
        Self { last: first.clone(), first }
    }

    /// Whether a serial is one of them.
    pub fn contains(&self, serial: &str) -> bool {
        serial.len() == self.first.len()
            && (self.first.as_str()..=self.last.as_str()).contains(&serial)
    }

    /// Whether both ends can be, and stand in order.
    fn is_legal(&self) -> bool {
        let Self { first, last } = self;
        is_word(first) && is_word(last) && first.len() == last.len() && first <= last
    }

    fn is_below(&self, next: &Self) -> bool {
        (self.last.len(), &self.last) < (next.first.len(), &next.first)
    }

    fn decode(value: Value) -> Result<Self, Refusal> {
        let Value::Array(ends) = value else {
            return Ok(Self::one(text(value, "the serials", SERIALS)?));
        };
        let mut ends = ends.into_iter();
        let (Some(first), Some(last), None) = (ends.next(), ends.next(), ends.next()) else {
            return illegal("the serials", SERIALS);
        };
        let first = text(first, "the serials", SERIALS)?;
        let last = text(last, "the serials", SERIALS)?;
        // One serial has one encoding.
        check(first != last, "the serials", SERIALS)?;
        Ok(Self { first, last })
    }

    #[cfg(feature = "sign")]
    fn encode(&self) -> Value {
        let Self { first, last } = self;
        if first == last {
            return first.as_str().into();
        }
        Value::Array(alloc::vec![first.as_str().into(), last.as_str().into()])
    }
}

/// Numbers of the orders in an action.
const REBOOT: u64 = 1;
const KILL: u64 = 2;

const SERIALS: &str = "0 to 32 in rising order: a serial of 1 to 64 printable ASCII characters but \
                       space, or the first and the last of a range of one length";
const MODELS: &str = "0 to 16 in rising order, each 1 to 64 printable ASCII characters but space";
const ORDER: &str = "[1, release number, jitter of 0 to 86400 s and less than it is valid, 0 or 1] or \
                     [2, release number, 32 bytes]";

impl Action {
    /// Whether a box of this serial is meant.
    pub fn is_for_serial(&self, serial: &str) -> bool {
        self.serials.is_empty() || self.serials.iter().any(|range| range.contains(serial))
    }

    /// Reads a payload whose signature holds.
    pub(crate) fn decode(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::new("the action", value)?;
        let models = fields.array(top::MODELS, "the models")?;
        check(models.len() <= MODELS_MAX, "the models", MODELS)?;
        let action = Self {
            number: fields.number(top::NUMBER, "the number", NUMBER)?,
            operator: fields.text(top::OPERATOR, "the operator", OPERATOR, is_name)?,
            models: words(models, "the models", MODELS, is_word)?,
            serials: serials(fields.array(top::SERIALS, "the serials")?)?,
            hardware: hardware(fields.value(top::HARDWARE)?)?,
            not_before: fields.number(top::NOT_BEFORE, "not-before", TIME)?,
            expiry: fields.number(top::EXPIRY, "the expiry", TIME)?,
            order: Order::decode(fields.value(top::ORDER)?)?,
        };
        action.check()?;
        Ok(action)
    }

    fn check(&self) -> Result<(), Refusal> {
        let numbered = (1..=self.expiry).contains(&self.number);
        check(numbered, "the number", "1 up to the expiry")?;
        let life_s = self.expiry.saturating_sub(self.not_before);
        let legal = "Unix seconds, above not-before and at most 7 days after";
        check((1..=ACTION_LIFE_S_MAX).contains(&life_s), "the expiry", legal)?;
        match self.order {
            Order::Reboot { jitter_s, .. } => {
                let fits = jitter_s <= ACTION_JITTER_S_MAX && u64::from(jitter_s) < life_s;
                check(fits, "the order", ORDER)
            }
            Order::Kill { number, .. } => check(number >= 1, "the order", ORDER),
        }
    }

    /// Its payload.
    #[cfg(feature = "sign")]
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let (first, last) =
            (Value::from(*self.hardware.start()), Value::from(*self.hardware.end()));
        crate::fields::encode(alloc::vec![
            (top::NUMBER, self.number.into()),
            (top::OPERATOR, self.operator.as_str().into()),
            (top::MODELS, crate::fields::list(&self.models)),
            (top::HARDWARE, Value::Array(alloc::vec![first, last])),
            (top::NOT_BEFORE, self.not_before.into()),
            (top::EXPIRY, self.expiry.into()),
            (top::SERIALS, Value::Array(self.serials.iter().map(Serials::encode).collect())),
            (top::ORDER, self.order.encode()),
        ])
    }
}

fn serials(values: Vec<Value>) -> Result<Vec<Serials>, Refusal> {
    check(values.len() <= SERIALS_MAX, "the serials", SERIALS)?;
    let serials = values.into_iter().map(Serials::decode).collect::<Result<Vec<_>, _>>()?;
    let rising = serials.iter().zip(serials.iter().skip(1)).all(|(one, next)| one.is_below(next));
    check(rising && serials.iter().all(Serials::is_legal), "the serials", SERIALS)?;
    Ok(serials)
}

impl Order {
    fn decode(value: Value) -> Result<Self, Refusal> {
        let mut parts = array(value, "the order")?.into_iter();
        let mut next = || parts.next().ok_or(Refusal::Value { field: "the order", legal: ORDER });
        let order = match number(next()?, "the order", ORDER)? {
            REBOOT => Self::Reboot {
                release: number(next()?, "the order", ORDER)?,
                jitter_s: number(next()?, "the order", ORDER)?,
                when: match number(next()?, "the order", ORDER)? {
                    0u64 => When::Now,
                    1 => When::Idle,
                    _ => return illegal("the order", ORDER),
                },
            },
            KILL => Self::Kill {
                number: number(next()?, "the order", ORDER)?,
                release: digest(next()?, "the order")?,
            },
            _ => return illegal("the order", ORDER),
        };
        if parts.next().is_some() { illegal("the order", ORDER) } else { Ok(order) }
    }

    #[cfg(feature = "sign")]
    fn encode(&self) -> Value {
        Value::Array(match self {
            Self::Reboot { release, jitter_s, when } => {
                let when: u64 = match when {
                    When::Now => 0,
                    When::Idle => 1,
                };
                alloc::vec![REBOOT.into(), (*release).into(), (*jitter_s).into(), when.into()]
            }
            Self::Kill { number, release } => {
                alloc::vec![KILL.into(), (*number).into(), release.as_slice().into()]
            }
        })
    }
}

impl Signed<Action> {
    /// The release that is killed, where one is: number and identity.
    pub const fn killed(&self) -> Option<(u64, [u8; 32])> {
        match self.value.order {
            Order::Kill { number, release } => Some((number, release)),
            Order::Reboot { .. } => None,
        }
    }
}
