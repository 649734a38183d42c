//! NTP time, in which FLUTE expresses expiry (RFC 6726 §3.3) and EXT_TIME (RFC 5651 §5.2.2).

use stbcast_object::Micros;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const UNIX_EPOCH_S: u64 = 2_208_988_800;

/// Seconds of an NTP era, the first of which ends in 2036.
const ERA_S: u64 = 1 << 32;

/// Seconds of NTP time, modulo 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NtpSeconds(pub u32);

impl NtpSeconds {
    /// From seconds since the Unix epoch.
    pub fn from_unix(unix_s: u64) -> Self {
        let low = unix_s.wrapping_add(UNIX_EPOCH_S) % ERA_S;
        Self(u32::try_from(low).unwrap_or_default())
    }

    /// Seconds since the Unix epoch, in the era nearest to `near_unix_s`. Who has no clock gets
    /// the years 1968 to 2104.
    pub fn to_unix(self, near_unix_s: Option<u64>) -> u64 {
        let near = near_unix_s.unwrap_or_default().saturating_add(UNIX_EPOCH_S);
        let (era, value) = (near / ERA_S, u64::from(self.0));
        let candidates = [era.saturating_sub(1), era, era.saturating_add(1)]
            .map(|era| era.saturating_mul(ERA_S).saturating_add(value));
        let nearest = candidates.into_iter().min_by_key(|candidate| candidate.abs_diff(near));
        let ntp = match near_unix_s {
            Some(_) => nearest.unwrap_or(value),
            None if self.0 >> 31 == 1 => value,
            None => ERA_S + value,
        };
        ntp.saturating_sub(UNIX_EPOCH_S)
    }
}

/// NTP time of 32 bits seconds and 32 bits fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From microseconds since the Unix epoch.
    pub fn from_unix(wall: Micros) -> Self {
        let seconds = NtpSeconds::from_unix(wall.0 / 1_000_000);
        let fraction = ((wall.0 % 1_000_000) << 32) / 1_000_000;
        Self(u64::from(seconds.0) << 32 | fraction)
    }

    /// The seconds.
    pub fn seconds(self) -> NtpSeconds {
        NtpSeconds(u32::try_from(self.0 >> 32).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_read_in_the_era_nearest_to_now() {
        let wrap = ERA_S - UNIX_EPOCH_S;
        for now in [0, 1_790_000_000, wrap - 5, wrap + 5, 3 * ERA_S] {
            for ahead in [0u64, 10, 3_600, 1 << 30] {
                let expires = NtpSeconds::from_unix(now + ahead);
                assert_eq!(expires.to_unix(Some(now)), now + ahead, "{now} + {ahead}");
            }
        }
    }

    #[test]
    fn without_a_clock_the_years_are_those_of_our_lives() {
        for unix in [0, 1_790_000_000, 2_085_978_495, 2_085_978_496, 4_000_000_000] {
            assert_eq!(NtpSeconds::from_unix(unix).to_unix(None), unix);
        }
    }

    #[test]
    fn half_a_second_is_half_a_fraction() {
        assert_eq!(NtpTime::from_unix(Micros(500_000)).0, (UNIX_EPOCH_S << 32) | 1 << 31);
    }
}
