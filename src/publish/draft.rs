//! What a publication changes, before it does.

use std::collections::{HashMap, HashSet};

use super::Stage;
use crate::lineup::{ANNOUNCE_NAME, Channel};
use crate::onair::Launch;
use crate::programme::ChannelProgramme;

/// What a publication is going to do.
#[derive(Default)]
pub(super) struct Draft {
    /// Channels that are taken off the air first.
    pub(super) silent: HashSet<String>,
    pub(super) announce: Stage,
    pub(super) images: Stage,
    pub(super) control: Stage,
    pub(super) followers: HashMap<String, Launch>,
    pub(super) told: HashMap<String, ChannelProgramme>,
    pub(super) unchanged: HashSet<String>,
    /// Channels of which the rate alone changes.
    pub(super) paced: Vec<Launch>,
}

impl Draft {
    /// Nothing yet, but that these channels are silent before.
    pub(super) fn new(silent: HashSet<String>) -> Self {
        Self { silent, ..Self::default() }
    }

    /// Whether a channel, or the channel of a companion, begins anew if it stays at all.
    pub(super) fn is_silent(&self, name: &str) -> bool {
        self.silent.iter().any(|silent| silent == name || Channel::companion_of(silent) == name)
    }

    /// The stage in which a channel changes.
    pub(super) fn stage(&mut self, programme: &ChannelProgramme) -> &mut Stage {
        if programme.channel.name == ANNOUNCE_NAME {
            &mut self.announce
        } else if programme.has_control() {
            &mut self.control
        } else {
            &mut self.images
        }
    }
}
