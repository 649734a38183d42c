//! What a transfer by somebody else's program came to, and which programs there are.

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

use super::place::Place;
use super::process::{Ended, Process};
use super::{flute, raw, udpcast, uftp};

/// Tools we compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Uftp,
    Udpcast,
    Flute,
}

/// One transfer. Times in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    /// Every receiver has every byte.
    pub(crate) complete: bool,
    /// How many have.
    pub(crate) completed: usize,
    /// Nothing was dropped by a socket of the receiver.
    pub(crate) lossless: bool,
    /// Data phase: by the tool itself where it tells, else by the device's counters.
    pub(crate) data_seconds: f64,
    /// From the start of the sender to the end of the last receiver.
    pub(crate) whole_seconds: f64,
    /// CPU of whole processes; that of the receivers together.
    pub(crate) sender_cpu: f64,
    pub(crate) receiver_cpu: f64,
    pub(crate) error: String,
}

impl Peer {
    pub(crate) const ALL: [Self; 3] = [Self::Uftp, Self::Udpcast, Self::Flute];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uftp => "uftp",
            Self::Udpcast => "udpcast",
            Self::Flute => "flute crate",
        }
    }

    /// Whether it can be run here; where not, a line says so.
    pub(crate) fn is_here(self) -> bool {
        let programs: &[&str] = match self {
            Self::Uftp => &["uftp", "uftpd"],
            Self::Udpcast => &["udp-sender", "udp-receiver"],
            Self::Flute => &[],
        };
        let missing = programs.iter().find(|program| !super::installed(program));
        if let Some(program) = missing {
            println!("{} is skipped: `{program}` is not installed.\n", self.name());
        }
        missing.is_none()
    }

    /// Sends `image` to `boxes` receivers at `mbit`; 0 is unlimited. `limit` ends what hangs.
    pub(crate) fn run(
        self,
        place: &Place,
        boxes: usize,
        image: &Path,
        directory: &Path,
        mbit: f64,
        limit: Duration,
    ) -> Transfer {
        let task = Task { place, boxes, image, mbit, limit };
        let outputs = tempfile::tempdir_in(directory).unwrap();
        match self {
            Self::Uftp => uftp::run(&task, outputs.path()),
            Self::Udpcast => udpcast::run(&task, outputs.path()),
            Self::Flute => run_flute(&task, outputs.path()),
        }
    }

    /// Where its data goes, for a tap.
    pub(crate) fn is_data(self, group: SocketAddrV4) -> bool {
        match self {
            Self::Uftp => *group.ip() == uftp::DATA,
            Self::Udpcast => *group.ip() == udpcast::DATA,
            Self::Flute => *group.ip() == *FLUTE.ip(),
        }
    }
}

/// What a peer is to do.
pub(crate) struct Task<'a> {
    pub(crate) place: &'a Place,
    pub(crate) boxes: usize,
    pub(crate) image: &'a Path,
    pub(crate) mbit: f64,
    pub(crate) limit: Duration,
}

const FLUTE: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(239, 20, 0, 1), 3400);

fn run_flute(task: &Task<'_>, outputs: &Path) -> Transfer {
    let Task { place, boxes, image, mbit, limit } = *task;
    let receivers: Vec<Process> = (0..boxes)
        .map(|number| {
            let out = outputs.join(number.to_string());
            std::fs::create_dir(&out).unwrap();
            let mut command = flute::receiver(place, FLUTE, &out, image);
            Process::at_receiver(place, number, &mut command)
        })
        .collect();
    place.wait_joined(0, *FLUTE.ip(), boxes as u64);
    let drops = place.kernel_drops();
    let mut command = flute::sender(place, FLUTE, image, mbit * 1_000.0);
    let sender = Process::at_sender(place, &mut command);
    let started = sender.started;
    let ended: Vec<Ended> = receivers.into_iter().map(|receiver| receiver.wait(limit)).collect();
    let whole_seconds = started.elapsed().as_secs_f64();
    let sender = sender.wait(Duration::from_secs(10));
    let name = image.file_name().unwrap();
    let completed =
        (0..boxes).filter(|n| super::same(&outputs.join(n.to_string()).join(name), image)).count();
    Transfer {
        complete: completed == boxes,
        completed,
        lossless: place.kernel_drops() == drops,
        data_seconds: super::stats::largest(ended.iter().map(|e| raw::told(&e.stdout, "seconds"))),
        whole_seconds,
        sender_cpu: sender.cpu_seconds,
        receiver_cpu: ended.iter().map(|ended| ended.cpu_seconds).sum(),
        error: sender.log.join("\n"),
    }
}
