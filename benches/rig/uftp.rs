//! uftp: announce, data with feedback, done.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use super::counts::Watch;
use super::peer::{Task, Transfer};
use super::process::Process;

pub(crate) const PORT: u16 = 1_044;
pub(crate) const PUBLIC: Ipv4Addr = Ipv4Addr::new(239, 40, 0, 1);
pub(crate) const DATA: Ipv4Addr = Ipv4Addr::new(239, 40, 0, 2);
const BUFFER_BYTES: &str = "4194304";

/// One transfer: a client per namespace, since two of them cannot share an address.
pub(crate) fn run(task: &Task<'_>, outputs: &Path) -> Transfer {
    let Task { place, boxes, image, limit, .. } = *task;
    let clients: Vec<Process> = (0..boxes).map(|number| client(task, number, outputs)).collect();
    for number in 0..boxes {
        place.wait_joined(number, PUBLIC, 1);
    }
    let drops = place.kernel_drops();
    let watch = Watch::start(place);
    let server = Process::at_sender(place, &mut server(task));
    let started = server.started;
    let sender = server.wait(limit);
    let whole_seconds = started.elapsed().as_secs_f64();
    let counted = watch.data_seconds();
    let ended: Vec<_> = clients.into_iter().map(Process::end).collect();
    let name = image.file_name().unwrap();
    let completed = (0..boxes)
        .filter(|number| super::same(&outputs.join(number.to_string()).join(name), image))
        .count();
    let said: Vec<&str> = sender.stdout.lines().chain(sender.log.iter().map(|l| &**l)).collect();
    let told = said.iter().find_map(|line| seconds(line));
    Transfer {
        complete: completed == boxes,
        completed,
        lossless: place.kernel_drops() == drops,
        data_seconds: told.unwrap_or(counted),
        whole_seconds,
        sender_cpu: sender.cpu_seconds,
        receiver_cpu: ended.iter().map(|ended| ended.cpu_seconds).sum(),
        error: said.join("\n"),
    }
}

fn server(task: &Task<'_>) -> Command {
    let rate = if task.mbit == 0.0 { -1.0 } else { task.mbit * 1_000.0 };
    let mut command = Command::new("uftp");
    command.args(["-R", &rate.to_string(), "-I", task.place.send_interface]);
    command.args(["-M", &PUBLIC.to_string(), "-P", &DATA.to_string(), "-B", BUFFER_BYTES]);
    command.args(["-b", "1400", "-r", "0.1:0.01:1.0"]).arg(task.image);
    command
}

fn client(task: &Task<'_>, number: usize, outputs: &Path) -> Process {
    let directory = outputs.join(number.to_string());
    std::fs::create_dir(&directory).unwrap();
    let mut command = Command::new("uftpd");
    command.args(["-d", "-I", task.place.receive_interface, "-D"]).arg(&directory);
    command.args(["-B", BUFFER_BYTES, "-U", &format!("0x{:08x}", number + 1)]);
    command.args(["-M", &PUBLIC.to_string(), "-q"]);
    Process::at_receiver(task.place, number, &mut command)
}

/// `Total elapsed time: 0.225 seconds`, its data phase.
fn seconds(line: &str) -> Option<f64> {
    line.split_once("elapsed time:")?.1.split_whitespace().next()?.parse().ok()
}
