//! The FDT of a session as its sender repeats and renews it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use stbcast_object::Micros;

use crate::fdt::{File, Instance, limits};
use crate::ntp::{NtpSeconds, NtpTime};
use crate::packet::SymbolHead;
use crate::{EntryError, Extension, FdtId, Fti, PayloadId, Scheme};

/// Most symbols of a block: an instance of at most 65,535 bytes is one block.
const BLOCK_SYMBOLS: u32 = 1_024;

/// Least bytes of a symbol, so that one block is always enough.
const SYMBOL_BYTES_MIN: u16 = 64;

/// Bytes of header in front of a symbol of the FDT: LCT, EXT_FDT, EXT_TIME, EXT_FTI, payload id.
const FDT_HEAD_BYTES: usize = crate::lct::LCT_BYTES + 4 + 12 + 16 + 4;

/// Most files of an instance; a longer list is sent as several instances, which add up.
const FILES_PER_INSTANCE: usize = 64;

/// How a session sends its FDT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdtSettings {
    /// Transport Session Identifier.
    pub tsi: u32,
    /// Bytes of an instance in one datagram, 64 or more. 52 bytes of header stand in front.
    pub symbol_bytes: u16,
    /// Span from one pass to the next.
    pub period: Micros,
    /// Seconds from issue to expiry; after half of them the instance is renewed.
    pub lifetime_s: u32,
}

impl FdtSettings {
    /// Each second, valid for ten minutes, in datagrams of at most 1,452 bytes.
    pub const fn new(tsi: u32) -> Self {
        Self { tsi, symbol_bytes: 1_400, period: Micros::from_secs(1), lifetime_s: 600 }
    }
}

/// Repeats the description of a session's files and renews it before it expires.
#[derive(Clone, Debug)]
pub struct FdtSender {
    settings: FdtSettings,
    files: Vec<File>,
    instances: Vec<Encoded>,
    next_instance: u32,
    issued: Micros,
    due: Micros,
    at: Option<Cursor>,
}

#[derive(Clone, Debug)]
struct Encoded {
    instance: u32,
    fti: Fti,
    xml: Vec<u8>,
}

/// A place in the instances, and the symbol that comes next there.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    place: usize,
    symbol: u32,
}

impl FdtSender {
    /// A sender of `files` at `wall`, the time since the Unix epoch. The first instance number
    /// is made of that time, so that a restarted sender does not use a number that still lives.
    ///
    /// # Errors
    /// When a TOI is zero or stands there twice, or the settings are not legal.
    pub fn new(settings: FdtSettings, files: Vec<File>, wall: Micros) -> Result<Self, EntryError> {
        let symbol_bytes = settings.symbol_bytes;
        if symbol_bytes < SYMBOL_BYTES_MIN || settings.lifetime_s < 2 {
            return Err(EntryError::Fdt { symbol_bytes, lifetime_s: settings.lifetime_s });
        }
        check_tois(&files)?;
        let next_instance = u32::try_from(wall.0 / 1_000_000 % (1 << 20)).unwrap_or_default();
        let mut sender = Self {
            settings,
            files,
            instances: Vec::new(),
            next_instance,
            issued: wall,
            due: Micros::ZERO,
            at: None,
        };
        sender.issue(wall);
        Ok(sender)
    }

    /// The session's files change; the new description is sent at once.
    ///
    /// # Errors
    /// As [`FdtSender::new`]; the old files stay then.
    pub fn set_files(&mut self, files: Vec<File>, wall: Micros) -> Result<(), EntryError> {
        check_tois(&files)?;
        self.files = files;
        self.issue(wall);
        (self.at, self.due) = (None, Micros::ZERO);
        Ok(())
    }

    /// The files described.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// How the FDT is sent.
    pub const fn settings(&self) -> &FdtSettings {
        &self.settings
    }

    /// When the next datagram is due.
    pub const fn due(&self) -> Micros {
        self.due
    }

    /// Datagrams of one pass.
    pub fn datagrams(&self) -> u64 {
        self.instances.iter().map(|encoded| u64::from(encoded.fti.symbols())).sum()
    }

    /// Bytes of IP of one pass, with `ip_udp_bytes` of IP and UDP header each datagram.
    pub fn ip_bytes(&self, ip_udp_bytes: usize) -> u64 {
        let headers = self.datagrams() * (FDT_HEAD_BYTES + ip_udp_bytes) as u64;
        headers + self.instances.iter().map(|encoded| encoded.xml.len() as u64).sum::<u64>()
    }

    /// Bits of IP per second that repeating it takes.
    pub fn bits_per_second(&self, ip_udp_bytes: usize) -> u64 {
        self.per_second(self.ip_bytes(ip_udp_bytes))
    }

    /// Bits per second of so many bytes in each pass.
    pub(crate) fn per_second(&self, bytes: u64) -> u64 {
        let bits = u128::from(bytes) * 8_000_000;
        u64::try_from(bits / u128::from(self.settings.period.0.max(1))).unwrap_or(u64::MAX)
    }

    /// Whether no pass is under way.
    pub(crate) const fn is_between_passes(&self) -> bool {
        self.at.is_none()
    }

    /// The next datagram, if one is due at `now`; `wall` is the time since the Unix epoch.
    pub fn next(&mut self, now: Micros, wall: Micros) -> Option<Vec<u8>> {
        if self.at.is_none() {
            if now < self.due {
                return None;
            }
            // A clock that was set far back must not leave descriptions valid for years.
            let half = Micros::from_secs(u64::from(self.settings.lifetime_s) / 2);
            if wall.since(self.issued) >= half || wall < self.issued {
                self.issue(wall);
            }
            self.due = now.after(self.settings.period);
        }
        let mut cursor = self.at.take().unwrap_or_default();
        let encoded = self.instances.get(cursor.place)?;
        let datagram = self.datagram(encoded, cursor.symbol, wall);
        cursor.symbol += 1;
        if cursor.symbol >= encoded.fti.symbols() {
            cursor = Cursor { place: cursor.place + 1, symbol: 0 };
        }
        self.at = (cursor.place < self.instances.len()).then_some(cursor);
        Some(datagram)
    }

    fn datagram(&self, encoded: &Encoded, symbol: u32, wall: Micros) -> Vec<u8> {
        let id = FdtId { version: 2, instance: encoded.instance };
        let extensions = [Extension::Fdt(id), Extension::Time(NtpTime::from_unix(wall))];
        let head = SymbolHead::new(self.settings.tsi, 0, encoded.fti, &extensions);
        let mut bytes = head.with(PayloadId { block: 0, symbol }).to_vec();
        let range = encoded.fti.source_range(symbol);
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        bytes.extend_from_slice(encoded.xml.get(start..end).unwrap_or_default());
        bytes
    }

    /// Goes on air at `wall` in place of `before`: no instance number comes twice, and what was
    /// made earlier has its whole life before it.
    pub(crate) fn begin(&mut self, before: Option<&Self>, wall: Micros) {
        if let Some(before) = before {
            self.next_instance = before.next_instance;
        }
        self.issue(wall);
        (self.due, self.at) = (Micros::ZERO, None);
    }

    /// Writes the instances anew under new numbers.
    fn issue(&mut self, wall: Micros) {
        let expires_unix_s = wall.0 / 1_000_000 + u64::from(self.settings.lifetime_s);
        let expires = NtpSeconds::from_unix(expires_unix_s);
        let mut documents = Vec::new();
        for files in self.files.chunks(FILES_PER_INSTANCE) {
            write(expires, files, &mut documents);
        }
        if documents.is_empty() {
            write(expires, &[], &mut documents);
        }
        self.instances.clear();
        for xml in documents {
            let scheme = Scheme::NoCode { block_symbols: BLOCK_SYMBOLS };
            let Ok(fti) = Fti::new(scheme, xml.len() as u64, self.settings.symbol_bytes) else {
                continue;
            };
            self.instances.push(Encoded { instance: self.next_instance, fti, xml });
            self.next_instance = (self.next_instance + 1) & FdtId::INSTANCE_MAX;
        }
        self.issued = wall;
    }
}

/// Writes files as one document, or as two halves where that is too long.
fn write(expires: NtpSeconds, files: &[File], documents: &mut Vec<Vec<u8>>) {
    let xml = Instance::new(expires, files.to_vec()).write();
    if xml.len() <= limits::INSTANCE_BYTES_SENT_MAX || files.len() < 2 {
        documents.push(xml.into_bytes());
        return;
    }
    let (front, back) = files.split_at(files.len() / 2);
    write(expires, front, documents);
    write(expires, back, documents);
}

fn check_tois(files: &[File]) -> Result<(), EntryError> {
    let mut tois = BTreeSet::new();
    for file in files {
        let toi = u32::try_from(file.toi).unwrap_or_default();
        if toi == 0 || !tois.insert(toi) {
            return Err(EntryError::Toi { toi: file.toi });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Event, Session};
    use core::net::{IpAddr, Ipv4Addr};

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const START: Micros = Micros::from_secs(1_790_000_000);

    fn files(count: u32) -> Vec<File> {
        (1..=count).map(|toi| File::new(&alloc::format!("file-{toi}"), toi).unwrap()).collect()
    }

    fn sender(count: u32) -> FdtSender {
        let settings = FdtSettings { symbol_bytes: 200, ..FdtSettings::new(9) };
        FdtSender::new(settings, files(count), START).unwrap()
    }

    fn pass(sender: &mut FdtSender, now: Micros) -> Vec<Vec<u8>> {
        let wall = START.after(now);
        core::iter::from_fn(|| sender.next(now, wall)).collect()
    }

    #[test]
    fn it_comes_each_second_and_a_box_that_missed_a_part_completes_it_in_the_next() {
        let mut sender = sender(10);
        let mut session = Session::new(Some(9));
        let first = pass(&mut sender, Micros::ZERO);
        assert_eq!(first.len() as u64, sender.datagrams());
        assert!(first.len() > 2 && pass(&mut sender, Micros::from_millis(999)).is_empty());
        for datagram in first.iter().skip(1) {
            assert_eq!(session.push(HOST, datagram, Some(START)), Ok(Event::FdtPart));
        }
        let second = pass(&mut sender, Micros::from_secs(1));
        let event = session.push(HOST, &second[0], Some(START)).unwrap();
        assert!(matches!(event, Event::Described(merged) if merged.new == 10));
        assert_eq!(session.table().by_location("file-3").unwrap().0.toi, 3);
    }

    #[test]
    fn it_is_renewed_at_half_its_life_under_the_next_number() {
        let mut sender = sender(1);
        let mut seen = Vec::new();
        for second in 0..1_000 {
            let now = Micros::from_secs(second);
            for datagram in pass(&mut sender, now) {
                let mut session = Session::default();
                let wall = Some(START.after(now).after(Micros::from_secs(299)));
                session.push(HOST, &datagram, wall).unwrap_or(Event::FdtPart);
                seen.push(crate::Packet::parse(&datagram).unwrap().fdt().unwrap().instance);
            }
        }
        seen.dedup();
        let first = (1_790_000_000u64 % (1 << 20)) as u32;
        assert_eq!(seen, [first, first + 1, first + 2, first + 3]);
    }

    #[test]
    fn what_is_sent_never_has_less_than_half_its_life_before_it() {
        let mut sender = sender(1);
        for second in 0..2_000 {
            let now = Micros::from_secs(second);
            let mut session = Session::new(None);
            let wall = START.after(now).after(Micros::from_secs(300));
            let taken = pass(&mut sender, now).iter().any(|datagram| {
                matches!(session.push(HOST, datagram, Some(wall)), Ok(Event::Described(_)))
            });
            assert!(taken, "second {second}");
        }
    }

    #[test]
    fn a_long_list_becomes_several_instances_that_add_up() {
        let mut sender = sender(200);
        let mut session = Session::new(None);
        for datagram in pass(&mut sender, Micros::ZERO) {
            session.push(HOST, &datagram, Some(START)).unwrap();
        }
        assert_eq!((session.table().len(), session.stats().instances), (200, 4));
        assert!(sender.instances.iter().all(|one| one.xml.len() <= 65_535));
    }

    #[test]
    fn new_files_are_sent_at_once_and_bad_ones_change_nothing() {
        let mut sender = sender(1);
        pass(&mut sender, Micros::ZERO);
        let twice = [files(1), files(1)].concat();
        assert!(sender.set_files(twice, START).is_err());
        assert!(pass(&mut sender, Micros::ZERO).is_empty());
        sender.set_files(files(2), START).unwrap();
        assert!(!pass(&mut sender, Micros::ZERO).is_empty());
        assert_eq!(sender.files().len(), 2);
    }

    #[test]
    fn numbers_wrap_behind_twenty_bits() {
        let mut sender = sender(1);
        sender.next_instance = FdtId::INSTANCE_MAX;
        sender.issue(START);
        sender.issue(START);
        assert_eq!(sender.instances[0].instance, 0);
    }
}
