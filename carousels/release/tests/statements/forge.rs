//! Messages that no tool of ours makes: any header, any payload, truly signed.
//!
//! Written from RFC 9052 §4.4 and not through the crate, so that it also tells whether what we call
//! signed is what the standard calls so.

use curve25519_dalek::Scalar;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha512};

pub const ALG: &[u8] = &[0x01, 0x27];
pub const RELEASE: &str = "application/vnd.stbcast.release+cbor";
pub const ROOT: &str = "application/vnd.stbcast.root+cbor";
pub const PERMIT: &str = "application/vnd.stbcast.permit+cbor";

/// A head of CBOR in its shortest form.
fn head(major: u8, value: usize) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..24 => vec![major | value as u8],
        24..256 => vec![major | 24, value as u8],
        _ => [&[major | 25][..], &(value as u16).to_be_bytes()].concat(),
    }
}

pub fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len()), value.to_vec()].concat()
}

pub fn text(value: &str) -> Vec<u8> {
    [head(3, value.len()), value.as_bytes().to_vec()].concat()
}

pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len()), items.concat()].concat()
}

/// A map of entries that are written already.
pub fn map(entries: &[Vec<u8>]) -> Vec<u8> {
    [head(5, entries.len()), entries.concat()].concat()
}

pub fn content_type(value: &str) -> Vec<u8> {
    [vec![0x03], text(value)].concat()
}

pub fn kid(key: &stbcast_release::SigningKey) -> Vec<u8> {
    [vec![0x04], bytes(&key.public().unwrap().kid().0)].concat()
}

fn sign(key: &stbcast_release::SigningKey, message: &[u8]) -> Vec<u8> {
    SigningKey::from_bytes(key.seed()).sign(message).to_bytes().to_vec()
}

/// What a COSE_Sign1 signs.
pub fn to_sign_1(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    array(&[text("Signature1"), bytes(protected), bytes(&[]), bytes(payload)])
}

/// A COSE_Sign1 with a protected header that is written already.
pub fn sign_1(protected: &[u8], payload: &[u8], key: &stbcast_release::SigningKey) -> Vec<u8> {
    message_1(protected, payload, &sign(key, &to_sign_1(protected, payload)))
}

pub fn message_1(protected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let parts = [bytes(protected), map(&[]), bytes(payload), bytes(signature)];
    [vec![0xd2], array(&parts)].concat()
}

/// The protected header of a release.
pub fn header_1(content: &str, key: &stbcast_release::SigningKey) -> Vec<u8> {
    map(&[ALG.to_vec(), content_type(content), kid(key)])
}

/// A release of any payload.
pub fn release(payload: &[u8], key: &stbcast_release::SigningKey) -> Vec<u8> {
    sign_1(&header_1(RELEASE, key), payload, key)
}

/// A COSE_Sign: one signature by each key, in this order.
pub fn sign_many(content: &str, payload: &[u8], keys: &[&stbcast_release::SigningKey]) -> Vec<u8> {
    let body = map(&[content_type(content)]);
    let signatures = keys.iter().map(|&key| {
        let protected = map(&[ALG.to_vec(), kid(key)]);
        let parts =
            [text("Signature"), bytes(&body), bytes(&protected), bytes(&[]), bytes(payload)];
        let signature = sign(key, &array(&parts));
        array(&[bytes(&protected), map(&[]), bytes(&signature)])
    });
    let signatures: Vec<_> = signatures.collect();
    let parts = [bytes(&body), map(&[]), bytes(payload), array(&signatures)];
    [vec![0xd8, 98], array(&parts)].concat()
}

/// The payload within a message of ours: the third part of its array.
pub fn payload(message: &[u8]) -> Vec<u8> {
    let mut at = if message[0] == 0xd8 { 3 } else { 2 };
    at += item(&message[at..]).1;
    at += item(&message[at..]).1;
    let (start, length) = item(&message[at..]);
    message[at + start..at + length].to_vec()
}

/// Where the content of a byte string begins and ends; a map of no entries has none.
fn item(at: &[u8]) -> (usize, usize) {
    match at[0] {
        0xa0 => (1, 1),
        short @ 0x40..0x58 => (1, 1 + usize::from(short - 0x40)),
        0x58 => (2, 2 + usize::from(at[1])),
        0x59 => (3, 3 + usize::from(at[1]) * 256 + usize::from(at[2])),
        other => panic!("{other:02x}"),
    }
}

/// `bytes` with the one place of `from` replaced.
pub fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert_eq!(places.len(), 1, "{from:02x?} stands there once");
    [&bytes[..places[0]], to, &bytes[places[0] + from.len()..]].concat()
}

/// A release whose signature has the neutral element as R: right by the equation, and by that of
/// every library that does not look for it.
pub fn small_order_release(payload: &[u8], key: &stbcast_release::SigningKey) -> Vec<u8> {
    let own = SigningKey::from_bytes(key.seed());
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let protected = header_1(RELEASE, key);
    let hash = Sha512::new()
        .chain_update(neutral)
        .chain_update(own.verifying_key().as_bytes())
        .chain_update(to_sign_1(&protected, payload));
    let s = Scalar::from_bytes_mod_order_wide(&hash.finalize().into()) * own.to_scalar();
    message_1(&protected, payload, &[neutral, s.to_bytes()].concat())
}

/// The same signature with S + L in place of S.
pub fn malleated(message: &[u8]) -> Vec<u8> {
    // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut message = message.to_vec();
    let start = message.len() - 32;
    let mut carry = 0;
    for (to, add) in message[start..].iter_mut().zip(order) {
        let sum = u16::from(*to) + u16::from(add) + carry;
        (*to, carry) = (sum as u8, sum >> 8);
    }
    message
}
