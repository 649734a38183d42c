//! What the sending threads were given and have not told to be gone. A channel that waits for the end
//! of its cycle has two contents here, and one that is to leave has one as long as it is sent.

use std::collections::{HashMap, HashSet};

use stbcast_infocast::Name;

use crate::programme::{Absent, ChannelProgramme};
use crate::spool::Digest;

/// All that may be on air.
#[derive(Default)]
pub(super) struct Airing {
    channels: HashMap<String, Vec<Given>>,
}

/// One content of a channel.
struct Given {
    /// The publication that put it on air.
    generation: u64,
    objects: Vec<(Name, Option<Digest>)>,
}

impl Airing {
    /// A channel is to go on air by publication `generation`.
    pub(super) fn give(&mut self, programme: &ChannelProgramme, generation: u64) {
        let names = programme.channel.objects.iter().map(|object| object.name);
        let objects = names.zip(programme.digests.iter().copied()).collect();
        let given = self.channels.entry(programme.channel.name.clone()).or_default();
        given.retain(|given| given.generation != generation);
        given.push(Given { generation, objects });
    }

    /// It is on air as that publication said: what was there before is gone.
    pub(super) fn on_air(&mut self, channel: &str, generation: u64) {
        self.retain(channel, |given| given.generation >= generation);
    }

    /// It is off the air by that publication.
    pub(super) fn retired(&mut self, channel: &str, generation: u64) {
        self.retain(channel, |given| given.generation > generation);
    }

    /// It is silent.
    pub(super) fn forget(&mut self, channel: &str) {
        self.channels.remove(channel);
    }

    fn retain(&mut self, channel: &str, stays: impl Fn(&Given) -> bool) {
        if let Some(given) = self.channels.get_mut(channel) {
            given.retain(stays);
            if given.is_empty() {
                self.channels.remove(channel);
            }
        }
    }

    /// Names of those that send, or are about to send, what must not be on air.
    pub(super) fn absent(&self, absent: &Absent) -> HashSet<String> {
        let is_absent = |name: &String, (own, digest): &(Name, Option<Digest>)| {
            digest.is_some_and(|digest| absent.dead.has(&digest))
                || absent.out.contains(&(name.clone(), *own))
        };
        let silent = self.channels.iter().filter(|(name, given)| {
            absent.channels.contains(*name)
                || absent.dead.killed.is_channel(name)
                || given.iter().flat_map(|given| &given.objects).any(|it| is_absent(name, it))
        });
        silent.map(|(name, _)| name.clone()).collect()
    }

    /// A channel that may send one of these, by its name or by the digest of an object.
    pub(super) fn carries(
        &self,
        is_channel: impl Fn(&str) -> bool,
        is_image: impl Fn(&Digest) -> bool,
    ) -> Option<&str> {
        let found = self.channels.iter().find(|(name, given)| {
            let mut objects = given.iter().flat_map(|given| &given.objects);
            is_channel(name) || objects.any(|(_, digest)| digest.as_ref().is_some_and(&is_image))
        });
        found.map(|(name, _)| name.as_str())
    }
}
