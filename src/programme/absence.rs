//! What is left out of a programme: what the roster leaves out, what was killed, and what would send
//! boxes to either.

use std::collections::HashSet;

use stbcast_flute::Statement;
use stbcast_infocast::Name;

use super::prepared::PreparedChannel;
use super::statements::{ReleaseNeeds, Said};
use super::{Absent, Dead};
use crate::contents::{Contents, objects};
use crate::killed::Killed;
use crate::lineup::{LineUp, ObjectId};
use crate::roster::Roster;
use crate::spool::Digest;

/// What of a line-up is not on air.
pub(super) struct Absence {
    /// By place of the channel.
    rates: Vec<Option<u64>>,
    out: HashSet<ObjectId>,
    unsaid: HashSet<Digest>,
    /// The same by names, for what must not wait.
    pub(super) absent: Absent,
}

/// A line-up with what is ready of it.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) line_up: &'a LineUp,
    pub(super) contents: &'a Contents,
    pub(super) channels: &'a [PreparedChannel],
    pub(super) said: &'a Said,
}

impl Whole<'_> {
    fn digest(&self, id: ObjectId) -> Option<Digest> {
        self.channels.get(id.channel)?.objects.get(id.object)?.digest
    }

    fn ids(&self) -> impl Iterator<Item = ObjectId> {
        objects(self.line_up).map(|(.., id)| id)
    }

    /// Objects that name one of these.
    fn naming(&self, out: &HashSet<ObjectId>) -> Vec<ObjectId> {
        let names =
            |id, object| self.contents.named_by(id, object).iter().any(|it| out.contains(it));
        let naming = objects(self.line_up).filter(|(_, object, id)| names(*id, object));
        naming.map(|(.., id)| id).collect()
    }

    /// Names of an object's channel and its own.
    fn names(&self, id: ObjectId) -> Option<(String, Name)> {
        let (channel, object) = self.line_up.object(id)?;
        Some((channel.name.clone(), object.name))
    }

    /// Images that are killed with their release or their channel. What another release names, or
    /// another channel carries, stays.
    fn dead(&self, killed: &Killed) -> Dead {
        let (dead, alive): (Vec<_>, Vec<_>) =
            self.said.ever().partition(|release| killed.is_release(release.number));
        let signed = |releases: &[&ReleaseNeeds]| -> HashSet<Digest> {
            releases.iter().flat_map(|it| it.digests.clone()).collect()
        };
        let of_releases = &signed(&dead) - &signed(&alive);
        let is_killed = |id: &ObjectId| {
            let channel = self.channels.get(id.channel);
            channel.is_some_and(|it| killed.is_channel(&it.channel.name))
        };
        let (dead, alive): (Vec<_>, Vec<_>) = self.ids().partition(is_killed);
        let carried = |ids: &[ObjectId]| -> HashSet<Digest> {
            ids.iter().filter_map(|id| self.digest(*id)).collect()
        };
        let of_channels = &carried(&dead) - &carried(&alive);
        Dead { killed: killed.clone(), digests: &of_releases | &of_channels }
    }
}

impl Absence {
    pub(super) fn of(whole: Whole<'_>, roster: &Roster, killed: &Killed) -> Self {
        let rate = |(place, channel): (usize, &PreparedChannel)| {
            let rate = roster.channels.get(place).copied().flatten();
            rate.filter(|_| !killed.is_channel(&channel.channel.name))
        };
        let rates: Vec<_> = whole.channels.iter().enumerate().map(rate).collect();
        let is_silent = |id: &ObjectId| rates.get(id.channel).copied().flatten().is_none();
        let dead = whole.dead(killed);
        let is_dead = |id: &ObjectId| whole.digest(*id).is_some_and(|digest| dead.has(&digest));
        let mut killed_objects: HashSet<_> = whole.ids().filter(is_dead).collect();
        killed_objects.extend(whole.naming(&killed_objects));
        let mut out: HashSet<_> = whole.ids().filter(is_silent).chain(roster.off.clone()).collect();
        out.extend(whole.naming(&out));
        out.extend(&killed_objects);
        let silent = whole.channels.iter().zip(&rates).filter(|(_, rate)| rate.is_none());
        let absent = Absent {
            channels: silent.map(|(channel, _)| channel.channel.name.clone()).collect(),
            objects: killed_objects.iter().filter_map(|id| whole.names(*id)).collect(),
            out: out.iter().filter_map(|id| whole.names(*id)).collect(),
            dead,
        };
        let unsaid = roster.unsaid.iter().map(|digest| Digest::from_bytes(*digest));
        let unsaid = unsaid.chain(whole.said.releases().filter_map(|release| {
            let is_whole = release.objects.iter().all(|id| !out.contains(id));
            (killed.is_release(release.number) || !is_whole).then_some(release.document)
        }));
        Self { unsaid: unsaid.collect(), rates, out, absent }
    }

    /// Bits of IP per second of the channel at `place`; `None` off the air.
    pub(super) fn rate(&self, place: usize) -> Option<u64> {
        self.rates.get(place).copied().flatten()
    }

    /// Whether an object is on air.
    pub(super) fn has(&self, id: ObjectId) -> bool {
        !self.out.contains(&id)
    }

    /// The statements that are said, and when the first of them expires, in Unix seconds. Nobody is told
    /// to reboot for a release that is not said.
    pub(super) fn statements(&self, said: &Said) -> (Vec<Statement>, Option<u64>) {
        let is_said = |document: &Digest| !self.unsaid.contains(document);
        let silent = said.releases().filter(|release| !is_said(&release.document));
        let silent: HashSet<_> = silent.map(|release| release.number).collect();
        let stays = said.all.iter().filter(|one| {
            is_said(&one.document) && one.leads_to.is_none_or(|number| !silent.contains(&number))
        });
        let (statements, expiries): (Vec<_>, Vec<_>) =
            stays.map(|one| (one.statement.clone(), one.expiry)).unzip();
        (statements, expiries.into_iter().flatten().min())
    }
}
