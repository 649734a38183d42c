//! A watch that is told whether somebody watches the box.

use std::ops::Range;
use std::path::Path;

use stbcast_object::Micros;

use crate::fetch::Outputs;
use crate::io::Watched;
use crate::{Input, Progress, Session, Stats, Watch};

/// Looks for the file in front of each input, so that what falls due by that input is judged by what
/// is so now. A watch that waits for anything has one each second.
pub(super) struct Attended<'a> {
    pub(super) watch: Watch<Range<usize>>,
    busy: Option<&'a Path>,
    told: bool,
}

impl<'a> Attended<'a> {
    pub(super) const fn new(watch: Watch<Range<usize>>, busy: Option<&'a Path>) -> Self {
        Self { watch, busy, told: false }
    }
}

impl Session<Range<usize>> for Attended<'_> {
    fn handle(&mut self, now: Micros, input: Input<'_, Range<usize>>) -> Outputs<'_, Range<usize>> {
        let is_busy = self.busy.is_some_and(Path::exists);
        if is_busy != self.told {
            self.told = is_busy;
            // What that leads to is handed out with what the input leads to.
            let _queued = self.watch.handle(now, Input::Busy(is_busy));
        }
        self.watch.handle(now, input)
    }

    fn outputs(&mut self) -> Outputs<'_, Range<usize>> {
        self.watch.outputs()
    }

    fn wake_at(&self) -> Option<Micros> {
        self.watch.wake_at()
    }

    fn is_over(&self) -> bool {
        self.watch.is_over()
    }
}

impl Watched for Attended<'_> {
    fn progress(&self) -> Progress {
        self.watch.progress()
    }

    fn stats(&self) -> Stats {
        self.watch.stats()
    }
}
