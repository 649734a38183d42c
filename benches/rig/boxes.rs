//! `stbcast-receiver fetch` as a process.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::headend::OBJECT;
use super::place::Place;
use super::process::{Ended, Process};

/// A box that is fetching.
pub(crate) struct Fetching {
    pub(crate) process: Process,
    output: PathBuf,
}

/// What a box has fetched. Times in seconds; what the program does not tell is NaN.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// It ended well and its bytes are those of the source.
    pub(crate) complete: bool,
    /// From the first datagram of the object to the last byte handed to the file.
    pub(crate) receive_seconds: f64,
    pub(crate) commit_seconds: f64,
    pub(crate) digest_seconds: f64,
    /// CPU of the whole process, and without the digest.
    pub(crate) cpu_seconds: f64,
    pub(crate) data_cpu_seconds: f64,
    pub(crate) started: Instant,
    /// Start to end of the process.
    pub(crate) wall_seconds: f64,
    pub(crate) cycles: f64,
    pub(crate) datagrams: f64,
    /// Those with symbols of the object, until it needed no more.
    pub(crate) symbols: f64,
    pub(crate) kernel_drops: f64,
    /// Requests to servers, and the bytes that they sent.
    pub(crate) requests: f64,
    pub(crate) http_bytes: f64,
    pub(crate) calls: f64,
    pub(crate) path: String,
    pub(crate) error: String,
}

impl Fetching {
    /// Starts a box at receiver `number`.
    pub(crate) fn start(place: &Place, number: usize, group: SocketAddrV4, output: &Path) -> Self {
        Self::start_as(place, number, group, output, &[])
    }

    /// The same with further arguments of the box.
    pub(crate) fn start_with(
        place: &Place,
        number: usize,
        group: SocketAddrV4,
        output: &Path,
        more: &[&str],
    ) -> Self {
        Self::start_wrapped(place, number, group, output, &[], more)
    }

    pub(crate) fn start_as(
        place: &Place,
        number: usize,
        group: SocketAddrV4,
        output: &Path,
        wrap: &[&str],
    ) -> Self {
        Self::start_wrapped(place, number, group, output, wrap, &[])
    }

    fn start_wrapped(
        place: &Place,
        number: usize,
        group: SocketAddrV4,
        output: &Path,
        wrap: &[&str],
        more: &[&str],
    ) -> Self {
        Self::start_url(
            place,
            number,
            &format!("infocast://{group}/{OBJECT}"),
            output,
            (wrap, more),
        )
    }

    /// A box that fetches a URL.
    pub(crate) fn start_url(
        place: &Place,
        number: usize,
        url: &str,
        output: &Path,
        (wrap, more): (&[&str], &[&str]),
    ) -> Self {
        let mut program: Vec<PathBuf> = wrap.iter().map(PathBuf::from).collect();
        program.push(receiver().to_owned());
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).args(["fetch", url]);
        command.args(["--interface", place.receive_interface, "--json", "--quiet"]);
        command.args(["--timeout", "60", "--attempts", "2", "--output"]).arg(output).args(more);
        let process = Process::at_receiver(place, number, &mut command);
        Self { process, output: output.to_owned() }
    }

    /// Waits for its end and compares what it has stored with `source`.
    pub(crate) fn finish(self, source: &Path, limit: Duration) -> Fetched {
        self.wait(limit).judge(source)
    }

    /// Waits for its end alone: comparing would disturb boxes that still receive.
    pub(crate) fn wait(self, limit: Duration) -> Waited {
        let started = self.process.started;
        Waited { started, ended: self.process.wait(limit), output: self.output }
    }
}

/// A box that has ended.
pub(crate) struct Waited {
    started: Instant,
    ended: Ended,
    output: PathBuf,
}

impl Waited {
    /// Compares what it has stored with `source`; the file is removed.
    pub(crate) fn judge(self, source: &Path) -> Fetched {
        let Self { started, ended, output } = self;
        let json: Value = serde_json::from_str(&ended.stdout).unwrap_or(Value::Null);
        let of = |key: &str| find(&json, key).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let digest_seconds = of("digest_seconds");
        let told = of("receive_seconds");
        let complete = ended.success && super::same(&output, source);
        let _ = std::fs::remove_file(&output);
        Fetched {
            complete,
            receive_seconds: if told.is_nan() { of("seconds") } else { told },
            commit_seconds: of("commit_seconds"),
            digest_seconds,
            cpu_seconds: ended.cpu_seconds,
            data_cpu_seconds: ended.cpu_seconds - digest_seconds.max(0.0),
            started,
            wall_seconds: ended.wall_seconds,
            cycles: of("cycles"),
            datagrams: of("datagrams"),
            symbols: ["stored", "duplicates", "repair_stored", "repair_useless"]
                .map(of)
                .iter()
                .sum(),
            kernel_drops: of("kernel_drops"),
            requests: of("requests"),
            http_bytes: of("http_bytes"),
            calls: of("receive_calls"),
            path: find(&json, "receive_path").map_or("not told".to_owned(), word),
            error: if complete { String::new() } else { ended.stdout + &ended.log.join("\n") },
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value by its key, wherever it stands.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let Value::Object(map) = value else { return None };
    map.get(key).or_else(|| map.values().find_map(|inner| find(inner, key)))
}

/// The box's program, built once in release: it is another package's.
pub(crate) fn receiver() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        escargot::CargoBuild::new()
            .package("stbcast-receiver")
            .bin("stbcast-receiver")
            .release()
            .current_target()
            .run()
            .expect("the receiver builds")
            .path()
            .to_owned()
    })
}
