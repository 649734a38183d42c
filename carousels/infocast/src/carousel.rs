//! The sender's core: which datagram comes next. It neither sleeps nor sends.

use alloc::vec::Vec;

use stbcast_object::{Datagram, Micros};

use crate::{Entry, Load, Order, Plan};

/// The endless repetition of a channel's objects, packets of an object in ascending order.
///
/// A cycle is one pass over all objects that are due (small ones pass several times, see
/// [`Order`]). The set of objects never changes within one: to change it, replace the carousel
/// when [`Step::CycleEnd`] comes or [`Carousel::between_cycles`] holds.
#[derive(Clone, Debug)]
pub struct Carousel {
    entries: Vec<Entry>,
    order: Order,
    burst_delay: Micros,
    last_pass: Vec<Option<Micros>>,
    cycles: u64,
    resume_at: Micros,
    cycle: Option<Cycle>,
}

/// What a carousel wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, when the pacer allows.
    Datagram(Datagram),
    /// A cycle is complete; every object that was due has been sent whole.
    CycleEnd,
    /// Nothing is due before this time.
    Idle {
        /// When to ask again.
        until: Micros,
    },
}

#[derive(Clone, Debug)]
struct Cycle {
    /// The long objects that were due when the cycle began.
    long: Vec<usize>,
    long_at: Cursor,
    long_sent: u64,
    long_packets: u64,
    runs: u64,
    runs_begun: u64,
    /// Where the run of small objects stands, while one is on.
    run_at: Option<Cursor>,
}

/// A place in a list of objects, and the packet that comes next there.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    place: usize,
    packet: u32,
}

impl Cycle {
    /// Runs stand at even distances between the packets of the long objects.
    const fn run_is_due(&self) -> bool {
        self.runs_begun < self.runs
            && self.long_sent * self.runs >= self.runs_begun * self.long_packets
    }
}

impl Carousel {
    /// A carousel of `entries` at `bit_rate_bps` (bits of IP per second, which decides the order
    /// only) with a pause of `burst_delay` behind each cycle. `ip_udp_bytes` is 28 or 48.
    pub fn new(
        entries: Vec<Entry>,
        bit_rate_bps: u64,
        ip_udp_bytes: usize,
        burst_delay: Micros,
    ) -> Self {
        let order = Order::new(&loads(&entries, ip_udp_bytes), bit_rate_bps);
        let last_pass = alloc::vec![None; entries.len()];
        let (cycles, resume_at, cycle) = (0, Micros::ZERO, None);
        Self { entries, order, burst_delay, last_pass, cycles, resume_at, cycle }
    }

    /// The objects.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Complete cycles so far.
    pub const fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Whether no object is in the middle of its pass, so that the carousel may be replaced.
    pub const fn between_cycles(&self) -> bool {
        self.cycle.is_none()
    }

    /// A cycle in figures.
    pub fn plan(&self, bit_rate_bps: u64, ip_udp_bytes: usize) -> Plan {
        self.order.plan(&loads(&self.entries, ip_udp_bytes), bit_rate_bps)
    }

    /// The next step at `now`; `unix_seconds` is the wall clock, for objects made at send time.
    pub fn next(&mut self, now: Micros, unix_seconds: u64) -> Step {
        let mut cycle = match self.cycle.take() {
            Some(cycle) => cycle,
            None => match self.begin_cycle(now) {
                Ok(cycle) => cycle,
                Err(until) => return Step::Idle { until },
            },
        };
        let Some((object, packet)) = self.next_packet(&mut cycle, now) else {
            self.cycles += 1;
            self.resume_at = now.after(self.burst_delay);
            return Step::CycleEnd;
        };
        self.cycle = Some(cycle);
        match self.entries.get(object) {
            Some(entry) => Step::Datagram(entry.datagram(object, packet, unix_seconds)),
            None => Step::Idle { until: now },
        }
    }

    fn due_at(&self, object: usize) -> Micros {
        let last = self.last_pass.get(object).copied().flatten();
        let delay = self.entries.get(object).map_or(Micros::ZERO, Entry::delay);
        last.map_or(Micros::ZERO, |last| last.after(delay))
    }

    /// Takes the objects that are due; otherwise says when one will be.
    fn begin_cycle(&self, now: Micros) -> Result<Cycle, Micros> {
        if now < self.resume_at {
            return Err(self.resume_at);
        }
        let long = self.order.long.iter().copied().filter(|&object| self.due_at(object) <= now);
        let long: Vec<usize> = long.collect();
        let small_due = self.order.small.iter().any(|&object| self.due_at(object) <= now);
        if long.is_empty() && !small_due {
            let soonest = (0..self.entries.len()).map(|object| self.due_at(object)).min();
            return Err(soonest.unwrap_or(Micros::NEVER));
        }
        let packets = |&object: &usize| self.entries.get(object).map_or(0, Entry::packets);
        let long_packets = long.iter().map(packets).map(u64::from).sum();
        let runs = if long.is_empty() { self.order.runs.min(1) } else { self.order.runs };
        let (long_at, long_sent, runs_begun, run_at) = (Cursor::default(), 0, 0, None);
        Ok(Cycle { long, long_at, long_sent, long_packets, runs, runs_begun, run_at })
    }

    /// The next packet of the cycle: from the run of small objects, else from a long one.
    fn next_packet(&mut self, cycle: &mut Cycle, now: Micros) -> Option<(usize, u32)> {
        if cycle.run_at.is_none() && cycle.run_is_due() {
            cycle.runs_begun += 1;
            cycle.run_at = Some(Cursor::default());
        }
        if let Some(cursor) = &mut cycle.run_at {
            let small = core::mem::take(&mut self.order.small);
            let packet = self.advance(&small, cursor, now);
            self.order.small = small;
            if packet.is_some() {
                return packet;
            }
            cycle.run_at = None;
        }
        cycle.long_sent += 1;
        self.advance(&cycle.long, &mut cycle.long_at, now)
    }

    /// The packet at `cursor`, which moves on; objects that are not due are passed over.
    fn advance(&mut self, list: &[usize], at: &mut Cursor, now: Micros) -> Option<(usize, u32)> {
        while let Some(&object) = list.get(at.place) {
            let packets = self.entries.get(object).map_or(0, Entry::packets);
            let begins = at.packet == 0;
            if at.packet == packets || (begins && self.due_at(object) > now) {
                *at = Cursor { place: at.place + 1, packet: 0 };
                continue;
            }
            if let (true, Some(slot)) = (begins, self.last_pass.get_mut(object)) {
                *slot = Some(now);
            }
            at.packet += 1;
            return Some((object, at.packet - 1));
        }
        None
    }
}

fn loads(entries: &[Entry], ip_udp_bytes: usize) -> Vec<Load> {
    let load = |entry: &Entry| {
        let datagrams = u64::from(entry.packets());
        let overhead = (entry.overhead_bytes() + ip_udp_bytes) as u64;
        Load { length: entry.length(), datagrams, ip_bytes: entry.length() + datagrams * overhead }
    };
    entries.iter().map(load).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, HEADER_BYTES, Name, ObjectType, Packet, Precoding};
    use alloc::format;
    use alloc::string::{String, ToString};
    use core::num::NonZeroU16;
    use proptest::prelude::*;
    use stbcast_object::Slices;

    fn entry(name: &str, length: u64, delay_ms: u64) -> Entry {
        let slices = Slices::new(length, NonZeroU16::new(1_000).unwrap()).unwrap();
        let name = Name::new(name).unwrap();
        let content = Content::Stored(slices);
        Entry::new(name, ObjectType::GENERIC, Precoding::NONE, None, content)
            .unwrap()
            .with_delay(Micros::from_millis(delay_ms))
    }

    fn carousel(entries: Vec<Entry>, burst_delay_ms: u64) -> Carousel {
        Carousel::new(entries, 8_000_000, 28, Micros::from_millis(burst_delay_ms))
    }

    /// The steps as text: `a1` for packet 1 of object a, `|` for a cycle's end.
    fn steps(carousel: &mut Carousel, now: Micros, count: usize) -> String {
        let one = |_| match carousel.next(now, 0) {
            Step::CycleEnd => "|".to_string(),
            Step::Idle { until } => format!("idle{} ", until.0 / 1_000),
            Step::Datagram(datagram) => {
                let mut bytes = datagram.head.to_vec();
                bytes.extend_from_slice(&datagram.tail);
                let packet = Packet::parse(&bytes).unwrap();
                format!("{}{} ", packet.header().name, packet.header().number)
            }
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn objects_pass_in_order_and_a_cycle_ends_when_all_have() {
        let mut carousel = carousel(alloc::vec![entry("a", 2_500, 0), entry("b", 0, 0)], 0);
        assert_eq!(steps(&mut carousel, Micros::ZERO, 10), "a1 a2 a3 b1 |a1 a2 a3 b1 |");
        assert_eq!(carousel.cycles(), 2);
        assert!(carousel.between_cycles());
    }

    #[test]
    fn a_burst_delay_is_kept_behind_each_cycle() {
        let mut carousel = carousel(alloc::vec![entry("a", 10, 0)], 30);
        assert_eq!(steps(&mut carousel, Micros::ZERO, 3), "a1 |idle30 ");
        assert_eq!(steps(&mut carousel, Micros::from_millis(30), 3), "a1 |idle60 ");
    }

    #[test]
    fn an_object_with_a_delay_is_left_out_until_it_is_due() {
        let mut carousel = carousel(alloc::vec![entry("a", 10, 0), entry("b", 10, 100)], 0);
        assert_eq!(steps(&mut carousel, Micros::ZERO, 7), "a1 b1 |a1 |a1 |");
        assert_eq!(steps(&mut carousel, Micros::from_millis(100), 3), "a1 b1 |");
        let mut only = self::carousel(alloc::vec![entry("b", 10, 100)], 0);
        assert_eq!(steps(&mut only, Micros::ZERO, 3), "b1 |idle100 ");
    }

    #[test]
    fn a_carousel_of_nothing_is_idle_for_ever() {
        let mut carousel = carousel(Vec::new(), 0);
        assert_eq!(carousel.next(Micros::ZERO, 0), Step::Idle { until: Micros::NEVER });
    }

    #[test]
    fn time_is_made_at_send_time_in_decimal_without_newline() {
        let name = Name::new("var.utctime").unwrap();
        let check_over_header = crate::Check {
            coverage: crate::Coverage::Header,
            ..crate::Check::default_for(4).unwrap()
        };
        let time = Entry::new(
            name,
            ObjectType::UTC_TIME,
            Precoding::CRC32,
            Some(check_over_header),
            Content::UnixTime,
        );
        let mut carousel = carousel(alloc::vec![time.unwrap()], 0);
        let Step::Datagram(sent) = carousel.next(Micros::ZERO, 1_790_000_000) else { panic!() };
        assert_eq!(&sent.head[HEADER_BYTES..], b"1790000000");
        assert_eq!(sent.tail[..], crc32fast::hash(&sent.head).to_be_bytes());
        assert_eq!(carousel.next(Micros::ZERO, 0), Step::CycleEnd);
        let Step::Datagram(latest) = carousel.next(Micros::ZERO, u64::MAX) else { panic!() };
        assert_eq!(latest.head.len(), 64, "the longest time fits");
    }

    proptest! {
        #[test]
        fn every_cycle_carries_each_packet_as_often_as_planned(
            lengths in proptest::collection::vec(0u64..400_000, 1..6),
            bit_rate_kbps in 64u64..8_000,
        ) {
            let named = |(i, &length): (usize, &u64)| entry(&format!("o{i}"), length, 0);
            let entries: Vec<_> = lengths.iter().enumerate().map(named).collect();
            let bit_rate = bit_rate_kbps * 1_000;
            let mut carousel = Carousel::new(entries.clone(), bit_rate, 28, Micros::ZERO);
            let plan = carousel.plan(bit_rate, 28);
            for _ in 0..2 {
                let mut seen: Vec<Vec<u64>> =
                    entries.iter().map(|e| alloc::vec![0; e.packets() as usize]).collect();
                let mut ip_bytes = 0;
                while let Step::Datagram(datagram) = carousel.next(Micros::ZERO, 0) {
                    let index = datagram.body.start / 1_000;
                    seen[datagram.object][index as usize] += 1;
                    ip_bytes += datagram.bytes() as u64 + 28;
                }
                prop_assert_eq!(ip_bytes, plan.ip_bytes);
                for (object, counts) in seen.iter().enumerate() {
                    prop_assert!(counts.iter().all(|&count| count == plan.passes[object]));
                }
            }
        }
    }
}
