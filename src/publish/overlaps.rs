//! Old revisions that boxes can still complete when new ones go on air.
//!
//! ```text
//!  publish(new) ──> the channel at a lower rate, the companion with both, what is announced says so
//!     on air    ──> the time runs
//!     over      ──> publish(new) once more, without the old one
//! ```
//!
//! The last revision that was on air is kept, no older one. What is kept here is forgotten when the program ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stbcast_flute::fdt::{File, Supersedes};
use stbcast_flute::{Entry, Repair};

use crate::carousel::Carousel;
use crate::clock;
use crate::lineup::Overlap;
use crate::overlap::{Rates, datagram_bytes, span};
use crate::programme::{ChannelProgramme, Dead, Payload, Programme};
use crate::repair::RepairSymbols;
use crate::spool::Digest;

/// Publications of which it is remembered what they launched; older ones are overtaken.
const GENERATIONS: u64 = 4;

/// One content of an object, with its repair symbols.
#[derive(Clone)]
struct Revision {
    file: File,
    symbols: RepairSymbols,
}

/// What of a channel can still be completed.
struct Running {
    old: Vec<Revision>,
    span: Duration,
    /// When that is over; `None` while the new revision is not on air.
    until: Option<Instant>,
}

/// All overlaps there are.
#[derive(Default)]
pub(super) struct Overlaps {
    /// What each channel with an overlap carries.
    aired: HashMap<String, Vec<Revision>>,
    /// What publications are to bring on air, by generation and channel.
    launched: Vec<(u64, String, Vec<Revision>)>,
    running: HashMap<String, Running>,
}

impl Overlaps {
    /// Makes the programme of publication `generation` one in which what it replaces can still be
    /// completed.
    pub(super) fn apply(&mut self, programme: &mut Programme, generation: u64, now: Instant) {
        let is_on = |name: &str| {
            let mut channels = programme.channels.iter();
            let has =
                |it: &ChannelProgramme| it.channel.overlap.is_some() && it.companion.is_some();
            channels.any(|it| it.channel.name == name && has(it))
        };
        // A channel that leaves the air, or has none any more, ends its overlap.
        self.aired.retain(|name, _| is_on(name));
        self.running.retain(|name, _| is_on(name));
        self.launched.retain(|(before, ..)| before + GENERATIONS > generation);
        for channel in &mut programme.channels {
            let (Some(overlap), true) = (channel.channel.overlap, channel.companion.is_some())
            else {
                continue;
            };
            let revisions = revisions(channel);
            self.run(channel, &overlap, &revisions, now);
            // One that could not be published before.
            self.launched
                .retain(|(of, name, _)| *of != generation || *name != channel.channel.name);
            self.launched.push((generation, channel.channel.name.clone(), revisions));
            if let Some(running) = self.running.get(&channel.channel.name) {
                overlay(channel, running, &overlap);
            }
        }
    }

    /// Begins the overlap of a channel, goes on with it, or ends it.
    fn run(
        &mut self,
        channel: &ChannelProgramme,
        overlap: &Overlap,
        new: &[Revision],
        now: Instant,
    ) {
        let name = &channel.channel.name;
        let aired = self.aired.get(name).map_or(&[][..], Vec::as_slice);
        let replaced: Vec<_> = aired.iter().filter(|old| is_replaced(old, new)).cloned().collect();
        if !replaced.is_empty() {
            let ip_udp_bytes = channel.channel.group.ip_udp_bytes();
            let cycle = channel.carousel.cycle_span(channel.channel.bit_rate_bps, ip_udp_bytes);
            let span = span(overlap, cycle.after(channel.channel.burst_delay));
            let span = Duration::from_micros(span.0);
            self.running.insert(name.clone(), Running { old: replaced, span, until: None });
            return;
        }
        if let Some(running) = self.running.get_mut(name) {
            running.old.retain(|old| is_replaced(old, new));
            let goes_on = running.until.is_some_and(|until| now < until);
            if !goes_on || running.old.is_empty() {
                self.running.remove(name);
                tracing::info!("channel {name}: the overlap is over");
            }
        }
    }

    /// A channel is on air as publication `generation` said.
    pub(super) fn on_air(&mut self, channel: &str, generation: u64, now: Instant) {
        let mut launched = self.launched.iter();
        let found = launched.position(|(of, name, _)| *of == generation && name == channel);
        let Some(found) = found else { return };
        let (.., revisions) = self.launched.swap_remove(found);
        self.launched.retain(|(of, name, _)| *of > generation || name != channel);
        let Some(running) = self.running.get_mut(channel) else {
            self.aired.insert(channel.to_owned(), revisions);
            return;
        };
        if running.until.is_none() && running.old.iter().all(|old| is_replaced(old, &revisions)) {
            running.until = Some(now + running.span);
            let seconds = running.span.as_secs_f64();
            for old in &running.old {
                let location = &old.file.location;
                tracing::info!("{location}: the old revision can be completed for {seconds:.0} s");
            }
        }
        self.aired.insert(channel.to_owned(), revisions);
    }

    /// When the first overlap is over.
    pub(super) fn due(&self) -> Option<Instant> {
        self.running.values().filter_map(|running| running.until).min()
    }

    /// What was killed cannot be completed any more.
    pub(super) fn kill(&mut self, dead: &Dead) {
        let stays = |revision: &Revision| {
            let digest = revision.file.sha256.map(Digest::from_bytes);
            !digest.is_some_and(|digest| dead.has(&digest))
        };
        for revisions in self.aired.values_mut() {
            revisions.retain(stays);
        }
        for running in self.running.values_mut() {
            running.old.retain(stays);
        }
        self.running.retain(|name, running| {
            if running.old.is_empty() {
                tracing::info!("channel {name}: what could still be completed was killed");
            }
            !running.old.is_empty()
        });
    }
}

/// Whether a new revision takes the place of an old one.
fn is_replaced(old: &Revision, new: &[Revision]) -> bool {
    new.iter().any(|new| new.file.location == old.file.location && new.file.toi != old.file.toi)
}

/// What the companion of a channel carries. Its payloads are the repair symbols of its files.
fn revisions(channel: &ChannelProgramme) -> Vec<Revision> {
    let Some(companion) = &channel.companion else { return Vec::new() };
    let both = companion.files.iter().zip(&companion.payloads);
    let revision = |(file, payload): (&File, &Payload)| match payload {
        Payload::Repair(symbols) => Some(Revision { file: file.clone(), symbols: symbols.clone() }),
        _ => None,
    };
    both.filter_map(revision).collect()
}

/// Gives the old revisions their part of a channel and its companion.
fn overlay(channel: &mut ChannelProgramme, running: &Running, overlap: &Overlap) {
    let Some(companion) = channel.companion.as_deref_mut() else { return };
    let Carousel::Companion(session) = &mut companion.carousel else { return };
    let rates = Rates::of(overlap, channel.channel.bit_rate_bps, companion.channel.bit_rate_bps);
    let group = companion.channel.group;
    let bytes = |symbols: &RepairSymbols| datagram_bytes(&symbols.geometry, group);
    let largest = running.old.iter().map(|old| bytes(&old.symbols)).max().unwrap_or(1);
    let new = companion.payloads.iter().filter_map(|payload| match payload {
        Payload::Repair(symbols) => Some(bytes(symbols)),
        _ => None,
    });
    let ppm = rates.superseded_ppm((largest, new.max().unwrap_or(largest)));
    let mut entries = Vec::new();
    for old in &running.old {
        let repair = Repair {
            store: companion.payloads.len(),
            per_block: old.symbols.per_block,
            per_cycle: 0,
            crcs: Arc::clone(&old.symbols.crcs),
        };
        // No source symbol is sent here.
        entries.push(Entry { file: old.file.clone(), object: usize::MAX, repair: Some(repair) });
        companion.payloads.push(Payload::Repair(old.symbols.clone()));
    }
    if let Err(error) = session.set_superseded(entries, ppm, clock::wall()) {
        tracing::error!("channel {}: no overlap: {error}", channel.channel.name);
        return;
    }
    let old = rates.superseded_bps.saturating_mul(1_000) / (largest as u64 * 8).max(1);
    session.set_rate(session.symbols_per_1000_s().saturating_add(old));
    (channel.channel.bit_rate_bps, companion.channel.bit_rate_bps) =
        (rates.source_bps, rates.companion_bps);
    let seconds = u32::try_from(running.span.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    for file in &mut channel.files {
        let of_old = running.old.iter().find(|old| old.file.location == file.location);
        let Some(old) = of_old.filter(|old| old.file.toi != file.toi) else { continue };
        file.announced.supersedes =
            Supersedes::new(old.file.toi, seconds, overlap.finish_past_permille).ok();
    }
}

#[cfg(test)]
mod tests;
