//! Finding what is wrong in an object that is whole, but not what was announced.
//!
//! A digest says that something is wrong, not what. So each slice that arrives from then on is
//! compared with the slot. An equal one is proven, as far as the sender is; a different one takes
//! the place of what the slot has, and in its blocks all that was recovered falls with it. So a
//! forged symbol costs its block, which recovers again, and no more.

use super::bits::Bits;

/// Slices compared since the digest failed.
#[derive(Clone, Debug)]
pub(super) struct Audit {
    compared: Bits,
    /// Slices not compared yet.
    left: u32,
    differences: u32,
}

impl Audit {
    pub(super) fn new(slices: u32) -> Self {
        Self { compared: Bits::new(slices), left: slices, differences: 0 }
    }

    /// Whether a slice has not been compared yet.
    pub(super) fn wants(&self, slice: u32) -> bool {
        !self.compared.get(slice)
    }

    pub(super) fn note(&mut self, slice: u32, equal: bool) {
        self.left -= u32::from(self.compared.set(slice));
        self.differences += u32::from(!equal);
    }

    /// Whether another digest is worth its time: at first when something different was found,
    /// later when everything was compared.
    pub(super) const fn is_over(&self, failures: u8) -> bool {
        self.left == 0 || (failures < 2 && self.differences > 0)
    }
}
