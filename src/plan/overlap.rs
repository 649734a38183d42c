//! The overlap of two revisions on a channel, in figures.

use stbcast_object::Micros;

use super::kilo;
use crate::companion::CompanionPlan;
use crate::lineup::{Channel, Finding};
use crate::overlap::{Concern, LOSS, Rates, concerns, finish_seconds, span};

/// What happens when an object of a channel is replaced.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OverlapPlan {
    /// Seconds in which the old revision can be completed.
    pub seconds: f64,
    /// Bit rate of its repair symbols in kbit/s of IP.
    pub bit_rate_kbps: f64,
    /// Bit rate of the channel meanwhile in kbit/s of IP.
    pub channel_kbps: f64,
    /// Bytes of IP of the old revision in all.
    pub ip_bytes: u64,
    /// Thousandths of the source symbols that a box must hold to complete it.
    pub finish_past_permille: u16,
    /// Seconds that a box needs which only just holds so much of the largest object and loses a tenth of
    /// all datagrams.
    pub finish_seconds: f64,
}

impl OverlapPlan {
    /// Of a channel whose cycle takes `cycle`; none where it has no overlap.
    pub(super) fn of(
        channel: &Channel,
        companion: Option<&CompanionPlan>,
        cycle: Micros,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let (overlap, plan) = (channel.overlap.as_ref()?, companion?);
        let senders = channel.repair.as_ref().map_or(1, |repair| repair.senders);
        // The cycle of the plan is one at the rate that is written.
        let cycle = slower(cycle, channel.bit_rate_bps, plan.source_bps);
        let coded = channel.objects.iter().zip(&plan.objects);
        let coded = coded.filter_map(|(object, it)| Some((object, it.as_ref().ok()?)));
        let mut finish = 0.0f64;
        for (object, geometry) in coded {
            let of = (plan, plan.group);
            finish = finish.max(finish_seconds(overlap, of, geometry));
            let found = concerns(overlap, (plan, plan.group, senders), geometry, cycle);
            let past = f64::from(overlap.finish_past_permille) / 1_000.0;
            let place = format!("channel `{}`: object `{}`: overlap:", channel.name, object.name);
            findings.extend(found.iter().map(|concern| finding(&place, past, concern)));
        }
        let rates = Rates::of(overlap, plan.source_bps, plan.companion_bps);
        let seconds = span(overlap, cycle).as_secs_f64();
        Some(Self {
            seconds,
            bit_rate_kbps: kilo(rates.superseded_bps),
            channel_kbps: kilo(rates.source_bps),
            ip_bytes: whole(kilo(rates.superseded_bps) * 125.0 * seconds),
            finish_past_permille: overlap.finish_past_permille,
            finish_seconds: finish,
        })
    }
}

fn finding(place: &str, past: f64, concern: &Concern) -> Finding {
    match *concern {
        Concern::TooFewSymbols { lacking, stored } => Finding::error(format!(
            "{place} a box that holds {past} of it lacks {lacking} symbols of a block, and {stored} repair \
             symbols are stored: raise `finish_past` or choose another `fec`"
        )),
        Concern::NoSpare { lacking, stored } => Finding::warning(format!(
            "{place} a box that holds {past} of it lacks {lacking} symbols of a block, and {stored} repair \
             symbols are stored: one that loses {:.0} % hears them more than once",
            LOSS * 100.0
        )),
        Concern::TooShort { seconds, overlap } => Finding::warning(format!(
            "{place} a box that holds {past} of it and loses {:.0} % needs {seconds:.0} s to complete it, and \
             the overlap lasts {overlap:.0} s: raise `share`, `finish_past` or how long it lasts",
            LOSS * 100.0
        )),
        Concern::Contiguous { blocks } => Finding::warning(format!(
            "{place} its {blocks} blocks pass one after the other, so a box in its first cycle lacks whole \
             blocks and goes over to the new revision: `rs16` mixes them"
        )),
    }
}

fn slower(cycle: Micros, written_bps: u64, source_bps: u64) -> Micros {
    let longer = u128::from(cycle.0) * u128::from(written_bps) / u128::from(source_bps.max(1));
    Micros(u64::try_from(longer).unwrap_or(u64::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes are not negative, and saturate"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}
