//! COSE_Sign and COSE_Sign1 (RFC 9052 §4) as we take and make them.
//!
//! ```text
//!  98([ protected {3: content type}, {}, payload,              COSE_Sign: root, permit
//!       [ [protected {1: -8, 4: kid}, {}, signature], ... ] ])
//!  18([ protected {1: -8, 3: content type, 4: kid}, {},        COSE_Sign1: release
//!       payload, signature ])
//! ```
//!
//! What is unsigned here is hostile: it is short, shallow and in one legal form before `coset`
//! sees it, and then holds the parameters drawn above and no others.

use alloc::vec::Vec;

use coset::{
    AsCborValue, CoseSign, CoseSign1, Header, RegisteredLabel, RegisteredLabelWithPrivate, iana,
};

use super::{Part, Value, parse};
use crate::limits::KEYS_MAX;
use crate::{Check, KID_BYTES, Kid, Kind, Refusal, STATEMENT_BYTES_MAX, on};

/// Tags of the two messages.
const TAG_SIGN: u64 = iana::CborTag::CoseSign as u64;
const TAG_SIGN1: u64 = iana::CborTag::CoseSign1 as u64;

/// A message whose headers are legal and whose signatures nobody has looked at.
pub(crate) struct Envelope {
    pub(crate) kind: Kind,
    pub(crate) signers: Vec<Signer>,
    message: Message,
}

/// Who is said to have signed.
#[derive(Clone, Copy)]
pub(crate) struct Signer {
    pub(crate) kid: Kid,
    pub(crate) signature: [u8; 64],
}

enum Message {
    One(CoseSign1),
    Many(CoseSign),
}

impl Envelope {
    /// Reads a message and its headers; its payload stays bytes.
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > STATEMENT_BYTES_MAX && on(Check::Size) {
            return Err(Refusal::Size { bytes: bytes.len() });
        }
        let value = parse(Part::Message, bytes)?;
        let Value::Tag(tag, inner) = value else { return shape("it has no tag") };
        check_shape(tag, &inner)?;
        if tag == TAG_SIGN1 { Self::one(*inner) } else { Self::many(*inner) }
    }

    fn one(value: Value) -> Result<Self, Refusal> {
        let Ok(message) = CoseSign1::from_cbor_value(value) else {
            return shape("a header or the payload is of another type");
        };
        let kind = kind_of(&message.protected.header, false)?;
        let signer = signer(&message.protected.header, &message.signature, true)?;
        Ok(Self { kind, signers: alloc::vec![signer], message: Message::One(message) })
    }

    fn many(value: Value) -> Result<Self, Refusal> {
        let Ok(message) = CoseSign::from_cbor_value(value) else {
            return shape("a header, the payload or a signature is of another type");
        };
        let header = &message.protected.header;
        let kind = kind_of(header, true)?;
        check_labels(header, Labels { alg: false, content_type: true, kid: false })?;
        let signers = message.signatures.iter();
        let signers = signers.map(|one| signer(&one.protected.header, &one.signature, false));
        let signers = signers.collect::<Result<Vec<_>, _>>()?;
        for (before, signer) in signers.iter().zip(signers.iter().skip(1)) {
            if before.kid >= signer.kid && on(Check::Signers) {
                return Err(Refusal::Signers { kid: signer.kid });
            }
        }
        Ok(Self { kind, signers, message: Message::Many(message) })
    }

    /// The payload, signed or not.
    pub(crate) fn payload(&self) -> &[u8] {
        let payload = match &self.message {
            Message::One(message) => &message.payload,
            Message::Many(message) => &message.payload,
        };
        payload.as_deref().unwrap_or_default()
    }

    /// The bytes that signer `which` signed (Sig_structure, RFC 9052 §4.4).
    pub(crate) fn signed_bytes(&self, which: usize) -> Vec<u8> {
        match &self.message {
            Message::One(message) => message.tbs_data(&[]),
            Message::Many(message) => {
                let signature = message.signatures.get(which);
                signature.map(|one| message.tbs_data(&[], one)).unwrap_or_default()
            }
        }
    }
}

fn shape<T>(fault: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Envelope { fault })
}

/// Looks at what `coset` would follow: the number of elements, the unprotected headers, and the
/// protected ones, which are bytes within bytes.
fn check_shape(tag: u64, value: &Value) -> Result<(), Refusal> {
    let Value::Array(parts) = value else { return shape("it is no array") };
    let [protected, unprotected, Value::Bytes(_), last] = parts.as_slice() else {
        return shape("it has not two headers, a payload and a signature");
    };
    check_headers(protected, unprotected)?;
    match (tag, last) {
        (TAG_SIGN1, Value::Bytes(_)) => Ok(()),
        (TAG_SIGN, Value::Array(signatures)) => {
            if !(1..=KEYS_MAX).contains(&signatures.len()) {
                return Err(Refusal::Signatures { signatures: signatures.len() });
            }
            signatures.iter().try_for_each(|signature| match signature {
                Value::Array(parts) => match parts.as_slice() {
                    [protected, unprotected, Value::Bytes(_)] => {
                        check_headers(protected, unprotected)
                    }
                    _ => shape("a signature has not two headers and bytes"),
                },
                _ => shape("a signature is no array"),
            })
        }
        _ => shape("it has another tag, or no signature where the tag says"),
    }
}

fn check_headers(protected: &Value, unprotected: &Value) -> Result<(), Refusal> {
    let Value::Map(entries) = unprotected else { return shape("a header is no map") };
    if !entries.is_empty() && on(Check::Unprotected) {
        return Err(Refusal::Unprotected { entries: entries.len() });
    }
    let Value::Bytes(protected) = protected else { return shape("a header is no byte string") };
    let Value::Map(entries) = parse(Part::Header, protected)? else {
        return shape("a protected header is no map");
    };
    let flat = |value: &Value| !matches!(value, Value::Array(_) | Value::Map(_) | Value::Tag(..));
    if !entries.iter().all(|(_, value)| flat(value)) {
        return Err(Refusal::Header { fault: "has an array, a map or a tag" });
    }
    Ok(())
}

fn kind_of(header: &Header, is_multi: bool) -> Result<Kind, Refusal> {
    let kind = Kind::ALL.into_iter().find(|kind| {
        let own = RegisteredLabel::Text(kind.content_type().into());
        header.content_type.as_ref() == Some(&own) && kind.is_multi() == is_multi
    });
    match kind {
        Some(kind) => Ok(kind),
        None if on(Check::Domain) => Err(Refusal::Domain),
        // Only a test comes here: what the tag alone would say.
        None => Ok(if is_multi { Kind::Permit } else { Kind::Release }),
    }
}

/// Which parameters a protected header has.
struct Labels {
    alg: bool,
    content_type: bool,
    kid: bool,
}

fn check_labels(header: &Header, wanted: Labels) -> Result<(), Refusal> {
    let Header { alg, crit, content_type, key_id, iv, partial_iv, counter_signatures, rest } =
        header;
    let others = crit.is_empty() && iv.is_empty() && partial_iv.is_empty() && rest.is_empty();
    let right = wanted.alg == alg.is_some()
        && wanted.content_type == content_type.is_some()
        && wanted.kid != key_id.is_empty()
        && counter_signatures.is_empty()
        && others;
    if !right && on(Check::HeaderLabels) {
        return Err(Refusal::Header { fault: "has not exactly the parameters of its place" });
    }
    Ok(())
}

fn signer(header: &Header, signature: &[u8], content_type: bool) -> Result<Signer, Refusal> {
    check_labels(header, Labels { alg: true, content_type, kid: true })?;
    let eddsa = RegisteredLabelWithPrivate::Assigned(iana::Algorithm::EdDSA);
    if header.alg.as_ref() != Some(&eddsa) && on(Check::Algorithm) {
        return Err(Refusal::Algorithm);
    }
    let Ok(kid) = <[u8; KID_BYTES]>::try_from(header.key_id.as_slice()) else {
        return Err(Refusal::Header { fault: "has a key id that is not 8 bytes long" });
    };
    let Ok(signature) = signature.try_into() else {
        return shape("a signature has not 64 bytes");
    };
    Ok(Signer { kid: Kid(kid), signature })
}

#[cfg(feature = "sign")]
pub(crate) use making::{multi, single};

#[cfg(feature = "sign")]
mod making {
    use alloc::string::ToString;

    use coset::{
        CoseSign1Builder, CoseSignBuilder, CoseSignatureBuilder, HeaderBuilder,
        TaggedCborSerializable,
    };

    use super::*;

    fn header(kid: Option<Kid>, kind: Option<Kind>) -> Header {
        let mut builder = HeaderBuilder::new();
        if let Some(kid) = kid {
            builder = builder.algorithm(iana::Algorithm::EdDSA).key_id(kid.0.to_vec());
        }
        if let Some(kind) = kind {
            builder = builder.content_type(kind.content_type().to_string());
        }
        builder.build()
    }

    /// A COSE_Sign1 message.
    pub(crate) fn single(
        kind: Kind,
        payload: Vec<u8>,
        kid: Kid,
        sign: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        let message = CoseSign1Builder::new()
            .protected(header(Some(kid), Some(kind)))
            .payload(payload)
            .create_signature(&[], sign);
        message.build().to_tagged_vec().ok()
    }

    /// A COSE_Sign message, with signatures that are there already and new ones.
    pub(crate) fn multi<K>(
        kind: Kind,
        payload: Vec<u8>,
        kept: &[Signer],
        signers: &[(Kid, K)],
        sign: impl Fn(&K, &[u8]) -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        let mut builder =
            CoseSignBuilder::new().protected(header(None, Some(kind))).payload(payload);
        let made = |kid| CoseSignatureBuilder::new().protected(header(Some(kid), None));
        for one in kept {
            builder =
                builder.add_signature(made(one.kid).signature(one.signature.to_vec()).build());
        }
        for (kid, key) in signers {
            builder =
                builder.add_created_signature(made(*kid).build(), &[], |bytes| sign(key, bytes));
        }
        let mut message = builder.build();
        message
            .signatures
            .sort_by(|a, b| a.protected.header.key_id.cmp(&b.protected.header.key_id));
        message.to_tagged_vec().ok()
    }
}
