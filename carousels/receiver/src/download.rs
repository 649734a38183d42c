//! Acquiring an object from a server that is asked for it.

use alloc::collections::VecDeque;

use stbcast_object::Micros;

use crate::{
    Answer, Event, FetchError, FetchOptions, Input, Output, Progress, Request, Server, Stats,
};

/// Fetches a whole object from a server.
pub(crate) struct Download<P> {
    server: Server,
    options: FetchOptions,
    is_begun: bool,
    is_over: bool,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

impl<P> Download<P> {
    /// A download that begins with the first [`Input::Wake`].
    pub(crate) fn new(server: Server, options: FetchOptions) -> Self {
        let (stats, queue) = (Stats::default(), VecDeque::new());
        Self { server, options, is_begun: false, is_over: false, stats, queue }
    }

    pub(crate) fn handle(&mut self, _now: Micros, input: Input<'_, P>) {
        match input {
            Input::Wake if !self.is_begun => {
                self.is_begun = true;
                let FetchOptions { length_max, timeout, .. } = self.options;
                let server = self.server.clone();
                let request = Request { id: 0, server, from: 0, to: None, length_max, timeout };
                self.queue.push_back(Output::Request(request));
            }
            Input::Answered { answer: Answer::Failed(error), .. } => {
                self.is_over = true;
                self.queue.push_back(Output::Event(Event::Failed(FetchError::Unicast(error))));
            }
            _ => {}
        }
    }

    pub(crate) const fn queue(&mut self) -> &mut VecDeque<Output<P>> {
        &mut self.queue
    }

    pub(crate) fn wake_at(&self) -> Option<Micros> {
        (!self.is_begun).then_some(Micros::ZERO)
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) const fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress::default()
    }
}
