//! `[[reboot]]`: requests to boxes of KreaTV that are on, for an object `cmd.reboot`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_spanned::Spanned;
use stbcast_bootcast::reboot::{
    ACCEPT, Button, Notification, POSTPONE, RebootRequest, RebootRequests, Wanted,
};

use super::rules::{At, ChannelDraft, Rules};
use super::written::{Word, at, word};
use super::{Channel, ObjectId};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Requests to reboot under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Reboot {
    /// Its name; no two have the same.
    pub name: String,
    /// What is sent.
    pub requests: RebootRequests,
    /// The object whose version a request wants, in the order of the requests.
    pub images: Vec<Option<ObjectId>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RebootWritten {
    name: Spanned<String>,
    #[serde(default)]
    request: Vec<Spanned<RequestWritten>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestWritten {
    version: Option<String>,
    image: Option<String>,
    date: Option<String>,
    serials: Option<[Word; 2]>,
    model: Option<String>,
    severity: Spanned<Word>,
    timeout: Option<u32>,
    delayed: Option<bool>,
    notification: Option<NotificationWritten>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotificationWritten {
    text: String,
    accept: String,
    postpone: String,
}

/// Requests as somebody wrote them.
#[derive(Clone, Debug)]
pub(super) struct RebootDraft {
    pub(super) name: At<String>,
    requests: Vec<At<RequestDraft>>,
}

#[derive(Clone, Debug)]
struct RequestDraft {
    version: Option<String>,
    image: Option<String>,
    date: Option<String>,
    request: RebootRequest,
}

impl RebootWritten {
    pub(super) fn draft(self) -> RebootDraft {
        let request = |written: Spanned<RequestWritten>| {
            let At { value, offset } = at(written);
            At { value: value.draft(), offset }
        };
        RebootDraft {
            name: at(self.name),
            requests: self.request.into_iter().map(request).collect(),
        }
    }
}

impl RequestWritten {
    fn draft(self) -> RequestDraft {
        let button = |text: String, action: &str| Button { text, action: action.to_owned() };
        let notification = self.notification.map(|written| Notification {
            text: written.text,
            buttons: [button(written.accept, ACCEPT), button(written.postpone, POSTPONE)],
        });
        let request = RebootRequest {
            wanted: Wanted::Version(String::new()),
            serials: self.serials.map(|[first, last]| (first.0, last.0)),
            model: self.model,
            severity: word(self.severity).value,
            timeout: self.timeout.map(|timeout| timeout.to_string()),
            delayed: self.delayed.map(|delayed| delayed.to_string()),
            notification,
        };
        RequestDraft { version: self.version, image: self.image, date: self.date, request }
    }
}

impl Rules<'_> {
    /// The requests to reboot, which may want the version of an object of `channels`.
    pub(super) fn reboots(
        &mut self,
        drafts: &[RebootDraft],
        channels: &[(Channel, &ChannelDraft)],
    ) -> Vec<Reboot> {
        let mut names = HashMap::new();
        let mut checked = Vec::new();
        for RebootDraft { name: At { value: name, offset }, requests } in drafts {
            if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.contains(char::is_control) {
                let message = format!(
                    "{name:?} cannot name a reboot: legal are 1 to {NAME_BYTES_MAX} bytes without control \
                     characters"
                );
                self.error(*offset, message);
            } else if names.insert(name, ()).is_some() {
                self.error(*offset, format!("reboot `{name}` stands twice"));
            }
            let read = requests.iter().filter_map(|one| self.reboot_request(one, channels));
            let (images, read): (Vec<_>, Vec<_>) = read.unzip();
            if read.len() < requests.len() {
                continue;
            }
            let read = RebootRequests { requests: read };
            for (which, problem) in read.problems() {
                let request = requests.get(which.saturating_sub(1));
                let offset = request.map_or(*offset, |request| request.offset);
                let message = format!("reboot `{name}`, request {which}: {problem}");
                if problem.is_error() {
                    self.error(offset, message);
                } else {
                    self.warn(offset, message);
                }
            }
            checked.push(Reboot { name: name.clone(), requests: read, images });
        }
        checked
    }

    fn reboot_request(
        &mut self,
        At { value: draft, offset }: &At<RequestDraft>,
        channels: &[(Channel, &ChannelDraft)],
    ) -> Option<(Option<ObjectId>, RebootRequest)> {
        let (image, wanted) = match (&draft.version, &draft.image, &draft.date) {
            (Some(version), None, None) => (None, Wanted::Version(version.clone())),
            (None, Some(name), None) => {
                let id = self.find(*offset, name)?;
                let (channel, _) = channels.get(id.channel)?;
                let Some(version) = channel.objects.get(id.object)?.version.clone() else {
                    let message = format!(
                        "object `{name}` has no `version`: boxes compare what their software says with \
                         what is wanted, and would reboot for ever"
                    );
                    self.error(*offset, message);
                    return None;
                };
                (Some(id), Wanted::Version(version))
            }
            (None, None, Some(date)) => (None, self.reboot_date(*offset, date)?),
            _ => {
                let message = "a request wants one of `image`, the name of an object, `version`, and \
                               `date`, as 2026-11-22T01:30:00";
                self.error(*offset, message);
                return None;
            }
        };
        Some((image, RebootRequest { wanted, ..draft.request.clone() }))
    }

    /// When software was made: what the vendor wrote into the image, in no time zone.
    fn reboot_date(&mut self, offset: usize, text: &str) -> Option<Wanted> {
        let digits = |text: &str, sign: char| -> String {
            text.chars().filter(|one| *one != sign).collect()
        };
        if let Some((date, time)) = text.split_once(['T', ' ']) {
            return Some(Wanted::Date { date: digits(date, '-'), time: digits(time, ':') });
        }
        let message = format!("date {text:?}: legal is a date and a time, as 2026-11-22T01:30:00");
        self.error(offset, message);
        None
    }
}

#[cfg(test)]
mod tests;
