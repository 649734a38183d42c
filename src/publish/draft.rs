//! What a publication changes, before it does.

use std::collections::{HashMap, HashSet};

use super::Stage;
use crate::lineup::ANNOUNCE_NAME;
use crate::onair::Launch;
use crate::programme::ChannelProgramme;

/// What a publication is going to do.
#[derive(Default)]
pub(super) struct Draft {
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
