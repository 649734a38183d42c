//! Disks that are full, logs that nobody reads, descriptors that have run out.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use super::super::harness::{DEADLINE, Program, Site, headend, hear, join, metrics, noise, run};
use super::wait_until;

/// Slices of the images here.
const SLICE: usize = 1_000;

/// The image that these datagrams carry, from the first slice on; empty where none is whole.
fn image(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let number = |datagram: &[u8]| u32::from_be_bytes(datagram[4..8].try_into().unwrap()) as usize;
    let total = |datagram: &[u8]| u32::from_be_bytes(datagram[8..12].try_into().unwrap()) as usize;
    let Some(first) = datagrams.iter().position(|one| number(one) == 1) else { return Vec::new() };
    let all = total(&datagrams[first]);
    let cycle = datagrams.iter().skip(first).take(all);
    let whole = cycle.clone().map(|one| number(one)).eq(1..=all);
    if whole { cycle.flat_map(|one| one[44..].to_vec()).collect() } else { Vec::new() }
}

/// What a group carries now: the image of a cycle that is heard whole.
fn on_air(group: &str, most: usize) -> Vec<u8> {
    let socket = join(group);
    image(&hear(&socket, 2 * most / SLICE + 2))
}

fn site() -> (Site, String) {
    let mut site = Site::new();
    let group = site.channel("images", 20_000, SLICE as u32);
    (site, group)
}

/// Files that a copy left half-written.
fn leftovers(spool: &PathBuf) -> Vec<String> {
    let names = std::fs::read_dir(spool).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

/// A reload is refused for want of room, for a reason that contains `why`; what was on air stays, and
/// a smaller image goes on air after that.
#[track_caller]
fn refuses_what_does_not_fit(
    (site, group): (&Site, &str),
    headend: &mut Program,
    spool: &PathBuf,
    why: &[&str],
) {
    let old = noise(1, 600_000);
    assert!(on_air(group, old.len()) == old);
    site.file("boot.img", &noise(2, 700_000));
    headend.signal(Signal::HUP);
    headend.wait_for("is refused");
    let line = headend.wait_for("object `boot`: ");
    assert!(why.iter().all(|why| line.contains(why)), "{line}");
    headend.wait_for("the old line-up stays on air");
    assert!(on_air(group, old.len()) == old, "not what was on air before");
    assert_eq!(leftovers(spool), Vec::<String>::new());
    let small = noise(3, 100_000);
    site.file("boot.img", &small);
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    assert!(on_air(group, small.len()) == small);
}

#[test]
fn a_spool_at_its_cap_refuses_the_reload_and_what_is_on_air_stays() {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 600_000));
    let mut headend = site.serve(&["--spool-cap-mib", "1"]);
    let why = ["the spool is full", "--spool-cap-mib", "boot.img"];
    refuses_what_does_not_fit((&site, &group), &mut headend, &site.path("spool"), &why);
}

/// The headend of a site, with a folder that is a disk of its own of so many KiB, in a mount namespace;
/// where the folder is seen from here.
fn serve_with_disk(site: &Site, folder: &str, kib: u32) -> (Program, PathBuf) {
    let folder = site.path(folder);
    std::fs::create_dir(&folder).unwrap();
    let mount = format!("mount -t tmpfs -o size={kib}k tmpfs \"$0\" && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &mount]).arg(&folder);
    command.arg(headend().get_program()).arg("serve").arg(site.write());
    command.args(["--interface", "127.0.0.1", "--ttl", "0", "--spool"]).arg(site.path("spool"));
    command.arg("--state").arg(site.path("state"));
    let mut program = Program::start(&mut command);
    program.wait_for("line-up 1 is on air");
    let inside = PathBuf::from(format!("/proc/{}/root", program.id()));
    (program, inside.join(folder.strip_prefix("/").unwrap()))
}

fn serve_from(site: &Site, kib: u32) -> (Program, PathBuf) {
    serve_with_disk(site, "spool", kib)
}

#[test]
fn a_kill_on_a_full_disk_is_a_kill_and_stays_one() {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 100_000));
    let (mut serving, state) = serve_with_disk(&site, "state", 64);
    let mut full = File::create(state.join("full")).unwrap();
    while full.write(&[0; 4_096]).is_ok_and(|written| written > 0) {}
    let socket = join(&group);
    hear(&socket, 10);
    let mut command = Command::new("nsenter");
    command.arg(format!("--mount=/proc/{}/ns/mnt", serving.id())).arg(headend().get_program());
    command.args(["kill", "channel", "images", "--state"]).arg(site.path("state"));
    let killed = run(&mut command);
    let said = String::from_utf8_lossy(&killed.stderr).into_owned();
    assert_eq!(killed.status.code(), Some(0), "{said}");
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut buffer = [0; 2_048];
    wait_until("nothing is sent any more", || socket.recv(&mut buffer).is_err());
    assert!(std::fs::read_to_string(state.join("killed")).unwrap().contains("channel images"));
    serving.signal(Signal::HUP);
    serving.wait_for("SIGHUP");
    assert!(socket.recv(&mut buffer).is_err(), "on air again");
}

#[test]
fn a_full_disk_under_the_spool_refuses_the_reload_and_what_is_on_air_stays() {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 600_000));
    let (mut headend, spool) = serve_from(&site, 1_024);
    let place = site.path("spool").display().to_string();
    let why = ["No space left on device", "boot.img", &place];
    refuses_what_does_not_fit((&site, &group), &mut headend, &spool, &why);
}

#[test]
fn a_disk_too_full_for_repair_symbols_refuses_the_reload_and_what_is_on_air_stays() {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(1, 600_000));
    let (mut headend, spool) = serve_from(&site, 1_500);
    let free = super::super::harness::free_group();
    let repair = format!("slice_bytes = 1000\nrepair = {{ group = \"{free}\", ratio = 0.5 }}");
    site.replace("slice_bytes = 1000", &repair);
    site.write();
    let place = site.path("spool").display().to_string();
    let why = ["No space left on device", "repair symbols", &place];
    refuses_what_does_not_fit((&site, &group), &mut headend, &spool, &why);
}

#[test]
fn an_access_log_on_a_full_disk_keeps_nothing_from_being_sent_or_answered() {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    let boot = noise(1, 100_000);
    site.file("boot.img", &boot);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _headend = site.serve(&["--http", &address.to_string(), "--http-log", "/dev/full"]);
    for _ in 0..3 {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = "GET /images/images/boot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(&boot));
    }
    assert!(on_air(&group, boot.len()) == boot);
}

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ended {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

/// A headend whose standard error goes there sends, takes another line-up, and ends when it is told.
#[track_caller]
fn serves_whatever_becomes_of_its_log(stderr: Stdio) {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    let old = noise(1, 100_000);
    site.file("boot.img", &old);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = headend();
    command.arg("serve").arg(site.write()).arg("--spool").arg(site.path("spool"));
    command.env("XDG_STATE_HOME", site.path("state"));
    command.args(["--interface", "127.0.0.1", "--ttl", "0"]);
    command.args(["--metrics", &address.to_string()]);
    let mut headend = Ended(command.stdin(Stdio::null()).stderr(stderr).spawn().unwrap());
    assert!(on_air(&group, old.len()) == old);
    let generation = || {
        let text = metrics(address);
        let line = text.lines().find(|line| line.starts_with("stbcast_lineup_generation"));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().trim().parse().unwrap())
    };
    for number in 2..20 {
        site.file("boot.img", &noise(number, 100_000));
        headend.signal(Signal::HUP);
        wait_until("the next line-up is on air", || generation() == number);
    }
    assert!(on_air(&group, old.len()) == noise(19, 100_000));
    headend.signal(Signal::TERM);
    let end = Instant::now() + DEADLINE / 10;
    while headend.0.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it does not end");
        std::thread::yield_now();
    }
}

#[test]
fn a_full_pipe_as_its_log_stops_nothing() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl_setfl(writer.as_fd(), OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 4_096]).is_ok() {}
    fcntl_setfl(writer.as_fd(), OFlags::empty()).unwrap();
    serves_whatever_becomes_of_its_log(writer.into());
    drop(reader);
}

#[test]
fn a_closed_pipe_as_its_log_stops_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    serves_whatever_becomes_of_its_log(writer.into());
}

#[test]
fn a_full_disk_under_its_log_stops_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    serves_whatever_becomes_of_its_log(full.into());
}

#[test]
fn a_line_up_with_more_channels_than_descriptors_is_refused_and_the_old_one_stays() {
    let (mut site, group) = site();
    site.object("boot", "boot.img", "");
    let boot = noise(1, 100_000);
    site.file("boot.img", &boot);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 32; exec \"$0\" \"$@\""]).arg(headend().get_program());
    command.arg("serve").arg(site.write()).arg("--spool").arg(site.path("spool"));
    command.env("XDG_STATE_HOME", site.path("state"));
    command.args(["--interface", "127.0.0.1", "--ttl", "0"]);
    let mut headend = Program::start(&mut command);
    headend.wait_for("line-up 1 is on air");
    let few = std::fs::read(site.path("lineup.toml")).unwrap();
    for number in 0..40 {
        site.channel(&format!("more-{number}"), 64, 1_000);
        site.object("boot", "boot.img", "");
    }
    site.write();
    for _ in 0..3 {
        headend.signal(Signal::HUP);
        headend.wait_for("Too many open files");
        headend.wait_for("the old line-up stays on air");
        assert!(on_air(&group, boot.len()) == boot);
    }
    std::fs::write(site.path("lineup.toml"), few).unwrap();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
}
