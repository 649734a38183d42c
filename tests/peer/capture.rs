//! Captures for the second box (`repair_peer.py`), and what it says of them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use etherparse::PacketBuilder;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use tempfile::TempDir;

/// Datagrams in the order in which they were sent.
pub(crate) type Air = Vec<(SocketAddr, Vec<u8>)>;

/// Xorshift; a seed replays a test.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) % end
    }
}

/// Without one datagram in twenty.
pub(crate) fn thinned(air: Air, seed: u64) -> Air {
    let mut dice = Dice(seed);
    air.into_iter().filter(|_| dice.below(20) > 0).collect()
}

/// The script.
pub(crate) fn second_box() -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/repair_peer.py");
    let mut command = Command::new("python3");
    command.arg(script);
    command
}

/// What the second box says of `air`, and the object where it is whole.
pub(crate) fn rebuild(
    source: &str,
    announce: &str,
    air: &Air,
    more: &[&str],
) -> (Option<i32>, serde_json::Value, Vec<u8>) {
    let directory = TempDir::new().unwrap();
    let output = directory.path().join("object");
    let done = second_box()
        .arg("rebuild")
        .arg(capture(directory.path(), air))
        .args(["--source", source, "--announce", announce, "--output"])
        .arg(&output)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    let figures = serde_json::from_slice(&done.stdout);
    let figures = figures.unwrap_or_else(|error| panic!("{error}: {said}"));
    (done.status.code(), figures, std::fs::read(output).unwrap_or_default())
}

pub(crate) fn capture(directory: &Path, air: &Air) -> PathBuf {
    let path = directory.join("air.pcap");
    let header = PcapHeader { datalink: DataLink::ETHERNET, ..PcapHeader::default() };
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = PcapWriter::with_header(std::io::BufWriter::new(file), header).unwrap();
    for (place, (group, payload)) in air.iter().enumerate() {
        let ethernet = PacketBuilder::ethernet2([0; 6], [1, 0, 0x5e, 0, 0, 1]);
        let mut frame = Vec::new();
        match group.ip() {
            IpAddr::V4(address) => ethernet.ipv4([192, 0, 2, 1], address.octets(), 1),
            IpAddr::V6(address) => ethernet.ipv6(
                [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                address.octets(),
                1,
            ),
        }
        .udp(40_000, group.port())
        .write(&mut frame, payload)
        .unwrap();
        let at = Duration::from_micros(1_790_000_000_000_000 + place as u64);
        writer.write_packet(&PcapPacket::new(at, frame.len() as u32, &frame)).unwrap();
    }
    path
}
