//! The announce session of a line-up: an FDT and nothing else.

use alloc::vec::Vec;

use stbcast_object::Micros;

use crate::fdt::File;
use crate::{EntryError, FdtSender, FdtSettings, Step};

/// Says what is on air, where, and with which digest and layout. The objects themselves travel on
/// their channels; a box reads here how to find them.
#[derive(Clone, Debug)]
pub struct AnnounceSession {
    fdt: FdtSender,
}

impl AnnounceSession {
    /// A session that announces `files` at `wall`, the time since the Unix epoch.
    ///
    /// # Errors
    /// When a TOI is zero or stands there twice, or the settings are not legal.
    pub fn new(settings: FdtSettings, files: Vec<File>, wall: Micros) -> Result<Self, EntryError> {
        Ok(Self { fdt: FdtSender::new(settings, files, wall)? })
    }

    /// What is on air changes. A new revision is to be announced at least a second before its
    /// first slice is sent.
    ///
    /// # Errors
    /// As [`AnnounceSession::new`]; the old announcement stays then.
    pub fn set_files(&mut self, files: Vec<File>, wall: Micros) -> Result<(), EntryError> {
        self.fdt.set_files(files, wall)
    }

    /// Goes on air at `wall`, in place of `before` where there was one.
    pub fn begin(&mut self, before: Option<&Self>, wall: Micros) {
        self.fdt.begin(before.map(|before| &before.fdt), wall);
    }

    /// The FDT.
    pub const fn fdt(&self) -> &FdtSender {
        &self.fdt
    }

    /// The next step at `now`: a datagram of the FDT, or idle until the next pass, and without files
    /// always. `wall` is the time since the Unix epoch.
    pub fn next(&mut self, now: Micros, wall: Micros) -> Step {
        if self.fdt.files().is_empty() {
            // An FDT without a file is not legal (RFC 6726 §3.4.2).
            return Step::Idle { until: now.after(self.fdt.settings().period) };
        }
        let datagram = self.fdt.next(now, wall);
        datagram.map_or(Step::Idle { until: self.fdt.due() }, Step::Fdt)
    }
}
