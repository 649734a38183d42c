//! What a slot holds after a restart: the journal as a hint, each record compared with the slot.

use alloc::vec::Vec;
use core::ops::Range;

use sha2::{Digest, Sha256};
use stbcast_bootcast::Part;
use stbcast_release::{Check, on};

use super::checksum::Crc;
use super::journal::{
    self, HEADER_BYTES, Header, JOURNAL_RECORDS_MAX, RECORD_BYTES, Record, bytes, merged,
};
use super::medium::{BootControl, Place, Slots};
use super::{Bank, Banks, BanksError, Stored};
use crate::{Content, limits};

/// Most bytes that one record of a journal speaks of, about: what a damage costs.
const RECORD_SPAN_BYTES: u64 = 256 * 1024;

/// Records written at a time.
const RECORDS_AT_ONCE: usize = 4_096;

/// The part that is received.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) bank: Bank,
    pub(super) part: Part,
    pub(super) journal: Option<Open>,
}

impl Current {
    pub(super) const fn slot(&self) -> Place {
        Place::Slot(self.bank, self.part)
    }

    pub(super) const fn place(&self) -> Place {
        Place::Journal(self.bank, self.part)
    }
}

/// A journal that is written on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) header: Header,
    /// Cells used so far.
    records: u32,
}

/// A SHA-256 of what comes piece by piece.
#[derive(Clone, Default)]
pub(super) struct Digesting(Sha256);

impl Digesting {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// What a journal said of its slot, and what was true of it.
struct Told {
    open: Open,
    held: Vec<Range<u32>>,
    /// It was whole once.
    whole: bool,
}

impl<M: Slots + BootControl> Banks<M> {
    /// Prepares a slot for a content, and tells which of its symbols are there already.
    pub(super) fn prepare(
        &mut self,
        part: Part,
        content: Content,
    ) -> Result<Vec<Range<u32>>, BanksError<M::Error>> {
        let bank = self.claim()?;
        let mut current = Current { bank, part, journal: None };
        let all = 0..journal::symbols(&content);
        let stored = Stored { length: content.length, sha256: content.sha256 };
        let told = self.told(&current, content)?;
        if let Some(Told { open, whole: true, .. }) = &told
            && self.holds(current.slot(), &stored).unwrap_or(false)
        {
            current.journal = Some(*open);
            self.current = Some(current);
            return Ok(merged(alloc::vec![all]));
        }
        let has_active = self.state.bank(bank.other()).and_then(|other| other.part(part));
        // What is damaged there must not cost what was received here.
        let from = Place::Slot(bank.other(), part);
        if has_active == Some(stored)
            && self.holds(from, &stored).unwrap_or(false)
            && self.copied(&mut current, content)?
        {
            self.current = Some(current);
            return Ok(merged(alloc::vec![all]));
        }
        let held = match told.filter(|_| current.journal.is_none()) {
            Some(told) => {
                current.journal = Some(told.open);
                told.held
            }
            None => {
                self.clear(&mut current, Some(content), content.length)?;
                Vec::new()
            }
        };
        self.current = Some(current);
        Ok(held)
    }

    /// Empties a slot and begins its journal, where its content is known.
    pub(super) fn clear(
        &mut self,
        current: &mut Current,
        content: Option<Content>,
        length: u64,
    ) -> Result<(), BanksError<M::Error>> {
        current.journal = None;
        let place = current.place();
        self.medium.erase(place, 0)?;
        self.medium.sync(place)?;
        self.medium.erase(current.slot(), length)?;
        if let Some(content) = content {
            let header = Header::new(content);
            self.medium.write(place, 0, &header.encode())?;
            self.medium.sync(place)?;
            current.journal = Some(Open { header, records: 0 });
        }
        Ok(())
    }

    /// Copies a part that the active bank has; whether it is what it should be.
    fn copied(
        &mut self,
        current: &mut Current,
        content: Content,
    ) -> Result<bool, BanksError<M::Error>> {
        self.clear(current, Some(content), content.length)?;
        let from = Place::Slot(current.bank.other(), current.part);
        let (mut hash, mut piece, mut offset) = (Digesting::default(), Vec::new(), 0);
        while offset < content.length {
            let length = (content.length - offset).min(limits::READ_BACK_BYTES);
            piece.clear();
            if self.read_all(from, offset, length, &mut piece).is_err() {
                break;
            }
            hash.update(&piece);
            self.medium.write(current.slot(), offset, &piece)?;
            offset += length;
        }
        if hash.finish() != content.sha256 {
            self.clear(current, Some(content), content.length)?;
            return Ok(false);
        }
        self.medium.set_length(current.slot(), content.length)?;
        self.medium.sync(current.slot())?;
        self.append(current, &[Record::Whole])?;
        Ok(true)
    }

    /// What the journal of a slot says of this content; `None` where it is of another one.
    fn told(
        &mut self,
        current: &Current,
        content: Content,
    ) -> Result<Option<Told>, BanksError<M::Error>> {
        let mut head = Vec::new();
        self.read_some(current.place(), 0, HEADER_BYTES as u64, &mut head)?;
        let Some(header) = Header::decode(&head).filter(|header| header.content == content) else {
            return Ok(None);
        };
        let mut told = Told { open: Open { header, records: 0 }, held: Vec::new(), whole: false };
        let (mut cells, mut first) = (Vec::new(), 0);
        while first < JOURNAL_RECORDS_MAX {
            cells.clear();
            let length = (RECORDS_AT_ONCE * RECORD_BYTES) as u64;
            self.read_some(current.place(), offset_of(first), length, &mut cells)?;
            for (at, cell) in (first..JOURNAL_RECORDS_MAX).zip(cells.chunks(RECORD_BYTES)) {
                // What erased flash reads as is not used yet.
                if cell.iter().any(|byte| *byte != 0xff) {
                    told.open.records = at + 1;
                }
                match header.read(cell) {
                    Some(Record::Whole) => told.whole = true,
                    Some(Record::Symbols { symbols, crc })
                        if self.has(current.slot(), &content, &symbols, crc) =>
                    {
                        told.held.push(symbols);
                    }
                    _ => {}
                }
            }
            if (cells.len() as u64) < length {
                break;
            }
            first = first.saturating_add(RECORDS_AT_ONCE as u32);
        }
        told.held = merged(told.held);
        Ok(Some(told))
    }

    /// Whether the slot has these symbols. What cannot be read is not there.
    fn has(&mut self, slot: Place, content: &Content, symbols: &Range<u32>, crc: u32) -> bool {
        let found = self.crc_of(slot, content, symbols);
        found.is_ok_and(|found| found == crc || !on(Check::JournalData))
    }

    fn crc_of(
        &mut self,
        slot: Place,
        content: &Content,
        symbols: &Range<u32>,
    ) -> Result<u32, BanksError<M::Error>> {
        let mut crc = Crc::default();
        self.each_piece(slot, bytes(content, symbols), |piece| crc.update(piece))?;
        Ok(crc.value())
    }

    /// Writes down that these symbols are in the slot, once they are durable there.
    pub(super) fn write_down(
        &mut self,
        current: &mut Current,
        symbols: &[Range<u32>],
    ) -> Result<(), BanksError<M::Error>> {
        let Some(open) = current.journal else { return Ok(()) };
        let content = open.header.content;
        let span = RECORD_SPAN_BYTES / u64::from(content.symbol_bytes.max(1));
        let span = u32::try_from(span).unwrap_or(1).max(1);
        let mut records = Vec::new();
        for symbols in symbols {
            let mut start = symbols.start;
            let end = symbols.end.min(open.header.symbols());
            while start < end {
                let symbols = start..end.min(start.saturating_add(span));
                start = symbols.end;
                let crc = self.crc_of(current.slot(), &content, &symbols)?;
                records.push(Record::Symbols { symbols, crc });
                if records.len() == RECORDS_AT_ONCE {
                    self.append(current, &records)?;
                    records.clear();
                }
            }
        }
        self.append(current, &records)
    }

    /// Appends records and makes them durable. What has no room is not remembered.
    pub(super) fn append(
        &mut self,
        current: &mut Current,
        records: &[Record],
    ) -> Result<(), BanksError<M::Error>> {
        let place = current.place();
        let Some(open) = &mut current.journal else { return Ok(()) };
        let room = JOURNAL_RECORDS_MAX.saturating_sub(open.records) as usize;
        let records = records.get(..room).unwrap_or(records);
        if records.is_empty() {
            return Ok(());
        }
        let cells: Vec<u8> = records.iter().flat_map(|one| open.header.record(one)).collect();
        let offset = offset_of(open.records);
        // Even where it fails: the cells may have been used.
        open.records = open.records.saturating_add(records.len() as u32);
        self.medium.write(place, offset, &cells)?;
        Ok(self.medium.sync(place)?)
    }
}

/// Where a cell of a journal begins.
fn offset_of(record: u32) -> u64 {
    HEADER_BYTES as u64 + u64::from(record) * RECORD_BYTES as u64
}
