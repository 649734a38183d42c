//! Senders that run as fast as they can, ours and the raw one, against receivers that drop.

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::{Duration, Instant};

use super::headend::{Headend, Stream, UNLIMITED_KBPS};
use super::place::{Place, group};
use super::process::Process;
use super::stats::median;
use super::table::{Table, figure};
use super::{GIB, MIB, PAYLOAD_BYTES, SLICE_BYTES, raw};

/// Seconds of one measurement of a rate.
const SPAN: f64 = 1.0;

/// The minimal pair in five combinations.
pub(crate) fn ceilings(places: &[Place], directory: &Path, runs: usize) {
    let image = super::image(directory, 64 * MIB);
    let mut table = Table::new(&[
        "link",
        "sender",
        "receiver",
        "sent Gbit/s",
        "sender CPU s/GiB",
        "received Gbit/s",
        "receiver CPU s/GiB",
        "lost %",
    ]);
    for place in places {
        for (send, receive) in [
            ("send", "recv"),
            ("sendmmsg", "recvmmsg"),
            ("gso", "recv"),
            ("gso", "recvmmsg"),
            ("gso", "gro"),
        ] {
            let all: Vec<[f64; 4]> =
                (0..runs).map(|_| raw_pair(place, directory, &image, send, receive)).collect();
            let of = |column: usize| median(&all.iter().map(|run| run[column]).collect::<Vec<_>>());
            table.row(vec![
                place.name.to_owned(),
                send.to_owned(),
                receive.to_owned(),
                figure(of(0)),
                figure(of(1)),
                figure(of(2)),
                figure(of(3)),
                figure((1.0 - of(2) / of(0)).max(0.0) * 100.0),
            ]);
        }
    }
    table.print(&format!(
        "Raw ceiling: {PAYLOAD_BYTES}-byte payloads of three parts, {SLICE_BYTES} of them image; Gbit/s of image, median of {runs}"
    ));
}

/// Sent Gbit/s, sender CPU per GiB, received Gbit/s, receiver CPU per GiB.
fn raw_pair(place: &Place, directory: &Path, image: &Path, send: &str, receive: &str) -> [f64; 4] {
    let group = group();
    let mut command = raw::receiver(place, receive, group, SPAN);
    let receiver = Process::at_receiver(place, 0, &mut command);
    place.wait_joined(0, *group.ip(), 1);
    let mut command = raw::sender(place, send, group, image, directory, SPAN + 0.3);
    let sender = Process::at_sender(place, &mut command).wait(Duration::from_secs(10));
    let receiver = receiver.wait(Duration::from_secs(10));
    let of = |text: &str| {
        let told = |key| raw::told(text, key);
        [told("bytes") * 8.0 / told("seconds") / 1e9, told("cpu") / (told("bytes") / GIB)]
    };
    let ([sent, sender_cpu], [received, receiver_cpu]) = (of(&sender.stdout), of(&receiver.stdout));
    [sent, sender_cpu, received, receiver_cpu]
}

/// Gbit/s of image and CPU seconds per GiB of a sender that runs as fast as it can.
#[derive(Clone, Copy)]
pub(crate) struct Speed {
    pub(crate) gbit: f64,
    pub(crate) cpu: f64,
    pub(crate) batch: f64,
    pub(crate) calls_per_gib: f64,
}

/// Watches a sender for a second, by the device's counters and the scheduler's account.
fn watch(place: &Place, process: &Process) -> (f64, f64) {
    let begin = Instant::now();
    let first = place.received();
    while place.received().bytes < first.bytes + (8 << 20) && begin.elapsed().as_secs() < 10 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let (before, used, begin) = (place.received(), process.threads("").total(), Instant::now());
    std::thread::sleep(Duration::from_secs_f64(SPAN));
    let (after, used) = (place.received(), process.threads("").total() - used);
    let seconds = begin.elapsed().as_secs_f64();
    let headers = (after.packets - before.packets) * 42;
    let payload = (after.bytes - before.bytes - headers) as f64;
    let bytes = payload * SLICE_BYTES as f64 / PAYLOAD_BYTES as f64;
    (bytes * 8.0 / seconds / 1e9, used / (bytes / GIB))
}

fn discarding(place: &Place, group: SocketAddrV4) -> Process {
    let receiver = Process::at_receiver(place, 0, &mut raw::receiver(place, "gro", group, 20.0));
    assert!(place.wait_joined(0, *group.ip(), 1), "the raw receiver does not join");
    receiver
}

pub(crate) fn raw_alone(place: &Place, directory: &Path, image: &Path) -> Speed {
    let group = group();
    let _receiver = discarding(place, group);
    let mut command = raw::sender(place, "gso", group, image, directory, 20.0);
    let sender = Process::at_sender(place, &mut command);
    let (gbit, cpu) = watch(place, &sender);
    Speed { gbit, cpu, batch: f64::NAN, calls_per_gib: f64::NAN }
}

pub(crate) fn ours_alone(
    place: &Place,
    directory: &Path,
    image: &Path,
    more: &[&str],
) -> (Speed, String) {
    let stream = Stream::new(UNLIMITED_KBPS / 1_000.0, image);
    let _receiver = discarding(place, stream.group);
    let headend = Headend::start(place, directory, &[stream], more);
    let (gbit, cpu) = watch(place, &headend.process);
    let sent = headend.sent();
    let (batch, calls_per_gib) = (sent.datagrams_per_batch(), sent.calls / sent.gib());
    (Speed { gbit, cpu, batch, calls_per_gib }, headend.path.clone())
}
