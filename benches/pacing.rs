//! How evenly `stbcast serve` sends: gaps by kernel time stamps at a receiver on loopback.
//!
//! ```text
//! cargo bench --bench pacing              1, 4 and 20 Mbit/s, 10 s each
//! cargo bench --bench pacing -- 50 30     50 Mbit/s for 30 s
//! ```
//!
//! A burst is a run of gaps below half the nominal one. A control thread that only sleeps tells how
//! late this machine wakes: bursts near such moments are counted apart.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::{BufRead, BufReader, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

/// Bytes of slice, and of IP packet around it.
const SLICE_BYTES: usize = 1_400;
const IP_BYTES: f64 = 1_472.0;

/// A wake-up this late is the machine's doing, and so is what happens near it.
const LATE_NANOS: u64 = 500_000;
const NEAR_NANOS: u64 = 5_000_000;

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(directory: &std::path::Path, group: SocketAddrV4, mbit: f64) -> Guard {
    let line_up = directory.join("lineup.toml");
    let image: Vec<u8> =
        (0..8 << 20u32).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(directory.join("image"), image).unwrap();
    let text = format!(
        "[[channel]]\nname = \"bench\"\ncarousel = \"infocast\"\ngroup = \"{group}\"\nbit_rate_kbps = {}\n\
         slice_bytes = {SLICE_BYTES}\n[[channel.object]]\nname = \"image\"\nsource = \"image\"\n",
        mbit * 1_000.0
    );
    std::fs::write(&line_up, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stbcast"))
        .arg("serve")
        .arg(&line_up)
        .args(["--interface", "127.0.0.1", "--ttl", "0", "--spool"])
        .arg(directory.join("spool"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    assert!(log.lines().map_while(Result::ok).any(|line| line.contains("is on air")));
    Guard(child)
}

fn join(group: SocketAddrV4) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_recv_buffer_size(8 << 20).unwrap();
    socket.bind(&group.into()).unwrap();
    socket.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let socket: UdpSocket = socket.into();
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).unwrap();
    socket
}

/// Kernel time stamps, in nanoseconds of the wall clock, of what arrives in `span`.
fn stamps(socket: &UdpSocket, span: Duration) -> Vec<u64> {
    let mut buffer = [0; 2_048];
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut stamps = Vec::with_capacity(1 << 20);
    let end = Instant::now() + span;
    while Instant::now() < end {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let received =
            recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())
                .unwrap();
        let stamp = received.cmsgs().unwrap().find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        });
        let at = stamp.expect("the kernel stamps datagrams");
        stamps.push(at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64);
    }
    stamps
}

/// Sleeps a millisecond at a time; when, in wall-clock nanoseconds, the machine woke it late.
fn late_wakes(stop: &AtomicBool) -> Vec<u64> {
    let mut late = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        if before.elapsed() > Duration::from_millis(1) + Duration::from_nanos(LATE_NANOS) {
            late.push(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
        }
    }
    late
}

fn measure(mbit: f64, span: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let group = SocketAddrV4::new(Ipv4Addr::new(239, 255, 250, 1), port);
    let socket = join(group);
    let headend = serve(directory.path(), group, mbit);
    let stop = Arc::new(AtomicBool::new(false));
    let control = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || late_wakes(&stop)
    });
    let stamps = stamps(&socket, span);
    stop.store(true, Ordering::Relaxed);
    let late = control.join().unwrap();
    drop(headend);

    let nominal = IP_BYTES * 8_000.0 / mbit;
    let gaps: Vec<u64> = stamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sorted = gaps.clone();
    sorted.sort_unstable();
    let percentile = |of: f64| sorted[((sorted.len() - 1) as f64 * of) as usize] as f64 / 1_000.0;
    let error = (stamps[stamps.len() - 1] - stamps[0]) as f64 / (gaps.len() as f64 * nominal) - 1.0;
    let is_near = |at: u64| late.iter().any(|moment| moment.abs_diff(at) < NEAR_NANOS);
    let (mut run, mut worst, mut worst_quiet) = (1, 1, 1);
    for (gap, at) in gaps.iter().zip(&stamps) {
        run = if (*gap as f64) < nominal / 2.0 { run + 1 } else { 1 };
        worst = worst.max(run);
        worst_quiet = if is_near(*at) { worst_quiet } else { worst_quiet.max(run) };
    }
    let window = |nanos: u64| {
        let mut first = 0;
        let counts = stamps.iter().enumerate().map(|(last, at)| {
            while stamps[first] + nanos <= *at {
                first += 1;
            }
            last - first + 1
        });
        counts.max().unwrap_or(0) as f64 * IP_BYTES * 8_000.0 / nanos as f64
    };
    println!(
        "{mbit:>6} Mbit/s {:>8} datagrams  gap us: nominal {:.0} p50 {:.0} p99 {:.0} p99.9 {:.0} max {:.0}  \
         largest burst {worst} ({worst_quiet} where the machine woke in time)  worst 10 ms {:.2} Mbit/s  \
         long-run error {:+.4} %  late wakes {}",
        stamps.len(),
        nominal / 1_000.0,
        percentile(0.5),
        percentile(0.99),
        percentile(0.999),
        percentile(1.0),
        window(10_000_000),
        error * 100.0,
        late.len(),
    );
}

fn main() {
    let numbers: Vec<f64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let span = Duration::from_secs_f64(numbers.get(1).copied().unwrap_or(10.0));
    match numbers.first() {
        Some(&mbit) => measure(mbit, span),
        None => [1.0, 4.0, 20.0].into_iter().for_each(|mbit| measure(mbit, span)),
    }
}
