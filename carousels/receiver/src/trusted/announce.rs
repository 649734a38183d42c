//! The announce session beside a fetch that wants to hear it, too.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::net::IpAddr;

use stbcast_object::Group;

use crate::fetch::Outputs;
use crate::{Event, FetchError, Listen, Output};

/// The announce session, which is heard for statements all the time.
pub(super) struct Announce {
    pub(super) group: Group,
    pub(super) source: Option<IpAddr>,
    pub(super) joined: bool,
}

impl Announce {
    /// Joins it, for statements and what it says of one object.
    pub(super) fn join<P>(
        &mut self,
        location: String,
        tsi: Option<u32>,
        queue: &mut VecDeque<Output<P>>,
    ) {
        self.leave(queue);
        self.joined = true;
        let Self { group, source, .. } = *self;
        let listen = Listen::Flute { location, tsi, statements: true, expected: true };
        queue.push_back(Output::Join { group, source, listen });
    }

    pub(super) fn leave<P>(&mut self, queue: &mut VecDeque<Output<P>>) {
        if core::mem::take(&mut self.joined) {
            queue.push_back(Output::Leave { group: self.group });
        }
    }

    /// Hands out what a fetch wants done; how it ended, if it did.
    pub(super) fn pass_on<P>(
        &mut self,
        outputs: Outputs<'_, P>,
        queue: &mut VecDeque<Output<P>>,
    ) -> Option<Result<(), FetchError>> {
        let mut end = None;
        for output in outputs {
            match output {
                Output::Join { group, listen: Listen::Flute { location, tsi, .. }, .. }
                    if group == self.group =>
                {
                    self.join(location, tsi, queue);
                }
                Output::Leave { group } if group == self.group => {}
                Output::Event(Event::Failed(error)) => end = Some(Err(error)),
                Output::Event(event @ Event::Complete { .. }) => {
                    end = Some(Ok(()));
                    queue.push_back(Output::Event(event));
                }
                other => queue.push_back(other),
            }
        }
        end
    }
}
