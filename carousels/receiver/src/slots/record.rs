//! The state record byte by byte. `PROTOCOL.md` has it as a table, section 8.1.
//!
//! ```text
//!     0 "STBS"    8 sequence         36 flags, active, trial, boots left   80  bank A
//!     4 version  16 time floor       40 root bytes, failed, 0             256  bank B
//!     6 0        24 number           44 0                                 432  failed trials, 4 x 48
//!                32 epoch            48 release id                        624  root document
//!                                                                        2044  CRC-32 of all before
//! ```
//!
//! Numbers are little-endian, as the processors of boxes are.

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use stbcast_release::{Check, on};

use super::checksum::crc32;
use super::{
    Bank, Committed, FAILED_MAX, Failed, Installed, ROOT_BYTES_MAX, State, Stored, TRIAL_BOOTS,
    Trial,
};

/// Bytes of a state record.
pub const BYTES: usize = 2_048;

/// How every state record begins.
pub const MAGIC: [u8; 4] = *b"STBS";

/// The layout that is described here.
pub const VERSION: u16 = 1;

const BANK_BYTES: usize = 176;
const FAILED_BYTES: usize = 48;
const CRC_AT: usize = BYTES - 4;

/// Flag: a release was committed.
const COMMITTED: u8 = 1;

/// Flag: releases up to the lowest of those that failed are denied.
const FAILED_MORE: u8 = 2;

/// Writes a state with its sequence number.
pub fn encode(state: &State, sequence: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(BYTES);
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend([0; 2]);
    out.extend(sequence.to_le_bytes());
    out.extend(state.time_floor.to_le_bytes());
    let committed = state.committed.unwrap_or(Committed { release: [0; 32], number: 0 });
    out.extend(committed.number.to_le_bytes());
    out.extend(state.epoch.to_le_bytes());
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = flag(state.committed.is_some(), COMMITTED) | flag(state.failed_more, FAILED_MORE);
    out.extend([flags, state.active as u8, u8::from(state.trial.is_some())]);
    out.push(state.trial.map_or(0, |trial| trial.boots_left));
    // A longer one is never taken into a state.
    let root = state.root.get(..ROOT_BYTES_MAX).unwrap_or(&state.root);
    out.extend((root.len() as u16).to_le_bytes());
    out.extend([state.failed.len() as u8, 0]);
    out.extend([0; 4]);
    out.extend(committed.release);
    for bank in &state.banks {
        encode_bank(bank.as_ref(), &mut out);
    }
    for at in 0..FAILED_MAX {
        let start = out.len();
        if let Some(failed) = state.failed.get(at) {
            out.extend(failed.release);
            out.extend(failed.number.to_le_bytes());
            out.push(failed.trials);
        }
        out.resize(start + FAILED_BYTES, 0);
    }
    out.extend(root);
    out.resize(CRC_AT, 0);
    let crc = crc32(&out);
    out.extend(crc.to_le_bytes());
    out
}

fn encode_bank(bank: Option<&Installed>, out: &mut Vec<u8>) {
    let start = out.len();
    if let Some(installed) = bank {
        let mask = |(at, part): (usize, &Option<Stored>)| u8::from(part.is_some()) << at;
        let parts = installed.parts.iter().enumerate().map(mask).sum();
        out.extend([1, parts, 0, 0]);
        out.extend(installed.epoch.to_le_bytes());
        out.extend(installed.number.to_le_bytes());
        out.extend(installed.time_floor.to_le_bytes());
        out.extend(installed.release);
        for part in installed.parts {
            let Stored { length, sha256 } = part.unwrap_or(Stored { length: 0, sha256: [0; 32] });
            out.extend(length.to_le_bytes());
            out.extend(sha256);
        }
    }
    out.resize(start + BANK_BYTES, 0);
}

/// Reads a copy: the state and its sequence number. `None` for anything but a whole record of this
/// version, whose every field is legal.
pub fn decode(bytes: &[u8]) -> Option<(State, u64)> {
    let (bytes, crc) = bytes.get(..BYTES)?.split_last_chunk()?;
    if crc32(bytes) != u32::from_le_bytes(*crc) && on(Check::StateCrc) {
        return None;
    }
    let mut reader = Reader(bytes);
    if reader.array()? != MAGIC || u16::from_le_bytes(reader.array()?) != VERSION {
        return None;
    }
    reader.skip(2)?;
    let sequence = reader.u64()?;
    let time_floor = reader.u64()?;
    let number = reader.u64()?;
    let epoch = reader.u32()?;
    let [flags, active, trial, boots_left] = reader.array()?;
    let root_bytes = usize::from(u16::from_le_bytes(reader.array()?));
    let [failures, _] = reader.array()?;
    reader.skip(4)?;
    let release = reader.array()?;
    let banks = [reader.bank()?, reader.bank()?];
    let failed = reader.failed(failures)?;
    let root = reader.take(root_bytes).filter(|root| root.len() <= ROOT_BYTES_MAX)?.to_vec();
    let active = *Bank::ALL.get(usize::from(active))?;
    let trial = match trial {
        0 => None,
        1 if boots_left <= TRIAL_BOOTS => Some(Trial { boots_left }),
        _ => return None,
    };
    let committed = (flags & COMMITTED != 0).then_some(Committed { release, number });
    let failed_more = flags & FAILED_MORE != 0;
    let state =
        State { active, banks, trial, failed, failed_more, committed, epoch, time_floor, root };
    // A trial of nothing.
    let is_legal = state.trial.is_none() || state.bank(state.inactive()).is_some();
    is_legal.then_some((state, sequence))
}

/// Takes fields off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.take(bytes).map(drop)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// What a bank holds; `Some(None)` where it holds nothing.
    fn bank(&mut self) -> Option<Option<Installed>> {
        let mut bank = Self(self.take(BANK_BYTES)?);
        let [is_there, mask, _, _] = bank.array()?;
        let (epoch, number, time_floor) = (bank.u32()?, bank.u64()?, bank.u64()?);
        let release = bank.array()?;
        let mut parts = [None; 3];
        for (at, part) in parts.iter_mut().enumerate() {
            let stored = Stored { length: bank.u64()?, sha256: bank.array()? };
            *part = (mask >> at & 1 == 1).then_some(stored);
        }
        match is_there {
            0 => Some(None),
            1 => Some(Some(Installed { release, number, epoch, time_floor, parts })),
            _ => None,
        }
    }

    fn failed(&mut self, failures: u8) -> Option<ArrayVec<Failed, FAILED_MAX>> {
        let mut failed = ArrayVec::new();
        for at in 0..FAILED_MAX {
            let mut one = Self(self.take(FAILED_BYTES)?);
            let (release, number, [trials]) = (one.array()?, one.u64()?, one.array()?);
            if at < usize::from(failures) {
                failed.push(Failed { release, number, trials });
            }
        }
        (usize::from(failures) <= FAILED_MAX).then_some(failed)
    }
}

#[cfg(test)]
pub(super) mod tests;
