//! Which revision a new one supersedes, while both can be completed.

use super::limits::{FINISH_PAST_MAX, OVERLAP_S_MAX};

/// What the announce session says of the overlap of two revisions. A hint, as all that it says: a box
/// bounds the time by itself, and the digest of what it finishes decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Supersedes {
    toi: u128,
    overlap_s: u32,
    finish_past_permille: u16,
}

/// Why an overlap cannot be announced so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupersedesError {
    /// 0 is the FDT.
    #[error("TOI 0 cannot be superseded")]
    Toi,
    /// None, or longer than boxes wait.
    #[error("an overlap of {overlap_s} s: 1 to {OVERLAP_S_MAX} are legal")]
    Overlap {
        /// Seconds as given.
        overlap_s: u32,
    },
    /// Nothing, or more than all.
    #[error("{permille} of 1,000 source symbols: 1 to {FINISH_PAST_MAX} are legal")]
    FinishPast {
        /// Thousandths as given.
        permille: u16,
    },
}

impl Supersedes {
    /// Revision `toi` is superseded. Its repair symbols go on in the companion for `overlap_s` seconds, 1
    /// to 86,400, and boxes that hold `finish_past_permille` of 1,000 source symbols, 1 to 1,000, finish
    /// it first.
    ///
    /// # Errors
    /// When one of them is not legal.
    pub const fn new(
        toi: u128,
        overlap_s: u32,
        finish_past_permille: u16,
    ) -> Result<Self, SupersedesError> {
        if toi == 0 {
            return Err(SupersedesError::Toi);
        }
        if overlap_s == 0 || overlap_s > OVERLAP_S_MAX {
            return Err(SupersedesError::Overlap { overlap_s });
        }
        if finish_past_permille == 0 || finish_past_permille > FINISH_PAST_MAX {
            return Err(SupersedesError::FinishPast { permille: finish_past_permille });
        }
        Ok(Self { toi, overlap_s, finish_past_permille })
    }

    /// The revision that is superseded.
    pub const fn toi(&self) -> u128 {
        self.toi
    }

    /// Seconds in which its repair symbols are sent, from the first slice of the new revision on.
    pub const fn overlap_s(&self) -> u32 {
        self.overlap_s
    }

    /// Thousandths of its source symbols that a box must hold to finish it.
    pub const fn finish_past_permille(&self) -> u16 {
        self.finish_past_permille
    }
}
