//! `[channel.mag]`: what is told of the image of a MAG channel, and which image it may be.

use std::path::PathBuf;

use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_mag::{Description, HEADER_BYTES};
use stbcast_object::{Group, Micros};

use super::rules::{At, ChannelDraft, Rules};
use super::written::at;
use super::{Channel, Protocol, Schedule};

/// The description comes again after this where nothing is written: as in the vendor's sample.
const DESCRIPTION_REPEAT_MS: i64 = 1_000;

/// TTL where none is written, as the vendor's sender has it (MAG notes §1.3).
pub(super) const TTL: i64 = 1;

/// Pause behind each cycle where none is written, in milliseconds, as the vendor's sender has it.
pub(super) const BURST_DELAY_MS: i64 = 100;

/// The object that a box boots to update itself, as the vendor's tools call its file.
const BOOTSTRAP: &str = "Bootstrap";

/// What is told of the image of a MAG channel, and which image it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mag {
    /// Serial number; from the revision where `None`.
    pub serial: Option<u16>,
    /// What the image is, for people; from its header or its name where `None`.
    pub description: Option<Description>,
    /// How often that is told within a cycle; every 100 ms where zero.
    pub description_repeat: Micros,
    /// What the image is to a box.
    pub role: Role,
    /// The model whose images alone may be sent.
    pub model: Option<String>,
    /// File of the OpenPGP public key that must verify the image.
    pub key: Option<PathBuf>,
    /// Whether an image of another model or key is sent all the same.
    pub force: bool,
}

/// What the image of a MAG channel is to a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The program that updates the box: a kernel and no container.
    Bootstrap,
    /// The container that it writes to flash.
    Image,
}

impl Role {
    /// The word for it in line-ups.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Image => "image",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MagWritten {
    serial: Option<Spanned<i64>>,
    description: Option<Spanned<String>>,
    description_repeat_ms: Option<Spanned<i64>>,
    role: Option<Spanned<String>>,
    model: Option<String>,
    key: Option<String>,
    force: Option<bool>,
}

/// `[channel.mag]` as somebody wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct MagDraft {
    pub(super) serial: Option<At<i64>>,
    pub(super) description: Option<At<String>>,
    pub(super) description_repeat_ms: Option<At<i64>>,
    pub(super) role: Option<At<String>>,
    pub(super) model: Option<String>,
    pub(super) key: Option<String>,
    pub(super) force: bool,
}

impl MagWritten {
    pub(super) fn into_draft(self) -> MagDraft {
        MagDraft {
            serial: self.serial.map(at),
            description: self.description.map(at),
            description_repeat_ms: self.description_repeat_ms.map(at),
            role: self.role.map(at),
            model: self.model,
            key: self.key,
            force: self.force.unwrap_or(false),
        }
    }
}

impl Rules<'_> {
    /// What a MAG channel says of its image; `None` on other channels, where it has no place.
    pub(super) fn mag(&mut self, draft: &ChannelDraft, protocol: Protocol) -> Option<Mag> {
        if protocol != Protocol::Mag {
            if let Some(written) = &draft.mag {
                let message = format!("`mag` has no place on {} channel", protocol.title());
                self.error(written.offset, message);
            }
            return None;
        }
        self.one_file(draft);
        let written = draft.mag.as_ref().map(|it| it.value.clone()).unwrap_or_default();
        let serial = written.serial.as_ref().map(|it| self.within(it, "serial", 0..=65_535));
        let repeat = written.description_repeat_ms.as_ref();
        let repeat = repeat.map_or(DESCRIPTION_REPEAT_MS, |it| {
            self.within(it, "description_repeat_ms", 0..=86_400_000)
        });
        let description = written.description.as_ref().and_then(|it| {
            let refused =
                |error: stbcast_mag::DescriptionError| self.error(it.offset, error.to_string());
            Description::new(&it.value).map_err(refused).ok()
        });
        let role = self.role(draft, written.role.as_ref());
        self.can_be_checked(draft, role);
        Some(Mag {
            serial: serial.and_then(|serial| u16::try_from(serial).ok()),
            description,
            description_repeat: Micros::from_millis(u64::try_from(repeat).unwrap_or_default()),
            role,
            model: written.model,
            key: written.key.map(|path| self.directory.join(path)),
            force: written.force,
        })
    }

    /// What is asked of an image must not be passed over in silence.
    fn can_be_checked(&mut self, draft: &ChannelDraft, role: Role) {
        let Some(At { value: written, offset }) = &draft.mag else { return };
        let asked = [("model", written.model.is_some()), ("key", written.key.is_some())];
        for (key, _) in asked.iter().filter(|(_, is_asked)| *is_asked && role == Role::Bootstrap) {
            let message = format!(
                "`{key}` cannot be held against a Bootstrap, which is no container with a header and signatures: \
                 leave it out, or write role = \"image\" where it is one"
            );
            if written.force {
                self.warn(*offset, message);
            } else {
                self.error(*offset, message);
            }
        }
    }

    fn role(&mut self, draft: &ChannelDraft, written: Option<&At<String>>) -> Role {
        let Some(At { value, offset }) = written else {
            let is_bootstrap =
                draft.objects.iter().any(|it| it.name.value.eq_ignore_ascii_case(BOOTSTRAP));
            return if is_bootstrap { Role::Bootstrap } else { Role::Image };
        };
        let known = [Role::Bootstrap, Role::Image].into_iter().find(|role| role.word() == value);
        known.unwrap_or_else(|| {
            self.error(*offset, format!("role `{value}`: legal are bootstrap, image"));
            Role::Image
        })
    }

    /// A MAG channel carries one file.
    fn one_file(&mut self, draft: &ChannelDraft) {
        if let Some(second) = draft.objects.get(1) {
            let message = format!(
                "object `{}` is the second of a MAG channel: boxes take one file from a group and port. \
                 Give it a channel of its own",
                second.name.value
            );
            self.error(second.name.offset, message);
        }
    }

    /// A channel that does not send a datagram each second starves its boxes.
    pub(super) fn mag_rate(&mut self, draft: &ChannelDraft, channel: &Channel) {
        self.mag_rate_of(channel, channel.bit_rate_bps, draft.bit_rate_kbps.offset);
    }

    /// Nor may a window of its schedule slow it down to that.
    pub(super) fn mag_windows(
        &mut self,
        channels: &[(Channel, &ChannelDraft)],
        schedules: &[Schedule],
    ) {
        for (channel, draft) in channels.iter().filter(|(it, _)| it.protocol == Protocol::Mag) {
            let schedule = channel.schedule.and_then(|place| schedules.get(place));
            let windows = schedule.iter().flat_map(|schedule| &schedule.windows);
            if let Some(slowest) = windows.filter_map(|window| window.bit_rate_bps).min() {
                let offset = draft.schedule.as_ref().map_or(draft.offset, |at| at.offset);
                self.mag_rate_of(channel, slowest, offset);
            }
        }
    }

    fn mag_rate_of(&mut self, channel: &Channel, bit_rate_bps: u64, offset: usize) {
        let least = datagram_bits(&channel.group, channel.slice_bytes.get().into());
        if bit_rate_bps < least {
            let message = format!(
                "{bit_rate_bps} bit/s are less than one datagram each second: a MAG channel with slices of {} bytes \
                 needs {least} bit/s at least",
                channel.slice_bytes
            );
            self.error(offset, message);
        }
    }
}

/// Bits of IP of a datagram with a whole slice.
fn datagram_bits(group: &Group, slice_bytes: usize) -> u64 {
    (group.ip_udp_bytes() + HEADER_BYTES + slice_bytes) as u64 * 8
}

#[cfg(test)]
mod tests;
