//! A box that may ask a server: the receiver's own session, without payload.

use std::net::{IpAddr, Ipv4Addr};

use stbcast_flute::fdt::{Alternates, Unicast};
use stbcast_infocast::{Name, ObjectType, Precoding, Verdict};
use stbcast_object::Micros;
use stbcast_receiver::{
    Announcement, Answer, Arrival, Event, Fetch, FetchOptions, Hosts, InfocastRevision, Input,
    Output, Request, Revision, Slice, Target, Trailer, UnicastOptions,
};

use super::Scene;
use crate::air::{OBJECT, TOI};
use crate::chance::Chance;
use crate::loss::Line;

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Where the object is served.
const URL: &str = "http://192.0.2.10/images/it";

/// A box.
pub(super) struct Caller<'a> {
    scene: &'a Scene,
    session: Fetch<()>,
    name: Name,
    /// When it started.
    base: Micros,
    line: Line,
    /// Slices that had been sent when it started, and that have been sent by now.
    missed: u64,
    sent: u64,
    /// What it asks for just now.
    pub(super) request: Option<Request>,
    /// Whether it has the object; nothing while it goes on.
    pub(super) end: Option<bool>,
}

impl<'a> Caller<'a> {
    /// Box `number`, which starts at `base`, and at any moment of the first cycle where there is one.
    pub(super) fn start(scene: &'a Scene, number: u64, base: Micros) -> Option<Self> {
        let name = Name::new(OBJECT).ok()?;
        let mut chance = Chance::branch(scene.seed, number);
        let missed = chance.below(u64::from(scene.slices.count()));
        let serial = format!("{}-{number}", scene.seed);
        let options = FetchOptions {
            announce: Some(scene.groups.announce),
            unicast: Some(UnicastOptions::new(serial, Hosts::Any)),
            ..FetchOptions::default()
        };
        let session = Fetch::new(Target::infocast(scene.groups.channel, name), options);
        let line = Line::new(scene.loss, scene.slices.count(), chance);
        let (request, end) = (None, None);
        let mut caller =
            Self { scene, session, name, base, line, missed, sent: missed, request, end };
        caller.tell(base, Input::Wake);
        let announcement = Box::new(caller.announcement()?);
        let group = scene.groups.announce;
        caller.tell(base, Input::Announced { group, bytes: 1_000, announcement });
        Some(caller)
    }

    fn announcement(&self) -> Option<Announcement> {
        let Scene { slices, after_cycles, window_s, .. } = self.scene;
        let alternates = Alternates::new(URL).ok()?;
        Some(Announcement {
            toi: u128::from(TOI),
            length: Some(slices.length()),
            // Nothing is ever hashed: it ends before.
            sha256: Some([7; 32]),
            slice_bytes: Some(slices.slice_bytes()),
            symbol_bytes: None,
            geometry: None,
            companion: None,
            kind: None,
            unicast: Unicast::new(alternates, *after_cycles, *window_s).ok(),
            supersedes: None,
        })
    }

    /// When something of its own happens next: a slice is sent, or it wants to be woken.
    pub(super) fn next_at(&self) -> Option<Micros> {
        let woken = self.session.wake_at();
        let slice = (self.sent < self.scene.sent_slices()).then(|| self.slice_at());
        woken.into_iter().chain(slice).min()
    }

    fn slice_at(&self) -> Micros {
        // It starts with the slice that is on its way.
        self.base.after(self.scene.pace.times(self.sent - self.missed + 1))
    }

    /// What happens at `now` of its own.
    pub(super) fn step(&mut self, now: Micros) {
        if self.session.wake_at().is_some_and(|at| at <= now) {
            return self.tell(now, Input::Wake);
        }
        if self.sent < self.scene.sent_slices() {
            let index = u32::try_from(self.sent % u64::from(self.scene.slices.count()));
            self.sent += 1;
            let index = index.unwrap_or_default();
            if !self.line.loses(Some(index)) {
                let arrival = self.slice(index);
                self.tell(now, Input::Arrival(arrival));
            }
        }
    }

    /// Goes on alone until it asks for something, is through, or wants nothing more; the time.
    pub(super) fn until_asked(&mut self) -> Option<Micros> {
        let mut now = self.base;
        while self.request.is_none() && self.end.is_none() {
            now = self.next_at()?.max(now);
            self.step(now);
        }
        Some(now)
    }

    /// A server gives all that is asked for.
    pub(super) fn be_served(&mut self, now: Micros) {
        let Some(Request { id, from, to: Some(to), length_max, .. }) = self.request.take() else {
            return;
        };
        let length = usize::try_from(to - from).unwrap_or(usize::MAX);
        self.tell(now, Input::Bytes { id, offset: from, length, payload: () });
        let answer = Answer::Done { length: length_max, sha256: None };
        if self.end.is_none() {
            self.tell(now, Input::Answered { id, answer });
        }
    }

    /// A server has no time.
    pub(super) fn be_refused(&mut self, now: Micros, retry_after: Micros) {
        if let Some(Request { id, .. }) = self.request.take() {
            let answer = Answer::Busy { retry_after: Some(retry_after) };
            self.tell(now, Input::Answered { id, answer });
        }
    }

    fn slice(&self, index: u32) -> Arrival<()> {
        let range = self.scene.slices.range(index);
        let length = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        let revision = Revision::Infocast(InfocastRevision {
            object_type: ObjectType::GENERIC,
            precoding: Precoding::NONE,
            total: self.scene.slices.count(),
            dynamic_info: 0,
        });
        let slice = Slice {
            revision,
            index,
            length,
            fingerprint: index,
            trailer: Trailer::new(),
            verdict: Verdict::Unverified,
        };
        let datagram_bytes = 44 + length as usize;
        Arrival { from: SENDER, datagram_bytes, name: Some(self.name), slice, payload: () }
    }

    /// Hands an input in and does what the session wants, until nothing is left.
    fn tell(&mut self, now: Micros, input: Input<'_, ()>) {
        let mut next = self.session.handle(now, input).next();
        while let Some(output) = next {
            let answer = match output {
                Output::Write { .. } => Some(Input::Written { ok: true }),
                // What is left is to make it durable.
                Output::Sync { .. } => {
                    self.end = Some(true);
                    return;
                }
                Output::Event(Event::Failed(_)) => {
                    self.end = Some(false);
                    None
                }
                Output::Request(request) => {
                    self.request = Some(request);
                    None
                }
                Output::CancelRequest { .. } => {
                    self.request = None;
                    None
                }
                _ => None,
            };
            next = match answer {
                Some(answer) => self.session.handle(now, answer).next(),
                None => self.session.outputs().next(),
            };
        }
    }
}
