//! Two hosts joined by a network of their own: namespaces and a veth pair, removed in the end.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};
use rustix::process::Signal;

use super::end_to_end::json;
use super::harness::{Program, Site, headend, noise, receiver, run};

/// The headend's host and the boxes', each with the interface `air0`.
pub(crate) struct Hosts {
    pub(crate) names: [String; 2],
}

impl Hosts {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let hosts = Self { names: [format!("stbcast-h{id}"), format!("stbcast-b{id}")] };
        let [headend, boxes] = &hosts.names;
        ip([
            format!("netns add {headend}"),
            format!("netns add {boxes}"),
            format!("link add air0 netns {headend} type veth peer name air0 netns {boxes}"),
            format!("-n {headend} addr add 10.77.0.1/24 dev air0"),
            format!("-n {boxes} addr add 10.77.0.2/24 dev air0"),
            format!("-n {headend} addr add fd77::1/64 dev air0 nodad"),
            format!("-n {boxes} addr add fd77::2/64 dev air0 nodad"),
            format!("-n {headend} link set lo up"),
            format!("-n {headend} link set air0 up"),
            format!("-n {boxes} link set air0 up"),
        ]);
        hosts
    }

    /// The headend serving a site's line-up on its host, on air.
    pub(crate) fn serve(&self, site: &Site, more: &[&str]) -> Program {
        let mut program = Program::start(
            self.on(0, &headend())
                .arg("serve")
                .arg(site.write())
                .env("XDG_STATE_HOME", site.path("state"))
                .args(["--ttl", "1", "--spool"])
                .arg(site.path("spool"))
                .args(more),
        );
        program.wait_for("line-up 1 is on air");
        program
    }

    /// A box on the other host fetches the object `boot`; the figures of it.
    #[track_caller]
    pub(crate) fn fetch(&self, site: &Site, group: &str, image: &[u8]) -> serde_json::Value {
        let url = format!("infocast://{group}/boot");
        let fetched = run(self
            .on(1, &receiver())
            .args(["fetch", &url, "--interface", "air0", "--json", "--output"])
            .arg(site.path("out")));
        let stdout = String::from_utf8(fetched.stdout).unwrap();
        assert_eq!(fetched.status.code(), Some(0), "{group}: {stdout}");
        assert!(std::fs::read(site.path("out")).unwrap() == image, "{group}");
        json(&stdout)
    }

    pub(crate) fn on(&self, host: usize, program: &Command) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[host]]).arg(program.get_program());
        command
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// Does something on a host; sockets it opens stay there.
pub(crate) fn inside<T: Send>(host: &str, act: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        setns(File::open(format!("/run/netns/{host}")).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        act()
    };
    std::thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

pub(crate) fn ip(lines: impl IntoIterator<Item = String>) {
    for line in lines {
        let done = Command::new("ip").args(line.split(' ')).status();
        assert!(done.expect("ip is installed").success(), "ip {line}");
    }
}

#[test]
fn ipv4_and_ipv6_groups_cross_a_network_between_two_hosts() {
    let hosts = Hosts::new();
    for group in ["239.255.2.11:22222", "[ff15::2:11]:22222", "[ff12::2:11]:22222"] {
        // One that sends single datagrams, one that sends batches.
        for kbps in [20_000, 200_000] {
            let mut site = Site::new();
            let placeholder = site.channel("images", kbps, 1_400);
            site.object("boot", "boot.img", "precoding = \"crc32\"");
            site.replace(&placeholder, group);
            let image = noise(7, 500_000);
            site.file("boot.img", &image);
            let _headend = hosts.serve(&site, &["--interface", "air0"]);
            hosts.fetch(&site, group, &image);
        }
    }
}

#[test]
fn datagrams_too_long_for_the_interface_go_without_offload_and_arrive() {
    let hosts = Hosts::new();
    ip(hosts.names.iter().map(|name| format!("-n {name} link set air0 mtu 1000")));
    let mut site = Site::new();
    let group = site.channel("images", 200_000, 1_400);
    site.object("boot", "boot.img", "");
    let image = noise(8, 500_000);
    site.file("boot.img", &image);
    let mut headend = hosts.serve(&site, &["--interface", "air0"]);
    hosts.fetch(&site, &group, &image);
    assert!(headend.log.iter().any(|line| line.contains("interface air0: transmit path gso")));
    // Told with the first batch, which may be before the line-up is told to be on air.
    let refused = "channel images: transmit path sendmmsg: the system refused gso";
    if !headend.log.iter().any(|line| line.contains(refused)) {
        headend.wait_for(refused);
    }
}

#[test]
fn a_channel_moves_to_another_interface_when_its_cycle_is_complete() {
    let hosts = Hosts::new();
    let mut site = Site::new();
    let group = site.channel("images", 20_000, 1_400);
    site.replace("slice_bytes = 1400", "slice_bytes = 1400\ninterface = \"lo\"");
    site.object("boot", "boot.img", "");
    let image = noise(9, 500_000);
    site.file("boot.img", &image);
    let mut headend = hosts.serve(&site, &[]);
    site.replace("\"lo\"", "\"air0\"");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    let on = |interface: &str| {
        let line = format!("interface {interface}: transmit path");
        headend.log.iter().any(|logged| logged.contains(&line))
    };
    assert!(on("lo") && on("air0"), "{}", headend.log.join("\n"));
    hosts.fetch(&site, &group, &image);
}
