//! The senders' cores and what they are told to send.

use std::sync::Arc;

use stbcast::pacer::{BURST, Pace, Pacer};
use stbcast_fec::{Geometry, GeometryError};
use stbcast_flute::fdt::File;
use stbcast_flute::{
    AnnounceSession, CompanionSession, CompanionSettings, DEFAULT_TSI, FdtSettings, Fti, crc32,
};
use stbcast_infocast::{Carousel, Content, Entry, Name, ObjectType, Precoding, Step};
use stbcast_object::{Datagram, Micros, Slices};

use super::{
    AirError, Companion, Groups, IP_UDP_BYTES, LOCATION, OBJECT, Programme, Sent, TOI, What,
};

/// The carousel's channel.
pub(super) struct Source {
    pub(super) carousel: Carousel,
    pub(super) pacer: Pacer,
    slice_bytes: u64,
    pub(super) entry_overhead: usize,
    pub(super) slices_per_s: f64,
}

impl Source {
    pub(super) fn new(programme: &Programme, slices: Slices) -> Result<Self, AirError> {
        let content = Content::Stored(slices);
        let name = Name::new(OBJECT)?;
        let entry = Entry::new(name, ObjectType::GENERIC, Precoding::CRC32, None, content)?;
        let entry_overhead = entry.overhead_bytes();
        let datagram_bytes_max = entry_overhead + usize::from(programme.slice_bytes) + IP_UDP_BYTES;
        let bit_rate_bps = programme.bit_rate_bps;
        let carousel = Carousel::new(vec![entry], bit_rate_bps, IP_UDP_BYTES, Micros::ZERO);
        let pace = Pace { bit_rate_bps, datagram_bytes_max, burst: BURST };
        Ok(Self {
            carousel,
            pacer: Pacer::new(pace, Micros::ZERO),
            slice_bytes: u64::from(programme.slice_bytes),
            entry_overhead,
            slices_per_s: bit_rate_bps as f64 / (datagram_bytes_max as f64 * 8.0),
        })
    }

    /// The next datagram; `None` at the end of a cycle.
    pub(super) fn next(&mut self) -> Option<Sent> {
        let at = self.pacer.next_at();
        match self.carousel.next(at, 0) {
            Step::Datagram(datagram) => {
                self.pacer.sent(at, datagram.bytes() + IP_UDP_BYTES);
                let index = u32::try_from(datagram.body.start / self.slice_bytes).ok()?;
                Some(Sent { at, what: What::Source { index } })
            }
            Step::Idle { until } => {
                self.pacer.idle_until(until);
                None
            }
            Step::CycleEnd => None,
        }
    }
}

/// One headend's companion.
pub(super) struct Repair {
    session: CompanionSession,
    settings: CompanionSettings,
    entries: Vec<stbcast_flute::Entry>,
    pub(super) pacer: Pacer,
    per_block: u64,
    stride: u64,
    wall: Micros,
    restart_at: Option<Micros>,
}

impl Repair {
    pub(super) fn new(
        programme: &Programme,
        companion: &Companion,
        file: File,
        slices_per_s: f64,
    ) -> Result<Self, AirError> {
        let geometry = file.fti.and_then(|fti| fti.geometry()).ok_or(GeometryError::Empty)?;
        let per_block = geometry.repair_symbols(0);
        let stored = u64::from(per_block) * u64::from(geometry.blocks());
        // Every symbol is zeros.
        let crc = crc32(&vec![0; geometry.repair_bytes()]);
        let crcs: Arc<[u32]> = (0..stored).map(|_| crc).collect();
        let repair = stbcast_flute::Repair { store: 1, per_block, per_cycle: 0, crcs };
        let entries = vec![stbcast_flute::Entry { file, object: 0, repair: Some(repair) }];
        let symbols_per_s = slices_per_s * companion.ratio;
        let settings = CompanionSettings {
            fdt: FdtSettings::new(DEFAULT_TSI),
            symbols_per_1000_s: (symbols_per_s * 1_000.0) as u64,
            share: companion.share,
        };
        let wall = programme.wall.after(companion.clock_ahead);
        let session = CompanionSession::new(settings, entries.clone(), wall)?;
        let datagram_bytes_max = session.datagram_bytes_max() + IP_UDP_BYTES;
        let bit_rate_bps = (symbols_per_s * datagram_bytes_max as f64 * 8.0) as u64;
        let pace = Pace { bit_rate_bps, datagram_bytes_max, burst: BURST };
        Ok(Self {
            session,
            settings,
            entries,
            pacer: Pacer::new(pace, Micros::ZERO),
            per_block: u64::from(per_block),
            stride: geometry.repair_bytes() as u64,
            wall,
            restart_at: companion.restart_at,
        })
    }

    pub(super) fn next(&mut self, descriptions: &mut Vec<Vec<u8>>) -> Result<Sent, AirError> {
        let at = self.pacer.next_at();
        let wall = self.wall.after(at);
        if self.restart_at.is_some_and(|restart| restart <= at) {
            self.restart_at = None;
            self.session = CompanionSession::new(self.settings, self.entries.clone(), wall)?;
        }
        let what = match self.session.next(at, wall) {
            stbcast_flute::Step::Datagram(datagram) => {
                self.pacer.sent(at, datagram.bytes() + IP_UDP_BYTES);
                self.symbol(&datagram)
            }
            // The FDT comes on top of the symbols' rate.
            stbcast_flute::Step::Fdt(datagram) => {
                descriptions.push(datagram);
                let place = u32::try_from(descriptions.len() - 1).unwrap_or(u32::MAX);
                What::Fdt { place }
            }
            _ => return Err(GeometryError::Empty.into()),
        };
        Ok(Sent { at, what })
    }

    /// Which repair symbol a datagram is, by where it lies in the store.
    fn symbol(&self, datagram: &Datagram) -> What {
        let place = datagram.body.start / self.stride;
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        What::Repair {
            block: number(place / self.per_block),
            index: number(place % self.per_block),
        }
    }
}

/// What announcements and the companion's FDT say of the object.
pub(super) fn described(
    geometry: &Geometry,
    slices: Slices,
    groups: Groups,
) -> Result<File, AirError> {
    let mut file = File::new(LOCATION, TOI)?.with_fti(Fti::of_geometry(*geometry));
    // Nothing is ever hashed: reception is over before.
    file.sha256 = Some([7; 32]);
    file.announced.slice_bytes = Some(slices.slice_bytes());
    file.announced.companion =
        Some(stbcast_flute::fdt::Companion { group: groups.companion, tsi: DEFAULT_TSI });
    Ok(file)
}

/// The datagrams of the announce session until `end`, one each second.
pub(super) fn announce(file: File, wall: Micros, end: Micros) -> Result<Vec<Vec<u8>>, AirError> {
    let settings = FdtSettings::new(DEFAULT_TSI);
    let mut session = AnnounceSession::new(settings, vec![file], wall)?;
    let (mut datagrams, mut now) = (Vec::new(), Micros::ZERO);
    while now <= end {
        match session.next(now, wall.after(now)) {
            stbcast_flute::Step::Fdt(datagram) => datagrams.push(datagram),
            _ => now = now.after(settings.period),
        }
    }
    Ok(datagrams)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::{COMPANION_OVERHEAD_BYTES, SYMBOL_BYTES_MAX};
    use crate::scenario::ALL;
    use stbcast_fec::Choice;
    use stbcast_flute::{Packet, Symbol};
    use std::num::NonZeroU16;

    #[test]
    fn what_is_counted_as_a_repair_symbol_is_what_its_datagram_says() {
        let programme = ALL[4].programme(3 << 20);
        let slices = Slices::new(3 << 20, NonZeroU16::new(1_400).unwrap()).unwrap();
        let geometry = Geometry::plan(Choice::Rs8, 3 << 20, 1_400, SYMBOL_BYTES_MAX).unwrap();
        let file = described(&geometry, slices, Groups::new().unwrap()).unwrap();
        let mut repair = Repair::new(&programme, &Companion::alone(0.1), file, 1_000.0).unwrap();
        let mut seen = 0;
        while seen < 1_000 {
            let now = Micros::from_secs(seen);
            let step = repair.session.next(now, programme.wall.after(now));
            let stbcast_flute::Step::Datagram(datagram) = step else { continue };
            let mut bytes = datagram.head.to_vec();
            bytes.extend_from_slice(&[0; 1_400]);
            bytes.extend_from_slice(&datagram.tail);
            let packet = Packet::parse(&bytes).unwrap();
            let symbol = packet.symbol(&packet.fti().unwrap()).unwrap();
            let What::Repair { block, index } = repair.symbol(&datagram) else { panic!() };
            assert_eq!(symbol, Symbol::Repair { block, index });
            assert_eq!(bytes.len(), 1_400 + COMPANION_OVERHEAD_BYTES);
            seen += 1;
        }
    }
}
