//! Chances that stay: the same box gets the same answer after each restart, and the headend can
//! compute it.
//!
//! Both come from a SHA-256 over texts with their lengths, so that other programs can do the same;
//! the layout stands in `PROTOCOL.md` §5.

use sha2::{Digest, Sha256};
use stbcast_object::Micros;

/// How long a box waits before it asks a server, below `window`: spread evenly over all boxes, and
/// another one for each release. After a power cut of all boxes the crowd does not gather again.
pub fn delay(serial: &str, release: &[u8], window: Micros) -> Micros {
    let chance = chance(b"stbcast delay", &[serial.as_bytes(), release]);
    // The high half of the product: even to within one part in 2^64 / window.
    let scaled = (u128::from(chance) * u128::from(window.0)) >> 64;
    Micros(u64::try_from(scaled).unwrap_or(u64::MAX))
}

/// The thousandth of all boxes that `serial` is in, 0 to 999. Rings of one `salt` are nested: who
/// is among the first ten is among the first hundred.
pub fn permille(salt: &str, serial: &str) -> u16 {
    let chance = chance(b"stbcast ring", &[salt.as_bytes(), serial.as_bytes()]);
    u16::try_from((u128::from(chance) * 1000) >> 64).unwrap_or(999)
}

/// 64 even bits.
fn chance(purpose: &[u8], texts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for text in core::iter::once(&purpose).chain(texts) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (words, _) = digest.as_chunks::<8>();
    words.first().map_or(0, |word| u64::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_box_keeps_its_delay_and_boxes_spread_evenly() {
        let window = Micros::from_secs(1000);
        let at = |serial: u32| delay(&serial.to_string(), b"release", window);
        assert_eq!(at(1931690851), at(1931690851));
        assert_ne!(at(1931690851), delay("1931690851", b"another", window));
        let early = (0..100_000).filter(|&serial| at(serial) < Micros::from_secs(100)).count();
        assert!((9_700..10_300).contains(&early), "{early}");
        assert!((0..1000).all(|serial| at(serial) < window));
        assert_eq!(delay("1", b"release", Micros::ZERO), Micros::ZERO);
    }

    #[test]
    fn rings_are_nested_stable_and_as_large_as_they_say() {
        let ring = |serial: u32| permille("5.1.3", &serial.to_string());
        assert!((0..1000).all(|serial| ring(serial) < 1000));
        let share = (0..1_000_000).filter(|&serial| ring(serial) < 10).count();
        assert!((9_000..=11_000).contains(&share), "{share}");
        assert_ne!(
            (0..64).map(ring).collect::<alloc::vec::Vec<_>>(),
            (0..64)
                .map(|serial| permille("5.1.4", &serial.to_string()))
                .collect::<alloc::vec::Vec<_>>()
        );
    }

    #[test]
    fn the_numbers_are_those_of_another_language() {
        // Computed with Python's hashlib.
        assert_eq!(permille("5.1.3", "1931690851"), 963);
        assert_eq!(delay("1931690851", &[0; 32], Micros::from_secs(3600)), Micros(2_722_614_204));
    }
}
