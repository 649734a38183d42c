//! What is left out of a programme: what the roster leaves out, what was killed, and what would send
//! boxes to either.

use std::collections::HashSet;

use stbcast_flute::Statement;

use super::Absent;
use super::prepared::PreparedChannel;
use super::statements::{ReleaseNeeds, Said};
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

impl Absence {
    pub(super) fn of(
        (line_up, contents): (&LineUp, &Contents),
        (channels, said): (&[PreparedChannel], &Said),
        (roster, killed): (&Roster, &Killed),
    ) -> Self {
        let rate = |(place, channel): (usize, &PreparedChannel)| {
            let rate = roster.channels.get(place).copied().flatten();
            rate.filter(|_| !killed.is_channel(&channel.channel.name))
        };
        let rates: Vec<_> = channels.iter().enumerate().map(rate).collect();
        let digest = |id: ObjectId| channels.get(id.channel)?.objects.get(id.object)?.digest;
        let (dead, alive): (Vec<_>, Vec<_>) =
            said.releases().partition(|release| killed.is_release(release.number));
        let signed = |releases: &[&ReleaseNeeds]| -> HashSet<Digest> {
            releases.iter().flat_map(|it| it.digests.clone()).collect()
        };
        // What another release names, too, stays.
        let of_releases = &signed(&dead) - &signed(&alive);
        let is_killed = |digest: &Digest| killed.is_image(digest) || of_releases.contains(digest);
        let naming = |out: &HashSet<ObjectId>| -> Vec<ObjectId> {
            let names =
                |id, object| contents.named_by(id, object).iter().any(|it| out.contains(it));
            objects(line_up)
                .filter(|(_, object, id)| names(*id, object))
                .map(|(.., id)| id)
                .collect()
        };
        let all = || objects(line_up).map(|(.., id)| id);
        let mut dead: HashSet<_> =
            all().filter(|id| digest(*id).as_ref().is_some_and(is_killed)).collect();
        let digests = dead.iter().filter_map(|id| digest(*id)).collect();
        dead.extend(naming(&dead));
        let is_silent = |id: &ObjectId| rates.get(id.channel).copied().flatten().is_none();
        let mut out: HashSet<_> = all().filter(is_silent).chain(roster.off.clone()).collect();
        out.extend(naming(&out));
        out.extend(&dead);
        let unsaid = roster.unsaid.iter().map(|digest| Digest::from_bytes(*digest));
        let unsaid = unsaid.chain(said.releases().filter_map(|release| {
            let is_whole = release.objects.iter().all(|id| !out.contains(id));
            (killed.is_release(release.number) || !is_whole).then_some(release.document)
        }));
        let silent = channels.iter().zip(&rates).filter(|(_, rate)| rate.is_none());
        let named = |id: &ObjectId| {
            let (channel, object) = line_up.object(*id)?;
            Some((channel.name.clone(), object.name))
        };
        let absent = Absent {
            channels: silent.map(|(channel, _)| channel.channel.name.clone()).collect(),
            objects: dead.iter().filter_map(named).collect(),
            killed: digests,
        };
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
