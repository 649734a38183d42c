//! A box: the receiver's own session, fed with what reaches it. It carries no payload: symbols are
//! counted, and whatever storage is asked for succeeds.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use stbcast_flute::Symbol;
use stbcast_infocast::{Name, NameError, ObjectType, Precoding, Verdict};
use stbcast_object::{Group, Micros};
use stbcast_receiver::{
    Arrival, Event, Fetch, FetchOptions, GroupDecoder, InfocastRevision, Input, Output, Recovered,
    RecoveryOutcome, Revision, Slice, SymbolArrival, Target, Trailer,
};

use crate::air::{Air, OBJECT, Sent, TOI, What};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A box that fetches the object.
pub struct Station<'a> {
    air: &'a Air,
    session: Fetch<()>,
    name: Name,
    revision: Revision,
    joined: Joined,
    /// The companion's FDT has named the object.
    is_named: bool,
    state: State,
}

/// Groups joined; FLUTE sessions with what decodes their descriptions.
#[derive(Default)]
struct Joined {
    channel: bool,
    companion: Option<GroupDecoder>,
    announce: Option<GroupDecoder>,
}

/// How far a box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It wants more symbols.
    Receiving,
    /// All symbols are there.
    Complete,
    /// It gave up, or went on without the repair symbols that are on air.
    Failed,
}

impl<'a> Station<'a> {
    /// A box that starts at `now`. It uses the announce session where there is one.
    ///
    /// # Errors
    /// None, with the object's own name.
    pub fn start(air: &'a Air, now: Micros) -> Result<Self, NameError> {
        let name = Name::new(OBJECT)?;
        let announce = air.geometry.map(|_| air.groups.announce);
        let options = FetchOptions { announce, ..FetchOptions::default() };
        let session = Fetch::new(Target::infocast(air.groups.channel, name), options);
        let revision = Revision::Infocast(InfocastRevision {
            object_type: ObjectType::GENERIC,
            precoding: Precoding::CRC32,
            total: air.slices.count(),
            dynamic_info: 0,
        });
        let (joined, state) = (Joined::default(), State::Receiving);
        let mut station = Self { air, session, name, revision, joined, is_named: false, state };
        station.tell(now, Input::Wake);
        Ok(station)
    }

    /// How far it is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether it hears the channel.
    pub const fn is_joined(&self) -> bool {
        self.joined.channel
    }

    /// A datagram of the announce session reaches it.
    pub fn hear_announcement(&mut self, now: Micros, datagram: &[u8]) {
        let wall = Some(self.air.wall.after(now));
        let decoder = self.joined.announce.as_mut();
        if let Some(decoder) = decoder {
            let input = decoder.decode(SENDER, datagram, wall);
            self.describe(now, input);
        }
    }

    /// A datagram of the channel or the companion reaches it.
    pub fn hear(&mut self, sent: &Sent) {
        if self.session.wake_at().is_some_and(|at| at <= sent.at) {
            self.tell(sent.at, Input::Wake);
        }
        match sent.what {
            What::Source { index } if self.joined.channel => {
                let arrival = self.slice(index);
                self.tell(sent.at, Input::Arrival(arrival));
            }
            What::Repair { block, index } if self.joined.companion.is_some() => {
                let arrival = self.repair(block, index);
                self.tell(sent.at, Input::Symbol(arrival));
            }
            What::Fdt { place } => {
                let datagram = self.air.descriptions.get(place as usize);
                let decoder = self.joined.companion.as_mut();
                if let Some((datagram, decoder)) = datagram.zip(decoder) {
                    let wall = Some(self.air.wall.after(sent.at));
                    let input = decoder.decode(SENDER, datagram, wall);
                    self.is_named |= matches!(input, Input::Announced { .. });
                    self.describe(sent.at, input);
                }
            }
            What::Source { .. } | What::Repair { .. } => {}
        }
    }

    /// What a description decoded to has no payload.
    fn describe(&mut self, now: Micros, input: Input<'static, Range<usize>>) {
        let input = match input {
            Input::Announced { group, bytes, announcement } => {
                Input::Announced { group, bytes, announcement }
            }
            Input::Heard { group, bytes } => Input::Heard { group, bytes },
            Input::Rejected(bytes, reject) => Input::Rejected(bytes, reject),
            _ => return,
        };
        self.tell(now, input);
    }

    fn slice(&self, index: u32) -> Arrival<()> {
        let range = self.air.slices.range(index);
        let length = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        let slice = Slice {
            revision: self.revision,
            index,
            length,
            // Slices all differ, as those of a packed image do.
            fingerprint: index.wrapping_mul(0x9e37_79b1),
            trailer: Trailer::new(),
            verdict: Verdict::Unverified,
        };
        let datagram_bytes = self.air.overhead.source + length as usize;
        Arrival { from: SENDER, datagram_bytes, name: Some(self.name), slice, payload: () }
    }

    fn repair(&self, block: u32, index: u32) -> SymbolArrival<()> {
        let length = u32::try_from(self.air.repair_bytes()).unwrap_or(u32::MAX);
        SymbolArrival {
            from: SENDER,
            group: self.air.groups.companion,
            datagram_bytes: self.air.overhead.repair + length as usize,
            toi: u128::from(TOI),
            geometry: self.air.geometry,
            symbol: Symbol::Repair { block, index },
            length,
            payload: (),
            of_location: self.is_named,
        }
    }

    /// Hands an input in and does what the session wants, until nothing is left.
    fn tell(&mut self, now: Micros, input: Input<'_, ()>) {
        let mut next = self.session.handle(now, input).next();
        while let Some(output) = next {
            next = match self.carry_out(output) {
                Some(answer) => self.session.handle(now, answer).next(),
                None => self.session.outputs().next(),
            };
            if self.state != State::Receiving {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output<()>) -> Option<Input<'static, ()>> {
        match output {
            Output::Write { .. } | Output::Copy { .. } => return Some(Input::Written { ok: true }),
            Output::Recover(recovery) => {
                let outcome = RecoveryOutcome::Done;
                return Some(Input::Recovered(Recovered { id: recovery.id, outcome }));
            }
            Output::Compare { .. } => return Some(Input::Compared { equal: true }),
            Output::Join { group, source, listen } => {
                let decoder = GroupDecoder::new(group, source, &listen);
                self.switch(group, Some(decoder));
            }
            Output::Leave { group } => self.switch(group, None),
            // Reception is over when the slot is to be made durable.
            Output::Sync { .. } => self.state = State::Complete,
            Output::Event(Event::Failed(_) | Event::Plain(_) | Event::NoRepair(_)) => {
                self.state = State::Failed;
            }
            Output::Begin { .. }
            | Output::Resume { .. }
            | Output::Keep { .. }
            | Output::Arm(_)
            | Output::Remember(_)
            | Output::Read { .. }
            | Output::Commit
            | Output::Request(_)
            | Output::CancelRequest { .. }
            | Output::Event(_) => {}
        }
        None
    }

    fn switch(&mut self, group: Group, decoder: Option<GroupDecoder>) {
        if group == self.air.groups.channel {
            self.joined.channel = decoder.is_some();
        } else if group == self.air.groups.companion {
            self.joined.companion = decoder;
        } else {
            self.joined.announce = decoder;
        }
    }
}
