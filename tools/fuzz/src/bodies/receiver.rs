//! Operations on the sessions of a box, read from the bytes.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use stbcast_bootcast::{BootcastInfo, ImageRef, Part, TEXT_BYTES_MAX};
use stbcast_infocast::{Check, Coverage, Name, Packet, Precoding};
use stbcast_object::{Group, Micros};
use stbcast_receiver::limits::{
    LISTED_OBJECTS_MAX, LISTED_SENDERS_MAX, PARKED_SLICES_MAX, PARKING_BYTES,
};
use stbcast_receiver::{
    Area, Boot, BootOptions, BootReport, Census, ChannelDecoder, Event, Fetch, FetchError,
    FetchOptions, Input, MemoryStorage, Output, PartOutcome, Role, Session, Stats, Storage, Target,
    drive,
};

use super::{RIVAL, SENDER, Script, Sent, channel, noise, wanted};

/// Any datagrams from any senders to a census: what it keeps is bounded, and nothing goes uncounted.
pub fn census_ops(data: &[u8]) {
    let mut script = Script(data);
    let (mut census, mut now, mut heard) = (Census::default(), Micros::ZERO, 0u64);
    while let Some(kind) = script.byte() {
        let (from, before) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, kind & 0x0f)), heard);
        let mut observe = |datagram: &[u8], span: u64| {
            now = now.after(Micros(span));
            census.observe(now, from, datagram, 28);
            heard += 1;
        };
        match kind >> 4 {
            // A crowd of names.
            15 => (0..40u64).for_each(|n| {
                let name = Name::new(&format!("crowd.{before}.{n}")).expect("a name");
                observe(&Sent::plain(name, Vec::new()).packet(1, 2, b"x"), n);
            }),
            // Packet and total are taken from the script, so that passes and periods come about.
            high @ 8..15 => {
                let (number, total) = (script.byte().unwrap_or(1), script.byte().unwrap_or(1));
                let name = Name::new(&format!("object.{high}")).expect("a name");
                let precoding = Precoding(u16::from(number >> 6));
                let object = Sent { precoding, ..Sent::plain(name, Vec::new()) };
                let (number, total) = (u32::from(number & 0x3f), u32::from(total));
                observe(&object.packet(number, total, script.block()), 1_000);
            }
            // The clock may even go backwards.
            7 => now = Micros(u64::from(script.byte().unwrap_or(0)) << 56),
            _ => observe(script.block(), 100),
        }
    }
    let mut counted = census.other_names() + census.stats().rejected_total();
    assert!(census.objects().count() <= LISTED_OBJECTS_MAX);
    for (_, object) in census.objects() {
        assert!((1..=LISTED_SENDERS_MAX).contains(&object.senders.len()));
        let longest = u64::from(object.revision.total) * Packet::BYTES_MAX as u64;
        assert!(object.length().is_none_or(|length| length <= longest));
        assert!(object.cycle().is_none_or(|cycle| cycle <= Micros::NEVER));
        counted += object.datagrams;
    }
    assert_eq!((counted, census.stats().datagrams), (heard, heard));
    let _ = census.bit_rate_bps(census.span());
}

/// A fetch while two honest revisions are on air one after the other, among loss, duplicates,
/// forgeries, silence and failing storage. See [`Air::assert_committed`] for what may be committed;
/// [`Rig`] and [`Watched`] hold what every session keeps to.
pub fn fetch_ops(data: &[u8]) {
    let mut script = Script(data);
    let mut air = Air::new(&mut script);
    let options = FetchOptions {
        source: air.pinned.then_some(SENDER),
        length_max: air.length_max,
        ..FetchOptions::default()
    };
    let target = Target::infocast(channel(2), wanted());
    let mut rig = Rig::new(Fetch::new(target, options), air.length_max);
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        match op % 8 {
            0 => (0..=n % 64).for_each(|_| air.play(&mut rig)),
            1 => (0..=n % 64).for_each(|_| air.lose(&mut rig)),
            2 => air.change_due = true,
            3 => (0..=n % 12).for_each(|_| rig.hear(SENDER, &air.last)),
            4 => air.forge(n, &mut script, &mut rig),
            5 => air.strange(SENDER, script.block(), &mut rig),
            6 => rig.pass_time(n),
            _ => rig.storage.fail_later(n, script.byte().unwrap_or(0)),
        }
        air.assert_committed(&rig);
        assert_counted(rig.session.stats());
    }
    // An honest channel is enough, whatever came before.
    if !(air.forged || air.misled) {
        rig.storage.fault = (0, 0);
        // A change that is due comes with the next pass: five of the longer revision are enough.
        let longest = air.revisions.iter().map(|revision| revision.slices.len()).max().unwrap_or(0);
        (0..6 * longest).for_each(|_| air.play(&mut rig));
        assert!(rig.is_over(), "five passes without loss did not complete the object");
        air.assert_committed(&rig);
    }
    rig.assert_ends(8);
    assert_eq!(rig.completed, rig.storage.commits == 1, "completed means committed");
    assert!(rig.storage.commits <= 1);
}

/// A boot whose control object is taken from the input. Only roles reach the storage, only channels
/// that the control object names are joined, and the report tells what happened.
pub fn boot_ops(data: &[u8]) {
    let mut script = Script(data);
    let flags = script.byte().unwrap_or(0);
    let length = usize::from(script.byte().unwrap_or(0)) * 8;
    let text = script.take(length);
    let control = Sent::cut(wanted(), text, 64, false);
    let info = BootcastInfo::parse(text).ok();
    let mut options = BootOptions { length_max: 4_096, ..BootOptions::new(channel(2), wanted()) };
    options.diagnostic = flags & 1 != 0;
    options.source = (flags & 2 != 0).then_some(SENDER);
    options.stored.kernel = (flags & 4 != 0).then(|| "4.6".to_owned());
    options.stored.splash = (flags & 8 != 0).then(|| "1".to_owned());
    options.attempts = 1 + (flags >> 4) % 3;
    let unequal = flags & 0x40 != 0;

    let mut rig = Rig::new(Boot::new(options), 4_096);
    let mut forged = false;
    while let (Some(op), Some(n)) = (script.byte(), script.byte()) {
        let Some(joined) = rig.joined else { break };
        match op % 8 {
            // A pass of everything on the channel joined; the bits of `n` are lost.
            0..4 => {
                let on_air = on_air(joined, &control, info.as_ref(), unequal);
                let lost = if op % 8 == 0 { n } else { 0 };
                for (index, datagram) in on_air.iter().flat_map(Sent::pass).enumerate() {
                    if lost >> (index % 8) & 1 == 0 && rig.joined == Some(joined) {
                        rig.hear(SENDER, &datagram);
                    }
                }
            }
            4 => {
                forged = true;
                rig.hear([SENDER, RIVAL][usize::from(n & 1)], script.block());
            }
            5 => rig.storage.fail_later(n, script.byte().unwrap_or(0)),
            _ => rig.pass_time(n),
        }
        if let (Some(group), false) = (rig.joined, forged) {
            let named = Part::ALL.iter().filter_map(|part| info.as_ref()?.part(*part));
            let mut legal = named.map(|image| image.group).chain([channel(2)]);
            assert!(legal.any(|legal| legal == group), "nobody named {group}");
        }
    }
    rig.assert_ends(64);
    let committed = rig.storage.memory.committed(Role::Control);
    assert!(forged || committed.is_none_or(|committed| committed.bytes == text));
    assert!(rig.storage.memory.committed(Role::Object).is_none(), "a boot has no such object");
    let report = rig.report.as_ref().expect("a boot ends with a report");
    Part::ALL.iter().for_each(|part| assert_outcome(*part, report, &rig.storage, forged, unequal));
}

/// What the report says of a part is what the storage saw.
fn assert_outcome(part: Part, report: &BootReport, storage: &Watched, forged: bool, unequal: bool) {
    let role = Role::Part(part);
    let committed = storage.memory.committed(role);
    if let PartOutcome::Installed { version, length, .. } = report.part(part) {
        let committed = committed.expect("installed means committed");
        assert_eq!(committed.version.as_ref(), Some(version));
        assert_eq!(committed.bytes.len() as u64, *length);
        assert!(forged || committed.bytes == image_on_air(unequal).concat());
    } else {
        assert!(committed.is_none(), "committed, but the report does not say so");
    }
    if matches!(report.part(part), PartOutcome::Failed(FetchError::Storage { .. })) {
        assert!(storage.failed_for.contains(&role), "the storage of {part:?} never failed");
    }
}

/// What an honest line-up sends on `group`.
fn on_air(group: Group, control: &Sent, info: Option<&BootcastInfo>, unequal: bool) -> Vec<Sent> {
    let mut on_air: Vec<Sent> =
        (group == channel(2)).then(|| control.clone()).into_iter().collect();
    for part in Part::ALL {
        let Some(ImageRef { group: at, name, .. }) = info.and_then(|info| info.part(part)) else {
            continue;
        };
        let known = |name| on_air.iter().any(|sent| sent.name == name);
        if let (true, Ok(name)) = (*at == group, Name::new(name))
            && !known(name)
        {
            on_air.push(Sent::plain(name, image_on_air(unequal)));
        }
    }
    on_air
}

fn image_on_air(unequal: bool) -> Vec<Vec<u8>> {
    Sent::cut(wanted(), &noise(3, 600), 64, unequal).slices
}

/// A channel whose sender plays one revision, and from some pass on another. It changes between two
/// passes only, as senders do.
struct Air {
    revisions: [Sent; 2],
    on_air: usize,
    next: usize,
    change_due: bool,
    /// Datagram heard last.
    last: Vec<u8>,
    /// Which revisions were heard.
    heard: [bool; 2],
    /// Slices lost in a row.
    lost_run: usize,
    /// So many were lost in a row that a slice of a later pass may look like one of the same.
    lost: bool,
    /// A forgery could be taken for the object.
    forged: bool,
    /// A stranger's trailer may have misled the learner, which makes it drop honest slices.
    misled: bool,
    pinned: bool,
    length_max: u64,
}

impl Air {
    fn new(script: &mut Script<'_>) -> Self {
        let flags = script.byte().unwrap_or(0);
        let mut number =
            |from: usize, to| from + usize::from(script.byte().unwrap_or(0)) % (to - from);
        let (slice_bytes, totals) = (number(8, 64), [number(1, 48), number(1, 48)]);
        let (odd, start) = (number(0, 64), number(0, 48));
        let crc32 = Check::default_for(4).expect("a default");
        let crc16 = Check::default_for(2).expect("a default");
        let (precoding, trailer) = match flags & 3 {
            0 => (Precoding::NONE, None),
            1 => (Precoding::CRC32, Some(crc32)),
            2 => (Precoding::CRC32_OIS, Some(Check { coverage: Coverage::Object, ..crc32 })),
            _ => (Precoding::CRC16, Some(Check { coverage: Coverage::Header, ..crc16 })),
        };
        let sent = |seed, total: usize| {
            let length = total * slice_bytes - odd % slice_bytes;
            let cut = Sent::cut(wanted(), &noise(seed, length), slice_bytes, flags & 8 != 0);
            Sent { precoding, trailer, ..cut }
        };
        let same_total = flags & 16 == 0;
        let revisions = [sent(1, totals[0]), sent(2, totals[usize::from(!same_total)])];
        let longest = revisions.iter().map(|sent| sent.slices.concat().len()).max();
        let exactly = longest.map_or(0, |length| length as u64);
        Self {
            on_air: 0,
            next: start % revisions[0].slices.len(),
            change_due: false,
            last: Vec::new(),
            heard: [false; 2],
            lost_run: 0,
            lost: false,
            forged: false,
            misled: false,
            pinned: flags & 4 != 0,
            length_max: if flags & 32 == 0 { 1 << 16 } else { exactly },
            revisions,
        }
    }

    /// The next datagram the sender sends.
    fn send(&mut self) -> Vec<u8> {
        let sent = &self.revisions[self.on_air];
        let datagram = sent.datagram(self.next);
        self.next = (self.next + 1) % sent.slices.len();
        if self.next == 0 && self.change_due {
            self.on_air = 1;
        }
        datagram
    }

    fn play(&mut self, rig: &mut Rig<Fetch<Range<usize>>>) {
        self.heard[self.on_air] = true;
        self.lost_run = 0;
        self.last = self.send();
        rig.hear(SENDER, &self.last);
    }

    fn lose(&mut self, rig: &mut Rig<Fetch<Range<usize>>>) {
        let half = self.revisions[self.on_air].slices.len() / 2;
        self.lost_run += 1;
        self.lost |= self.heard != [false; 2] && self.lost_run + 1 >= half;
        self.send();
        rig.now = rig.now.after(Micros::from_millis(1));
    }

    /// A datagram with fields from the script, most of them those of the honest sender.
    fn forge(&mut self, n: u8, script: &mut Script<'_>, rig: &mut Rig<Fetch<Range<usize>>>) {
        let mut word = || {
            u32::from_be_bytes([
                0,
                script.byte().unwrap_or(0),
                script.byte().unwrap_or(0),
                script.byte().unwrap_or(0),
            ])
        };
        let honest = &self.revisions[self.on_air];
        let mut forgery = honest.clone();
        if n & 1 != 0 {
            forgery.precoding = Precoding((word() & 0xffff) as u16);
        }
        let total = if n & 2 != 0 { word() } else { honest.slices.len() as u32 };
        let number = if n & 4 != 0 { word() } else { self.next as u32 + 1 };
        let length = if n & 8 != 0 { word() as usize % 5_000 } else { honest.slices[0].len() };
        if n & 16 != 0 {
            forgery.trailer = None;
        }
        if n & 32 != 0 {
            forgery.name = Name::new("stranger").expect("a name");
        }
        let datagram = forgery.packet(number, total, &vec![n; length]);
        self.strange([SENDER, RIVAL][usize::from(n >> 7)], &datagram, rig);
    }

    /// A datagram that the honest sender did not send.
    fn strange(&mut self, from: IpAddr, datagram: &[u8], rig: &mut Rig<Fetch<Range<usize>>>) {
        if let Ok(packet) = Packet::parse(datagram) {
            let heard = !self.pinned || from == SENDER;
            self.forged |= packet.header().name == wanted() && heard;
            self.misled |= !packet.trailer().is_empty();
        }
        rig.hear(from, datagram);
    }

    /// What may be committed, unless a forgery could be taken for the object: one revision as it
    /// was sent. Only where both have the same outline and half a pass was lost in a row can nobody
    /// tell them apart, because Infocast carries no digest; but even then each slice is one that
    /// was sent, at its place.
    fn assert_committed(&self, rig: &Rig<Fetch<Range<usize>>>) {
        let Some(committed) = rig.storage.memory.committed(Role::Object) else { return };
        assert!(committed.bytes.len() as u64 <= self.length_max);
        if self.forged {
            return;
        }
        let [old, new] = &self.revisions;
        let alike = old.slices.len() == new.slices.len();
        let cannot_tell = alike && self.heard == [true; 2] && (self.lost || self.misled);
        let whole = |sent: &Sent| sent.slices.concat() == committed.bytes;
        if !cannot_tell {
            assert!(whole(old) || whole(new), "two revisions were mixed");
            return;
        }
        let mut ends = BTreeSet::from([0]);
        for pair in old.slices.iter().zip(&new.slices) {
            let place = |start: &usize| {
                let (start, rest) = (*start, committed.bytes.get(*start..).unwrap_or_default());
                let fits =
                    [pair.0, pair.1].into_iter().filter(move |slice| rest.starts_with(slice));
                fits.map(move |slice| start + slice.len())
            };
            ends = ends.iter().flat_map(place).collect();
        }
        assert!(ends.contains(&committed.bytes.len()), "a slice that nobody sent was committed");
    }
}

/// Every datagram ends in one counter, but those that wait in the parking area.
fn assert_counted(stats: &Stats) {
    let counted = stats.wanted() + stats.foreign + stats.rejected_total();
    let waiting = stats.datagrams.checked_sub(counted).expect("a datagram is counted twice");
    assert!(waiting <= 2 * PARKED_SLICES_MAX as u64, "{waiting} datagrams are in no counter");
}

/// A session with its storage and its clock. One channel is joined at a time, and once the session
/// has ended none; it ends once.
struct Rig<S> {
    session: S,
    storage: Watched,
    now: Micros,
    joined: Option<Group>,
    decoder: ChannelDecoder,
    ended: bool,
    completed: bool,
    report: Option<BootReport>,
}

impl<S: Session<Range<usize>>> Rig<S> {
    fn new(session: S, length_max: u64) -> Self {
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

    fn input(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) {
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

    fn hear(&mut self, from: IpAddr, datagram: &[u8]) {
        self.now = self.now.after(Micros::from_millis(1));
        let input = match self.decoder.decode(from, datagram) {
            Ok(arrival) => Input::Arrival(arrival),
            Err(reject) => Input::Rejected(datagram.len(), reject.into()),
        };
        self.input(input, datagram);
    }

    /// Until the session wants to be woken, or some time less.
    fn pass_time(&mut self, n: u8) {
        let early = self.now.after(Micros::from_millis(100 * u64::from(n)));
        let wanted = self.session.wake_at().unwrap_or(early);
        self.now = if n.is_multiple_of(4) { wanted.max(self.now) } else { early };
        self.input(Input::Wake, &[]);
    }

    /// Left alone, the session ends.
    fn assert_ends(&mut self, wakes: usize) {
        (0..wakes).for_each(|_| self.pass_time(0));
        assert!(self.is_over(), "it waits for ever");
    }

    fn is_over(&self) -> bool {
        self.session.is_over()
    }
}

/// Storage in memory that fails when told to. It sees that nothing lies outside the areas and the
/// limits, that nothing is read that was not written, and that only what is durable is committed.
pub(super) struct Watched {
    memory: MemoryStorage,
    length_max: u64,
    /// After so many operations, so many fail.
    fault: (u8, u8),
    role: Option<Role>,
    /// It could not begin, and nothing that follows succeeds.
    broken: bool,
    failed: bool,
    failed_for: HashSet<Role>,
    synced: bool,
    commits: u32,
}

/// An operation failed as it was told to.
pub(super) struct Fault;

impl Watched {
    pub(super) fn new(length_max: u64) -> Self {
        Self {
            memory: MemoryStorage::default(),
            length_max,
            fault: (0, 0),
            role: None,
            broken: false,
            failed: false,
            failed_for: HashSet::new(),
            synced: false,
            commits: 0,
        }
    }

    /// What was committed last under a role.
    pub(super) fn committed(&self, role: Role) -> Option<&[u8]> {
        self.memory.committed(role).map(|committed| committed.bytes.as_slice())
    }

    pub(super) fn fail_later(&mut self, after: u8, times: u8) {
        self.fault = (after % 64, times % 8);
    }

    fn length_max(&self) -> u64 {
        if self.role == Some(Role::Control) { TEXT_BYTES_MAX as u64 } else { self.length_max }
    }

    fn assert_inside(&self, area: Area, offset: u64, length: u64) {
        let most = if area == Area::Parking { PARKING_BYTES as u64 } else { self.length_max() };
        assert!(offset.saturating_add(length) <= most, "{area:?} {offset}+{length} of {most}");
    }

    fn step(&mut self) -> Result<(), Fault> {
        let (after, times) = self.fault;
        let due = after == 0 && times > 0;
        self.fault = (after.saturating_sub(1), times - u8::from(due));
        if due || self.broken {
            self.failed = true;
            self.failed_for.extend(self.role);
            return Err(Fault);
        }
        Ok(())
    }

    /// After a failure anything may be missing; before it, nothing.
    fn done<E>(&self, done: Result<(), E>) -> Result<(), Fault> {
        assert!(done.is_ok() || self.failed, "an operation that no storage could carry out");
        done.map_err(|_| Fault)
    }
}

impl Storage for Watched {
    type Error = Fault;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Fault> {
        assert_eq!(version.is_some(), matches!(role, Role::Part(_)), "parts alone have versions");
        (self.role, self.synced) = (Some(role), false);
        (self.failed, self.broken) = (false, false);
        let _ = self.memory.begin(role, version);
        let begun = self.step();
        self.broken = begun.is_err();
        begun
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.assert_inside(area, offset, bytes.len() as u64);
        assert!(self.role.is_some() && !self.synced, "written when nothing is open");
        self.step()?;
        let done = self.memory.write(area, offset, bytes);
        self.done(done)
    }

    fn read(&mut self, area: Area, at: u64, length: u64, into: &mut Vec<u8>) -> Result<(), Fault> {
        self.assert_inside(area, at, length);
        self.step()?;
        let done = self.memory.read(area, at, length, into);
        self.done(done)
    }

    fn sync(&mut self, length: u64) -> Result<(), Fault> {
        self.assert_inside(Area::Slot, 0, length);
        self.step()?;
        self.synced = true;
        let done = self.memory.sync(length);
        self.done(done)
    }

    fn commit(&mut self) -> Result<(), Fault> {
        assert!(self.synced && !self.failed, "committed what is not whole or not durable");
        self.step()?;
        self.commits += 1;
        let done = self.memory.commit();
        self.done(done)
    }
}
