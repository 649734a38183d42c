//! The rules of `repair` and `announce`.

use stbcast_fec::Choice;
use stbcast_flute::ANNOUNCE_PORT;
use stbcast_object::Group;

use super::names::did_you_mean;
use super::rules::{At, Rules};
use super::{Announce, Channel, DEFAULT_TTL, Protocol, Repair};
use crate::plan::prediction::ratio_for;

/// Repair symbols for each source symbol where nothing is written: serves a loss of 9 %.
const RATIO: f64 = 0.1;

/// More than two repair symbols for each source symbol helps no box that hears anything at all.
const RATIO_MAX: f64 = 2.0;

/// At more loss than this a channel needs another cure.
const WORST_LOSS_MAX: f64 = 0.5;

/// Headends that can share the repair symbols of one channel.
const SENDERS_MAX: i64 = 16;

/// `repair` as somebody wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct RepairDraft {
    pub(super) group: Option<At<String>>,
    pub(super) ratio: Option<At<f64>>,
    pub(super) worst_loss: Option<At<f64>>,
    pub(super) fec: Option<At<String>>,
    pub(super) keep_total: bool,
    pub(super) senders: Option<At<i64>>,
    pub(super) sender_index: Option<At<i64>>,
}

/// `announce` as somebody wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct AnnounceDraft {
    /// The group where nothing else is written.
    pub(super) bare_group: String,
    pub(super) group: Option<At<String>>,
    pub(super) ttl: Option<At<i64>>,
    pub(super) dscp: Option<At<i64>>,
    pub(super) interface: Option<String>,
}

impl AnnounceDraft {
    pub(super) fn of_group(group: &str) -> Self {
        Self { bare_group: group.to_owned(), ..Self::default() }
    }
}

impl Rules<'_> {
    /// The announce session. What it does not say is as on the first channel.
    pub(super) fn announce(
        &mut self,
        At { value: draft, offset }: &At<AnnounceDraft>,
        first: Option<&Channel>,
    ) -> Option<Announce> {
        let bare = At { value: draft.bare_group.clone(), offset: *offset };
        let written = draft.group.as_ref().unwrap_or(&bare);
        let group = self.group_of(written, ANNOUNCE_PORT)?;
        let ttl = draft.ttl.as_ref().map(|ttl| self.within(ttl, "ttl", 0..=255));
        let dscp = draft.dscp.as_ref().map(|dscp| self.within(dscp, "dscp", 0..=63));
        let octet = |value: i64| u8::try_from(value).unwrap_or_default();
        let first_ttl = first.map_or(DEFAULT_TTL, |channel| channel.ttl);
        let first_dscp = first.map_or(0, |channel| channel.dscp);
        let interface = draft.interface.clone();
        Some(Announce {
            group,
            ttl: ttl.map_or(first_ttl, octet),
            dscp: dscp.map_or(first_dscp, octet),
            interface: interface.or_else(|| first.and_then(|channel| channel.interface.clone())),
        })
    }

    /// The repair symbols of a channel.
    pub(super) fn repair(
        &mut self,
        At { value: draft, offset }: &At<RepairDraft>,
        protocol: Protocol,
    ) -> Option<Repair> {
        let group = self.companion_group(draft, *offset, protocol);
        let ratio = self.ratio(draft);
        let choice = self.choice(draft, protocol);
        let senders = draft.senders.as_ref();
        let senders = senders.map_or(1, |senders| self.within(senders, "senders", 1..=SENDERS_MAX));
        let index = draft.sender_index.as_ref();
        let index = index.map_or(0, |index| self.within(index, "sender_index", 0..=senders - 1));
        if let (Protocol::Flute, true) = (protocol, draft.keep_total) {
            let message = "`keep_total` has no place on a FLUTE channel: its repair symbols travel \
                           within its rate";
            self.error(*offset, message);
        }
        Some(Repair {
            group: group?,
            ratio: ratio?,
            choice: choice?,
            keep_total: draft.keep_total,
            senders: u32::try_from(senders).unwrap_or(1),
            sender_index: u32::try_from(index).unwrap_or(0),
        })
    }

    fn companion_group(
        &mut self,
        draft: &RepairDraft,
        offset: usize,
        protocol: Protocol,
    ) -> Option<Option<Group>> {
        match (protocol, &draft.group) {
            (Protocol::Infocast | Protocol::Mag, Some(written)) => {
                self.group_of(written, stbcast_infocast::DEFAULT_PORT).map(Some)
            }
            (Protocol::Infocast | Protocol::Mag, None) => {
                let message = "`repair` needs `group`, where the repair symbols are sent: an address \
                               of its own, as \"239.255.2.12:22222\"";
                self.error(offset, message);
                None
            }
            (Protocol::Flute, None) => Some(None),
            (Protocol::Flute, Some(written)) => {
                let message = "`group` has no place here: a FLUTE channel carries its repair symbols \
                               itself";
                self.error(written.offset, message);
                None
            }
        }
    }

    fn ratio(&mut self, draft: &RepairDraft) -> Option<f64> {
        match (&draft.ratio, &draft.worst_loss) {
            (None, None) => Some(RATIO),
            (Some(ratio), Some(_)) => {
                let message = "`ratio` and `worst_loss` say the same thing: write one of them";
                self.error(ratio.offset, message);
                None
            }
            (Some(ratio), None) => {
                let legal = ratio.value > 0.0 && ratio.value <= RATIO_MAX;
                if !legal {
                    let message = format!(
                        "ratio {} is not above 0 and at most {RATIO_MAX}: 0.1 is one repair symbol \
                         for ten slices",
                        ratio.value
                    );
                    self.error(ratio.offset, message);
                }
                legal.then_some(ratio.value)
            }
            (None, Some(loss)) => {
                let legal = loss.value > 0.0 && loss.value <= WORST_LOSS_MAX;
                if !legal {
                    let message = format!(
                        "worst_loss {} is not above 0 and at most {WORST_LOSS_MAX}: 0.08 is 8 % of \
                         the datagrams",
                        loss.value
                    );
                    self.error(loss.offset, message);
                }
                legal.then(|| ratio_for(loss.value))
            }
        }
    }

    fn choice(&mut self, draft: &RepairDraft, protocol: Protocol) -> Option<Choice> {
        let (default, legal): (Choice, &[Choice]) = match protocol {
            Protocol::Infocast | Protocol::Mag => (Choice::Auto, &Choice::ALL),
            Protocol::Flute => (Choice::Raptorq, &[Choice::Raptorq]),
        };
        let Some(written) = &draft.fec else { return Some(default) };
        let choice = Choice::parse(&written.value).filter(|choice| legal.contains(choice));
        if choice.is_none() {
            let words: Vec<_> = legal.iter().map(|choice| choice.name()).collect();
            let near = did_you_mean(&written.value, words.iter().copied());
            let words = words.join(", ");
            let message =
                format!("fec `{}`: legal on this channel are {words}{near}", written.value);
            self.error(written.offset, message);
        }
        choice
    }
}
