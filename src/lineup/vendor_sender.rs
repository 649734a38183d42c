//! `[[vendor_sender]]`: a program of a vendor that sends one file in a format we do not know, run beside
//! our channels. So far that is Dune's `dune_file_multicast_server.x86`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_object::Group;

use super::rules::{At, ChannelDraft, Rules};
use super::written::at;
use super::{ANNOUNCE_NAME, Announce, Channel};

/// Vendor senders of a line-up: each is a process.
const SENDERS_MAX: usize = 32;

/// Most KByte a second: 8 Gbit/s.
const KBYTES_PER_S_MAX: i64 = 1_000_000;

/// Bytes of a KByte of the vendor's, which says no more: the larger of the two meanings.
const KBYTE: u64 = 1_024;

/// What is added to a sender's speed to count it, in percent: whether headers of IP, UDP and its own are
/// in the speed that it is told is not public.
const HEADERS_PERCENT: u64 = 10;

/// A vendor's sender and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorSender {
    /// Its name in log, status and metrics; no channel has it.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Where it sends; IPv4.
    pub group: Group,
    /// What it sends.
    pub file: PathBuf,
    /// Its speed in KByte/s, as it is told.
    pub kbytes_per_s: u32,
    /// Time to live.
    pub ttl: u8,
    /// Times that it sends the file; for ever at 0.
    pub iterations: u32,
    /// Seconds between them.
    pub delay_s: u32,
    /// Seconds from one INFO packet to the next, 1 to 30.
    pub info_s: u8,
    /// How much it says, 0 to 5.
    pub verbosity: u8,
    /// The interface by which its datagrams leave, as the routing table decides: the sender has no word
    /// for it. Only to count it there.
    pub interface: Option<String>,
    /// Bits of IP per second that it counts as.
    pub counted_bps: u64,
    /// Whether that is an estimate of ours.
    pub is_estimated: bool,
    /// Place in [`super::LineUp::schedules`] of what it follows; always runs where `None`.
    pub schedule: Option<usize>,
    /// Version of the file, for [`crate::dhcp`].
    pub version: Option<String>,
}

impl VendorSender {
    /// What the program is told: `[options] <ip> <port> <file>`.
    pub fn arguments(&self) -> Vec<OsString> {
        let options = [
            ("-s", self.kbytes_per_s),
            ("-t", self.ttl.into()),
            ("-n", self.iterations),
            ("-d", self.delay_s),
            ("-i", self.info_s.into()),
            ("-v", self.verbosity.into()),
        ];
        let options =
            options.iter().flat_map(|(option, value)| [(*option).to_owned(), value.to_string()]);
        let place = [self.group.address().to_string(), self.group.port().to_string()];
        let words = options.chain(place).map(OsString::from);
        words.chain([self.file.clone().into_os_string()]).collect()
    }

    /// Where boxes of Dune find it.
    pub fn url(&self) -> String {
        format!("igmp://{}", self.group)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VendorSenderWritten {
    name: Spanned<String>,
    program: Spanned<String>,
    group: Spanned<String>,
    file: Spanned<String>,
    kbytes_per_s: Option<Spanned<i64>>,
    ttl: Option<Spanned<i64>>,
    iterations: Option<Spanned<i64>>,
    delay_s: Option<Spanned<i64>>,
    info_s: Option<Spanned<i64>>,
    verbosity: Option<Spanned<i64>>,
    interface: Option<String>,
    counted_kbps: Option<Spanned<f64>>,
    schedule: Option<Spanned<String>>,
    version: Option<Spanned<String>>,
}

/// A vendor's sender as somebody wrote it.
#[derive(Clone, Debug)]
pub(super) struct VendorSenderDraft {
    name: At<String>,
    program: At<String>,
    group: At<String>,
    file: At<String>,
    kbytes_per_s: Option<At<i64>>,
    ttl: Option<At<i64>>,
    iterations: Option<At<i64>>,
    delay_s: Option<At<i64>>,
    info_s: Option<At<i64>>,
    verbosity: Option<At<i64>>,
    interface: Option<String>,
    counted_kbps: Option<At<f64>>,
    schedule: Option<At<String>>,
    version: Option<At<String>>,
}

impl VendorSenderWritten {
    pub(super) fn into_draft(self) -> VendorSenderDraft {
        VendorSenderDraft {
            name: at(self.name),
            program: at(self.program),
            group: at(self.group),
            file: at(self.file),
            kbytes_per_s: self.kbytes_per_s.map(at),
            ttl: self.ttl.map(at),
            iterations: self.iterations.map(at),
            delay_s: self.delay_s.map(at),
            info_s: self.info_s.map(at),
            verbosity: self.verbosity.map(at),
            interface: self.interface,
            counted_kbps: self.counted_kbps.map(at),
            schedule: self.schedule.map(at),
            version: self.version.map(at),
        }
    }
}

/// What stands beside the senders of a line-up.
pub(super) struct Beside<'a> {
    pub(super) channels: &'a [(Channel, &'a ChannelDraft)],
    pub(super) announce: Option<&'a Announce>,
    pub(super) has_budgets: bool,
}

impl Rules<'_> {
    /// All vendor senders; with an error in one, fewer.
    pub(super) fn vendor_senders(
        &mut self,
        drafts: &[VendorSenderDraft],
        beside: &Beside<'_>,
    ) -> Vec<VendorSender> {
        if let Some(more) = drafts.get(SENDERS_MAX) {
            let message = format!("{} vendor senders: at most {SENDERS_MAX} run", drafts.len());
            self.error(more.name.offset, message);
        }
        let mut senders: Vec<VendorSender> = Vec::new();
        for draft in drafts.iter().take(SENDERS_MAX) {
            let Some(sender) = self.vendor_sender(draft) else { continue };
            self.vendor_name(draft, &senders, beside);
            self.vendor_group(draft, &sender, &senders, beside);
            if beside.has_budgets && sender.interface.is_none() {
                let message = format!(
                    "vendor sender `{}` has no `interface`, and the line-up states what interfaces may carry. \
                     Write the interface by which the routing table sends its datagrams",
                    sender.name
                );
                self.error(draft.name.offset, message);
            }
            senders.push(sender);
        }
        senders
    }

    fn vendor_sender(&mut self, draft: &VendorSenderDraft) -> Option<VendorSender> {
        let group = match Group::parse(&draft.group.value, None) {
            Ok(group) if group.address().is_ipv4() => Some(group),
            Ok(group) => {
                let message = format!("group {group}: a vendor's sender is told IPv4 alone");
                self.error(draft.group.offset, message);
                None
            }
            Err(error) => {
                self.error(draft.group.offset, error.to_string());
                None
            }
        };
        let kbytes_per_s =
            self.number(draft.kbytes_per_s.as_ref(), "kbytes_per_s", 256, 1..=KBYTES_PER_S_MAX);
        let ttl = self.number(draft.ttl.as_ref(), "ttl", 1, 0..=255);
        if let (0, Some(written)) = (ttl, &draft.ttl) {
            self.warn(written.offset, "ttl 0: what is sent never leaves this machine");
        }
        let iterations = self.number(draft.iterations.as_ref(), "iterations", 0, 0..=1_000_000);
        let delay_s = self.number(draft.delay_s.as_ref(), "delay_s", 0, 0..=86_400);
        let info_s = self.number(draft.info_s.as_ref(), "info_s", 2, 1..=30);
        let verbosity = self.number(draft.verbosity.as_ref(), "verbosity", 1, 0..=5);
        let counted = draft.counted_kbps.as_ref().map(|written| self.bit_rate(written));
        let schedule = self.followed(draft.schedule.as_ref());
        if let Some(wrong) = draft.version.as_ref().filter(|it| !is_version(&it.value)) {
            let message = format!(
                "version `{}`: legal are 1 to 100 printable letters of ASCII without spaces",
                wrong.value
            );
            self.error(wrong.offset, message);
        }
        Some(VendorSender {
            name: draft.name.value.clone(),
            program: self.absolute(&draft.program)?,
            group: group?,
            file: self.absolute(&draft.file)?,
            kbytes_per_s,
            ttl: u8::try_from(ttl).unwrap_or(1),
            iterations,
            delay_s,
            info_s: u8::try_from(info_s).unwrap_or(2),
            verbosity: u8::try_from(verbosity).unwrap_or(1),
            interface: draft.interface.clone(),
            counted_bps: counted.unwrap_or_else(|| estimated_bps(kbytes_per_s)),
            is_estimated: counted.is_none(),
            schedule,
            version: draft.version.as_ref().map(|it| it.value.clone()),
        })
    }

    fn number(
        &mut self,
        written: Option<&At<i64>>,
        what: &str,
        default: u32,
        legal: std::ops::RangeInclusive<i64>,
    ) -> u32 {
        let value = written.map(|written| self.within(written, what, legal));
        value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
    }

    /// A path that no program takes for an option, wherever it runs.
    fn absolute(&mut self, written: &At<String>) -> Option<PathBuf> {
        let path = if written.value.is_empty() {
            Err("an empty path".to_owned())
        } else {
            let path = self.directory.join(Path::new(&written.value));
            std::path::absolute(path).map_err(|error| error.to_string())
        };
        path.map_err(|why| self.error(written.offset, format!("path `{}`: {why}", written.value)))
            .ok()
    }

    /// It is killed, shown and counted by its name, as channels are.
    fn vendor_name(
        &mut self,
        draft: &VendorSenderDraft,
        before: &[VendorSender],
        beside: &Beside<'_>,
    ) {
        let At { value: name, offset } = &draft.name;
        let of_channel = |channel: &Channel| {
            channel.name == *name || channel.repair.is_some() && channel.companion_name() == *name
        };
        if name.trim().is_empty() {
            self.error(*offset, "a vendor sender needs a name, as name = \"dune tv-101\"");
        } else if name == ANNOUNCE_NAME || beside.channels.iter().any(|(it, _)| of_channel(it)) {
            let message =
                format!("`{name}` is the name of a channel: name the vendor sender otherwise");
            self.error(*offset, message);
        } else if before.iter().any(|it| it.name == *name) {
            self.error(*offset, format!("vendor sender `{name}` stands twice"));
        }
    }

    /// A box that joins an address receives all that is sent there, whatever the port.
    fn vendor_group(
        &mut self,
        draft: &VendorSenderDraft,
        sender: &VendorSender,
        before: &[VendorSender],
        beside: &Beside<'_>,
    ) {
        let (offset, name, address) = (draft.group.offset, &sender.name, sender.group.address());
        let companion = |channel: &Channel| channel.repair.as_ref()?.group;
        let channels = || beside.channels.iter().map(|(channel, _)| channel);
        let ours = channels().filter_map(|it| Some((companion(it)?, it.companion_name())));
        let announce = beside.announce.map(|it| (it.group, "the announce session".to_owned()));
        let ours = ours.chain(announce).find(|(group, _)| group.address() == address);
        if let Some((_, other)) = ours {
            let message = format!(
                "vendor sender `{name}` and {other} share the group address {address}: boxes that know \
                 nothing of it would receive it, whatever the port. Give it an address of its own"
            );
            return self.error(offset, message);
        }
        let channels = channels().map(|it| (it.group, it.name.as_str()));
        let others = channels.chain(before.iter().map(|it| (it.group, it.name.as_str())));
        let others: Vec<_> = others.filter(|(group, _)| group.address() == address).collect();
        if let Some((group, other)) = others.iter().find(|(group, _)| *group == sender.group) {
            let message = format!(
                "vendor sender `{name}` and `{other}` share group and port {group}: boxes would hear a mixture \
                 of both"
            );
            self.error(offset, message);
        } else if let Some((_, other)) = others.first() {
            let message = format!(
                "vendor sender `{name}` and `{other}` share the group address {address}: a box that joins one \
                 receives both, whatever the port"
            );
            self.warn(offset, message);
        }
    }
}

/// What a sender is counted as: never less than it sends, as far as that can be known.
fn estimated_bps(kbytes_per_s: u32) -> u64 {
    u64::from(kbytes_per_s) * KBYTE * 8 * (100 + HEADERS_PERCENT) / 100
}

/// Boxes read lines whose columns are separated by spaces.
fn is_version(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
