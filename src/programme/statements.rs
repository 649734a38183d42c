//! The statements of a programme: what is signed, under numbers of the announce session.

use std::num::NonZeroU16;

use stbcast_flute::fdt::{File, Kind};
use stbcast_flute::{STATEMENT_BYTES_MAX, Statement};

use super::{Loader, Payload};
use crate::announced;
use crate::lineup::{Finding, Trust};
use crate::trust::{self, Named};

/// Media type of a signed document (RFC 9052 §11.3).
const MEDIA_TYPE: &str = "application/cose";

/// The statement of a signed document, as object `toi` of the announce session.
///
/// # Errors
/// When it cannot be announced, in words.
pub(crate) fn statement(named: &Named, toi: u32) -> Result<Statement, String> {
    let refused = |error: &dyn std::fmt::Display| format!("{}: {error}", named.location);
    let mut file = File::new(&named.location, toi).map_err(|error| refused(&error))?;
    file.media_type = Some(MEDIA_TYPE.to_owned());
    file.sha256 = Some(named.digest.bytes());
    file.announced.kind = Kind::new(named.kind.word()).ok();
    Statement::new(file, named.bytes.clone()).map_err(|error| refused(&error))
}

impl Loader<'_> {
    /// The statements of a line-up whose sources are spooled, where each object that they name is on air
    /// as they say; and when the first of them expires, in Unix seconds.
    pub(super) fn statements(
        &mut self,
        written: Option<&Trust>,
    ) -> Result<(Vec<Statement>, Option<u64>), Vec<Finding>> {
        let Some(written) = written else { return Ok((Vec::new(), None)) };
        let mut findings = Vec::new();
        let verified = trust::verify(written, self.wall.0 / 1_000_000, &mut findings);
        if let Some(verified) = &verified {
            let content = |id| {
                let (_, object) =
                    self.line_up.object(id).ok_or_else(|| Finding::error("no object"))?;
                let payload = self.payload(id, object);
                let digest = payload.digest().filter(|_| matches!(payload, Payload::Mapped(_)));
                let made = || crate::signed::digest(object);
                let digest = digest.map_or_else(made, Ok)?;
                Ok((digest, payload.bytes().len() as u64))
            };
            trust::compare(self.line_up, verified, content, &mut findings);
        }
        findings.retain(Finding::is_error);
        let (Some(verified), true) = (verified, findings.is_empty()) else { return Err(findings) };
        let statements = verified.statements.iter().map(|named| self.statement(named));
        let statements = statements.collect::<Result<_, _>>();
        let refused = |message| vec![Finding::error(message)];
        Ok((statements.map_err(refused)?, Some(verified.first_expiry())))
    }

    fn statement(&mut self, named: &Named) -> Result<Statement, String> {
        let slice_bytes = NonZeroU16::new(STATEMENT_BYTES_MAX as u16).unwrap_or(NonZeroU16::MAX);
        let (url, digest) = (named.location.clone(), named.digest);
        let toi = self.numbers.of(announced::Revision { url, digest, slice_bytes, fti: None });
        statement(named, toi)
    }
}
