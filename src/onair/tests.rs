//! The sending loop on a clock of its own and wires that keep a record.

use std::cell::Cell;
use std::io;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stbcast_flute::fdt::File;
use stbcast_flute::{AnnounceSession, FdtSettings, Statement};
use stbcast_infocast::{Carousel, Content, Entry, Name, ObjectType, Precoding};
use stbcast_object::Slices;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::lineup::{Channel, Protocol};
use crate::pacer::BURST;
use crate::programme::Payload;
use crate::transmit::{Parts, TransmitPath, Transmitter};

mod cap;

const SLICE_BYTES: u16 = 1_400;
/// Header 44, IP and UDP 28, no trailer.
const IP_BYTES: u64 = 1_472;

/// What one channel sent: when, which packet.
type Record = Arc<Mutex<Vec<(u64, u32)>>>;

/// Keeps when each datagram was sent, and refuses some when told.
struct Recorder {
    now: Arc<AtomicU64>,
    record: Record,
    /// Of this many calls one finds no room, and one takes a part.
    full_each: u64,
    calls: Cell<u64>,
}

impl Wire for Recorder {
    fn send(&mut self, batch: &[Parts<'_>]) -> io::Result<usize> {
        self.calls.set(self.calls.get() + 1);
        let turn = self.calls.get() % self.full_each.max(1);
        let count = match turn {
            1 if self.full_each > 0 => return Err(io::ErrorKind::WouldBlock.into()),
            2 if self.full_each > 0 => batch.len().div_ceil(2),
            _ => batch.len(),
        };
        let now = self.now.load(Ordering::Relaxed);
        let number = |parts: &Parts<'_>| u32::from_be_bytes(parts[0][4..8].try_into().unwrap());
        let sent = batch[..count].iter().map(|parts| (now, number(parts)));
        self.record.lock().unwrap().extend(sent);
        Ok(count)
    }

    fn path(&self) -> TransmitPath {
        TransmitPath::Gso
    }

    fn interface(&self) -> Option<&str> {
        None
    }
}

pub(crate) fn channel(name: &str, bit_rate_bps: u64) -> Channel {
    Channel {
        name: name.to_owned(),
        protocol: Protocol::Infocast,
        group: stbcast_object::Group::new([239, 255, 250, 1].into(), 22_222).unwrap(),
        bit_rate_bps,
        slice_bytes: NonZeroU16::new(SLICE_BYTES).unwrap(),
        ttl: 0,
        dscp: 0,
        interface: Some("127.0.0.1".to_owned()),
        burst: BURST,
        burst_delay: Micros::ZERO,
        mag: None,
        repair: None,
        overlap: None,
        schedule: None,
        objects: Vec::new(),
    }
}

pub(super) fn programme(name: &str, bit_rate_bps: u64, slices: u64) -> ChannelProgramme {
    paused(name, bit_rate_bps, slices, Micros::ZERO)
}

/// The same with a pause behind each cycle.
fn paused(name: &str, bit_rate_bps: u64, slices: u64, pause: Micros) -> ChannelProgramme {
    let bytes = vec![7; (slices * u64::from(SLICE_BYTES)) as usize];
    let content =
        Content::Stored(Slices::new(bytes.len() as u64, SLICE_BYTES.try_into().unwrap()).unwrap());
    let name_on_wire = Name::new("image").unwrap();
    let entry = Entry::new(name_on_wire, ObjectType::GENERIC, Precoding::NONE, None, content);
    let carousel = Carousel::new(vec![entry.unwrap()], bit_rate_bps, 28, pause);
    let payloads = vec![Payload::Text(bytes.into())];
    ChannelProgramme {
        channel: channel(name, bit_rate_bps),
        carousel: crate::carousel::Carousel::Infocast(Box::new(carousel)),
        payloads,
        digests: vec![],
        files: vec![],
        companion: None,
    }
}

/// An announce session that says nothing yet.
fn announce(name: &str) -> ChannelProgramme {
    let settings = FdtSettings::new(1);
    let session = AnnounceSession::new(settings, vec![], Micros::from_secs(1)).unwrap();
    let carousel = crate::carousel::Carousel::Announce(Box::new(session));
    ChannelProgramme { carousel, ..programme(name, 64_000, 1) }
}

/// A loop without a thread, and the clock its wires look at.
struct Bench {
    on_air: Loop,
    now: Arc<AtomicU64>,
    tell: Sender<Command>,
    reports: UnboundedReceiver<Report>,
}

impl Bench {
    fn new() -> Self {
        let ((tell, inbox), (told, reports)) = (std::sync::mpsc::channel(), unbounded_channel());
        let now = Arc::default();
        Self { on_air: Loop::new(0, inbox, told), now, tell, reports }
    }

    fn put(&mut self, programme: ChannelProgramme, full_each: u64) -> Record {
        let record = Record::default();
        let now = Arc::clone(&self.now);
        let recorder =
            Recorder { now, record: Arc::clone(&record), full_each, calls: Cell::new(0) };
        let launch = Launch { programme, wire: Box::new(recorder), generation: 1, held: false };
        self.tell(Command::Put(Box::new(launch)));
        record
    }

    fn tell(&mut self, command: Command) {
        self.tell.send(command).unwrap();
        self.on_air.obey(Micros::ZERO);
    }

    /// What was told until now, in short.
    fn told(&mut self) -> Vec<String> {
        let reports = std::iter::from_fn(|| self.reports.try_recv().ok());
        let short = reports.filter_map(|report| match report {
            Report::OnAir { generation, .. } => Some(format!("on air {generation}")),
            Report::Retired { generation, .. } => Some(format!("retired {generation}")),
            Report::CyclesDone { .. } => Some("done".to_owned()),
            Report::Ending { generation, .. } => Some(format!("ending {generation}")),
            Report::Spent(_) | Report::Broken => None,
        });
        short.collect()
    }

    /// Runs until `end`; each sleep ends later than asked for by what `late` says.
    fn run(&mut self, end: Micros, mut late: impl FnMut(Micros) -> Micros) {
        let mut now = Micros::ZERO;
        while now < end {
            self.now.store(now.0, Ordering::Relaxed);
            if let Some(at) = self.on_air.advance(now) {
                now = at.after(late(at));
            }
        }
    }
}

fn taken(record: &Record) -> Vec<(u64, u32)> {
    std::mem::take(&mut record.lock().unwrap())
}

/// The most datagrams in any `window`, in microseconds.
fn most_within(times: &[u64], window: u64) -> usize {
    let count =
        |(i, from): (usize, &u64)| times[i..].iter().take_while(|at| **at < from + window).count();
    times.iter().enumerate().map(count).max().unwrap_or(0)
}

/// Late by 0 to 149 us on each wake-up, and by 30 ms once a second.
fn rough() -> impl FnMut(Micros) -> Micros {
    let (mut state, mut stalled) = (1u64, 0);
    move |at| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let stalls = at.0 / 1_000_000 > stalled;
        stalled = stalled.max(at.0 / 1_000_000);
        Micros(if stalls { 30_000 } else { (state >> 33) % 150 })
    }
}

#[test]
fn a_thousand_channels_keep_their_rates_and_none_is_early() {
    const RATE: u64 = 64_000;
    let mut bench = Bench::new();
    let name = |n: usize| format!("channel {n}");
    let records: Vec<_> = (0..1_000).map(|n| bench.put(programme(&name(n), RATE, 20), 0)).collect();
    bench.run(Micros::from_secs(20), rough());
    let span = IP_BYTES * 8 * 1_000_000 / RATE;
    for (n, record) in records.iter().enumerate() {
        let sent = taken(record);
        for (i, &(at, _)) in sent.iter().enumerate() {
            let due = i as u64 * span;
            assert!(at >= due, "channel {n}: datagram {i} is {} us early", due - at);
            assert!(at <= due + span + 50_000, "channel {n}: datagram {i} is {} us late", at - due);
        }
        let ideal = 20_000_000 / span;
        assert!((ideal..=ideal + 1).contains(&(sent.len() as u64)), "channel {n}: {}", sent.len());
    }
}

#[test]
fn a_thousand_channels_of_one_rate_do_not_send_at_once() {
    let mut bench = Bench::new();
    let name = |n: usize| format!("channel {n}");
    let records: Vec<_> =
        (0..1_000).map(|n| bench.put(programme(&name(n), 64_000, 20), 0)).collect();
    bench.run(Micros::from_secs(2), |_| Micros::ZERO);
    let mut times: Vec<_> = records.iter().flat_map(taken).map(|(at, _)| at).collect();
    times.sort_unstable();
    // 5.4 datagrams are due in each millisecond.
    assert!(most_within(&times, 1_000) <= 9, "{} in a millisecond", most_within(&times, 1_000));
}

#[test]
fn a_stall_is_made_up_slightly_faster_and_never_by_a_burst() {
    for (bit_rate_bps, batch) in [(50_000_000, 1), (200_000_000, 4), (1_000_000_000, 21)] {
        let mut bench = Bench::new();
        let record = bench.put(programme("stalled", bit_rate_bps, 1_000), 0);
        let mut stalled = false;
        bench.run(Micros::from_secs(4), |at| {
            let stalls = at >= Micros::from_secs(1) && !std::mem::replace(&mut stalled, true);
            Micros(if stalls { 200_000 } else { 0 })
        });
        let times: Vec<_> = taken(&record).into_iter().map(|(at, _)| at).collect();
        let span = |datagrams: u64| datagrams * IP_BYTES * 8_000_000 / bit_rate_bps;
        for (i, at) in times.iter().enumerate() {
            assert!(*at >= span(i as u64), "datagram {i} is early at {bit_rate_bps}");
        }
        assert!(most_within(&times, 1) <= batch, "{} at once", most_within(&times, 1));
        let nominal = 10_000 / span(1);
        let worst = most_within(&times, 10_000) as u64;
        assert!(worst <= nominal * 11 / 10 + batch as u64 + 2, "{worst} instead of {nominal}");
        let owed = (4 * bit_rate_bps / (IP_BYTES * 8)).abs_diff(times.len() as u64);
        assert!(owed <= batch as u64 + 1, "{owed} datagrams are still owed at {bit_rate_bps}");
    }
}

#[test]
fn a_socket_without_room_loses_and_repeats_nothing() {
    for bit_rate_bps in [20_000_000, 1_000_000_000] {
        let mut bench = Bench::new();
        let record = bench.put(programme("refused", bit_rate_bps, 100), 7);
        bench.run(Micros::from_secs(1), |_| Micros::ZERO);
        let numbers: Vec<_> = taken(&record).into_iter().map(|(_, number)| number).collect();
        assert!(numbers.len() > 1_000);
        for (place, number) in numbers.iter().enumerate() {
            assert_eq!(*number as usize, place % 100 + 1, "datagram {place}");
        }
    }
}

#[test]
fn the_last_batch_of_the_last_cycle_is_sent_though_the_socket_was_full() {
    let mut bench = Bench::new();
    let record = bench.put(programme("refused", 1_000_000_000, 10), 7);
    bench.tell(Command::ReportCycles(1));
    bench.run(Micros::from_millis(100), |_| Micros::ZERO);
    assert_eq!(taken(&record).len(), 10);
    assert_eq!(bench.told(), ["on air 1", "done"]);
}

#[test]
fn a_pause_does_not_overtake_what_the_socket_refused() {
    let mut bench = Bench::new();
    let programme = paused("refused", 1_000_000_000, 10, Micros::from_millis(400));
    let record = bench.put(programme, 7);
    bench.run(Micros::from_millis(300), |_| Micros::ZERO);
    let sent = taken(&record);
    assert!(sent.len() == 10 && sent[9].0 < 10_000, "{sent:?}");
}

#[test]
fn a_thread_whose_cycles_are_done_sends_no_more_and_still_answers() {
    let mut bench = Bench::new();
    let record = bench.put(programme("a", 100_000_000, 10), 0);
    bench.tell(Command::ReportCycles(1));
    bench.run(Micros::from_millis(100), |_| Micros::ZERO);
    assert_eq!(taken(&record).len(), 10);
    let record = bench.put(programme("a", 100_000_000, 20), 0);
    bench.run(Micros::from_millis(100), |_| Micros::ZERO);
    bench.tell(Command::Retire { channel: "a".to_owned(), generation: 3 });
    assert_eq!(bench.told(), ["on air 1", "done", "on air 1", "retired 3"]);
    assert_eq!(taken(&record), []);
}

/// Fails as only a fault of the program can.
struct Faulty;

impl Wire for Faulty {
    fn send(&mut self, _batch: &[Parts<'_>]) -> io::Result<usize> {
        panic!("a fault for the test");
    }

    fn path(&self) -> TransmitPath {
        TransmitPath::Send
    }

    fn interface(&self) -> Option<&str> {
        None
    }
}

#[test]
fn a_thread_that_fails_is_told() {
    let (told, mut reports) = unbounded_channel();
    let driver = Driver::start(0, told).unwrap();
    let programme = programme("faulty", 1_000_000, 20);
    let launch = Launch { programme, wire: Box::new(Faulty), generation: 1, held: false };
    driver.tell(Command::Put(Box::new(launch)));
    assert!(matches!(reports.blocking_recv(), Some(Report::OnAir { .. })));
    assert!(matches!(reports.blocking_recv(), Some(Report::Broken)));
}

/// A socket, and how many datagrams it took.
struct Counted(Transmitter, Arc<AtomicU64>);

impl Wire for Counted {
    fn send(&mut self, batch: &[Parts<'_>]) -> io::Result<usize> {
        let sent = self.0.send(batch)?;
        self.1.fetch_add(sent as u64, Ordering::Relaxed);
        Ok(sent)
    }

    fn path(&self) -> TransmitPath {
        self.0.path()
    }

    fn interface(&self) -> Option<&str> {
        self.0.interface()
    }
}

#[test]
fn sending_allocates_nothing_whatever_the_path() {
    for path in [TransmitPath::Gso, TransmitPath::Sendmmsg, TransmitPath::Send] {
        let mut bench = Bench::new();
        let programme = programme("lean", 1_000_000_000, 10_000);
        let sent = Arc::new(AtomicU64::new(0));
        let socket = Sockets::new(path).open(&programme.channel).unwrap();
        let wire = Box::new(Counted(socket, Arc::clone(&sent)));
        bench.on_air.put(Launch { programme, wire, generation: 1, held: false }, Micros::ZERO);
        let mut run = |from, to| {
            let mut now = Micros::from_millis(from);
            while now < Micros::from_millis(to) {
                now = bench.on_air.advance(now).unwrap_or(now);
            }
        };
        run(0, 20);
        sent.store(0, Ordering::Relaxed);
        let allocations = allocation_counter::measure(|| run(20, 30));
        assert_eq!(allocations.count_total, 0, "{path:?}");
        assert!(sent.load(Ordering::Relaxed) > 500, "{path:?}");
    }
}

/// A replacement that waits for its release.
fn held(programme: ChannelProgramme, generation: u64) -> Command {
    let record = Record::default();
    let (now, calls) = (Arc::default(), Cell::new(0));
    let wire = Box::new(Recorder { now, record, full_each: 0, calls });
    Command::Put(Box::new(Launch { programme, wire, generation, held: true }))
}

#[test]
fn a_held_replacement_is_told_of_near_the_end_of_the_cycle_and_comes_when_it_is_released() {
    // 1,000 datagrams of 11,776 us: a cycle of 11.8 s.
    let mut bench = Bench::new();
    let record = bench.put(programme("a", 1_000_000, 1_000), 0);
    bench.tell(held(programme("a", 1_000_000, 500), 2));
    bench.run(Micros::from_millis(8_500), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["on air 1"]);
    bench.run(Micros::from_millis(9_000), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["ending 2"], "told once, less than three seconds before");
    taken(&record);
    bench.run(Micros::from_secs(15), |_| Micros::ZERO);
    assert!(bench.told().is_empty(), "replaced although nobody released it");
    assert!(taken(&record).iter().any(|(_, number)| *number == 1), "the old one goes on");
    bench.tell(Command::Release { channel: "a".to_owned(), generation: 1 });
    bench.tell(Command::Release { channel: "a".to_owned(), generation: 2 });
    assert!(bench.told().is_empty(), "in the middle of a cycle");
    bench.run(Micros::from_secs(27), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["on air 2"]);
}

#[test]
fn a_short_cycle_tells_of_its_held_replacement_at_once() {
    let mut bench = Bench::new();
    bench.put(programme("a", 10_000_000, 100), 0);
    bench.tell(held(programme("a", 10_000_000, 50), 2));
    bench.run(Micros::from_millis(10), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["on air 1", "ending 2"]);
}

#[test]
fn a_cycle_that_ends_while_a_replacement_is_announced_is_the_last_one() {
    // A cycle of 11.8 s, which ends in the middle of the announcement.
    let mut bench = Bench::new();
    let record = bench.put(programme("a", 1_000_000, 1_000), 0);
    bench.run(Micros::from_millis(11_300), |_| Micros::ZERO);
    bench.tell(held(programme("a", 1_000_000, 500), 2));
    bench.run(Micros::from_millis(12_500), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["on air 1", "ending 2"]);
    assert_eq!(taken(&record).last().unwrap().1, 1_000, "boxes would wait for another whole cycle");
    bench.tell(Command::Release { channel: "a".to_owned(), generation: 2 });
    bench.run(Micros::from_millis(12_600), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["on air 2"]);
}

#[test]
fn a_held_replacement_comes_also_where_cycles_are_shorter_than_planned() {
    // The long object passes once an hour, so most cycles are of the short one alone.
    let mut both = programme("a", 1_000_000, 10);
    let crate::carousel::Carousel::Infocast(short) = &both.carousel else { panic!() };
    let long = programme("a", 1_000_000, 2_000);
    let crate::carousel::Carousel::Infocast(of_long) = &long.carousel else { panic!() };
    let delayed = of_long.entries()[0].clone().with_delay(Micros::from_secs(3_600));
    let entries = vec![short.entries()[0].clone(), delayed];
    let carousel = Carousel::new(entries, 1_000_000, 28, Micros::from_secs(1));
    both.carousel = crate::carousel::Carousel::Infocast(Box::new(carousel));
    both.payloads.extend(long.payloads);
    let mut bench = Bench::new();
    bench.put(both, 0);
    bench.run(Micros::from_secs(30), |_| Micros::ZERO);
    bench.tell(held(programme("a", 1_000_000, 10), 2));
    bench.run(Micros::from_secs(32), |_| Micros::ZERO);
    assert_eq!(bench.told(), ["on air 1", "ending 2"]);
}

/// Keeps the TOI of each datagram of FLUTE, and has room for so many.
struct FluteRecorder {
    tois: Arc<Mutex<Vec<u32>>>,
    room: Arc<AtomicU64>,
}

impl Wire for FluteRecorder {
    fn send(&mut self, batch: &[Parts<'_>]) -> io::Result<usize> {
        let mut tois = self.tois.lock().unwrap();
        let left = self.room.load(Ordering::Relaxed).saturating_sub(tois.len() as u64);
        if left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = batch.len().min(left as usize);
        let toi = |parts: &Parts<'_>| u32::from_be_bytes(parts[0][12..16].try_into().unwrap());
        tois.extend(batch[..count].iter().map(toi));
        Ok(count)
    }

    fn path(&self) -> TransmitPath {
        TransmitPath::Gso
    }

    fn interface(&self) -> Option<&str> {
        None
    }
}

#[test]
fn a_withdrawn_statement_is_not_sent_though_the_socket_had_refused_it() {
    let mut bench = Bench::new();
    let (tois, room) = (Arc::<Mutex<Vec<u32>>>::default(), Arc::new(AtomicU64::new(3)));
    let wire = Box::new(FluteRecorder { tois: Arc::clone(&tois), room: Arc::clone(&room) });
    let launch = Launch { programme: announce("announce"), wire, generation: 1, held: false };
    bench.tell(Command::Put(Box::new(launch)));
    let file = |name: &str, toi| File::new(name, toi).unwrap();
    let statement = Statement::new(file("release:42", 42), [1; 100].into()).unwrap();
    let said = |statements| {
        let files = vec![file("infocast://239.1.1.1:5/boot", 7)];
        let said = Description { files, statements };
        Command::Describe { channel: "announce".to_owned(), said }
    };
    bench.tell(said(vec![statement]));
    // The statement of the second pass finds no room.
    bench.run(Micros::from_millis(1_900), |_| Micros::ZERO);
    assert_eq!(*tois.lock().unwrap(), [0, 42, 0]);
    bench.tell(said(vec![]));
    room.store(100, Ordering::Relaxed);
    bench.run(Micros::from_millis(2_500), |_| Micros::ZERO);
    assert_eq!(*tois.lock().unwrap(), [0, 42, 0, 0, 0, 0]);
}

mod at_once;
