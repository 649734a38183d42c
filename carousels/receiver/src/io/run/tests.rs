use std::collections::VecDeque;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use stbcast_fec::{Geometry, Scheme};
use stbcast_infocast::{Header, Name, ObjectType, Precoding};
use stbcast_object::Group;

use super::super::Clock;
use super::*;
use crate::{
    Area, Event, Fetch, FetchError, FetchOptions, MemoryStorage, Outputs, Progress, Recovered,
    Recovery, RecoveryOutcome, Role, Session, Stats, Target,
};

const DEADLINE: Duration = Duration::from_secs(30);
/// Longer than any time-out here.
const STALL: Duration = Duration::from_secs(20);
const SLICES: u32 = 100;
static NEVER: AtomicBool = AtomicBool::new(false);

/// What the observer saw.
#[derive(Default)]
struct Log {
    events: Vec<Event>,
    ticks: usize,
    troubles: Vec<String>,
}

impl Observer for Log {
    fn event(&mut self, _: &Moment, event: &Event) {
        self.events.push(event.clone());
    }
    fn tick(&mut self, _: &Moment) {
        self.ticks += 1;
    }
    fn trouble(&mut self, trouble: &Trouble) {
        if trouble.is_cause() {
            self.troubles.push(trouble.to_string());
        }
    }
}

/// Memory that takes a while for each write, and may end the run with the first.
struct Slow<'a> {
    memory: MemoryStorage,
    takes: Duration,
    ends: Option<&'a AtomicBool>,
}

impl Default for Slow<'_> {
    fn default() -> Self {
        Self { memory: MemoryStorage::default(), takes: Duration::ZERO, ends: None }
    }
}

impl Storage for Slow<'_> {
    type Error = <MemoryStorage as Storage>::Error;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Self::Error> {
        self.memory.begin(role, version)
    }
    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        std::thread::sleep(self.takes);
        if let Some(stop) = self.ends {
            stop.store(true, Ordering::Relaxed);
        }
        self.memory.write(area, offset, bytes)
    }
    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Self::Error> {
        self.memory.read(area, offset, length, into)
    }
    fn sync(&mut self, length: u64) -> Result<(), Self::Error> {
        self.memory.sync(length)
    }
    fn commit(&mut self) -> Result<(), Self::Error> {
        self.memory.commit()
    }
}

/// A channel no other test uses, and its sender.
struct Channel {
    group: Group,
    sender: UdpSocket,
    loopback: Interface,
}

impl Channel {
    fn new() -> Self {
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = sender.local_addr().unwrap().port();
        let [high, low] = port.to_be_bytes();
        let group = Group::new([239, 253, high, low].into(), port).unwrap();
        sender.set_multicast_ttl_v4(0).unwrap();
        let route = socket2::SockRef::from(&sender);
        route.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        sender.connect(group.socket_addr()).unwrap();
        Self { group, sender, loopback: Interface::resolve("127.0.0.1").unwrap() }
    }

    fn send(&self, name: &str, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let header = Header {
                object_type: ObjectType::GENERIC,
                precoding: Precoding::NONE,
                number,
                total: SLICES,
                name: Name::new(name).unwrap(),
            };
            let mut datagram = header.encode().to_vec();
            datagram.extend_from_slice(&[number as u8; 1_000]);
            self.sender.send(&datagram).unwrap();
        }
    }

    fn session(&self, options: FetchOptions) -> Fetch<Range<usize>> {
        Fetch::new(Target::infocast(self.group, Name::new("image").unwrap()), options)
    }

    fn options<'a>(&'a self, stop: &'a AtomicBool) -> RunOptions<'a> {
        RunOptions { interface: Some(&self.loopback), stop }
    }
}

fn once(timeout: Micros) -> FetchOptions {
    FetchOptions { timeout, attempts: 1, ..FetchOptions::default() }
}

/// One turn of the loop; whether another one follows.
fn turn(
    shell: &mut Shell<'_>,
    session: &mut Fetch<Range<usize>>,
    storage: &mut Slow<'_>,
    heard: &mut Heard,
) -> bool {
    match session.wake_at() {
        Some(wake_at) if !session.is_over() => {
            let mut storage = Timed::new(storage, shell.ears.clock);
            shell.turn(session, &mut storage, heard, wake_at);
            true
        }
        _ => false,
    }
}

/// The machine stood still for a while.
fn stall(shell: &mut Shell<'_>) {
    shell.ears.clock = Clock::began_before(STALL + Duration::from(shell.ears.clock.now()));
}

#[test]
fn a_channel_whose_datagrams_wait_is_not_silent_however_long_the_box_was_busy() {
    let (channel, mut log, mut heard) = (Channel::new(), Log::default(), Heard::default());
    let mut session = channel.session(once(Micros::from_secs(5)));
    let (mut storage, began) = (Slow::default(), Instant::now());
    let mut shell = Shell::new(channel.options(&NEVER), &mut log);
    turn(&mut shell, &mut session, &mut storage, &mut heard);
    // Slices that came before a gap are believed when they were seen behind it, too.
    for numbers in [1..=30, 31..=60, 61..=SLICES, 1..=SLICES] {
        channel.send("image", numbers);
        stall(&mut shell);
        let seen = session.stats().datagrams;
        while session.stats().datagrams == seen
            && turn(&mut shell, &mut session, &mut storage, &mut heard)
        {
            assert!(began.elapsed() < DEADLINE, "{:?}", session.progress());
        }
    }
    while turn(&mut shell, &mut session, &mut storage, &mut heard) {}
    assert!(matches!(log.events.last(), Some(Event::Complete { .. })), "{:?}", log.events);
}

#[test]
fn a_channel_is_silent_from_when_it_was_joined_and_not_from_when_that_was_asked_for() {
    let (channel, mut log, mut heard) = (Channel::new(), Log::default(), Heard::default());
    let mut session = channel.session(once(Micros::from_secs(5)));
    let mut storage = Slow::default();
    let mut shell = Shell::new(channel.options(&NEVER), &mut log);
    // Storage takes its time between the two.
    stall(&mut shell);
    turn(&mut shell, &mut session, &mut storage, &mut heard);
    // The network, too: nothing comes yet.
    turn(&mut shell, &mut session, &mut storage, &mut heard);
    assert!(heard.is_empty());
    channel.send("image", 1..=SLICES);
    while turn(&mut shell, &mut session, &mut storage, &mut heard) {}
    assert!(matches!(log.events.last(), Some(Event::Complete { .. })), "{:?}", log.events);
}

#[test]
fn a_channel_that_is_never_silent_but_carries_something_else_is_given_up() {
    let (channel, mut log, mut heard) = (Channel::new(), Log::default(), Heard::default());
    let options = FetchOptions { absent_timeouts: 2, ..once(Micros::from_millis(50)) };
    let mut session = channel.session(options);
    let (mut storage, began) = (Slow::default(), Instant::now());
    let mut shell = Shell::new(channel.options(&NEVER), &mut log);
    while turn(&mut shell, &mut session, &mut storage, &mut heard) {
        assert!(began.elapsed() < DEADLINE, "{:?}", session.stats());
        channel.send("other", 1..=2);
    }
    let absent = Event::Failed(FetchError::Absent { span: Micros::from_millis(100) });
    assert_eq!(log.events, [absent]);
}

#[test]
fn a_silent_channel_is_given_up_after_every_attempt() {
    let (channel, mut log) = (Channel::new(), Log::default());
    let options = FetchOptions { attempts: 2, ..once(Micros::from_millis(50)) };
    let mut session = channel.session(options);
    let summary = run(&mut session, &mut Slow::default(), channel.options(&NEVER), &mut log);
    let silent = FetchError::Silent { attempts: 2, timeout: Micros::from_millis(50) };
    let attempts = [1, 2].map(|attempt| Event::AttemptFailed { attempt });
    assert_eq!(log.events, [&attempts[..], &[Event::Failed(silent)]].concat());
    assert!(summary.moment.at >= Micros::from_millis(100) && !summary.interrupted);
}

/// Hears a batch of slices in an order in which each is written by itself.
fn hear_scattered(storage: &mut Slow<'_>, stop: &AtomicBool, log: &mut Log) -> Progress {
    let (channel, mut heard) = (Channel::new(), Heard::default());
    let mut session = channel.session(once(Micros::from_secs(60)));
    let mut shell = Shell::new(channel.options(stop), log);
    turn(&mut shell, &mut session, storage, &mut heard);
    channel.send("image", (30..60).rev());
    turn(&mut shell, &mut session, storage, &mut heard);
    assert_eq!(heard.len(), 30, "they came together");
    session.progress()
}

#[test]
fn the_stop_flag_counts_between_the_datagrams_of_a_batch() {
    let (stop, mut log) = (AtomicBool::new(false), Log::default());
    let mut storage = Slow { ends: Some(&stop), ..Slow::default() };
    let progress = hear_scattered(&mut storage, &stop, &mut log);
    assert!(stop.load(Ordering::Relaxed), "something was written");
    assert!(progress.held < 10, "{progress:?}");
}

#[test]
fn ticks_come_between_the_datagrams_of_a_batch() {
    let mut log = Log::default();
    let mut storage = Slow { takes: Duration::from_millis(15), ..Slow::default() };
    let progress = hear_scattered(&mut storage, &NEVER, &mut log);
    assert_eq!(progress.held, 30);
    assert!(log.ticks >= 3, "{} ticks in 450 ms", log.ticks);
}

/// A session that waits for nothing but one block.
#[derive(Default)]
struct Recovering {
    outputs: VecDeque<Output<Range<usize>>>,
    begun: bool,
    outcome: Option<RecoveryOutcome>,
}

impl Session<Range<usize>> for Recovering {
    fn handle(&mut self, _: Micros, input: Input<'_, Range<usize>>) -> Outputs<'_, Range<usize>> {
        match input {
            Input::Wake => {
                self.begun = true;
                let geometry = Geometry::new(Scheme::Rs8, 100, 10, 10).unwrap();
                let (missing, repair, places) = (vec![0], vec![0], vec![0]);
                let (id, block, memory_bytes) = (7, 0, 1 << 20);
                let recovery =
                    Recovery { id, geometry, block, missing, repair, places, memory_bytes };
                self.outputs.push_back(Output::Recover(recovery));
            }
            Input::Recovered(Recovered { id: 7, outcome }) => self.outcome = Some(outcome),
            other => panic!("{other:?}"),
        }
        self.outputs()
    }
    fn outputs(&mut self) -> Outputs<'_, Range<usize>> {
        Outputs { queue: &mut self.outputs }
    }
    fn wake_at(&self) -> Option<Micros> {
        (!self.begun).then_some(Micros::ZERO)
    }
    fn is_over(&self) -> bool {
        self.outcome.is_some()
    }
}

impl Watched for Recovering {
    fn progress(&self) -> Progress {
        Progress::default()
    }
    fn stats(&self) -> Stats {
        Stats::default()
    }
}

/// A storage whose recovery is done when it was asked for so often, and then failed. What it has
/// begun may end the run.
struct Later<'a>(u32, Option<&'a AtomicBool>);

impl Storage for Later<'_> {
    type Error = String;

    fn begin(&mut self, _: Role, _: Option<&str>) -> Result<(), String> {
        Ok(())
    }
    fn write(&mut self, _: Area, _: u64, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
    fn read(&mut self, _: Area, _: u64, _: u64, _: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }
    fn sync(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }
    fn commit(&mut self) -> Result<(), String> {
        Ok(())
    }
    fn recover(&mut self, _: Recovery) -> Result<Option<Recovered>, String> {
        if let Some(stop) = self.1 {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(None)
    }
    fn recovered(&mut self) -> Option<Recovered> {
        self.0 = self.0.checked_sub(1)?;
        (self.0 == 0).then_some(Recovered { id: 7, outcome: RecoveryOutcome::Failed })
    }
    fn recovery_error(&mut self) -> Option<String> {
        (self.0 == 0).then(|| "the flash is worn out".to_owned())
    }
}

#[test]
fn a_session_that_waits_for_a_block_alone_is_told_of_it_and_the_reason_goes_to_the_observer() {
    let (channel, mut session, mut log) = (Channel::new(), Recovering::default(), Log::default());
    let summary = run(&mut session, &mut Later(5, None), channel.options(&NEVER), &mut log);
    assert_eq!(session.outcome, Some(RecoveryOutcome::Failed));
    assert!(!summary.interrupted);
    assert_eq!(log.troubles, ["the flash is worn out"]);
}

#[test]
fn the_stop_flag_counts_while_a_block_is_recovered() {
    let (channel, stop) = (Channel::new(), AtomicBool::new(false));
    let mut session = Recovering::default();
    let mut storage = Later(u32::MAX, Some(&stop));
    let summary = run(&mut session, &mut storage, channel.options(&stop), &mut ());
    assert!(summary.interrupted && session.begun && session.outcome.is_none());
}
