//! udpcast: acknowledged, full duplex, multicast.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::counts::Watch;
use super::peer::{Task, Transfer};
use super::process::Process;

pub(crate) const RENDEZVOUS: Ipv4Addr = Ipv4Addr::new(239, 50, 0, 1);
pub(crate) const DATA: Ipv4Addr = Ipv4Addr::new(239, 50, 0, 2);

/// One transfer: a receiver per namespace, since they are told apart by address.
pub(crate) fn run(task: &Task<'_>, outputs: &Path) -> Transfer {
    let Task { place, boxes, image, limit, .. } = *task;
    let receivers: Vec<Process> =
        (0..boxes).map(|number| receiver(task, number, outputs)).collect();
    for number in 0..boxes {
        place.wait_joined(number, RENDEZVOUS, 1);
    }
    let drops = place.kernel_drops();
    let watch = Watch::start(place);
    let sender = Process::at_sender(place, &mut sender(task));
    let started = sender.started;
    let ended: Vec<_> = receivers.into_iter().map(|receiver| receiver.wait(limit)).collect();
    let whole_seconds = started.elapsed().as_secs_f64();
    let sender = sender.wait(Duration::from_secs(10));
    let completed = (0..boxes).filter(|n| super::same(&outputs.join(n.to_string()), image)).count();
    Transfer {
        complete: completed == boxes,
        completed,
        lossless: place.kernel_drops() == drops,
        data_seconds: watch.data_seconds(),
        whole_seconds,
        sender_cpu: sender.cpu_seconds,
        receiver_cpu: ended.iter().map(|ended| ended.cpu_seconds).sum(),
        error: sender.log.join("\n"),
    }
}

fn sender(task: &Task<'_>) -> Command {
    let mut command = Command::new("udp-sender");
    command.arg("--file").arg(task.image).args(["--interface", task.place.send_interface]);
    command.args(["--nokbd", "--no-progress", "--ttl", "1", "--full-duplex", "--nopointopoint"]);
    command.args(["--mcast-rdv-address", &RENDEZVOUS.to_string()]);
    command.args(["--mcast-data-address", &DATA.to_string()]);
    command.args(["--min-receivers", &task.boxes.to_string()]);
    if task.mbit > 0.0 {
        command.args(["--max-bitrate", &format!("{}m", task.mbit)]);
    }
    command
}

fn receiver(task: &Task<'_>, number: usize, outputs: &Path) -> Process {
    let mut command = Command::new("udp-receiver");
    command.arg("--file").arg(outputs.join(number.to_string()));
    command.args(["--interface", task.place.receive_interface, "--nokbd", "--no-progress"]);
    command.args(["--mcast-rdv-address", &RENDEZVOUS.to_string(), "--ttl", "1"]);
    Process::at_receiver(task.place, number, &mut command)
}
