//! The last resort: asking a server for what is missing, so that it overloads nobody.
//!
//! ```text
//!  cycles heard ──┐
//!                 ├─> ready ──delay of the box──> its turn ──> Request ─> Bytes ... Answered ─┐
//!  silent, absent ┘                                 ^                                         │
//!                                                   └── next range, next server, later <──────┘
//! ```
//!
//! `PROTOCOL.md` §5 has the rules. Reception goes on all the time: each range is planned when it is
//! asked for, so that what came by multicast until then is not.

use core::net::IpAddr;
use core::ops::Range;

use stbcast_bootcast::{HttpUrl, delay};
use stbcast_object::Micros;

use self::cycles::Cycles;
use self::servers::{Fraction, Servers};
use super::layout::Carrier;
use super::{Described, State};
use crate::limits::{
    UNICAST_BYTES_MAX, UNICAST_BYTES_PER_S_MIN, UNICAST_MORE_CYCLES, UNICAST_TIMEOUT,
};
use crate::{Announcement, Answer, Area, Event, FetchError, Output, Request, Server, UnicastError};

mod cycles;
mod servers;

/// What is known of servers and of how long the box has listened, for one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Unicast {
    servers: Servers,
    cycles: Cycles,
    /// Cycles to hear first.
    after_cycles: u32,
    /// The box's own part of the window, and the window.
    delay: Micros,
    window: Micros,
    /// Since when it waits for its turn.
    ready_at: Option<Micros>,
    /// Not asked before so many cycles were heard, because too much is missing.
    not_before_cycle: u32,
    /// Nothing comes by multicast any more: how the fetch ends when servers do not help.
    stuck: Option<FetchError>,
    asked: Option<Asked>,
    /// Who was asked last.
    told: Option<HttpUrl>,
    /// When it was looked last whether something is to be asked.
    checked_at: Option<Micros>,
}

/// What is asked of a server.
#[derive(Clone, Debug)]
struct Asked {
    id: u64,
    url: HttpUrl,
    bytes: Range<u64>,
    /// The byte that comes next.
    next: u64,
    /// From here to `next` everything was written.
    since: u64,
    /// A server that takes longer is too slow.
    deadline: Micros,
}

impl Unicast {
    /// When it is the box's turn.
    fn turn_at(&self) -> Option<Micros> {
        self.ready_at.map(|ready_at| ready_at.after(self.delay))
    }

    /// When something is to be done, if nothing happens before.
    pub(super) fn wake_at(&self) -> Option<Micros> {
        if let Some(asked) = &self.asked {
            return Some(asked.deadline);
        }
        let at = self.turn_at()?.max(self.servers.free_at()?);
        self.checked_at.is_none_or(|checked_at| checked_at < at).then_some(at)
    }

    /// Whether multicast was given up, and servers are what is left.
    pub(super) const fn is_stuck(&self) -> bool {
        self.stuck.is_some()
    }

    /// Too much is missing, and multicast still brings it.
    fn waits_for_more(&mut self, (lacking, of): (u32, u32)) -> bool {
        let heard = self.cycles.heard();
        let most = self.after_cycles.saturating_add(UNICAST_MORE_CYCLES);
        if self.is_stuck() || heard >= most || u64::from(lacking) * 4 <= u64::from(of) {
            return false;
        }
        self.not_before_cycle = heard.saturating_add(1);
        true
    }
}

impl<P: Clone> Described<P> {
    /// What is announced of servers for what is received, for the first time or anew.
    pub(super) fn announce_servers(&mut self, now: Micros, announcement: &Announcement) {
        let Some(options) = &self.options.unicast else { return };
        // Without a digest wrong bytes would go unnoticed, and without bytes there is nothing to ask.
        let release = announcement.sha256.filter(|_| announcement.length > Some(0));
        let announced = announcement.unicast.as_ref().filter(|_| release.is_some());
        self.unicast.servers.announce(announced, options);
        if let (Some(announced), Some(release)) = (announced, release) {
            let window = Micros::from_secs(u64::from(announced.window_s()));
            // Those whose turn has come that way would all ask at once.
            if window < self.unicast.window && self.unicast.ready_at.is_some() {
                self.unicast.ready_at = Some(now);
            }
            self.unicast.after_cycles = u32::from(announced.after_cycles.get());
            self.unicast.window = window;
            self.unicast.delay = delay(&options.serial, &release, window);
        } else {
            // When they are announced again, boxes begin to wait again.
            self.unicast.ready_at = None;
        }
        let asked = self.unicast.asked.as_ref();
        if asked.is_some_and(|asked| !self.unicast.servers.has(&asked.url)) {
            self.cancel_request();
        }
    }

    /// Another revision, or the same with nothing held: servers are asked for nothing any more.
    pub(super) fn forget_cycles(&mut self) {
        self.cancel_request();
        let servers = core::mem::take(&mut self.unicast.servers);
        let Unicast { after_cycles, delay, window, .. } = self.unicast;
        self.unicast = Unicast { servers, after_cycles, delay, window, ..Unicast::default() };
    }

    /// The same, and nothing is known of the servers.
    pub(super) fn forget_servers(&mut self) {
        self.cancel_request();
        self.unicast = Unicast::default();
    }

    pub(super) fn cancel_request(&mut self) {
        if let Some(asked) = self.unicast.asked.take() {
            self.queue.push_back(Output::CancelRequest { id: asked.id });
        }
    }

    /// Nothing more is needed. A request that has brought all it was to bring is left to end, so that
    /// the connection can be used again.
    pub(super) fn end_request(&mut self) {
        let asked = self.unicast.asked.as_ref();
        if asked.is_some_and(|asked| asked.next < asked.bytes.end) {
            self.cancel_request();
        }
    }

    /// A slice of the object arrived, needed or not.
    pub(super) fn hear_slice(&mut self, now: Micros, from: IpAddr, slice: u32) {
        if self.unicast.stuck.take().is_some() {
            self.attempt = 1;
        }
        let Some((announcement, assembly)) = &self.current else { return };
        if self.options.unicast.is_none() {
            return;
        }
        // Those of RaptorQ are sent in groups of blocks.
        let in_order = self.carrier() == Carrier::Channel || announcement.geometry.is_none();
        self.unicast.cycles.note(from, (slice, assembly.layout.slices()), in_order);
        if self.unicast.cycles.heard() >= self.unicast.after_cycles {
            self.be_ready(now);
        }
    }

    /// Nothing is to come by multicast any more: from here on it waits for its turn, unless it did
    /// already.
    fn be_ready(&mut self, now: Micros) {
        let can_ask = self.unicast.servers.any_left() && self.next.is_none();
        if self.unicast.ready_at.is_none() && can_ask {
            self.unicast.ready_at = Some(now);
            self.tell(Event::UnicastTurn { at: now.after(self.unicast.delay) });
        }
    }

    /// Multicast is given up with `error`: whether servers may still help.
    pub(super) fn falls_back(&mut self, now: Micros, error: FetchError) -> bool {
        self.be_ready(now);
        let Some(options) = self.options.unicast.as_ref().filter(|_| self.next.is_none()) else {
            return false;
        };
        let turn = self.unicast.turn_at().filter(|_| self.can_still_ask());
        let in_time = turn.is_some_and(|at| at.since(now) <= options.patience);
        if in_time {
            self.unicast.stuck = Some(error);
        }
        in_time
    }

    fn can_still_ask(&self) -> bool {
        self.unicast.asked.is_some() || self.unicast.servers.any_left()
    }

    /// Asks a server for something, where it is time and something is missing.
    pub(super) fn ask(&mut self, now: Micros) {
        if !matches!(self.state, State::Receiving) || self.options.unicast.is_none() {
            return;
        }
        self.unicast.checked_at = Some(now);
        if self.unicast.is_stuck() && self.next.is_some() {
            // Nothing on air will tell when it is the new one's turn.
            return self.switch_to_next(now);
        }
        self.drop_doubted(now);
        self.give_up_slow(now);
        if let Some(error) = self.unicast.stuck.filter(|_| !self.can_still_ask()) {
            return self.fail(error);
        }
        let is_turn = self.unicast.turn_at().is_some_and(|at| at <= now);
        let is_late_enough =
            self.unicast.is_stuck() || self.unicast.cycles.heard() >= self.unicast.not_before_cycle;
        if !is_turn || !is_late_enough || self.unicast.asked.is_some() || self.next.is_some() {
            return;
        }
        self.ask_next(now);
    }

    /// Nothing comes any more that could tell what is wrong in an object that is whole: servers give
    /// it anew.
    fn drop_doubted(&mut self, now: Micros) {
        let Some(error) = self.unicast.stuck else { return };
        let is_audited = self.current.as_ref().is_some_and(|(_, it)| it.audit.is_some());
        if is_audited {
            self.drop_held();
            if !self.falls_back(now, error) {
                self.fail(error);
            }
        }
    }

    fn ask_next(&mut self, now: Micros) {
        let Some((_, assembly)) = &mut self.current else { return };
        let missing = (assembly.lacking(), assembly.layout.symbols());
        let Some(url) = self.unicast.servers.free(now).cloned() else { return };
        if assembly.has_enough() || self.unicast.waits_for_more(missing) {
            return;
        }
        let Some(bytes) = assembly.next_wanted(UNICAST_BYTES_MAX) else { return };
        let (id, length_max) = (self.requests, assembly.layout.length());
        self.requests += 1;
        self.stats.requests += 1;
        if self.unicast.told.as_ref() != Some(&url) {
            self.tell(Event::UnicastBegun { server: url.clone(), missing: missing.0 });
            self.unicast.told = Some(url.clone());
        }
        self.queue.push_back(Output::Request(Request {
            id,
            server: Server::Http(url.clone()),
            from: bytes.start,
            to: Some(bytes.end),
            length_max,
            timeout: UNICAST_TIMEOUT,
        }));
        let span = Micros::from_secs((bytes.end - bytes.start) / UNICAST_BYTES_PER_S_MIN);
        let deadline = now.after(UNICAST_TIMEOUT.times(2)).after(span);
        let (next, since) = (bytes.start, bytes.start);
        self.unicast.asked = Some(Asked { id, url, bytes, next, since, deadline });
    }

    /// A server that keeps on sending next to nothing has failed.
    fn give_up_slow(&mut self, now: Micros) {
        let asked = self.unicast.asked.as_ref();
        if let Some(asked) = asked.filter(|asked| asked.deadline <= now).cloned() {
            self.cancel_request();
            self.on_failed(now, &asked.url, Answer::Failed(UnicastError::Silent));
        }
    }

    /// Bytes of a server.
    pub(super) fn on_bytes(&mut self, now: Micros, id: u64, bytes: Range<u64>, payload: P) {
        let Some(asked) = self.unicast.asked.as_mut().filter(|asked| asked.id == id) else {
            return;
        };
        self.stats.http_bytes += bytes.end.saturating_sub(bytes.start);
        if bytes.start != asked.next || bytes.end > asked.bytes.end || bytes.is_empty() {
            let url = asked.url.clone();
            self.cancel_request();
            return self.on_failed(now, &url, Answer::Failed(UnicastError::Protocol));
        }
        asked.next = bytes.end;
        let Some((_, assembly)) = &mut self.current else { return };
        if assembly.wants_bytes(&bytes) {
            assembly.take_bytes(&bytes, asked.since);
            self.stats.fetched_bytes += bytes.end - bytes.start;
            self.unicast.servers.gave(&asked.url);
            self.write(Area::Slot, bytes.start, payload);
        } else {
            asked.since = bytes.end;
        }
    }

    pub(super) fn on_answered(&mut self, now: Micros, id: u64, answer: Answer) {
        let Some(asked) = self.unicast.asked.take_if(|asked| asked.id == id) else { return };
        let (url, bytes) = (asked.url, asked.bytes);
        let Answer::Done { length, sha256 } = answer else {
            return self.on_failed(now, &url, answer);
        };
        let Some((announcement, assembly)) = &mut self.current else { return };
        let is_other = sha256.is_some() && sha256 != announcement.sha256;
        if is_other || length != assembly.layout.length() {
            // What it has is not the object, whatever it gave.
            self.unicast.servers.give_up(&url);
            if !matches!(self.state, State::Receiving) {
                // It is being looked at already.
                return;
            }
            let symbols = assembly.take_back(&bytes);
            self.tell(Event::UnicastDropped { symbols });
        } else if asked.next < bytes.end {
            let cut = UnicastError::Cut { bytes: asked.next - bytes.start };
            self.on_failed(now, &url, Answer::Failed(cut));
        } else {
            self.unicast.servers.succeeded(&url);
        }
    }

    fn on_failed(&mut self, now: Micros, url: &HttpUrl, answer: Answer) {
        self.unicast.told = None;
        let servers = &mut self.unicast.servers;
        match answer {
            Answer::Busy { retry_after: Some(retry_after) } => servers.busy(url, now, retry_after),
            Answer::Failed(UnicastError::Range | UnicastError::TooLong { .. }) => {
                servers.give_up(url);
            }
            _ => {
                let serial = self.options.unicast.as_ref().map_or("", |it| it.serial.as_str());
                let release = self.current.as_ref().and_then(|(it, _)| it.sha256);
                let release = release.as_ref().map_or(&[][..], |it| &it[..]);
                servers.failed(url, now, Fraction { serial, release });
            }
        }
        self.tell(Event::UnicastFailed { server: url.clone(), answer });
    }

    /// The object is whole and not what is announced: whether something of it came from servers,
    /// which is dropped, and is not asked of them again.
    pub(super) fn doubt_servers(&mut self) -> bool {
        let Some((_, assembly)) = &mut self.current else { return false };
        if !assembly.has_fetched() {
            return false;
        }
        let all = 0..assembly.layout.length();
        let symbols = assembly.take_back(&all);
        self.unicast.servers.distrust();
        self.unicast.told = None;
        self.tell(Event::UnicastDropped { symbols });
        true
    }
}
