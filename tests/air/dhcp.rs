//! `stbcast dhcp` and the servers it writes for: each of them takes what is printed, and answers boxes with the
//! very bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::harness::{Program, Site, headend, run};
use super::network::Hosts;

/// MAG notes §1.5.
const VECTOR: &str = "03 04 e0 0a 00 32 04 02 23 28 0a 04 e0 0a 00 33 0b 02 23 29";

const MAG: &str = "[[channel]]\nname = \"bootstrap\"\ncarousel = \"mag\"\ngroup = \"224.10.0.50:9000\"\n\
                   bit_rate_kbps = 4000\n[[channel.object]]\nname = \"Bootstrap\"\nsource = \"Bootstrap\"\n\
                   [[channel]]\nname = \"image\"\ncarousel = \"mag\"\ngroup = \"224.10.0.51:9001\"\n\
                   bit_rate_kbps = 8000\n[[channel.object]]\nname = \"imageupdate\"\nsource = \"imageupdate\"\n\
                   version = \"219\"\n";

const OTHERS: &str = "[[channel]]\nname = \"metadata\"\ncarousel = \"infocast\"\ngroup = \"239.255.2.2:22222\"\n\
                      bit_rate_kbps = 64\nslice_bytes = 1024\n[[channel.object]]\nname = \"arris-vip1113\"\n\
                      source = { kind = \"bootcast\", image = \"boot\" }\n\
                      [[channel]]\nname = \"boot\"\ncarousel = \"infocast\"\ngroup = \"239.255.2.3:22222\"\n\
                      bit_rate_kbps = 64\nslice_bytes = 1024\n[[channel.object]]\nname = \"boot\"\n\
                      source = \"boot.img\"\n\
                      [[vendor_sender]]\nname = \"dune\"\nprogram = \"/x\"\nfile = \"fw.dff\"\n\
                      group = \"239.255.60.1:5000\"\nversion = \"130221_1050_b4\"\n";

/// A value that servers would take for something else: a number, commas, quotation marks.
const MORE: [&str; 14] = [
    "--http",
    "10.77.0.1:80",
    "--mag-log",
    "10.77.0.1:9005",
    "--class",
    "infomir.boot=InfomirMAG250boot",
    "--class",
    "infomir.run=InfomirMAG250",
    "--set",
    "kreatv.kernel-protocol=3,6,3",
    "--set",
    "teletec.portal_dhcp=http://portal/?a=\"1\",2\\",
    "--set",
    "infomir.autostart=7",
];

/// The classes of boxes, with the names of their blocks.
const CLASSES: [(&str, &str); 8] = [
    ("TeleTecMAG200boot", "teletec-boot"),
    ("TeleTecMAG200upgrade", "teletec-boot"),
    ("TeleTecMAG200", "teletec-run"),
    ("InfomirMAG250boot", "infomir-boot"),
    ("InfomirMAG250", "infomir-run"),
    ("ARRIS_VIP1113", "kreatv"),
    ("Motorola_VIP1920-9T", "kreatv"),
    ("DUNEHD", "dune"),
];

#[derive(Clone, Copy, Debug)]
enum Server {
    Isc,
    Kea,
    Dnsmasq,
}

fn programs() -> PathBuf {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/dhcp");
    assert!(programs.exists(), "`.ci/run peers` unpacks the DHCP servers");
    programs
}

impl Server {
    const ALL: [Self; 3] = [Self::Isc, Self::Kea, Self::Dnsmasq];

    const fn word(self) -> &'static str {
        match self {
            Self::Isc => "isc",
            Self::Kea => "kea",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// The whole configuration around what is printed.
    fn configure(self, site: &Site, block: &Path) -> PathBuf {
        let block = block.display();
        let text = match self {
            Self::Isc => format!(
                "ping-check false;\nsubnet 10.77.0.0 netmask 255.255.255.0 {{ range 10.77.0.10 10.77.0.200; }}\n\
                 include \"{block}\";\n"
            ),
            Self::Kea => format!(
                "{{ \"Dhcp4\": {{ <?include \"{block}\"?>\n, \"interfaces-config\": {{ \"interfaces\": [\"air0\"] }},\n\
                 \"lease-database\": {{ \"type\": \"memfile\", \"persist\": false }},\n\"subnet4\": [{{ \
                 \"subnet\": \"10.77.0.0/24\", \"pools\": [{{ \"pool\": \"10.77.0.10-10.77.0.200\" }}] }}] }} }}"
            ),
            Self::Dnsmasq => format!(
                "port=0\ninterface=air0\nbind-interfaces\nno-ping\nuser=root\ngroup=root\n\
                 dhcp-range=10.77.0.10,10.77.0.200\nconf-file={block}\n"
            ),
        };
        site.file(&format!("{}.conf", self.word()), text.as_bytes())
    }

    /// The server of this machine's distribution with the libraries it came with.
    fn arguments(self, site: &Site, configuration: &Path, is_test: bool) -> Vec<String> {
        let programs = programs();
        let at = |path: &str| programs.join(path).display().to_string();
        let (own, configuration) = (site.directory.path().display(), configuration.display());
        let environment = [
            format!(
                "LD_LIBRARY_PATH={}:{}",
                at("usr/lib/x86_64-linux-gnu"),
                at("lib/x86_64-linux-gnu")
            ),
            format!("KEA_PIDFILE_DIR={own}"),
            format!("KEA_LOCKFILE_DIR={own}"),
        ];
        let (program, line) = match (self, is_test) {
            (Self::Isc, true) => ("dhcpd", format!("-t -cf {configuration}")),
            (Self::Isc, false) => (
                "dhcpd",
                format!("-4 -f -d -cf {configuration} -lf {own}/leases -pf {own}/dhcpd.pid air0"),
            ),
            (Self::Kea, true) => ("kea-dhcp4", format!("-t {configuration}")),
            (Self::Kea, false) => ("kea-dhcp4", format!("-c {configuration}")),
            (Self::Dnsmasq, true) => ("dnsmasq", format!("--test -C {configuration}")),
            (Self::Dnsmasq, false) => (
                "dnsmasq",
                format!(
                    "-d -C {configuration} --dhcp-leasefile={own}/d.leases --pid-file={own}/d.pid"
                ),
            ),
        };
        let program = [at(&format!("usr/sbin/{program}"))];
        let line = line.split(' ').map(str::to_owned);
        environment.into_iter().chain(program).chain(line).collect()
    }
}

fn printed(line_up: &Path, more: &[&str]) -> String {
    let output = run(headend().arg("dhcp").arg(line_up).args(more));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A server that runs on the headend's host with what is printed for a line-up.
fn serve(server: Server, hosts: &Hosts, site: &Site, line_up: &Path, more: &[&str]) -> Program {
    let block = printed(line_up, &[&["--server", server.word()], more].concat());
    let block = site.file(&format!("{}.block", server.word()), block.as_bytes());
    let configuration = server.configure(site, &block);
    let env = Command::new("env");
    let test = run(hosts.on(0, &env).args(server.arguments(site, &configuration, true)));
    let said = [test.stdout, test.stderr].concat();
    assert!(test.status.success(), "{server:?}: {}", String::from_utf8_lossy(&said));
    site.file("leases", b"");
    Program::start(hosts.on(0, &env).args(server.arguments(site, &configuration, false)))
}

/// Option 43 that a box is answered.
fn ask(hosts: &Hosts, class: &str, asked: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/dhcp_ask.py");
    let python = Command::new("python3");
    let output = run(hosts.on(1, &python).arg(script).args(["air0", class, asked, "30"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{class}: {said}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn each_server_answers_a_mag_box_with_the_vector_to_the_byte() {
    let hosts = Hosts::new();
    for server in Server::ALL {
        let site = Site::new();
        let line_up = site.file("mag.toml", MAG.as_bytes());
        let _server = serve(server, &hosts, &site, &line_up, &[]);
        assert_eq!(ask(&hosts, "TeleTecMAG200boot", "1,3,43"), VECTOR, "{server:?}");
        assert_eq!(ask(&hosts, "TeleTecMAG200boot", "1,3"), VECTOR, "{server:?}, not asked for");
        assert_eq!(ask(&hosts, "another vendor's box", "1,3,43"), "none", "{server:?}");
    }
}

#[test]
fn each_server_answers_boxes_of_all_families_with_their_own_bytes() {
    let hosts = Hosts::new();
    for server in Server::ALL {
        let site = Site::new();
        let line_up = site.file("all.toml", format!("{MAG}{OTHERS}").as_bytes());
        let lines = printed(&line_up, &[&["--hex"], &MORE[..]].concat());
        let _server = serve(server, &hosts, &site, &line_up, &MORE);
        for (class, name) in CLASSES {
            let wanted = lines.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            let heard = ask(&hosts, class, "1,3,43");
            assert_eq!(Some(sorted(&heard)), wanted.map(sorted), "{server:?}: {class}");
        }
    }
}

/// Sub-options in the order of their codes: a server may send them in another.
fn sorted(hex: &str) -> Vec<(u8, Vec<u8>)> {
    let bytes: Vec<_> = hex.split(' ').map(|it| u8::from_str_radix(it, 16).unwrap()).collect();
    let (mut rest, mut all) = (&bytes[..], Vec::new());
    while let [code, length, more @ ..] = rest {
        let (value, more) = more.split_at(usize::from(*length));
        all.push((*code, value.to_vec()));
        rest = more;
    }
    assert!(rest.is_empty(), "{hex}");
    all.sort();
    all
}
