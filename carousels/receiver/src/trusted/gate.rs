//! Which statements are looked at: what anybody can send costs next to nothing.
//!
//! ```text
//!  same bytes as one that is settled ──> nothing
//!  heard before, a second or so ago ───> looked at, while there is anything of the allowance
//!  heard for the first time ───────────> looked at, while more than half of it is left
//! ```
//!
//! True statements are repeated each second, and a flood that is to keep them out has to differ from
//! datagram to datagram. So what is heard again goes first, whatever else arrives. Who floods with
//! everything twice can delay a box until it gives up and boots what it has, and no more.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use stbcast_flute::crc32;
use stbcast_object::Micros;
use stbcast_release::{Check, on};

use crate::limits::{CHECKS_BURST, CHECKS_PER_S, SETTLED_MAX};

/// Parts of one check, which verifies one signature: a look at the form costs one of them.
const PARTS: u64 = 8;

/// A statement is being looked at, and that is paid for.
#[derive(Debug)]
pub(super) struct Look {
    /// What must be left for statements that were heard before this one.
    left: u64,
}

/// Lets statements through to be looked at.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    /// What may be spent, in millionths of a part of a check.
    allowance: u64,
    spent_at: Micros,
    seen: Seen,
    /// Statements that need no further look, the oldest first.
    settled: VecDeque<(u32, Box<[u8]>)>,
}

const CHECK: u64 = PARTS * 1_000_000;
const MOST: u64 = CHECKS_BURST * CHECK;

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            allowance: MOST,
            spent_at: Micros::ZERO,
            seen: Seen::new(BITS),
            settled: VecDeque::new(),
        }
    }

    /// Whether a statement is to be looked at.
    pub(super) fn admits(&mut self, now: Micros, bytes: &[u8]) -> Option<Look> {
        let print = crc32(bytes);
        if self.is_settled(print, bytes) {
            return None;
        }
        let was_seen = self.seen.note(now, print);
        let earned = now.since(self.spent_at).0.saturating_mul(CHECKS_PER_S * PARTS);
        self.allowance = self.allowance.saturating_add(earned).min(MOST);
        self.spent_at = now;
        let look = Look { left: if was_seen { 0 } else { MOST / 2 } };
        // What has one signature is paid for wholly when it is looked at at all.
        self.allows(&look, CHECK).then(|| {
            self.charge(CHECK / PARTS);
            look
        })
    }

    /// Whether so many signatures may be verified. They are then paid for.
    pub(super) fn pays(&mut self, look: &Look, signatures: usize) -> bool {
        let cost = CHECK.saturating_mul(signatures as u64).saturating_sub(CHECK / PARTS);
        let is_allowed = self.allows(look, cost);
        if is_allowed {
            self.charge(cost);
        }
        is_allowed
    }

    /// So many signatures are verified, whatever is left: of what is believed already.
    pub(super) fn owes(&mut self, signatures: usize) {
        self.charge(CHECK.saturating_mul(signatures as u64));
    }

    fn allows(&self, look: &Look, cost: u64) -> bool {
        self.allowance >= look.left.saturating_add(cost) || !on(Check::CheckRate)
    }

    const fn charge(&mut self, cost: u64) {
        self.allowance = self.allowance.saturating_sub(cost);
    }

    /// A statement needs no further look.
    pub(super) fn settle(&mut self, bytes: &[u8]) {
        if self.settled.len() >= SETTLED_MAX {
            self.settled.pop_front();
        }
        self.settled.push_back((crc32(bytes), bytes.into()));
    }

    /// Other things need the memory: from here on, a flood leaves less room for what is repeated.
    pub(super) fn shrink(&mut self) {
        self.seen = Seen::new(SMALL_BITS);
    }

    /// What was settled may be judged otherwise now.
    pub(super) fn forget(&mut self) {
        self.settled.clear();
    }

    fn is_settled(&self, print: u32, bytes: &[u8]) -> bool {
        let is_same = |one: &(u32, Box<[u8]>)| one.0 == print && *one.1 == *bytes;
        self.settled.iter().any(is_same)
    }
}

/// Bits of one generation: enough for ten thousand statements a second.
const BITS: u32 = 1 << 19;

/// The same beside a fetch: enough for a thousand.
const SMALL_BITS: u32 = 1 << 16;

/// How long a generation is added to: true statements come each second.
const GENERATION: Micros = Micros::from_secs(2);

/// What was heard in the last seconds, nearly: one in a thousand is said to have been, and was not.
#[derive(Clone, Debug)]
struct Seen {
    now: Vec<u64>,
    before: Vec<u64>,
    begun_at: Micros,
}

impl Seen {
    fn new(bits: u32) -> Self {
        let words = bits as usize / 64;
        Self { now: vec![0; words], before: vec![0; words], begun_at: Micros::ZERO }
    }

    /// Takes note of a datagram; whether it was there.
    fn note(&mut self, now: Micros, print: u32) -> bool {
        if now.since(self.begun_at) >= GENERATION {
            core::mem::swap(&mut self.now, &mut self.before);
            self.now.fill(0);
            self.begun_at = now;
        }
        let (mut is_new, mut is_old) = (true, true);
        for place in places(print) {
            let (word, bit) = (place as usize / 64 % self.now.len(), 1_u64 << (place % 64));
            is_old &= self.before.get(word).is_some_and(|word| word & bit != 0);
            if let Some(word) = self.now.get_mut(word) {
                is_new &= *word & bit != 0;
                *word |= bit;
            }
        }
        is_new || is_old
    }
}

/// Four places of a fingerprint.
fn places(print: u32) -> [u32; 4] {
    let mixed = |salt: u64| {
        let mut state = (u64::from(print) ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        u32::try_from(state >> 45).unwrap_or_default()
    };
    [1, 2, 3, 4].map(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(number: u64) -> Vec<u8> {
        let mut bytes = vec![7; 300];
        bytes.extend(number.to_be_bytes());
        bytes
    }

    /// Whether a statement with so many signatures gets as far as having them verified.
    fn verified(gate: &mut Gate, now: Micros, bytes: &[u8], signatures: usize) -> bool {
        gate.admits(now, bytes).is_some_and(|look| gate.pays(&look, signatures))
    }

    #[test]
    fn a_flood_of_ever_new_statements_is_looked_at_at_the_rate_allowed() {
        let mut gate = Gate::new();
        let mut looked_at = 0;
        for number in 0..50_000 {
            let now = Micros(number * 100);
            looked_at += u64::from(verified(&mut gate, now, &statement(number), 1));
        }
        assert!(looked_at <= CHECKS_BURST + 5 * CHECKS_PER_S, "{looked_at}");
        assert!(looked_at >= 5 * CHECKS_PER_S, "{looked_at}");
    }

    #[test]
    fn what_is_repeated_is_looked_at_in_the_middle_of_a_flood() {
        let mut gate = Gate::new();
        let mut heard = None;
        for number in 0..50_000 {
            let now = Micros(number * 100);
            verified(&mut gate, now, &statement(number), 1);
            if number % 10_000 == 5_000 && verified(&mut gate, now, b"a true one", 1) {
                heard.get_or_insert(number / 10_000);
            }
        }
        assert_eq!(heard, Some(1), "when it came for the second time");
    }

    #[test]
    fn what_is_settled_costs_nothing_until_it_may_be_judged_otherwise() {
        let mut gate = Gate::new();
        assert!(gate.admits(Micros::ZERO, b"a").is_some());
        gate.settle(b"a");
        for _ in 0..1_000 {
            assert!(gate.admits(Micros::ZERO, b"a").is_none());
        }
        assert!(gate.admits(Micros::ZERO, b"b").is_some());
        gate.forget();
        assert!(gate.admits(Micros::ZERO, b"a").is_some());
    }

    #[test]
    fn what_is_refused_for_its_form_costs_an_eighth() {
        let mut gate = Gate::new();
        let mut looked_at = 0;
        for number in 0..1_000 {
            looked_at += u64::from(gate.admits(Micros::ZERO, &statement(number)).is_some());
        }
        assert_eq!(looked_at, CHECKS_BURST / 2 * PARTS - PARTS + 1);
    }

    #[test]
    fn each_signature_is_paid_for_before_it_is_verified() {
        for signatures in 1..=16 {
            let (mut gate, mut all) = (Gate::new(), 0);
            for number in 0..50_000 {
                let now = Micros(number * 100);
                // Heard twice, so that nothing is kept back.
                for _ in 0..2 {
                    if verified(&mut gate, now, &statement(number), signatures) {
                        all += signatures as u64;
                    }
                }
            }
            let most = CHECKS_BURST + 5 * CHECKS_PER_S;
            assert!(all <= most, "{all} of {signatures} each");
            assert!(signatures > 1 || all + 1 == most, "{all}");
        }
    }
}
