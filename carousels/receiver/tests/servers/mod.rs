//! Servers that do what a test says, on 127.0.0.1.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on ends there"
)]
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod http;
pub mod tftp;

/// Bytes of which no two parts are alike.
pub fn object(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ length as u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}
