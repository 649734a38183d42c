//! How fast and how cheaply one headend feeds one box, beside the raw ceiling of the machine.
//!
//! ```text
//! cargo bench --bench loopback                about 6 minutes
//! cargo bench --bench loopback -- --quick     half a minute: does everything work
//! ```
//!
//! Through a veth pair of namespaces and through loopback:
//!
//! * the raw ceiling: a minimal pair that sends the same mapped file from the same three parts a
//!   datagram, in five combinations of plain calls, `sendmmsg`, `recvmmsg`, GSO and GRO
//! * the sender alone: `stbcast serve` as fast as it can against the raw GRO receiver, which drops
//!   what it reads, in turns (A B B A) with the raw GSO sender; bytes by the receiving device's
//!   counters within one second, CPU by the scheduler's account of the threads
//! * goodput without loss: 64 MiB and 1 GiB to `stbcast-receiver fetch` at the highest configured rate
//!   that loses nothing, from the first datagram to the last byte handed to the file; CPU of the
//!   headend while on air (its start, which hashes and spools, apart), of the box without its digest
//! * memory and system calls of both
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod rig;

use std::path::Path;
use std::time::Duration;

use rig::alone::{Speed, ceilings, ours_alone, raw_alone};
use rig::headend::Stream;
use rig::ours::{Ours, highest_rate, lower_rate, transfer};
use rig::place::Place;
use rig::stats::{interleave, median, percentile, ratio};
use rig::strace::Calls;
use rig::table::{Table, figure, targets};
use rig::tap::Tap;
use rig::{GIB, MIB, PAYLOAD_BYTES, memory};

fn main() {
    let Some(options) = rig::begin("loopback") else { return };
    let directory = rig::memory_directory();
    let directory = directory.path();
    let quick = options.quick;
    let places: Vec<Place> = Place::veth().into_iter().chain([Place::loopback()]).collect();
    ceilings(&places, directory, if quick { 1 } else { 3 });
    let mut goals = targets();
    let pairs = if quick { 1 } else { 8 };
    for place in &places {
        alone(place, directory, pairs, &mut goals);
    }
    paths(&places[0], directory, if quick { 1 } else { 3 });
    let sizes = if quick { vec![(64 * MIB, 1)] } else { vec![(64 * MIB, 7), (1 << 30, 3)] };
    let rate = goodput(&places, directory, &sizes, quick);
    stamped(&places[0], directory, rate);
    memory(&places[0], if quick { 64 * MIB } else { 1 << 30 }, &mut goals);
    let rates = if quick { vec![rate] } else { vec![rate, 1_000.0, 50.0] };
    system_calls(&places[0], directory, &rates);
    println!(
        "Copies of an image byte: headend none in user space, one by the kernel into the packet; box \
         one by the kernel into the receive buffer, none in user space, one by the kernel into the file. \
         Heap allocations per datagram: `cargo bench --bench micro`.\n"
    );
    goals.print("Targets");
}

/// Ours in turns with the raw GSO sender, the same receiver behind both.
fn alone(place: &Place, directory: &Path, pairs: usize, goals: &mut Table) {
    let image = rig::image(directory, 64 * MIB);
    let mut path = String::new();
    let ours = || {
        let (speed, used) = ours_alone(place, directory, &image, &[]);
        path = used;
        speed
    };
    let (ours, raw) = interleave(pairs, ours, || raw_alone(place, directory, &image));
    let of = |runs: &[Speed], what: fn(&Speed) -> f64| runs.iter().map(what).collect::<Vec<f64>>();
    let mut table = Table::new(&[
        "sender",
        "path",
        "Gbit/s of image",
        "CPU s/GiB",
        "datagrams a batch",
        "send calls/GiB",
    ]);
    for (name, path, runs) in [("stbcast serve", path.as_str(), &ours), ("raw", "gso", &raw)] {
        table.row(vec![
            name.to_owned(),
            path.to_owned(),
            figure(median(&of(runs, |run| run.gbit))),
            figure(median(&of(runs, |run| run.cpu))),
            figure(median(&of(runs, |run| run.batch))),
            figure(median(&of(runs, |run| run.calls_per_gib))),
        ]);
    }
    let speeds = |runs: &[Speed]| of(runs, |run| run.gbit);
    let speed = ratio(&speeds(&ours), &speeds(&raw));
    let cpu = ratio(&of(&ours, |run| run.cpu), &of(&raw, |run| run.cpu));
    table.print(&format!(
        "Sender alone against a receiver that drops, {}: {} x the raw speed, {} x its CPU, median of {pairs} pairs",
        place.name, figure(speed), figure(cpu)
    ));
    let what = format!("sender alone, {}", place.name);
    goals.target(&what, ">= 0.8 x raw GSO", format!("{} x", figure(speed)), Some(speed >= 0.8));
}

/// Each way of sending, forced.
fn paths(place: &Place, directory: &Path, runs: usize) {
    let image = rig::image(directory, 64 * MIB);
    let mut table = Table::new(&[
        "--transmit",
        "path used",
        "alone: Gbit/s",
        "CPU s/GiB",
        "datagrams a batch",
        "send calls/GiB",
        "a box at 1 Gbit/s",
    ]);
    for path in ["gso", "sendmmsg", "send"] {
        let more = ["--transmit", path];
        let all: Vec<_> = (0..runs).map(|_| ours_alone(place, directory, &image, &more)).collect();
        let of = |what: fn(&Speed) -> f64| {
            figure(median(&all.iter().map(|(speed, _)| what(speed)).collect::<Vec<_>>()))
        };
        let stream = Stream::new(1_000.0, &image);
        let run = transfer(place, directory, &stream, &more, Duration::from_secs(10));
        table.row(vec![
            path.to_owned(),
            all[0].1.clone(),
            of(|speed| speed.gbit),
            of(|speed| speed.cpu),
            of(|speed| speed.batch),
            of(|speed| speed.calls_per_gib),
            verdict(&run),
        ]);
    }
    table.print(&format!("Transmit paths, {}, median of {runs}", place.name));
}

fn verdict(run: &Ours) -> String {
    match run {
        _ if run.is_lossless() => "complete, equal, no loss".to_owned(),
        Ours { fetched, kernel_drops, .. } if fetched.complete => {
            format!("complete, {:.2} cycles, {kernel_drops} dropped", fetched.cycles)
        }
        _ => format!("NOT COMPLETE {}", run.fetched.error.lines().last().unwrap_or_default()),
    }
}

/// To the last byte stored; the rate found over the first place.
fn goodput(places: &[Place], directory: &Path, sizes: &[(usize, usize)], quick: bool) -> f64 {
    let mut table = Table::new(&[
        "link",
        "MiB",
        "configured Gbit/s",
        "paths, out and in",
        "without loss",
        "goodput Gbit/s",
        "sender CPU s/GiB",
        "its start CPU s",
        "box CPU s/GiB",
        "digest s",
        "commit s",
        "receive calls/GiB",
        "datagrams a batch sent",
    ]);
    let mut rates = Vec::new();
    for place in places {
        let rate = highest_rate(place, directory, &rig::image(directory, 64 * MIB), quick);
        for &(bytes, runs) in sizes {
            let (rate, all) = lossless_runs(place, directory, bytes, runs, rate);
            rates.push(rate);
            table.row(goodput_row(place, bytes, rate, &all));
        }
    }
    table.print("Headend to one box at the highest rate without loss, medians");
    rates[0]
}

/// So many transfers at a rate; at a lower one, at most three times, when any of them lost something.
fn lossless_runs(
    place: &Place,
    directory: &Path,
    bytes: usize,
    runs: usize,
    mut rate: f64,
) -> (f64, Vec<Ours>) {
    let image = rig::image(directory, bytes);
    for last in [false, false, false, true] {
        let one = |_| {
            let stream = Stream::new(rate, &image);
            transfer(place, directory, &stream, &[], Duration::from_secs(30))
        };
        let all: Vec<Ours> = (0..runs).map(one).collect();
        if last || all.iter().all(Ours::is_lossless) {
            return (rate, all);
        }
        rate = lower_rate(rate);
    }
    unreachable!("the last turn returns")
}

fn goodput_row(place: &Place, bytes: usize, rate: f64, all: &[Ours]) -> Vec<String> {
    let of =
        |what: &dyn Fn(&Ours) -> f64| figure(median(&all.iter().map(what).collect::<Vec<_>>()));
    let speed = |run: &Ours| bytes as f64 * 8.0 / run.fetched.receive_seconds / 1e9;
    let speeds: Vec<f64> = all.iter().map(speed).collect();
    let lossless = all.iter().filter(|run| run.is_lossless()).count();
    vec![
        place.name.to_owned(),
        (bytes / MIB).to_string(),
        figure(rate / 1_000.0),
        format!("{}, {}", all[0].path, all[0].fetched.path),
        format!("{lossless} of {}", all.len()),
        format!(
            "{} ({} to {})",
            figure(median(&speeds)),
            figure(percentile(&speeds, 0.0)),
            figure(percentile(&speeds, 1.0))
        ),
        of(&Ours::sender_cpu_per_gib),
        of(&|run| run.start_cpu),
        of(&|run| run.receiver_cpu_per_gib(bytes as u64)),
        of(&|run| run.fetched.digest_seconds),
        of(&|run| run.fetched.commit_seconds),
        of(&|run| run.fetched.calls / (bytes as f64 / GIB)),
        of(&|run| run.sent.datagrams_per_batch()),
    ]
}

/// The box's own time beside the kernel's stamps of a tap, in a run of its own.
fn stamped(place: &Place, directory: &Path, rate: f64) {
    let stream = Stream::new(rate, &rig::image(directory, 64 * MIB));
    let tap = Tap::start(place, stream.group, PAYLOAD_BYTES);
    let run = transfer(place, directory, &stream, &[], Duration::from_secs(20));
    let mut arrivals = tap.stop();
    arrivals.retain(|arrival| arrival.group == stream.group);
    let (Some(first), Some(last)) = (arrivals.first(), arrivals.last()) else { return };
    let datagrams: u32 = arrivals.iter().map(|arrival| arrival.datagrams).sum();
    println!(
        "Under a tap at {} Gbit/s: {datagrams} datagrams in {} packets, {} s from the first to the last \
         by kernel stamps, {} s by the box to its last write; {}\n",
        figure(rate / 1_000.0),
        arrivals.len(),
        figure((last.at - first.at) as f64 / 1e9),
        figure(run.fetched.receive_seconds),
        verdict(&run),
    );
}

/// Spool and output on disk: pages of a tmpfs that are mapped would count as shared memory.
fn memory(place: &Place, bytes: usize, goals: &mut Table) {
    let directory = rig::disk_directory();
    let image = rig::image(directory.path(), bytes);
    let peaks = memory::peaks(place, directory.path(), &Stream::new(2_000.0, &image));
    let (sender, receiver) = (peaks.sender as f64 / MIB as f64, peaks.receiver as f64 / MIB as f64);
    println!(
        "Memory at its peak (RssAnon + RssShmem), {} MiB image at 2 Gbit/s, files on disk: \
         sender {} MiB, box {} MiB; box {}\n",
        bytes / MIB,
        figure(sender),
        figure(receiver),
        if peaks.complete { "complete, equal" } else { "NOT COMPLETE" },
    );
    let full = bytes == 1 << 30;
    for (what, value, reach) in [("sender", sender, 16.0), ("box", receiver, 12.0)] {
        let met = full.then_some(value <= reach && peaks.complete);
        let what = format!("memory, 1 GiB image, {what}");
        goals.target(&what, &format!("<= {reach} MiB"), format!("{} MiB", figure(value)), met);
    }
}

/// Everything both programs ask the kernel for, start and end included.
fn system_calls(place: &Place, directory: &Path, rates: &[f64]) {
    let image = rig::image(directory, 64 * MIB);
    let gib = 64.0 / 1_024.0;
    for &mbit in rates {
        let Some(Calls { sender, receiver, sends, receives, complete }) =
            rig::strace::count(place, directory, &Stream::new(mbit, &image))
        else {
            return println!("System calls are not counted: `strace` is not installed.\n");
        };
        println!(
            "System calls per GiB at {} Gbit/s, under strace, start and end of the programs included: \
             sender {} (send* {}), box {} (recv* {}){}",
            figure(mbit / 1_000.0),
            figure(sender / gib),
            figure(sends / gib),
            figure(receiver / gib),
            figure(receives / gib),
            if complete {
                ""
            } else {
                "; the box lost datagrams under strace, its figure is too high"
            },
        );
    }
    println!();
}
