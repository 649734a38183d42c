//! CBOR in its one legal form, and COSE envelopes. `coset` is named under here alone.

mod envelope;
mod strict;

pub(crate) use coset::cbor::Value;

pub(crate) use envelope::Envelope;
#[cfg(feature = "sign")]
pub(crate) use envelope::Signer;
#[cfg(feature = "sign")]
pub(crate) use envelope::{multi, single};
#[cfg(feature = "sign")]
pub(crate) use strict::write;
pub(crate) use strict::{Part, parse};
