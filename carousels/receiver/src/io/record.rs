//! Recording datagrams as a capture file that any network tool reads.
//!
//! A socket hands over UDP payload, so IP and UDP headers are made again from what is known:
//! sender, group and ports are the real ones, TTL and identification are not. The crates
//! `etherparse` and `pcap-file` are named in this file alone.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etherparse::{IpHeaders, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, PacketBuilder};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError};
use stbcast_object::Group;

/// TTL of the headers made here.
const TTL: u8 = 1;

/// A recording that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the recording {}: {why}", path.display())]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub why: String,
}

/// A capture file being written.
pub(crate) struct Recorder {
    path: PathBuf,
    writer: PcapWriter<BufWriter<File>>,
    packet: Vec<u8>,
}

impl Recorder {
    /// Creates or replaces the file.
    pub(crate) fn create(path: &Path) -> Result<Self, RecordError> {
        let fail = |why: String| RecordError { path: path.to_owned(), why };
        let file = File::create(path).map_err(|error| fail(error.to_string()))?;
        let header = PcapHeader { datalink: DataLink::RAW, ..PcapHeader::default() };
        let writer = PcapWriter::with_header(BufWriter::new(file), header)
            .map_err(|error| fail(error.to_string()))?;
        Ok(Self { path: path.to_owned(), writer, packet: Vec::new() })
    }

    /// Adds one datagram that arrived `at`, since 1970.
    pub(crate) fn add(
        &mut self,
        at: Duration,
        from: SocketAddr,
        group: Group,
        payload: &[u8],
    ) -> Result<(), RecordError> {
        let written = self.encode(from, group, payload).and_then(|()| {
            let bytes = u32::try_from(self.packet.len()).unwrap_or(u32::MAX);
            let packet = PcapPacket::new(at, bytes, &self.packet);
            self.writer.write_packet(&packet).map(drop).map_err(|error| text(&error))
        });
        written.map_err(|why| RecordError { path: self.path.clone(), why })
    }

    /// Writes what is still in memory.
    pub(crate) fn finish(self) -> Result<(), RecordError> {
        let Self { path, writer, .. } = self;
        let flushed = writer.into_writer().flush();
        flushed.map_err(|error| RecordError { path, why: error.to_string() })
    }

    fn encode(&mut self, from: SocketAddr, group: Group, payload: &[u8]) -> Result<(), String> {
        self.packet.clear();
        PacketBuilder::ip(ip_headers(from.ip(), group.address(), payload.len())?)
            .udp(from.port(), group.port())
            .write(&mut self.packet, payload)
            .map_err(|error| error.to_string())
    }
}

fn ip_headers(from: IpAddr, to: IpAddr, payload_bytes: usize) -> Result<IpHeaders, String> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let bytes = u16::try_from(payload_bytes).map_err(|error| error.to_string())?;
            let header = Ipv4Header::new(bytes, TTL, IpNumber::UDP, from.octets(), to.octets());
            let header = header.map_err(|error| error.to_string())?;
            Ok(IpHeaders::Ipv4(header, Default::default()))
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let header = Ipv6Header {
                traffic_class: 0,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: 0,
                next_header: IpNumber::UDP,
                hop_limit: TTL,
                source: from.octets(),
                destination: to.octets(),
            };
            Ok(IpHeaders::Ipv6(header, Default::default()))
        }
        _ => Err(format!("{from} and {to} are of two families")),
    }
}

fn text(error: &PcapError) -> String {
    match error {
        PcapError::IoError(error) => error.to_string(),
        other => other.to_string(),
    }
}
