//! The HTTP endpoint beside nginx: both are asked by `wrk`, the same way.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::place::Place;
use super::process::Process;

/// As all that is started beside the headend.
pub(crate) const USUAL: [&str; 3] = ["nice", "-n", "15"];

/// Path of the StbConfig.
pub(crate) const PAGE: &str = "/arris-vip1113";

/// What a load came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) requests_per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Answers that were none, or not 200.
    pub(crate) errors: f64,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) name: &'static str,
    pub(crate) connections: u32,
    /// Whether every request has a connection of its own, as those of boxes do.
    pub(crate) alone: bool,
}

/// Whether both programs are here; where not, a line says so.
pub(crate) fn is_here() -> bool {
    let missing: Vec<_> =
        ["nginx", "wrk"].into_iter().filter(|program| !super::installed(program)).collect();
    if !missing.is_empty() {
        println!("Not measured: {} is not installed.\n", missing.join(" and "));
    }
    missing.is_empty()
}

/// A TCP address of the sender that nobody uses.
pub(crate) fn free_address(place: &Place) -> SocketAddr {
    let any = (place.send_address, 0);
    place.at_sender(|| TcpListener::bind(any).unwrap().local_addr().unwrap())
}

/// nginx with one file, tuned as its manual advises for that: all cores, the file held open, the
/// access log buffered.
pub(crate) struct Nginx {
    process: Process,
    pub(crate) address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Nginx {
    pub(crate) fn start(place: &Place, directory: &Path, page: &[u8]) -> Self {
        let directory = tempfile::tempdir_in(directory).unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join(&PAGE[1..]), page).unwrap();
        open_to_all(directory.path());
        open_to_all(&root);
        let address = free_address(place);
        let config = directory.path().join("nginx.conf");
        std::fs::write(&config, configuration(directory.path(), address)).unwrap();
        let mut command = Command::new(USUAL[0]);
        command.args(&USUAL[1..]).arg("nginx").arg("-c").arg(&config);
        command.arg("-p").arg(directory.path()).arg("-e").arg(directory.path().join("error.log"));
        let process = Process::at_sender(place, &mut command);
        let nginx = Self { process, address, directory };
        nginx.wait_until_it_listens(place);
        nginx
    }

    fn wait_until_it_listens(&self, place: &Place) {
        let end = Instant::now() + Duration::from_secs(20);
        let address = self.address;
        while place.at_sender(move || TcpStream::connect(address)).is_err() {
            let log = std::fs::read_to_string(self.directory.path().join("error.log"));
            assert!(Instant::now() < end, "nginx does not listen: {}", log.unwrap_or_default());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lines of its access log, once it is ended.
    pub(crate) fn end(self) -> usize {
        let log = self.directory.path().join("access.log");
        self.process.end();
        lines(&log)
    }
}

/// Its workers may run as somebody else.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn configuration(directory: &Path, address: SocketAddr) -> String {
    let at = directory.display();
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;\nworker_processes auto;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         worker_rlimit_nofile 8192;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log {at}/access.log combined buffer=64k flush=1s;\n  sendfile on;\n  \
         tcp_nopush on;\n  tcp_nodelay on;\n  keepalive_requests 1000000;\n  \
         default_type text/xml;\n  open_file_cache max=100 inactive=60s;\n  \
         client_body_temp_path {at}/body;\n  proxy_temp_path {at}/proxy;\n  \
         fastcgi_temp_path {at}/fastcgi;\n  uwsgi_temp_path {at}/uwsgi;\n  scgi_temp_path {at}/scgi;\n  \
         server {{ listen {address} backlog=1024; root {at}/root; }}\n}}\n"
    )
}

/// Lines of a file.
pub(crate) fn lines(path: &Path) -> usize {
    let text = std::fs::read(path).unwrap_or_default();
    text.iter().filter(|&&byte| byte == b'\n').count()
}

/// Asks as thousands of boxes would, every other one of them listed, for `seconds`.
pub(crate) fn load(
    place: &Place,
    directory: &Path,
    address: SocketAddr,
    manner: Manner,
    seconds: u32,
) -> Load {
    let script = directory.join(if manner.alone { "alone.lua" } else { "kept.lua" });
    std::fs::write(&script, boxes(manner.alone)).unwrap();
    let mut command = Command::new(USUAL[0]);
    command.args(&USUAL[1..]).args(["wrk", "--latency", "--threads", "1", "--timeout", "5s"]);
    command.args(["--connections", &manner.connections.to_string()]);
    command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&script);
    command.arg(format!("http://{address}"));
    let process = Process::at_receiver(place, 0, &mut command);
    let ended = process.wait(Duration::from_secs(u64::from(seconds) + 30));
    assert!(ended.success, "wrk: {}\n{}", ended.stdout, ended.log.join("\n"));
    read(&ended.stdout)
}

/// The requests of 4,000 boxes, one after the other. Serial numbers from 1,000,000 are listed.
fn boxes(alone: bool) -> String {
    let mut text = String::from("local requests = {}\nlocal next = 0\n");
    let close = if alone { "[\"Connection\"] = \"close\"" } else { "" };
    write!(
        text,
        "function init(arguments)\n  for box = 0, 3999 do\n    \
         local serial = (box % 2) * 900000 + 100000 + box * 24\n    \
         requests[box] = wrk.format(\"GET\", \"{PAGE}?product=arris-vip1113&serial=\" .. serial .. \
         \"&mac=00:02:9b:00:01:02&fw_version=6.3&kernel_version=1.0&splash_version=1.0\
         &diagnostic_version=1.0\", {{ {close} }})\n  end\nend\n\
         function request()\n  next = (next + 1) % 4000\n  return requests[next]\nend\n"
    )
    .unwrap();
    text
}

fn read(text: &str) -> Load {
    let behind = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned)
    };
    let number = |name: &str| behind(name).and_then(|word| word.parse().ok()).unwrap_or(f64::NAN);
    let errors = text.lines().filter_map(|line| line.trim().strip_prefix("Socket errors: "));
    let errors = errors.flat_map(|rest| rest.split(|c: char| !c.is_ascii_digit()));
    let errors: f64 = errors.filter_map(|word| word.parse::<f64>().ok()).sum();
    let bad = behind("Non-2xx or 3xx responses:").and_then(|word| word.parse().ok());
    Load {
        requests_per_second: number("Requests/sec:"),
        p50: milliseconds(&behind("50%").unwrap_or_default()),
        p99: milliseconds(&behind("99%").unwrap_or_default()),
        errors: errors + bad.unwrap_or(0.0),
    }
}

/// A span as wrk writes it: `812.00us`, `1.25ms`, `1.02s`.
fn milliseconds(text: &str) -> f64 {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let value: f64 = text[..unit].parse().unwrap_or(f64::NAN);
    value
        * match &text[unit..] {
            "us" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            _ => f64::NAN,
        }
}
