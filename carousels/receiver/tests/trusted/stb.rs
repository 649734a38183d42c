//! A box with banks, and what it hears.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

use stbcast_bootcast::Part;
use stbcast_infocast::{Header, Name, ObjectType, Precoding};
use stbcast_object::{Group, Micros};
use stbcast_receiver::slots::{Bank, Banks, MemoryMedium, Place};
use stbcast_receiver::{
    Area, Content, Event, GroupDecoder, Input, Installation, Output, Recovered, Recovery,
    Remembered, Request, Role, Storage, TrustedBoot, TrustedOptions, TrustedOutcome, TrustedReport,
    drive,
};

use super::headend::{Headend, Sent, group};
use super::sample::SPLASH;

const SENDER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Banks, and what they were asked for.
pub struct Slots {
    pub banks: Banks<MemoryMedium>,
    pub armed: Vec<Installation>,
    pub remembered: Vec<Remembered>,
    pub begun: BTreeSet<String>,
    /// Whether arming fails.
    pub cannot_arm: bool,
}

type Error = <Banks<MemoryMedium> as Storage>::Error;

impl Storage for Slots {
    type Error = Error;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Error> {
        self.banks.begin(role, version)
    }
    fn resume(
        &mut self,
        role: Role,
        version: Option<&str>,
        content: &Content,
    ) -> Result<Vec<Range<u32>>, Error> {
        self.begun.insert(format!("{role:?}"));
        self.banks.resume(role, version, content)
    }
    fn keep(&mut self, symbols: &[Range<u32>]) -> Result<(), Error> {
        self.banks.keep(symbols)
    }
    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.banks.write(area, offset, bytes)
    }
    fn read(&mut self, area: Area, at: u64, length: u64, into: &mut Vec<u8>) -> Result<(), Error> {
        self.banks.read(area, at, length, into)
    }
    fn sync(&mut self, length: u64) -> Result<(), Error> {
        self.banks.sync(length)
    }
    fn commit(&mut self) -> Result<(), Error> {
        self.banks.commit()
    }
    fn arm(&mut self, installation: &Installation) -> Result<bool, Error> {
        self.armed.push(installation.clone());
        if self.cannot_arm { Ok(false) } else { self.banks.arm(installation) }
    }
    fn remember(&mut self, remembered: &Remembered) -> Result<(), Error> {
        self.remembered.push(remembered.clone());
        self.banks.remember(remembered)
    }
    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, Error> {
        self.banks.recover(recovery)
    }
    fn recovered(&mut self) -> Option<Recovered> {
        self.banks.recovered()
    }
}

/// A box that boots.
pub struct Stb {
    pub session: TrustedBoot<Range<usize>>,
    pub slots: Slots,
    pub groups: Vec<GroupDecoder>,
    /// Every group that was ever joined.
    pub joined: BTreeSet<Group>,
    pub events: Vec<Event>,
    pub asked: Vec<Request>,
    pub now: Micros,
}

impl Stb {
    pub fn new(options: TrustedOptions) -> Self {
        Self::over(options, MemoryMedium::default())
    }

    pub fn over(options: TrustedOptions, medium: MemoryMedium) -> Self {
        let banks = Banks::open(medium).unwrap();
        let slots = Slots {
            banks,
            armed: Vec::new(),
            remembered: Vec::new(),
            begun: BTreeSet::new(),
            cannot_arm: false,
        };
        let mut stb = Self {
            session: TrustedBoot::new(options),
            slots,
            groups: Vec::new(),
            joined: BTreeSet::new(),
            events: Vec::new(),
            asked: Vec::new(),
            now: Micros::ZERO,
        };
        stb.input(Input::Wake, &[]);
        stb
    }

    pub fn input(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) {
        let Self { session, slots, groups, joined, events, asked, now } = self;
        let shell = &mut |output| match output {
            Output::Join { group, source, listen } => {
                assert!(groups.iter().all(|one| one.group() != group), "{group} is joined");
                groups.push(GroupDecoder::new(group, source, &listen));
                joined.insert(group);
                assert!(groups.len() <= 3, "three groups at most");
            }
            Output::Leave { group } => {
                let before = groups.len();
                groups.retain(|one| one.group() != group);
                assert_eq!(groups.len() + 1, before, "{group} was joined");
            }
            Output::Event(event) => events.push(event),
            Output::Request(request) => asked.push(request),
            Output::CancelRequest { .. } => {}
            other => panic!("not for a shell: {other:?}"),
        };
        let _ = drive(session, slots, *now, input, datagram, shell);
    }

    pub fn wait_until(&mut self, now: Micros) {
        while let Some(at) = self.session.wake_at().filter(|at| *at <= now) {
            self.now = self.now.max(at);
            self.input(Input::Wake, &[]);
            assert_ne!(self.session.wake_at(), Some(at), "it was woken for nothing");
        }
        self.now = self.now.max(now);
    }

    pub fn hear(&mut self, now: Micros, sent: &Sent) {
        self.hear_from(SENDER, now, sent);
    }

    pub fn hear_from(&mut self, from: IpAddr, now: Micros, sent: &Sent) {
        self.wait_until(now);
        let decoder = self.groups.iter_mut().find(|one| one.group() == sent.group);
        let Some(decoder) = decoder else { return };
        let input = decoder.decode(from, &sent.bytes, None);
        self.input(input, &sent.bytes);
    }

    pub fn report(&self) -> &TrustedReport {
        match self.events.last() {
            Some(Event::TrustedDone(report)) => report,
            other => panic!("not done: {other:?}"),
        }
    }

    pub fn outcome(&self) -> &TrustedOutcome {
        &self.report().outcome
    }

    /// The labels of what was refused.
    pub fn refused(&self) -> Vec<&'static str> {
        self.report().refused.iter().map(|one| one.refusal.label()).collect()
    }

    /// What a slot of the bank that is not booted at first holds.
    pub fn slot(&self, part: Part) -> &[u8] {
        self.slots.banks.medium().bytes(Place::Slot(Bank::B, part))
    }

    #[track_caller]
    pub fn assert_armed(&self, number: u64, image: &[u8]) {
        assert_eq!(*self.outcome(), TrustedOutcome::Armed { number }, "{:?}", self.events);
        assert!(self.slot(Part::Kernel) == image && self.slot(Part::Splash) == SPLASH);
        let (installed, _) = self.slots.banks.state().on_trial().expect("a trial");
        assert_eq!(installed.number, number);
    }

    #[track_caller]
    pub fn assert_nothing_armed(&self) {
        assert!(self.session.is_over(), "not over");
        assert!(self.slots.armed.is_empty(), "taken: {:?}", self.slots.armed);
        assert!(self.slots.banks.state().on_trial().is_none());
    }
}

/// The splash on its channel, one slice.
pub fn splash() -> Sent {
    let name = Name::new("splash").unwrap();
    let (object_type, precoding) = (ObjectType(5), Precoding(1));
    let header = Header { object_type, precoding, number: 1, total: 1, name };
    let bytes = [&header.encode()[..], SPLASH].concat();
    Sent { group: group(13), bytes, carries_symbol: true }
}

/// Plays for at most so long; the splash ten times a second. `beside` may add to each millisecond.
pub fn play_with(
    stb: &mut Stb,
    headend: &mut Headend,
    seconds: u64,
    mut beside: impl FnMut(&mut Stb, &mut Headend),
) {
    let end = headend.now.after(Micros::from_secs(seconds));
    while headend.now < end && !stb.session.is_over() {
        for one in headend.turn() {
            stb.hear(headend.now, &one);
        }
        if headend.now.0.is_multiple_of(100_000) {
            stb.hear(headend.now, &splash());
        }
        beside(stb, headend);
    }
}

pub fn play(stb: &mut Stb, headend: &mut Headend, seconds: u64) {
    play_with(stb, headend, seconds, |_, _| {});
}

/// Nothing is on air any more.
pub fn silence(stb: &mut Stb, seconds: u64) {
    stb.wait_until(stb.now.after(Micros::from_secs(seconds)));
}
