//! The release: what the boxes of a model should run.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::cose::Value;
use crate::fields::{Fields, array, check, illegal, number, words};
use crate::labels::top;
use crate::legal::{is_name, is_word};
use crate::limits::{MODELS_MAX, OBJECTS_MAX};
use crate::{Object, ObjectKind, Refusal};

/// A release. All of its objects are installed, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Release number, 1 or more. A box goes up alone.
    pub number: u64,
    /// Security epoch. A box never goes below the one that it committed.
    pub epoch: u32,
    /// Whose boxes: 1 to 64 of `[A-Za-z0-9._-]`.
    pub operator: String,
    /// Models, 1 to 16 in rising order, of 1 to 64 printable ASCII characters but space.
    pub models: Vec<String>,
    /// Hardware revisions.
    pub hardware: RangeInclusive<u32>,
    /// Unix seconds before which it is not valid.
    pub not_before: u64,
    /// Unix seconds from which it is not valid any more, above `not_before`. A release that is
    /// installed boots all the same.
    pub expiry: u64,
    /// 1 to 8 objects in rising order of kind, each kind at most once, with an image.
    pub objects: Vec<Object>,
}

impl Release {
    /// Its object of a kind.
    pub fn object(&self, kind: ObjectKind) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind == kind)
    }

    /// Reads a payload whose signature holds.
    pub(crate) fn decode(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::new("the release", value)?;
        let number = fields.number(top::NUMBER, "the release number", NUMBER)?;
        check(number >= 1, "the release number", NUMBER)?;
        let release = Self {
            number,
            epoch: fields.number(top::EPOCH, "the epoch", EPOCH)?,
            operator: fields.text(top::OPERATOR, "the operator", OPERATOR, is_name)?,
            models: models(fields.array(top::MODELS, "the models")?)?,
            hardware: hardware(fields.value(top::HARDWARE)?)?,
            not_before: fields.number(top::NOT_BEFORE, "not-before", TIME)?,
            expiry: fields.number(top::EXPIRY, "the expiry", TIME)?,
            objects: objects(fields.array(top::OBJECTS, "the objects")?)?,
        };
        check(release.not_before < release.expiry, "the expiry", "Unix seconds above not-before")?;
        Ok(release)
    }

    /// Its payload.
    #[cfg(feature = "sign")]
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let objects = self.objects.iter().map(Object::encode).collect();
        let (first, last) =
            (Value::from(*self.hardware.start()), Value::from(*self.hardware.end()));
        crate::fields::encode(alloc::vec![
            (top::NUMBER, self.number.into()),
            (top::EPOCH, self.epoch.into()),
            (top::OPERATOR, self.operator.as_str().into()),
            (top::MODELS, crate::fields::list(&self.models)),
            (top::HARDWARE, Value::Array(alloc::vec![first, last])),
            (top::NOT_BEFORE, self.not_before.into()),
            (top::EXPIRY, self.expiry.into()),
            (top::OBJECTS, Value::Array(objects)),
        ])
    }
}

pub(crate) const NUMBER: &str = "1 or more";
pub(crate) const EPOCH: &str = "0 to 4294967295";
pub(crate) const TIME: &str = "Unix seconds";
pub(crate) const OPERATOR: &str = "1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot";

/// The models of a release or a permit.
pub(crate) fn models(values: Vec<Value>) -> Result<Vec<String>, Refusal> {
    let legal = "1 to 16 in rising order, each 1 to 64 printable ASCII characters but space";
    check((1..=MODELS_MAX).contains(&values.len()), "the list of models", legal)?;
    words(values, "the list of models", legal, is_word)
}

/// A range of hardware revisions.
pub(crate) fn hardware(value: Value) -> Result<RangeInclusive<u32>, Refusal> {
    let (field, legal) = ("the range of hardware", "two numbers, the second not below the first");
    let mut ends = array(value, field)?.into_iter();
    let (Some(first), Some(last), None) = (ends.next(), ends.next(), ends.next()) else {
        return illegal(field, legal);
    };
    let (first, last) = (number(first, field, legal)?, number(last, field, legal)?);
    check(first <= last, field, legal)?;
    Ok(first..=last)
}

fn objects(values: Vec<Value>) -> Result<Vec<Object>, Refusal> {
    let (field, legal) = ("the list of objects", "1 to 8 in rising order of kind, with an image");
    check((1..=OBJECTS_MAX).contains(&values.len()), field, legal)?;
    let objects = values.into_iter().map(Object::decode).collect::<Result<Vec<_>, _>>()?;
    let rising = objects.iter().zip(objects.iter().skip(1)).all(|(one, next)| one.kind < next.kind);
    let image = objects.first().is_some_and(|object| object.kind == ObjectKind::Image);
    check(rising && image, field, legal)?;
    Ok(objects)
}
