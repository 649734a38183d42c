//! A session with its storage and its clock.

use std::net::IpAddr;
use std::ops::Range;

use stbcast_object::{Group, Micros};
use stbcast_receiver::limits::PARKED_SLICES_MAX;
use stbcast_receiver::{BootReport, ChannelDecoder, Event, Input, Output, Session, Stats, drive};

use super::watched::Watched;

/// Every datagram ends in one counter, but those that wait in the parking area.
pub(super) fn assert_counted(stats: &Stats) {
    let counted = stats.wanted() + stats.foreign + stats.descriptions + stats.rejected_total();
    let waiting = stats.datagrams.checked_sub(counted).expect("a datagram is counted twice");
    assert!(waiting <= 2 * PARKED_SLICES_MAX as u64, "{waiting} datagrams are in no counter");
}

/// A session with its storage and its clock. One channel is joined at a time, and once the session
/// has ended none; it ends once.
pub(super) struct Rig<S> {
    pub(super) session: S,
    pub(super) storage: Watched,
    pub(super) now: Micros,
    pub(super) joined: Option<Group>,
    pub(super) decoder: ChannelDecoder,
    pub(super) ended: bool,
    pub(super) completed: bool,
    pub(super) report: Option<BootReport>,
}

impl<S: Session<Range<usize>>> Rig<S> {
    pub(super) fn new(session: S, length_max: u64) -> Self {
        let mut rig = Self {
            session,
            storage: Watched::new(length_max),
            now: Micros::from_secs(1),
            joined: None,
            decoder: ChannelDecoder::default(),
            ended: false,
            completed: false,
            report: None,
        };
        rig.input(Input::Wake, &[]);
        rig
    }

    pub(super) fn input(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) {
        let Self { session, storage, joined, decoder, ended, completed, report, .. } = self;
        let mut end = || assert!(!std::mem::replace(ended, true), "it ended twice");
        let mut shell = |output| match output {
            Output::Join { group, .. } => {
                assert_eq!(joined.replace(group), None, "joined twice");
                *decoder = ChannelDecoder::default();
            }
            Output::Leave { group } => assert_eq!(joined.take(), Some(group), "left another"),
            Output::Event(Event::Complete { .. }) => {
                *completed = true;
                end();
            }
            Output::Event(Event::Failed(_)) => end(),
            Output::Event(Event::BootDone(done)) => {
                *report = Some(*done);
                end();
            }
            Output::Event(_) => {}
            other => panic!("not for a shell: {other:?}"),
        };
        // What failed, the session has been told.
        let _ = drive(session, storage, self.now, input, datagram, &mut shell);
        assert_eq!(self.is_over(), self.ended);
        assert!(self.joined.is_none() || !self.ended, "it ended without leaving its channel");
    }

    pub(super) fn hear(&mut self, from: IpAddr, datagram: &[u8]) {
        self.now = self.now.after(Micros::from_millis(1));
        let input = match self.decoder.decode(from, datagram) {
            Ok(arrival) => Input::Arrival(arrival),
            Err(reject) => Input::Rejected(datagram.len(), reject.into()),
        };
        self.input(input, datagram);
    }

    /// Until the session wants to be woken, or some time less.
    pub(super) fn pass_time(&mut self, n: u8) {
        let early = self.now.after(Micros::from_millis(100 * u64::from(n)));
        let wanted = self.session.wake_at().unwrap_or(early);
        self.now = if n.is_multiple_of(4) { wanted.max(self.now) } else { early };
        self.input(Input::Wake, &[]);
    }

    /// Left alone, the session ends.
    pub(super) fn assert_ends(&mut self, wakes: usize) {
        (0..wakes).for_each(|_| self.pass_time(0));
        assert!(self.is_over(), "it waits for ever");
    }

    pub(super) fn is_over(&self) -> bool {
        self.session.is_over()
    }
}
