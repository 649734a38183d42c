//! The receiver's core: datagrams in, symbols and descriptions out.

use core::net::IpAddr;

use stbcast_object::Micros;

use crate::assembly::{Assembler, InstanceKey};
use crate::fdt::{Instance, limits};
use crate::lct::TOI_FDT;
use crate::packet::Payload;
use crate::table::{Merged, ObjectKey, Table};
use crate::{Fti, Packet, Reject, Symbol};

/// Longest that a description is believed without being repeated, in seconds: a day. What says
/// that it lives for years could otherwise keep the true description out for years.
const VALID_S_MAX: u64 = 86_400;

/// One group as a box hears it: FDT instances put together, files described, symbols named.
/// Its memory is bounded whatever arrives.
#[derive(Clone, Debug, Default)]
pub struct Session {
    tsi: Option<u64>,
    self_described: bool,
    told_unix_s: Option<u64>,
    assembler: Assembler,
    table: Table,
    stats: Stats,
}

/// What a datagram brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A symbol of an object.
    Symbol(Received<'a>),
    /// The last part of an FDT instance; [`Session::table`] has what it says.
    Described(Merged),
    /// A part of an FDT instance, or a repetition.
    FdtPart,
    /// No more is sent of an object, or of the session where `toi` is `None`.
    Closed {
        /// The object.
        toi: Option<u128>,
    },
}

/// A symbol, checked against the geometry of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Which object.
    pub key: ObjectKey,
    /// How the object was coded, by EXT_FTI or FDT; where both say it, they agree.
    pub fti: Fti,
    /// Which symbol.
    pub symbol: Symbol,
    /// Its bytes. The last source symbol may be short.
    pub bytes: &'a [u8],
    /// Where the symbol begins in the datagram.
    pub start: usize,
    /// Whether the FDT has described the object. What it has not is not to be trusted with memory.
    pub described: bool,
}

/// Counters of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams taken or refused.
    pub datagrams: u64,
    /// Symbols of objects.
    pub symbols: u64,
    /// Datagrams of FDT instances.
    pub fdt_datagrams: u64,
    /// FDT instances taken.
    pub instances: u64,
    /// Files of instances left out.
    pub files_refused: u64,
    /// Refused datagrams by [`Reject::index`].
    pub refused: [u64; Reject::LABELS.len()],
}

impl Default for Stats {
    fn default() -> Self {
        let refused = [0; Reject::LABELS.len()];
        Self { datagrams: 0, symbols: 0, fdt_datagrams: 0, instances: 0, files_refused: 0, refused }
    }
}

impl Stats {
    /// Refused datagrams under `label`.
    pub fn refused_as(&self, label: &str) -> u64 {
        let named = Reject::LABELS.iter().zip(&self.refused).find(|(name, _)| **name == label);
        named.map_or(0, |(_, count)| *count)
    }
}

impl Session {
    /// A session that takes TSI `tsi` alone, or every one with `None`.
    pub fn new(tsi: Option<u64>) -> Self {
        Self { tsi, ..Self::default() }
    }

    /// The same for a receiver that knows by other means what it wants: what a symbol says of itself
    /// (EXT_FTI) counts, and no description that contradicts it keeps it away.
    #[must_use]
    pub const fn self_described(mut self) -> Self {
        self.self_described = true;
        self
    }

    /// The time that an FDT of this session told last (EXT_TIME), in seconds since the Unix epoch.
    /// Nobody has proven it.
    pub const fn told_unix_s(&self) -> Option<u64> {
        self.told_unix_s
    }

    /// What is described.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Takes a datagram that came from `source`. `wall` is the time since the Unix epoch, if the
    /// box knows it; without it the sender's own clock (EXT_TIME) decides what has expired.
    ///
    /// # Errors
    /// When the datagram is refused; it is counted then.
    pub fn push<'a>(
        &mut self,
        source: IpAddr,
        datagram: &'a [u8],
        wall: Option<Micros>,
    ) -> Result<Event<'a>, Reject> {
        self.stats.datagrams += 1;
        let event = self.take(source, datagram, wall);
        if let Err(reject) = &event
            && let Some(count) = self.stats.refused.get_mut(reject.index())
        {
            *count += 1;
        }
        event
    }

    /// Forgets descriptions that expired before `wall`.
    pub fn expire(&mut self, wall: Micros) {
        self.table.expire(wall.0 / 1_000_000);
    }

    fn take<'a>(
        &mut self,
        source: IpAddr,
        datagram: &'a [u8],
        wall: Option<Micros>,
    ) -> Result<Event<'a>, Reject> {
        let packet = Packet::parse(datagram)?;
        let tsi = packet.lct().tsi;
        if self.tsi.is_some_and(|wanted| wanted != tsi) {
            return Err(Reject::OtherSession { tsi });
        }
        match packet.payload() {
            None => {
                Ok(Event::Closed { toi: packet.lct().toi.filter(|_| !packet.lct().close_session) })
            }
            Some(payload) if payload.toi == TOI_FDT => {
                self.stats.fdt_datagrams += 1;
                self.take_fdt(source, &packet, payload, wall)
            }
            Some(payload) => {
                let received = self.symbol(&packet, payload)?;
                self.stats.symbols += 1;
                Ok(Event::Symbol(received))
            }
        }
    }

    fn symbol<'a>(
        &self,
        packet: &Packet<'a>,
        payload: Payload<'a>,
    ) -> Result<Received<'a>, Reject> {
        let key = ObjectKey { tsi: packet.lct().tsi, toi: payload.toi };
        let known = self.table.get(key).map(|described| &described.file);
        let told = known.and_then(|file| file.fti);
        let fti = packet.fti().or(told).ok_or(Reject::Undescribed)?;
        let length = known.and_then(|file| file.transfer_bytes());
        let is_believed = self.self_described && packet.fti().is_some();
        let is_other = told.is_some_and(|told| told != fti)
            || length.is_some_and(|length| length != fti.transfer_bytes());
        let contradicts =
            (is_other && !is_believed) || fti.scheme().encoding_id() != packet.lct().codepoint;
        if contradicts {
            return Err(Reject::Contradiction);
        }
        let symbol = packet.symbol(&fti)?;
        let Payload { bytes, start, .. } = payload;
        Ok(Received { key, fti, symbol, bytes, start, described: known.is_some() })
    }

    fn take_fdt<'a>(
        &mut self,
        source: IpAddr,
        packet: &Packet<'_>,
        payload: Payload<'_>,
        wall: Option<Micros>,
    ) -> Result<Event<'a>, Reject> {
        let (Some(id), Some(fti)) = (packet.fdt(), packet.fti()) else {
            return Err(Reject::NoFdtExtension);
        };
        if !matches!(id.version, 1 | 2) {
            return Err(Reject::FdtVersion { version: id.version });
        }
        if packet.encoding() != 0 {
            return Err(Reject::FdtEncoding { encoding: packet.encoding() });
        }
        if fti.transfer_bytes() > limits::INSTANCE_BYTES_MAX {
            return Err(Reject::FdtBytes { bytes: fti.transfer_bytes() });
        }
        let Symbol::Source { index } = packet.symbol(&fti)? else { return Ok(Event::FdtPart) };
        let tsi = packet.lct().tsi;
        let key = InstanceKey { source, tsi, instance: id.instance };
        let Some(bytes) = self.assembler.push(key, fti, index, payload.bytes) else {
            return Ok(Event::FdtPart);
        };
        let told_unix_s = packet.time().map(|time| time.seconds().to_unix(None));
        self.told_unix_s = told_unix_s.or(self.told_unix_s);
        let now_unix_s = wall.map(|wall| wall.0 / 1_000_000).or(told_unix_s);
        let instance = Instance::parse(&bytes).map_err(Reject::Fdt)?;
        let mut expires_unix_s = instance.check_time(now_unix_s).map_err(Reject::Fdt)?;
        if let Some(now_unix_s) = now_unix_s {
            expires_unix_s = expires_unix_s.min(now_unix_s.saturating_add(VALID_S_MAX));
        }
        // The clock of a stranger may refuse his own instance, but not make us forget others.
        if let Some(wall) = wall {
            self.expire(wall);
        }
        let merged = self.table.merge(tsi, instance, expires_unix_s);
        self.stats.instances += 1;
        self.stats.files_refused += u64::from(merged.refused);
        Ok(Event::Described(merged))
    }
}
