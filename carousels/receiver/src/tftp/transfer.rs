//! One file from one server.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::Range;

use stbcast_object::Micros;

use super::TftpError;
use super::error::escaped;
use super::packet::{self, DATA_HEADER_BYTES, Packet, code};
use crate::TftpOptions;
use crate::limits::{
    TFTP_REPEAT, TFTP_RESEND_MIN, TFTP_SLACK, TFTP_STRANGERS_MAX, UNICAST_BYTES_PER_S,
};

/// Bytes of a block unless something else is agreed (RFC 1350).
const BLOCK_BYTES: u16 = 512;

/// Legal sizes of blocks (RFC 2348).
const BLOCKS_LEGAL: Range<u16> = 8..65_465;

/// What of a datagram belongs to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Where its bytes lie in the file.
    pub offset: u64,
    /// Where they lie in the datagram.
    pub payload: Range<usize>,
}

/// A file that is being read, as a pure state machine.
///
/// It begins when it is made: what [`Transfer::to_send`] gives is sent, [`Transfer::handle`] takes what
/// arrives, [`Transfer::wake`] is called when [`Transfer::wake_at`] has come, until
/// [`Transfer::end`] says how it ended.
#[derive(Debug)]
pub struct Transfer {
    server: SocketAddr,
    options: TftpOptions,
    path: String,
    length_max: u64,
    silence: Micros,
    /// The port of the transfer, once something came from it.
    tid: Option<u16>,
    agreed: Agreed,
    /// The block acknowledged last; 0 before the first.
    block: u16,
    received: u64,
    /// What was sent last, to be sent again.
    last: Vec<u8>,
    outgoing: Option<(SocketAddr, Vec<u8>)>,
    began: Micros,
    sent_at: Micros,
    heard_at: Micros,
    resend: Micros,
    strangers: u8,
    end: Option<Result<u64, TftpError>>,
}

/// What holds for the transfer.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    block_bytes: u16,
    /// Length of the file, where the server tells it.
    length: Option<u64>,
    /// Whether options were offered, and neither agreed nor passed over yet.
    open: bool,
}

impl Agreed {
    const NOTHING: Self = Self { block_bytes: BLOCK_BYTES, length: None, open: false };
}

impl Transfer {
    /// Asks `server` for the file `path`, of which at most `length_max` bytes are taken. `silence`
    /// is how long nothing may come, from the first block on.
    ///
    /// # Errors
    /// When the path does not fit a request.
    pub fn new(
        now: Micros,
        server: SocketAddr,
        path: &str,
        options: TftpOptions,
        (length_max, silence): (u64, Micros),
    ) -> Result<Self, TftpError> {
        let legal = BLOCKS_LEGAL.start..=BLOCKS_LEGAL.end - 1;
        let options = TftpOptions {
            block_bytes: options.block_bytes.clamp(*legal.start(), *legal.end()),
            timeout_s: options.timeout_s.max(1),
            ..options
        };
        let path_error = TftpError::Path { bytes: path.len() };
        if path.is_empty() || path.bytes().any(|byte| byte == 0) {
            return Err(path_error);
        }
        let offered = [
            ("tsize", Some(0)),
            ("timeout", Some(u64::from(options.timeout_s))),
            // 512 needs no agreement.
            ("blksize", (options.block_bytes != BLOCK_BYTES).then_some(options.block_bytes.into())),
        ];
        let offered = offered.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let request = packet::request(path, offered).ok_or(path_error)?;
        let mut transfer = Self {
            server,
            options,
            path: path.to_owned(),
            length_max,
            silence,
            tid: None,
            agreed: Agreed { open: true, ..Agreed::NOTHING },
            block: 0,
            received: 0,
            last: Vec::new(),
            outgoing: None,
            began: now,
            sent_at: now,
            heard_at: now,
            resend: Micros::ZERO,
            strangers: 0,
            end: None,
        };
        transfer.send(now, request);
        Ok(transfer)
    }

    /// What is to be sent now, and to whom.
    pub const fn to_send(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.outgoing.take()
    }

    /// How it ended: the length of the file, or why it did not come.
    pub const fn end(&self) -> Option<&Result<u64, TftpError>> {
        self.end.as_ref()
    }

    /// Bytes that came so far.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Length of the file, where the server told it.
    pub const fn length(&self) -> Option<u64> {
        self.agreed.length
    }

    /// Largest datagram that may come now.
    pub fn datagram_bytes_max(&self) -> usize {
        usize::from(self.options.block_bytes.max(BLOCK_BYTES)) + DATA_HEADER_BYTES
    }

    /// When [`Transfer::wake`] is to be called, if nothing comes before.
    pub fn wake_at(&self) -> Micros {
        self.sent_at.after(self.resend).min(self.heard_at.after(self.patience()))
    }

    /// How long nothing may come.
    fn patience(&self) -> Micros {
        match self.tid {
            None => Micros::from_secs(self.options.request_timeout_s.max(1).into()),
            Some(_) => self.silence,
        }
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Micros) {
        if self.end.is_some() {
            return;
        }
        let span = self.patience();
        if now >= self.heard_at.after(span) {
            let received = self.received;
            return self.give_up(match self.tid {
                None => TftpError::Silent { span },
                Some(_) => TftpError::Stalled { span, received },
            });
        }
        if now >= self.sent_at.after(self.resend) {
            self.resend = self.resend.times(2);
            self.repeat(now);
        }
    }

    /// A datagram came; the bytes of the file in it that are new.
    pub fn handle(&mut self, now: Micros, from: SocketAddr, datagram: &[u8]) -> Option<Taken> {
        if self.end.is_some() {
            return None;
        }
        let known = self.tid.is_none_or(|tid| tid == from.port());
        if from.ip() != self.server.ip() || !known {
            self.turn_away(from, datagram);
            return None;
        }
        match Packet::parse(datagram) {
            Ok(Packet::Data { block, payload }) => self.on_data(now, from, block, payload.len()),
            Ok(Packet::OptionAck(options)) => {
                self.on_options(now, from, options);
                None
            }
            Ok(Packet::Error { code, text }) => {
                self.on_error(now, code, text);
                None
            }
            // Garbage from the server's address is no reason to give up what goes well.
            Err(_) => None,
        }
    }

    fn on_data(
        &mut self,
        now: Micros,
        from: SocketAddr,
        block: u16,
        bytes: usize,
    ) -> Option<Taken> {
        if !self.is_next(block) {
            self.on_other(now, from, block);
            return None;
        }
        // Data instead of an acknowledgement: a server that knows no options.
        self.agreed.open = false;
        self.tid = Some(from.port());
        let (agreed, offset) = (self.agreed, self.received);
        let length = offset + bytes as u64;
        if bytes > usize::from(agreed.block_bytes) {
            let error = TftpError::Block { bytes, agreed: agreed.block_bytes };
            self.abort(code::ILLEGAL, error);
            return None;
        }
        if length > self.length_max {
            self.abort(code::DISK_FULL, TftpError::TooLarge { length });
            return None;
        }
        let last = bytes < usize::from(agreed.block_bytes);
        let told = agreed.length.unwrap_or(length);
        if length > told || (last && length < told) {
            self.abort(code::NOT_DEFINED, TftpError::Length { received: length, told });
            return None;
        }
        (self.block, self.received, self.heard_at) = (block, length, now);
        self.send(now, packet::ack(block));
        if last {
            self.end = Some(Ok(length));
        } else {
            self.keep_up(now);
        }
        let payload = DATA_HEADER_BYTES..DATA_HEADER_BYTES + bytes;
        Some(Taken { offset, payload })
    }

    /// Whether this is the block that is waited for. Nobody says what comes behind 65,535: most
    /// servers go on with 0, some with 1.
    const fn is_next(&self, block: u16) -> bool {
        let next = self.block.wrapping_add(1);
        block == next || (next == 0 && block == 1)
    }

    /// A block that is here already says that the acknowledgement was lost, or that the network or
    /// the server doubled something. In the second case an answer to each would double all that
    /// follows (RFC 1123 §4.2.3.1), so what was just sent is not sent again.
    fn on_other(&mut self, now: Micros, from: SocketAddr, block: u16) {
        let again = self.tid == Some(from.port()) && block == self.block && self.received > 0;
        if again && now >= self.sent_at.after(TFTP_REPEAT) {
            self.repeat(now);
        }
    }

    fn on_options(&mut self, now: Micros, from: SocketAddr, bytes: &[u8]) {
        if !self.agreed.open {
            // The acknowledgement of the options was lost.
            let again = self.tid == Some(from.port()) && self.received == 0;
            if again && now >= self.sent_at.after(TFTP_REPEAT) {
                self.repeat(now);
            }
            return;
        }
        self.tid = Some(from.port());
        match self.agree(bytes) {
            Ok(agreed) if agreed.length.is_some_and(|length| length > self.length_max) => {
                let length = agreed.length.unwrap_or(u64::MAX);
                self.abort(code::DISK_FULL, TftpError::TooLarge { length });
            }
            Ok(agreed) => {
                (self.agreed, self.heard_at) = (agreed, now);
                self.send(now, packet::ack(0));
            }
            Err(option) => self.abort(code::OPTIONS, option),
        }
    }

    /// What the server agreed to, each option once and none that was not offered.
    fn agree(&self, bytes: &[u8]) -> Result<Agreed, TftpError> {
        let (mut agreed, mut timeout) = (Agreed::NOTHING, None);
        let mut block_bytes = None;
        for option in packet::options(bytes) {
            let refused = || {
                let (name, value) = option.unwrap_or((b"cut", b"short"));
                let option = alloc::format!("{}={}", escaped(name), escaped(value));
                TftpError::Option { option }
            };
            let (name, value) = option.ok_or_else(refused)?;
            let value = number(value).ok_or_else(refused)?;
            let legal = if name.eq_ignore_ascii_case(b"blksize") {
                let offered = BLOCKS_LEGAL.start..=self.options.block_bytes;
                let bytes = u16::try_from(value).ok().filter(|bytes| offered.contains(bytes));
                let offered = self.options.block_bytes != BLOCK_BYTES;
                offered && bytes.is_some() && block_bytes.replace(bytes).is_none()
            } else if name.eq_ignore_ascii_case(b"timeout") {
                value == u64::from(self.options.timeout_s) && timeout.replace(value).is_none()
            } else if name.eq_ignore_ascii_case(b"tsize") {
                agreed.length.replace(value).is_none()
            } else {
                false
            };
            if !legal {
                return Err(refused());
            }
        }
        agreed.block_bytes = block_bytes.flatten().unwrap_or(BLOCK_BYTES);
        // Servers that do not know the length send the zero of the request back.
        agreed.length = agreed.length.filter(|length| *length > 0);
        Ok(agreed)
    }

    fn on_error(&mut self, now: Micros, code: u16, text: &[u8]) {
        match packet::request(&self.path, []) {
            // Some servers refuse options instead of passing them over: once without.
            Some(plain) if code == code::OPTIONS && self.agreed.open => {
                self.agreed.open = false;
                self.send(now, plain);
            }
            _ => self.give_up(TftpError::Refused { code, text: escaped(text) }),
        }
    }

    /// Somebody else, or an earlier transfer: told so, and nothing of this one changes. Errors are
    /// never answered, and the answers are few, so that nobody is flooded by way of the box.
    fn turn_away(&mut self, from: SocketAddr, datagram: &[u8]) {
        let is_error = matches!(Packet::parse(datagram), Ok(Packet::Error { .. }));
        if !is_error && self.outgoing.is_none() && self.strangers < TFTP_STRANGERS_MAX {
            self.strangers += 1;
            self.outgoing = Some((from, packet::error(code::UNKNOWN_TID, "unknown transfer")));
        }
    }

    /// A server that gives a block whenever the time-out is almost over keeps a box for days.
    fn keep_up(&mut self, now: Micros) {
        let due = Micros(self.received.saturating_mul(1_000_000) / UNICAST_BYTES_PER_S);
        if now.since(self.began) > due.after(TFTP_SLACK) {
            let (bytes_per_s, received) = (UNICAST_BYTES_PER_S, self.received);
            self.abort(code::NOT_DEFINED, TftpError::Slow { bytes_per_s, received });
        }
    }

    /// Sends what was not sent before: several tries fit the patience, each twice as long.
    fn send(&mut self, now: Micros, packet: Vec<u8>) {
        self.last = packet;
        let longest = Micros(self.patience().0 / 8).max(TFTP_RESEND_MIN);
        self.resend = Micros::from_secs(self.options.timeout_s.into()).min(longest);
        self.repeat(now);
    }

    fn repeat(&mut self, now: Micros) {
        self.outgoing = Some((self.peer(), self.last.clone()));
        self.sent_at = now;
    }

    /// The server, at the port of the transfer once that is known.
    fn peer(&self) -> SocketAddr {
        let mut peer = self.server;
        peer.set_port(self.tid.unwrap_or(peer.port()));
        peer
    }

    /// Ends it, and tells the server.
    fn abort(&mut self, code: u16, error: TftpError) {
        self.outgoing = Some((self.peer(), packet::error(code, "the box gives up")));
        self.give_up(error);
    }

    fn give_up(&mut self, error: TftpError) {
        self.end = Some(Err(error));
    }
}

/// A decimal number of ASCII digits alone.
fn number(text: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(text).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
