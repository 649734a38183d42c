//! Objects of servers that other people wrote, and our test's own TFTP server asked by their
//! clients. `.ci/run peers` fetches them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod air;
mod common;
mod servers;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use air::{DEADLINE, assert_code, json, sha256, stderr};
use serde_json::Value;
use servers::object;
use servers::tftp::{Fate, Manners, TftpServer};

/// Where `.ci/run peers` puts programs.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/programs")
}

/// A program of a peer, with the libraries that came with it.
fn peer(path: &str) -> Command {
    let program = peers().join(path);
    assert!(program.exists(), "{} is missing: run `.ci/run peers`", program.display());
    let libraries = fs::read_dir(peers().join("usr/lib")).unwrap();
    let libraries: Vec<_> = libraries.map(|entry| entry.unwrap().path()).collect();
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap());
    command
}

/// A program that runs until it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory that servers may read whoever they run as.
fn public() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn udp_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn tcp_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn fetch(url: &str, output: &Path, more: &[&str]) -> Output {
    let arguments = ["fetch", url, "--output", output.to_str().unwrap(), "--json"];
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_stbcast-receiver"));
    command.args(arguments).args(more).timeout(2 * DEADLINE).output().unwrap()
}

#[track_caller]
fn assert_fetched(url: &str, object: &[u8], more: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("object");
    let done = fetch(url, &output, more);
    assert_code(&done, 0);
    assert!(fs::read(output).unwrap() == object);
    assert_eq!(json(&done)["sha256"], sha256(object));
    json(&done)
}

/// A TFTP server with files, and how it is started on a port.
fn tftp_server(
    files: &[(&str, &[u8])],
    start: impl Fn(u16, &Path) -> Command,
) -> (Running, String, tempfile::TempDir) {
    let directory = public();
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    let port = udp_port();
    let server = Running::start(&mut start(port, directory.path()));
    (server, format!("tftp://127.0.0.1:{port}/"), directory)
}

fn tftpd_hpa(port: u16, directory: &Path) -> Command {
    let mut command = peer("usr/sbin/in.tftpd");
    let address = format!("127.0.0.1:{port}");
    command.args(["--foreground", "--listen", "--address", &address, "--secure"]).arg(directory);
    command
}

fn atftpd(port: u16, directory: &Path) -> Command {
    let mut command = peer("usr/sbin/atftpd");
    command.args(["--daemon", "--no-fork", "--bind-address", "127.0.0.1", "--user", "root.root"]);
    command.args(["--logfile", "-", "--port", &port.to_string()]).arg(directory);
    command
}

#[test]
fn files_come_from_tftpd_hpa_in_blocks_of_every_size_and_beyond_65535_blocks() {
    let (image, long, even) = (object(1_000_000), object(65_540 * 8 + 3), object(512 * 100));
    let files = [("image", &*image), ("long", &*long), ("even", &*even), ("empty", b"")];
    let (_server, url, _directory) = tftp_server(&files, tftpd_hpa);
    for (name, bytes, block) in [
        ("image", &*image, "512"),
        ("image", &*image, "1428"),
        ("image", &*image, "65464"),
        ("long", &*long, "8"),
        ("even", &*even, "512"),
        ("empty", b"", "1428"),
    ] {
        let told = assert_fetched(&[&url, name].concat(), bytes, &["--tftp-block", block]);
        assert_eq!((&told["tftp_bytes"], &told["requests"]), (&bytes.len().into(), &1.into()));
    }
    let directory = tempfile::tempdir().unwrap();
    let none = fetch(&[&url, "none"].concat(), &directory.path().join("object"), &[]);
    assert_code(&none, 1);
    assert!(stderr(&none).contains("error 1: \"File not found\""), "{}", stderr(&none));
}

#[test]
fn files_come_from_atftpd_which_refuses_blocks_that_are_too_small() {
    let image = object(500_000);
    let (_server, url, _directory) = tftp_server(&[("image", &image)], atftpd);
    for block in ["512", "1428", "65464", "8"] {
        assert_fetched(&[&url, "image"].concat(), &image, &["--tftp-block", block]);
    }
}

/// What a client of somebody else gets of our test's server.
#[track_caller]
fn assert_taken(bytes: &[u8], client: impl Fn(&str, &str, &Path) -> Command) {
    let network = |number| if number % 50 == 30 { Fate::Lose } else { Fate::Arrive };
    for options in [true, false] {
        let manners = Manners { options, ..Manners::default() };
        let file = [("image", bytes.to_vec())];
        let server = TftpServer::start(file, manners, network);
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("object");
        let port = server.address().port().to_string();
        let mut command = assert_cmd::Command::from_std(client("127.0.0.1", &port, &output));
        let done = command.timeout(DEADLINE).output().unwrap();
        assert!(done.status.success(), "{}", stderr(&done));
        assert!(fs::read(&output).unwrap() == bytes, "options: {options}");
        assert_eq!(server.errors(), [""; 0]);
    }
}

#[test]
fn the_tftp_server_of_our_tests_is_understood_by_clients_of_other_people() {
    for length in [0, 1_000, 512 * 100, 100_001] {
        let image = object(length);
        for block in ["512", "1428"] {
            let curl = |host: &str, port: &str, output: &Path| {
                let mut command = Command::new("curl");
                let url = format!("tftp://{host}:{port}/image");
                command.args(["--silent", "--show-error", "--tftp-blksize", block, &url]);
                command.arg("--output").arg(output);
                command
            };
            // Curl 7.88 fails on empty files, whoever serves them.
            if length > 0 {
                assert_taken(&image, curl);
            }
            assert_taken(&image, |host, port, output| {
                let mut command = peer("usr/bin/atftp");
                let block = format!("blksize {block}");
                command.args(["--option", &block, "--option", "tsize", "--get"]);
                command.args(["--remote-file", "image", "--local-file"]).arg(output);
                command.args([host, port]);
                command
            });
        }
        assert_taken(&image, |host, port, output| {
            let mut command = peer("usr/bin/tftp");
            command.args(["-m", "binary", host, port, "-c", "get", "image"]).arg(output);
            command
        });
    }
}

/// Where nginx serves a directory, until it is dropped.
struct Nginx {
    url: String,
    port: u16,
    directory: tempfile::TempDir,
    running: Option<Running>,
}

impl Nginx {
    fn start(more: &str) -> Self {
        let (port, directory) = (tcp_port(), public());
        let url = format!("http://127.0.0.1:{port}/");
        let mut nginx = Self { url, port, directory, running: None };
        nginx.run(more);
        nginx
    }

    /// Starts it, in place of the one that runs.
    fn run(&mut self, more: &str) {
        self.running = None;
        let (root, port) = (self.directory.path().display(), self.port);
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/error; events {{}}
             http {{
               access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
               fastcgi_temp_path {root}/fcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
               server {{ listen 127.0.0.1:{port}; root {root}; {more} }}
             }}"
        );
        let path = self.directory.path().join("config");
        fs::write(&path, config).unwrap();
        let mut command = peer("usr/sbin/nginx");
        command.arg("-p").arg(self.directory.path()).arg("-c").arg(path);
        self.running = Some(Running::start(&mut command));
        self.wait();
    }

    fn wait(&self) {
        wait_for(self.port);
    }

    fn put(&self, bytes: &[u8]) {
        fs::write(self.directory.path().join("image"), bytes).unwrap();
    }
}

/// Waits until somebody listens.
fn wait_for(port: u16) {
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(began.elapsed() < DEADLINE, "nobody listens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_object_of_nginx_comes_by_way_of_a_redirect_and_after_a_pause() {
    let nginx = Nginx::start(
        "location = /moved { return 301 /image; }
         location = /away { return 302 http://$http_host/moved; }
         location = /busy { add_header Retry-After 1 always; return 503; }
         location = /temporary { return 307 /image; }",
    );
    let image = object(3_000_000);
    nginx.put(&image);
    for path in ["image", "moved", "away", "image?serial=1&mac=00:02:9b:00:01:02"] {
        let told = assert_fetched(&[&nginx.url, path].concat(), &image, &[]);
        assert_eq!((&told["http_bytes"], &told["requests"]), (&3_000_000.into(), &1.into()));
    }
    let directory = tempfile::tempdir().unwrap();
    for (path, more, why) in [
        ("busy", &["--busy", "3"][..], "wants to be asked again in 4.000 s"),
        ("temporary", &[], "redirect that is not followed (status 307)"),
        ("none", &[], "status 404"),
    ] {
        let failed = fetch(&[&nginx.url, path].concat(), &directory.path().join("object"), more);
        assert_code(&failed, 1);
        assert!(stderr(&failed).contains(why), "{}", stderr(&failed));
    }
}

/// Fetches from a slow server that dies on the way and comes back, whatever happens between.
fn fetch_over_a_death(nginx: &mut Nginx, between: impl FnOnce(&Nginx)) -> (Value, Vec<u8>, String) {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("object");
    let url = [&nginx.url, "image"].concat();
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| fetch(&url, &output, &["--attempts", "10"]));
        // The slot grows while bytes come.
        let held = || -> u64 {
            let entries = fs::read_dir(directory.path()).unwrap();
            entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|file| file.len()).sum()
        };
        let began = Instant::now();
        while held() < 500_000 {
            assert!(began.elapsed() < DEADLINE, "{} bytes came", held());
            std::thread::sleep(Duration::from_millis(5));
        }
        nginx.running = None;
        between(nginx);
        nginx.run("");
        let done = fetching.join().unwrap();
        assert_code(&done, 0);
        (json(&done), fs::read(&output).unwrap(), stderr(&done))
    })
}

const SLOW: &str = "limit_rate 1m;";

#[test]
fn an_object_of_an_nginx_that_dies_goes_on_when_it_is_back() {
    let image = object(4_000_000);
    let mut nginx = Nginx::start(SLOW);
    nginx.put(&image);
    let (told, bytes, said) = fetch_over_a_death(&mut nginx, |_| {});
    assert!(bytes == image);
    assert_eq!(told["http_bytes"], 4_000_000, "no byte twice: {said}");
    assert!(told["requests"].as_u64() >= Some(2) && !said.contains("changed"), "{said}");
}

#[test]
fn an_object_that_changed_on_nginx_meanwhile_is_fetched_anew() {
    let (old, new) = (object(4_000_000), object(3_000_000));
    let mut nginx = Nginx::start(SLOW);
    nginx.put(&old);
    let (told, bytes, said) = fetch_over_a_death(&mut nginx, |nginx| nginx.put(&new));
    assert!(bytes == new);
    assert!(told["http_bytes"].as_u64() > Some(3_400_000) && said.contains("changed"), "{said}");
}

/// A server on Python's `http.server` that cuts its first answer, and knows ranges.
const PYTHON: &str = r#"
import http.server, sys
image, port = open(sys.argv[1], "rb").read(), int(sys.argv[2])
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global asked
        asked += 1
        first, field = 0, self.headers.get("Range")
        if field and self.headers.get("If-Range") == '"python"':
            first = int(field.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if first else 200)
        self.send_header("ETag", '"python"')
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(image) - 1}/{len(image)}")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(first, len(image), 5000):
            piece = image[at:at + 5000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if asked == 1 and at > len(image) // 2:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

#[test]
fn objects_of_python_servers_come_whole_with_ranges_and_without() {
    let (image, directory) = (object(1_000_000), public());
    let path = directory.path().join("image");
    fs::write(&path, &image).unwrap();

    let port = tcp_port();
    let mut command = Command::new("python3");
    command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
    let _plain = Running::start(command.arg("--directory").arg(directory.path()));
    wait_for(port);
    assert_fetched(&format!("http://127.0.0.1:{port}/image"), &image, &[]);

    let port = tcp_port();
    let mut command = Command::new("python3");
    let _cutting = Running::start(command.args(["-c", PYTHON]).arg(&path).arg(port.to_string()));
    wait_for(port);
    let told = assert_fetched(&format!("http://127.0.0.1:{port}/image"), &image, &[]);
    assert_eq!((&told["http_bytes"], &told["requests"]), (&1_000_000.into(), &2.into()));
}
