//! Digests and FEC bytes as text. The crate `base64` is named in this file alone.

use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How `Content-Digest` begins for the one digest we use (RFC 9530).
const SHA256_PREFIX: &str = "sha-256=:";

/// Bytes as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Exactly `N` bytes of base64.
pub(super) fn from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    // 4 characters hold 3 bytes; what is longer is not decoded at all.
    let longest = N.div_ceil(3) * 4;
    let fits = text.len() <= longest;
    fits.then(|| STANDARD.decode(text).ok()).flatten()?.try_into().ok()
}

/// `Content-Digest` of a SHA-256.
pub(super) fn content_digest(sha256: &[u8; 32]) -> String {
    alloc::format!("{SHA256_PREFIX}{}:", base64(sha256))
}

/// The SHA-256 among the digests of `Content-Digest`. `Ok(None)` where there are only others,
/// `Err` where it is there and cannot be read.
pub(super) fn from_content_digest(text: &str) -> Result<Option<[u8; 32]>, ()> {
    let Some(sha256) = text.split(',').find_map(|one| one.trim().strip_prefix(SHA256_PREFIX))
    else {
        return Ok(None);
    };
    sha256.strip_suffix(':').and_then(from_base64).map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_among_others_and_refused_when_damaged() {
        let text = content_digest(&[7; 32]);
        assert_eq!(from_content_digest(&text), Ok(Some([7; 32])));
        let among = alloc::format!("sha-512=:AAAA:, {text}");
        assert_eq!(from_content_digest(&among), Ok(Some([7; 32])));
        assert_eq!(from_content_digest("md5=:AAAA:"), Ok(None));
        for bad in ["sha-256=:AAAA:", "sha-256=:", "sha-256=:????:"] {
            assert_eq!(from_content_digest(bad), Err(()), "{bad}");
        }
        assert_eq!(from_content_digest(text.trim_end_matches(':')), Err(()));
    }
}
