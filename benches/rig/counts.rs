//! Counters the kernel keeps for the namespace of the calling thread.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::place::Place;

/// What a device has received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Device {
    pub(crate) bytes: u64,
    /// A segmented batch counts as one packet on veth and loopback.
    pub(crate) packets: u64,
}

impl Device {
    pub(crate) fn read(device: &str) -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let of = |line: &str| {
            let (name, numbers) = line.split_once(':')?;
            let mut numbers = numbers.split_whitespace().map(|n| n.parse().unwrap());
            let (bytes, packets) = (numbers.next()?, numbers.next()?);
            (name.trim() == device).then_some(Self { bytes, packets })
        };
        text.lines().find_map(of).unwrap_or_default()
    }
}

/// Datagrams that found their socket's buffer full.
pub(crate) fn receive_buffer_errors() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut udp = text.lines().filter(|line| line.starts_with("Udp:"));
    let (names, values) = (udp.next().unwrap(), udp.next().unwrap());
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.find(|(name, _)| *name == "RcvbufErrors").map_or(0, |(_, n)| n.parse().unwrap())
}

/// How often a group is joined.
pub(crate) fn joined(group: Ipv4Addr) -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/igmp").unwrap();
    let wanted = format!("{:08X}", u32::from_le_bytes(group.octets()));
    let users = |line: &str| {
        let mut fields = line.split_whitespace();
        if fields.next()? == wanted { fields.next()?.parse::<u64>().ok() } else { None }
    };
    text.lines().filter_map(users).sum()
}

/// Looks at what has arrived, every millisecond: a data phase as every tool has one, seen from
/// outside and without a packet socket, which would slow a fast tool down.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(Instant, u64)>>,
}

impl Watch {
    pub(crate) fn start(place: &Place) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let device = place.device();
        // The thread is inside the namespace; it is detached from the one that enters it.
        let thread = place.at_receiver(0, || {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || look(device, &stop))
        });
        Self { stop, thread }
    }

    /// Seconds between the first and the last of the data, what is sent again included. What comes
    /// before and after, greetings and the like, is less than `SMALL_BYTES`.
    pub(crate) fn data_seconds(self) -> f64 {
        const SMALL_BYTES: u64 = 64 << 10;
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.thread.join().unwrap();
        let (Some(&(_, before)), Some(&(_, after))) = (seen.first(), seen.last()) else {
            return f64::NAN;
        };
        let first = seen.iter().find(|(_, bytes)| *bytes > before + SMALL_BYTES);
        let last = seen.iter().find(|(_, bytes)| *bytes + SMALL_BYTES > after);
        match (first, last) {
            (Some((from, _)), Some((to, _))) if to > from => (*to - *from).as_secs_f64(),
            _ => f64::NAN,
        }
    }
}

fn look(device: &str, stop: &AtomicBool) -> Vec<(Instant, u64)> {
    let mut seen = Vec::with_capacity(1 << 16);
    while !stop.load(Ordering::Relaxed) && seen.len() < 600_000 {
        seen.push((Instant::now(), Device::read(device).bytes));
        std::thread::sleep(Duration::from_millis(1));
    }
    seen
}
