//! What channels have sent so far, for those who ask while they are on air: the sending threads write,
//! the control reads, nobody waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use stbcast_object::Micros;

/// Counts of one channel since it went on air.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    packets: AtomicU64,
    /// IP bytes.
    bytes: AtomicU64,
    /// Datagrams the system refused.
    errors: AtomicU64,
    /// Error number of the last system call; 0 where it sent.
    errno: AtomicI32,
    cycles: AtomicU64,
    /// When the cycle began, in microseconds of the monotonic clock.
    cycle_began: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Datagrams.
    pub(crate) packets: u64,
    /// IP bytes.
    pub(crate) bytes: u64,
    /// Datagrams the system refused.
    pub(crate) errors: u64,
    /// Error number, where the last system call sent nothing.
    pub(crate) errno: Option<i32>,
    /// Complete cycles.
    pub(crate) cycles: u64,
    /// When the cycle that is sent began.
    pub(crate) cycle_began: Micros,
}

impl Meter {
    pub(crate) fn sent(&self, datagrams: u64, ip_bytes: u64) {
        self.packets.fetch_add(datagrams, Relaxed);
        self.bytes.fetch_add(ip_bytes, Relaxed);
        self.errno.store(0, Relaxed);
    }

    pub(crate) fn failed(&self, datagrams: u64, errno: i32) {
        self.errors.fetch_add(datagrams, Relaxed);
        self.errno.store(errno, Relaxed);
    }

    pub(crate) fn cycle(&self) {
        self.cycles.fetch_add(1, Relaxed);
    }

    pub(crate) fn begin(&self, now: Micros) {
        self.cycle_began.store(now.0, Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        Reading {
            packets: self.packets.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            errors: self.errors.load(Relaxed),
            errno: Some(self.errno.load(Relaxed)).filter(|errno| *errno != 0),
            cycles: self.cycles.load(Relaxed),
            cycle_began: Micros(self.cycle_began.load(Relaxed)),
        }
    }
}

/// The meters of all channels on air by their names, as metrics are: one headend is one process.
static METERS: Mutex<Option<HashMap<String, Weak<Meter>>>> = Mutex::new(None);

/// The meter of a channel; a new one where none of that name is on air.
pub(crate) fn of(channel: &str) -> Arc<Meter> {
    let mut meters = METERS.lock().unwrap_or_else(PoisonError::into_inner);
    let meters = meters.get_or_insert_default();
    if let Some(meter) = meters.get(channel).and_then(Weak::upgrade) {
        return meter;
    }
    meters.retain(|_, meter| meter.strong_count() > 0);
    let meter = Arc::new(Meter::default());
    meters.insert(channel.to_owned(), Arc::downgrade(&meter));
    meter
}

/// What a channel has sent, while it is on air.
pub(crate) fn read(channel: &str) -> Option<Reading> {
    let meters = METERS.lock().unwrap_or_else(PoisonError::into_inner);
    Some(meters.as_ref()?.get(channel)?.upgrade()?.read())
}

/// IP bytes that each channel on air has sent.
pub(crate) fn bytes() -> HashMap<String, u64> {
    let meters = METERS.lock().unwrap_or_else(PoisonError::into_inner);
    let all = meters.iter().flatten();
    let bytes = all.filter_map(|(name, meter)| Some((name.clone(), meter.upgrade()?.read().bytes)));
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_counted_while_it_is_on_air() {
        let name = "a channel of this test alone";
        assert_eq!(read(name), None);
        let meter = of(name);
        meter.sent(3, 300);
        of(name).failed(1, 101);
        let found = read(name).unwrap();
        assert_eq!((found.packets, found.errors, found.errno), (3, 1, Some(101)));
        meter.sent(1, 100);
        assert_eq!(read(name).unwrap().errno, None, "it sends again");
        drop(meter);
        assert_eq!(read(name), None);
    }
}
