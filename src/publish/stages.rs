//! One stage of a publication behind the other, as the threads tell what they did.

use std::time::Instant;

use super::{LEAD, Publisher};
use crate::lineup::ANNOUNCE_NAME;
use crate::onair::Launch;
use crate::transmit::TransmitError;

impl Publisher {
    /// Gives a channel to its thread.
    pub(super) fn put(&mut self, launch: Launch) -> Result<(), TransmitError> {
        self.airing.give(launch.programme(), launch.generation());
        self.drivers.put(launch)
    }

    pub(super) fn on_ending(&mut self, channel: &str) {
        let (Some(announcer), Some(programme)) = (&mut self.announcer, self.told.get(channel))
        else {
            return;
        };
        let since = announcer.describe(channel, &programme.files);
        announcer.release_later(channel.to_owned(), since + LEAD);
        self.flush();
    }

    pub(super) fn on_air(&mut self, channel: &str, generation: u64) -> Result<(), TransmitError> {
        if let Some(announcer) = self.announcer.as_mut().filter(|_| self.told.contains_key(channel))
        {
            announcer.note_on_air(channel);
        }
        self.airing.on_air(channel, generation);
        self.overlaps.on_air(channel, generation, Instant::now());
        if generation != self.generation {
            return Ok(());
        }
        self.waiting.remove(channel);
        if let (Some(announcer), Some(programme)) = (&mut self.announcer, self.told.get(channel)) {
            if channel == ANNOUNCE_NAME {
                // It begins with nothing to say.
                announcer.say_again();
            }
            // One that changed its interface may not have been announced before.
            if programme.carousel.has_cycles() {
                announcer.describe(channel, &programme.files);
            }
        }
        if let Some(launch) = self.followers.remove(channel) {
            self.waiting.insert(launch.name().to_owned());
            self.put(launch)?;
        }
        self.flush();
        self.next_stage()
    }

    pub(super) fn done(&mut self, channel: &str, generation: u64) -> Result<(), TransmitError> {
        if generation == self.generation {
            self.waiting.remove(channel);
            self.next_stage()?;
        }
        Ok(())
    }

    pub(super) fn is_staged(&self, name: &str) -> bool {
        let mut launches = self.stages.iter().flat_map(|stage| &stage.launches);
        launches.any(|launch| launch.name() == name)
            || self.followers.values().any(|launch| launch.name() == name)
    }

    pub(super) fn next_stage(&mut self) -> Result<(), TransmitError> {
        while self.waiting.is_empty() {
            let Some(stage) = self.stages.pop_front() else { break };
            for launch in stage.launches {
                self.waiting.insert(launch.name().to_owned());
                self.start(launch)?;
            }
            if stage.signs {
                self.state();
            }
            for name in stage.retirements {
                self.waiting.insert(name.clone());
                if let Some(announcer) = &mut self.announcer {
                    announcer.forget(&name);
                }
                self.drivers.retire(name, self.generation);
            }
            self.flush();
        }
        Ok(())
    }

    /// Puts a channel on air: at the end of its cycle, and not before it has been announced.
    pub(super) fn start(&mut self, launch: Launch) -> Result<(), TransmitError> {
        let name = launch.name().to_owned();
        let files = self.told.get(&name).map_or(&[][..], |programme| &programme.files);
        let Some(announcer) = &mut self.announcer else { return self.put(launch) };
        if launch.is_session() {
            return self.put(launch);
        }
        if announcer.is_on_air(&name) {
            let known = announcer.says(&name, files);
            return self.put(if known { launch } else { launch.held() });
        }
        let since = announcer.describe(&name, files);
        announcer.put_later(launch, since + LEAD);
        Ok(())
    }
}
