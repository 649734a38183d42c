//! The permit: a way back to an older release.

use alloc::string::String;
use alloc::vec::Vec;

use crate::Refusal;
use crate::cose::Value;
use crate::fields::{Fields, check, words};
use crate::labels::top;
use crate::legal::{is_name, is_word};
use crate::limits::SERIALS_MAX;
use crate::release::{NUMBER, OPERATOR, TIME, models};

/// Lets boxes go from one release to an older one. It waives the number, never the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Whose boxes.
    pub operator: String,
    /// Models, as in a release.
    pub models: Vec<String>,
    /// 0 to 32 serials in rising order; none: all boxes of the models.
    pub serials: Vec<String>,
    /// The release number that the box has committed.
    pub from: u64,
    /// The number of the release to go to, at most `from`.
    pub to: u64,
    /// The identity of that release: SHA-256 of its bytes.
    pub release: [u8; 32],
    /// Unix seconds from which it is not valid any more.
    pub expiry: u64,
}

const SERIALS: &str = "0 to 32 in rising order, each 1 to 64 printable ASCII characters but space";

impl Permit {
    /// Reads a payload whose signatures hold.
    pub(crate) fn decode(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::new("the permit", value)?;
        let serials = fields.array(top::SERIALS, "the serials")?;
        check(serials.len() <= SERIALS_MAX, "the serials", SERIALS)?;
        let permit = Self {
            operator: fields.text(top::OPERATOR, "the operator", OPERATOR, is_name)?,
            models: models(fields.array(top::MODELS, "the models")?)?,
            serials: words(serials, "the serials", SERIALS, is_word)?,
            from: fields.number(top::FROM, "the number to go from", NUMBER)?,
            to: fields.number(top::TO, "the number to go to", NUMBER)?,
            release: fields.digest(top::DIGEST, "the digest of a release")?,
            expiry: fields.number(top::EXPIRY, "the expiry", TIME)?,
        };
        let ordered = permit.to >= 1 && permit.to <= permit.from;
        check(ordered, "the number to go to", "1 up to the number to go from")?;
        Ok(permit)
    }

    /// Its payload.
    #[cfg(feature = "sign")]
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        crate::fields::encode(alloc::vec![
            (top::OPERATOR, self.operator.as_str().into()),
            (top::MODELS, crate::fields::list(&self.models)),
            (top::EXPIRY, self.expiry.into()),
            (top::SERIALS, crate::fields::list(&self.serials)),
            (top::FROM, self.from.into()),
            (top::TO, self.to.into()),
            (top::DIGEST, self.release.as_slice().into()),
        ])
    }
}
