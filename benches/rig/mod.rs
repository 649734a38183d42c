//! What every bench of the whole programs shares: network namespaces of its own, processes with
//! their CPU time, a tap with kernel time stamps, the raw ceiling, the peers, and tables.
//!
//! ```text
//!  place: veth pair | loopback | star of n boxes          (made here, gone at the end, root only)
//!     ├─ headend  stbcast serve            ┐
//!     ├─ boxes    stbcast-receiver fetch   ├─ processes started inside a namespace
//!     ├─ uftp, udpcast, flute, raw         ┘
//!     └─ tap      kernel time stamps of what arrives, control: how late the machine wakes
//! ```
#![allow(dead_code, reason = "each bench uses its part of the rig")]

pub(crate) mod alone;
pub(crate) mod boxes;
pub(crate) mod contest;
pub(crate) mod counts;
pub(crate) mod fleet;
pub(crate) mod flute;
pub(crate) mod headend;
pub(crate) mod lag;
pub(crate) mod lines;
pub(crate) mod lossy;
pub(crate) mod memory;
pub(crate) mod namespace;
pub(crate) mod ours;
pub(crate) mod pace;
pub(crate) mod peer;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod record;
pub(crate) mod relay;
pub(crate) mod stats;
pub(crate) mod store;
pub(crate) mod strace;
pub(crate) mod table;
pub(crate) mod tap;
pub(crate) mod udpcast;
pub(crate) mod uftp;
pub(crate) mod web;

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Bytes of an image in one datagram, the same for every tool that lets one choose.
pub(crate) const SLICE_BYTES: usize = 1_400;
/// Header, slice and CRC-32 trailer: the UDP payload of our datagrams and of the raw ceiling's.
pub(crate) const HEADER_BYTES: usize = stbcast_infocast::HEADER_BYTES;
pub(crate) const PAYLOAD_BYTES: usize = HEADER_BYTES + SLICE_BYTES + 4;
/// The same as an IPv4 packet.
pub(crate) const IP_BYTES: usize = PAYLOAD_BYTES + 28;

pub(crate) const MIB: usize = 1 << 20;
pub(crate) const GIB: f64 = (1 << 30) as f64;

/// What the bench was started with.
pub(crate) struct Options {
    /// Short runs that only show that everything works.
    pub(crate) quick: bool,
    /// A run of so many minutes that shows what grows.
    pub(crate) soak: bool,
    /// Numbers among the arguments.
    pub(crate) numbers: Vec<f64>,
}

/// Takes the place of `main` where this process is a child the bench started; else the options.
pub(crate) fn begin(bench: &str) -> Option<Options> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "child") {
        child(&arguments[1..]);
        return None;
    }
    more_files();
    println!("# {bench}\n\n{}; {}\n", machine(), equal_priority());
    if !namespace::allowed() {
        println!("No right to make network namespaces (root only): 127.0.0.1 with TTL 0 alone.\n");
    }
    Some(Options {
        quick: arguments.iter().any(|argument| argument == "--quick"),
        soak: arguments.iter().any(|argument| argument == "--soak"),
        numbers: arguments.iter().filter_map(|argument| argument.parse().ok()).collect(),
    })
}

fn child(arguments: &[String]) {
    match arguments[0].as_str() {
        "raw-send" => raw::send_child(&arguments[1..]),
        "raw-receive" => raw::receive_child(&arguments[1..]),
        "flute-send" => flute::send_child(&arguments[1..]),
        "store" => store::store_child(&arguments[1..]),
        "flute-receive" => flute::receive_child(&arguments[1..]),
        other => panic!("no child `{other}`"),
    }
}

/// This program again, as a child with a task.
pub(crate) fn again(task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", task]);
    command
}

/// The priority our headend's sending thread takes where real time is not to be had, for everything
/// that is started: neither the raw pair nor a peer is to wait behind other programs.
fn equal_priority() -> String {
    const NICE: i32 = -15;
    match rustix::process::setpriority_process(None, NICE) {
        Ok(()) => format!("all at nice {NICE}, our sending thread at its real-time priority"),
        Err(error) => format!("priorities as they are ({error})"),
    }
}

/// A thousand sockets need as many descriptors, here and in what is started.
fn more_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard);
}

/// Processor, cores, kernel, and the tree that was measured.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let commit = commit.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    format!(
        "Machine: {}, {cores} cores, Linux {}; commit {}",
        model.map_or("unknown processor", |(_, model)| model),
        kernel.trim(),
        commit.unwrap_or_default()
    )
}

/// A directory for files of speed runs: in memory where the machine has a tmpfs for all tools
/// alike, said where not.
pub(crate) fn memory_directory() -> tempfile::TempDir {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let is_tmpfs = mounts.lines().any(|line| line.contains(" /dev/shm tmpfs "));
    if is_tmpfs && let Ok(directory) = tempfile::tempdir_in("/dev/shm") {
        return directory;
    }
    println!("No tmpfs at /dev/shm: files are on disk.\n");
    disk_directory()
}

/// A directory on disk, for memory figures: mapped pages of a tmpfs would count as shared memory.
/// The environment variable `STBCAST_BENCH_DIRECTORY` names another disk than that of the build.
pub(crate) fn disk_directory() -> tempfile::TempDir {
    let given = std::env::var("STBCAST_BENCH_DIRECTORY");
    tempfile::tempdir_in(given.as_deref().unwrap_or(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

/// Writes a file of pseudo-random bytes.
pub(crate) fn image(directory: &Path, bytes: usize) -> PathBuf {
    let path = directory.join(format!("image-{bytes}"));
    if !path.exists() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut file =
            std::io::BufWriter::with_capacity(MIB, std::fs::File::create(&path).unwrap());
        let mut left = bytes;
        while left > 0 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = state.to_le_bytes();
            let length = left.min(word.len());
            std::io::Write::write_all(&mut file, &word[..length]).unwrap();
            left -= length;
        }
        std::io::Write::flush(&mut file).unwrap();
    }
    path
}

/// Whether two files hold the same bytes.
pub(crate) fn same(one: &Path, other: &Path) -> bool {
    use std::io::Read;
    let (Ok(mut one), Ok(mut other)) = (std::fs::File::open(one), std::fs::File::open(other))
    else {
        return false;
    };
    let length = |file: &std::fs::File| file.metadata().map_or(0, |data| data.len());
    if length(&one) != length(&other) {
        return false;
    }
    let (mut left, mut right) = (vec![0; MIB], vec![0; MIB]);
    loop {
        let Ok(count) = one.read(&mut left) else { return false };
        if count == 0 {
            return true;
        }
        if other.read_exact(&mut right[..count]).is_err() || left[..count] != right[..count] {
            return false;
        }
    }
}

/// Whether a program is installed.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
