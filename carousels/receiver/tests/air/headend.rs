//! A small headend over the real senders' cores: channel, companion and announce session, with losses
//! that are the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stbcast_flute::{
    AnnounceSession, CompanionSession, CompanionSettings, FdtSettings, Share, Statement, Step,
};
use stbcast_object::{Datagram, Group, Micros};

use super::Air;
use super::channel::{Channel, Turn};
use super::image::{Groups, Image, TSI};

/// Repair symbols in a thousand of source symbols, where a test does not say.
const RATIO: u32 = 200;

/// What a sender does beside its line-up.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Of a thousand datagrams with a symbol, so many are lost on all groups.
    pub loss: u32,
    /// Repair symbols for a thousand slices.
    pub ratio: u32,
    pub seed: u64,
    /// Datagrams sent at a time.
    pub burst: u32,
    /// Every so many-th slice is lost, too, until [`Headend::release`] or a new revision.
    pub held_back: Option<u64>,
}

impl Weather {
    pub const FINE: Self = Self { loss: 0, ratio: RATIO, seed: 1, burst: 1, held_back: None };

    pub const fn lossy(loss: u32) -> Self {
        Self { loss, ..Self::FINE }
    }

    pub(super) fn loses(&mut self) -> bool {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 20) % 1_000 < u64::from(self.loss)
    }
}

/// What a test tells a headend on air.
enum Order {
    /// Announce this, and put it on air a second later.
    Revise(Box<Image>),
    /// Announce nothing of it any more.
    Silence,
    /// Send what was held back.
    Release,
}

/// A headend on air until it is dropped.
pub struct Headend {
    _air: Air,
    orders: Sender<Order>,
    /// Datagrams with a symbol that were sent, lost or not.
    pub symbols: Arc<AtomicU64>,
}

impl Headend {
    /// One object on its channel, with companion where it has a code, and announced.
    pub fn play(groups: Groups, image: &Image, weather: Weather) -> Self {
        Self::start(groups, vec![image.clone()], Vec::new(), weather, true)
    }

    /// Several objects on one channel.
    pub fn play_all(groups: Groups, images: &[Image], weather: Weather) -> Self {
        Self::start(groups, images.to_vec(), Vec::new(), weather, true)
    }

    /// The same, but nothing is announced.
    pub fn play_unannounced(groups: Groups, image: &Image, weather: Weather) -> Self {
        Self::start(groups, vec![image.clone()], Vec::new(), weather, false)
    }

    /// The same with other datagrams between, each to its group.
    pub fn play_beside(
        groups: Groups,
        images: &[Image],
        beside: Vec<(Group, Vec<u8>)>,
        weather: Weather,
    ) -> Self {
        Self::start(groups, images.to_vec(), beside, weather, true)
    }

    /// One object with what its operator signed of it.
    pub fn play_signed(
        groups: Groups,
        image: &Image,
        statements: Vec<Statement>,
        weather: Weather,
    ) -> Self {
        let (orders, ordered) = channel();
        let symbols = Arc::default();
        let images = vec![image.clone()];
        let mut sender = LineUp::new(groups, images, weather, ordered, Arc::clone(&symbols));
        let wall = sender.clock.now().1;
        let announce = sender.announce.as_mut().unwrap();
        announce.set(vec![image.file(&groups)], statements, wall).unwrap();
        Self { _air: Air::bursts(weather.burst, move || sender.next()), orders, symbols }
    }

    fn start(
        groups: Groups,
        images: Vec<Image>,
        beside: Vec<(Group, Vec<u8>)>,
        weather: Weather,
        announced: bool,
    ) -> Self {
        let (orders, ordered) = channel();
        let symbols = Arc::default();
        let mut sender = LineUp::new(groups, images, weather, ordered, Arc::clone(&symbols));
        sender.beside = beside;
        if !announced {
            sender.announce = None;
        }
        Self { _air: Air::bursts(weather.burst, move || sender.next()), orders, symbols }
    }

    /// A new revision, announced at once and on air a second later.
    pub fn revise(&self, image: &Image) {
        self.orders.send(Order::Revise(Box::new(image.clone()))).unwrap();
    }

    /// The announce session ends.
    pub fn silence(&self) {
        self.orders.send(Order::Silence).unwrap();
    }

    /// Slices that were held back are sent from now on.
    pub fn release(&self) {
        self.orders.send(Order::Release).unwrap();
    }

    pub fn symbols_sent(&self) -> u64 {
        self.symbols.load(Ordering::Relaxed)
    }
}

/// Time as senders want it.
pub(super) struct Clock(pub(super) Instant);

impl Clock {
    pub(super) fn now(&self) -> (Micros, Micros) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (self.0.elapsed().into(), wall.into())
    }
}

/// The sender of a line-up: one datagram after the other.
struct LineUp {
    groups: Groups,
    weather: Weather,
    slice_bytes: u64,
    clock: Clock,
    ordered: Receiver<Order>,
    symbols: Arc<AtomicU64>,
    announce: Option<AnnounceSession>,
    channel: Channel,
    companion: Option<CompanionSession>,
    /// Objects of the channel, then repair stores.
    stores: Vec<Vec<u8>>,
    /// Thousandths of repair symbols that are due.
    due: u32,
    beside: Vec<(Group, Vec<u8>)>,
    beside_at: usize,
    /// What follows, and when.
    next: Option<(Micros, Image)>,
    /// The companion changes after the channel has.
    then: Option<CompanionSession>,
    turn: u64,
}

impl LineUp {
    fn new(
        groups: Groups,
        images: Vec<Image>,
        weather: Weather,
        ordered: Receiver<Order>,
        symbols: Arc<AtomicU64>,
    ) -> Self {
        let clock = Clock(Instant::now());
        let files = images.iter().map(|image| image.file(&groups)).collect();
        let wall = clock.now().1;
        let announce = AnnounceSession::new(FdtSettings::new(1), files, wall).unwrap();
        let (channel, companion, stores) = on_air(&groups, &images, wall);
        Self {
            groups,
            weather,
            slice_bytes: images[0].slice_bytes.into(),
            clock,
            ordered,
            symbols,
            announce: Some(announce),
            channel,
            companion,
            stores,
            due: 0,
            beside: Vec::new(),
            beside_at: 0,
            next: None,
            then: None,
            turn: 0,
        }
    }

    fn next(&mut self) -> Option<(Group, Vec<u8>)> {
        let (now, wall) = self.clock.now();
        self.turn += 1;
        self.obey(now, wall);
        if let Some(Step::Fdt(bytes)) = self.announce.as_mut().map(|one| one.next(now, wall)) {
            return Some((self.groups.announce, bytes));
        }
        if !self.beside.is_empty() && self.turn.is_multiple_of(4) {
            self.beside_at = (self.beside_at + 1) % self.beside.len();
            return Some(self.beside[self.beside_at].clone());
        }
        if self.due >= 1_000
            && let Some(companion) = &mut self.companion
        {
            match companion.next(now, wall) {
                Step::Fdt(bytes) => return Some((self.groups.companion, bytes)),
                Step::Datagram(datagram) => {
                    self.due -= 1_000;
                    return self.symbol(self.groups.companion, &datagram);
                }
                Step::CycleEnd | Step::Idle { .. } => {}
            }
        }
        match self.channel.next(now, wall) {
            Turn::Slice(datagram) => {
                self.due += self.weather.ratio;
                let sent = self.symbol(self.groups.channel, &datagram);
                let slice = datagram.body.start / self.slice_bytes;
                let held = self.weather.held_back.is_some_and(|nth| slice % nth == nth - 1);
                let sent = sent.filter(|_| !held);
                if let Some(then) = self.then.take() {
                    self.companion = Some(then);
                }
                sent
            }
            Turn::Description(bytes) => Some((self.groups.channel, bytes)),
            Turn::Nothing => None,
        }
    }

    fn symbol(&mut self, group: Group, datagram: &Datagram) -> Option<(Group, Vec<u8>)> {
        self.symbols.fetch_add(1, Ordering::Relaxed);
        let bytes = gather(datagram, &self.stores);
        (!self.weather.loses()).then_some((group, bytes))
    }

    fn obey(&mut self, now: Micros, wall: Micros) {
        match self.ordered.try_recv() {
            Ok(Order::Silence) => self.announce = None,
            Ok(Order::Release) => self.weather.held_back = None,
            Ok(Order::Revise(image)) => {
                let files = vec![image.file(&self.groups)];
                let announce = self.announce.as_mut().unwrap();
                announce.set_files(files, wall).unwrap();
                self.next = Some((now.after(Micros::from_millis(1_100)), *image));
            }
            Err(_) => {}
        }
        if self.next.as_ref().is_some_and(|(at, _)| *at <= now) && self.channel.between_cycles() {
            let (_, image) = self.next.take().unwrap();
            let (channel, companion, stores) = on_air(&self.groups, &[image], wall);
            let first_store = self.stores.len();
            // What is still sent of the old companion points into the old stores.
            assert!(companion.is_some() && first_store > 0);
            (self.channel, self.then, self.stores) = (channel, companion, stores);
            self.companion = None;
            self.weather.held_back = None;
        }
    }
}

type OnAir = (Channel, Option<CompanionSession>, Vec<Vec<u8>>);

/// The cores that send these objects, and their stores.
fn on_air(groups: &Groups, images: &[Image], wall: Micros) -> OnAir {
    let channel = Channel::of(images);
    let mut stores: Vec<_> = images.iter().map(|image| image.bytes.clone()).collect();
    let mut entries = Vec::new();
    for (number, image) in images.iter().enumerate().filter(|(_, image)| image.fec.is_some()) {
        let mut file = image.file(groups);
        file.announced.companion = None;
        let (entry, store) = image.flute(file, (number, stores.len()), 0);
        entries.push(entry);
        stores.push(store);
    }
    let settings = CompanionSettings {
        fdt: FdtSettings::new(TSI),
        symbols_per_1000_s: 1_000_000,
        share: Share::ALL,
    };
    let companion =
        (!entries.is_empty()).then(|| CompanionSession::new(settings, entries, wall).unwrap());
    (channel, companion, stores)
}

pub(super) fn gather(datagram: &Datagram, stores: &[Vec<u8>]) -> Vec<u8> {
    let body = datagram.body.start as usize..datagram.body.end as usize;
    let body = if body.is_empty() { &[] } else { &stores[datagram.object][body] };
    [&datagram.head[..], body, &datagram.tail[..]].concat()
}
