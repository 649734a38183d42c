//! Time as a value.

use core::fmt;
use core::time::Duration;

/// A point in time, or a span of it, in microseconds since an origin the caller chose.
///
/// Pure code receives it as a parameter. All arithmetic saturates, so a hostile or foolish value
/// cannot wrap a deadline around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    /// The origin; also the empty span.
    pub const ZERO: Self = Self(0);
    /// A point no caller reaches: "never".
    pub const NEVER: Self = Self(u64::MAX);

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// This point moved later by `span`.
    #[must_use]
    pub const fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this point; zero when `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// This span `times` over.
    #[must_use]
    pub const fn times(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// Seconds, for people.
    #[expect(clippy::cast_precision_loss, reason = "shown to people, never computed with")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl From<Duration> for Micros {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(span: Micros) -> Self {
        Self::from_micros(span.0)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Micros::NEVER.after(Micros::from_secs(1)), Micros::NEVER);
        assert_eq!(Micros::ZERO.since(Micros::from_secs(1)), Micros::ZERO);
        assert_eq!(Micros::from_secs(u64::MAX), Micros::NEVER);
    }
}
