//! Real programs on real multicast that never leaves this machine: interface 127.0.0.1, TTL 0, a
//! group and port of its own for each channel, a deadline on each wait, and a guard on each process.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Protocol, Socket, Type};

/// Longest wait for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A group and port nobody else uses.
pub(crate) fn free_group() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 64;
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("239.255.{}.{}:{port}", 3 + next / 250 % 250, 1 + next % 250)
}

/// Pseudo-random bytes, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A program that is ended with the test.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    pub(crate) log: Vec<String>,
}

impl Program {
    /// Starts a program whose standard error is read line by line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (tell, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, log: Vec::new() }
    }

    /// Waits for a line of standard error that contains `text`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("no `{text}` in the log:\n{}", self.log.join("\n")),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads standard error no longer: the program writes it to nobody.
    pub(crate) fn close_log(&mut self) {
        let (_, lines) = channel();
        self.lines = lines;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn output(mut self) -> Output {
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        let stderr = self.lines.iter().flat_map(|line| (line + "\n").into_bytes()).collect();
        Output { status, stdout, stderr }
    }

    /// Waits for the end; its code and standard output.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (i32, String) {
        let mut stdout = self.child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map(|_| text)
        });
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let text = reader.join().unwrap().unwrap();
                while let Ok(line) = self.lines.recv() {
                    self.log.push(line);
                }
                return (status.code().unwrap_or(-1), text);
            }
            assert!(Instant::now() < end, "the program did not end:\n{}", self.log.join("\n"));
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory with a line-up and what belongs to it.
pub(crate) struct Site {
    pub(crate) directory: tempfile::TempDir,
    toml: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            toml: String::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Adds a channel; its group.
    pub(crate) fn channel(&mut self, name: &str, kbps: u32, slice_bytes: u32) -> String {
        let group = free_group();
        writeln!(
            self.toml,
            "[[channel]]\nname = \"{name}\"\ncarousel = \"infocast\"\ngroup = \"{group}\"\n\
             bit_rate_kbps = {kbps}\nslice_bytes = {slice_bytes}"
        )
        .unwrap();
        group
    }

    /// Adds an announce session; its group. It stands in front of all channels.
    pub(crate) fn announce(&mut self) -> String {
        let group = free_group();
        self.toml.insert_str(0, &format!("announce = \"{group}\"\n"));
        group
    }

    /// Gives the last channel, which has no object yet, repair symbols; the group of its companion.
    /// `more` is further keys of the table.
    pub(crate) fn repair(&mut self, more: &str) -> String {
        let group = free_group();
        writeln!(self.toml, "repair = {{ group = \"{group}\", {more} }}").unwrap();
        group
    }

    /// Adds keys to the last channel, which has no object yet, line by line.
    #[cfg(feature = "peers")]
    pub(crate) fn channel_key(&mut self, lines: &str) {
        writeln!(self.toml, "{lines}").unwrap();
    }

    /// Adds whole tables behind what there is.
    pub(crate) fn add(&mut self, tables: &str) {
        self.toml += tables;
    }

    /// Adds an object to the last channel; `more` is further keys, line by line.
    pub(crate) fn object(&mut self, name: &str, source: &str, more: &str) {
        let quoted =
            if source.starts_with('{') { source.to_owned() } else { format!("\"{source}\"") };
        writeln!(self.toml, "[[channel.object]]\nname = \"{name}\"\nsource = {quoted}\n{more}")
            .unwrap();
    }

    pub(crate) fn write(&self) -> PathBuf {
        self.file("lineup.toml", self.toml.as_bytes())
    }

    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        assert!(self.toml.contains(from), "`{from}` is not in the line-up");
        self.toml = self.toml.replace(from, to);
    }

    /// The headend beginning to serve a line-up file of this site.
    pub(crate) fn start(&self, line_up: &Path, more: &[&str]) -> Program {
        Program::start(
            headend()
                .arg("serve")
                .arg(line_up)
                .args(["--interface", "127.0.0.1", "--ttl", "0", "--spool"])
                .arg(self.path("spool"))
                .env("XDG_STATE_HOME", self.path("state"))
                .args(more),
        )
    }

    /// The same, on air.
    pub(crate) fn serve_file(&self, line_up: &Path, more: &[&str]) -> Program {
        let mut program = self.start(line_up, more);
        program.wait_for("line-up 1 is on air");
        program
    }

    pub(crate) fn serve(&self, more: &[&str]) -> Program {
        self.serve_file(&self.write(), more)
    }
}

pub(crate) fn headend() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stbcast"))
}

/// The box's program, built once and fresh: it is another package's.
pub(crate) fn receiver() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        escargot::CargoBuild::new()
            .package("stbcast-receiver")
            .bin("stbcast-receiver")
            .current_target()
            .run()
            .expect("the receiver builds")
            .path()
            .to_owned()
    });
    Command::new(path)
}

/// Runs a program to its end, or fails at the deadline.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Output {
    let program = Program::start(command);
    let id = program.id();
    let (tell, ended) = channel();
    std::thread::spawn(move || tell.send(program.output()));
    ended.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        let _ = Pid::from_raw(id.cast_signed()).map(|id| kill_process(id, Signal::KILL));
        panic!("{command:?} did not end");
    })
}

/// A socket that has joined `group` on 127.0.0.1.
pub(crate) fn join(group: &str) -> UdpSocket {
    let group: SocketAddrV4 = group.parse().unwrap();
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_recv_buffer_size(8 << 20).unwrap();
    socket.set_multicast_all_v4(false).unwrap();
    socket.bind(&group.into()).unwrap();
    socket.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.into()
}

/// The next `count` datagrams.
#[track_caller]
pub(crate) fn hear(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    let mut buffer = [0; 2_048];
    let mut one = || {
        let length = socket.recv(&mut buffer).expect("a datagram within 20 s");
        buffer[..length].to_vec()
    };
    (0..count).map(|_| one()).collect()
}

/// Tests that measure or load the machine do so one at a time.
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a headend serves at this address.
pub(crate) fn metrics(address: std::net::SocketAddr) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
