//! Access lines: a headend, a relay, and boxes in namespaces of their own.

use std::net::Ipv4Addr;

use super::namespace::{Namespace, ip};
use super::place::Place;

/// The namespaces: a headend's, the relay's, one for each box.
pub(crate) struct Lines {
    pub(crate) place: Place,
    pub(crate) relay: Namespace,
    pub(crate) boxes: usize,
}

impl Lines {
    /// Lines to `boxes` boxes, at most 250.
    pub(crate) fn new(boxes: usize) -> Option<Self> {
        let relay = super::namespace::allowed().then(Namespace::new)?;
        let (sender, receivers) = (Namespace::new(), (0..boxes).map(|_| Namespace::new()));
        let receivers: Vec<Namespace> = receivers.collect();
        connect(&relay, ("u0", "10.77.0.2/24"), &sender, ("vA", "10.77.0.1/24"));
        sender.ip("route add 224.0.0.0/4 dev vA");
        sender.ip("route add default via 10.77.0.2");
        for (number, receiver) in receivers.iter().enumerate() {
            let (near, far) = (line(number), far_end(number));
            let device = format!("d{number}");
            let ends = (format!("{near}/24"), format!("{far}/24"));
            connect(&relay, (&device, &ends.0), receiver, ("vB", &ends.1));
            receiver.ip("route add 224.0.0.0/4 dev vB");
            receiver.ip(&format!("route add default via {near}"));
        }
        relay.inside(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
        Some(Self { place: Place::of_lines(sender, receivers), relay, boxes })
    }
}

/// The relay's end of the headend's line.
pub(crate) const UPLINK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// The relay's end of a box's line.
pub(crate) fn line(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 78, number as u8, 1)
}

/// The box's end.
pub(crate) fn far_end(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 78, number as u8, 2)
}

fn connect(one: &Namespace, near: (&str, &str), other: &Namespace, far: (&str, &str)) {
    ip(&format!(
        "link add {} netns {} type veth peer name {} netns {}",
        near.0, one.name, far.0, other.name
    ));
    for (namespace, (device, address)) in [(one, near), (other, far)] {
        namespace.ip(&format!("addr add {address} dev {device}"));
        namespace.ip(&format!("link set {device} up"));
    }
}
