use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::SockRef;
use stbcast_infocast::Packet;
use stbcast_object::{Group, Micros};

use super::*;
use crate::ChannelDecoder;

const DEADLINE: Duration = Duration::from_secs(30);
const PATHS: [ReceivePath; 2] = [ReceivePath::Gro, ReceivePath::Recvmmsg];

/// A receiver of a group no other test uses, and a sender whose datagrams stay on this machine.
fn pair(path: ReceivePath) -> (Receiver, UdpSocket) {
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = sender.local_addr().unwrap().port();
    let [high, low] = port.to_be_bytes();
    let group = Group::new([239, 254, high, low].into(), port).unwrap();
    let loopback = Interface::resolve("127.0.0.1").unwrap();
    let receiver = Receiver::join_by(path, group, None, Some(&loopback)).unwrap();
    assert_eq!(receiver.path(), path, "this kernel joins datagrams");
    let options = SockRef::from(&sender);
    options.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    options.set_multicast_ttl_v4(0).unwrap();
    sender.connect(group.socket_addr()).unwrap();
    (receiver, sender)
}

/// The same over IPv6. The loopback interface has no groups there: it is one address.
fn pair_v6(path: ReceivePath) -> (Receiver, UdpSocket) {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let gro = set_options(&socket, path).unwrap();
    assert_eq!(gro, path == ReceivePath::Gro, "this kernel joins datagrams");
    socket.set_read_timeout(Some(WAIT)).unwrap();
    let sender = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    sender.connect(socket.local_addr().unwrap()).unwrap();
    (Receiver::on(socket, ReceiveBuffer { asked: 65_536, granted: 65_536 }, gro), sender)
}

/// Sends what is sent from now on in datagrams of so many bytes, cut by the kernel; 0 as it is.
fn segment(sender: &UdpSocket, bytes: i32) {
    setsockopt(sender, sockopt::UdpGsoSegment, &bytes).unwrap();
}

/// Takes batches until so many datagrams have come.
fn take(receiver: &mut Receiver, count: usize) -> Vec<(SocketAddr, Micros, Vec<u8>)> {
    let (mut batch, clock, began) = (Batch::default(), Clock::start(), Instant::now());
    let mut taken = Vec::new();
    while taken.len() < count {
        assert!(began.elapsed() < DEADLINE, "{} of {count} came", taken.len());
        receiver.recv(&mut batch, &clock).unwrap();
        let of_batch =
            batch.datagrams().map(|one| (one.from, one.at, batch.bytes()[one.range].to_vec()));
        taken.extend(of_batch);
    }
    taken
}

fn bytes(taken: Vec<(SocketAddr, Micros, Vec<u8>)>) -> Vec<Vec<u8>> {
    taken.into_iter().map(|(_, _, bytes)| bytes).collect()
}

fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 7) as u8).collect()
}

#[test]
fn joined_datagrams_are_split_again_and_single_ones_among_them_stay_whole() {
    for (mut receiver, sender) in PATHS.into_iter().flat_map(|path| [pair(path), pair_v6(path)]) {
        let mut expected = Vec::new();
        // The last of a joined message is shorter, or as long; in between come single ones.
        for (length, segment_bytes) in
            [(14_440, 1_444), (300, 0), (14_001, 1_000), (0, 0), (900, 100), (1, 0), (4_333, 1_444)]
        {
            let message = numbered(length);
            segment(&sender, segment_bytes);
            sender.send(&message).unwrap();
            match segment_bytes {
                0 => expected.push(message),
                bytes => expected.extend(message.chunks(bytes as usize).map(<[u8]>::to_vec)),
            }
        }
        let taken = take(&mut receiver, expected.len());
        let from = sender.local_addr().unwrap();
        assert!(taken.iter().all(|(sender, _, _)| *sender == from));
        assert!(bytes(taken) == expected, "{:?} from {from}", receiver.path());
        assert_eq!(receiver.kernel_drops(), 0);
    }
}

#[test]
fn many_datagrams_come_with_few_system_calls() {
    for (path, segment_bytes, most) in [
        (ReceivePath::Gro, 1_000, 24),
        (ReceivePath::Recvmmsg, 0, 24),
        (ReceivePath::Recvmmsg, 1_000, 24),
    ] {
        let (mut receiver, sender) = pair(path);
        segment(&sender, segment_bytes);
        let message = numbered(if segment_bytes == 0 { 1_000 } else { 50_000 });
        for _ in 0..600_000 / message.len() {
            sender.send(&message).unwrap();
        }
        take(&mut receiver, 600);
        assert!(receiver.calls() <= most, "{path:?}: {} calls", receiver.calls());
    }
}

#[test]
fn a_datagram_that_is_too_long_is_seen_to_be_among_others() {
    for path in PATHS {
        let (mut receiver, sender) = pair(path);
        let lengths = [100, Packet::BYTES_MAX, Packet::BYTES_MAX + 1, 20_000, 65_507, 60];
        for length in lengths {
            sender.send(&numbered(length)).unwrap();
        }
        segment(&sender, 6_000);
        sender.send(&numbered(12_100)).unwrap();
        let taken = take(&mut receiver, lengths.len() + 3);
        let mut decoder = ChannelDecoder::default();
        let too_long: Vec<_> = taken
            .iter()
            .map(|(from, _, bytes)| decoder.decode(from.ip(), bytes).unwrap_err().label())
            .map(|label| label == "oversized")
            .collect();
        assert_eq!(too_long, [false, false, true, true, true, false, true, true, false]);
    }
}

#[test]
fn a_message_whose_control_messages_are_cut_is_one_datagram_and_ends_nothing() {
    for path in PATHS {
        let (mut receiver, sender) = pair(path);
        for (length, segment_bytes) in [(300, 0), (12_100, 1_000), (200, 0)] {
            segment(&sender, segment_bytes);
            sender.send(&numbered(length)).unwrap();
        }
        receiver.control = cmsg_space!(u8);
        receiver.headers = receiver
            .headers
            .is_some()
            .then(|| MultiHeaders::preallocate(SLOTS, Some(receiver.control.clone())));
        let taken = take(&mut receiver, if path == ReceivePath::Gro { 3 } else { 15 });
        assert!(taken.iter().all(|(from, _, _)| *from == sender.local_addr().unwrap()));
        let lengths: Vec<_> = bytes(taken).iter().map(Vec::len).collect();
        match path {
            ReceivePath::Gro => {
                assert_eq!(lengths, [300, 12_100, 200]);
                let rejected = ChannelDecoder::default()
                    .decode(sender.local_addr().unwrap().ip(), &numbered(12_100));
                assert_eq!(rejected.unwrap_err().label(), "oversized");
            }
            ReceivePath::Recvmmsg => {
                let joined = [[1_000; 12].as_slice(), &[100]].concat();
                assert_eq!(lengths, [&[300], joined.as_slice(), &[200]].concat());
            }
        }
    }
}

#[test]
fn what_was_taken_before_an_error_comes_before_it() {
    for path in PATHS {
        let (mut receiver, sender) = pair(path);
        let (mut batch, clock) = (Batch::default(), Clock::start());
        sender.send(b"first").unwrap();
        receiver.recv(&mut batch, &clock).unwrap();
        let settle = |receiver: &mut Receiver, batch: &mut Batch| {
            receiver.settle(batch.parts().1, Err(Errno::ENETDOWN))
        };
        assert_eq!(settle(&mut receiver, &mut batch), Ok(false));
        assert_eq!(batch.len(), 1);
        sender.send(b"second").unwrap();
        let error = receiver.recv(&mut batch, &clock).unwrap_err();
        assert_eq!((error.raw_os_error(), batch.len()), (Some(Errno::ENETDOWN as i32), 0));
        assert_eq!(settle(&mut receiver, &mut batch), Err(Errno::ENETDOWN));
        assert_eq!(bytes(take(&mut receiver, 1)), [b"second"]);
    }
}

#[test]
fn what_the_kernel_drops_is_counted() {
    for path in PATHS {
        let (mut receiver, sender) = pair(path);
        SockRef::from(&receiver.socket).set_recv_buffer_size(8_192).unwrap();
        let mut lost = 0;
        for _ in 0..3 {
            for _ in 0..200 {
                sender.send(&numbered(1_000)).unwrap();
            }
            let mut taken = 0;
            let (mut batch, clock) = (Batch::default(), Clock::start());
            receiver.recv(&mut batch, &clock).unwrap();
            while !batch.is_empty() {
                taken += batch.len();
                receiver.recv(&mut batch, &clock).unwrap();
            }
            lost += 200 - taken;
            assert!(lost > 0, "{path:?}: all of them fitted");
            // What is received next tells of the drops before it; where room for that was never
            // needed, the one behind it.
            for _ in 0..2 {
                sender.send(&numbered(10)).unwrap();
                take(&mut receiver, 1);
            }
            assert_eq!(receiver.kernel_drops(), lost as u64, "{path:?}");
        }
    }
}

#[test]
fn a_counter_of_drops_may_wrap() {
    let mut drops = Drops { last: u32::MAX - 1, total: 7 };
    for counter in [u32::MAX, 2, 2] {
        drops.note(counter);
    }
    assert_eq!(drops.total, 11);
}

#[test]
fn the_time_of_a_datagram_is_when_it_came_and_not_when_it_was_taken() {
    for path in PATHS {
        let (mut receiver, sender) = pair(path);
        let gap = Duration::from_millis(5);
        sender.send(b"first").unwrap();
        let sent = Instant::now();
        while sent.elapsed() < gap {
            std::hint::spin_loop();
        }
        sender.send(b"second").unwrap();
        // Both wait. A clock of the run that began before them shows when they came.
        let (mut batch, clock) = (Batch::default(), Clock::began_before(DEADLINE));
        receiver.recv(&mut batch, &clock).unwrap();
        let at: Vec<_> = batch.datagrams().map(|one| one.at).collect();
        assert_eq!(at.len(), 2);
        assert!(at[1].since(at[0]) >= Micros::from_millis(4), "{path:?}: {at:?}");
    }
}

#[test]
fn nothing_is_allocated_once_it_runs() {
    for (path, segment_bytes) in
        [(ReceivePath::Gro, 1_000), (ReceivePath::Gro, 0), (ReceivePath::Recvmmsg, 0)]
    {
        let (mut receiver, sender) = pair(path);
        segment(&sender, segment_bytes);
        let message = numbered(if segment_bytes == 0 { 1_000 } else { 9_500 });
        let (mut batch, clock) = (Batch::default(), Clock::start());
        let mut seen = 0;
        let mut round = || {
            for _ in 0..20 {
                sender.send(&message).unwrap();
            }
            receiver.recv(&mut batch, &clock).unwrap();
            seen += batch.datagrams().map(|one| batch.bytes()[one.range].len()).sum::<usize>();
        };
        round();
        let info = allocation_counter::measure(|| (0..20).for_each(|_| round()));
        assert_eq!(info.count_total, 0, "{path:?}");
        assert_eq!(seen, 21 * 20 * message.len());
    }
}
