//! What interfaces may carry, and who waits where not all fit.

use std::collections::BTreeMap;

use crate::companion;
use crate::contents::Contents;
use crate::interface;
use crate::lineup::{Channel, InterfaceBudget, LineUp};

/// What an interface carries of ours at the least: what ends its cycle has to.
const LEFT_BPS_MIN: u64 = 1_000;

/// What the interfaces of a line-up may carry, and what its channels and vendor senders need there.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// Those that have a cap.
    pub(super) interfaces: Vec<Capped>,
    /// By sender ([`super::senders`]): its interface's place in `interfaces`, and bits of IP per second with
    /// its companion by the rate that it is given.
    senders: Vec<Option<(usize, BTreeMap<u64, u64>)>>,
    /// Place of the announce session's.
    announced: Option<usize>,
}

/// An interface that has a cap.
#[derive(Clone, Debug)]
pub(super) struct Capped {
    /// As it stands in the line-up.
    pub(super) name: String,
    /// Bits of IP per second of all that is sent there together.
    pub(super) cap_bps: u64,
    /// The announce session, where it is sent there.
    pub(super) announce_bps: u64,
}

/// A sender that wants to be on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Its place among [`super::senders`].
    pub(super) sender: usize,
    /// The rate that it is given.
    pub(super) bit_rate_bps: u64,
    /// `None` for one without schedule, which goes before all others.
    pub(super) priority: Option<i32>,
}

/// A sender that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Its place among [`super::senders`].
    pub(crate) sender: usize,
    /// Place of its interface.
    pub(crate) interface: usize,
    /// Bits per second that are missing.
    pub(crate) over_bps: u64,
    /// Why it waits.
    pub(crate) why: Why,
}

/// Why a sender waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// Others are on air whose priority is higher.
    Lower,
    /// These are on air whose priority is the same: who goes first is not said.
    Tie(Vec<usize>),
    /// It does not fit beside what has no schedule.
    Never,
}

impl Budget {
    /// Of a line-up whose announce session takes `announce_bps`.
    ///
    /// # Errors
    /// When a channel cannot be sent at a rate that its schedule gives it.
    pub fn of(line_up: &LineUp, contents: &Contents, announce_bps: u64) -> Result<Self, String> {
        if line_up.interfaces.is_empty() {
            return Ok(Self::default());
        }
        let names: Vec<_> =
            line_up.interfaces.iter().map(|it| interface::canonical(&it.name)).collect();
        let place = |written: Option<&String>| {
            let written = written?;
            let verbatim = line_up.interfaces.iter().position(|it| it.name == *written);
            verbatim.or_else(|| {
                let name = interface::canonical(written);
                names.iter().position(|it| *it == name)
            })
        };
        let mut senders = Vec::new();
        for (at, channel) in line_up.channels.iter().enumerate() {
            let Some(interface) = place(channel.interface.as_ref()) else {
                senders.push(None);
                continue;
            };
            let mut needs = BTreeMap::new();
            for rate in rates(line_up, channel) {
                needs.insert(rate, need_bps(line_up, contents, at, rate)?);
            }
            senders.push(Some((interface, needs)));
        }
        senders.extend(line_up.vendor_senders.iter().map(|sender| {
            let needs = BTreeMap::from([(sender.counted_bps, sender.counted_bps)]);
            Some((place(sender.interface.as_ref())?, needs))
        }));
        let announced = line_up.announce.as_ref().and_then(|it| place(it.interface.as_ref()));
        let interfaces = line_up.interfaces.iter().enumerate().map(|(at, it)| Capped {
            name: it.name.clone(),
            cap_bps: it.bit_rate_bps,
            announce_bps: if announced == Some(at) { announce_bps } else { 0 },
        });
        Ok(Self { interfaces: interfaces.collect(), senders, announced })
    }

    /// Names of those on which nothing is sent.
    pub(super) fn unused<'a>(&self, line_up: &'a LineUp) -> Vec<&'a str> {
        let used = |place: usize| {
            let mut senders = self.senders.iter().flatten();
            self.announced == Some(place) || senders.any(|(at, _)| *at == place)
        };
        let names = line_up.interfaces.iter().enumerate().filter(|(place, _)| !used(*place));
        names.map(|(_, it)| it.name.as_str()).collect()
    }

    /// What interfaces may carry beside the senders of vendors that run.
    pub(super) fn left(&self, line_up: &LineUp, runs: &[bool]) -> Vec<InterfaceBudget> {
        let mut left = line_up.interfaces.clone();
        let senders = self.senders.iter().skip(line_up.channels.len());
        let all = senders.zip(&line_up.vendor_senders).zip(runs);
        for ((sender, vendor), _) in all.filter(|(_, runs)| **runs) {
            let interface = sender.as_ref().and_then(|(place, _)| left.get_mut(*place));
            if let Some(interface) = interface {
                let rest = interface.bit_rate_bps.saturating_sub(vendor.counted_bps);
                // Who has nothing to send must not be let loose.
                interface.bit_rate_bps = rest.max(LEFT_BPS_MIN);
            }
        }
        left
    }

    /// Who is on air and who waits. Without schedule first, then by priority, then as they are written;
    /// one that does not fit leaves its place to the next that does.
    pub(super) fn decide(&self, wishes: &[Wish]) -> Vec<Wait> {
        let mut waits = Vec::new();
        for (interface, capped) in self.interfaces.iter().enumerate() {
            let here = wishes.iter().filter_map(|wish| {
                let (at, needs) = self.senders.get(wish.sender)?.as_ref()?;
                let need = needs.get(&wish.bit_rate_bps).copied().unwrap_or(wish.bit_rate_bps);
                (*at == interface).then_some((*wish, need))
            });
            let mut here: Vec<_> = here.collect();
            here.sort_by_key(|(wish, _)| {
                (wish.priority.is_some(), std::cmp::Reverse(wish.priority), wish.sender)
            });
            let of_all = here.iter().filter(|(wish, _)| wish.priority.is_none());
            let always =
                of_all.fold(capped.announce_bps, |sum, (_, need)| sum.saturating_add(*need));
            let mut used = capped.announce_bps;
            for same in here.chunk_by(|(one, _), (other, _)| one.priority == other.priority) {
                let (before, mut beside) = (used, Vec::new());
                for (wish, need) in same {
                    let with = |used: u64| used.saturating_add(*need);
                    if with(used) <= capped.cap_bps {
                        used = with(used);
                        beside.push(wish.sender);
                        continue;
                    }
                    let why = if wish.priority.is_none() || with(always) > capped.cap_bps {
                        Why::Never
                    } else if with(before) <= capped.cap_bps {
                        Why::Tie(beside.clone())
                    } else {
                        Why::Lower
                    };
                    let over_bps = with(used) - capped.cap_bps;
                    waits.push(Wait { sender: wish.sender, interface, over_bps, why });
                }
            }
        }
        waits
    }
}

/// Every rate that a channel may be given.
fn rates(line_up: &LineUp, channel: &Channel) -> Vec<u64> {
    let schedule = channel.schedule.and_then(|at| line_up.schedules.get(at));
    let windows = schedule.into_iter().flat_map(|schedule| &schedule.windows);
    let rates = windows.map(|it: &crate::lineup::Window| it.bit_rate_bps);
    rates.chain([None]).map(|rate| rate.unwrap_or(channel.bit_rate_bps)).collect()
}

/// Bits of IP per second of a channel with its companion.
fn need_bps(
    line_up: &LineUp,
    contents: &Contents,
    place: usize,
    bit_rate_bps: u64,
) -> Result<u64, String> {
    let mut at_rate = line_up.clone();
    if let Some(channel) = at_rate.channels.get_mut(place) {
        channel.bit_rate_bps = bit_rate_bps;
    }
    let plan = companion::plan(&at_rate, contents, place)?;
    Ok(plan.map_or(bit_rate_bps, |plan| plan.source_bps.saturating_add(plan.companion_bps)))
}
