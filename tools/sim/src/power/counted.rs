//! The slots of a box, and a count of what a session hands in to be written.

use std::ops::Range;

use stbcast_bootcast::Part;
use stbcast_receiver::slots::{Banks, BanksError};
use stbcast_receiver::{
    Area, Content, Installation, Recovered, Recovery, RecoveryOutcome, Remembered, Role, Storage,
};

use super::flash::{FlashError, SimFlash};

/// What happens to the slot of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// These symbols were there when it was resumed.
    Held(Vec<Range<u32>>),
    /// These bytes were received.
    Received(Range<u64>),
    /// These bytes were recovered.
    Recovered(Range<u64>),
    /// All of it was wrong.
    Dropped,
}

/// [`Banks`] that are counted.
pub struct Counted<'a> {
    /// The slots.
    pub banks: &'a mut Banks<SimFlash>,
    /// What happened, in order.
    pub log: Vec<(Part, What)>,
    part: Option<Part>,
}

impl<'a> Counted<'a> {
    /// Nothing has happened yet.
    pub const fn new(banks: &'a mut Banks<SimFlash>) -> Self {
        Self { banks, log: Vec::new(), part: None }
    }

    fn note(&mut self, area: Area, offset: u64, length: usize) {
        if let (Area::Slot, Some(part)) = (area, self.part) {
            self.log.push((part, What::Received(offset..offset + length as u64)));
        }
    }

    fn begun(&mut self, role: Role) {
        self.part = match role {
            Role::Part(part) => Some(part),
            Role::Object | Role::Control => None,
        };
    }
}

impl Storage for Counted<'_> {
    type Error = BanksError<FlashError>;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Self::Error> {
        self.begun(role);
        self.log.extend(self.part.map(|part| (part, What::Dropped)));
        self.banks.begin(role, version)
    }

    fn resume(
        &mut self,
        role: Role,
        version: Option<&str>,
        content: &Content,
    ) -> Result<Vec<Range<u32>>, Self::Error> {
        self.begun(role);
        // Where it fails, nothing that follows is written.
        let held = self.banks.resume(role, version, content).inspect_err(|_| self.part = None)?;
        self.log.extend(self.part.map(|part| (part, What::Held(held.clone()))));
        Ok(held)
    }

    fn keep(&mut self, symbols: &[Range<u32>]) -> Result<(), Self::Error> {
        self.banks.keep(symbols)
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.note(area, offset, bytes.len());
        self.banks.write(area, offset, bytes)
    }

    fn write_gathered(
        &mut self,
        area: Area,
        offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), Self::Error> {
        self.note(area, offset, parts.iter().map(|part| part.len()).sum());
        self.banks.write_gathered(area, offset, parts)
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Self::Error> {
        self.banks.read(area, offset, length, into)
    }

    fn sync(&mut self, length: u64) -> Result<(), Self::Error> {
        self.banks.sync(length)
    }

    fn commit(&mut self) -> Result<(), Self::Error> {
        self.banks.commit()
    }

    fn arm(&mut self, installation: &Installation) -> Result<bool, Self::Error> {
        self.banks.arm(installation)
    }

    fn remember(&mut self, remembered: &Remembered) -> Result<(), Self::Error> {
        self.banks.remember(remembered)
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, Self::Error> {
        let Recovery { geometry, block, .. } = recovery;
        let missing = recovery.missing.clone();
        let recovered = self.banks.recover(recovery)?;
        if let (Some(Recovered { outcome: RecoveryOutcome::Done, .. }), Some(part)) =
            (recovered, self.part)
        {
            let symbols = missing.iter().filter_map(|index| geometry.symbol(block, *index));
            let recovered = symbols.map(|symbol| What::Recovered(geometry.bytes(symbol)));
            self.log.extend(recovered.map(|what| (part, what)));
        }
        Ok(recovered)
    }

    fn recovered(&mut self) -> Option<Recovered> {
        self.banks.recovered()
    }

    fn recovery_error(&mut self) -> Option<Self::Error> {
        self.banks.recovery_error()
    }
}
