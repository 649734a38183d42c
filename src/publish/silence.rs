//! What leaves the air at once, whatever is being published.

use std::collections::HashSet;

use stbcast_flute::Statement;

use super::{Changes, Publisher};
use crate::lineup::Channel;
use crate::programme::Programme;
use crate::spool::Digest;
use crate::transmit::TransmitError;

impl Publisher {
    /// Publishes what the clock and the operator made of a line-up that is on air, at night, with nobody
    /// watching: a channel whose interface is not there waits for it, and what must not be on air
    /// leaves whatever fails.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn follow(&mut self, programme: Programme) -> Result<Changes, TransmitError> {
        let (absent, statements) = (programme.absent.clone(), programme.statements.clone());
        self.waits = true;
        let published = self.publish(programme);
        self.waits = false;
        if published.is_err() {
            self.silence(&self.airing.absent(&absent), &statements);
            self.flush();
            self.next_stage()?;
        }
        published
    }

    /// A channel that may send one of these, by its name or by the digest of an object.
    pub fn carries(
        &self,
        is_channel: impl Fn(&str) -> bool,
        is_image: impl Fn(&Digest) -> bool,
    ) -> Option<&str> {
        self.airing.carries(is_channel, is_image)
    }

    /// Takes off the air what must not wait: statements that are not said any more, and channels that
    /// do not finish their cycle, each with its companion. Nothing that was to put them on air does.
    pub(super) fn silence(&mut self, names: &HashSet<String>, statements: &[Statement]) {
        let stays = |statement: &Statement| statements.contains(statement);
        self.statements.retain(stays);
        if let Some(announcer) = &mut self.announcer {
            announcer.withdraw(stays);
        }
        let companions = names.iter().map(|name| Channel::companion_of(name));
        for name in names.iter().cloned().chain(companions) {
            self.told.remove(&name);
            self.followers.remove(&name);
            self.waiting.remove(&name);
            self.airing.forget(&name);
            for stage in &mut self.stages {
                stage.launches.retain(|launch| launch.name() != name);
            }
            if let Some(announcer) = &mut self.announcer {
                announcer.forget(&name);
            }
            self.drivers.silence(name, self.generation);
        }
    }
}
