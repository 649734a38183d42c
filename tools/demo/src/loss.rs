//! A bad line: what the headend sends is sent on from another address, less what is lost.
//!
//! ```text
//!  headend 127.0.0.1 ──> group ──┬──> boxes that hear 127.0.0.1
//!                                └──> bad line ──> group, from 127.0.0.2 ──> boxes that hear that
//! ```

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

const HEADEND: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Who seems to send what comes over the bad line.
pub(crate) const FAR_END: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Of a hundred datagrams so many are lost.
pub(crate) const LOSS_PERCENT: u64 = 5;

/// Lines for some groups, which end when this is dropped.
pub(crate) struct BadLine {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BadLine {
    /// Loses what is sent to `groups`, by chance but always the same.
    pub(crate) fn of(groups: &[SocketAddrV4]) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (seed, &group) in (1..).zip(groups) {
            let (near, far) = (near_end(group)?, far_end()?);
            let stop = Arc::clone(&stop);
            threads.push(std::thread::spawn(move || relay(&near, &far, (group, seed), &stop)));
        }
        Ok(Self { stop, threads })
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Hears the headend, and not what is sent on.
fn near_end(group: SocketAddrV4) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_multicast_all_v4(false)?;
    let _ = socket.set_recv_buffer_size(4 << 20);
    socket.bind(&SockAddr::from(group))?;
    socket.join_ssm_v4(&HEADEND, group.ip(), &HEADEND)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket.into())
}

/// A socket whose datagrams come from there.
pub(crate) fn far_end() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((FAR_END, 0))?;
    let socket = Socket::from(socket);
    socket.set_multicast_if_v4(&FAR_END)?;
    socket.set_multicast_ttl_v4(0)?;
    Ok(socket.into())
}

fn relay(near: &UdpSocket, far: &UdpSocket, (group, seed): (SocketAddrV4, u64), stop: &AtomicBool) {
    let (mut buffer, mut state) = ([0; 2_048], seed);
    while !stop.load(Ordering::Relaxed) {
        let bytes = match near.recv(&mut buffer) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => return,
        };
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lost = (state >> 33) % 100 < LOSS_PERCENT;
        if let (false, Some(datagram)) = (lost, buffer.get(..bytes)) {
            let _ = far.send_to(datagram, group);
        }
    }
}
