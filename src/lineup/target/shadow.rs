//! Rules that never come to their turn.

use super::super::rules::Rules;
use super::{MacPrefix, Ring, Serials, Target, TargetDraft};

impl Rules<'_> {
    /// Tells of rules that an earlier one leaves nothing to.
    pub(super) fn shadowed(&mut self, checked: &[(Target, &TargetDraft)]) {
        for (place, (late, draft)) in checked.iter().enumerate() {
            let earlier = checked.iter().take(place).map(|(early, _)| early);
            let Some(early) = earlier.into_iter().find(|early| covers(early, late)) else {
                continue;
            };
            let message = format!(
                "target `{}` can never match: `{}` before it matches every box that it could",
                late.name, early.name
            );
            // A list that somebody else writes must not take the line-up off the air.
            let by_list = early.serials.is_some()
                && late.serials.as_deref().is_some_and(Serials::is_from_file);
            if by_list || early.serials.as_deref().is_some_and(Serials::is_from_file) {
                self.warn(draft.name.offset, message);
            } else {
                self.error(draft.name.offset, message);
            }
        }
    }
}

/// Whether every box that `late` matches is matched by `early`.
fn covers(early: &Target, late: &Target) -> bool {
    words(early.products.as_ref(), late.products.as_ref())
        && words(early.fw_versions.as_ref(), late.fw_versions.as_ref())
        && words(early.kernel_versions.as_ref(), late.kernel_versions.as_ref())
        && words(early.splash_versions.as_ref(), late.splash_versions.as_ref())
        && words(early.diagnostic_versions.as_ref(), late.diagnostic_versions.as_ref())
        && macs(early.macs.as_ref(), late.macs.as_ref())
        && ring(early.ring.as_ref(), late.ring.as_ref())
        && serials(early.serials.as_deref(), late.serials.as_deref())
}

fn words(early: Option<&Vec<String>>, late: Option<&Vec<String>>) -> bool {
    let Some(early) = early else { return true };
    late.is_some_and(|late| late.iter().all(|word| early.contains(word)))
}

fn macs(early: Option<&Vec<MacPrefix>>, late: Option<&Vec<MacPrefix>>) -> bool {
    let Some(early) = early else { return true };
    let covered = |mac: &MacPrefix| early.iter().any(|prefix| prefix.covers(mac));
    late.is_some_and(|late| late.iter().all(covered))
}

fn serials(early: Option<&Serials>, late: Option<&Serials>) -> bool {
    let Some(early) = early else { return true };
    late.is_some_and(|late| late.is_within(early))
}

fn ring(early: Option<&Ring>, late: Option<&Ring>) -> bool {
    let Some(early) = early.filter(|ring| !ring.is_everybody()) else { return true };
    late.is_some_and(|late| early.salt == late.salt && early.permille >= late.permille)
}
