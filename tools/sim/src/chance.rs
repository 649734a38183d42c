//! The one source of chance, so that a seed replays a run on any machine.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Chance that `seed` decides wholly.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Chance of its own for number `number` of something, a box say: whatever the others draw.
    pub fn branch(seed: u64, number: u64) -> Self {
        let mut own = Self(Self(seed).draw() ^ number);
        Self(own.draw())
    }

    /// 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`; 0 where that is 0. Its bias, below 2^-32 here, does not matter.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// Whether something of this [`likelihood`] happens.
    pub fn happens(&mut self, likelihood: u64) -> bool {
        self.draw() < likelihood
    }
}

/// A probability of 0 to 1 as [`Chance::happens`] takes it; what is outside is cut.
pub fn likelihood(probability: f64) -> u64 {
    // The cast saturates, so that 1 is as good as certain.
    (probability.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0) as u64
}
