use std::net::{Ipv4Addr, UdpSocket};
use std::time::Instant;

use socket2::SockRef;

use super::*;
use crate::io::batch::Datagram;

const DEADLINE: Duration = Duration::from_secs(30);

/// A group no other test uses, and its sender.
fn channel() -> (Group, UdpSocket) {
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = sender.local_addr().unwrap().port();
    let [high, low] = port.to_be_bytes();
    let group = Group::new([239, 252, high, low].into(), port).unwrap();
    let options = SockRef::from(&sender);
    options.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    options.set_multicast_ttl_v4(0).unwrap();
    sender.connect(group.socket_addr()).unwrap();
    (group, sender)
}

/// Keeps what is wrong.
#[derive(Default)]
struct Troubles(Vec<String>);

impl Observer for Troubles {
    fn trouble(&mut self, trouble: &Trouble) {
        if trouble.is_cause() {
            self.0.push(trouble.to_string());
        }
    }
}

/// A box on several groups, the first of which is the main one.
struct Listener {
    ears: Ears<'static>,
    heard: Heard,
    lanes: Vec<usize>,
    troubles: Troubles,
}

impl Listener {
    fn on(groups: &[Group]) -> Self {
        let loopback = Box::leak(Box::new(Interface::resolve("127.0.0.1").unwrap()));
        let mut ears = Ears::new(Some(loopback));
        let (mut heard, mut troubles) = (Heard::default(), Troubles::default());
        let mut stream = Stream::Main;
        let join = |group: &Group| {
            let lane = ears.join(*group, None, stream, &mut troubles);
            stream = Stream::Side;
            lane
        };
        let lanes = groups.iter().filter_map(join).collect();
        heard.queue.give(ears.owners());
        Self { ears, heard, lanes, troubles }
    }

    /// What one look gives: which group, in their order, and the number in front.
    fn turn(&mut self, mut each: impl FnMut(usize, u16)) {
        self.ears.recv(&mut self.heard, WAIT, None, &mut self.troubles);
        let Heard { bytes, queue } = &mut self.heard;
        while let Some((lane, Datagram { range, .. })) = queue.next() {
            let group = self.lanes.iter().position(|one| *one == lane).unwrap();
            each(group, u16::from_be_bytes([bytes[range.start], bytes[range.start + 1]]));
        }
    }

    fn take(&mut self, count: usize) -> Vec<(usize, u16)> {
        let (mut taken, began) = (Vec::new(), Instant::now());
        while taken.len() < count {
            assert!(began.elapsed() < DEADLINE, "{} of {count} came", taken.len());
            self.turn(|group, first| taken.push((group, first)));
        }
        taken
    }
}

/// A datagram with a number in front.
fn numbered(number: u16) -> [u8; 1_400] {
    let mut datagram = [0; 1_400];
    datagram[..2].copy_from_slice(&number.to_be_bytes());
    datagram
}

#[test]
fn what_comes_beside_the_main_group_is_never_handed_out_before_what_came_earlier_there() {
    let channels = [channel(), channel(), channel()];
    let mut listener = Listener::on(&channels.each_ref().map(|(group, _)| *group));
    // The kernel begins to stamp some time after the first socket has asked for it.
    let began = Instant::now();
    loop {
        for (_, sender) in &channels {
            sender.send(&numbered(0)).unwrap();
        }
        let groups: Vec<_> = listener.take(3).into_iter().map(|(group, _)| group).collect();
        if groups == [0, 1, 2] {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "the kernel stamps nothing");
    }
    // Far more than one look takes; most of it on the first group.
    let order: Vec<_> = (0..2_000).map(|n| if n % 10 < 8 { 0 } else { n % 10 - 7 }).collect();
    for (number, group) in order.iter().enumerate() {
        channels[*group].1.send(&numbered(number as u16)).unwrap();
    }
    let taken = listener.take(order.len());
    let mut next = [0; 3];
    for (group, number) in taken {
        let sent: Vec<_> = (0..order.len()).filter(|at| order[*at] == group).collect();
        assert_eq!(sent[next[group]], usize::from(number), "each group in its own order");
        next[group] += 1;
        let earlier = order[..usize::from(number)].iter().filter(|one| **one == 0).count();
        assert!(group == 0 || next[0] >= earlier, "{number}: {next:?}, {earlier}");
    }
    assert_eq!(listener.troubles.0, [""; 0]);
}

#[test]
fn a_datagram_on_any_group_ends_the_wait() {
    let channels = [channel(), channel(), channel()];
    let mut listener = Listener::on(&channels.each_ref().map(|(group, _)| *group));
    for (index, (_, sender)) in channels.iter().enumerate() {
        sender.send(&numbered(7)).unwrap();
        assert_eq!(listener.take(1), [(index, 7)]);
    }
    let began = Instant::now();
    listener.turn(|_, _| panic!("nothing was sent"));
    assert!(began.elapsed() >= WAIT / 2 && began.elapsed() < DEADLINE);
}

#[test]
fn a_group_that_is_left_is_heard_no_more_and_the_others_are() {
    let channels = [channel(), channel()];
    let groups = channels.each_ref().map(|(group, _)| *group);
    let mut listener = Listener::on(&groups);
    for (_, sender) in &channels {
        sender.send(&numbered(1)).unwrap();
    }
    listener.ears.recv(&mut listener.heard, WAIT, None, &mut listener.troubles);
    listener.ears.leave(groups[0]);
    listener.heard.queue.give(listener.ears.owners());
    let next = listener.heard.queue.next().map(|(lane, _)| lane);
    assert_eq!(next, Some(listener.lanes[1]), "the other one's were not lost with it");
    for (_, sender) in &channels {
        sender.send(&numbered(2)).unwrap();
    }
    assert_eq!(listener.take(1), [(1, 2)]);
    // Joined again it has a lane, and nothing of before is in it.
    let lane = listener.ears.join(groups[0], None, Stream::Main, &mut listener.troubles);
    listener.heard.queue.give(listener.ears.owners());
    assert_eq!(lane, Some(listener.lanes[0]));
    channels[0].1.send(&numbered(3)).unwrap();
    assert_eq!(listener.take(1), [(0, 3)]);
    let ReceiveFigures { kernel_drops, receive_calls, .. } = listener.ears.figures;
    assert!(kernel_drops == 0 && receive_calls > 0);
}

#[test]
fn a_group_too_many_is_told_and_ends_nothing() {
    let channels = [channel(), channel(), channel(), channel()];
    let mut listener = Listener::on(&channels.each_ref().map(|(group, _)| *group));
    assert_eq!(listener.lanes.len(), LANES);
    assert!(listener.troubles.0[0].contains("3 groups are joined already"));
    channels[1].1.send(&numbered(5)).unwrap();
    assert_eq!(listener.take(1), [(1, 5)]);
}

#[test]
fn nothing_is_allocated_once_it_runs() {
    let channels = [channel(), channel(), channel()];
    for count in 1..=channels.len() {
        let groups: Vec<_> = channels.iter().take(count).map(|(group, _)| *group).collect();
        let mut listener = Listener::on(&groups);
        let mut round = || {
            for (_, sender) in channels.iter().take(count) {
                for _ in 0..10 {
                    sender.send(&[9; 1_000]).unwrap();
                }
            }
            let mut left = 10 * count;
            while left > 0 {
                listener.turn(|_, _| left -= 1);
            }
        };
        round();
        let info = allocation_counter::measure(|| (0..10).for_each(|_| round()));
        assert_eq!(info.count_total, 0, "{count} groups");
    }
}
