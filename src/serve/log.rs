//! What the log says of what is on air.

use crate::interface::{self, NotFound};
use crate::lineup::LineUp;
use crate::programme::{ChannelProgramme, Programme};

/// Tells what is about to go on air.
pub(super) fn describe(programme: &Programme) {
    let companions = programme.channels.iter().filter_map(|it| it.companion.as_deref());
    let sessions = companions.chain(&programme.announce);
    for ChannelProgramme { channel, carousel, .. } in &programme.channels {
        let cycle = carousel.cycle_span(channel.bit_rate_bps, channel.group.ip_udp_bytes());
        tracing::info!(
            "channel {}: {} at {} bit/s of IP, ttl {}, {} objects in {:.1} s",
            channel.name,
            channel.group,
            channel.bit_rate_bps,
            channel.ttl,
            channel.objects.len(),
            cycle.as_secs_f64()
        );
    }
    for ChannelProgramme { channel, .. } in sessions {
        tracing::info!(
            "channel {}: {} at {} bit/s of IP, ttl {}",
            channel.name,
            channel.group,
            channel.bit_rate_bps,
            channel.ttl
        );
    }
}

/// Warns of interfaces that are not there yet: a channel waits for its own when its window opens.
pub(super) fn interfaces(line_up: &LineUp) {
    for channel in line_up.channels.iter().filter(|channel| channel.schedule.is_some()) {
        let found = channel.interface.as_deref().map(interface::find);
        if let Some(Err(NotFound::Absent(why))) = found {
            tracing::warn!("channel {}: waits for its interface: {why}", channel.name);
        }
    }
}
