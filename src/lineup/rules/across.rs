//! The rules that channels keep to one another.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::repair::AnnounceDraft;
use super::super::{ANNOUNCE_NAME, Announce, Channel, ObjectId, Protocol};
use super::{At, ChannelDraft, Rules};

impl Rules<'_> {
    pub(super) fn across_channels(&mut self, checked: &[(Channel, &ChannelDraft)]) {
        let mut names = HashMap::new();
        for (channel, draft) in checked {
            let companion = channel.repair.as_ref().and_then(|repair| repair.group);
            let own = [Some(channel.name.clone()), companion.map(|_| channel.companion_name())];
            for name in own.into_iter().flatten() {
                let offset = draft.name.as_ref().map_or(draft.offset, |name| name.offset);
                if name == ANNOUNCE_NAME {
                    let message = "`announce` is the name of the announce session: name the channel \
                                   otherwise";
                    self.error(offset, message);
                } else if names.insert(name.clone(), ()).is_some() {
                    self.error(offset, format!("channel `{name}` stands twice"));
                }
            }
            let foreign = |id: ObjectId| {
                let (named, _) = checked.get(id.channel)?;
                let object = named.objects.get(id.object)?;
                (named.protocol != Protocol::Infocast).then_some((object.name, named.protocol))
            };
            for (object, draft) in channel.objects.iter().zip(&draft.objects) {
                for (name, protocol) in object.source.named().filter_map(foreign) {
                    let message = format!(
                        "object `{name}` is on {} channel: boxes that read a bootcast information \
                         know Infocast alone",
                        protocol.title()
                    );
                    self.error(draft.source.offset, message);
                }
            }
        }
    }

    /// A box that joins an address receives all that is sent there, whatever the port.
    pub(super) fn across_groups(
        &mut self,
        checked: &[(Channel, &ChannelDraft)],
        announce: Option<(&Announce, &At<AnnounceDraft>)>,
    ) {
        let groups = self.shared_by_channels(checked);
        self.shared_by_ours(checked, &groups, announce);
        if announce.is_none() {
            self.unannounced(checked);
        }
    }

    /// Channels of one address; the last channel of each.
    fn shared_by_channels<'a>(
        &mut self,
        checked: &'a [(Channel, &ChannelDraft)],
    ) -> HashMap<IpAddr, &'a Channel> {
        let (mut sessions, mut groups) = (HashMap::new(), HashMap::new());
        for (channel, draft) in checked {
            let session: Option<&Channel> = sessions.insert(channel.group, channel);
            let other: Option<&Channel> = groups.insert(channel.group.address(), channel);
            let both = |other: &Channel, protocol| {
                (other.protocol == protocol, channel.protocol == protocol)
            };
            if let Some(other) = session.filter(|it| both(it, Protocol::Flute) == (true, true)) {
                let message = format!(
                    "FLUTE channels `{}` and `{}` share group and port {}: they would be one session \
                     with two descriptions",
                    other.name, channel.name, channel.group
                );
                self.error(draft.group.offset, message);
            } else if let Some(other) =
                session.filter(|it| both(it, Protocol::Mag) != (false, false))
            {
                let message = format!(
                    "channels `{}` and `{}` share group and port {}: MAG boxes take one file from it",
                    other.name, channel.name, channel.group
                );
                self.error(draft.group.offset, message);
            } else if let Some(other) = other {
                let message = format!(
                    "channels `{}` and `{}` share the group address {}: a box that joins one \
                     receives both, whatever the port",
                    other.name,
                    channel.name,
                    channel.group.address()
                );
                self.warn(draft.group.offset, message);
            }
        }
        groups
    }

    /// Companions and the announce session, on addresses of channels in `groups` or of one another.
    fn shared_by_ours(
        &mut self,
        checked: &[(Channel, &ChannelDraft)],
        groups: &HashMap<IpAddr, &Channel>,
        announce: Option<(&Announce, &At<AnnounceDraft>)>,
    ) {
        let mut ours = HashMap::new();
        let companions = checked.iter().filter_map(|(channel, draft)| {
            let group = channel.repair.as_ref()?.group?;
            Some((
                group,
                format!("the repair symbols of `{}`", channel.name),
                draft.repair.as_ref()?.offset,
            ))
        });
        let announced = announce.map(|(announce, draft)| {
            (announce.group, "the announce session".to_owned(), draft.offset)
        });
        for (group, what, offset) in companions.chain(announced) {
            let address = group.address();
            if let Some(legacy) = groups.get(&address) {
                let message = format!(
                    "{what} and channel `{}` share the group address {address}: boxes that know \
                     nothing of it would receive it, whatever the port. Give it an address of its own",
                    legacy.name
                );
                self.error(offset, message);
            } else if let Some((other, with)) = ours.insert(address, (what.clone(), group)) {
                if with == group {
                    let message = format!(
                        "{what} and {other} share group and port {group}: they would be one session \
                         with two descriptions. Give each an address of its own"
                    );
                    self.error(offset, message);
                    continue;
                }
                let message = format!(
                    "{what} and {other} share the group address {address}: a box that joins one \
                     receives both, whatever the port"
                );
                self.warn(offset, message);
            }
        }
    }

    fn unannounced(&mut self, checked: &[(Channel, &ChannelDraft)]) {
        for (channel, draft) in checked {
            let (Some(repair), Some(written)) = (&channel.repair, &draft.repair) else {
                continue;
            };
            let Some(group) = repair.group else { continue };
            let message = format!(
                "channel `{}` has repair symbols, but the line-up has no `announce`: boxes must be told of \
                 them by hand (--repair {group})",
                channel.name
            );
            self.warn(written.offset, message);
        }
    }
}
