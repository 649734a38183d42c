//! Peers behind the same lines as ours: what they can do there.
//!
//! uftp and udpcast have a back channel, which the relay leaves unharmed. udpcast also sends one way
//! with repair of its own (`--async --fec`), the only peer that works without one. No peer can be
//! joined while it sends, so all their receivers wait before it starts.

use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use stbcast_sim::loss::Loss;

use super::counts::Watch;
use super::lines::Lines;
use super::peer::Peer;
use super::place::Place;
use super::process::Process;
use super::record::{Kind, Record};
use super::relay::Relay;
use super::{udpcast, uftp};

/// Blocks of data are larger than this, everything else is smaller.
const DATA_BYTES_MIN: usize = 1_000;
/// The port of udpcast's receivers; its sender has the next one.
const UDPCAST_PORT: u16 = 9_000;
/// Blocks of the image in a stripe of udpcast's repair, and stripes side by side.
const STRIPE: (u32, u32) = (128, 8);

/// Who sends, and how.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Contender {
    Uftp,
    /// Receivers confirm, what is missing is sent again.
    Acknowledged,
    /// Nobody answers; this part of the blocks is repair.
    OneWay(f64),
}

/// A transfer over the lines.
pub(crate) struct Transmission<'a> {
    pub(crate) lines: &'a Lines,
    pub(crate) boxes: usize,
    pub(crate) loss: Loss,
    pub(crate) seed: u64,
    pub(crate) image: &'a Path,
    pub(crate) directory: &'a Path,
    pub(crate) mbit: f64,
    pub(crate) limit: Duration,
}

/// What it came to; times in seconds.
pub(crate) struct Transfer {
    pub(crate) completed: usize,
    pub(crate) data_seconds: f64,
    pub(crate) whole_seconds: f64,
    pub(crate) record: Record,
}

impl Contender {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Uftp => "uftp".to_owned(),
            Self::Acknowledged => "udpcast, acknowledged".to_owned(),
            Self::OneWay(part) => format!("udpcast, one way, {:.0} % repair", part * 100.0),
        }
    }

    pub(crate) const fn peer(self) -> Peer {
        match self {
            Self::Uftp => Peer::Uftp,
            Self::Acknowledged | Self::OneWay(_) => Peer::Udpcast,
        }
    }

    pub(crate) fn run(self, job: &Transmission<'_>) -> Transfer {
        let kind = |_, payload: &[u8]| {
            if payload.len() > DATA_BYTES_MIN { Kind::Source } else { Kind::Other }
        };
        let relay = Relay::start(job.lines, &self.groups(), (job.loss, job.seed), kind);
        let (completed, data_seconds, whole_seconds) = match self {
            Self::Uftp => {
                let Transmission { lines, boxes, image, directory, mbit, limit, .. } = *job;
                let run = Peer::Uftp.run(&lines.place, boxes, image, directory, mbit, limit);
                (run.completed, run.data_seconds, run.whole_seconds)
            }
            Self::Acknowledged | Self::OneWay(_) => self.udpcast(job),
        };
        Transfer { completed, data_seconds, whole_seconds, record: relay.stop() }
    }

    fn groups(self) -> [SocketAddrV4; 2] {
        match self {
            Self::Uftp => [uftp::PUBLIC, uftp::DATA].map(|ip| SocketAddrV4::new(ip, uftp::PORT)),
            Self::Acknowledged | Self::OneWay(_) => {
                [udpcast::RENDEZVOUS, udpcast::DATA].map(|ip| SocketAddrV4::new(ip, UDPCAST_PORT))
            }
        }
    }

    fn udpcast(self, job: &Transmission<'_>) -> (usize, f64, f64) {
        let place = &job.lines.place;
        let outputs = tempfile::tempdir_in(job.directory).unwrap();
        let output = |number: usize| outputs.path().join(number.to_string());
        let receive = |number| {
            Process::at_receiver(place, number, &mut Self::receiver(place, &output(number)))
        };
        let receivers: Vec<Process> = (0..job.boxes).map(receive).collect();
        for number in 0..job.boxes {
            place.wait_joined(number, udpcast::RENDEZVOUS, 1);
        }
        let watch = Watch::start(place);
        let sender = Process::at_sender(place, &mut self.sender(job));
        let started = sender.started;
        let end = Instant::now() + job.limit;
        let left = || end.saturating_duration_since(Instant::now());
        for receiver in receivers {
            receiver.wait(left());
        }
        let whole_seconds = started.elapsed().as_secs_f64();
        sender.wait(Duration::from_secs(5));
        let is_equal = |number: &usize| super::same(&output(*number), job.image);
        let completed = (0..job.boxes).filter(is_equal).count();
        (completed, watch.data_seconds(), whole_seconds)
    }

    fn receiver(place: &Place, output: &Path) -> Command {
        let mut command = Command::new("udp-receiver");
        command.arg("--file").arg(output).args(["--interface", place.receive_interface]);
        command.args(["--nokbd", "--no-progress", "--ttl", "1"]);
        command.args(["--mcast-rdv-address", &udpcast::RENDEZVOUS.to_string()]);
        command.args(["--start-timeout", "30", "--receive-timeout", "5"]);
        command
    }

    fn sender(self, job: &Transmission<'_>) -> Command {
        let mut command = Command::new("udp-sender");
        command.arg("--file").arg(job.image);
        command.args(["--interface", job.lines.place.send_interface, "--ttl", "1"]);
        command.args(["--nokbd", "--no-progress", "--max-bitrate", &format!("{}m", job.mbit)]);
        command.args(["--mcast-rdv-address", &udpcast::RENDEZVOUS.to_string()]);
        command.args(["--mcast-data-address", &udpcast::DATA.to_string()]);
        match self {
            Self::OneWay(part) => {
                let (stripe, stripes) = STRIPE;
                let repair = (f64::from(stripe) * part).ceil();
                command.args(["--async", "--fec", &format!("{stripes}x{repair}/{stripe}")]);
                command.args(["--rexmit-hello-interval", "250", "--autostart", "4"]);
            }
            _ => {
                command.args([
                    "--full-duplex",
                    "--nopointopoint",
                    "--rexmit-hello-interval",
                    "250",
                ]);
                command.args(["--min-receivers", &job.boxes.to_string()]);
            }
        }
        command
    }
}
