//! Peak memory of both programs in one transfer.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::boxes::Fetching;
use super::headend::{Headend, Stream};
use super::place::Place;
use super::process::own_memory;

/// Bytes.
pub(crate) struct Peaks {
    pub(crate) sender: u64,
    pub(crate) receiver: u64,
    pub(crate) complete: bool,
}

const EVERY: Duration = Duration::from_millis(10);

/// Watches both through a whole transfer, the start of the headend included.
pub(crate) fn peaks(place: &Place, directory: &Path, stream: &Stream) -> Peaks {
    let fetching = Fetching::start(place, 0, stream.group, &directory.join("fetched"));
    assert!(place.wait_joined(0, *stream.group.ip(), 1), "the box does not join");
    let headend = Headend::start(place, directory, std::slice::from_ref(stream), &[]);
    let (sender, receiver) = (headend.process.id(), fetching.process.id());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                most = (most.0.max(own_memory(sender)), most.1.max(own_memory(receiver)));
                std::thread::sleep(EVERY);
            }
            most
        });
        let fetched = fetching.finish(&stream.image, Duration::from_secs(90));
        stop.store(true, Ordering::Relaxed);
        let (sender, receiver) = watch.join().unwrap();
        Peaks { sender, receiver, complete: fetched.complete }
    })
}
