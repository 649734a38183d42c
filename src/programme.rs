//! A line-up with its bytes: everything the senders need, made before anything changes on air.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stbcast_flute::Statement;
use stbcast_flute::fdt::File;
use stbcast_infocast::{Entry, Name};

use crate::carousel::Carousel;
use crate::killed::Killed;
use crate::lineup::{Channel, Object, Target};
use crate::lists::Page;
use crate::repair::RepairSymbols;
use crate::spool::{Digest, Revision};

mod absence;
mod flute;
mod kills;
mod load;
mod prepared;
mod statements;
mod stock;
pub(crate) use flute::announce_bps;
pub(crate) use statements::statement;
pub use stock::Stock;

/// The bytes of an object.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A mapped copy of a file.
    Mapped(Revision),
    /// A text made from the line-up.
    Text(Arc<[u8]>),
    /// The repair symbols of an object.
    Repair(RepairSymbols),
    /// Made at send time.
    None,
}

impl Payload {
    /// The bytes held; none where they are made at send time.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(revision) => &revision.bytes,
            Self::Text(text) => text,
            Self::Repair(symbols) => &symbols.bytes,
            Self::None => &[],
        }
    }

    /// The digest of an object; `None` where the bytes are made at send time.
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::None | Self::Repair(_) => None,
            Self::Text(text) => Some(Digest::of(text)),
            Self::Mapped(revision) => Some(revision.digest),
        }
    }
}

/// One channel, or one session of ours, ready for the air.
#[derive(Clone, Debug)]
pub struct ChannelProgramme {
    /// The channel as the line-up has it, at the rate it is really sent with. Companions and the
    /// announce session are sent like channels without objects.
    pub channel: Channel,
    /// Its carousel, trailers computed.
    pub carousel: Carousel,
    /// The bytes of each object, by its place; repair symbols behind them.
    pub payloads: Vec<Payload>,
    /// Digest of each object; `None` where the bytes are made at send time.
    pub digests: Vec<Option<Digest>>,
    /// How its objects are described to boxes.
    pub files: Vec<File>,
    /// The session of its repair symbols.
    pub companion: Option<Box<Self>>,
}

impl ChannelProgramme {
    /// Whether this puts the same datagrams on the same group at the same rate as `other`,
    /// companions left aside.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.superseded() == other.superseded() && self.is_same_on(&self.channel, other)
    }

    fn is_same_on(&self, channel: &Channel, other: &Self) -> bool {
        let sent_alike = match (&self.carousel, &other.carousel) {
            // What an object is sent as may depend on other channels of the line-up.
            (Carousel::Infocast(one), Carousel::Infocast(two)) => {
                let types = one.entries().iter().map(Entry::object_type);
                types.eq(two.entries().iter().map(Entry::object_type))
            }
            // Its serial number and description may depend on its bytes, and on those before.
            (Carousel::Mag(one), Carousel::Mag(two)) => one.stream() == two.stream(),
            _ => self.files == other.files,
        };
        *channel == other.channel && self.digests == other.digests && sent_alike
    }

    /// Whether this is `other` but for its rate, and for superseded revisions, which come and go with it.
    pub fn is_same_but_rate(&self, other: &Self) -> bool {
        let bit_rate_bps = other.channel.bit_rate_bps;
        let channel = Channel { bit_rate_bps, ..self.channel.clone() };
        self.is_same_on(&channel, other)
    }

    /// Numbers of the superseded revisions in it.
    fn superseded(&self) -> Vec<u128> {
        match &self.carousel {
            Carousel::Companion(session) => session.superseded().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether boxes find images by objects of this channel.
    pub fn has_control(&self) -> bool {
        self.channel.objects.iter().any(Object::is_control)
    }
}

/// Everything on air.
#[derive(Clone, Debug)]
pub struct Programme {
    /// The channels on air, in the order of the line-up.
    pub channels: Vec<ChannelProgramme>,
    /// What must not wait for the end of a cycle to leave.
    pub absent: Absent,
    /// The announce session.
    pub announce: Option<ChannelProgramme>,
    /// What the operator signed, to be announced when all that it names is on air.
    pub statements: Vec<Statement>,
    /// Unix seconds at which the first of them expires; older roots do not count.
    pub statements_expire: Option<u64>,
    /// Which box gets which StbConfig over HTTP.
    pub targets: Vec<Target>,
    /// The StbConfigs by their names.
    pub stbconfigs: HashMap<String, Arc<[u8]>>,
    /// What boxes of MAG and Dune are told over HTTP.
    pub pages: Vec<Page>,
}

/// What of a line-up is off the air at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absent {
    /// Names of channels.
    pub channels: HashSet<String>,
    /// Objects that were killed, or name one that was: names of their channels and their own.
    pub objects: HashSet<(String, Name)>,
    /// These, and all others that are left out of channels on air.
    pub out: HashSet<(String, Name)>,
    /// What was killed, whatever the line-up says of it.
    pub dead: Dead,
}

/// Images that were killed: themselves, with their release or with their channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dead {
    pub(crate) killed: Killed,
    pub(crate) digests: HashSet<Digest>,
}

impl Dead {
    /// Whether an image is killed.
    pub fn has(&self, digest: &Digest) -> bool {
        self.digests.contains(digest) || self.killed.is_image(digest)
    }
}

#[cfg(test)]
mod tests;
