//! What is on air, told.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Desk, Headend};
use crate::control::{
    AnnounceStatus, ChannelStatus, HttpStatus, InterfaceStatus, KilledStatus, ObjectStatus,
    SpoolStatus, State, Status, VendorSenderStatus, VendorState,
};
use crate::lineup::{ANNOUNCE_NAME, Channel};
use crate::meter::{self, Reading};
use crate::programme::ChannelProgramme;
use crate::vendor_sender::{Doing, Told};
use crate::{clock, dates, interface, telemetry};

impl Desk {
    /// Bits of IP per second that a channel sent of late.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn measured_bps(&self, channel: &str, reading: &Reading) -> u64 {
        let [(since, bytes), _] = &self.samples;
        let before = bytes.get(channel).copied().unwrap_or(0);
        // A channel that went on air again counts from 0.
        let sent = reading.bytes.checked_sub(before).unwrap_or(reading.bytes);
        let seconds = Instant::now().saturating_duration_since(*since).as_secs_f64();
        if seconds > 0.0 { (sent as f64 * 8.0 / seconds) as u64 } else { 0 }
    }
}

impl Headend {
    /// Everything at a glance.
    pub(super) fn status(&self) -> Status {
        let line_up = self.stock.as_ref().map(|(stock, _)| stock.line_up());
        let channels = line_up.iter().flat_map(|line_up| line_up.channels.iter().enumerate());
        let (statements, expire) = self.desk.statements;
        let announce = self.publisher.told().find(|told| told.channel.name == ANNOUNCE_NAME);
        let announce = announce.map(|told| {
            let reading = meter::read(ANNOUNCE_NAME).unwrap_or_default();
            AnnounceStatus {
                group: told.channel.group.to_string(),
                statements,
                expire,
                measured_bps: self.desk.measured_bps(ANNOUNCE_NAME, &reading),
                errors: reading.errors,
                errno: reading.errno.map(telemetry::errno_name),
            }
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            time: dates::now(),
            uptime_s: self.desk.started.elapsed().as_secs(),
            line_up: self.options.line_up.display().to_string(),
            generation: self.publisher.generation(),
            settled: self.publisher.is_settled(),
            loading: self.house.is_none(),
            refused: self.desk.refused.clone(),
            last_reload: self.desk.last_reload.clone(),
            channels: channels
                .map(|(place, channel)| self.channel_status(place, channel))
                .chain(self.gone())
                .collect(),
            announce,
            vendor_senders: self.vendor_senders(),
            next_change: self.next_change(|next| next.any_s),
            killed: self.killed.as_ref().map(|watch| KilledStatus {
                file: watch.path().display().to_string(),
                entries: self.killed_entries(),
                problem: self.desk.problem.clone(),
            }),
            spool: SpoolStatus {
                path: self.options.spool.display().to_string(),
                used_bytes: self.desk.spool_bytes,
                cap_bytes: self.options.spool_cap_bytes,
            },
            interfaces: self.interfaces(),
            http: self.http.as_ref().map(|http| HttpStatus { address: http.address().to_string() }),
            mag_log: self.mag_log.as_ref().map(|log| log.address().to_string()),
        }
    }

    fn channel_status(&self, place: usize, channel: &Channel) -> ChannelStatus {
        let name = &channel.name;
        let told = self.publisher.told().find(|told| told.channel.name == *name);
        let reading = meter::read(name);
        let state = self.state_of(place, channel, told.is_some(), reading.as_ref());
        let now = reading.unwrap_or_default();
        let repair = channel.companion_name();
        let repair = meter::read(&repair).map(|it| self.desk.measured_bps(&repair, &it));
        let (done, left) = told.map_or((0.0, 0.0), |told| progress(told, &now));
        let follows = channel.schedule.is_some() && state != State::Killed;
        ChannelStatus {
            name: name.clone(),
            group: channel.group.to_string(),
            state,
            until: self
                .next_change(|next| next.channels.get(place).copied().flatten())
                .filter(|_| follows),
            bit_rate_bps: told.map_or(0, |told| told.channel.bit_rate_bps),
            measured_bps: self.desk.measured_bps(name, &now),
            repair_bps: repair,
            cycle: if reading.is_some() { now.cycles + 1 } else { 0 },
            cycle_done: done,
            cycle_left_s: left,
            packets: now.packets,
            errors: now.errors,
            errno: now.errno.map(telemetry::errno_name),
            pending: self.publisher.is_pending(name),
            objects: told.map(objects).unwrap_or_default(),
        }
    }

    fn state_of(
        &self,
        place: usize,
        channel: &Channel,
        is_told: bool,
        reading: Option<&Reading>,
    ) -> State {
        let killed = self.killed.as_ref().map(|watch| watch.killed());
        let roster = self.stock.as_ref().map(|(_, roster)| roster);
        let is_off = roster.is_some_and(|it| it.channels.get(place).copied().flatten().is_none());
        let absent = &self.desk.absent.objects;
        let is_dead =
            channel.objects.iter().any(|it| absent.contains(&(channel.name.clone(), it.name)));
        match reading {
            _ if killed.is_some_and(|killed| killed.is_channel(&channel.name)) => State::Killed,
            Some(_) if !is_told && self.publisher.leaving().any(|name| name == channel.name) => {
                State::Leaving
            }
            _ if is_off => State::OutsideWindow,
            _ if !is_told && is_dead => State::Killed,
            Some(reading) if reading.errno.is_some() => State::Failing,
            Some(_) if is_told => State::OnAir,
            _ => State::Waiting,
        }
    }

    /// Channels that the line-up no longer has and that complete their cycle.
    fn gone(&self) -> Vec<ChannelStatus> {
        let line_up = self.stock.as_ref().map(|(stock, _)| stock.line_up());
        let has =
            |name: &str| line_up.is_some_and(|it| it.channels.iter().any(|it| it.name == name));
        let gone = self.publisher.leaving().filter(|name| !has(name)).filter_map(|name| {
            let sent = self.desk.sent.get(name).filter(|sent| !sent.is_companion)?;
            let now = meter::read(name)?;
            let repair = Channel::companion_of(name);
            Some(ChannelStatus {
                name: name.to_owned(),
                group: sent.group.clone(),
                state: State::Leaving,
                bit_rate_bps: sent.bit_rate_bps,
                measured_bps: self.desk.measured_bps(name, &now),
                repair_bps: meter::read(&repair).map(|it| self.desk.measured_bps(&repair, &it)),
                cycle: now.cycles + 1,
                packets: now.packets,
                errors: now.errors,
                errno: now.errno.map(telemetry::errno_name),
                ..ChannelStatus::default()
            })
        });
        let mut gone: Vec<_> = gone.collect();
        gone.sort_by(|one, other| one.name.cmp(&other.name));
        gone
    }

    /// Senders of vendors, those of the line-up and those that left it and have not ended.
    fn vendor_senders(&self) -> Vec<VendorSenderStatus> {
        let killed = self.killed.as_ref().map(|watch| watch.killed());
        let place = |name: &str| {
            let (stock, _) = self.stock.as_ref()?;
            stock.line_up().vendor_senders.iter().position(|it| it.name == name)
        };
        let status = |Told { sender, doing, pid, restarts, problem }: Told<'_>| {
            let place = place(&sender.name);
            let roster = self.stock.as_ref().map(|(_, roster)| &roster.vendor_senders);
            let is_on = place.and_then(|at| roster?.get(at).copied()).unwrap_or(false);
            let is_killed = killed.is_some_and(|killed| killed.is_channel(&sender.name));
            let state = match doing {
                Doing::Runs => VendorState::Running,
                Doing::Ends => VendorState::Ending,
                _ if is_killed => VendorState::Killed,
                _ if !is_on => VendorState::OutsideWindow,
                Doing::Done => VendorState::Done,
                Doing::Waits => VendorState::Failing,
                Doing::Rests => VendorState::Waiting,
            };
            let follows = sender.schedule.is_some() && state != VendorState::Killed;
            let next = self.next_change(|it| it.vendor_senders.get(place?).copied().flatten());
            VendorSenderStatus {
                name: sender.name.clone(),
                group: sender.group.to_string(),
                state,
                until: next.filter(|_| follows),
                pid,
                counted_bps: sender.counted_bps,
                is_estimated: sender.is_estimated,
                restarts,
                problem: problem.map(str::to_owned),
            }
        };
        self.vendors.told().map(status).collect()
    }

    fn interfaces(&self) -> Vec<InterfaceStatus> {
        let mut sent: BTreeMap<Option<String>, (u64, u64)> = BTreeMap::new();
        let told = self.publisher.told().map(|told| &told.channel);
        let told = told.map(|channel| (channel.name.as_str(), channel.interface.as_deref()));
        let leaving = self
            .publisher
            .leaving()
            .filter_map(|name| Some((name, self.desk.sent.get(name)?.interface.as_deref())));
        for (name, interface) in told.chain(leaving) {
            let bps = meter::read(name).map_or(0, |it| self.desk.measured_bps(name, &it));
            sent.entry(interface.map(interface::canonical)).or_default().0 += bps;
        }
        for told in self.vendors.told().filter(|told| told.pid.is_some()) {
            let interface = told.sender.interface.as_deref().map(interface::canonical);
            sent.entry(interface).or_default().1 += told.sender.counted_bps;
        }
        let line_up = self.stock.as_ref().map(|(stock, _)| stock.line_up());
        let budgets = line_up.iter().flat_map(|line_up| &line_up.interfaces);
        let caps: BTreeMap<_, _> =
            budgets.map(|it| (interface::canonical(&it.name), it.bit_rate_bps)).collect();
        let status =
            |(name, (measured_bps, vendors_bps)): (Option<String>, (u64, u64))| InterfaceStatus {
                cap_bps: name.as_ref().and_then(|name| caps.get(name).copied()),
                name,
                measured_bps,
                vendors_bps,
            };
        sent.into_iter().map(status).collect()
    }
}

fn objects(told: &ChannelProgramme) -> Vec<ObjectStatus> {
    let objects = told.channel.objects.iter().zip(&told.digests);
    let status = objects.map(|(object, digest)| ObjectStatus {
        name: object.name.to_string(),
        sha256: digest.map(|digest| digest.hex()),
        version: object.version.clone(),
    });
    status.collect()
}

/// How much of its cycle a channel has sent, 0 to 1, and for how many seconds it goes on.
fn progress(told: &ChannelProgramme, reading: &Reading) -> (f64, f64) {
    let ChannelProgramme { channel, carousel, .. } = told;
    let span = carousel.cycle_span(channel.bit_rate_bps, channel.group.ip_udp_bytes());
    let (span, gone) = (span.as_secs_f64(), clock::now().since(reading.cycle_began).as_secs_f64());
    if span <= 0.0 || reading.cycle_began.0 == 0 {
        return (0.0, 0.0);
    }
    ((gone / span).clamp(0.0, 1.0), (span - gone).max(0.0))
}
