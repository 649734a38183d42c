//! The announce session of a line-up: an FDT, and behind each of its passes the statements.

use alloc::vec::Vec;

use stbcast_object::Micros;

use crate::fdt::File;
use crate::{EntryError, FdtSender, FdtSettings, Statement, Step};

/// Says what is on air, where, and with which digest and layout, and carries what its operator signed.
/// The objects themselves travel on their channels; a box reads here how to find them.
///
/// ```text
///  each second | FDT ... | statement | statement | ...
/// ```
#[derive(Clone, Debug)]
pub struct AnnounceSession {
    fdt: FdtSender,
    statements: Vec<Statement>,
    /// The statement that comes next in this pass.
    next_statement: usize,
    statements_sent: u64,
}

impl AnnounceSession {
    /// A session that announces `files` at `wall`, the time since the Unix epoch.
    ///
    /// # Errors
    /// When a TOI is zero or stands there twice, or the settings are not legal.
    pub fn new(settings: FdtSettings, files: Vec<File>, wall: Micros) -> Result<Self, EntryError> {
        let fdt = FdtSender::new(settings, files, wall)?;
        Ok(Self { fdt, statements: Vec::new(), next_statement: 0, statements_sent: 0 })
    }

    /// The objects on air change; the statements stay. A new revision is to be announced at least a
    /// second before its first slice is sent.
    ///
    /// # Errors
    /// As [`AnnounceSession::new`]; what is announced stays then.
    pub fn set_files(&mut self, files: Vec<File>, wall: Micros) -> Result<(), EntryError> {
        self.set(files, self.statements.clone(), wall)
    }

    /// What is on air changes: these objects, and these statements, which are described behind them.
    /// A statement that is not among them is not sent any more from the next datagram on.
    ///
    /// # Errors
    /// As [`AnnounceSession::new`]; what is announced stays then.
    pub fn set(
        &mut self,
        mut files: Vec<File>,
        statements: Vec<Statement>,
        wall: Micros,
    ) -> Result<(), EntryError> {
        files.extend(statements.iter().map(|statement| statement.file().clone()));
        self.fdt.set_files(files, wall)?;
        (self.next_statement, self.statements) = (statements.len(), statements);
        Ok(())
    }

    /// Goes on air at `wall`, in place of `before` where there was one.
    pub fn begin(&mut self, before: Option<&Self>, wall: Micros) {
        self.fdt.begin(before.map(|before| &before.fdt), wall);
        self.next_statement = self.statements.len();
        self.statements_sent = before.map_or(0, |before| before.statements_sent);
    }

    /// The FDT, which describes the statements, too.
    pub const fn fdt(&self) -> &FdtSender {
        &self.fdt
    }

    /// The statements in the order they are sent.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Datagrams with a statement so far.
    pub const fn statements_sent(&self) -> u64 {
        self.statements_sent
    }

    /// Bytes of IP of one pass, with `ip_udp_bytes` of IP and UDP header each datagram.
    pub fn ip_bytes(&self, ip_udp_bytes: usize) -> u64 {
        let bytes = |statement: &Statement| (statement.datagram_bytes() + ip_udp_bytes) as u64;
        self.fdt.ip_bytes(ip_udp_bytes) + self.statements.iter().map(bytes).sum::<u64>()
    }

    /// Bits of IP per second that repeating it takes.
    pub fn bits_per_second(&self, ip_udp_bytes: usize) -> u64 {
        self.fdt.per_second(self.ip_bytes(ip_udp_bytes))
    }

    /// The next step at `now`: a datagram of the FDT, behind its last one each statement, or idle until
    /// the next pass, and without files always. `wall` is the time since the Unix epoch.
    pub fn next(&mut self, now: Micros, wall: Micros) -> Step {
        if self.fdt.files().is_empty() {
            // An FDT without a file is not legal (RFC 6726 §3.4.2).
            return Step::Idle { until: now.after(self.fdt.settings().period) };
        }
        if let Some(statement) = self.statements.get(self.next_statement) {
            self.next_statement += 1;
            self.statements_sent += 1;
            return Step::Fdt(statement.datagram(self.fdt.settings().tsi));
        }
        let Some(datagram) = self.fdt.next(now, wall) else {
            return Step::Idle { until: self.fdt.due() };
        };
        if self.fdt.is_between_passes() {
            self.next_statement = 0;
        }
        Step::Fdt(datagram)
    }
}
