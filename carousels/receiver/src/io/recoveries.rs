//! Recoveries in a thread of their own, so that reception goes on.
//!
//! The thread has handles of its own of the slot's file and the repair area's, and is given fewer
//! turns than reception where the processor is short: what is received late is lost, what is
//! recovered late is not.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, Thread};

use crate::{Recovered, Recoverer, Recovery, RecoveryAreas, RecoveryOutcome};

/// How much the thread yields to others: 19 is most, 0 is an equal share.
const NICENESS: i32 = 10;

/// The thread, as its storage sees it. Dropped, it gives up what it is doing.
#[derive(Debug)]
pub(crate) struct Recoveries {
    /// `None` once it is to end.
    orders: Option<Sender<Recovery>>,
    outcomes: Receiver<Outcome>,
    cancelled: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How a recovery ended, and which error it met in an area.
pub(crate) type Outcome = (Recovered, Option<io::Error>);

impl Recoveries {
    /// Starts the thread. Whoever calls is woken when a recovery is done.
    pub(crate) fn start(slot: &File, repair: File) -> io::Result<Self> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let slot = slot.try_clone()?;
        let areas = Files { slot, repair, cancelled: Arc::clone(&cancelled) };
        let (orders, ordered) = channel();
        let (tell, outcomes) = channel();
        let waiting = std::thread::current();
        let thread = std::thread::Builder::new()
            .name("recover".to_owned())
            .spawn(move || work(areas, &ordered, &tell, &waiting))?;
        Ok(Self { orders: Some(orders), outcomes, cancelled, thread: Some(thread) })
    }

    /// Has a block recovered, behind those that were asked for before.
    pub(crate) fn order(&self, recovery: Recovery) -> io::Result<()> {
        let ended = || io::Error::other("the thread that recovers has ended");
        let orders = self.orders.as_ref().ok_or_else(ended)?;
        orders.send(recovery).map_err(|_| ended())
    }

    /// The next recovery that ended, if one did.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcomes.try_recv().ok()
    }
}

impl Drop for Recoveries {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.orders = None;
        // It looks at the flag with each symbol; its memory must be free before more is taken.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn work(mut areas: Files, ordered: &Receiver<Recovery>, tell: &Sender<Outcome>, waiting: &Thread) {
    // Of this thread alone, as Linux has it. Where it is refused, it works at full priority.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let mut recoverer = Recoverer::default();
    for recovery in ordered {
        if areas.go_on().is_err() {
            return;
        }
        let id = recovery.id;
        let (outcome, error) = match recoverer.run(&recovery, &mut areas) {
            Ok(outcome) => (outcome, None),
            Err(error) => (RecoveryOutcome::Failed, Some(error)),
        };
        if tell.send((Recovered { id, outcome }, error)).is_err() {
            return;
        }
        waiting.unpark();
    }
}

/// The areas as the thread sees them.
struct Files {
    slot: File,
    repair: File,
    cancelled: Arc<AtomicBool>,
}

impl Files {
    fn go_on(&self) -> io::Result<()> {
        match self.cancelled.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(io::Error::other("given up")),
        }
    }
}

impl RecoveryAreas for Files {
    type Error = io::Error;

    fn read_slot(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.go_on()?;
        self.slot.read_exact_at(into, offset)
    }

    fn read_repair(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.go_on()?;
        self.repair.read_exact_at(into, offset)
    }

    fn write_slot(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.go_on()?;
        self.slot.write_all_at(bytes, offset)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use stbcast_fec::{Encoder, Geometry, Scheme};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);
    const LENGTH: u64 = 1_000_001;

    fn object() -> Vec<u8> {
        (0..LENGTH).map(|n| (n * n / 251 % 256) as u8).collect()
    }

    /// An object in a file that lacks the first symbols of each block, with as many repair symbols.
    struct Holed {
        geometry: Geometry,
        slot: File,
        repair: File,
        lost: u32,
    }

    impl Holed {
        fn new(scheme: Scheme, lost: u32) -> Self {
            let geometry = Geometry::new(scheme, LENGTH, 1_000, 150).unwrap();
            let object = object();
            let mut encoder = Encoder::new(geometry, 8 << 20).unwrap();
            let (slot, repair) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
            slot.write_all_at(&object, 0).unwrap();
            let stride = geometry.repair_bytes() as u64;
            for block in 0..geometry.blocks() {
                for columns in encoder.stripes() {
                    let source = |range: std::ops::Range<u64>| {
                        &object[range.start as usize..range.end as usize]
                    };
                    let start = columns.start as u64;
                    let place = |index| u64::from(block * lost + index) * stride + start;
                    let keep = |index, bytes: &[u8]| repair.write_all_at(bytes, place(index));
                    encoder.encode(block, columns, 0..lost, source, keep).unwrap();
                }
                for index in 0..lost {
                    let bytes = geometry.bytes(geometry.symbol(block, index).unwrap());
                    slot.write_all_at(&vec![0; (bytes.end - bytes.start) as usize], bytes.start)
                        .unwrap();
                }
            }
            Self { geometry, slot, repair, lost }
        }

        fn recoveries(&self) -> Recoveries {
            Recoveries::start(&self.slot, self.repair.try_clone().unwrap()).unwrap()
        }

        fn recovery(&self, block: u32) -> Recovery {
            let indices: Vec<u32> = (0..self.lost).collect();
            Recovery {
                id: u64::from(block) + 100,
                geometry: self.geometry,
                block,
                missing: indices.clone(),
                places: indices.iter().map(|index| block * self.lost + index).collect(),
                repair: indices,
                memory_bytes: 8 << 20,
            }
        }
    }

    /// The next outcome; whoever waits is woken by it.
    fn wait(recoveries: &Recoveries) -> Outcome {
        let began = Instant::now();
        loop {
            if let Some(outcome) = recoveries.outcome() {
                return outcome;
            }
            assert!(began.elapsed() < DEADLINE);
            std::thread::park_timeout(DEADLINE);
        }
    }

    #[test]
    fn blocks_are_recovered_one_after_the_other_into_the_same_file() {
        for scheme in [Scheme::Rs8, Scheme::Rs16] {
            let holed = Holed::new(scheme, 20);
            let recoveries = holed.recoveries();
            for block in 0..holed.geometry.blocks() {
                recoveries.order(holed.recovery(block)).unwrap();
            }
            for block in 0..holed.geometry.blocks() {
                let (recovered, error) = wait(&recoveries);
                let done = RecoveryOutcome::Done;
                assert_eq!(recovered, Recovered { id: u64::from(block) + 100, outcome: done });
                assert!(error.is_none());
            }
            let mut bytes = vec![0; LENGTH as usize];
            holed.slot.read_exact_at(&mut bytes, 0).unwrap();
            assert!(bytes == object(), "{scheme}");
        }
    }

    #[test]
    fn an_area_that_fails_is_told_with_the_reason_and_the_next_block_is_tried() {
        let holed = Holed::new(Scheme::Rs8, 10);
        let blocks = holed.geometry.blocks();
        holed.repair.set_len(10 * 1_000).unwrap();
        let recoveries = holed.recoveries();
        for block in [blocks - 1, 0] {
            recoveries.order(holed.recovery(block)).unwrap();
        }
        let (recovered, error) = wait(&recoveries);
        assert_eq!(recovered.outcome, RecoveryOutcome::Failed);
        assert_eq!(error.unwrap().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(wait(&recoveries).0.outcome, RecoveryOutcome::Done);
    }

    #[test]
    fn what_is_dropped_gives_up_what_it_has_to_do() {
        let holed = Holed::new(Scheme::Rs16, 40);
        let recoveries = holed.recoveries();
        for _ in 0..100_000 {
            recoveries.order(holed.recovery(0)).unwrap();
        }
        let began = Instant::now();
        drop(recoveries);
        assert!(began.elapsed() < DEADLINE / 4, "{:?}", began.elapsed());
    }
}
