use std::collections::VecDeque;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use stbcast_fec::{Geometry, Scheme};
use stbcast_infocast::{Header, Name, ObjectType, Precoding};
use stbcast_object::Group;

use super::super::Clock;
use super::super::unicast::tests::servers::http::{Act, HttpServer};
use super::*;
use crate::{
    Answer, Area, Event, Fetch, FetchError, FetchOptions, Listen, MemoryStorage, Outputs, Progress,
    Recovered, Recovery, RecoveryOutcome, Request, Role, Server, Session, Stats, Target,
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

/// A session that hears a channel while it asks a server, and counts what comes of both.
struct Both {
    group: Group,
    request: Option<Request>,
    arrivals: u32,
    bytes: u64,
    answer: Option<Answer>,
    wanted: u32,
    queue: VecDeque<Output<Range<usize>>>,
}

impl Both {
    fn new(channel: &Channel, url: &str, wanted: u32) -> Self {
        let server = Server::Http(stbcast_bootcast::HttpUrl::parse(url).unwrap());
        let (length_max, timeout) = (u64::MAX, Micros::from_secs(20));
        let request = Request { id: 7, server, from: 0, to: None, length_max, timeout };
        let (group, request) = (channel.group, Some(request));
        let (arrivals, bytes, answer, queue) = (0, 0, None, VecDeque::new());
        Self { group, request, arrivals, bytes, answer, wanted, queue }
    }
}

impl Session<Range<usize>> for Both {
    fn handle(&mut self, _: Micros, input: Input<'_, Range<usize>>) -> Outputs<'_, Range<usize>> {
        match input {
            Input::Wake => {
                if let Some(request) = self.request.take() {
                    let (group, source) = (self.group, None);
                    self.queue.push_back(Output::Join { group, source, listen: Listen::Slices });
                    self.queue.push_back(Output::Request(request));
                }
            }
            Input::Arrival(_) => self.arrivals += 1,
            Input::Bytes { id, offset, length, payload } => {
                assert_eq!((id, offset, payload), (7, self.bytes, 0..length));
                self.bytes += length as u64;
            }
            Input::Answered { id, answer } => {
                assert!(id == 7 && self.answer.replace(answer).is_none());
            }
            _ => {}
        }
        self.outputs()
    }
    fn outputs(&mut self) -> Outputs<'_, Range<usize>> {
        Outputs { queue: &mut self.queue }
    }
    fn wake_at(&self) -> Option<Micros> {
        self.request.is_some().then_some(Micros::ZERO)
    }
    fn is_over(&self) -> bool {
        self.arrivals >= self.wanted && self.answer.is_some()
    }
}

impl Watched for Both {
    fn progress(&self) -> Progress {
        Progress::default()
    }
    fn stats(&self) -> Stats {
        Stats::default()
    }
}

#[test]
fn a_channel_is_heard_without_loss_while_a_server_sends_all_it_can() {
    let channel = Channel::new();
    let length = 64 << 20;
    let body = vec![7; length];
    let server = HttpServer::of_object(body, "\"one\"");
    // Some 50 Mbit/s for two seconds.
    let wanted = 12_500;
    let mut session = Both::new(&channel, &server.url("/"), wanted);
    let mut storage = Slow::default();
    let [ended, given_up] = [const { AtomicBool::new(false) }; 2];
    let (summary, log) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            while server.asked().is_empty() && began.elapsed() < DEADLINE {
                std::thread::yield_now();
            }
            let began = Instant::now();
            for number in 0..wanted {
                channel.send("image", [number % SLICES + 1]);
                let due = Duration::from_micros(160) * number;
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
            // What is lost would be waited for.
            let began = Instant::now();
            while !ended.load(Ordering::Relaxed) && began.elapsed() < DEADLINE {
                std::thread::sleep(Duration::from_millis(10));
            }
            given_up.store(true, Ordering::Relaxed);
        });
        let mut log = Log::default();
        let options = channel.options(&given_up);
        let summary = run(&mut session, &mut storage, options, &mut log);
        ended.store(true, Ordering::Relaxed);
        (summary, log)
    });
    assert_eq!((session.arrivals, summary.receive.kernel_drops), (wanted, 0));
    assert_eq!(session.answer, Some(Answer::Done { length: length as u64, sha256: None }));
    assert_eq!((session.bytes, log.troubles.len()), (length as u64, 0));
}

#[test]
fn a_run_that_is_stopped_leaves_no_request_behind() {
    let channel = Channel::new();
    let server = HttpServer::start(|_| vec![Act::Silence]);
    let mut session = Both::new(&channel, &server.url("/"), 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            run(&mut session, &mut Slow::default(), channel.options(&stop), &mut Log::default())
        });
        let began = Instant::now();
        while server.asked().is_empty() {
            assert!(began.elapsed() < DEADLINE);
            std::thread::yield_now();
        }
        let stopped = Instant::now();
        stop.store(true, Ordering::Relaxed);
        assert!(run.join().unwrap().interrupted);
        assert!(stopped.elapsed() < STALL / 4, "{:?}", stopped.elapsed());
    });
    assert_eq!(session.answer, None);
}

#[test]
fn a_session_that_waits_for_a_server_alone_is_not_over() {
    let channel = Channel::new();
    let server = HttpServer::of_object(vec![7; 100_000], "\"one\"");
    let mut session = Both::new(&channel, &server.url("/"), 0);
    run(&mut session, &mut Slow::default(), channel.options(&NEVER), &mut Log::default());
    assert_eq!(session.answer, Some(Answer::Done { length: 100_000, sha256: None }));
    assert_eq!(session.bytes, 100_000);
}
